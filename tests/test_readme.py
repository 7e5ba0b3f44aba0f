"""What the documents say is true: commands, links, paths, columns, examples, the picture."""

from __future__ import annotations

import ast
import doctest
import json
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

from finops import config
from finops.business.prices import OWN_PRICES, load_prices
from finops.cli import build_parser
from finops.commands import COMMANDS
from finops.registry import ANALYZER_REGISTRY, DOMAINS
from finops.rollups.dataset import open_dataset
from finops.schema import COLUMN_NAMES, REQUIRED_COLUMNS
from tests.support.tools import ROOT
from tests.test_architecture import MAY_IMPORT

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "showcase" / "README.md"])
MOST_WORDS = 1200
SVG = "{http://www.w3.org/2000/svg}"

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> List[str]:
    """Return the contents of the fenced blocks in a language."""
    found: List[str] = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    return found


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def anchors(text: str) -> Set[str]:
    """Return what a document's headings are called in links, as code hosts make it."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in headings}


def links(text: str) -> Iterator[Tuple[str, str]]:
    """Yield path and anchor of every link that stays in the project; either may be ""."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(text)):
        if not re.match("https?:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


# --- the README ---------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(README.split()) < MOST_WORDS


def test_the_readme_leads_to_every_page() -> None:
    linked = {(ROOT / path).resolve() for path, _ in links(README) if path}
    missing = [path.name for path in DOCUMENTS if path.resolve() not in linked]
    assert missing == ["README.md"]


def test_the_readme_lists_the_reports_by_domain() -> None:
    table = re.search(r"^\| FinOps \|.*?\n\n", README, re.M | re.S)
    assert table
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()]
    heading, _, *lines = [row for row in rows if len(row) == len(DOMAINS)]
    listed = {(heading[i], row[i]) for row in lines for i in range(len(heading)) if row[i]}
    assert listed == {(one.domain, one.title) for one in ANALYZER_REGISTRY.values()}


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = re.findall("`([a-z_]+)`", README.split("## Your own data", 1)[1].split("Each", 1)[0])
    assert set(columns) == set(REQUIRED_COLUMNS)
    values = {"timestamp": "2026-03-01T09:30:00Z", "input_tokens": "12", "output_tokens": "3"}
    row = ",".join(values.get(name, "x") for name in columns)
    Path("my_calls.csv").write_text(",".join(columns) + "\n" + row + "\n")
    names: Dict[str, Dict[str, object]] = {}
    for block in blocks(README, "python"):
        exec(block, names)
    assert list(names["results"]) == ["profitability"]


# --- every document -----------------------------------------------------------------------------


@every_document
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    missing = []
    for path, anchor in links(text_of(document)):
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in anchors(text_of(target))):
            missing.append(f"{path}#{anchor}")
    assert missing == []


