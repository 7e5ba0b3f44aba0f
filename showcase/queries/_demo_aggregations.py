"""Aggregate the calls of a file by several dimensions, and print the most expensive groups."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import Counter as CounterOf
from typing import List, Optional, Sequence

import aggregations
from _console import benefits, note, require, results, step, title
from _dataset import dataset
from _output import narrative, number, options, per_second, percent, usd, write
from aggregations import DEFAULT_DIMENSIONS, PERCENTILES, Aggregator, CallFile, Row, distribution

BAR_WIDTH = 30


def _print_rows(rows: Sequence[Row], top: int) -> None:
    note(f"{'':<26} {'calls':>8} {'cost':>14} {'p50':>6} {'p95':>6} {'p99':>6} ms  tokens/$")
    for entry in rows[:top]:
        waits = " ".join(f"{number(entry[f'p{p}_latency_ms']):>6}" for p in PERCENTILES)
        note(
            f"{entry['value'][:26]:<26} {entry['count']:>8,} {usd(entry):>14} {waits} "
            f"{number(entry['tokens_per_dollar']):>12}"
        )


def _print_distribution(counts: CounterOf[int]) -> None:
    bins = distribution(counts)
    most = max((count for _, _, count in bins), default=1)
    for low, high, count in bins:
        bar = "#" * max(count and 1, round(BAR_WIDTH * count / most))
        note(f"{low:>6,} – {high:>6,} ms {count:>9,} {bar}")
    if not bins:
        note("No successful call has a latency.")


def demonstrate(argv: Optional[Sequence[str]] = None) -> List[Row]:
    """Aggregate by every dimension, print the top groups, return every row."""
    parser = options(aggregations.__doc__ or "")
    parser.add_argument("--by", action="append", metavar="DIM[,DIM]", help="dimension, repeatable")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="groups shown (default 5)")
    arguments = parser.parse_args(argv)
    with narrative(arguments):
        rows = _aggregate(arguments)
    write(arguments, rows)
    return rows


def _aggregate(arguments: argparse.Namespace) -> List[Row]:
    dimensions = [tuple(text.split(",")) for text in arguments.by or DEFAULT_DIMENSIONS]
    title("Query: aggregations")
    step(1, "Read the calls once, for all dimensions")
    aggregator = Aggregator(dimensions)
    with dataset(arguments.path) as chosen:
        calls = CallFile(*chosen)
        if arguments.by:
            calls.check(name for dimension in dimensions for name in dimension)
        begin = time.perf_counter()
        aggregator.consume(calls)
        seconds = time.perf_counter() - begin
        note(calls.described())
    rows: List[Row] = []
    for place, dimension in enumerate(dimensions, 2):
        step(place, f"By {' and '.join(dimension)}, the {arguments.top} most expensive")
        groups = aggregator.rows(dimension)
        _print_rows(groups, arguments.top)
        counted = sum(group["count"] for group in groups)
        require(counted == aggregator.total.money.calls, f"{len(groups):,} groups, no call lost")
        rows += groups
    step(len(dimensions) + 2, "Distribution of latency")
    _print_distribution(Counter(aggregator.total.latencies))
    _print_totals(aggregator.total.row("all", "all"), per_second(calls.used, seconds))
    benefits(
        [
            "Percentiles instead of averages: what users really wait for",
            "Cost per token makes models comparable",
            "Exact figures: the same question, the same answer",
        ]
    )
    return rows


def _print_totals(everything: Row, speed: str) -> None:
    waits = ", ".join(number(everything[f"p{p}_latency_ms"]) for p in PERCENTILES)
    results(
        [
            ("Calls", f"{everything['count']:,}"),
            ("Total cost", usd(everything, 6)),
            ("Average cost of a call, USD", number(everything["avg_cost"], ",.6f")),
            ("Latency p50, p95, p99", f"{waits} ms of {everything['latency_calls']:,} calls"),
            ("p99 cost of a call, USD", number(everything["p99_cost"], ",.6f")),
            ("Tokens per dollar", number(everything["tokens_per_dollar"])),
            ("Error rate", percent(everything["error_rate_percent"], ".2f")),
            ("Speed", speed),
        ]
    )
