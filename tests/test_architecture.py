"""The way of the data is a one-way street; these tests walk the imports and the source."""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "finops"
MODULES = sorted(SOURCE.rglob("*.py"))
LAUNCHERS = {ROOT / "finops.py", ROOT / "viewer" / "server.py", SOURCE / "processes.py"}

BASE = {
    "config",
    "errors",
    "business",
    "schema",
    "stats",
    "timestamps",
    "context",
    "locations",
    "regular_files",
    "csv_lines",
}
READING = {"storage", "reader", "rollups"}
# What each room may import besides itself.  A room that is not listed here is an error.
MAY_IMPORT: Dict[str, Set[str]] = {
    "__init__": {"api", "analyzers", "business", "errors", "rollups"},
    "errors": set(),
    "atomic": set(),
    "processes": {"errors"},
    "regular_files": set(),
    "config": set(),
    "schema": {"config"},
    "stats": set(),
    "csv_lines": set(),
    "timestamps": set(),
    "locations": set(),
    "context": {"timestamps"},
    "results": set(),
    "json_files": {"config", "regular_files"},
    "business": {"config", "errors", "timestamps", "regular_files"},
    "typed_json": set(),
    "reading_choices": set(),
    "progress_events": {"typed_json"},
    "kept_reports": {"atomic", "config", "regular_files", "storage", "typed_json"},
    "manifest": {"atomic", "config", "progress_events", "typed_json", "regular_files"}
    | {"reading_choices"},
    "progress": {"config", "progress_events"},
    "resources": set(),
    "storage": BASE | {"atomic", "json_files"},
    "reader": BASE | {"storage"},
    "rollups": BASE | {"storage", "reader", "processes", "resources"},
    "simulator": BASE | READING | {"processes"},
    "evaluation": BASE | {"results"},
    "analyzers": BASE | READING | {"results"},
    "generators": BASE | {"atomic", "resources", "results"},
    "registry": {"analyzers", "generators"},
    "publishing": BASE
    | READING
    | {"atomic", "generators", "json_files", "registry", "manifest", "progress_events"}
    | {"reading_choices", "kept_reports"},
    "pipeline": BASE
    | READING
    | {"atomic", "simulator", "generators", "registry", "manifest", "publishing", "evaluation"}
    | {"parallel", "analyzers", "reading_choices", "typed_json", "kept_reports", "results"},
    "api": BASE | READING | {"registry", "pipeline", "simulator", "importers"},
    "engines": BASE | READING,
    "verify": BASE | READING,
    "summary": BASE | READING,
    "importers": BASE | {"storage", "atomic", "ordered_results"},
    "exporters": BASE | READING | {"results", "registry", "analyzers", "generators"},
    "bill_zones": set(),
    "bill_comparison": BASE | {"rollups", "importers", "bill_zones"},
    "alerts": BASE | {"storage", "atomic", "json_files", "analyzers"},
    "forked": {"processes"},
    "parallel": {"forked"},
    "ordered_results": {"forked"},
    "viewer": BASE
    | READING
    | {"atomic", "processes", "generators", "simulator", "registry", "resources"}
    | {"json_files", "manifest", "progress_events", "reading_choices"},
    "commands": BASE
    | READING
    | {"simulator", "evaluation", "progress", "progress_events", "processes"}
    | {"registry", "publishing", "pipeline", "verify", "viewer", "api"}
    | {"reading_choices", "typed_json", "importers", "summary", "bill_comparison"}
    | {"atomic", "exporters"}
    | {"alerts", "engines"},
    "cli": {"errors", "progress", "progress_events", "commands"},
    "__main__": {"cli"},
}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].replace(".py", "")


@lru_cache(maxsize=None)
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in the file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            if node.module == "finops":
                for alias in node.names:
                    yield f"finops.{alias.name}"
            else:
                yield node.module


def rooms_imported(path: Path) -> Set[str]:
    rooms = set()
    for name in imported(path):
        if name.split(".")[0] == "finops":
            room = name.split(".")[1] if "." in name else "__init__"
            rooms.add("__init__" if room.startswith("__version") else room)
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_follow_the_data(path: Path) -> None:
    room = room_of(path)
    assert room in MAY_IMPORT, f"which rooms may '{room}' import? say so in MAY_IMPORT"
    backwards = rooms_imported(path) - MAY_IMPORT[room] - {room, "__init__"}
    assert not backwards, f"{name_of(path)} imports {sorted(backwards)}"


def test_the_order_of_rooms_has_no_circle() -> None:
    placed: Set[str] = set()
    waiting = dict(MAY_IMPORT)
    while waiting:
        ready = [room for room, needs in waiting.items() if needs <= placed]
        assert ready, f"circle among {sorted(waiting)}"
        placed.update(ready)
        for room in ready:
            del waiting[room]


MOST_EQUAL_LINES = 15


def lines_of(path: Path) -> List[Tuple[int, str]]:
    """Return the lines of a file with their numbers, without imports and empty lines."""
    text = path.read_text(encoding="utf-8")
    imports: Set[int] = set()
    if path.suffix == ".py":
        for node in tree_of(path).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                imports.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    numbered = enumerate(map(str.strip, text.split("\n")), 1)
    return [(number, line) for number, line in numbered if line and number not in imports]


def test_no_run_of_lines_stands_twice() -> None:
    """What stands in two places is one thing that lacks a place of its own."""
    first_at: Dict[Tuple[str, ...], str] = {}
    twice: List[Tuple[str, str]] = []
    assets = (path for path in SOURCE.rglob("*") if path.suffix in (".js", ".css", ".html"))
    for path in (*MODULES, *sorted(assets)):
        lines = lines_of(path)
        for at in range(len(lines) - MOST_EQUAL_LINES):
            run = tuple(line for _, line in lines[at : at + MOST_EQUAL_LINES + 1])
            here = f"{name_of(path)}:{lines[at][0]}"
            if first_at.setdefault(run, here) != here:
                twice.append((first_at[run], here))
    assert twice == []


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the list of modules came with 3.10")
@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    foreign = {name for name in imported(path) if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if name.split(".")[0] != "finops"} == set()


def shipped_python_files() -> List[Path]:
    folders = ("scripts", "showcase", "src", "viewer")
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [ROOT / "finops.py", *found]


def test_only_the_launchers_touch_the_search_path() -> None:
    touching = {
        path
        for path in shipped_python_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "path"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    }
    assert touching == LAUNCHERS


def test_only_the_command_line_and_the_viewer_print() -> None:
    printing = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    }
    assert printing <= {"cli.py", "viewer/app.py"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree)
    futures = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    only_a_docstring = len(tree.body) == 1
    launcher = name_of(path) == "__main__.py"  # an import that Ctrl-C could break with a traceback
    names = [alias.name for node in futures for alias in node.names]
    assert names == ([] if only_a_docstring or launcher else ["annotations"])
