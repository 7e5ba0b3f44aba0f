"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere.

A bar redraws itself at most ten times a second.  Where the stream is not a terminal a line
is written when work begins, then every few seconds, and when it ends, so that a log stays
short.  A quiet or broken stream never stops the work.
"""

from __future__ import annotations

import time
from typing import Callable, Optional, TextIO

from finops import config
from finops.progress_events import EventWriter, PhaseEvent, ProgressEvent

BAR_CELLS = 10
_REDRAW_S = 0.1
_LINE_S = 3.0
_EVENT_S = 0.5


def megabytes(size: float) -> str:
    """Return bytes as megabytes with one decimal.

    >>> megabytes(500 * 1048576)
    '500.0 MB'
    """
    return f"{size / config.MEGABYTE:,.1f} MB"


def duration(seconds: float) -> str:
    """Return a duration in at most two units, whole seconds.

    >>> duration(70), duration(9), duration(7322)
    ('1m 10s', '9s', '2h 2m')
    """
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest}s"
    return f"{minutes // 60}h {minutes % 60}m"


def bar(share: float) -> str:
    """Return a bar of ten cells for a share from 0 to 1.

    >>> bar(0.482)
    '[=====-----]'
    """
    filled = min(BAR_CELLS, max(0, round(share * BAR_CELLS)))
    return "[" + "=" * filled + "-" * (BAR_CELLS - filled) + "]"


class Progress:
    """One piece of work measured in bytes; call `update` as often as you like.

    `stream` is where it shows (None: nowhere), `label` goes before the figures of a plain
    line, `clock` returns seconds and never goes back.
    """

    def __init__(
        self,
        stream: Optional[TextIO],
        label: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._label = label
        self._clock = clock
        self._terminal = stream is not None and is_terminal(stream)
        self._begun: Optional[float] = None
        self._first_done = 0
        self._first_calls = 0
        self._shown = 0.0
        self._width = 0
        self._last = ""

    def update(self, done: int, total: int, calls: int = 0) -> None:
        """Show that `done` of `total` bytes are through, and how many calls so far."""
        if self._stream is None:
            return
        now = self._clock()
        if self._begun is None:
            self._begun, self._first_done, self._first_calls = now, done, calls
        elif not self._due(now):
            self._last = self._text(now, done, total, calls)
            return
        self._shown = now
        self._show(self._text(now, done, total, calls))

    def step(self, text: str) -> None:
        """Show a step of work that has no size: redrawn on a terminal, else a line."""
        if self._stream is not None:
            self._show(text)

    def finish(self) -> None:
        """Show the last state, and leave the terminal's line clean; call it at any end."""
        if self._stream is None:
            return
        if self._last and not self._terminal:
            self._show(self._last)
        if self._terminal and self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def _due(self, now: float) -> bool:
        return now - self._shown >= (_REDRAW_S if self._terminal else _LINE_S)

    def _text(self, now: float, done: int, total: int, calls: int) -> str:
        share = min(1.0, done / total) if total else 1.0
        parts = f"{share * 100:.1f}% ({megabytes(done)} / {megabytes(total)})"
        parts = f"{bar(share)} {parts}" if self._terminal else f"{self._label} {parts}".strip()
        elapsed = now - (self._begun or now)
        moved = done - self._first_done
        if elapsed <= 0 or moved <= 0:
            return parts
        rates = [f"{(calls - self._first_calls) / elapsed:,.0f} calls/s"] if calls else []
        if done < total:
            rates.append(f"{duration((total - done) * elapsed / moved)} left")
        return f"{parts} {', '.join(rates)}".rstrip()

    def _show(self, text: str) -> None:
        self._last = ""
        if self._terminal:
            padding = " " * max(0, self._width - len(text))
            self._width = len(text)
            self._write("\r" + text + padding)
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        assert self._stream is not None
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # closed or full: the work matters more than its picture
            self._stream = None


class EventProgress(Progress):
    """The same for programs: a phase of work, as events twice a second and at its end."""

    def __init__(
        self,
        events: EventWriter,
        phase: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(None, phase, clock)
        self._events = events
        self._waiting: Optional[ProgressEvent] = None
        events.write(PhaseEvent(phase))

    def update(self, done: int, total: int, calls: int = 0) -> None:
        """Report that `done` of `total` bytes are through; the number of calls is not reported."""
        now = self._clock()
        if self._begun is None:
            self._begun, self._first_done = now, done
        elapsed = now - self._begun
        rate = round((done - self._first_done) / elapsed, 1) if elapsed > 0 else None
        self._waiting = ProgressEvent(done, total, "bytes", rate)
        if now - self._shown >= _EVENT_S:
            self._shown = now
            self.finish()

    def step(self, text: str) -> None:
        """Tell nothing: a step of a command has an event of its own."""

    def finish(self) -> None:
        """Report the last state, unless it was reported already."""
        if self._waiting is not None:
            self._events.write(self._waiting)
            self._waiting = None


def is_terminal(stream: TextIO) -> bool:
    """Return whether text written to the stream is drawn on a terminal."""
    try:
        return stream.isatty()
    except (ValueError, OSError):
        return False
