"""What each calendar month of the data spent of each budget.

A month is one of the reporting time zone, from its first day to its last.  Every month of the data
is judged by itself: what May costs is never April's, and a month that is over stays exceeded.
Amounts are exact, so that a month which costs its budget to the cent has not exceeded it.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from finops.analyzers.shared.tables import ACCOUNT_DAYS, ACCOUNTS, CALLS, DAYS, MODEL_DAYS, USE_DAYS
from finops.config import Budget
from finops.rollups.spec import Rollups, Table

# Where the cost of a scope stands by day, where its unpriced calls, and the column's name.
SOURCES: Mapping[str, Tuple[Table, Table, str]] = {
    "provider": (MODEL_DAYS, CALLS, "provider"),
    "organization": (ACCOUNT_DAYS, ACCOUNTS, "organization_id"),
    "product": (ACCOUNT_DAYS, ACCOUNTS, "product_id"),
    "feature": (USE_DAYS, CALLS, "feature_id"),
    "customer": (ACCOUNT_DAYS, ACCOUNTS, "customer_id"),
}


class BudgetMonth(NamedTuple):
    """One budget in one month, `YYYY-MM`: `spent` in USD, at the least where `unpriced_calls`,
    calls of its subject in the whole data, have no known cost.
    """

    budget: Budget
    month: str
    spent: Decimal
    unpriced_calls: int

    @property
    def limit(self) -> Decimal:
        """The budget in USD."""
        return Decimal(repr(self.budget.monthly_usd))

    @property
    def is_exceeded(self) -> bool:
        """Whether more was spent than the budget."""
        return self.spent > self.limit


def tables_of(budgets: Sequence[Budget]) -> List[Table]:
    """Return the tables that `budget_months` needs for these budgets."""
    tables = [DAYS] if budgets else []
    for budget in budgets:
        tables += SOURCES[budget.scope][:2] if budget.scope in SOURCES else ()
    return list(dict.fromkeys(tables))


def budget_months(data: Rollups, budgets: Sequence[Budget]) -> List[BudgetMonth]:
    """Return each budget in each month with a call of its subject, budgets in the order given,
    months ascending.  `data` holds `tables_of(budgets)`.
    """
    return [
        BudgetMonth(budget, month, spent, unpriced_calls(data, budget))
        for budget in budgets
        for month, spent in sorted(_by_month(data, budget).items())
    ]


def unpriced_calls(data: Rollups, budget: Budget) -> int:
    """Return how many calls of a budget's subject have no known cost."""
    if budget.scope not in SOURCES:
        return data.totals.unpriced
    _, calls, column = SOURCES[budget.scope]
    at, unpriced = calls.by.index(column), calls.measures.index("unpriced")
    return sum(v[unpriced] for key, v in data[calls].items() if key[at] == budget.subject)


def _by_month(data: Rollups, budget: Budget) -> Dict[str, Decimal]:
    by_day, _, column = SOURCES.get(budget.scope, (DAYS, DAYS, ""))
    day, cost = by_day.by.index("day"), by_day.measures.index("cost")
    place = by_day.by.index(column) if column else None
    spent: Dict[str, Decimal] = defaultdict(Decimal)
    for key, values in data[by_day].items():
        if place is None or key[place] == budget.subject:
            spent[key[day][:7]] += Decimal(repr(values[cost]))
    return spent
