"""Sums over the rows of an imported CSV, kept beside it for imports that change nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from finops.importers.call import COLUMNS, FROM_BILL, NO_COST

_TIMESTAMP, _PROVIDER, _MODEL, _TOKENS, _COST, _COST_SOURCE, _CALLS = map(
    COLUMNS.index,
    ("timestamp", "provider", "model", "total_tokens", "cost_usd", "cost_source", "calls"),
)


class Totals:
    """Sums over the rows of the CSV."""

    def __init__(self) -> None:
        self.rows = 0
        self.calls = 0
        self.calls_unknown = False
        self.tokens = 0
        self.cost = Decimal(0)
        self.unpriced_calls = 0
        self.unpriced_models: Dict[str, None] = {}
        self._periods: Dict[Tuple[str, bool], Tuple[str, str]] = {}

    def add_all(self, rows: Sequence[Sequence[str]]) -> None:
        """Take rows of the CSV into account, which are in order of time."""
        if not rows:
            return
        columns = list(zip(*rows))
        self.rows += len(rows)
        self.tokens += sum(map(int, filter(None, columns[_TOKENS])))
        self.cost += sum(map(Decimal, filter(None, columns[_COST])))
        self.calls += sum(int(count or 1) for count in columns[_CALLS])
        if "0" in columns[_CALLS]:
            self.calls_unknown |= any(map(_has_unknown_calls, rows))
        if NO_COST in columns[_COST_SOURCE]:
            for row in rows:
                if row[_COST_SOURCE] == NO_COST:
                    self.unpriced_calls += int(row[_CALLS] or 1)
                    self.unpriced_models.setdefault(row[_MODEL])
        keys = list(zip(columns[_PROVIDER], columns[_COST_SOURCE]))
        times = columns[_TIMESTAMP]
        lasts = dict(zip(keys, times))
        for (provider, source), first in dict(zip(reversed(keys), reversed(times))).items():
            self._extend((provider, source == FROM_BILL), first, lasts[(provider, source)])

    def _extend(self, key: Tuple[str, bool], first: str, last: str) -> None:
        before = self._periods.get(key, (first, last))
        self._periods[key] = min(before[0], first), max(before[1], last)

    def remove(self, row: Sequence[str]) -> bool:
        """Take a row out of account; False where only all the others can say what the sums are."""
        key = row[_PROVIDER], row[_COST_SOURCE] == FROM_BILL
        if row[_TIMESTAMP] in self._periods.get(key, (row[_TIMESTAMP],)):
            return False
        if row[_COST_SOURCE] == NO_COST or _has_unknown_calls(row):
            return False
        self.rows -= 1
        self.tokens -= int(row[_TOKENS] or 0)
        self.cost -= Decimal(row[_COST] or 0)
        self.calls -= int(row[_CALLS] or 1)
        return True

    def plain(self) -> List[object]:
        """Return the sums as JSON has them."""
        periods = [[*key, *period] for key, period in self._periods.items()]
        sums = [self.rows, self.calls, self.calls_unknown, self.tokens, str(self.cost)]
        return [*sums, self.unpriced_calls, list(self.unpriced_models), periods]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Totals:
        """Return the sums that JSON made of some.

        Raises ValueError, TypeError or ArithmeticError where they are none.
        """
        totals = cls()
        rows, calls, unknown, tokens, cost, unpriced, models, periods = plain
        totals.rows, totals.calls, totals.calls_unknown = int(rows), int(calls), bool(unknown)
        totals.tokens, totals.cost, totals.unpriced_calls = (
            int(tokens),
            Decimal(cost),
            int(unpriced),
        )
        totals.unpriced_models = dict.fromkeys(map(str, models))
        totals._periods = {(p, bool(bill)): (first, last) for p, bill, first, last in periods}
        return totals

    def twice_counted(self) -> Set[str]:
        """Return the providers with a bill and with calls in one period."""
        return {
            provider
            for (provider, billed), (first, last) in self._periods.items()
            if billed and _overlap((first, last), self._periods.get((provider, False)))
        }


def _has_unknown_calls(row: Sequence[str]) -> bool:
    return row[_CALLS] == "0" and Decimal(row[_COST] or 0) >= 0


def _overlap(period: Tuple[str, str], other: Optional[Tuple[str, str]]) -> bool:
    return other is not None and period[0][:10] <= other[1][:10] and other[0][:10] <= period[1][:10]
