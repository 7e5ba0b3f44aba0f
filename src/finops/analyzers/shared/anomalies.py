"""Unusual days of a customer, by a baseline that a single bad day cannot move.

A day counts as unusual only if nothing ordinary explains it.  It is compared with four things
and judged against the one most favourable to the customer:

- the customer's other active days, all of them;
- the same weekday of the weeks around it, so that a weekly rhythm is not an alarm;
- the active days around it, so that growth and decline are not alarms;
- what all customers did that day: the customer's usual amount times the middle customer's
  ratio of that day to its own usual amount.

Each baseline is a median without the day itself.  Usage multiplies rather than adds, so the
deviation is that of the logarithms: threefold is as far up as a third is down.  It is measured
in spreads, the largest of the customer's own (from its median to the quantile one standard
deviation off), a configured least one, and, for calls, the one that chance alone makes.

The customer's own spread is without the day itself.  That of a rise is about the level of the
days around each day, so that growth through a year is not taken for it, and without the days just
before and after it that are as far up: five such days are more than the sixth part of a month, so
with a new customer they would make up the spread and hide each other.  That of a fall is about
the level of all days: a customer that has grown made few calls before.

Of many days some stray far by chance: the largest of n normal deviations is about
sqrt(2 ln n) (the universal threshold of Donoho and Johnstone), so the limit grows with the
number of customer-days, and 50,000 customers raise no more false alarms than fifty.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import config, stats
from finops.timestamps import date_of

# The measures of a history, by place.
CALLS, COST = 0, 1

# Share of a normal distribution below one standard deviation above its mean.
_ONE_DEVIATION = 0.8413

# A filled table by ("customer_id", "day"), calls and cost being its first two measures.
DayCells = Mapping[Tuple[Any, ...], Tuple[Any, ...]]


class History(NamedTuple):
    """The active days of one customer in order: dates, days since 0001-01-01, calls and costs."""

    dates: Sequence[str]
    ordinals: Sequence[int]
    amounts: Tuple[Sequence[float], Sequence[float]]


class Unusual(NamedTuple):
    """One unusual day: its place in the history, the amount, the baseline, the deviation."""

    position: int
    amount: float
    baseline: float
    z_score: float


def histories(cells: DayCells) -> Dict[str, History]:
    """Return each customer's days; `cells` is in key order, so that a customer is one slice."""
    names = [name for name, _ in cells]
    days = [day for _, day in cells]
    calls, costs = ([values[m] for values in cells.values()] for m in (CALLS, COST))
    ordinal_of = {day: date_of(day).toordinal() for day in set(days)}
    ordinals = [ordinal_of[day] for day in days]
    days_of: Dict[str, History] = {}
    start = 0
    while start < len(names):
        end = bisect_right(names, names[start], start)
        part = slice(start, end)
        days_of[names[start]] = History(days[part], ordinals[part], (calls[part], costs[part]))
        start = end
    return days_of


def limit(days: int) -> float:
    """Return the deviation beyond which a day is unusual among so many customer-days."""
    return max(float(config.UNUSUAL_Z), math.sqrt(2 * math.log(max(days, 1))))


