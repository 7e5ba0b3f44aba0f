"""The package as a library: its names, what they cost to import, what they accept and refuse."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

import finops
from finops.analyzers.base import Analyzer
from finops.config import MEGABYTE
from finops.errors import DataError, ReportError, UsageError
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.spec import Table
from tests.support.tools import ROOT, need, run_finops

PUBLIC = [name for name in finops.__all__ if name != "__version__"]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "calls.csv"
    finops.generate(path, size_mb=1, seed=7)
    return path


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, cwd=str(ROOT), encoding="utf-8", timeout=120)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_says_what_it_does(name: str) -> None:
    assert getattr(finops, name).__doc__.strip()
    assert name in dir(finops)


def test_star_imports_exactly_the_public_names() -> None:
    names: Dict[str, Any] = {}
    exec("from finops import *", names)
    assert set(names) - {"__builtins__"} == set(finops.__all__)


def test_the_names_are_the_very_objects_of_the_package() -> None:
    assert finops.Analyzer is Analyzer
    assert finops.Table is Table
    assert issubclass(DataError, finops.FinOpsError)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'finops' has no attribute 'analyse'"):
        getattr(finops, "analyse")  # noqa: B009


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    code = "import finops, sys; print([m for m in sys.modules if m.startswith('finops.')])"
    assert run_python(code).strip() == "[]"


def test_a_worker_does_not_load_the_library() -> None:
    code = "import finops.rollups.dataset, sys; print('finops.api' in sys.modules)"
    assert run_python(code).strip() == "False"


@pytest.mark.once
@pytest.mark.unmeasured
def test_a_type_checker_knows_the_names_and_no_others(tmp_path: Path) -> None:
    need("mypy")
    program = tmp_path / "program.py"
    program.write_text(
        "import finops\n"
        "reveal_type(finops.analyze('calls.csv'))\n"
        "finops.analyze('calls.csv', worker=2)\n"
        "finops.nonsense\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(program)]
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, encoding="utf-8")
    lines = [
        line for line in done.stdout.splitlines() if "note: Revealed" in line or "error:" in line
    ]
    assert len(lines) == 3, done.stdout
    assert "dict[str, " in lines[0].replace("Dict", "dict").replace("builtins.", "")
    assert 'Unexpected keyword argument "worker"' in lines[1]
    assert 'has no attribute "nonsense"' in lines[2]


def test_results_are_those_of_the_command_line(calls: Path, tmp_path: Path) -> None:
    words = ["--data", calls, "--reports", tmp_path, "--json", "-", "--quiet", "--no-cache"]
    printed = json.loads(run_finops("analyze", *words).stdout)
    results = json.loads(json.dumps(finops.analyze(calls)))
    assert list(results) == list(printed) == list(ANALYZER_REGISTRY)
    for one in (results, printed):
        del one["dataset_overview"]["file"]["analyzed_at"]
    assert results == printed


def test_nothing_is_written_without_a_folder(calls: Path) -> None:
    before = sorted(calls.parent.iterdir())
    finops.analyze(str(calls))
    assert sorted(calls.parent.iterdir()) == before


def test_reports_are_written_into_a_folder(calls: Path, tmp_path: Path) -> None:
    results = finops.analyze(calls, tmp_path / "new", only=["features", "pricing"])
    written = {path.stem for path in (tmp_path / "new").glob("*.html")}
    assert written == {"features", "pricing", "index", "explore"}
    assert json.loads((tmp_path / "new" / "pricing.json").read_text()) == results["pricing"]


@pytest.mark.parametrize("only", ["features", ["features"], ("features",)])
def test_one_analyzer_may_be_named_in_any_way(calls: Path, only: Any) -> None:
    assert list(finops.analyze(calls, only=only)) == ["features"]


def test_an_analyzer_of_ones_own_shares_a_dataset(calls: Path) -> None:
    class Spend(finops.Analyzer):
        """Cost by region."""

        TABLES = (finops.Table(("region",), ("cost",)),)

        def compute(self, data: Any) -> Dict[str, float]:
            """Return USD by region."""
            return {region: cost for (region,), (cost,) in data[self.TABLES[0]].items()}

    with calls.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected: Dict[str, float] = {}
    for row in rows:
        expected[row["region"]] = expected.get(row["region"], 0.0) + float(row["cost_usd"])
    dataset = finops.open_dataset(calls)
    assert Spend(dataset).analyze() == pytest.approx(expected)
    summary = finops.analyze(dataset, only="understanding")["understanding"]["summary"]
    assert summary["total_cost"] == pytest.approx(sum(expected.values()))


def test_an_opened_dataset_has_its_prices(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    model = {"provider": "p", "model": "m", "input_per_1k": 1.0, "output_per_1k": 10.0}
    prices.write_text(json.dumps({"source": "a contract", "models": [model]}))
    calls = tmp_path / "calls.csv"
    calls.write_text(
        "timestamp,provider,model,input_tokens,output_tokens,customer_id\n"
        "2025-01-01T00:00:00,p,m,2000,500,one\n"
    )
    dataset = finops.open_dataset(calls, prices=finops.load_prices(prices))
    result = finops.analyze(dataset, tmp_path / "reports", only="understanding")["understanding"]
    assert result["summary"]["total_cost"] == 2 * 1.0 + 0.5 * 10.0
    assert "a contract" in (tmp_path / "reports" / "understanding.html").read_text("utf-8")


def test_a_cache_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    finops.generate(calls, size_mb=5, workers=2)
    before = set(tmp_path.iterdir())
    finops.analyze(calls, only="features", cache=True)
    assert len(set(tmp_path.iterdir()) - before) == 1


def test_progress_counts_the_bytes_of_the_file(calls: Path) -> None:
    told = []
    finops.analyze(calls, only="features", progress=lambda *seen: told.append(seen))
    header = calls.read_bytes().index(b"\n") + 1
    assert told[-1] == (calls.stat().st_size - header,) * 2


def test_a_file_is_continued_with_its_own_choices(tmp_path: Path) -> None:
    whole, grown = tmp_path / "whole.csv", tmp_path / "grown.csv"
    choices: Dict[str, Any] = {"seed": 3, "scenarios": ["viral_spike"], "incidents": False}
    finops.generate(whole, size_mb=1, **choices)
    finops.generate(grown, size_mb=0.4, **choices)
    assert finops.generate(grown, size_mb=1, workers=2).calls > 0
    assert grown.read_bytes() == whole.read_bytes()
    assert finops.generate(grown, size_mb=0.1, fresh=True).size_bytes < 0.2 * MEGABYTE


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda path: finops.analyze(path, only="feature"), "no analyzer feature; choose from"),
        (lambda path: finops.analyze(path, workers=0), "0 is not a number of processes"),
        (lambda path: finops.open_dataset(path, workers=-1), "-1 is not a number of processes"),
        (
            lambda path: finops.analyze(finops.open_dataset(path), workers=2, cache=True),
            "give workers, cache to open_dataset",
        ),
        (lambda path: finops.generate(path, size_mb=0), "0 is not a size"),
        (lambda path: finops.generate(path, size_mb=float("nan")), "nan is not a size"),
        (lambda path: finops.generate(path, workers=0), "0 is not a number of processes"),
        (lambda path: finops.generate(path.parent), "is not a regular file"),
        (lambda path: finops.generate(path, scenarios=["none"]), "no scenario none"),
    ],
)
def test_wrong_values_are_refused_in_a_sentence(calls: Path, wrong: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        wrong(calls)


def test_a_report_that_fails_is_named_and_the_others_are_written(
    calls: Path, tmp_path: Path
) -> None:
    (tmp_path / "features.html").mkdir()
    with pytest.raises(ReportError, match="features: "):
        finops.analyze(calls, tmp_path, only=["features", "pricing"])
    assert (tmp_path / "pricing.html").is_file()