@every_document
def test_paths_in_the_text_exist(document: Path) -> None:
    text = text_of(document)
    made_by_a_recipe = set(re.findall("^New file `([^`]+)`", text, re.M))
    placeholders = {"src/finops/generators/reports/ID.py"}
    folders = "src|scripts|tests|showcase|finops|viewer|docs"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]*[\w/])(?: [^`]*)?`", text))
    named -= made_by_a_recipe | placeholders
    assert [name for name in named if not (ROOT / name).exists()] == []


@every_document
def test_make_targets_in_the_text_exist(document: Path) -> None:
    targets = set(re.findall("^([a-z0-9-]+):", text_of(ROOT / "Makefile"), re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", text_of(document))) <= targets


def commands_in_the_documents() -> List[str]:
    """Return the command lines of all documents, in blocks and in running text."""
    found = set()
    for document in DOCUMENTS:
        text = text_of(document)
        lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
        prose = re.sub("^#.*$", "", without_blocks(text), flags=re.M)
        lines += re.findall("`((?:python3? -m )?finops [a-z][^`\n]*)`", prose)
        for line in lines:
            words = line.split("  #")[0].strip()
            words = re.sub("^(python3? -m finops|finops) ", "", words)
            if words.split(" ")[0] in COMMANDS:
                found.add(words)
    return sorted(found)


@pytest.mark.parametrize("line", commands_in_the_documents())
def test_commands_in_the_documents_are_understood(line: str) -> None:
    words = ["features" if word == "ID" else word for word in shlex.split(line)]
    assert build_parser(words[0]).parse_args(words).command == words[0]


def test_there_are_commands_in_the_documents() -> None:
    assert {line.split(" ")[0] for line in commands_in_the_documents()} == set(COMMANDS)


@every_document
def test_examples_in_python_run_and_print_what_they_say(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = doctest.testfile(str(document), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert done.failed == 0
    assert done.attempted == text_of(document).count(">>> ")


# --- the command line ---------------------------------------------------------------------------


def test_the_command_reference_is_what_help_says() -> None:
    command = [sys.executable, "scripts/reference.py", "--check"]
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()


def test_every_command_is_documented() -> None:
    found = re.findall("^### `finops ([a-z]+)`$", text_of(DOCS / "cli.md"), re.M)
    assert found == list(COMMANDS)


def test_the_defaults_are_those_of_the_settings() -> None:
    rows = re.findall(
        r"^\| (\w[\w ]*) \| `?([^`|]+?)`? \| `(FINOPS_\w+)` \| `(--\w+)` \|$",
        text_of(DOCS / "cli.md"),
        re.M,
    )
    assert {(value, variable, option) for _, value, variable, option in rows} == {
        ("data/simulated_calls.csv", "FINOPS_DATA", "--data"),
        ("reports/html", "FINOPS_REPORTS", "--reports"),
        (str(config.VIEWER_PORT), "FINOPS_PORT", "--port"),
    }
    nothing = config.Settings.resolve(environ={})
    assert Path(nothing.data) == config.PROJECT_ROOT / "data" / "simulated_calls.csv"
    assert nothing.reports == config.PROJECT_ROOT / "reports" / "html"
    chosen = {"FINOPS_DATA": "a.csv", "FINOPS_REPORTS": "b", "FINOPS_PORT": "1"}
    assert config.Settings.resolve(environ=chosen) == ("a.csv", Path("b"), 1)


# --- data format --------------------------------------------------------------------------------


def test_the_columns_are_those_of_the_record() -> None:
    table = text_of(DOCS / "data-format.md").split("## Columns", 1)[1].split("The smallest", 1)[0]
    lines = re.findall(r"^\| `.*\|$", table, re.M)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    named = {name: last for first, _, last in cells for name in re.findall("`(.+?)`", first)}
    assert set(named) == set(COLUMN_NAMES)
    assert {name for name, last in named.items() if last == "yes"} == set(REQUIRED_COLUMNS)


def test_the_smallest_file_is_used_and_priced(tmp_path: Path) -> None:
    (block,) = blocks(text_of(DOCS / "data-format.md"), "csv")
    (tmp_path / "calls.csv").write_text(block)
    data = open_dataset(tmp_path / "calls.csv").rollups(())
    assert data.totals.calls == len(block.splitlines()) - 1
    assert data.totals.unpriced == 0
    assert data.accounting.skipped == ()


@pytest.mark.parametrize("page", ["data-format.md", "prices.md"])
def test_the_price_file_is_one(tmp_path: Path, page: str) -> None:
    (block,) = blocks(text_of(DOCS / page), "json")
    (tmp_path / "prices.json").write_text(block)
    prices = load_prices(tmp_path / "prices.json")
    model = json.loads(block)["models"][0]
    found = prices.find(model["provider"], model["model"])
    assert found is not None
    assert (found.input_price, found.output_price) == (0.002, 0.008)


def test_the_fields_of_a_price_file_are_those_that_are_read() -> None:
    table = (
        text_of(DOCS / "prices.md").split("## Your own prices", 1)[1].split("A price of 0", 1)[0]
    )
    named = set(re.findall(r"`(\w+_per_1k|per_\w+)`", table))
    assert named == {ours for ours, _ in OWN_PRICES}


# --- architecture -------------------------------------------------------------------------------


def packages() -> Set[str]:
    """Return the packages below `finops` that hold more than their own `__init__`."""
    folders = (path.parent for path in (ROOT / "src" / "finops").glob("*/__init__.py"))
    return {folder.name for folder in folders if len(list(folder.glob("*"))) > 1} - {"__pycache__"}


def test_the_page_describes_every_package() -> None:
    described = set(
        re.findall("^\\| `src/finops/(\\w+)/`", text_of(DOCS / "architecture.md"), re.M)
    )
    assert described == packages()


def test_the_picture_shows_every_package_and_only_what_exists() -> None:
    picture = ElementTree.parse(str(DOCS / "architecture.svg"))
    drawn = {one.attrib["data-room"] for one in picture.iter() if "data-room" in one.attrib}
    assert packages() <= drawn <= set(MAY_IMPORT)


def test_the_arrows_of_the_picture_are_those_of_the_imports() -> None:
    picture = ElementTree.parse(str(DOCS / "architecture.svg"))
    arrows = [one for one in picture.iter(f"{SVG}path") if "data-from" in one.attrib]
    assert len(arrows) >= 8
    for arrow in arrows:
        begin, end = arrow.attrib["data-from"], arrow.attrib["data-to"]
        forth, back = end in MAY_IMPORT[begin], begin in MAY_IMPORT[end]
        assert forth if arrow.attrib["class"] == "call" else forth or back, (begin, end)


def test_the_columns_of_the_library_page_are_the_signatures() -> None:
    table = text_of(DOCS / "library.md").split("## Reference", 1)[1]
    shown = dict(re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", table, re.M))
    source = ast.parse(text_of(ROOT / "src" / "finops" / "api.py"))
    for node in source.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            positional = [one.arg for one in node.args.args]
            named = [one.arg for one in node.args.kwonlyargs]
            assert shown[node.name] == ", ".join([*positional, "*", *named])


# --- versions -----------------------------------------------------------------------------------


def test_the_version_of_the_changelog_is_that_of_the_package() -> None:
    from finops import __version__

    changelog = text_of(ROOT / "CHANGELOG.md")
    assert re.findall(r"^## \[([^\]]+)\]", changelog, re.M)[0] == __version__
    assert f'version = "{__version__}"' in text_of(ROOT / "pyproject.toml")
