"""What is reported at every run: an exceeded budget, or a finding of a level.

An alert is a state, true at every run, so a run's exit status and its lines do not depend on what
was reported before.  Its `key`, `month` and `level` say when two runs mean the same, so that a
channel gets it once (see `posting`).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Sequence

if TYPE_CHECKING:
    from finops.analyzers.shared.budget_months import BudgetMonth
    from finops.config import Budget

CRITICAL, WARNING = "critical", "warning"
# What `--fail-on` takes, and the severities of findings that it then reports.
LEVELS: Mapping[str, Sequence[str]] = {CRITICAL: (CRITICAL,), WARNING: (CRITICAL, WARNING)}
_FIGURE = re.compile(r"[0-9][0-9,.]*")
_PLACES = (2, 4, 6, 12)


class Alert(NamedTuple):
    """One thing to report: `text` in one sentence; `key` what it is about, without its figures."""

    key: str
    month: str
    level: str
    text: str


def budget_alerts(months: Sequence[BudgetMonth], timezone: str) -> List[Alert]:
    """Return an alert for each month that exceeds its budget.

    The amount is part of the key: another amount is another budget.
    """
    return [
        Alert(
            f"{_key(month)}:{month.budget.monthly_usd!r}",
            month.month,
            CRITICAL,
            _exceeded(month, timezone),
        )
        for month in months
        if month.is_exceeded
    ]


def unsettled(months: Sequence[BudgetMonth]) -> List[str]:
    """Return a sentence for each budget of which calls without a price leave open whether it is
    exceeded.
    """
    open_ones = [month for month in months if month.unpriced_calls]
    exceeded = {month.budget for month in open_ones if month.is_exceeded}
    calls = {m.budget: m.unpriced_calls for m in open_ones if m.budget not in exceeded}
    return [
        f"the budget of {_usd(Decimal(repr(budget.monthly_usd)), 2)} USD for {_subject(budget)} may"
        f" be exceeded: {count:,} call{' has' if count == 1 else 's have'} no price"
        for budget, count in calls.items()
    ]


def finding_alerts(
    results: Mapping[str, Mapping[str, Any]],
    level: str,
    month: str,
    exceeded: Sequence[BudgetMonth] = (),
) -> List[Alert]:
    """Return an alert for each finding that a level (of `LEVELS`) asks for, the most serious first.

    Findings about the same calls count once.  `results` are by analyzer id, `month` is the last
    of the data; what budgets say is left out where those are `exceeded` in it.
    """
    reported = {_key(use) for use in exceeded if use.month == month and use.is_exceeded}
    alerts: Dict[str, Alert] = {}
    for severity in LEVELS[level]:
        for name, result in results.items():
            for finding in result.get("findings", ()):
                if finding["severity"] == severity and finding["overlaps"] not in reported:
                    alert = _of_finding(name, finding, month)
                    alerts.setdefault(finding["overlaps"] or alert.key, alert)
    return list(alerts.values())


def _of_finding(name: str, finding: Mapping[str, Any], month: str) -> Alert:
    about = finding["overlaps"] or json.dumps(finding["subject"], sort_keys=True)
    title = _FIGURE.sub("#", finding["title"])
    key = f"finding:{name}:{finding['kind']}:{about}:{title}"
    text = f"{finding['severity']}: {finding['title']} ({name})"
    return Alert(key, month, finding["severity"], text)


def _key(month: BudgetMonth) -> str:
    """Return the key of a budget, which its finding has as `overlaps`."""
    return f"budget:{month.budget.scope}:{month.budget.subject}"


def _exceeded(month: BudgetMonth, timezone: str) -> str:
    places = next((n for n in _PLACES if _usd(month.spent, n) != _usd(month.limit, n)), _PLACES[-1])
    least = "at least " if month.unpriced_calls else ""
    percent = month.spent / month.limit * 100
    return (
        f"budget exceeded: {_subject(month.budget)} cost {least}{_usd(month.spent, places)} USD in"
        f" {month.month} ({timezone}), {percent:,.0f} % of the budget of"
        f" {_usd(month.limit, places)} USD"
    )


def _subject(budget: Budget) -> str:
    return f"{budget.scope} {budget.subject}" if budget.subject else "all usage"


def _usd(amount: Decimal, places: int) -> str:
    return f"{amount:,.{places}f}"
