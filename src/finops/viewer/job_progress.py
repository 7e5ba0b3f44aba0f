"""What the command of a job tells while it runs, read from the events that it writes.

A command may be killed in the middle of a line, and what libraries print stands between the
events.  Neither can be taken for an event, so the worst that it costs is that line.
"""

from __future__ import annotations

from typing import Dict, List, Optional

from finops.progress_events import (
    ErrorEvent,
    Event,
    EventDecoder,
    FinishedEvent,
    PhaseEvent,
    ProgressEvent,
    ReportFinishedEvent,
    ReportStartedEvent,
)
from finops.viewer.job_output import Output

_READING = "reading"


class JobProgress:
    """The progress of one command, from the end that its output has now.

    Call `refresh` in one thread; the others may read what they like.
    """

    def __init__(self, output: Output) -> None:
        self.finished: Dict[str, ReportFinishedEvent] = {}
        self.error = ""
        self.exit_status: Optional[int] = None  # as the command reports it at its end
        self._output = output
        self._offset = output.size()
        self._decoder = EventDecoder()
        self._started: List[str] = []
        self._phase = ""
        self._first: Optional[ProgressEvent] = None
        self._last: Optional[ProgressEvent] = None

    def refresh(self) -> bool:
        """Read what is new; return whether another report is in work than before."""
        before = self.current
        while True:
            data = self._output.read_from(self._offset)
            if not data:
                return self.current not in (None, before)
            self._offset += len(data)
            for event in self._decoder.feed(data):
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, PhaseEvent):
            self._phase, self._first, self._last = event.name, None, None
        elif isinstance(event, ProgressEvent):
            self._first = self._first or event
            self._last = event
        elif isinstance(event, ReportStartedEvent):
            self._started.append(event.id)
        elif isinstance(event, ReportFinishedEvent):
            self.finished[event.id] = event
        elif isinstance(event, ErrorEvent):
            self.error = event.message
        elif isinstance(event, FinishedEvent):
            self.exit_status = event.exit_status

    @property
    def current(self) -> Optional[str]:
        """The id of the report that was started last and is not finished; None for none."""
        waiting = (name for name in reversed(self._started) if name not in self.finished)
        return next(waiting, None)

    def growth_percent(self) -> float:
        """Return how far the phase is from where it began, 0 to 100."""
        first, last = self._first, self._last
        if first is None or last is None:
            return 0.0
        wanted = last.total - first.done
        share = (last.done - first.done) / wanted if wanted > 0 else 1.0
        return round(100 * min(1.0, max(0.0, share)), 1)

    def analysis_percent(self, reports: int) -> float:
        """Return how far an analysis of so many reports is, 0 to 100.

        Reading the data is the first half, the reports are the second.
        """
        last = self._last
        if self._phase in ("", _READING):
            share = last.done / last.total if last is not None and last.total > 0 else 0.0
            return round(50 * min(1.0, max(0.0, share)), 1)
        return round(50 + 50 * min(1.0, len(self.finished) / max(1, reports)), 1)
