"""The recipes for contributors, followed word for word in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, NamedTuple

import pytest

from tests.support.tools import ROOT, run_finops

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NEW = re.compile(r"^New file `([^`]+)`:\n\n```python\n(.*?)^```$", re.M | re.S)
INSERT = re.compile(r"^In `([^`]+)`, after `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.M | re.S)


FOLDERS = (".github", "docs", "scripts", "showcase", "src", "tests", "viewer")
KEPT_EMPTY = ("data", "reports")


class Recipe(NamedTuple):
    """What a section of the text says: files to write, lines to insert after a line."""

    files: List[List[str]]
    inserts: List[List[str]]


def recipes() -> Dict[str, Recipe]:
    by_title = {}
    for part in re.split(r"^## ", TEXT, flags=re.M)[1:]:
        title, body = part.split("\n", 1)
        files = [list(match.groups()) for match in NEW.finditer(body)]
        inserts = [list(match.groups()) for match in INSERT.finditer(body)]
        if files or inserts:
            by_title[title] = Recipe(files, inserts)
    return by_title


def copy_project(copy: Path) -> None:
    """Copy what belongs to the project into an empty folder."""
    ignored = shutil.ignore_patterns("__pycache__")
    for path in ROOT.iterdir():
        if path.name in FOLDERS:
            shutil.copytree(str(path), str(copy / path.name), ignore=ignored)
        elif path.is_file() and path.name != ".git":  # a file where another folder has the history
            shutil.copy(str(path), str(copy))
    for name in KEPT_EMPTY:
        (copy / name).mkdir()
        shutil.copy(str(ROOT / name / ".gitkeep"), str(copy / name))


def follow(copy: Path) -> None:
    """Follow all recipes in a copy of the project; one that was followed there is left alone."""
    for recipe in recipes().values():
        for name, content in recipe.files:
            path = copy / name
            is_new = not path.exists() or path.read_text(encoding="utf-8") == content
            assert is_new, f"{name} is no new file"
            path.write_text(content, encoding="utf-8")
        for name, line, content in recipe.inserts:
            text = (copy / name).read_text(encoding="utf-8")
            assert text.count(line + "\n") == 1, f"{name} has not one line {line!r}"
            if line + "\n" + content not in text:
                text = text.replace(line + "\n", line + "\n" + content)
                (copy / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which all recipes were followed."""
    copy = tmp_path_factory.mktemp("project")
    copy_project(copy)
    follow(copy)
    return copy


def test_recipes_that_were_followed_leave_nothing_to_do(followed: Path) -> None:
    """So these tests, too, are green for whoever followed them in the project itself."""
    names = {name for recipe in recipes().values() for name, *_ in recipe.files + recipe.inserts}
    before = {name: (followed / name).read_bytes() for name in names}
    follow(followed)
    assert {name: (followed / name).read_bytes() for name in names} == before


@pytest.fixture(scope="module")
def dataset(followed: Path) -> Path:
    path = followed / "data" / "calls.csv"
    done = run_finops("generate", "--size", "1MB", "--data", path, cwd=followed)
    assert done.returncode == 0, done.stderr
    return path


def test_the_recipes_are_there() -> None:
    assert list(recipes()) == [
        "Add a provider or a model",
        "Add a scenario",
        "Add an analyzer",
        "Add a metric",
        "Add an import format",
        "Add an export",
    ]


def test_a_new_provider_is_listed_and_simulated(followed: Path, dataset: Path) -> None:
    listed = run_finops("list", "providers", cwd=followed).stdout
    assert re.search("^deepseek +deepseek +deepseek-chat$", listed, re.M)
    assert ",deepseek,deepseek-chat," in dataset.read_text(encoding="utf-8")


def test_a_new_scenario_is_listed_and_played(followed: Path) -> None:
    assert "lunch_break  " in run_finops("list", "scenarios", cwd=followed).stdout
    path = followed / "data" / "lunch.csv"
    words = ["--scenario", "lunch_break", "--size", "1MB", "--data", path]
    assert run_finops("generate", *words, cwd=followed).returncode == 0
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    hours = [line[11:13] for line in lines if ",us-east," in line]
    assert hours.count("17") < hours.count("16") / 10  # five hours behind UTC


def test_a_new_analyzer_and_a_new_metric_are_reported(followed: Path, dataset: Path) -> None:
    reports = followed / "reports"
    words = ["--data", dataset, "--reports", reports, "--only", "places", "--only", "features"]
    done = run_finops("analyze", *words, cwd=followed)
    assert done.returncode == 0, done.stderr
    assert "Staging and development cost money" in done.stdout
    places = json.loads((reports / "places.json").read_text(encoding="utf-8"))["places"]
    assert sum(row["call_count"] for row in places) == len(dataset.read_text().splitlines()) - 1
    assert "Places of Use" in (reports / "index.html").read_text(encoding="utf-8")
    assert "total cost" in (reports / "places.html").read_text(encoding="utf-8").lower()
    features = json.loads((reports / "features.json").read_text(encoding="utf-8"))["features"]
    for row in features:
        assert row["cost_per_call"] == pytest.approx(row["cost"] / row["call_count"])
    assert "Cost per call" in (reports / "features.html").read_text(encoding="utf-8")


def test_a_new_format_is_recognised_and_imported(followed: Path) -> None:
    log = followed / "data" / "gateway.log"
    record = {"gateway_call": "g1", "at": "2026-03-01T10:00:00Z", "vendor": "openai"}
    record.update({"model": "gpt-4o", "in": "10", "out": "5", "usd": "0.25", "tenant": "c1"})
    log.write_text(json.dumps(record) + "\n", encoding="utf-8")
    out = followed / "data" / "imported.csv"
    done = run_finops("import", log, "--out", out, cwd=followed)
    assert done.returncode == 0, done.stderr
    header, row = out.read_text(encoding="utf-8").splitlines()
    call = dict(zip(header.split(","), row.split(",")))
    assert (call["customer_id"], float(call["cost_usd"]), call["source"]) == ("c1", 0.25, "gateway")


def test_a_new_export_is_listed_and_written(followed: Path, dataset: Path) -> None:
    assert re.search(
        "^days +calls and cost", run_finops("list", "exports", cwd=followed).stdout, re.M
    )
    out = followed / "data" / "days.jsonl"
    words = ["--format", "days", "--data", dataset, "--out", out]
    done = run_finops("export", *words, cwd=followed)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert sum(line["calls"] for line in lines) == len(dataset.read_text().splitlines()) - 1


@pytest.mark.soak
def test_after_the_recipes_every_check_is_green(followed: Path) -> None:
    """What CONTRIBUTING says at last: `make snapshots reference`, then `make lint test`."""
    for tools in (".venv", ".venv37", ".venv-fuzz", "node_modules"):
        if (ROOT / tools).exists() and not (followed / tools).exists():
            (followed / tools).symlink_to(ROOT / tools)
    if not (ROOT / "PKG-INFO").is_file():  # some tests ask for the files of the repository
        subprocess.run(["git", "init", "--quiet", str(followed)], check=True)
    for targets in (["snapshots", "reference"], ["lint", "test"]):
        done = subprocess.run(
            ["make", *targets],
            cwd=str(followed),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        assert done.returncode == 0, done.stdout
