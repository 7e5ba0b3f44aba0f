"""Signals of abuse: which of them a customer shows, on which day, and how gravely."""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Tuple

from finops import config
from finops.results.abuse_detection import CostSpike, RateLimitHour, RegionHopping, UnusualDay

SIGNALS: Tuple[str, ...] = (
    "suspicious_access",
    "rate_limit_abuse",
    "unusual_usage",
    "cost_spikes",
)


class Signals(NamedTuple):
    """What was checked and seen, signal by signal."""

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


class Flag(NamedTuple):
    """What one customer shows: its signals, in the order of `SIGNALS`, and the severe ones."""

    signals: List[str]
    severe: List[str]

    @property
    def score(self) -> int:
        """Risk from 0 to 100."""
        points = sum(config.ABUSE_POINTS[signal] for signal in self.signals)
        return min(100, points + config.ABUSE_SEVERE_POINTS * len(self.severe))


def flags_of(raised: Iterable[Raised]) -> Dict[str, Flag]:
    """Return the customers that show at least one signal."""
    flags: Dict[str, Flag] = {}
    for sign in raised:
        flag = flags.setdefault(sign.customer_id, Flag([], []))
        if sign.signal not in flag.signals:
            flag.signals.append(sign.signal)
        if sign.severe and sign.signal not in flag.severe:
            flag.severe.append(sign.signal)
    return flags


def action_for(signal: str, whose: str) -> str:
    """Return what to do about the gravest signal of a customer."""
    return {
        "suspicious_access": f"Rotate {whose} API keys and confirm who calls from where",
        "rate_limit_abuse": f"Cap {whose} request rate and ask for retries with back-off",
        "unusual_usage": f"Ask what changed in {whose} usage and set a daily quota",
        "cost_spikes": f"Put a daily budget on {whose} spending and check the models in use",
    }[signal]
