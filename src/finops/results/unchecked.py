"""Which figures of a summary rest on which checks: what was not checked has no figure, not 0.

A result says in `unchecked` why a check could not be made.  The lists of such a check are empty;
here is what its figures become.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple, TypeVar

_Summary = TypeVar("_Summary", bound=Tuple[Any, ...])

_FLAGGED = ("flagged_customers", "flagged_percent", "critical_count")
_ABUSE = (*_FLAGGED, "estimated_exposure_usd_per_month")

# For each analysis its checks by name, and the figures of the summary that rest on each.
FIGURES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "realtime": {
        "anomalies": ("anomaly_count", "incident_count"),
        "high_daily_cost": ("alert_count",),
        "high_error_rate": ("alert_count",),
        "provider_degraded": ("alert_count",),
        "at_risk_customers": ("at_risk_customers",),
    },
    "profitability": {
        "unprofitable": ("unprofitable_count", "total_monthly_loss"),
        "gone": ("revenue_lost",),
    },
    "churn_growth": {
        "churned": ("churned_customers", "lost_monthly_revenue"),
        "at_risk": ("at_risk_customers", "at_risk_monthly_revenue"),
        "expansion": ("expansion_customers", "expansion_monthly_revenue"),
    },
    "abuse_detection": {
        "unusual_usage": _ABUSE,
        "cost_spikes": _ABUSE,
        "rate_limit_abuse": _ABUSE,
        "suspicious_access": _ABUSE,
    },
}


def checked_only(analysis: str, summary: _Summary, unchecked: Mapping[str, str]) -> _Summary:
    """Return the summary with None for each figure that was not checked.

    A figure of several checks of which some were made is what these found; None where they found
    nothing, which is not the whole.  A share is given only where all were made.
    """
    checks_of: Dict[str, List[str]] = {}
    for check, figures in FIGURES[analysis].items():
        for figure in figures:
            checks_of.setdefault(figure, []).append(check)
    unknown = [
        figure
        for figure, checks in checks_of.items()
        if _is_unknown(figure, getattr(summary, figure), [name in unchecked for name in checks])
    ]
    replaced: _Summary = summary._replace(**dict.fromkeys(unknown))  # type: ignore[attr-defined]
    return replaced


def _is_unknown(figure: str, value: Any, missing: Sequence[bool]) -> bool:
    if all(missing):
        return True
    return any(missing) and (not value or figure.endswith("_percent"))
