"""What the README says is true: its commands, paths, pictures, promises."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from finops.business.prices import load_prices
from finops.cli import build_parser
from finops.commands import COMMANDS
from finops.schema import COLUMN_NAMES, REQUIRED_COLUMNS
from tests.support.tools import ROOT

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def section(title: str) -> str:
    """Return the text below a heading of the second level."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_command_reference_is_what_help_says() -> None:
    command = [sys.executable, "scripts/reference.py", "--check"]
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()


def test_every_command_is_documented() -> None:
    assert re.findall("^### `finops ([a-z]+)`$", README, re.M) == list(COMMANDS)


def commands_in_the_text() -> List[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("python3 -m finops ")]


@pytest.mark.parametrize("line", commands_in_the_text())
def test_commands_in_the_text_are_understood(line: str) -> None:
    words = shlex.split(line)[3:]
    args = build_parser(words[0]).parse_args(words)
    assert args.command == words[0]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if not t.startswith("http")]
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_in_the_text_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    made_by_a_recipe = set(re.findall("^New file `([^`]+)`", text, re.M)) | {
        "src/finops/generators/reports/ID.py"
    }
    named = set(re.findall(r"`((?:src|scripts|tests|showcase|finops|viewer)/[\w./-]*\w)`", text))
    missing = [name for name in named - made_by_a_recipe if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_in_the_text_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = set(re.findall("^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def test_the_columns_are_those_of_the_record() -> None:
    lines = re.findall(r"^\| `.*\|$", section("Data"), re.M)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    named = {name: last for first, _, last in cells for name in re.findall("`(.+?)`", first)}
    assert set(named) == set(COLUMN_NAMES)
    assert {name for name, last in named.items() if last == "yes"} == set(REQUIRED_COLUMNS)


def test_the_price_file_is_one(tmp_path: Path) -> None:
    block = re.findall(r"^```json\n(.*?)^```", section("Data"), re.M | re.S)[0]
    (tmp_path / "prices.json").write_text(block)
    prices = load_prices(tmp_path / "prices.json")
    model = json.loads(block)["models"][0]
    found = prices.find(model["provider"], model["model"])
    assert found is not None
    assert (found.input_price, found.output_price) == (0.002, 0.008)


def test_the_architecture_takes_ten_lines() -> None:
    assert len(re.findall(r"^\d+\. ", section("Architecture"), re.M)) == 10


def test_the_version_of_the_changelog_is_that_of_the_package() -> None:
    from finops import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r"^## \[([^\]]+)\]", changelog, re.M)[0] == __version__
    assert f'version = "{__version__}"' in project
