"""What a summary groups calls by, and the figures of each group.

A grouping is filled from declared tables like any analysis: months are days added up, and a
session stands in the column of the task type, of which no summary is (see `Grouping.columns`).
"""

from __future__ import annotations

from datetime import date
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.cache_sources import CACHE_SOURCES, CacheSources
from finops.rollups.protocol import CallDataset
from finops.rollups.spec import Accounting, Having, Period, Table
from finops.summary.caching import CACHING, saved_by_caching
from finops.summary.changes import Changes
from finops.timestamps import add_days, days_between, time_key

DAY, WEEK, MONTH, SESSION = "day", "week", "month", "session"
TIMES = (DAY, WEEK, MONTH)
# Dimensions of a summary, and those of the tables that they are filled from.
DIMENSIONS: Dict[str, str] = {
    DAY: "day",
    WEEK: "week",
    MONTH: "day",
    "provider": "provider",
    "model": "model",
    "customer": "customer_id",
    "organization": "organization_id",
    "product": "product_id",
    "feature": "feature_id",
    SESSION: "task_type",
}
MOST_DIMENSIONS = 2
_MEASURES: Tuple[str, ...] = (
    "cost",
    "calls",
    "calls_unknown",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "unpriced",
    "credits",
)
_BY_SOURCE = Table(("source",), _MEASURES)
# Without a dimension of time, the change is that of so many days against as many before.
CHANGE_DAYS = 7


class Figures(NamedTuple):
    """Sums of a group: `cost` and `credits` in USD, the cost being net of credits.

    `calls_unknown` counts rows that do not say for how many calls they stand, `unpriced` calls
    with neither a cost nor a price.  `cache_input_tokens` is the input of the sources that say
    what was read from a cache.
    """

    cost: float = 0.0
    calls: int = 0
    calls_unknown: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    unpriced: int = 0
    credits: float = 0.0
    cache_input_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def known_calls(self) -> Optional[int]:
        """How many calls, a lower bound where `calls_unknown`; None where nothing says."""
        return None if self.calls_unknown and not self.calls else self.calls

    @property
    def known_cached_tokens(self) -> Optional[int]:
        """Input tokens read from a cache, None where no source says."""
        return self.cached_input_tokens if self.cache_input_tokens else None

    @property
    def cached_percent(self) -> Optional[float]:
        """The share of input that was read from a cache, None where no source says."""
        if not self.cache_input_tokens:
            return None
        return 100 * self.cached_input_tokens / self.cache_input_tokens

    def plus(self, other: Figures) -> Figures:
        """Return the sums of both."""
        values: Sequence[Any] = [a + b for a, b in zip(self, other)]
        return Figures(*values)


Names = Tuple[str, ...]


class Row(NamedTuple):
    """A group: its value of each dimension, its figures, and the change of its cost in percent.

    The change is None where there is nothing whole to compare with.
    """

    names: Names
    figures: Figures
    change_percent: Optional[float]


class Summary(NamedTuple):
    """Rows by the dimensions `by`: times ascend, other values come by falling cost.

    `saved_by_caching` in USD at list prices, None where it is not known.
    """

    by: Names
    rows: Tuple[Row, ...]
    total: Figures
    unpriced_models: Names
    sources: Names
    period: Period
    accounting: Accounting
    saved_by_caching: Optional[float]


