"""Signals of abuse: which of them a customer shows, on which day, and how gravely."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

from finops import config
from finops.results.abuse_detection import CostSpike, RateLimitHour, RegionHopping, UnusualDay

SIGNALS: Tuple[str, ...] = (
    "suspicious_access",
    "rate_limit_abuse",
    "unusual_usage",
    "cost_spikes",
)


class Signals(NamedTuple):
    """What was looked for and seen, signal by signal."""

    unusual_usage: List[UnusualDay]
    rate_limit_abuse: List[RateLimitHour]
    cost_spikes: List[CostSpike]
    suspicious_access: List[RegionHopping]


class Raised(NamedTuple):
    """One reason to raise the risk of a customer: the signal, the day, whether it is severe."""

    signal: str
    customer_id: str
    day: str
    severe: bool


def raised_by(signals: Signals) -> List[Raised]:
    """Return what raises the risk of a customer, in the order of `SIGNALS`.

    Using less than usual does not, nor changing region by habit.
    """
    access = [
        Raised(
            "suspicious_access",
            row.customer_id,
            row.date,
            row.switches > config.SUSPICIOUS_SEVERE_SWITCHES_PER_DAY,
        )
        for row in signals.suspicious_access
        if row.pattern == "hopping"
    ]
    limits = [
        Raised("rate_limit_abuse", row.customer_id, row.hour[:10], row.severity == "critical")
        for row in signals.rate_limit_abuse
    ]
    usage = [
        Raised("unusual_usage", row.customer_id, row.date, row.severity == "high")
        for row in signals.unusual_usage
        if row.z_score > 0
    ]
    spikes = [
        Raised(
            "cost_spikes",
            row.customer_id,
            row.date,
            row.multiplier > config.COST_SPIKE_SEVERE_MULTIPLIER,
        )
        for row in signals.cost_spikes
    ]
    return [*access, *limits, *usage, *spikes]
