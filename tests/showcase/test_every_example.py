"""What holds for each of the examples."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

from scripts import showcase_sections
from tests.showcase.running import (
    EXAMPLES,
    FOLDERS,
    SHOWCASE,
    interpreters,
    run_example,
)
from tests.support.patience import allowed_s

pytestmark = [pytest.mark.unmeasured, pytest.mark.once, pytest.mark.long]


ALL_FILES = sorted(path for folder in FOLDERS for path in (SHOWCASE / folder).glob("*.py"))
RULE = "=" * 60
EXPECTED = {
    "instrumentation": "basic async metadata error_handling batch otel",
    "queries": "cost_allocation time_series aggregations anomaly_detection chart_builder",
    "metadata": "builders validators examples best_practices",
    "scenarios": "unprofitable_customers model_comparison viral_spike pricing_change",
}
PREFIX = {"instrumentation": "revenium_", "scenarios": "scenario_"}


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_the_nineteen_are_there() -> None:
    expected = {
        f"{folder}/{PREFIX.get(folder, '')}{name}"
        for folder, names in EXPECTED.items()
        for name in names.split()
    }
    assert {_named(path) for path in EXAMPLES} == expected
    assert len(expected) == 19


def _run(path: Path, folder: Path, **how: Any) -> Any:
    """Run an example that may write into a folder; check what holds wherever it runs."""
    arguments = ["--out", str(folder / "pages")] if path.parent.name == "scenarios" else []
    if path.stem == "chart_builder":
        arguments = ["--out", str(folder / "chart.html")]
    ran = run_example(path, *arguments, **how)
    assert ran.status == 0, ran.err
    assert ran.err == ""
    assert ran.seconds < allowed_s(20)
    lines = ran.out.splitlines()
    assert lines[0] == RULE
    assert lines[2] == RULE
    assert lines[1].strip()
    assert "Step 1" in ran.out
    assert "Results:" in ran.out
    assert "Key Benefits:" in ran.out
    return ran


# The newest runs each from the root of the disk, below.
@pytest.mark.parametrize("python", interpreters()[1:] or interpreters())
@pytest.mark.parametrize("path", EXAMPLES, ids=_named)
def test_runs_alone_in_an_empty_environment(path: Path, python: Any, tmp_path: Path) -> None:
    _run(path, tmp_path, cwd=tmp_path, python=python)


@pytest.mark.parametrize("path", EXAMPLES, ids=_named)
def test_runs_at_the_root_of_the_disk_for_a_terminal_without_unicode(
    path: Path, tmp_path: Path
) -> None:
    """Wherever it is started from, and in plain letters where the terminal has no others."""
    environment = {"PYTHONIOENCODING": "ascii"}
    ran = _run(path, tmp_path, cwd=Path(tmp_path.anchor), env=environment)
    assert ran.out.isascii()


@pytest.mark.parametrize("path", EXAMPLES, ids=_named)
def test_docstring_names_use_case_pattern_and_performance(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    for part in ("Use case:", "Pattern:", "Performance:"):
        assert part in text
    functions = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert "demonstrate" in functions


@pytest.mark.parametrize("path", ALL_FILES, ids=_named)
def test_files_are_short_documented_typed_and_independent(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert showcase_sections.without_sections(source).count("\n") < 400
    siblings = {other.stem for other in path.parent.glob("*.py")}
    strangers = {other.stem for other in ALL_FILES if other.parent != path.parent} - siblings
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            roots = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots = {(node.module or "").split(".")[0]}
        else:
            roots = set()
        assert not roots & strangers
        assert "finops" not in roots
    assert "sys.path" not in source


def _functions(tree: Any) -> Iterator[Any]:
    """Yield the functions of a module and of its classes, with whether they are public."""
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inside:
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield function, not function.name.startswith("_")


@pytest.mark.parametrize("path", ALL_FILES, ids=_named)
def test_functions_are_short_typed_and_documented(path: Path) -> None:
    for node, public in _functions(ast.parse(path.read_text(encoding="utf-8"))):
        assert node.returns is not None or node.name == "__init__", node.name
        named = [a for a in node.args.args + node.args.kwonlyargs if a.arg not in ("self", "cls")]
        assert all(argument.annotation for argument in named), node.name
        assert not public or ast.get_docstring(node), node.name
        first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
        if first and sys.version_info >= (3, 8):
            assert node.end_lineno - first[0].lineno < 50, f"{node.name} is long"


def test_what_examples_share_is_the_same_in_each() -> None:
    """`scripts/showcase_sections.py` copies it."""
    assert not [path.name for path, _ in showcase_sections.outdated()]


def test_helpers_of_the_same_name_are_the_same_file() -> None:
    """Folders can be copied alone, so they repeat small helpers; they must not drift apart."""
    by_name: Dict[str, Any] = {}
    for path in ALL_FILES:
        if path.stem.startswith("_") and path.stem not in ("_page",):
            by_name.setdefault(path.name, set()).add(path.read_bytes())
    assert all(len(versions) == 1 for versions in by_name.values())


@pytest.mark.parametrize("path", ALL_FILES, ids=_named)
def test_no_typed_in_claims(path: Path) -> None:
    """No string tells a share, a dollar amount or a factor that was not computed."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        text = token.string
        if token.type != tokenize.STRING or text.startswith(('"""', 'r"""', "f")):
            continue
        assert "$" not in text or not any(letter.isdigit() for letter in text), text
