"""Aggregations: sums, averages, percentiles, top-N, token efficiency and distributions.

Percentiles are nearest-rank and exact: the value at index ceil(n × p) − 1 of the sorted values.
Sums of money are exact, too, so the same question always has the same answer.

Use case: dashboards, service levels, unit costs, outliers at a glance.
Pattern: one pass, any dimension or combination, exact order statistics.
Performance: one pass; latencies and costs of a group are kept as counts of distinct values.
The results block shows the calls per second of this run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import Counter as CounterOf
from typing import Dict, Iterable, List, Sequence, Tuple

from _calls import Call, combined, open_calls
from _console import benefits, note, require, results, run, step, title
from _output import Row, narrative, options, row, write

DEFAULT_DIMENSIONS = ("model", "provider", "task_type")
PERCENTILES = (50, 95, 99)
BAR_WIDTH = 30


def percentile(counts: CounterOf[int], percent: int) -> int:
    """Return the nearest-rank percentile of {value: how often}, 0 of nothing.

    Whole percents and whole counts, so the rank ceil(n × p) is exact.
    """
    rank = -(-sum(counts.values()) * percent // 100)
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= max(1, rank):
            return value
    return 0


class Aggregate:
    """Everything about one group of calls."""

    def __init__(self) -> None:
        self.calls = self.errors = self.input_tokens = self.output_tokens = 0
        self.latencies: CounterOf[int] = Counter()
        self.costs: CounterOf[int] = Counter()

    def add(self, call: Call) -> None:
        """Count one call."""
        self.calls += 1
        self.errors += call.failed
        self.input_tokens += call.input_tokens
        self.output_tokens += call.output_tokens
        self.latencies[call.latency_ms] += 1
        self.costs[call.nano_usd] += 1

    @property
    def nano_usd(self) -> int:
        """Cost in billionths of a dollar."""
        return sum(cost * count for cost, count in self.costs.items())

    @property
    def tokens(self) -> int:
        """Input and output tokens."""
        return self.input_tokens + self.output_tokens

    def row(self, dimension: str, value: str) -> Row:
        """Return the group as a result row; latencies in ms, costs in USD."""
        cost, latency = self.nano_usd, sum(ms * n for ms, n in self.latencies.items())
        more: Row = {
            "total_tokens": self.tokens,
            "avg_tokens": self.tokens / self.calls if self.calls else 0.0,
            "tokens_per_dollar": self.tokens / (cost / 1e9) if cost else 0.0,
            "cost_per_1k_tokens": cost / 1e6 / self.tokens if self.tokens else 0.0,
            "error_rate_percent": 100 * self.errors / self.calls if self.calls else 0.0,
            "avg_latency_ms": latency / self.calls if self.calls else 0.0,
        }
        for percent in PERCENTILES:
            more[f"p{percent}_latency_ms"] = percentile(self.latencies, percent)
        for percent in PERCENTILES:
            more[f"p{percent}_cost"] = percentile(self.costs, percent) / 1e9
        return row(dimension, value, self.calls, cost, **more)


class Aggregator:
    """Aggregate calls by several dimensions (or combinations) in one pass."""

    def __init__(self, dimensions: Sequence[Tuple[str, ...]]) -> None:
        self.total = Aggregate()
        self._groups: Dict[Tuple[str, ...], Dict[str, Aggregate]] = {d: {} for d in dimensions}
        self._keys = [(combined(d), groups) for d, groups in self._groups.items()]

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls."""
        for call in calls:
            self.total.add(call)
            for key_of, groups in self._keys:
                key = key_of(call)
                if key not in groups:
                    groups[key] = Aggregate()
                groups[key].add(call)

    def rows(self, dimension: Tuple[str, ...]) -> List[Row]:
        """Return the groups of a dimension, dearest first."""
        name = "+".join(dimension)
        rows = [group.row(name, value) for value, group in self._groups[dimension].items()]
        return sorted(rows, key=lambda row: (-row["total_cost"], row["value"]))


