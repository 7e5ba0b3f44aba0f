"""Understanding usage and cost: where the money goes, and where it is heading."""

from __future__ import annotations

import math
from typing import ClassVar, List, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.forecast import month_ahead
from finops.analyzers.shared.tables import (
    ACCOUNT_DAYS,
    ACCOUNTS,
    CALLS,
    DAYS,
    MODEL_DAYS,
    USE_DAYS,
    daily,
    fold,
    shares,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import DailyCost, Finding
from finops.results.understanding import (
    CustomerShare,
    EnvironmentShare,
    FeatureShare,
    Forecast,
    ModelEfficiency,
    ModelShare,
    OrganizationShare,
    ProductShare,
    ProviderShare,
    TaskShare,
    UnderstandingByDay,
    UnderstandingResult,
    UnderstandingSummary,
)
from finops.rollups.spec import Rollups, Table
from finops.stats import growth_percent, mean, rank_index, ratio
from finops.stats import percent as percent_of

PRODUCTION = "production"


class UnderstandingAnalyzer(Analyzer):
    """Cost by provider, model, customer, feature and so on; by day; and a month ahead.

    Every breakdown covers all calls, so its costs sum to the total.  `projected_30_days` is the
    sum that the projection expects, while `forecast_30_days` is thirty times the average active
    day.
    `by_day` holds the breakdowns by day, None where they are too many to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        CALLS,
        ACCOUNTS,
        DAYS,
        MODEL_DAYS,
        ACCOUNT_DAYS,
        USE_DAYS,
    )

    def result(self, data: Rollups) -> UnderstandingResult:
        """Return the result; costs in USD over the period unless the name says otherwise."""
        days = daily(data)
        forecast = _forecast(data, days)
        result = UnderstandingResult(
            summary=_summary(data, forecast),
            by_provider=shares(data, CALLS, ProviderShare, "provider"),
            by_model=shares(data, CALLS, _model_share, "provider", "model"),
            by_customer=_by_customer(data),
            by_feature=shares(data, CALLS, FeatureShare, "feature_id"),
            by_organization=shares(data, ACCOUNTS, OrganizationShare, "organization_id"),
            by_product=shares(data, ACCOUNTS, ProductShare, "product_id"),
            by_task_type=shares(data, CALLS, TaskShare, "task_type"),
            by_environment=shares(data, CALLS, EnvironmentShare, "environment"),
            daily=days,
            forecast=forecast,
            efficiency=_efficiency(data),
            by_day=_by_day(data),
            findings=[],
            recommendations=[],
        )
        return result._replace(
            findings=by_impact(_findings(data, result) + caveats(data.period, data.totals)),
            recommendations=_recommendations(data, result),
        )


def _by_day(data: Rollups) -> UnderstandingByDay:
    return UnderstandingByDay(
        models=by_day(data, MODEL_DAYS, "provider", "model"),
        accounts=by_day(data, ACCOUNT_DAYS, "customer_id", "organization_id", "product_id"),
        features=by_day(data, USE_DAYS, "feature_id"),
        task_types=by_day(data, USE_DAYS, "task_type"),
        environments=by_day(data, USE_DAYS, "environment"),
    )


def _summary(data: Rollups, forecast: Forecast) -> UnderstandingSummary:
    totals = data.totals
    return UnderstandingSummary(
        total_calls=totals.calls,
        total_cost=totals.cost,
        total_tokens=totals.tokens,
        unique_customers=len(data.customers),
        avg_cost_per_call=ratio(totals.cost, totals.calls),
        avg_daily_cost=forecast.avg_daily_cost,
        forecast_30_days=forecast.forecast_30_days,
        trend_percent=forecast.trend_percent,
        projected_30_days=forecast.projected_30_days,
        monthly_cost=data.period.monthly(totals.cost),
        unpriced_calls=totals.unpriced,
    )


def _model_share(
    provider: str, model: str, calls: int, cost: float, tokens: int, per_call: float, share: float
) -> ModelShare:
    per_1k_tokens = ratio(cost, tokens) * 1000
    return ModelShare(provider, model, calls, cost, tokens, per_call, share, per_1k_tokens)


def _by_customer(data: Rollups) -> List[CustomerShare]:
    rows = [
        CustomerShare(
            customer_id=customer,
            subscription_tier=data.customers[customer].tier,
            call_count=calls,
            total_cost=cost,
            share_percent=percent_of(cost, data.totals.cost),
        )
        for customer, (calls, cost, _) in fold(data, ACCOUNTS, "customer_id").items()
    ]
    return sorted(rows, key=lambda r: (-r.total_cost, r.customer_id))


def _efficiency(data: Rollups) -> List[ModelEfficiency]:
    """Tokens for a dollar; 0 where they cost nothing, as no number says "without end"."""
    rows = [
        ModelEfficiency(
            provider=provider,
            model=model,
            tokens_per_dollar=ratio(tokens, cost),
            total_cost=cost,
        )
        for (provider, model), (_, cost, tokens) in fold(data, CALLS, "provider", "model").items()
    ]
    return sorted(rows, key=lambda r: (-r.tokens_per_dollar, r.provider, r.model))


def _forecast(data: Rollups, days: Sequence[DailyCost]) -> Forecast:
    average = ratio(data.totals.cost, len(days))
    projection, test = month_ahead({day.date: day.total_cost for day in days}, data.period)
    return Forecast(
        avg_daily_cost=average,
        forecast_30_days=average * config.DAYS_PER_MONTH,
        trend_percent=trend_percent([day.total_cost for day in days]),
        projected_30_days=math.fsum(day.expected for day in projection),
        projection=projection,
        backtest=test,
    )


def trend_percent(costs: Sequence[float]) -> float:
    """Return the change of the mean of the last active days against the mean of those before.

    0 where there are no days before them.

    >>> trend_percent([10] * 4 + [15] * 7), trend_percent([1, 2, 3])
    (50.0, 0.0)
    """
    recent = config.TREND_RECENT_DAYS
    return growth_percent(mean(costs[-recent:]), mean(costs[:-recent]))


# --- sentences -------------------------------------------------------------------------------


def levers(by_model: Sequence[ModelShare], total_calls: int) -> List[ModelShare]:
    """Return the rows of models that take far more of the cost than of the calls."""
    return [
        row
        for row in by_model
        if row.share_percent >= config.COST_LEVER_SHARE_PCT
        and row.share_percent >= config.COST_LEVER_FACTOR * percent_of(row.call_count, total_calls)
    ]


def _rise(data: Rollups, result: UnderstandingResult) -> float:
    """What the last days cost a month above those before, 0 where the trend is not notable."""
    if result.forecast.trend_percent < config.TREND_NOTABLE_PCT:
        return 0.0
    costs = [row.total_cost for row in result.daily]
    recent = config.TREND_RECENT_DAYS
    return (mean(costs[-recent:]) - mean(costs[:-recent])) * config.DAYS_PER_MONTH


def _elsewhere(result: UnderstandingResult) -> Tuple[float, float]:
    """Cost, and its share in percent, of all environments but production."""
    known = [
        row for row in result.by_environment if row.environment not in (PRODUCTION, config.UNKNOWN)
    ]
    return (
        math.fsum(row.total_cost for row in known),
        math.fsum(row.share_percent for row in known),
    )


def _findings(data: Rollups, result: UnderstandingResult) -> List[Finding]:
    findings = [_lever_finding(data, row) for row in levers(result.by_model, data.totals.calls)]
    rise, trend = _rise(data, result), result.forecast.trend_percent
    if rise:
        findings.append(
            finding(
                "warning",
                f"Daily cost is up {percent(trend)}",
                f"The last {config.TREND_RECENT_DAYS} active days cost that much more than the "
                f"days before: {usd(rise)} a month if it stays so.",
                rise,
            )
        )
    elif trend <= -config.TREND_NOTABLE_PCT:
        findings.append(
            finding(
                "success",
                f"Daily cost is down {percent(-trend)}",
                f"The last {config.TREND_RECENT_DAYS} active days against the days before.",
            )
        )
    if result.by_customer and data.totals.cost:
        findings.append(_top_customers(result.by_customer))
    return findings


def _lever_finding(data: Rollups, row: ModelShare) -> Finding:
    calls = percent_of(row.call_count, data.totals.calls)
    return finding(
        "warning",
        f"{row.model} takes {percent(row.share_percent)} of the cost",
        f"It answers only {percent(calls)} of the calls and costs "
        f"{usd(data.period.monthly(row.total_cost))} a month, "
        f"{usd(row.cost_per_1k_tokens * 1000)} per 1M tokens.",
    )


def _top_customers(customers: Sequence[CustomerShare]) -> Finding:
    count = rank_index(len(customers), config.TOP_CUSTOMERS_PCT / 100) + 1
    share = math.fsum(row.share_percent for row in customers[:count])
    verb = "causes" if count == 1 else "cause"
    return finding(
        "info",
        f"{counted(count, 'customer')} {verb} {percent(share)} of the cost",
        f"They are the top {config.TOP_CUSTOMERS_PCT}% of {counted(len(customers), 'customer')}; "
        f"first comes {customers[0].customer_id} with {usd(customers[0].total_cost)}.",
    )


def _recommendations(data: Rollups, result: UnderstandingResult) -> List[str]:
    monthly = data.period.monthly
    advice = [
        f"Review what uses {row.model}: it takes {percent(row.share_percent)} of the cost "
        f"for {percent(percent_of(row.call_count, data.totals.calls))} of the calls, "
        f"{usd(monthly(row.total_cost))} a month."
        for row in levers(result.by_model, data.totals.calls)[: config.RECOMMENDED_SUBJECTS]
    ]
    rise = _rise(data, result)
    if rise:
        advice.append(
            f"Find out what raised the daily cost by "
            f"{percent(result.forecast.trend_percent)}: it is worth {usd(rise)} a month."
        )
    cost, share = _elsewhere(result)
    if share >= config.NON_PRODUCTION_NOTABLE_PCT:
        advice.append(
            f"Set a budget for environments other than production: they take {percent(share)} of "
            f"the cost, {usd(monthly(cost))} a month."
        )
    return advice + _budget(result.forecast) + _prices(data)


def _budget(forecast: Forecast) -> List[str]:
    test = forecast.backtest
    usable = test.horizon_days and test.mape_percent <= config.FORECAST_USABLE_MAPE_PCT
    if not usable or not forecast.projected_30_days:
        return []
    return [
        f"Plan {usd(forecast.projected_30_days)} for the next {config.DAYS_PER_MONTH} days: "
        f"tried from {counted(test.tries, 'day')} of the data, up to "
        f"{counted(test.horizon_days, 'day')} ahead, the same forecast was off by "
        f"{percent(test.mape_percent)} a day."
    ]


def _prices(data: Rollups) -> List[str]:
    if not data.totals.unpriced:
        return []
    return [
        f"Add prices for the models of {counted(data.totals.unpriced, 'unpriced call')}: "
        "their cost is missing from every total."
    ]
