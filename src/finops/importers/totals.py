"""Sums over the rows of an imported CSV, kept beside it for imports that change nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from finops.importers.call import FROM_BILL, NO_COST, Record


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

    def add(self, record: Record) -> None:
        """Take a row into account."""
        self.rows += 1
        self.tokens += int(record.total_tokens or 0)
        amount = Decimal(record.cost_usd or 0)
        self.cost += amount
        calls = int(record.calls or 1)
        self.calls += calls
        self.calls_unknown |= not calls and amount >= 0
        if record.cost_source == NO_COST:
            self.unpriced_calls += calls
            self.unpriced_models.setdefault(record.model)
        key = record.provider, record.cost_source == FROM_BILL
        first, last = self._periods.get(key, (record.timestamp, record.timestamp))
        self._periods[key] = min(first, record.timestamp), max(last, record.timestamp)

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


def _overlap(period: Tuple[str, str], other: Optional[Tuple[str, str]]) -> bool:
    return other is not None and period[0][:10] <= other[1][:10] and other[0][:10] <= period[1][:10]
