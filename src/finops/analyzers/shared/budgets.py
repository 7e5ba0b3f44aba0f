"""Configured budgets: what the last calendar month of the data has used of each.

The month is that of the last date, a part of a month like any other: its pace is held against the
budget's part for the days that the data covers.  What the rest of the month will cost is the one
forecast, of which each subject takes the part that it has in the cost of the last 30 whole days,
so that the parts of a whole add up.
"""

from __future__ import annotations

import math
from calendar import monthrange
from decimal import Decimal
from itertools import accumulate
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.budget_months import SOURCES, unpriced_calls
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.forecast import month_ahead
from finops.analyzers.shared.known_costs import known_cost
from finops.analyzers.shared.tables import (
    ACCOUNT_DAYS,
    ACCOUNTS,
    CALLS,
    DAYS,
    MODEL_DAYS,
    RECENT_ACCOUNT_DAYS,
    USE_DAYS,
)
from finops.analyzers.shared.wording import percent as percent_words
from finops.analyzers.shared.wording import usd
from finops.config import Budget
from finops.results.alignment import BudgetUse
from finops.results.base import Finding
from finops.rollups.spec import Rollups, Table
from finops.stats import percent, ratio

BUDGET_TABLES: Tuple[Table, ...] = (
    RECENT_ACCOUNT_DAYS,
    ACCOUNTS,
    CALLS,
    DAYS,
    MODEL_DAYS,
    USE_DAYS,
)

ByDay = Mapping[str, float]


def budget_uses(data: Rollups, span: CoveredDays, budgets: Sequence[Budget]) -> List[BudgetUse]:
    """Return the use of each budget in the order given; none without a call.

    `data` holds `BUDGET_TABLES`.  Pace and forecast are None under 7 covered days, and where a
    call of the subject has no known cost.
    """
    if not span.dates or not budgets:
        return []
    total = {day: cost for (day,), (_, cost, *_) in data[DAYS].items()}
    ahead = {} if data.totals.unpriced else _ahead(total, span)
    return [_use(data, span, budget, total, ahead) for budget in budgets]


def _ahead(total: ByDay, span: CoveredDays) -> Dict[str, float]:
    """Return what all calls will cost on the dates to come, and in the rest of the last date."""
    projection, _ = month_ahead(total, span)
    if not projection:
        return {}
    last = span.dates[-1]
    rest = (1 - span.shares[last]) * _recent(total, span) / len(span.recent)
    return {last: rest, **{day.date: day.expected for day in projection}}


def _use(data: Rollups, span: CoveredDays, budget: Budget, total: ByDay, ahead: ByDay) -> BudgetUse:
    month = span.dates[-1][:7]
    costs, unpriced = _costs_of(data, budget, total), unpriced_calls(data, budget)
    dates = [date for date in span.dates if date[:7] == month]
    used = {date: costs.get(date, 0.0) for date in dates}
    spent = float(sum(map(_exact, used.values())))
    length = monthrange(int(month[:4]), int(month[5:]))[1]
    covered = math.fsum(span.shares[date] for date in dates)
    share = ratio(_recent(costs, span), _recent(total, span))
    coming = {date: cost * share for date, cost in ahead.items() if date[:7] == month}
    is_known = span.has_rates and not unpriced
    return BudgetUse(
        scope=budget.scope,
        subject=budget.subject,
        month=month,
        monthly_budget=budget.monthly_usd,
        spent=known_cost(spent, unpriced),
        pace_percent=percent(spent, budget.monthly_usd * covered / length) if is_known else None,
        expected_at_month_end=math.fsum([spent, *coming.values()]) if ahead else None,
        breach_date=_breach(budget.monthly_usd, used, coming),
        unpriced_calls=unpriced,
    )


def _breach(budget: float, used: ByDay, coming: ByDay) -> Optional[str]:
    """Return the first date at the end of which more than the budget is or will be spent."""
    days = sorted({**used, **coming})
    spent = accumulate(_exact(used.get(day, 0.0)) + _exact(coming.get(day, 0.0)) for day in days)
    return next((day for day, amount in zip(days, spent) if amount > _exact(budget)), None)


def _exact(amount: float) -> Decimal:
    """Return an amount as it is written: what costs a budget to the cent does not exceed it."""
    return Decimal(repr(amount))


def _costs_of(data: Rollups, budget: Budget, total: ByDay) -> ByDay:
    """Return what a subject costs by day, on the dates of the last month and the recent ones."""
    if budget.scope not in SOURCES:
        return total
    by_day, _, column = SOURCES[budget.scope]
    by_day = RECENT_ACCOUNT_DAYS if by_day == ACCOUNT_DAYS else by_day
    place, day = by_day.by.index(column), by_day.by.index("day")
    cost = by_day.measures.index("cost")
    amounts: Dict[str, List[float]] = {}
    for key, values in data[by_day].items():
        if key[place] == budget.subject:
            amounts.setdefault(key[day], []).append(values[cost])
    return {date: math.fsum(parts) for date, parts in amounts.items()}


def _recent(costs: ByDay, span: CoveredDays) -> float:
    return math.fsum(costs.get(date, 0.0) for date in span.recent)


# --- sentences -------------------------------------------------------------------------------


def budget_findings(uses: Sequence[BudgetUse]) -> List[Finding]:
    """Return a finding for each budget that is used up, or will be within the month."""
    return [_finding(use) for use in uses if _is_over(use)]


def budget_advice(uses: Sequence[BudgetUse]) -> List[str]:
    """Return what to do about the budgets that are exceeded most."""
    over = sorted(filter(_is_over, uses), key=lambda use: (-_excess(use), use.scope, use.subject))
    return [
        f"Cut {_spending_of(use)} or agree on a higher budget: {usd(use.monthly_budget)} for "
        f"{use.month} {_until(use)}."
        for use in over[: config.RECOMMENDED_SUBJECTS]
    ]


def _is_over(use: BudgetUse) -> bool:
    return use.breach_date is not None


def _spent(use: BudgetUse) -> float:
    """Return what is known to be spent."""
    return use.spent or 0.0


def _excess(use: BudgetUse) -> float:
    """Return what the month will cost above the budget, as far as it is known."""
    expected = _spent(use) if use.expected_at_month_end is None else use.expected_at_month_end
    return max(0.0, expected - use.monthly_budget)


def _finding(use: BudgetUse) -> Finding:
    exceeded = _spent(use) > use.monthly_budget
    expected = use.expected_at_month_end
    pace = "" if use.pace_percent is None else f", {percent_words(use.pace_percent)} of its pace"
    return finding(
        "critical" if exceeded else "warning",
        f"{_named(use)} {'has used up' if exceeded else 'will use up'} its budget of "
        f"{usd(use.monthly_budget)} for {use.month}",
        f"{usd(_spent(use))} is spent{pace}. "
        + ("" if expected is None else f"Expected at the end of the month: {usd(expected)}. ")
        + f"The budget {_until(use)}.",
        _excess(use),
        kind="exposure",
        confidence="high" if exceeded else "medium",
        effort="medium",
        subject={SOURCES[use.scope][2]: use.subject} if use.subject else {},
        overlaps=f"budget:{use.scope}:{use.subject}",
    )


def _until(use: BudgetUse) -> str:
    tense = "was exceeded" if _spent(use) > use.monthly_budget else "will be exceeded"
    return f"{tense} on {use.breach_date}"


def _named(use: BudgetUse) -> str:
    return f"The {use.scope} {use.subject}" if use.subject else "All usage together"


def _spending_of(use: BudgetUse) -> str:
    return f"the spending of the {use.scope} {use.subject}" if use.subject else "total spending"
