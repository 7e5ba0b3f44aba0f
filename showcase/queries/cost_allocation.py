"""Cost allocation: who and what caused the cost, by any dimension or combination of them.

Every call carries its customer, organization, product and feature, so the bill can be cut along
any of them, and along several at once, and each cut adds up to the same total.

Use case: chargeback and showback, budgets by team, cost of a feature or an environment.
Pattern: one streaming pass, one running sum per group, exact money.
Performance: one pass for all cuts; memory grows with groups, not with calls.  The results block
shows the calls per second of this run.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

from _calls import Call, combined, open_calls
from _console import benefits, note, require, results, run, step, title
from _output import Row, narrative, options, row, write

DEFAULT_CUTS: Tuple[Tuple[str, ...], ...] = (
    ("customer_id",),
    ("organization_id",),
    ("product_id",),
    ("feature_id",),
    ("organization_id", "feature_id"),
)
SHOWN = 5


class Group:
    """Running sums of one group: calls, tokens, billionths of a dollar."""

    __slots__ = ("calls", "nano_usd", "tokens")

    def __init__(self) -> None:
        self.calls = self.tokens = self.nano_usd = 0

    def add(self, call: Call) -> None:
        """Count one call."""
        self.calls += 1
        self.tokens += call.tokens
        self.nano_usd += call.nano_usd


class CostAllocator:
    """Allocate calls along several cuts at once; a cut is a tuple of dimensions."""

    def __init__(self, cuts: Sequence[Tuple[str, ...]]) -> None:
        self.total = Group()
        self._groups: Dict[Tuple[str, ...], Dict[str, Group]] = {cut: {} for cut in cuts}
        self._keys: List[Tuple[Callable[[Call], str], Dict[str, Group]]] = [
            (combined(cut), groups) for cut, groups in self._groups.items()
        ]

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls to every cut."""
        for call in calls:
            self.total.add(call)
            for key_of, groups in self._keys:
                key = key_of(call)
                group = groups.get(key)
                if group is None:
                    group = groups[key] = Group()
                group.add(call)

    def rows(self, cut: Tuple[str, ...]) -> List[Row]:
        """Return a cut's groups, dearest first, with share and cost per 1,000 tokens."""
        ordered = sorted(self._groups[cut].items(), key=lambda item: (-item[1].nano_usd, item[0]))
        return [self._row("+".join(cut), value, group) for value, group in ordered]

    def _row(self, dimension: str, value: str, group: Group) -> Row:
        share = 100 * group.nano_usd / self.total.nano_usd if self.total.nano_usd else 0.0
        per_1k = group.nano_usd / 1e6 / group.tokens if group.tokens else 0.0
        more = {"total_tokens": group.tokens, "share_percent": share, "cost_per_1k_tokens": per_1k}
        return row(dimension, value, group.calls, group.nano_usd, **more)

    def adds_up(self, cut: Tuple[str, ...]) -> bool:
        """Whether a cut's groups sum to the total: to the call, and to the nano-dollar."""
        groups = self._groups[cut].values()
        money = sum(group.nano_usd for group in groups)
        calls = sum(group.calls for group in groups)
        return (money, calls) == (self.total.nano_usd, self.total.calls)


def parse_cuts(texts: Sequence[str]) -> Tuple[Tuple[str, ...], ...]:
    """Return the cuts of `--by` options such as `organization_id,feature_id`."""
    cuts = tuple(tuple(part.strip() for part in text.split(",") if part.strip()) for text in texts)
    return tuple(cut for cut in cuts if cut) or DEFAULT_CUTS


def _show(allocator: CostAllocator, cut: Tuple[str, ...]) -> List[Row]:
    """Print the dearest groups of a cut and check its sum; return all its rows."""
    rows = allocator.rows(cut)
    for entry in rows[:SHOWN]:
        note(
            f"{entry['value']:<34} {entry['count']:>8,} calls "
            f"${entry['total_cost']:>11,.4f} {entry['share_percent']:>5.1f} %"
        )
    if len(rows) > SHOWN:
        note(f"… and {len(rows) - SHOWN:,} more")
    require(allocator.adds_up(cut), f"{len(rows):,} groups add up to the total")
    return rows


def demonstrate(arguments: argparse.Namespace) -> List[Row]:
    """Allocate the cost along all cuts, print the dearest groups, return every row."""
    cuts = parse_cuts(arguments.by)
    title("Query: cost allocation")
    allocator = CostAllocator(cuts)
    with open_calls(arguments.path) as calls:
        step(1, "Read the calls once, for all cuts")
        if arguments.by:
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
            ("Total cost", f"${total.nano_usd / 1e9:,.6f}"),
            ("Calls", f"{total.calls:,}"),
            ("Tokens", f"{total.tokens:,}"),
            ("Groups", f"{len(rows):,} in {len(cuts)} cuts"),
            ("Speed", f"{total.calls / seconds:,.0f} calls a second"),
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


def main() -> int:
    """Parse the options, run the query, write what was asked for."""
    parser = options(__doc__ or "")
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="DIM[,DIM]",
        help="a cut, repeatable: columns, or day, week, month, hour, weekday",
    )
    arguments = parser.parse_args()

    def query() -> None:
        with narrative(arguments):
            rows = demonstrate(arguments)
        write(arguments, rows)

    return run(query)


if __name__ == "__main__":
    sys.exit(main())
