"""One voice: what is advised for a customer, decided once for all reports.

A customer that shows several things at once is advised by the gravest: suspected abuse, which is
to be confirmed first; then a loss, with the mildest remedy that restores the margin; then falling
usage; then a tier that it has outgrown; then that it left.  Every report that names a customer
says this sentence, or none.
"""

from __future__ import annotations

import math
from itertools import chain, groupby
from typing import (
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from finops import config
from finops.analyzers.shared.abuse_detectors import ABUSE_TABLES, Evidence, Exposure, evidence_of
from finops.analyzers.shared.abuse_signals import action_for, flags_of
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.customer_trends import (
    TREND_TABLES,
    at_risk_customers,
    expansion_of,
    trends_of,
)
from finops.analyzers.shared.model_switches import MODEL_ERRORS, rule_of
from finops.analyzers.shared.revenue import CUSTOMER_TABLE, Account, Book, open_book
from finops.analyzers.shared.switch_savings import USAGE_TABLE
from finops.analyzers.shared.wording import counted, percent, usd
from finops.results.base import CustomerAdvice
from finops.results.churn_growth import CustomerAtRisk, Expansion
from finops.results.long_lists import MadeRows
from finops.results.profitability import GoneCustomer
from finops.rollups.memo import memoized
from finops.rollups.spec import Rollups, Table

ADVICE_TABLES: Tuple[Table, ...] = (
    *(*ABUSE_TABLES, *TREND_TABLES),
    *(CUSTOMER_TABLE, MODEL_ERRORS, USAGE_TABLE),
)
# From the gravest to the mildest.
GONE = "gone"
REASONS: Tuple[str, ...] = ("suspected_abuse", "losing_money", "at_risk", "outgrown", GONE)


class Advice(Mapping[str, CustomerAdvice]):
    """What is advised for each customer for whom there is a reason, by name.

    Of a million customers most may be gone: the sentence for one of them is written only when it is
    asked for.
    """

    def __init__(self, graver: Iterable[CustomerAdvice], gone: Iterable[GoneCustomer]) -> None:
        """`graver` come from the gravest: of several for a customer the first counts."""
        self._graver: Dict[str, CustomerAdvice] = {}
        for row in graver:
            self._graver.setdefault(row.customer_id, row)
        self._gone = {row.customer_id: row for row in gone if row.customer_id not in self._graver}

    def __len__(self) -> int:
        return len(self._graver) + len(self._gone)

    def __iter__(self) -> Iterator[str]:
        return chain(self._graver, self._gone)

    def __contains__(self, name: object) -> bool:
        return name in self._graver or name in self._gone

    def __getitem__(self, name: str) -> CustomerAdvice:
        return self._graver[name] if name in self._graver else _gone(self._gone[name])

    def reason(self, name: str) -> str:
        """Return the reason of what is advised for a customer, "" where nothing is."""
        if name in self._graver:
            return self._graver[name].reason
        return GONE if name in self._gone else ""

    def rank(self, name: str) -> Tuple[int, float, str]:
        """Return what orders customers: the gravest reason first, then the largest amount."""
        if name in self._graver:
            worth = self._graver[name].monthly_worth
        else:
            worth = self._gone[name].lost_monthly_revenue
        return REASONS.index(self.reason(name)), -(worth or 0.0), name


@memoized
def advice_of(data: Rollups, span: CoveredDays) -> Advice:
    """Return what is advised for each customer for whom there is a reason, by name.

    `data` holds `ADVICE_TABLES`.
    """
    book = open_book(data, span)
    trends = trends_of(data, span)
    graver = [
        *suspected(data, span, evidence_of(data)),
        *_losing(data, span, book),
        *map(_at_risk, at_risk_customers(data, trends)),
        *(_outgrown(data, row) for row in expansion_of(data, span, trends) if row.suggested_tier),
    ]
    return Advice(graver, book.gone)


def rows_of(advice: Advice, names: Iterable[str]) -> Sequence[CustomerAdvice]:
    """Return the advice for some customers, the gravest reason and the largest amount first."""
    known = (name for name in dict.fromkeys(names) if name in advice)
    return MadeRows(sorted(known, key=advice.rank), advice.__getitem__)


# --- the reasons -----------------------------------------------------------------------------


def suspected(data: Rollups, span: CoveredDays, evidence: Evidence) -> List[CustomerAdvice]:
    """Return the advice for customers that show a signal of abuse, the gravest reason of all.

    `data` holds `ABUSE_TABLES`.
    """
    exposure = Exposure(data, span, evidence)
    rows = []
    for name, flag in flags_of(evidence.raised).items():
        worth = exposure.of(evidence.raised, name)
        beyond = f", {usd(worth)} per month beyond its usual cost" if worth else ""
        action = action_for(flag.signals[0], f"{name}'s")
        sentence = f"{action}: risk {flag.score} of 100{beyond}."
        rows.append(CustomerAdvice(name, "suspected_abuse", sentence, worth))
    return rows


def _losing(data: Rollups, span: CoveredDays, book: Book) -> List[CustomerAdvice]:
    """Return the advice for customers who cost more than they pay."""
    losing = [account for account in book.paying if (account.margin or 0.0) < 0]
    cheaper = _costs_after_switches(data, span, {account.customer_id for account in losing})
    return [
        CustomerAdvice(
            account.customer_id,
            "losing_money",
            _remedy(account, cheaper[account.customer_id]),
            -(account.margin or 0.0),
        )
        for account in losing
    ]


def _costs_after_switches(
    data: Rollups, span: CoveredDays, names: Collection[str]
) -> Dict[str, float]:
    """Return which part of the cost of customers cheaper models would leave, 0 to 1."""
    rule = rule_of(data, span.dates[-1] if span.dates else "")
    left: Dict[str, float] = {}
    for name, cells in groupby(data[USAGE_TABLE].items(), lambda cell: cell[0][0]):
        if name in names:
            costs, saved = [], []
            for (_, provider, model, lower, free), (_, cost, inputs, outputs) in cells:
                switch = None if free else rule(provider, model, lower, inputs, outputs, cost)
                costs.append(cost)
                saved.append(switch.savings if switch else 0.0)
            total = math.fsum(costs)
            left[name] = 1 - math.fsum(saved) / total if total > 0 else 1.0
    return left


def _remedy(account: Account, left: float) -> str:
    """Return the mildest remedy that restores the margin: another model, a limit, a price."""
    name, price, cost = account.customer_id, account.price, account.monthly_cost
    pays = f"it pays {usd(price)} and costs {usd(cost)} per month"
    loss = f"{usd(cost - price)} per month is lost"
    if cost * left <= price:
        return (
            f"Test cheaper models for {name}: {pays}, and the same tokens would cost "
            f"{usd(cost * left)} if the answers are good enough; {loss}."
        )
    if price >= cost * (1 - config.LIMIT_MAX_CUT_PCT / 100):
        return f"Limit the usage of {name}: {pays}, so {loss}."
    tier = covering_tier(cost, price)
    if tier is None:
        return (
            f"Agree on a usage-based price with {name}: no subscription covers its {usd(cost)} "
            f"per month, and {usd(cost - price)} of that is lost."
        )
    return (
        f"Move {name} to the {tier} tier at {usd(config.SUBSCRIPTION_TIERS[tier])}: {pays}, so "
        f"{loss}."
    )


def covering_tier(cost: float, price: float) -> Optional[str]:
    """Return the cheapest tier above `price` that covers `cost`, or None (USD per month)."""
    fitting = [
        (amount, tier)
        for tier, amount in config.SUBSCRIPTION_TIERS.items()
        if amount >= cost and amount > price
    ]
    return min(fitting)[1] if fitting else None


def _at_risk(row: CustomerAtRisk) -> CustomerAdvice:
    fall = (
        f"{counted(row.recent_calls, 'call')} in {config.TREND_WINDOW_DAYS} days after "
        f"{row.previous_calls:,} before"
    )
    sentence = f"Contact {row.customer_id}: {fall}{_worth(row.monthly_revenue, 'at stake')}."
    return CustomerAdvice(row.customer_id, "at_risk", sentence, row.monthly_revenue)


def _outgrown(data: Rollups, row: Expansion) -> CustomerAdvice:
    tier = row.suggested_tier or ""
    more = config.SUBSCRIPTION_TIERS[tier] - (data.customers[row.customer_id].price or 0.0)
    growth = row.change_percent
    calls = f"calls up by {percent(growth)}, " if growth > 0 else ""
    sentence = (
        f"Offer {row.customer_id} the {tier} tier: {calls}costs at {percent(row.burn_percent)} of "
        f"the subscription, {usd(more)} per month more."
    )
    return CustomerAdvice(row.customer_id, "outgrown", sentence, more)


def _gone(row: GoneCustomer) -> CustomerAdvice:
    silence = f"no call since {row.last_activity_date}"
    sentence = f"Win back {row.customer_id}: {silence}{_worth(row.lost_monthly_revenue, 'lost')}."
    return CustomerAdvice(row.customer_id, GONE, sentence, row.lost_monthly_revenue)


def _worth(amount: Optional[float], what: str) -> str:
    return f", {usd(amount)} per month {what}" if amount else ""
