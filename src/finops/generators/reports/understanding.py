"""The page of usage and cost: where the money goes, by whom, and where it is heading."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from finops import config
from finops.generators import formatting
from finops.generators.charts import (
    Axis,
    Colour,
    Series,
    bar_chart,
    cut_short,
    line_chart,
    of_known_costs,
)
from finops.generators.components import Card, Part, columns, folded, section
from finops.generators.contrast import Contrast, cost_named
from finops.generators.cost_change import change_section
from finops.generators.date_range import Daily, follow
from finops.generators.packed_sums import Sums, pack, totals_by_day
from finops.generators.page import Report, write_report
from finops.generators.partial_days import (
    day_lines,
    known_by_day,
    partial_dates,
    where_days_are_known,
)
from finops.generators.recompute import Ratio, SharePercent, Sum
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, named, per_million, table, texts
from finops.results import understanding as results
from finops.results.base import DailyCost, from_dict
from finops.results.shares import CostShare, TokenShare, costs_are_lower_bounds, is_lower_bound

REPORT = Report(
    "understanding",
    "Understanding Usage & Cost",
    "Where the money goes, by provider, model, customer and feature, and where it is heading.",
)

_DRAWN = 10
_BEST = 5
_R = TypeVar("_R", bound=CostShare)
_T = TypeVar("_T", bound=TokenShare)
_COST: Sequence[Column[CostShare]] = (
    Column(
        lambda row: row.total_cost,
        "Cost",
        "money",
        recompute=Sum("cost"),
        order="descending",
        at_least=is_lower_bound,
        sparkline=True,
    ),
    Column(lambda row: row.share_percent, "Share", "percent", recompute=SharePercent("cost")),
)


def generate_understanding_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an understanding result.  Raises OSError if it cannot be written."""
    result = from_dict(results.UnderstandingResult, data)
    sums = pack(result.by_day._asdict())
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _heading_for(result, data),
            change_section(result.change),
            _suppliers(result, sums),
            _causes(result, sums),
            _uses(result, sums),
            _efficiency(result, sums["models"]),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=_daily(result, sums),
    )


