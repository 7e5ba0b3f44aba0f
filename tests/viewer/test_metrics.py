"""`/metrics` of the viewer: what Prometheus scrapes, after growth, restarts and trouble."""

from __future__ import annotations

import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Mapping

import pytest

from finops.reading_choices import ReadingChoices
from finops.viewer.datasets import Dataset
from finops.viewer.metrics import Metrics, MetricsError
from finops.viewer.process import Command
from finops.viewer.tasks import Commands
from tests.support.live import Live, live
from tests.support.reference import call
from tests.support.rows import write_csv
from tests.support.shared import PATIENCE_S

COST = 'finops_cost_usd_total{provider="openai",model="gpt-4o"}'
CREDITS = COST.replace("cost", "credits")
NET = COST.replace("cost_usd_total", "net_cost_usd")


def rows(*costs: str) -> List[Dict[str, str]]:
    return [
        call(call_id=f"n{n}", cost_usd=cost, timestamp=f"2025-01-{n + 1:02d}T09:30:00.000000")
        for n, cost in enumerate(costs)
    ]


def write(folder: Path, *costs: str) -> Path:
    (folder / "data").mkdir(exist_ok=True)
    return write_csv(folder / "data" / "calls.csv", rows(*costs))


def scraped(viewer: Live) -> Mapping[str, Decimal]:
    """Return the samples once the server has them; a busy machine may take its time."""
    deadline = time.monotonic() + PATIENCE_S
    answer = viewer.get("/metrics")
    while answer.status == 503 and time.monotonic() < deadline:
        answer = viewer.get("/metrics")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    text = answer.body.decode("utf-8")
    assert text.endswith("# EOF\n")
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: Decimal(value) for name, _, value in lines}


def test_costs_never_fall_after_a_credit_nor_after_a_restart(tmp_path: Path) -> None:
    write(tmp_path, "2.00", "3.00")
    with live(tmp_path, Commands()) as viewer:
        first = scraped(viewer)
        assert f"{first[COST]} - {first[CREDITS]} = {first[NET]}" == "5 - 0 = 5"
        # On a busy machine the first took long, and a long time would pass before the next.
        viewer.viewer.metrics = Metrics(Commands(), PATIENCE_S, rest=0)
        write(tmp_path, "2.00", "3.00", "-1.00")
        deadline = time.monotonic() + PATIENCE_S
        second = scraped(viewer)
        while second[NET] != 4 and time.monotonic() < deadline:
            second = scraped(viewer)
        assert f"{second[COST]} - {second[CREDITS]} = {second[NET]}" == "5 - 1 = 4"
    with live(tmp_path, Commands()) as viewer:
        assert scraped(viewer) == second


def test_without_data_there_are_no_counters(tmp_path: Path) -> None:
    with live(tmp_path, Commands()) as viewer:
        answer = viewer.get("/metrics")
        assert answer.status == 503
        assert "no dataset" in answer.json["error"]


def test_data_that_cannot_be_read_is_an_answer_without_a_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "calls.csv").write_text("a,b\n1,2\n")
    with live(tmp_path, Commands()) as viewer:
        answer = viewer.get("/metrics")
        assert answer.status == 503
        assert str(tmp_path) not in answer.body.decode()


def test_only_reading_is_answered(tmp_path: Path) -> None:
    with live(tmp_path, Commands()) as viewer:
        assert viewer.post("/metrics").status in (404, 405)


# --- how long it takes, and how often it is done -------------------------------------------------


class Slow(Commands):
    """Commands whose counters take until a file is there, and are counted."""

    def __init__(self, folder: Path) -> None:
        self.go_on = folder / "go-on"
        self.runs = 0

    def metrics(self, dataset: Dataset, choices: ReadingChoices, out: Path) -> Command:
        """Return a command that writes its number."""
        self.runs += 1
        program = (
            "import pathlib, sys, time\n"
            "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\n"
            "pathlib.Path(sys.argv[2]).write_text(sys.argv[3])\n"
        )
        words = [str(self.go_on), str(out), f"{self.runs}\n# EOF\n"]
        return Command([sys.executable, "-c", program, *words], None)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset("calls.csv", write(tmp_path, "1"), tmp_path / "reports")


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.02)


def test_whoever_asks_waits_for_a_while_and_then_gets_what_was_there(
    tmp_path: Path, dataset: Dataset
) -> None:
    commands = Slow(tmp_path)
    metrics = Metrics(commands, PATIENCE_S, patience_s=0.1, rest=0)
    try:
        assert metrics.text(dataset, ReadingChoices()) is None
        commands.go_on.touch()
        until(lambda: metrics.text(dataset, ReadingChoices()) == b"1\n# EOF\n")
        commands.go_on.unlink()
        write(tmp_path, "1", "2")
        assert metrics.text(dataset, ReadingChoices()) == b"1\n# EOF\n"
        commands.go_on.touch()
        until(lambda: metrics.text(dataset, ReadingChoices()) == b"2\n# EOF\n")
    finally:
        metrics.stop()


def test_unchanged_data_is_read_once_and_one_command_runs_at_a_time(
    tmp_path: Path, dataset: Dataset
) -> None:
    commands = Slow(tmp_path)
    metrics = Metrics(commands, PATIENCE_S, patience_s=0.2, rest=0)
    scrapes = [
        threading.Thread(target=metrics.text, args=(dataset, ReadingChoices())) for _ in range(5)
    ]
    for scrape in scrapes:
        scrape.start()
    for scrape in scrapes:
        scrape.join()
    assert commands.runs == 1
    commands.go_on.touch()
    until(lambda: metrics.text(dataset, ReadingChoices()))
    metrics.text(dataset, ReadingChoices())
    assert commands.runs == 1
    in_zone = ReadingChoices(timezone="+01:00")
    until(lambda: metrics.text(dataset, in_zone) and commands.runs == 2)
    metrics.stop()


def test_large_data_is_not_read_all_the_time(tmp_path: Path, dataset: Dataset) -> None:
    commands = Slow(tmp_path)
    metrics = Metrics(commands, PATIENCE_S, patience_s=0.05, rest=10_000)
    assert metrics.text(dataset, ReadingChoices()) is None
    commands.go_on.touch()
    until(lambda: metrics.text(dataset, ReadingChoices()) == b"1\n# EOF\n")
    write(tmp_path, "1", "2")
    assert metrics.text(dataset, ReadingChoices()) == b"1\n# EOF\n"
    assert commands.runs == 1
    metrics.stop()


def test_a_command_beyond_its_limit_is_ended_and_stopping_ends_one(
    tmp_path: Path, dataset: Dataset
) -> None:
    metrics = Metrics(Slow(tmp_path), limit_s=0.2, patience_s=PATIENCE_S)
    with pytest.raises(MetricsError):
        metrics.text(dataset, ReadingChoices())
    metrics.stop()
    waiting = Metrics(Slow(tmp_path), limit_s=PATIENCE_S, patience_s=0.05)
    assert waiting.text(dataset, ReadingChoices()) is None
    begun = time.monotonic()
    waiting.stop()
    assert time.monotonic() - begun < PATIENCE_S / 2
