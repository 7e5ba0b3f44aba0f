"""Allocate the cost of a file along several cuts, and print the most expensive groups."""

from __future__ import annotations

import time
from typing import List, Optional, Sequence, Tuple

import cost_allocation
from _console import benefits, note, require, results, step, title
from _dataset import dataset
from _output import narrative, options, per_second, percent, usd, write
from cost_allocation import CallFile, CostAllocator, Row, parse_cuts

SHOWN = 5


def _show(allocator: CostAllocator, cut: Tuple[str, ...]) -> List[Row]:
    """Print the most expensive groups of a cut and check its sum; return all its rows."""
    rows = allocator.rows(cut)
    for entry in rows[:SHOWN]:
        note(
            f"{entry['value']:<34} {entry['count']:>8,} calls "
            f"{usd(entry):>14} {percent(entry['share_percent']):>7}"
        )
    if len(rows) > SHOWN:
        note(f"… and {len(rows) - SHOWN:,} more")
    require(allocator.adds_up(cut), f"{len(rows):,} groups add up to the total")
    return rows


def demonstrate(argv: Optional[Sequence[str]] = None) -> List[Row]:
    """Allocate the cost along all cuts, print the most expensive groups, return every row."""
    parser = options(cost_allocation.__doc__ or "")
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="DIM[,DIM]",
        help="a cut, repeatable: columns, or day, week, month, hour, weekday",
    )
    arguments = parser.parse_args(argv)
    with narrative(arguments):
        rows = _allocate(arguments.path, arguments.by)
    write(arguments, rows)
    return rows


def _allocate(path: Optional[str], by: Sequence[str]) -> List[Row]:
    cuts = parse_cuts(by)
    title("Query: cost allocation")
    allocator = CostAllocator(cuts)
    with dataset(path) as chosen:
        calls = CallFile(*chosen)
        step(1, "Read the calls once, for all cuts")
        if by:
            calls.check(name for cut in cuts for name in cut)
        begin = time.perf_counter()
        allocator.consume(calls)
        seconds = time.perf_counter() - begin
        note(calls.described())
    rows: List[Row] = []
    for number, cut in enumerate(cuts, 2):
        step(number, f"Cost by {' and '.join(cut)}")
        rows += _show(allocator, cut)
    total = allocator.total
    results(
        [
            ("Total cost", total.money.shown(6)),
            ("Calls", f"{total.money.calls:,}"),
            ("Calls without a cost", f"{total.money.unpriced:,}"),
            ("Tokens", f"{total.tokens:,}"),
            ("Groups", f"{len(rows):,} in {len(cuts)} cuts"),
            ("Speed", per_second(calls.used, seconds)),
        ]
    )
    benefits(
        [
            "Any question of who caused a cost is one line, not a project",
            "Every cut adds up to the same bill",
            "Combinations show what single dimensions hide",
        ]
    )
    return rows