def _daily(result: results.UnderstandingResult, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return cost, calls and tokens by day, for the figures that follow the chosen dates."""
    tokens = totals_by_day(result.by_day.models, "tokens")
    return Daily.of(
        result.daily,
        {
            "total_cost": lambda row: row.total_cost,
            "call_count": lambda row: row.call_count,
            "tokens": lambda row: tokens.get(row.date),
        },
        list(sums.values()),
    )


def _cards(result: results.UnderstandingResult) -> List[Card]:
    summary = result.summary
    recent = config.TREND_RECENT_DAYS
    least = costs_are_lower_bounds(result)
    tokens = Sum("tokens") if result.by_day.models else None
    return [
        Card(
            "Total cost",
            summary.total_cost,
            "money",
            "of the whole period",
            Sum("total_cost"),
            least,
        ),
        Card("Next 30 days", summary.forecast_30_days, "money", "trend and weekdays"),
        Card(
            "Cost per day",
            summary.avg_daily_cost,
            "money",
            "of the covered days",
            at_least=least,
        ),
        Card(
            "Trend",
            summary.trend_percent,
            "percent",
            f"last {recent} whole days against the {recent} before",
        ),
        Card(
            "Calls",
            summary.total_calls,
            "count",
            _per_call(summary),
            Sum("call_count"),
        ),
        Card("Tokens", summary.total_tokens, "tokens", "input and output", tokens),
    ]


def _per_call(summary: results.UnderstandingSummary) -> str:
    cost = summary.avg_cost_per_call
    return "of the whole period" if cost is None else f"{formatting.money(cost)} each"


# --- heading ---------------------------------------------------------------------------------


def _heading_for(result: results.UnderstandingResult, data: Mapping[str, Any]) -> Part:
    daily = result.daily
    return section(
        "Where it is heading",
        where_days_are_known(data, _forecast_chart(daily, result.forecast.projection, data)),
        lead=_forecast_sentence(result.forecast) if known_by_day(data) else "",
    )


def _forecast_chart(
    daily: Sequence[DailyCost],
    projection: Sequence[results.ProjectedDay],
    data: Mapping[str, Any],
) -> Part:
    before: List[Optional[float]] = [None] * len(daily)
    after: List[Optional[float]] = [None] * len(projection)
    expected = [
        Series("Range from", before + [row.low for row in projection], "muted", "low"),
        Series("Range to", before + [row.high for row in projection], "muted", "high"),
        Series("Forecast", before + [row.cost for row in projection], "warning", "dashed"),
    ]
    ahead = ", with a forecast of 30 days and the range that holds four of five days"
    return line_chart(
        "daily-cost",
        f"Cost of each day{ahead if projection else ''}{cut_short(data)}{of_known_costs(data)}",
        Axis("Day (UTC)", "date"),
        Axis("Cost (USD)", "money"),
        texts(row.date for row in daily) + texts(row.date for row in projection),
        [
            *day_lines(
                [Series("Cost", [row.total_cost for row in daily] + after, "accent")],
                texts(row.date for row in daily) + texts(row.date for row in projection),
                partial_dates(data),
            ),
            *(expected if projection else []),
        ],
        bins="mean",
        empty="There is no day with a call, so there is nothing to draw or to forecast.",
    )


def _forecast_sentence(forecast: results.Forecast) -> str:
    test = forecast.backtest
    if not forecast.projection:
        return (
            f"No forecast: it needs {config.SHORT_PERIOD_DAYS} covered days on which the cost of "
            "every call is known."
        )
    sentence = (
        f"The next 30 days are expected to cost {formatting.money(forecast.forecast_30_days)}"
        f"{_range_words(forecast)}. "
        "The line shows typical days; the sum also includes expensive ones. "
    )
    if test.mape_percent is None:
        return sentence + "The forecast was not tested: the data covers too few days."
    return sentence + _tried_sentence(test)


def _range_words(forecast: results.Forecast) -> str:
    if forecast.low_30_days is None or forecast.high_30_days is None:
        return ""
    span = formatting.money_range(forecast.low_30_days, forecast.high_30_days)
    if " to " not in span:
        return ""
    return f", in four of five cases {span}"


def _tried_sentence(test: results.Backtest) -> str:
    off, bearable = test.mape_percent or 0.0, config.FORECAST_USABLE_MAPE_PCT
    judged = "within" if off <= bearable else "more than"
    return (
        f"In a backtest from {_days(test.tries or 0)} of the data, each time up to "
        f"{_days(test.horizon_days)} ahead, the forecast was off by {formatting.percent(off)} "
        f"per day on average, {judged} the {formatting.plain(bearable)}% that is acceptable for "
        "planning."
    )


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


# --- breakdowns ------------------------------------------------------------------------------


def _suppliers(result: results.UnderstandingResult, sums: Mapping[str, Optional[Sums]]) -> Part:
    provider = Column[results.ProviderShare](
        lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"
    )
    model = Column[results.ModelShare](lambda row: row.model, "Model", "model", dimension="model")
    model_columns: List[Column[results.ModelShare]] = [
        Column[results.ModelShare](
            lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"
        ),
        model,
        *_used_columns(),
        Column[results.ModelShare](
            lambda row: per_million(row.cost_per_1k_tokens),
            "Cost per 1M tokens",
            "money",
            recompute=Ratio("cost", "tokens", 1_000_000),
        ),
        *_COST,
    ]
    providers = [(row.provider, row.total_cost) for row in result.by_provider]
    models = [(row.model, row.total_cost) for row in result.by_model]
    most = f"Cost by model, the {_DRAWN} that cost most"
    return section(
        "Where the money goes",
        columns(
            _cost_chart("provider", "Cost by provider", providers, _share_columns(provider)),
            _share_table("by-provider", provider, result.by_provider, "providers", sums["models"]),
            uneven=True,
        ),
        columns(
            _cost_chart("model", most, models, model_columns),
            table(
                "by-model",
                "Cost by model",
                model_columns,
                result.by_model,
                empty="No models with a call.",
                sums=sums["models"],
            ),
            uneven=True,
        ),
    )


def _cost_chart(
    kind: str,
    caption: str,
    costs: Sequence[Tuple[str, Optional[float]]],
    shown: Sequence[Column[_R]],
) -> Part:
    """Return the most expensive providers or models, from the table `by-KIND`."""
    colours: List[Colour] = [(kind, name) for name, _ in costs]
    drawn = costs[:_DRAWN]
    chart = bar_chart(
        f"cost-by-{kind}",
        caption,
        Axis(kind.capitalize(), kind),
        Axis("Cost (USD)", "money"),
        texts(name for name, _ in drawn),
        [Series("Cost", [cost for _, cost in drawn])],
        horizontal=True,
        colours=colours[:_DRAWN],
    )
    name = next(column for column in shown if column.kind == kind)
    return follow(chart, f"by-{kind}", shown, name, [_COST[0]], _DRAWN, colours)


def _used_columns() -> List[Column[TokenShare]]:
    return [
        Column(lambda row: row.call_count, "Calls", "count", recompute=Sum("calls")),
        Column(lambda row: row.total_tokens, "Tokens", "tokens", recompute=Sum("tokens")),
    ]


def _share_columns(first: Column[_T]) -> List[Column[_T]]:
    return [
        first,
        *_used_columns(),
        Column(
            lambda row: row.avg_cost_per_call,
            "Cost per call",
            "money",
            recompute=Ratio("cost", "calls"),
        ),
        *_COST,
    ]


def _share_table(
    name: str, first: Column[_T], rows: Sequence[_T], plural: str, sums: Optional[Sums]
) -> Part:
    return table(
        name,
        f"Cost by {first.label.lower()}",
        _share_columns(first),
        ShortenedRows(named(rows, first)),
        empty=f"No call names one of the {plural}." if rows else f"No costs of {plural}.",
        sums=sums,
    )


def _causes(result: results.UnderstandingResult, sums: Mapping[str, Optional[Sums]]) -> Part:
    customer = Column[results.CustomerShare](
        lambda row: row.customer_id, "Customer", dimension="customer_id"
    )
    return section(
        "Who causes it",
        columns(
            table(
                "by-customer",
                "Cost by customer",
                [
                    customer,
                    Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                    Column(lambda row: row.call_count, "Calls", "count", recompute=Sum("calls")),
                    *_COST,
                ],
                ShortenedRows(named(result.by_customer, customer)),
                empty="No call names a customer."
                if result.by_customer
                else "No customers with a call.",
                sums=sums["accounts"],
            ),
            _share_table(
                "by-organization",
                Column[results.OrganizationShare](
                    lambda row: row.organization_id, "Organization", dimension="organization_id"
                ),
                result.by_organization,
                "organizations",
                sums["accounts"],
            ),
        ),
    )


def _uses(result: results.UnderstandingResult, sums: Mapping[str, Optional[Sums]]) -> Part:
    feature = Column[results.FeatureShare](
        lambda row: row.feature_id, "Feature", "feature", dot=True, dimension="feature_id"
    )
    task = Column[results.TaskShare](lambda row: row.task_type, "Task type", dimension="task_type")
    product = Column[results.ProductShare](
        lambda row: row.product_id, "Product", "product", dot=True, dimension="product_id"
    )
    environment = Column[results.EnvironmentShare](
        lambda row: row.environment, "Environment", dimension="environment"
    )
    return section(
        "What it is used for",
        columns(
            _share_table("by-feature", feature, result.by_feature, "features", sums["features"]),
            _share_table(
                "by-task-type", task, result.by_task_type, "task types", sums["task_types"]
            ),
            _share_table("by-product", product, result.by_product, "products", sums["accounts"]),
            _share_table(
                "by-environment",
                environment,
                result.by_environment,
                "environments",
                sums["environments"],
            ),
        ),
    )


def _efficiency(result: results.UnderstandingResult, sums: Optional[Sums]) -> Part:
    rows = result.efficiency
    drawn = rows[:_BEST]
    colours: List[Colour] = [("model", row.model) for row in rows]
    model = Column[results.ModelEfficiency](
        lambda row: row.model, "Model", "model", dimension="model"
    )
    bought = Column[results.ModelEfficiency](
        lambda row: row.tokens_per_dollar,
        "Tokens per USD",
        "tokens",
        recompute=Ratio("tokens", "cost"),
        order="descending",
    )
    shown = [
        Column[results.ModelEfficiency](
            lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"
        ),
        model,
        bought,
        Column[results.ModelEfficiency](
            lambda row: row.total_cost,
            "Cost",
            "money",
            recompute=Sum("cost"),
            at_least=is_lower_bound,
        ),
    ]
    chart = bar_chart(
        "tokens-per-dollar",
        f"Tokens per dollar, the {_BEST} models that give most",
        Axis("Model", "model"),
        Axis("Tokens per USD", "tokens"),
        texts(row.model for row in drawn),
        [Series("Tokens per USD", [row.tokens_per_dollar for row in drawn])],
        horizontal=True,
        colours=colours[:_BEST],
    )
    return section(
        "What a dollar buys",
        follow(chart, "efficiency", shown, model, [bought], _BEST, colours),
        folded(
            "Tokens per dollar, all models",
            table(
                "efficiency",
                "Tokens per dollar, by model",
                shown,
                rows,
                empty="No models with a call.",
                sums=sums,
            ),
        ),
    )


# --- the end ---------------------------------------------------------------------------------


def _contrast(result: results.UnderstandingResult) -> Contrast:
    summary = result.summary
    cost = cost_named(result)
    customers = formatting.count(summary.unique_customers)
    return Contrast(
        ("customer_id", "feature_id"),
        f"{cost} could be split by provider and model only.",
        f"{cost} is also split by customer ({customers}) and feature.",
    )


def _not_found(result: results.UnderstandingResult) -> List[str]:
    summary = result.summary
    sentences = []
    days = 2 * config.TREND_RECENT_DAYS
    if summary.trend_percent is None:
        sentences.append(f"No trend: it needs {days} whole days on which every cost is known.")
    elif not summary.trend_percent:
        sentences.append("Checked, none found: a trend.")
    if not summary.unpriced_calls:
        sentences.append("Checked, none found: calls without a known cost.")
    return sentences
