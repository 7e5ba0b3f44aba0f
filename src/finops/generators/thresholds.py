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

_SHORT = Threshold("Figures per month are given from covered days of", "SHORT_PERIOD_DAYS", "days")
_GONE = Threshold("Customers are gone after no call for", "CHURN_INACTIVE_DAYS", "days")
_NOTABLE = Threshold("Savings per month worth a warning from", "NOTABLE_USD_PER_MONTH", "money")
_SLA = Threshold("SLA: a call takes at most", "SLA_THRESHOLD_MS", "ms")
_P95 = Threshold("95 of 100 calls should take at most", "P95_THRESHOLD_MS", "ms")
_ERRORS = Threshold("Error rate called high above", "HIGH_ERROR_RATE_PCT", "percent")
_JUDGED = Threshold("Models are judged from", "MODEL_MIN_CALLS", "calls")
_TASKS = Threshold("Tasks that tolerate a model one class lower", "DOWNGRADABLE_TASKS", "tasks")
_LIST = Threshold("A cost above list is carried over from", "LIST_PRICE_TOLERANCE_PCT", "percent")

_NOTABLE_SHARE = Threshold(
    "… or from a share of the monthly cost of", "NOTABLE_SHARE_PCT", "percent"
)
# What findings of every report are held against.
_LONGER = Threshold(
    "Days are known one by one up to totals of longer times of",
    "LONG_AGGREGATES_SHARE_PCT",
    "percent",
)
_EVERYWHERE = (_NOTABLE, _NOTABLE_SHARE, _SHORT, _LONGER)
_FORECAST = (
    Threshold("Forecast training window", "FORECAST_WINDOW_DAYS", "days"),
    Threshold("Backtest horizon", "FORECAST_BACKTEST_DAYS", "days"),
    Threshold(
        "… from days with three weeks before them, at most the last",
        "FORECAST_TRIED_DAYS",
        "days",
    ),
    Threshold("Days expected within the forecast's range", "FORECAST_INTERVAL", "share"),
    Threshold(
        "The range of the month needs tried sums of two weeks", "FORECAST_SUM_TRIES", "number"
    ),
    Threshold("… measured by forecasts from each of the last", "FORECAST_ORIGINS", "days"),
    Threshold("A slope counts from a squared t-ratio of", "FORECAST_SLOPE_EVIDENCE", "number"),
    Threshold("The trend counts, against the last week", "FORECAST_TREND_FAVOUR", "times"),
    Threshold("In a trend a day counts, of the mean, at least", "FORECAST_LEAST_SHARE", "share"),
    Threshold("A trend is fitted from", "FORECAST_MIN_DAYS", "days"),
)
_LEGACY = Threshold("Legacy is what is retired after the data within", "LEGACY_DAYS", "days")
# What the steps of the savings rest on, beside the tasks.
_SAVINGS = (
    Threshold("Commitment: the quiet hour or day, at their", "COMMITMENT_PERCENTILE", "percentile"),
    Threshold("Commitment: discount assumed", "COMMITMENT_DISCOUNT_PCT", "percent"),
    Threshold("Batch prices: discount assumed", "BATCH_DISCOUNT_PCT", "percent"),
    Threshold("… for tasks whose answers may wait", "BATCH_TASKS", "tasks"),
    Threshold("… of providers that have them", "BATCH_PROVIDERS", "tasks"),
    _LEGACY,
    _JUDGED,
    _LIST,
    _TASKS,
)
_ABUSE = (
    Threshold("Days are judged from", "ABUSE_MIN_DAILY_CALLS", "calls"),
    Threshold("… and a baseline of other active", "ABUSE_MIN_BASELINE_DAYS", "days"),
    Threshold("… around the day, each way", "ABUSE_WINDOW_DAYS", "days"),
    Threshold("… of the same weekday, each way", "ABUSE_WEEKDAY_WEEKS", "weeks"),
    Threshold("Minimum baseline variability", "ABUSE_SPREAD_FLOOR_PCT", "percent"),
    Threshold("What all did on a day: customers at least", "ABUSE_LEVEL_MIN_CUSTOMERS", "number"),
    Threshold("… with a usual day of", "ABUSE_LEVEL_MIN_DAILY_CALLS", "calls"),
    Threshold("Unusual day: z above", "UNUSUAL_Z", "number"),
    Threshold("Highly unusual day: z above", "UNUSUAL_HIGH_Z", "number"),
    Threshold("Cost spike: above the usual day", "COST_SPIKE_MULTIPLIER", "times"),
    Threshold("Severe cost spike: above the usual day", "COST_SPIKE_SEVERE_MULTIPLIER", "times"),
    Threshold("… and a day's cost of at least", "COST_SPIKE_MIN_USD", "money"),
    Threshold("Rate-limit errors in an hour above", "RATE_LIMIT_ERRORS_PER_HOUR", "number"),
    Threshold("… critical above", "RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR", "number"),
    Threshold("Changes of region on a day above", "SUSPICIOUS_SWITCHES_PER_DAY", "number"),
    Threshold("… severe above", "SUSPICIOUS_SEVERE_SWITCHES_PER_DAY", "number"),
    Threshold("… a habit up to, in standard deviations", "SUSPICIOUS_Z_SCORE", "number"),
    Threshold("… more calls explain at most", "SUSPICIOUS_MOST_TIMES_USUAL", "times"),
    Threshold("Points of the risk score", "ABUSE_POINTS", "signals"),
    Threshold("… more for each severe signal", "ABUSE_SEVERE_POINTS", "points"),
)
_TRENDS = (
    Threshold("Each of the two windows compared", "TREND_WINDOW_DAYS", "days"),
    Threshold("… from calls in the earlier one", "TREND_MIN_PREVIOUS_CALLS", "calls"),
    Threshold("At risk: calls down by", "AT_RISK_DROP_PCT", "percent"),
    Threshold("At high risk: calls down by", "AT_RISK_HIGH_DROP_PCT", "percent"),
    Threshold("At critical risk: calls down by", "AT_RISK_CRITICAL_DROP_PCT", "percent"),
    Threshold("Expanding: calls up by", "EXPANSION_GROWTH_PCT", "percent"),
    Threshold("Tier is full from a cost of revenue of", "BURN_MEDIUM_PCT", "percent"),
    Threshold("Monthly tier prices used in recommendations", "SUBSCRIPTION_TIERS", "tiers"),
)
# What is advised for a customer is decided once, by all of these.
_JUDGING_CUSTOMERS = (
    *_ABUSE,
    *_TRENDS,
    Threshold("A customer outgrows its tier after weeks of it", "OUTGROWN_WEEKS", "number"),
    Threshold("… against weeks before them, at most", "OUTGROWN_BASE_WEEKS", "number"),
    Threshold("A limit asks a customer to use less, at most by", "LIMIT_MAX_CUT_PCT", "percent"),
    Threshold("Cheaper models listed for savings above", "OPPORTUNITY_MIN_SAVINGS_USD", "money"),
    _LIST,
    _TASKS,
    _GONE,
)

