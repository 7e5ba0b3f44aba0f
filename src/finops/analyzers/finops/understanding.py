"""Understanding usage and cost: where the money goes, and where it is heading."""

from __future__ import annotations

import math
from typing import Callable, ClassVar, Dict, List, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.cost_change import CHANGE_TABLES, cost_change
from finops.analyzers.shared.coverage import count_named
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.forecast import UNTRIED, month_ahead, month_range
from finops.analyzers.shared.known_costs import known_cost, known_share, known_total, unit_cost
from finops.analyzers.shared.overlaps import model_key
from finops.analyzers.shared.quiet_weekdays import week_findings
from finops.analyzers.shared.tables import (
    ACCOUNT_GRID,
    ACCOUNTS,
    CALLS,
    DAYS,
    MODEL_DAYS,
    USE_DAYS,
    daily,
    fold,
    shares,
)
from finops.analyzers.shared.unit_costs import unit_cost_findings
from finops.analyzers.shared.wording import caveats, cost_words, counted, per_month, percent, usd
from finops.results.base import DailyCost, Finding
from finops.results.understanding import (
    ChangeSummary,
    CostChange,
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
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.spec import Rollups, Table
from finops.stats import growth_percent, mean, rank_index, ratio
from finops.stats import percent as percent_of

PRODUCTION = "production"
CREDIT_DAYS = Table(("day",), ("credits",))


class UnderstandingAnalyzer(Analyzer):
    """Cost by provider, model, customer, feature and so on; by day; and a month ahead.

    Every breakdown covers all calls, so its costs sum to the total.  `forecast_30_days` is the
    sum that the projection expects.  Where a call has no known cost, costs are a lower bound,
    and what rests on them (ratios, trend, forecast) is None.  `by_day` holds the breakdowns by
    day, None where they are too many to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        *CUSTOMER_RECORDS,
        CALLS,
        ACCOUNTS,
        DAYS,
        MODEL_DAYS,
        ACCOUNT_GRID,
        USE_DAYS,
        *CHANGE_TABLES,
        CREDIT_DAYS,
    )

    def result(self, data: Rollups) -> UnderstandingResult:
        """Return the result; costs in USD over the period unless the name says otherwise."""
        span = covered_days(data)
        days = daily(data, span)
        forecast = _forecast(data, span, days)
        change = cost_change(data, span)
        result = UnderstandingResult(
            summary=_summary(data, span, forecast, change),
            basis=basis_of(data, span, self.NEEDS),
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
            change=change,
            efficiency=_efficiency(data),
            by_day=_by_day(data),
            findings=[],
            recommendations=[],
        )
        return result._replace(
            findings=by_impact(_findings(data, span, result) + caveats(span, data.totals)),
            recommendations=_recommendations(data, span, result),
        )


def _by_day(data: Rollups) -> UnderstandingByDay:
    return UnderstandingByDay(
        models=by_day(data, MODEL_DAYS, "provider", "model"),
        accounts=by_day(data, ACCOUNT_GRID, "customer_id", "organization_id", "product_id"),
        features=by_day(data, USE_DAYS, "feature_id"),
        task_types=by_day(data, USE_DAYS, "task_type"),
        environments=by_day(data, USE_DAYS, "environment"),
    )


def _summary(
    data: Rollups, span: CoveredDays, forecast: Forecast, change: Optional[CostChange]
) -> UnderstandingSummary:
    totals = data.totals
    return UnderstandingSummary(
        total_calls=totals.calls,
        total_cost=known_total(data),
        total_tokens=totals.tokens,
        unique_customers=count_named(data, data.totals.customers),
        avg_cost_per_call=unit_cost(totals.cost, totals.calls, totals.unpriced),
        avg_daily_cost=forecast.avg_daily_cost,
        forecast_30_days=forecast.forecast_30_days,
        trend_percent=forecast.trend_percent,
        monthly_cost=span.monthly(known_total(data)),
        unpriced_calls=totals.unpriced,
        change=None
        if change is None
        else ChangeSummary(
            previous_period_cost=change.previous_period_cost,
            cost_now=change.cost_now,
            price_effect=change.price_effect,
            mix_effect=change.mix_effect,
            volume_effect=change.volume_effect,
            new_subjects_effect=change.new_subjects_effect,
        ),
    )


def _model_share(
    provider: str,
    model: str,
    calls: int,
    cost: Optional[float],
    tokens: int,
    per_call: Optional[float],
    share: Optional[float],
) -> ModelShare:
    known = cost is not None and per_call is not None
    per_1k_tokens = ratio(cost or 0.0, tokens) * 1000 if known else None
    return ModelShare(provider, model, calls, cost, tokens, per_call, share, per_1k_tokens)


def _by_customer(data: Rollups) -> List[CustomerShare]:
    rows = [
        CustomerShare(
            customer_id=customer,
            subscription_tier=data.customers[customer].tier,
            call_count=calls,
            total_cost=known_cost(cost, unpriced),
            share_percent=known_share(data, known_cost(cost, unpriced)),
            unpriced_calls=unpriced,
        )
        for customer, (calls, cost, _, unpriced) in fold(data, ACCOUNTS, "customer_id").items()
    ]
    return sorted(rows, key=lambda r: (-(r.total_cost or 0.0), r.customer_id))


def _efficiency(data: Rollups) -> List[ModelEfficiency]:
    """Tokens per dollar; models with none, or whose tokens cost nothing, or not known how much,
    have no such number and come last.
    """
    rows = [
        ModelEfficiency(
            provider=provider,
            model=model,
            tokens_per_dollar=None if unpriced or not (tokens and cost > 0) else tokens / cost,
            total_cost=known_cost(cost, unpriced),
        )
        for (provider, model), (_, cost, tokens, unpriced) in fold(
            data, CALLS, "provider", "model"
        ).items()
    ]
    return sorted(rows, key=_most_tokens_first)


def _most_tokens_first(row: ModelEfficiency) -> Tuple[bool, float, str, str]:
    unknown = row.tokens_per_dollar is None
    return unknown, -(row.tokens_per_dollar or 0.0), row.provider, row.model


def _forecast(data: Rollups, span: CoveredDays, days: Sequence[DailyCost]) -> Forecast:
    costs = {day.date: day.total_cost or 0.0 for day in days}
    known = _known(span, days)
    looked_back = span.whole[-config.FORECAST_WINDOW_DAYS - config.FORECAST_TRIED_DAYS :]
    forecast, test = month_ahead(costs, span) if known(looked_back) else ([], UNTRIED)
    compared = span.whole[-2 * config.TREND_RECENT_DAYS :]
    total = math.fsum(day.expected for day in forecast) if forecast else None
    spent = known_total(data)
    low, high = (month_range(costs, span, total) if total is not None else None) or (None, None)
    return Forecast(
        avg_daily_cost=spent / span.days if span.whole and spent is not None else None,
        forecast_30_days=total,
        low_30_days=low,
        high_30_days=high,
        trend_percent=trend_percent([costs.get(date, 0.0) for date in compared])
        if known(compared)
        else None,
        projection=forecast,
        backtest=test,
    )


def _known(span: CoveredDays, days: Sequence[DailyCost]) -> Callable[[Sequence[str]], bool]:
    """Return whether the costs of all calls of some dates are known."""
    unpriced = {day.date for day in days if day.unpriced_calls}
    return lambda dates: unpriced.isdisjoint(dates)


def trend_percent(costs: Sequence[float]) -> Optional[float]:
    """Return the change of the mean of the last days against the mean of as many before.

    `costs` are those of whole days in order.  None for fewer than two spans of
    `config.TREND_RECENT_DAYS`, or where the earlier one cost nothing.

    >>> trend_percent([10] * 7 + [15] * 7), trend_percent([10] * 6 + [15] * 7)
    (50.0, None)
    """
    recent = config.TREND_RECENT_DAYS
    if len(costs) < 2 * recent:
        return None
    before = mean(costs[-2 * recent : -recent])
    if before <= config.NEGLIGIBLE_USD:
        return None
    return growth_percent(mean(costs[-recent:]), before)


# --- sentences -------------------------------------------------------------------------------


def levers(by_model: Sequence[ModelShare], priced_calls: int) -> List[ModelShare]:
    """Return the rows of models that take far more of the cost than of the calls.

    Where some calls have no known cost, these are no part of either.
    """
    return [
        row
        for row in by_model
        if row.avg_cost_per_call is not None
        and (row.share_percent or 0.0) >= config.COST_LEVER_SHARE_PCT
        and (row.share_percent or 0.0)
        >= config.COST_LEVER_FACTOR * percent_of(row.call_count, priced_calls)
    ]


def _priced_calls(data: Rollups) -> Tuple[int, str]:
    """Return the calls of known cost, and how a sentence names them."""
    unpriced = data.totals.unpriced
    return data.totals.calls - unpriced, "priced calls" if unpriced else "calls"


def _trend(data: Rollups, span: CoveredDays, result: UnderstandingResult) -> float:
    """Return the trend in percent, 0 where it is not known, or where a credit makes it.

    A credit is no call less, so that what it takes off a day says nothing of the use.
    """
    days = set(span.whole[-2 * config.TREND_RECENT_DAYS :])
    if any(credit and day in days for (day,), (credit,) in data[CREDIT_DAYS].items()):
        return 0.0
    return result.forecast.trend_percent or 0.0


def _rise(data: Rollups, span: CoveredDays, result: UnderstandingResult) -> float:
    """What the last days cost per month above those before, 0 where the trend is not notable."""
    if _trend(data, span, result) < config.TREND_NOTABLE_PCT:
        return 0.0
    costs = {row.date: row.total_cost or 0.0 for row in result.daily}
    recent = config.TREND_RECENT_DAYS
    last, before = span.whole[-recent:], span.whole[-2 * recent : -recent]
    rise = math.fsum(costs.get(day, 0.0) for day in last)
    rise -= math.fsum(costs.get(day, 0.0) for day in before)
    return rise / recent * config.DAYS_PER_MONTH


def _elsewhere(result: UnderstandingResult) -> Tuple[float, float]:
    """Cost, and its share in percent, of all environments but production."""
    known = [
        row for row in result.by_environment if row.environment not in (PRODUCTION, config.UNKNOWN)
    ]
    return (
        math.fsum(row.total_cost or 0.0 for row in known),
        math.fsum(row.share_percent or 0.0 for row in known),
    )


def _findings(data: Rollups, span: CoveredDays, result: UnderstandingResult) -> List[Finding]:
    findings = [_lever_finding(data, row, now) for row, now in _levers_now(data, span, result)]
    rise, trend = _rise(data, span, result), _trend(data, span, result)
    against = (
        f"The last {config.TREND_RECENT_DAYS} whole days against the "
        f"{config.TREND_RECENT_DAYS} before"
    )
    if rise:
        findings.append(
            finding(
                "warning",
                f"Daily cost is up {percent(trend)}",
                f"{against}: {usd(rise)} per month if it stays so.",
                rise,
                confidence="medium",
                effort="medium",
            )
        )
    elif trend <= -config.TREND_NOTABLE_PCT:
        findings.append(
            finding(
                "success",
                f"Daily cost is down {percent(-trend)}",
                f"{against}.",
            )
        )
    if len(result.by_customer) > 1 and data.totals.cost:
        findings += _top_customers(data, result.by_customer)
    if not data.totals.unpriced:
        costs = {row.date: row.total_cost or 0.0 for row in result.daily}
        findings += unit_cost_findings(data, span) + week_findings(costs, span)
    return findings


def _levers_now(
    data: Rollups, span: CoveredDays, result: UnderstandingResult
) -> List[Tuple[ModelShare, Optional[float]]]:
    """Return the levers that still cost something, with what they cost per month now.

    There are none where nothing says how many calls there were: a lever is few of them.
    """
    if not data.totals.calls:
        return []
    days: Dict[Tuple[str, str], Dict[str, float]] = {}
    for (day, provider, model), (_, cost, _) in data[MODEL_DAYS].items():
        days.setdefault((provider, model), {})[day] = cost
    rates = [
        (row, span.monthly_now(days[row.provider, row.model]))
        for row in levers(result.by_model, _priced_calls(data)[0])
    ]
    return [(row, rate) for row, rate in rates if rate != 0]


def _lever_finding(data: Rollups, row: ModelShare, now: Optional[float]) -> Finding:
    priced, calls = _priced_calls(data)
    price = row.cost_per_1k_tokens
    per_token = "" if price is None else f", {usd(price * 1000)} per 1M tokens"
    return finding(
        "warning",
        f"{row.model} takes {percent(row.share_percent or 0.0)} of {cost_words(data.totals)}",
        f"It answers only {percent(percent_of(row.call_count, priced))} of the {calls} and costs "
        f"{per_month(now, row.total_cost or 0.0)}{per_token}.",
        subject={"provider": row.provider, "model": row.model},
        overlaps=model_key(row.provider, row.model),
    )


def _top_customers(data: Rollups, customers: Sequence[CustomerShare]) -> List[Finding]:
    """Return that few customers cost more than their part, if they do: some customer costs most.

    Nothing where a call has no known cost: its customer may be the most expensive.
    """
    if data.totals.unpriced:
        return []
    count = rank_index(len(customers), config.TOP_CUSTOMERS_PCT / 100) + 1
    share = math.fsum(row.share_percent or 0.0 for row in customers[:count])
    if share <= config.TOP_CUSTOMERS_FACTOR * percent_of(count, len(customers)):
        return []
    verb = "causes" if count == 1 else "cause"
    title = f"{counted(count, 'customer')} {verb} {percent(share)} of {cost_words(data.totals)}"
    of_all, first = counted(len(customers), "customer"), customers[0]
    if count == 1:
        detail = f"Of {of_all}, {first.customer_id} costs most: {usd(first.total_cost or 0.0)}."
    else:
        detail = (
            f"They are the top {config.TOP_CUSTOMERS_PCT}% of {of_all}; "
            f"the largest is {first.customer_id} with {usd(first.total_cost or 0.0)}."
        )
    return [finding("info", title, detail)]


def _recommendations(data: Rollups, span: CoveredDays, result: UnderstandingResult) -> List[str]:
    priced, calls = _priced_calls(data)
    advice = [
        f"Review what uses {row.model}: it takes {percent(row.share_percent or 0.0)} of "
        f"{cost_words(data.totals)} for {percent(percent_of(row.call_count, priced))} of the "
        f"{calls}, "
        f"{per_month(now, row.total_cost or 0.0)}."
        for row, now in _levers_now(data, span, result)[: config.RECOMMENDED_SUBJECTS]
    ]
    rise = _rise(data, span, result)
    if rise:
        advice.append(
            f"Find out what raised the daily cost by "
            f"{percent(result.forecast.trend_percent or 0.0)}: it is worth {usd(rise)} per month."
        )
    cost, share = _elsewhere(result)
    if share >= config.NON_PRODUCTION_NOTABLE_PCT:
        advice.append(
            f"Set a budget for environments other than production: they take {percent(share)} of "
            f"{cost_words(data.totals)}, {per_month(span.monthly(cost), cost)}."
        )
    return advice + _budget(result.forecast) + _prices(data)


def _budget(forecast: Forecast) -> List[str]:
    test = forecast.backtest
    error = test.mape_percent
    expected = forecast.forecast_30_days or 0.0
    if error is None or error > config.FORECAST_USABLE_MAPE_PCT or expected <= 0:
        return []
    return [
        f"Plan {usd(expected)} for the next {config.DAYS_PER_MONTH} days: "
        f"in a backtest from {counted(test.tries, 'day')} of the data, up to "
        f"{counted(test.horizon_days, 'day')} ahead, the same forecast was off by "
        f"{percent(error)} per day."
    ]


def _prices(data: Rollups) -> List[str]:
    if not data.totals.unpriced:
        return []
    return [
        f"Add prices for the models of {counted(data.totals.unpriced, 'unpriced call')}: "
        "their cost is missing from every total."
    ]
