"""When they call: the curves of the day and of the week, and an hour as scenarios see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from finops import config, timestamps


class Moment(NamedTuple):
    """One simulated hour.  `number` counts from the simulation's start.

    `since` is the hours since the scenario began and `hours` its duration; `hour_of_day` is
    in UTC, `weekday` 0 on Monday; `curve` is the business hours' and the weekday's factor.
    """

    number: int
    since: int
    hours: int
    hour_of_day: int
    weekday: int
    curve: float

    @property
    def progress(self) -> float:
        """Share of the scenario that is over, from 0."""
        return self.since / self.hours


class Calendar:
    """Turns hours since the start into moments and timestamps."""

    def __init__(self, start: str) -> None:
        self._start = timestamps.moment_of(start)

    def at(self, index: float) -> datetime:
        """Return the instant so many hours after the start."""
        return self._start + timedelta(hours=index)

    def moment(self, index: int, since: int, hours: int) -> Moment:
        """Return the hour as a scenario sees it."""
        when = self.at(index)
        hour, weekday = when.hour, when.weekday()
        curve = config.BUSINESS_HOURS_CURVE[hour] * config.WEEKDAY_CURVE[weekday]
        return Moment(index, since, hours, hour, weekday, curve)

    def timestamp(self, index: float) -> str:
        """Return the instant so many hours after the start, written as in the CSV."""
        return timestamps.timestamp(self.at(index))

    def hour_of(self, timestamp: str) -> int:
        """Return which hour since the start a timestamp of the CSV lies in."""
        return (timestamps.moment_of(timestamp) - self._start) // timedelta(hours=1)