def distribution(counts: CounterOf[int], bins: int = 8) -> List[Tuple[int, int, int]]:
    """Return (from, to, how many) for bins of equal width from the lowest to the highest value.

    `to` is exclusive but for the last bin.
    """
    if not counts:
        return []
    low, high = min(counts), max(counts)
    width = max(1, -(-(high - low + 1) // bins))
    filled = [0] * (-(-(high - low + 1) // width))
    for value, count in counts.items():
        filled[(value - low) // width] += count
    return [(low + n * width, low + (n + 1) * width, count) for n, count in enumerate(filled)]


def _print_rows(rows: Sequence[Row], top: int) -> None:
    note(f"{'':<26} {'calls':>8} {'cost':>12} {'p50':>6} {'p95':>6} {'p99':>6} ms  tokens/$")
    for entry in rows[:top]:
        note(
            f"{entry['value'][:26]:<26} {entry['count']:>8,} ${entry['total_cost']:>11,.4f} "
            f"{entry['p50_latency_ms']:>6,} {entry['p95_latency_ms']:>6,} "
            f"{entry['p99_latency_ms']:>6,} "
            f"{entry['tokens_per_dollar']:>12,.0f}"
        )


def _print_distribution(counts: CounterOf[int]) -> None:
    bins = distribution(counts)
    most = max((count for _, _, count in bins), default=1)
    for low, high, count in bins:
        bar = "#" * max(count and 1, round(BAR_WIDTH * count / most))
        note(f"{low:>6,} – {high:>6,} ms {count:>9,} {bar}")


def demonstrate(arguments: argparse.Namespace) -> List[Row]:
    """Aggregate by every dimension, print the top groups, return every row."""
    dimensions = [tuple(text.split(",")) for text in arguments.by or DEFAULT_DIMENSIONS]
    title("Query: aggregations")
    step(1, "Read the calls once, for all dimensions")
    aggregator = Aggregator(dimensions)
    with open_calls(arguments.path) as calls:
        if arguments.by:
            calls.check(name for dimension in dimensions for name in dimension)
        begin = time.perf_counter()
        aggregator.consume(calls)
        seconds = time.perf_counter() - begin
        note(calls.described())
    rows: List[Row] = []
    for number, dimension in enumerate(dimensions, 2):
        step(number, f"By {' and '.join(dimension)}, the {arguments.top} dearest")
        groups = aggregator.rows(dimension)
        _print_rows(groups, arguments.top)
        counted = sum(group["count"] for group in groups)
        require(counted == aggregator.total.calls, f"{len(groups):,} groups, no call lost")
        rows += groups
    step(len(dimensions) + 2, "Distribution of latency")
    _print_distribution(aggregator.total.latencies)
    _print_totals(aggregator.total.row("all", "all"), aggregator.total.calls / seconds)
    benefits(
        [
            "Percentiles instead of averages: what users really wait for",
            "Cost per token makes models comparable",
            "Exact figures: the same question, the same answer",
        ]
    )
    return rows


def _print_totals(everything: Row, speed: float) -> None:
    percentiles = ", ".join(f"{everything[f'p{p}_latency_ms']:,}" for p in PERCENTILES)
    results(
        [
            ("Calls", f"{everything['count']:,}"),
            ("Total cost", f"${everything['total_cost']:,.6f}"),
            ("Average cost", f"${everything['avg_cost']:,.6f} a call"),
            ("Latency p50, p95, p99", f"{percentiles} ms"),
            ("p99 cost of a call", f"${everything['p99_cost']:,.6f}"),
            ("Tokens per dollar", f"{everything['tokens_per_dollar']:,.0f}"),
            ("Error rate", f"{everything['error_rate_percent']:.2f} %"),
            ("Speed", f"{speed:,.0f} calls a second"),
        ]
    )


def main() -> int:
    """Parse the options, run the query, write what was asked for."""
    parser = options(__doc__ or "")
    parser.add_argument("--by", action="append", metavar="DIM[,DIM]", help="dimension, repeatable")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="groups shown (default 5)")
    arguments = parser.parse_args()

    def query() -> None:
        with narrative(arguments):
            rows = demonstrate(arguments)
        write(arguments, rows)

    return run(query)


if __name__ == "__main__":
    sys.exit(main())