class DayDetector:
    """Finds the unusual days of one measure (`CALLS` or `COST`) of all customers.

    What a day was like for all is judged by the customers whose usual day has enough calls.
    """

    def __init__(self, cells: DayCells, days_of: Mapping[str, History], measure: int) -> None:
        self._cells = cells
        self._histories = days_of
        self._measure = measure
        self._ordered = {name: sorted(h.amounts[measure]) for name, h in days_of.items()}
        self.usual = {name: middle(amounts) for name, amounts in self._ordered.items()}
        self._limit = limit(len(cells))
        self._floor = math.log(1 + config.ABUSE_SPREAD_FLOOR_PCT / 100)
        self._telling: Optional[FrozenSet[str]] = None
        self._levels: Dict[str, List[float]] = {}
        self._strayed: Dict[str, Sequence[float]] = {}

    def rises(self, name: str) -> Iterator[Unusual]:
        """Yield the days of a customer that are unusually high, in order of the dates."""
        history, usual = self._histories[name], self.usual[name]
        if len(history.dates) > config.ABUSE_MIN_BASELINE_DAYS:
            beyond = usual * math.exp(self._limit * self._floor)
            calls, amounts = history.amounts[CALLS], history.amounts[self._measure]
            for i, amount in enumerate(amounts):
                if amount > beyond and calls[i] >= config.ABUSE_MIN_DAILY_CALLS:
                    strayed = _without(self._local(name), _episode(amounts, i, beyond))
                    yield from self._judged(name, i, 1, strayed)

    def falls(self, name: str) -> Iterator[Unusual]:
        """Yield the days of unusually few calls; first and last day may be cut off, so not they.

        A customer whose usual day has too few calls has none.
        """
        history, usual = self._histories[name], self.usual[name]
        long = len(history.dates) > config.ABUSE_MIN_BASELINE_DAYS
        if long and usual >= config.ABUSE_MIN_DAILY_CALLS:
            beyond = usual / math.exp(self._limit * self._floor)
            calls = history.amounts[CALLS]
            for i, amount in enumerate(calls[1:-1], 1):
                if amount < beyond:
                    strayed = [_log(n / usual) for n in _without(calls, slice(i, i + 1))]
                    yield from self._judged(name, i, -1, strayed)

    def _judged(self, name: str, i: int, sign: int, strayed: Sequence[float]) -> Iterator[Unusual]:
        """Yield the day if no comparison explains it; `sign` is 1 for a rise, -1 for a fall.

        `strayed` is how far ordinary days are from what is usual, as logarithms.
        """
        amount = self._histories[name].amounts[self._measure][i]
        spread = max(self._floor, _deviation(strayed, sign))
        kindest: Optional[float] = None
        z_score = 0.0
        for baseline in self._baselines(name, i):
            if kindest is None or sign * baseline > sign * kindest:
                kindest = baseline
                z_score = self._distance(amount, baseline, spread)
                if sign * z_score <= self._limit:
                    return
        if kindest is not None:
            yield Unusual(i, amount, kindest, z_score)

    def _distance(self, amount: float, baseline: float, spread: float) -> float:
        """Return how many spreads the amount lies above (or, negative, below) the baseline."""
        usual = max(baseline, config.NEGLIGIBLE_USD)
        by_chance = 1 / math.sqrt(usual) if self._measure == CALLS else 0.0
        return _log(amount / usual) / max(spread, by_chance)

    def _local(self, name: str) -> Sequence[float]:
        """Return how far each day of a customer is from those around it, as logarithms."""
        if name not in self._strayed:
            history = self._histories[name]
            self._strayed[name] = _about_level(history.ordinals, history.amounts[self._measure])
        return self._strayed[name]

    def _baselines(self, name: str, i: int) -> Iterator[float]:
        """Yield what the amount on a day could be measured by, the cheapest to find first."""
        history = self._histories[name]
        amounts = history.amounts[self._measure]
        yield middle(_without_value(self._ordered[name], amounts[i]))
        alike = _same_weekday(history.ordinals, i)
        if alike:
            yield stats.median(amounts[j] for j in alike)
        around = _around(history.ordinals, i)
        if len(around) >= config.ABUSE_MIN_BASELINE_DAYS:
            yield stats.median(amounts[j] for j in around)
        level = self._level(name, i)
        if level is not None:
            yield self.usual[name] * level

    def _level(self, name: str, i: int) -> Optional[float]:
        """Return the middle ratio of the other customers' day to their usual day.

        None where too few of them called that day.
        """
        history = self._histories[name]
        day = history.dates[i]
        if day not in self._levels:
            self._levels[day] = self._ratios(day)
        ratios = self._levels[day]
        if name in self._reference():
            ratios = _without_value(ratios, history.amounts[self._measure][i] / self.usual[name])
        return middle(ratios) if len(ratios) >= config.ABUSE_LEVEL_MIN_CUSTOMERS else None

    def _ratios(self, day: str) -> List[float]:
        """Return the reference customers' ratios of this day to their usual day, sorted."""
        cells, usual, measure = self._cells, self.usual, self._measure
        return sorted(
            cells[name, day][measure] / usual[name]
            for name in self._reference()
            if (name, day) in cells
        )

    def _reference(self) -> FrozenSet[str]:
        """Return the customers whose usual day has enough calls to tell what a day was like."""
        if self._telling is None:
            self._telling = frozenset(
                name
                for name, history in self._histories.items()
                if self.usual[name] > 0
                and stats.median(history.amounts[CALLS]) >= config.ABUSE_LEVEL_MIN_DAILY_CALLS
            )
        return self._telling


