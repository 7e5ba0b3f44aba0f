"""`finops evaluate`, the pages that tell of it, and what the truth must never do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops import config, pipeline
from finops.cli import main
from finops.evaluation import KINDS
from finops.generators.detector_scores import TITLES
from finops.rollups.dataset import open_dataset
from finops.schema import HEADER_LINE
from finops.simulator.engine import generate
from tests.support.tools import run_finops

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated dataset of few calls in five weeks; do not change it."""
    path = tmp_path_factory.mktemp("evaluated") / "simulated_calls.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "BASE_CALLS_PER_HOUR", 16)
        generate(path, 4 * config.MEGABYTE, seed=7, scenarios=["viral_spike"])
    return path


def test_evaluate_scores_every_kind_of_incident(generated: Path) -> None:
    printed = run_finops("evaluate", "--data", generated, "--json", "--quiet")
    assert printed.returncode == 0, printed.stderr
    evaluation = json.loads(printed.stdout)
    truth = json.loads(generated.with_suffix(".truth.json").read_text())
    assert evaluation["seed"] == truth["seed"] == 7
    assert [one["kind"] for one in evaluation["kinds"]] == [
        "hour_burst",
        "viral_customer",
        "departed_customer",
        "rate_limit_abuser",
        "region_hopper",
        "prompt_waster",
        "slow_provider",
    ]
    for one in evaluation["kinds"]:
        assert one["planted"] == one["found"] + one["missed"]
    shown = run_finops("evaluate", "--data", generated, "--quiet").stdout.splitlines()
    assert shown[0].split() == [
        "incident",
        "planted",
        "found",
        "missed",
        "false",
        "precision",
        "recall",
        "F1",
    ]
    for line, one in zip(shown[1:], evaluation["kinds"]):
        counts = [str(one[key]) for key in ("planted", "found", "missed", "false_alarms")]
        assert line.split()[-7:-3] == counts


def test_evaluate_needs_the_truth(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(HEADER_LINE)
    (tmp_path / "own.truth.json").write_text('{"seed": 1, "incidents": []}')
    done = run_finops("evaluate", "--data", path)
    assert done.returncode == 2
    assert "has no ground truth" in done.stderr


def test_pages_of_simulated_data_tell_how_good_the_detectors_are(
    generated: Path, tmp_path: Path
) -> None:
    copy = tmp_path / generated.name
    copy.write_bytes(generated.read_bytes())  # without mark and truth, like anybody's data
    for path, folder in ((generated, "simulated"), (copy, "own")):
        words = ["--data", path, "--reports", tmp_path / folder]
        for name in pipeline.EVALUATED:
            words += ["--only", name]
        assert run_finops("analyze", *words).returncode == 0
    told = "Detector accuracy"
    assert sorted(kind for kinds in pipeline.EVALUATED.values() for kind in kinds) == sorted(KINDS)
    for name, kinds in pipeline.EVALUATED.items():
        page = (tmp_path / "simulated" / f"{name}.html").read_text(encoding="utf-8")
        assert told in page
        assert [kind for kind, title in TITLES.items() if title in page] == list(kinds)
        assert told not in (tmp_path / "own" / f"{name}.html").read_text(encoding="utf-8")


def test_pages_of_an_opened_dataset_tell_it_too(generated: Path, tmp_path: Path) -> None:
    opened = open_dataset(generated, workers=1)
    pipeline.analyze(pipeline.Job(opened, tmp_path, only=("abuse_detection",)))
    page = (tmp_path / "abuse_detection.html").read_text(encoding="utf-8")
    assert "Detector accuracy" in page


class Opened:
    """Names of files that this process opens, while it listens."""

    def __init__(self) -> None:
        self.names: List[str] = []
        self.listens = True
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: Any) -> None:
        if self.listens and event == "open":
            self.names.append(str(arguments[0]))


def results_of(path: Path) -> Dict[str, Any]:
    found = pipeline.compute(pipeline.Job(path, path.parent, workers=1))
    found["dataset_overview"]["file"]["analyzed_at"] = ""
    return found


def test_the_truth_changes_no_result(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / generated.name
    for name in (path.name, f"{path.name}.commit"):
        shutil.copy(str(generated.with_name(name)), str(tmp_path / name))
    truth = path.with_suffix(".truth.json")
    without = results_of(path)
    assert json.loads(generated.with_suffix(".truth.json").read_text())["incidents"]
    for text in (generated.with_suffix(".truth.json").read_text(), '{"incidents": []}', "?"):
        truth.write_text(text)
        assert results_of(path) == without


@pytest.mark.skipif(sys.version_info < (3, 8), reason="audit hooks came with 3.8")
def test_no_analyzer_opens_the_truth(generated: Path) -> None:
    opened = Opened()
    results_of(generated)
    open_dataset(generated).truth()
    opened.listens = False
    asked = [name for name in opened.names if "truth" in name]
    assert str(generated) in opened.names
    assert asked == [str(generated.with_suffix(".truth.json"))]  # by the line above alone


def test_evaluate_takes_a_folder_with_one_simulated_dataset(
    generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [generated, *generated.parent.glob(f"{generated.stem}*.json")]
    parts += list(generated.parent.glob(f"{generated.name}.commit"))
    for part in parts:
        shutil.copy(str(part), str(tmp_path / part.name))
    words = ["evaluate", "--json", "--quiet", "--data"]
    assert main([*words, str(generated)]) == 0
    alone = capsys.readouterr().out
    assert main([*words, str(tmp_path)]) == 0
    assert capsys.readouterr().out == alone
    assert main([*words, str(tmp_path), "--data", str(generated)]) == 2
    assert "several simulated datasets" in capsys.readouterr().err
