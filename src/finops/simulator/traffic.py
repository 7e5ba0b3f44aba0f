"""When they call: the hours of the simulation, and what hour and weekday it is where."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Tuple

from finops import timestamps

DAY_HOURS = 24


class Calendar:
    """Turns hours since the start into dates, local hours and timestamps."""

    def __init__(self, start: str) -> None:
        self._start = timestamps.moment_of(start)

    def at(self, index: float) -> datetime:
        """Return the instant so many hours after the start."""
        return self._start + timedelta(hours=index)

    def local(self, index: int, ahead: int = 0) -> Tuple[int, int]:
        """Return hour and weekday (0 on Monday) where clocks are `ahead` hours of UTC."""
        when = self.at(index + ahead)
        return when.hour, when.weekday()

    def timestamp(self, index: float) -> str:
        """Return the instant so many hours after the start, written as in the CSV."""
        return timestamps.timestamp(self.at(index))

    def hour_of(self, timestamp: str) -> int:
        """Return which hour since the start a timestamp of the CSV lies in."""
        return (timestamps.moment_of(timestamp) - self._start) // timedelta(hours=1)