def middle(ordered: Sequence[float]) -> float:
    """Return the median of sorted values, 0.0 of nothing.

    >>> middle([1, 5, 9]), middle([1, 2]), middle([])
    (5.0, 1.5, 0.0)
    """
    half, odd = divmod(len(ordered), 2)
    if odd:
        return float(ordered[half])
    return (ordered[half - 1] + ordered[half]) / 2 if ordered else 0.0


def _log(ratio: float) -> float:
    """Return the natural logarithm, of anything too small that of `NEGLIGIBLE_USD`."""
    return math.log(max(ratio, config.NEGLIGIBLE_USD))


def _without_value(ordered: List[float], value: float) -> List[float]:
    """Return sorted values without one occurrence of a value that is among them."""
    i = bisect_left(ordered, value)
    return ordered[:i] + ordered[i + 1 :]


def _episode(amounts: Sequence[float], i: int, beyond: float) -> slice:
    """Return the days around day `i`, each next to another, that are all above `beyond`.

    >>> _episode([9, 1, 8, 9, 7, 1], 3, beyond=5)
    slice(2, 5, None)
    """
    first, end = i, i + 1
    while first > 0 and amounts[first - 1] > beyond:
        first -= 1
    while end < len(amounts) and amounts[end] > beyond:
        end += 1
    return slice(first, end)


def _without(values: Sequence[float], days: slice) -> List[float]:
    """Return the values of the other days."""
    return [*values[: days.start], *values[days.stop :]]


def _deviation(strayed: Sequence[float], sign: int) -> float:
    """Return one standard deviation upwards (or downwards): from the median to its quantile."""
    ordered = sorted(strayed)
    rank = stats.rank_index(len(ordered), _ONE_DEVIATION)
    return sign * (ordered[rank if sign > 0 else -1 - rank] - middle(ordered))


def _about_level(ordinals: Sequence[int], amounts: Sequence[float]) -> Sequence[float]:
    """Return the logarithm of each day's ratio to the middle one of those around it.

    Where these are too few, to the middle one of all; 0.0 where that is nothing.
    """
    usual = stats.median(amounts)
    strayed = []
    for i, amount in enumerate(amounts):
        around = _around(ordinals, i)
        enough = len(around) >= config.ABUSE_MIN_BASELINE_DAYS
        level = stats.median(amounts[j] for j in around) if enough else usual
        strayed.append(_log(amount / level) if level > 0 else 0.0)
    return strayed


def _same_weekday(ordinals: Sequence[int], i: int) -> List[int]:
    """Return the places of the other days of the same weekday, some weeks each way."""
    span = 7 * config.ABUSE_WEEKDAY_WEEKS
    first = bisect_left(ordinals, ordinals[i] - span)
    end = bisect_right(ordinals, ordinals[i] + span)
    weekday = ordinals[i] % 7
    return [j for j in range(first, end) if ordinals[j] % 7 == weekday and j != i]


def _around(ordinals: Sequence[int], i: int) -> List[int]:
    """Return the places of the other days within the configured distance."""
    span = config.ABUSE_WINDOW_DAYS
    first = bisect_left(ordinals, ordinals[i] - span)
    end = bisect_right(ordinals, ordinals[i] + span)
    return [j for j in range(first, end) if j != i]
