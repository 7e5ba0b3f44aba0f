"""The limits and assumptions behind a report's figures, in words, each read from the settings.

The words say what is compared; the value is the one that the analyzer used.  A test walks what
each analyzer reads of the settings, so that no limit can work unseen.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Tuple

from finops import config
from finops.generators import formatting

# Signals of abuse as the page calls them.
SIGNALS: Dict[str, str] = {
    "suspicious_access": "region changes",
    "rate_limit_abuse": "rate limits",
    "unusual_usage": "unusual usage",
    "cost_spikes": "cost spikes",
}


class Threshold(NamedTuple):
    """One limit: what it decides, the setting that holds it, how its value is written."""

    words: str
    setting: str
    kind: str


def _counted(unit: str) -> Callable[[Any], str]:
    return lambda value: f"{formatting.plain(value)} {unit[:-1] if value == 1 else unit}"


def _tiers(value: Mapping[str, float]) -> str:
    return ", ".join(f"{tier} {formatting.money(usd)}" for tier, usd in value.items())


def _steps(value: Tuple[Tuple[float, float], ...]) -> str:
    return ", ".join(
        f"{formatting.money(usd)} up to {formatting.count(calls)} calls" for calls, usd in value
    )


def _points(value: Mapping[str, int]) -> str:
    return ", ".join(f"{SIGNALS.get(name, name)} {points}" for name, points in value.items())


_KINDS: Dict[str, Callable[[Any], str]] = {
    "money": formatting.money,
    "ms": formatting.milliseconds,
    "percent": lambda value: f"{formatting.plain(value)}%",
    # Rounded, so that no binary noise shows: 0.07 * 100 is 7.000000000000001.
    "share": lambda value: f"{formatting.plain(round(value * 100, 9))}%",
    "percentile": lambda value: f"{round(value * 100)}th percentile",
    "calls": _counted("calls"),
    "days": _counted("days"),
    "hours": _counted("hours"),
    "weeks": _counted("weeks"),
    "tokens": _counted("tokens"),
    "times": _counted("times"),
    "points": _counted("points"),
    "number": formatting.plain,
    "tiers": _tiers,
    "steps": _steps,
    "signals": _points,
    "factors": lambda value: ", ".join(f"{item:g}" for item in value),
    "tasks": lambda value: ", ".join(sorted(item.replace("_", " ") for item in value)),
}

_SHORT = Threshold("Covered days needed for figures per month", "SHORT_PERIOD_DAYS", "days")
_GONE = Threshold("A customer counts as gone after no call for", "CHURN_INACTIVE_DAYS", "days")
_NOTABLE = Threshold("Monthly savings that rate a warning: from", "NOTABLE_USD_PER_MONTH", "money")
_SLA = Threshold("SLA: longest time of a call", "SLA_THRESHOLD_MS", "ms")
_P95 = Threshold("Limit of the 95th percentile of latency", "P95_THRESHOLD_MS", "ms")
_ERRORS = Threshold("High error rate: above", "HIGH_ERROR_RATE_PCT", "percent")
_JUDGED = Threshold("Calls needed to judge a model", "MODEL_MIN_CALLS", "calls")
_TASKS = Threshold("Tasks for which a model one class lower will do", "DOWNGRADABLE_TASKS", "tasks")
_LIST = Threshold(
    "Surcharge on list prices that alternatives bear, too: from",
    "LIST_PRICE_TOLERANCE_PCT",
    "percent",
)

_NOTABLE_SHARE = Threshold(
    "… or from this share of the monthly cost", "NOTABLE_SHARE_PCT", "percent"
)
# What findings of every report are held against.
_LONGER = Threshold(
    "Cost in records of more than a day, up to which days are shown",
    "LONG_AGGREGATES_SHARE_PCT",
    "percent",
)
_EVERYWHERE = (_NOTABLE, _NOTABLE_SHARE, _SHORT, _LONGER)
_FORECAST = (
    Threshold("Forecast training window", "FORECAST_WINDOW_DAYS", "days"),
    Threshold("Backtest horizon", "FORECAST_BACKTEST_DAYS", "days"),
    Threshold(
        "… starting on each of the last",
        "FORECAST_TRIED_DAYS",
        "days",
    ),
    Threshold("Share of days expected within the forecast's range", "FORECAST_INTERVAL", "share"),
    Threshold(
        "Backtested sums of two weeks needed for a monthly range", "FORECAST_SUM_TRIES", "number"
    ),
    Threshold("… by forecasts that start on each of the last", "FORECAST_ORIGINS", "days"),
    Threshold("Squared t-ratio from which a slope counts", "FORECAST_SLOPE_EVIDENCE", "number"),
    Threshold(
        "Weight of the trend against that of the last week", "FORECAST_TREND_FAVOUR", "times"
    ),
    Threshold(
        "Least value of a day in a trend, as a share of the mean", "FORECAST_LEAST_SHARE", "share"
    ),
    Threshold("Days needed to fit a trend", "FORECAST_MIN_DAYS", "days"),
)
_LEGACY = Threshold("Legacy model: retired after the end of the data within", "LEGACY_DAYS", "days")
# What the steps of the savings rest on, beside the tasks.
_SAVINGS = (
    Threshold("Commitment: a quiet hour or day is the", "COMMITMENT_PERCENTILE", "percentile"),
    Threshold("Commitment: discount assumed", "COMMITMENT_DISCOUNT_PCT", "percent"),
    Threshold("Batch prices: discount assumed", "BATCH_DISCOUNT_PCT", "percent"),
    Threshold("… for tasks whose answers can wait", "BATCH_TASKS", "tasks"),
    Threshold("… of providers that offer them", "BATCH_PROVIDERS", "tasks"),
    _LEGACY,
    _JUDGED,
    _LIST,
    _TASKS,
)
_ABUSE = (
    Threshold("Calls needed to judge a customer's day", "ABUSE_MIN_DAILY_CALLS", "calls"),
    Threshold("… and other active days to compare it with", "ABUSE_MIN_BASELINE_DAYS", "days"),
    Threshold("… before and after it, within", "ABUSE_WINDOW_DAYS", "days"),
    Threshold("… for the same weekday, within", "ABUSE_WEEKDAY_WEEKS", "weeks"),
    Threshold("Minimum baseline variability", "ABUSE_SPREAD_FLOOR_PCT", "percent"),
    Threshold(
        "Customers needed to know what was common on a day", "ABUSE_LEVEL_MIN_CUSTOMERS", "number"
    ),
    Threshold("… each with a usual day of at least", "ABUSE_LEVEL_MIN_DAILY_CALLS", "calls"),
    Threshold("Unusual day: z-score above", "UNUSUAL_Z", "number"),
    Threshold("Highly unusual day: z-score above", "UNUSUAL_HIGH_Z", "number"),
    Threshold(
        "Cost spike: cost of a day, compared with usual, above", "COST_SPIKE_MULTIPLIER", "times"
    ),
    Threshold("Severe cost spike: the same, above", "COST_SPIKE_SEVERE_MULTIPLIER", "times"),
    Threshold("… and a day's cost of at least", "COST_SPIKE_MIN_USD", "money"),
    Threshold("Rate-limit errors in an hour above", "RATE_LIMIT_ERRORS_PER_HOUR", "number"),
    Threshold("… critical above", "RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR", "number"),
    Threshold("Changes of region on a day above", "SUSPICIOUS_SWITCHES_PER_DAY", "number"),
    Threshold("… severe above", "SUSPICIOUS_SEVERE_SWITCHES_PER_DAY", "number"),
    Threshold(
        "… beyond the customer's habit by standard deviations", "SUSPICIOUS_Z_SCORE", "number"
    ),
    Threshold(
        "… rise that more calls can explain, at most", "SUSPICIOUS_MOST_TIMES_USUAL", "times"
    ),
    Threshold("Points of the risk score", "ABUSE_POINTS", "signals"),
    Threshold("… added for each severe signal", "ABUSE_SEVERE_POINTS", "points"),
)
_TRENDS = (
    Threshold("Each of the two windows compared", "TREND_WINDOW_DAYS", "days"),
    Threshold("… with calls in the earlier one of at least", "TREND_MIN_PREVIOUS_CALLS", "calls"),
    Threshold("At risk: calls down by", "AT_RISK_DROP_PCT", "percent"),
    Threshold("At high risk: calls down by", "AT_RISK_HIGH_DROP_PCT", "percent"),
    Threshold("At critical risk: calls down by", "AT_RISK_CRITICAL_DROP_PCT", "percent"),
    Threshold("Expanding: calls up by", "EXPANSION_GROWTH_PCT", "percent"),
    Threshold("Full tier: cost, as a share of revenue, from", "BURN_MEDIUM_PCT", "percent"),
    Threshold("Monthly tier prices used in recommendations", "SUBSCRIPTION_TIERS", "tiers"),
)
# What is advised for a customer is decided once, by all of these.
_JUDGING_CUSTOMERS = (
    *_ABUSE,
    *_TRENDS,
    Threshold("Weeks of growth after which a tier is outgrown", "OUTGROWN_WEEKS", "number"),
    Threshold("… compared with the weeks before, at most", "OUTGROWN_BASE_WEEKS", "number"),
    Threshold("Largest cut in use that a limit may ask for", "LIMIT_MAX_CUT_PCT", "percent"),
    Threshold("Cheaper models listed for savings above", "OPPORTUNITY_MIN_SAVINGS_USD", "money"),
    _LIST,
    _TASKS,
    _GONE,
)

_OWN: Dict[str, Tuple[Threshold, ...]] = {
    "dataset_overview": (
        Threshold("Success rate that rates a warning: below", "MIN_SUCCESS_RATE_PCT", "percent"),
        Threshold(
            "… where chance alone would explain it in less than", "FEW_FAILURES_CHANCE", "share"
        ),
    ),
    "understanding": (
        *_FORECAST,
        Threshold("Acceptable forecast error for planning", "FORECAST_USABLE_MAPE_PCT", "percent"),
        Threshold("Trend: whole days compared with those before", "TREND_RECENT_DAYS", "days"),
        Threshold("Trend worth reporting: from", "TREND_NOTABLE_PCT", "percent"),
        Threshold(
            "A model counts as a cost driver above this share of cost",
            "COST_LEVER_SHARE_PCT",
            "percent",
        ),
        Threshold(
            "… and, compared with its share of the calls, above", "COST_LEVER_FACTOR", "times"
        ),
        Threshold("Top customers looked at", "TOP_CUSTOMERS_PCT", "percent"),
        Threshold(
            "… worth reporting: cost, compared with their number, above",
            "TOP_CUSTOMERS_FACTOR",
            "times",
        ),
        Threshold(
            "Cost outside production worth reporting: from", "NON_PRODUCTION_NOTABLE_PCT", "percent"
        ),
        Threshold(
            "Why the cost changed: periods tried, in whole days", "CHANGE_WINDOWS_DAYS", "factors"
        ),
        Threshold("Cost per call, now and at first: whole days of each", "UNIT_COST_DAYS", "days"),
        Threshold("… for features with at least", "UNIT_COST_MIN_CALLS", "calls"),
        Threshold("… worth reporting from a change of", "UNIT_COST_NOTABLE_PCT", "percent"),
        Threshold(
            "Model replaced by another: share of its feature's cost from",
            "MOVED_COST_SHARE_PCT",
            "percent",
        ),
        Threshold("… with calls of at least", "MOVED_MIN_CALLS", "calls"),
        Threshold(
            "Quiet weekday: costs less than others by at least", "QUIET_WEEKDAY_PCT", "percent"
        ),
    ),
    "performance": (
        _SLA,
        Threshold("Share of calls that should meet the SLA", "SLA_TARGET_PCT", "percent"),
        Threshold(
            "Client limit advised: calls over it, at most", "CLIENT_LIMIT_MAX_CUT_PCT", "percent"
        ),
        _P95,
        Threshold("Limit of the 99th percentile of latency", "P99_THRESHOLD_MS", "ms"),
        _ERRORS,
        _JUDGED,
    ),
    "realtime": (
        Threshold(
            "Anomalous hour: standard deviations above the mean", "ANOMALY_MULTIPLIER", "number"
        ),
        Threshold(
            "Burst: cost, as a multiple of the hours around it, above", "BURST_FACTOR", "number"
        ),
        Threshold("… hours around it, before and after", "BURST_AROUND_HOURS", "hours"),
        Threshold("… whose cost is taken at the", "BURST_AROUND_PERCENTILE", "percentile"),
        Threshold(
            "Comparable hours: variability of at least",
            "ANOMALY_SPREAD_FLOOR_PCT",
            "percent",
        ),
        Threshold("… exceeded by at least", "ANOMALY_MIN_USD", "money"),
        Threshold("Anomaly detection: minimum hours with a call", "ANOMALY_MIN_HOURS", "hours"),
        Threshold("Alert on a daily cost above", "HIGH_COST_THRESHOLD_USD", "money"),
        Threshold("Alert on a daily error rate above", "HIGH_ERROR_RATE_PCT", "percent"),
        Threshold("… with failed calls of at least", "HIGH_ERROR_RATE_MIN_ERRORS", "calls"),
        Threshold(
            "Provider degraded: p95 latency, compared with usual, above",
            "DEGRADED_LATENCY_FACTOR",
            "times",
        ),
        Threshold(
            "Provider degraded: error rate, compared with usual, above",
            "DEGRADED_ERROR_FACTOR",
            "times",
        ),
        Threshold("… in an hour with at least", "DEGRADED_MIN_CALLS", "calls"),
        Threshold("… not due to one customer's calls slower than", "SLA_THRESHOLD_MS", "ms"),
        Threshold("… where chance alone would explain it in less than", "DEGRADED_CHANCE", "share"),
        Threshold(
            "One provider's share of cost: medium risk above", "MEDIUM_CONCENTRATION", "share"
        ),
        Threshold("One provider's share of cost: high risk above", "HIGH_CONCENTRATION", "share"),
        Threshold("Cost as a share of revenue: medium risk from", "BURN_MEDIUM_PCT", "percent"),
        Threshold("Cost as a share of revenue: high risk from", "BURN_HIGH_PCT", "percent"),
        Threshold("Cost as a share of revenue: critical risk from", "BURN_CRITICAL_PCT", "percent"),
        _GONE,
        Threshold("Errors caused by clients", "CLIENT_ERRORS", "tasks"),
        *_JUDGING_CUSTOMERS,
    ),
    "optimization": _SAVINGS,
    "alignment": (
        _JUDGED,
        Threshold("Organizations listed at either end", "EFFICIENCY_LISTED", "number"),
        Threshold(
            "One organization's share of cost worth reporting: from",
            "TOP_ORGANIZATION_NOTABLE_PCT",
            "percent",
        ),
        Threshold("Unallocated cost worth reporting: from", "UNALLOCATED_NOTABLE_PCT", "percent"),
        Threshold(
            "Budgets advised where half of the cost is caused by, of organizations, at most",
            "BUDGET_ORGANIZATIONS_PCT",
            "percent",
        ),
        Threshold(
            "Expensive organization: cost per token, compared with average, above",
            "EXPENSIVE_ORGANIZATION_FACTOR",
            "times",
        ),
        *_FORECAST,
    ),
    "profitability": (
        Threshold("High margin from", "HIGH_MARGIN_THRESHOLD_PCT", "percent"),
        Threshold("Medium margin from", "MEDIUM_MARGIN_THRESHOLD_PCT", "percent"),
        Threshold("Low margin from; unprofitable below", "LOW_MARGIN_THRESHOLD_PCT", "percent"),
        Threshold("Monthly tier prices used in recommendations", "SUBSCRIPTION_TIERS", "tiers"),
        _GONE,
        Threshold("Cost as a share of revenue: medium risk from", "BURN_MEDIUM_PCT", "percent"),
        *_JUDGING_CUSTOMERS,
    ),
    "pricing": (
        Threshold("Usage-based price of 1,000 calls", "USAGE_PRICE_PER_1K_CALLS_USD", "money"),
        Threshold("Tiered price per month", "TIERED_PRICES_USD", "steps"),
        Threshold("Tiered price per month above that", "TIERED_TOP_PRICE_USD", "money"),
        Threshold("Hybrid price per month", "HYBRID_BASE_PRICE_USD", "money"),
        Threshold("… which includes", "HYBRID_INCLUDED_CALLS", "calls"),
        Threshold("… and each further 1,000 calls cost", "HYBRID_PRICE_PER_1K_CALLS_USD", "money"),
        Threshold(
            "Prices tried, as multiples of the usage price", "PRICE_SENSITIVITY_FACTORS", "factors"
        ),
        Threshold(
            "Cross-subsidy: share of cost above share of revenue by",
            "CROSS_SUBSIDY_POINTS",
            "points",
        ),
        _GONE,
    ),
    "features": (
        Threshold("Calls needed to classify a feature", "MIN_FEATURE_CALLS", "calls"),
        Threshold("A new feature had no calls in the first", "NEW_FEATURE_WEEKS", "weeks"),
        Threshold("Invest: return on cost from", "FEATURE_INVEST_ROI_PCT", "percent"),
        Threshold("… and a share of customers from", "FEATURE_INVEST_ADOPTION_PCT", "percent"),
        Threshold("Losing money: return on cost below", "FEATURE_LOSS_ROI_PCT", "percent"),
        Threshold(
            "Retire: losing money, and a share of customers below",
            "FEATURE_SUNSET_ADOPTION_PCT",
            "percent",
        ),
        _GONE,
    ),
    "token_economics": (
        Threshold("Long prompt: input above", "INEFFICIENT_PROMPT_MIN_INPUT_TOKENS", "tokens"),
        Threshold(
            "… and output, as a share of the input, below",
            "INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO",
            "share",
        ),
        Threshold(
            "… and input, as a multiple of the median of its feature and task, above",
            "INEFFICIENT_PROMPT_MEDIAN_FACTOR",
            "number",
        ),
        Threshold(
            "… share of the input's cost that is wasted",
            "INEFFICIENT_PROMPT_WASTED_PERCENT",
            "percent",
        ),
        Threshold("Wasteful customer: such calls, at least", "PROMPT_WASTER_MIN_CALLS", "calls"),
        Threshold("… as a share of its calls, at least", "PROMPT_WASTER_MIN_SHARE_PCT", "percent"),
        Threshold(
            "… as a multiple of the others' share, at least", "PROMPT_WASTER_FACTOR", "number"
        ),
        Threshold(
            "… where the others' share weighs as much as", "PROMPT_WASTER_PRIOR_CALLS", "calls"
        ),
        Threshold(
            "… where chance alone would explain it in less than", "PROMPT_WASTER_CHANCE", "share"
        ),
        Threshold("Simple task: input and output below", "SIMPLE_TASK_MAX_TOKENS", "tokens"),
        Threshold(
            "Expensive model: mean price of 1M tokens above",
            "OVERPRICED_BLENDED_PRICE_PER_1M_USD",
            "money",
        ),
        Threshold(
            "Cheaper models listed for savings above", "OPPORTUNITY_MIN_SAVINGS_USD", "money"
        ),
        _TASKS,
        *_SAVINGS,
        _GONE,
    ),
    "geographic_latency": (
        _SLA,
        _P95,
        Threshold("Calls needed to compare providers", "ROUTING_MIN_CALLS", "calls"),
        Threshold("… within bands of", "TOKEN_BAND_WIDTH", "tokens"),
        Threshold("… with a change advised from a gap of", "ROUTING_MIN_GAP_PCT", "percent"),
        Threshold(
            "… and, in standard errors, of at least", "ROUTING_MIN_STANDARD_ERRORS", "number"
        ),
        Threshold("Busy hours of a region: hours in a row", "BUSY_HOURS", "hours"),
        Threshold("… with a share of its calls of at least", "BUSY_HOURS_SHARE_PCT", "percent"),
        Threshold("… for regions with at least", "MODEL_MIN_CALLS", "calls"),
    ),
    "churn_growth": (
        Threshold("Covered days needed to rate churn", "CHURN_MIN_DAYS", "days"),
        Threshold("Critical churn rate: from", "CHURN_RATE_CRITICAL_PCT", "percent"),
        *_JUDGING_CUSTOMERS,
    ),
    "abuse_detection": (
        Threshold("Critical customer: risk score from", "ABUSE_CRITICAL_SCORE", "points"),
        *_JUDGING_CUSTOMERS,
    ),
}


def _once(thresholds: Iterable[Threshold]) -> Tuple[Threshold, ...]:
    """Return thresholds without those of a setting that stood before."""
    return tuple({threshold.setting: threshold for threshold in thresholds}.values())


THRESHOLDS: Dict[str, Tuple[Threshold, ...]] = {
    report: _once((*own, *_EVERYWHERE)) for report, own in _OWN.items()
}


def limits_of(report: str) -> Tuple[Threshold, ...]:
    """Return the limits of a report; of one that has none of its own those of every report."""
    return THRESHOLDS.get(report, _EVERYWHERE)


def thresholds_of(report: str) -> List[Tuple[str, str]]:
    """Return (what it decides, value with its unit) of a report."""
    return [
        (threshold.words, _KINDS[threshold.kind](getattr(config, threshold.setting)))
        for threshold in limits_of(report)
    ]
