"""Small words for the sentences of findings and recommendations, and one finding that all share.

Sentences live in the result dict, so that the JSON says what the page says.
"""

from __future__ import annotations

from typing import List

from finops import config
from finops.analyzers.base import finding
from finops.results.base import Finding
from finops.rollups.spec import Period, Totals


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


def hour_words(hour: str) -> str:
    """Return the beginning of an hour for a sentence.

    >>> hour_words("2025-01-01T09:00:00")
    '2025-01-01 09:00 UTC'
    """
    return f"{hour[:10]} {hour[11:16]} UTC"


def covered(period: Period) -> str:
    """Return the length of a period for a sentence, in hours where it is under a day."""
    hours = period.seconds / 3600
    return f"{hours:,.1f} hours" if hours < 24 else f"{hours / 24:,.1f} days"


def caveats(period: Period, totals: Totals) -> List[Finding]:
    """Return findings on what makes money figures less certain: unpriced calls, few days."""
    findings = []
    if totals.unpriced:
        findings.append(
            finding(
                "warning",
                f"{counted(totals.unpriced, 'call')} could not be priced",
                "They carry no cost and their model is in no price table: "
                "every cost here is a lower bound.",
            )
        )
    if totals.calls and period.days < config.SHORT_PERIOD_DAYS:
        findings.append(
            finding(
                "info",
                "Monthly figures are extrapolated",
                f"The data covers {covered(period)}; a month is taken to go on like this.",
            )
        )
    return findings
