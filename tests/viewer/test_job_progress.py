"""What a job's command tells: which report is in work, how far it is, why it ended."""

from __future__ import annotations

from typing import List, Optional

import pytest

from finops.progress_events import (
    ErrorEvent,
    Event,
    PhaseEvent,
    ProgressEvent,
    ReportFinishedEvent,
    ReportStartedEvent,
    StartEvent,
    encode,
)
from finops.viewer.job_output import Output
from finops.viewer.job_progress import JobProgress


def written(output: Output, *events: Event) -> None:
    for event in events:
        output.sink().write(encode(event).encode("utf-8") + b"\n")


def started(name: str) -> Event:
    return ReportStartedEvent(name)


def finished(name: str) -> Event:
    return ReportFinishedEvent(name, "ok")


@pytest.mark.parametrize(
    ("events", "current"),
    [
        ([], None),
        ([StartEvent("analyze", ("a", "b"))], None),
        ([started("a")], "a"),
        ([started("a"), finished("a")], None),
        ([started("a"), finished("a"), started("b")], "b"),
        # Two in work at a time: the last one that was started is blamed first.
        ([started("a"), started("b")], "b"),
        ([started("a"), started("b"), finished("b")], "a"),
        ([started("a"), started("b"), finished("a")], "b"),
        # One that is waited for is started again.
        ([started("a"), started("b"), started("a")], "a"),
        # Another process may tell of the end before of the beginning.
        ([started("a"), finished("b"), started("b")], "a"),
    ],
)
def test_the_report_in_work(events: List[Event], current: Optional[str]) -> None:
    output = Output()
    progress = JobProgress(output)
    written(output, *events)
    progress.refresh()
    assert progress.current == current
    output.close()


def test_a_new_report_restarts_the_clock_and_nothing_else_does() -> None:
    output = Output()
    progress = JobProgress(output)
    changes = []
    for event in (
        *(PhaseEvent("reading"), started("a"), started("a"), ProgressEvent(1, 2, "bytes")),
        *(started("b"), finished("b"), started("c"), finished("c"), finished("a")),
    ):
        written(output, event)
        changes.append(progress.refresh())
    #                   reading a     again  bytes  b     ended: a again  c
    assert changes == [False, True, False, False, True, True, True, True, False]
    assert progress.refresh() is False
    output.close()


def test_a_command_does_not_see_what_the_one_before_it_told() -> None:
    output = Output()
    written(output, started("a"), ErrorEvent("broken"))
    output.sink().write(b'{"event": "report_fini')
    progress = JobProgress(output)
    assert (progress.refresh(), progress.current, progress.error) == (False, None, "")
    written(output, started("b"), ErrorEvent("no such file"))
    assert (progress.refresh(), progress.current, progress.error) == (True, "b", "no such file")
    output.close()
    assert progress.refresh() is False


def test_how_far_a_growth_is() -> None:
    output = Output()
    progress = JobProgress(output)
    assert progress.growth_percent() == 0
    written(output, PhaseEvent("generating"), ProgressEvent(200, 400, "bytes"))
    progress.refresh()
    assert progress.growth_percent() == 0
    written(output, ProgressEvent(250, 400, "bytes"))
    progress.refresh()
    assert progress.growth_percent() == 25
    written(output, ProgressEvent(401, 400, "bytes"))
    progress.refresh()
    assert progress.growth_percent() == 100
    output.close()


def test_how_far_an_analysis_is() -> None:
    output = Output()
    progress = JobProgress(output)
    seen = [progress.analysis_percent(4)]
    for event in (
        *(PhaseEvent("reading"), ProgressEvent(50, 100, "bytes"), PhaseEvent("analyzing")),
        *(started("a"), finished("a"), started("b"), finished("b")),
    ):
        written(output, event)
        progress.refresh()
        seen.append(progress.analysis_percent(4))
    assert seen == [0, 0, 25, 50, 50, 62.5, 62.5, 75]
    output.close()


@pytest.mark.parametrize("total", [0, -1, 10])
def test_odd_figures_stay_within_bounds(total: int) -> None:
    output = Output()
    progress = JobProgress(output)
    written(output, ProgressEvent(-5, total, "bytes"), ProgressEvent(10**9, total, "bytes"))
    progress.refresh()
    assert 0 <= progress.growth_percent() <= 100
    assert 0 <= progress.analysis_percent(0) <= 100
    output.close()