_OWN: Dict[str, Tuple[Threshold, ...]] = {
    "dataset_overview": (
        Threshold("Share of successful calls warned of below", "MIN_SUCCESS_RATE_PCT", "percent"),
        Threshold("… that chance alone would bring in less than", "FEW_FAILURES_CHANCE", "share"),
    ),
    "understanding": (
        *_FORECAST,
        Threshold("Acceptable forecast error for planning", "FORECAST_USABLE_MAPE_PCT", "percent"),
        Threshold("The trend compares the last whole", "TREND_RECENT_DAYS", "days"),
        Threshold("Trend worth a finding from", "TREND_NOTABLE_PCT", "percent"),
        Threshold(
            "A model counts as a cost driver above this share of cost",
            "COST_LEVER_SHARE_PCT",
            "percent",
        ),
        Threshold("… that is its share of the calls", "COST_LEVER_FACTOR", "times"),
        Threshold("Top customers looked at", "TOP_CUSTOMERS_PCT", "percent"),
        Threshold("… worth a finding above their part of all", "TOP_CUSTOMERS_FACTOR", "times"),
        Threshold(
            "Cost outside production worth a finding from", "NON_PRODUCTION_NOTABLE_PCT", "percent"
        ),
        Threshold(
            "Why the cost changed: whole days against as many", "CHANGE_WINDOWS_DAYS", "factors"
        ),
        Threshold("Cost per call now and at first: whole days of each", "UNIT_COST_DAYS", "days"),
        Threshold("… of features with", "UNIT_COST_MIN_CALLS", "calls"),
        Threshold("… worth a finding from a change of", "UNIT_COST_NOTABLE_PCT", "percent"),
        Threshold(
            "A model gave way to another: cost of its feature from",
            "MOVED_COST_SHARE_PCT",
            "percent",
        ),
        Threshold("… with at least", "MOVED_MIN_CALLS", "calls"),
        Threshold("A quiet weekday costs less than usual by", "QUIET_WEEKDAY_PCT", "percent"),
    ),
    "performance": (
        _SLA,
        Threshold("Calls that should keep the service level", "SLA_TARGET_PCT", "percent"),
        _P95,
        Threshold("99 of 100 calls should take at most", "P99_THRESHOLD_MS", "ms"),
        _ERRORS,
        _JUDGED,
    ),
    "realtime": (
        Threshold(
            "Anomalous hour: standard deviations above the mean", "ANOMALY_MULTIPLIER", "number"
        ),
        Threshold("A burst: times what the hours around it cost", "BURST_FACTOR", "number"),
        Threshold("… these are, before and after it,", "BURST_AROUND_HOURS", "hours"),
        Threshold("… and what they cost is their", "BURST_AROUND_PERCENTILE", "percentile"),
        Threshold(
            "… and above hours like it: variability of at least",
            "ANOMALY_SPREAD_FLOOR_PCT",
            "percent",
        ),
        Threshold("… by at least", "ANOMALY_MIN_USD", "money"),
        Threshold("Anomaly detection: minimum hours with a call", "ANOMALY_MIN_HOURS", "hours"),
        Threshold("Daily cost alerted above", "HIGH_COST_THRESHOLD_USD", "money"),
        Threshold("Daily error rate alerted above", "HIGH_ERROR_RATE_PCT", "percent"),
        Threshold("… with failed calls of at least", "HIGH_ERROR_RATE_MIN_ERRORS", "calls"),
        Threshold(
            "Provider degraded: p95 latency above its usual", "DEGRADED_LATENCY_FACTOR", "times"
        ),
        Threshold(
            "Provider degraded: error rate above its usual", "DEGRADED_ERROR_FACTOR", "times"
        ),
        Threshold("… in an hour of at least", "DEGRADED_MIN_CALLS", "calls"),
        Threshold("… not due to one customer's calls slower than", "SLA_THRESHOLD_MS", "ms"),
        Threshold("… that chance alone would bring in less than", "DEGRADED_CHANCE", "share"),
        Threshold(
            "One provider's share of cost: medium risk above", "MEDIUM_CONCENTRATION", "share"
        ),
        Threshold("One provider's share of cost: high risk above", "HIGH_CONCENTRATION", "share"),
        Threshold("Burn (cost of revenue): medium risk from", "BURN_MEDIUM_PCT", "percent"),
        Threshold("Burn: high risk from", "BURN_HIGH_PCT", "percent"),
        Threshold("Burn: critical risk from", "BURN_CRITICAL_PCT", "percent"),
        _GONE,
        Threshold("Errors that clients cause", "CLIENT_ERRORS", "tasks"),
        *_JUDGING_CUSTOMERS,
    ),
    "optimization": _SAVINGS,
    "alignment": (
        _JUDGED,
        Threshold("Organizations listed at either end", "EFFICIENCY_LISTED", "number"),
        Threshold(
            "One organization's share worth a finding from",
            "TOP_ORGANIZATION_NOTABLE_PCT",
            "percent",
        ),
        Threshold("Unallocated cost worth a finding from", "UNALLOCATED_NOTABLE_PCT", "percent"),
        Threshold(
            "Budgets for half of the cost if that is at most of all organizations",
            "BUDGET_ORGANIZATIONS_PCT",
            "percent",
        ),
        Threshold(
            "An organization is expensive above the average cost per token",
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
        Threshold("Burn (cost of revenue): medium risk from", "BURN_MEDIUM_PCT", "percent"),
        *_JUDGING_CUSTOMERS,
    ),
    "pricing": (
        Threshold("Usage-based price of 1,000 calls", "USAGE_PRICE_PER_1K_CALLS_USD", "money"),
        Threshold("Tiered price per month", "TIERED_PRICES_USD", "steps"),
        Threshold("Tiered price per month above that", "TIERED_TOP_PRICE_USD", "money"),
        Threshold("Hybrid price per month", "HYBRID_BASE_PRICE_USD", "money"),
        Threshold("… which includes", "HYBRID_INCLUDED_CALLS", "calls"),
        Threshold("… and 1,000 calls above cost", "HYBRID_PRICE_PER_1K_CALLS_USD", "money"),
        Threshold("Prices tried, as multiples", "PRICE_SENSITIVITY_FACTORS", "factors"),
        Threshold(
            "Cross-subsidy: share of cost above share of revenue", "CROSS_SUBSIDY_POINTS", "points"
        ),
        _GONE,
    ),
    "features": (
        Threshold("Features are classified from", "MIN_FEATURE_CALLS", "calls"),
        Threshold("A new feature had no calls in the first", "NEW_FEATURE_WEEKS", "weeks"),
        Threshold("Invest: return on cost from", "FEATURE_INVEST_ROI_PCT", "percent"),
        Threshold("… and used by customers from", "FEATURE_INVEST_ADOPTION_PCT", "percent"),
        Threshold("Losing money: return on cost below", "FEATURE_LOSS_ROI_PCT", "percent"),
        Threshold(
            "Sunset: losing, and used by customers below", "FEATURE_SUNSET_ADOPTION_PCT", "percent"
        ),
        _GONE,
    ),
    "token_economics": (
        Threshold("Long prompt: input above", "INEFFICIENT_PROMPT_MIN_INPUT_TOKENS", "tokens"),
        Threshold(
            "… with an output of the input below", "INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO", "share"
        ),
        Threshold(
            "… and an input above the median of its feature and task, times",
            "INEFFICIENT_PROMPT_MEDIAN_FACTOR",
            "number",
        ),
        Threshold(
            "… of which so much of the input's cost is wasted",
            "INEFFICIENT_PROMPT_WASTED_PERCENT",
            "percent",
        ),
        Threshold("A customer wastes prompts from", "PROMPT_WASTER_MIN_CALLS", "calls"),
        Threshold("… that are a share of its calls of", "PROMPT_WASTER_MIN_SHARE_PCT", "percent"),
        Threshold("… at least the share of all others, times", "PROMPT_WASTER_FACTOR", "number"),
        Threshold("… with others' share weighing as much as", "PROMPT_WASTER_PRIOR_CALLS", "calls"),
        Threshold("… that chance alone would bring in less than", "PROMPT_WASTER_CHANCE", "share"),
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
        Threshold("Providers are compared from", "ROUTING_MIN_CALLS", "calls"),
        Threshold("… within bands of", "TOKEN_BAND_WIDTH", "tokens"),
        Threshold("… and advised from a gap of", "ROUTING_MIN_GAP_PCT", "percent"),
        Threshold(
            "… that is, in standard errors, at least", "ROUTING_MIN_STANDARD_ERRORS", "number"
        ),
        Threshold("Busy hours of a region: hours in a row", "BUSY_HOURS", "hours"),
        Threshold("… that take of its calls at least", "BUSY_HOURS_SHARE_PCT", "percent"),
        Threshold("… of a region with", "MODEL_MIN_CALLS", "calls"),
    ),
    "churn_growth": (
        Threshold("Churn is rated from covered days of", "CHURN_MIN_DAYS", "days"),
        Threshold("Churn rate called critical from", "CHURN_RATE_CRITICAL_PCT", "percent"),
        *_JUDGING_CUSTOMERS,
    ),
    "abuse_detection": (
        Threshold("Critical customer from", "ABUSE_CRITICAL_SCORE", "points"),
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