class Grouping:
    """One or two dimensions of a summary."""

    def __init__(self, by: Sequence[str]) -> None:
        """Take the names of dimensions.  Raises ValueError for unknown, repeated or too many."""
        unknown = [name for name in by if name not in DIMENSIONS]
        if unknown or not by:
            raise ValueError(f"no dimension {unknown[0] if unknown else ''!r}")
        if len(set(by)) < len(by) or len(by) > MOST_DIMENSIONS:
            raise ValueError("name one dimension or two different ones")
        if sum(name in TIMES for name in by) > 1:
            raise ValueError("name one of day, week and month")
        self.by: Names = tuple(by)

    @property
    def has_sessions(self) -> bool:
        """Whether sessions have to be read in the place of task types."""
        return SESSION in self.by

    def summarize(self, dataset: CallDataset) -> Summary:
        """Return the summary of a dataset.  Raises DataError where it cannot be read."""
        dimensions = tuple(DIMENSIONS[name] for name in self.by)
        table = Table((*dimensions, "source"), _MEASURES)
        daily = Table((*dimensions, "day"), ("cost",)) if self._compares_days else None
        unpriced = Table(("model",), ("unpriced",), having=Having("unpriced"))
        wanted = [table, _BY_SOURCE, CACHE_SOURCES, unpriced, CACHING]
        rollups = dataset.rollups([*wanted, *([daily] if daily else [])])
        reporting = CacheSources(rollups[CACHE_SOURCES]).reporting
        groups = _folded(rollups[table], self._names, reporting)
        costs = {names: figures.cost for names, figures in groups.items()}
        if daily:
            changes = self._of_days(rollups[daily], rollups.period)
        else:
            changes = self._of_periods(costs, rollups.period)
        return Summary(
            self.by,
            tuple(
                Row(names, groups[names], changes.percent(names)) for names in self._ordered(costs)
            ),
            _folded(rollups[_BY_SOURCE], lambda _: (), reporting).get((), Figures()),
            tuple(model for (model,) in rollups[unpriced]),
            tuple(source for (source,) in rollups[_BY_SOURCE]),
            rollups.period,
            rollups.accounting,
            saved_by_caching(rollups[CACHING], rollups.prices),
        )

    @property
    def _compares_days(self) -> bool:
        """Whether the change is computed from days: sessions are over too soon to change."""
        return not self.has_sessions and not set(self.by) & set(TIMES)

    def _names(self, key: Names) -> Names:
        return tuple(part[:7] if name == MONTH else part for name, part in zip(self.by, key))

    def _ordered(self, costs: Mapping[Names, float]) -> List[Names]:
        """Return the groups in order, those of equal first value together."""
        first: Dict[str, float] = {}
        for names, cost in costs.items():
            first[names[0]] = first.get(names[0], 0.0) + cost

        def place(names: Names) -> Tuple[float, str, float, str]:
            is_time = [name in TIMES for name in self.by]
            own = 0.0 if is_time[-1] else -costs[names]
            return (0.0 if is_time[0] else -first[names[0]], names[0], own, names[-1])

        return sorted(costs, key=place)

    def _of_periods(self, costs: Mapping[Names, float], period: Period) -> Changes:
        """Return the changes from each day, week or month to the next."""
        places = [place for place, name in enumerate(self.by) if name in TIMES]
        if not places:
            return Changes({}, {})
        (place,) = places
        grain = _GRAINS[self.by[place]]
        labels = list(dict.fromkeys(map(grain, period.dates())))
        whole = set(_whole(labels, period, grain))
        before = {
            label: previous
            for previous, label in zip(labels, labels[1:])
            if previous in whole and label in whole
        }
        earlier = {}
        for names in costs:
            previous = before.get(names[place])
            if previous is not None:
                other = (*names[:place], previous, *names[place + 1 :])
                earlier[names] = costs.get(other, 0.0)
        return Changes(costs, earlier)

    def _of_days(self, cells: Mapping[Names, Sequence[float]], period: Period) -> Changes:
        """Return the changes of the last whole days against those before."""
        days = _whole(period.dates(), period, _GRAINS[DAY])
        if len(days) < 2 * CHANGE_DAYS:
            return Changes({}, {})
        last, before = set(days[-CHANGE_DAYS:]), set(days[-2 * CHANGE_DAYS : -CHANGE_DAYS])
        later: Dict[Names, float] = {}
        earlier: Dict[Names, float] = {}
        for (*names, day), (cost,) in cells.items():
            sums = later if day in last else earlier if day in before else None
            if sums is not None:
                sums[tuple(names)] = sums.get(tuple(names), 0.0) + cost
        return Changes(later, earlier)


def _folded(
    cells: Mapping[Names, Sequence[Any]],
    names_of: Callable[[Names], Names],
    reporting: AbstractSet[str],
) -> Dict[Names, Figures]:
    """Return the sums of groups by name; the last part of their keys is their source."""
    groups: Dict[Names, Figures] = {}
    for (*key, source), values in cells.items():
        names = names_of(tuple(key))
        figures = Figures(*values)
        if source in reporting:
            figures = figures._replace(cache_input_tokens=figures.input_tokens)
        groups[names] = groups[names].plus(figures) if names in groups else figures
    return groups


_GRAINS: Dict[str, Callable[[str], str]] = {
    DAY: lambda day: day,
    WEEK: lambda day: time_key(day, "week"),
    MONTH: lambda day: day[:7],
}


def _whole(labels: Sequence[str], period: Period, grain: Callable[[str], str]) -> List[str]:
    """Return the days, weeks or months that the data covers from their first hour to their last."""
    first, last = period.ends
    if not first:
        return []
    whole = list(labels)
    if last[11:13] != "23" or grain(_beside(last, 1)) == grain(last[:10]):
        whole = whole[:-1]
    if whole and (first[11:13] != "00" or grain(_beside(first, -1)) == grain(first[:10])):
        whole = whole[1:]
    return whole


def _beside(hour: str, days: int) -> str:
    (day,) = days_between(hour, hour)
    return add_days(date(int(day[:4]), int(day[5:7]), int(day[8:10])), days)
