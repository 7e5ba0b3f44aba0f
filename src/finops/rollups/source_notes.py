"""Sentences on what the sources of imported calls cannot say, or may say twice."""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, Iterator, List, Mapping, Set

from finops import config
from finops.business.sources import AT_LIST_PRICES
from finops.reader.header import shown_name
from finops.rollups.expressions import above, known, when
from finops.rollups.measures import DAY_S, Measure
from finops.rollups.spec import Key, Table, Values

_AGGREGATES = Measure("aggregates", when(known("bucket_s"), 1))
_LONGER = Measure("longer_records", when(above("bucket_s", DAY_S), 1))
SOURCES = Table(
    ("source", "provider"),
    ("records", "calls_unknown", _AGGREGATES, "daily_records", _LONGER),
)
_MOST_SHOWN = 5


class _Counts:
    """Rows of all sources together."""

    def __init__(self, cells: Mapping[Key, Values]) -> None:
        sums = [sum(column) for column in zip(*cells.values())] or [0, 0, 0, 0, 0]
        self.records, self.calls_unknown, self.aggregates, self.daily, self.longer = sums


def on_sources(cells: Mapping[Key, Values]) -> List[str]:
    """Return the sentences on the groups of `SOURCES`."""
    counts = _Counts(cells)
    return [
        *_on_counts(counts),
        *_on_aggregates(counts),
        *_on_longer(counts),
        *_on_list_prices(cells),
        *_on_several_sources(cells),
    ]


def _on_counts(counts: _Counts) -> Iterator[str]:
    if counts.calls_unknown:
        yield (
            f"No request count in {_rows(counts.calls_unknown)}: their calls, and averages per"
            " call, are not known."
        )


def _on_aggregates(counts: _Counts) -> Iterator[str]:
    if counts.aggregates:
        daily = counts.daily == counts.aggregates and not counts.longer
        what = "Daily totals" if daily else "Totals of periods"
        yield (
            f"{what}, not single calls: {_rows(counts.aggregates)}. They take no part in latency,"
            " sessions, hours and detection of abuse."
        )


def _on_longer(counts: _Counts) -> Iterator[str]:
    if counts.longer:
        yield (
            f"Totals of more than a day: {_rows(counts.longer)}. Their cost is not known by day and"
            " stands on their first day; where it is more than a trifle there are no trends, no"
            " forecast and no alerts of days."
        )


def _on_list_prices(cells: Mapping[Key, Values]) -> Iterator[str]:
    for source in sorted({source for source, _ in cells} & set(AT_LIST_PRICES)):
        yield f"Costs of {source} are {AT_LIST_PRICES[source]}."


def _on_several_sources(cells: Mapping[Key, Values]) -> Iterator[str]:
    sources: Dict[str, Set[str]] = defaultdict(set)
    for source, provider in cells:
        if config.UNKNOWN not in (source, provider):
            sources[provider].add(source)
    for provider in sorted(name for name, of in sources.items() if len(of) > 1):
        names = ", ".join(sorted(map(shown_name, sources[provider]))[:_MOST_SHOWN])
        yield (
            f"Several sources have calls of {shown_name(provider)} ({names}): they may count a"
            " call twice."
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
