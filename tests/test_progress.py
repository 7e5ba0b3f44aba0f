"""Progress on standard error: the bar, the plain lines, and what must never happen."""

from __future__ import annotations

import io
from typing import List

import pytest

from finops.config import MEGABYTE
from finops.progress import Progress, bar, duration, is_terminal, megabytes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drawn(stream: io.StringIO) -> List[str]:
    """Return what a terminal line showed, redraw by redraw."""
    return [line.rstrip() for line in stream.getvalue().split("\r") if line.strip()]


def test_the_bar_shows_share_sizes_rate_and_time_left() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, "generating", clock)
    progress.update(0, 500 * MEGABYTE, 0)
    clock.now += 65
    progress.update(241 * MEGABYTE, 500 * MEGABYTE, 65 * 212_000)
    # 259 MB are left at 241 MB in 65 s: 69.9 s.
    assert drawn(stream)[-1] == (
        "[=====-----] 48.2% (241.0 MB / 500.0 MB) 212,000 calls/s, 1m 10s left"
    )


def test_continued_work_is_not_counted_into_the_rate() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    progress.update(200 * MEGABYTE, 400 * MEGABYTE, 1_000_000)
    clock.now += 10
    progress.update(300 * MEGABYTE, 400 * MEGABYTE, 1_500_000)
    assert drawn(stream)[-1].endswith("50,000 calls/s, 10s left")


def test_a_terminal_is_redrawn_at_most_ten_times_a_second() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    for step in range(1000):
        progress.update(step, 1000)
        clock.now += 0.001
    assert 9 <= len(drawn(stream)) <= 11


def test_a_shorter_line_covers_a_longer_one_and_the_end_leaves_none() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock=clock)
    progress.step("a long line of text")
    progress.step("short")
    progress.finish()
    shown = stream.getvalue().split("\r")
    assert shown[2] == "short".ljust(len("a long line of text"))
    assert shown[-2].strip() == ""
    assert len(shown[-2]) == 5
    assert "\n" not in stream.getvalue()


def test_elsewhere_lines_come_at_once_now_and_then_and_at_the_end() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, "reading", clock)
    for second in range(10):
        progress.update(second * MEGABYTE, 10 * MEGABYTE)
        clock.now += 1
    progress.finish()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "reading 0.0% (0.0 MB / 10.0 MB)"
    assert lines[1:3] == [
        "reading 30.0% (3.0 MB / 10.0 MB) 7s left",
        "reading 60.0% (6.0 MB / 10.0 MB) 4s left",
    ]
    assert len(lines) == 4
    assert lines[-1].startswith("reading 90.0%")
    assert "\r" not in stream.getvalue()


def test_steps_are_lines_elsewhere() -> None:
    stream = io.StringIO()
    Progress(stream).step("analyzing pricing (2 of 13)")
    assert stream.getvalue() == "analyzing pricing (2 of 13)\n"


def test_without_a_stream_nothing_happens() -> None:
    progress = Progress(None)
    progress.update(1, 2, 3)
    progress.step("x")
    progress.finish()
    assert progress._stream is None


def test_a_stream_that_breaks_does_not_stop_the_work() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    stream = Broken()
    progress = Progress(stream)
    progress.update(1, 2)
    progress.update(2, 2)
    progress.finish()
    assert stream.getvalue() == ""


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "[----------]"), (0.05, "[----------]"), (0.5, "[=====-----]"), (1.2, "[==========]")],
)
def test_bar(share: float, expected: str) -> None:
    assert bar(share) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-1, "0s"), (59.4, "59s"), (59.6, "1m 0s"), (3599, "59m 59s"), (3600, "1h 0m")],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_megabytes() -> None:
    assert megabytes(1536 * MEGABYTE) == "1,536.0 MB"
