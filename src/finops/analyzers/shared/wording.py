"""Small words for the sentences of findings and recommendations, and one finding that all share.

Sentences live in the result dict, so that the JSON says what the page says.
"""

from __future__ import annotations

import math
from typing import List, Optional

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.covered_days import CoveredDays
from finops.results.base import Finding
from finops.rollups.spec import Totals


def usd(amount: float) -> str:
    """Return an amount in USD for a sentence; more decimals where there is little to show.

    >>> usd(1204.5), usd(0.0042), usd(-3)
    ('$1,204.50', '$0.0042', '-$3.00')
    """
    decimals = 2 if abs(amount) >= 0.01 or not amount else 4
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{decimals}f}"


def percent(share: float) -> str:
    """Return a percentage for a sentence.

    >>> percent(12.345)
    '12.3%'
    """
    return f"{share:,.1f}%"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun in the right number.

    >>> counted(1, "call"), counted(2000, "call"), counted(2, "is", "are")
    ('1 call', '2,000 calls', '2 are')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def with_status(known: int, calls: int) -> str:
    """Return of how many calls a rate of failures is, by how many say whether they succeeded.

    >>> with_status(20, 20), with_status(1, 20)
    ('20 calls', '1 call with a known status')
    """
    if known == calls:
        return counted(calls, "call")
    return counted(known, "call with a known status", "calls with a known status")


def calls_or_unknown(count: int) -> str:
    """Return calls that cost something with their number, which is 0 where it is not known.

    >>> calls_or_unknown(1200), calls_or_unknown(0)
    ('1,200 calls', 'Calls of unknown number')
    """
    return counted(count, "call") if count else "Calls of unknown number"


def hour_words(hour: str) -> str:
    """Return the beginning of an hour for a sentence.

    >>> hour_words("2025-01-01T09:00:00")
    '2025-01-01 09:00 UTC'
    """
    return f"{hour[:10]} {hour[11:16]} UTC"


def per_month(monthly: Optional[float], period: float) -> str:
    """Return a rate for a sentence; where there is none, the amount of the whole period.

    >>> per_month(30.0, 7.0), per_month(None, 7.0)
    ('$30.00 per month', '$7.00 over the period')
    """
    return f"{usd(period)} over the period" if monthly is None else f"{usd(monthly)} per month"


def cost_words(totals: Totals) -> str:
    """Return what a share of the cost is a share of: of the known cost where some is not known."""
    return "the known cost" if totals.unpriced else "the cost"


def nothing_known_to_cost(totals: Totals) -> str:
    """Return why nothing can be said of money; "" where something is known to cost."""
    if totals.cost > config.NEGLIGIBLE_USD:
        return ""
    priceless = totals.unpriced and totals.unpriced == totals.calls
    return "no call has a known cost" if priceless else "the calls cost nothing in all"


def caveats(span: CoveredDays, totals: Totals) -> List[Finding]:
    """Return findings on what makes money figures less certain: unpriced calls, few days."""
    findings = []
    if totals.unpriced:
        findings.append(
            finding(
                "warning",
                f"{counted(totals.unpriced, 'call')} could not be priced",
                "They carry no cost and their model is in no price table: "
                "every cost here is a lower bound.",
                kind="quality",
            )
        )
    if totals.calls and not span.has_rates:
        least = config.SHORT_PERIOD_DAYS
        findings.append(
            finding(
                "info",
                f"Figures per month need {least} covered days",
                f"The data covers {_covered(span.days)}; "
                f"{math.ceil((least - span.days) * 10) / 10:,.1f} more are needed for figures per "
                "month, margins and advice on prices.",
                kind="quality",
            )
        )
    return findings


def _covered(days: float) -> str:
    """Return days to a tenth.

    >>> _covered(5.0), _covered(1.04), _covered(0.04)
    ('5.0 days', '1.0 day', 'less than 0.1 days')
    """
    if days < 0.1:
        return "less than 0.1 days"
    return f"{days:,.1f} day{'' if f'{days:,.1f}' == '1.0' else 's'}"
