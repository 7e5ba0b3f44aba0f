"""The page of usage and cost: where the money goes, by whom, and where it is heading."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops import config
from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily, follow
from finops.generators.packed_sums import Sums, pack, totals_by_day
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, Over, table, texts

REPORT = Report(
    "understanding",
    "Understanding Usage & Cost",
    "Where the money goes, by provider, model, customer and feature, and where it is heading.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN = 10
# Section of the result: key of its rows, heading, plural, kind, its sums by day.
_BREAKDOWNS: Dict[str, Tuple[str, str, str, str, str]] = {
    "by_feature": ("feature_id", "Feature", "features", "feature", "features"),
    "by_task_type": ("task_type", "Task type", "task types", "text", "task_types"),
    "by_product": ("product_id", "Product", "products", "product", "accounts"),
    "by_environment": ("environment", "Environment", "environments", "text", "environments"),
}
_COST = (
    Column("total_cost", "Cost", "money", over=("cost", "sum")),
    Column("share_percent", "Share", "percent", bar=True, over=("cost", "share")),
)
# Sums by key and day that the page carries.
_SUMS = ("models", "accounts", "features", "task_types", "environments")


def generate_understanding_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an understanding result.  Raises OSError if it cannot be written."""
    sums = pack(data.get("by_day") or {}, _SUMS)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[
            _heading_for(data),
            _suppliers(data, sums),
            _causes(data, sums),
            _uses(data, sums),
            _efficiency(data, sums["models"]),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=_daily(data, sums),
    )


def _daily(data: Data, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return cost, calls and tokens by day, for the figures that follow the chosen dates."""
    tokens = totals_by_day((data.get("by_day") or {}).get("models"), "tokens")
    rows = [dict(row, tokens=tokens.get(row.get("date"))) for row in data.get("daily") or []]
    return Daily.of(rows, ("total_cost", "call_count", "tokens"), list(sums.values()))


def _cards(data: Data) -> List[Card]:
    summary: Data = data.get("summary") or {}
    recent = config.TREND_RECENT_DAYS
    tokens = ("tokens", "sum") if (data.get("by_day") or {}).get("models") else None
    return [
        Card(
            "Total cost",
            summary.get("total_cost"),
            "money",
            "of the whole period",
            ("total_cost", "sum"),
        ),
        Card("Next 30 days", summary.get("projected_30_days"), "money", "trend and weekdays"),
        Card(
            "Cost a day",
            summary.get("avg_daily_cost"),
            "money",
            "average active day",
            ("total_cost", "mean"),
        ),
        Card(
            "Trend",
            summary.get("trend_percent") if len(data.get("daily") or ()) > recent else None,
            "percent",
            f"last {recent} active days against all before",
            ("total_cost", f"trend:{recent}"),
        ),
        Card(
            "Calls",
            summary.get("total_calls"),
            "count",
            _per_call(summary),
            ("call_count", "sum"),
        ),
        Card("Tokens", summary.get("total_tokens"), "tokens", "input and output", tokens),
    ]


def _per_call(summary: Data) -> str:
    return f"{formatting.money(summary.get('avg_cost_per_call'))} each"


# --- heading ---------------------------------------------------------------------------------


def _heading_for(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    return section(
        "Where it is heading",
        _forecast_chart(
            daily, (data.get("forecast") or {}).get("projection") or [], cut_short(data)
        ),
        lead=_forecast_sentence(data.get("forecast") or {}),
    )


def _forecast_chart(daily: Rows, projection: Rows, remark: str) -> Part:
    before: List[Any] = [None] * len(daily)
    after: List[Any] = [None] * len(projection)
    return line_chart(
        "daily-cost",
        "Cost of each day, and a forecast of 30 days with the range that holds four of five days"
        + remark,
        Axis("Day (UTC)", "date"),
        Axis("Cost (USD)", "money"),
        texts(daily, "date") + texts(projection, "date"),
        [
            Series("Cost", [row.get("total_cost") for row in daily] + after, "accent"),
            Series("Lower edge", before + [row.get("low") for row in projection], "muted", "low"),
            Series("Upper edge", before + [row.get("high") for row in projection], "muted", "high"),
            Series(
                "Forecast", before + [row.get("cost") for row in projection], "warning", "dashed"
            ),
        ],
        bins="mean",
        empty="There is no day with a call, so there is nothing to draw or to forecast.",
    )


def _forecast_sentence(forecast: Data) -> str:
    test: Data = forecast.get("backtest") or {}
    if not forecast.get("projection"):
        return "A forecast was looked for, but there is no day to make one from."
    months = formatting.money(forecast.get("forecast_30_days"))
    ahead = formatting.money(forecast.get("projected_30_days"))
    sentence = (
        f"Thirty times the average active day would be {months}; going on as it did, the next 30 "
        f"days come to {ahead}. The line shows typical days, the sum counts on dear ones too. "
    )
    if not test.get("horizon_days"):
        return sentence + "The data covers too few days to test the forecast on."
    return sentence + _tried_sentence(test)


def _tried_sentence(test: Data) -> str:
    off, bearable = test.get("mape_percent") or 0.0, config.FORECAST_USABLE_MAPE_PCT
    judged = "within" if off <= bearable else "more than"
    return (
        f"Tried from {_days(test.get('tries', 0))} of the data, each time up to "
        f"{_days(test['horizon_days'])} ahead, the forecast was off by {formatting.percent(off)} "
        f"a day on average, {judged} the {formatting.plain(bearable)}% that a plan can bear."
    )


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


# --- breakdowns ------------------------------------------------------------------------------


def _suppliers(data: Data, sums: Mapping[str, Optional[Sums]]) -> Part:
    providers: Rows = data.get("by_provider") or []
    models: Rows = data.get("by_model") or []
    provider = Column("provider", "Provider", "provider", dot=True)
    model_columns = [
        provider,
        Column("model", "Model", "model"),
        Column("call_count", "Calls", "count", over=("calls", "sum")),
        Column("total_tokens", "Tokens", "tokens", over=("tokens", "sum")),
        Column(
            "cost_per_1k_tokens", "Cost per 1,000 tokens", "money", over=("cost", "thousand:tokens")
        ),
        *_COST,
    ]
    return section(
        "Where the money goes",
        columns(
            _cost_chart("provider", "Cost by provider", providers, _share_columns(provider)),
            _cost_chart(
                "model", f"Cost by model, the {_DRAWN} that cost most", models, model_columns
            ),
        ),
        _share_table("by-provider", provider, providers, "providers", sums["models"]),
        table(
            "by-model",
            "Cost by model",
            model_columns,
            models,
            order=("total_cost", "descending"),
            empty="Models with a call were looked for, and there are none.",
            over=Over(sums["models"], ("provider", "model")),
        ),
    )


def _cost_chart(kind: str, caption: str, rows: Rows, shown: Sequence[Column]) -> Part:
    """Return the dearest providers or models, from the table `by-KIND`."""
    colours: List[Colour] = [(kind, row.get(kind)) for row in rows]
    drawn = rows[:_DRAWN]
    chart = bar_chart(
        f"cost-by-{kind}",
        caption,
        Axis(kind.capitalize(), kind),
        Axis("Cost (USD)", "money"),
        texts(drawn, kind),
        [Series("Cost", [row.get("total_cost") for row in drawn])],
        horizontal=True,
        colours=colours[:_DRAWN],
    )
    return follow(chart, f"by-{kind}", shown, kind, ("total_cost",), _DRAWN, colours)


def _share_columns(first: Column) -> List[Column]:
    return [
        first,
        Column("call_count", "Calls", "count", over=("calls", "sum")),
        Column("total_tokens", "Tokens", "tokens", over=("tokens", "sum")),
        Column("avg_cost_per_call", "Cost per call", "money", over=("cost", "per:calls")),
        *_COST,
    ]


def _share_table(name: str, first: Column, rows: Rows, plural: str, sums: Optional[Sums]) -> Part:
    return table(
        name,
        f"Cost by {first.label.lower()}",
        _share_columns(first),
        Lean(rows),
        order=("total_cost", "descending"),
        empty=f"Costs of {plural} were looked for, and there are none.",
        over=Over(sums, (first.key,)),
    )


def _causes(data: Data, sums: Mapping[str, Optional[Sums]]) -> Part:
    return section(
        "Who causes it",
        table(
            "by-customer",
            "Cost by customer",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("call_count", "Calls", "count", over=("calls", "sum")),
                *_COST,
            ],
            Lean(data.get("by_customer") or []),
            order=("total_cost", "descending"),
            empty="Customers with a call were looked for, and there are none.",
            over=Over(sums["accounts"], ("customer_id",)),
        ),
        _share_table(
            "by-organization",
            Column("organization_id", "Organization"),
            data.get("by_organization") or [],
            "organizations",
            sums["accounts"],
        ),
    )


def _uses(data: Data, sums: Mapping[str, Optional[Sums]]) -> Part:
    parts = [
        _share_table(
            name.replace("_", "-"),
            Column(key, heading, kind, dot=kind != "text"),
            data.get(name) or [],
            plural,
            sums[stored],
        )
        for name, (key, heading, plural, kind, stored) in _BREAKDOWNS.items()
    ]
    return section("What it is used for", *parts)


def _efficiency(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("efficiency") or []
    drawn = rows[:_DRAWN]
    colours: List[Colour] = [("model", row.get("model")) for row in rows]
    shown = [
        Column("provider", "Provider", "provider", dot=True),
        Column("model", "Model", "model"),
        Column("tokens_per_dollar", "Tokens per USD", "tokens", over=("tokens", "per:cost")),
        Column("total_cost", "Cost", "money", over=("cost", "sum")),
    ]
    chart = bar_chart(
        "tokens-per-dollar",
        f"Tokens for one dollar, the {_DRAWN} models that give most",
        Axis("Model", "model"),
        Axis("Tokens per USD", "tokens"),
        texts(drawn, "model"),
        [Series("Tokens per USD", [row.get("tokens_per_dollar") for row in drawn])],
        horizontal=True,
        colours=colours[:_DRAWN],
    )
    return section(
        "What a dollar buys",
        follow(chart, "efficiency", shown, "model", ("tokens_per_dollar",), _DRAWN, colours),
        table(
            "efficiency",
            "Tokens for one dollar, by model",
            shown,
            rows,
            order=("tokens_per_dollar", "descending"),
            empty="Models with a call were looked for, and there are none.",
            over=Over(sums, ("provider", "model")),
        ),
    )


# --- the end ---------------------------------------------------------------------------------


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    cost = formatting.money(summary.get("total_cost"))
    calls = formatting.count(summary.get("total_calls"))
    customers = formatting.count(summary.get("unique_customers"))
    providers = formatting.count(len(data.get("by_provider") or []))
    models = formatting.count(len(data.get("by_model") or []))
    ahead = formatting.money(summary.get("projected_30_days"))
    return {
        "metadata": (
            f"{providers} invoices add up to {cost}; what it was for is anybody's guess.",
            f"{calls} calls name customer, feature, task and environment: {cost} in eight views.",
        ),
        "realtime": (
            "The trend is known when the month's invoices are in.",
            f"Every day is a point of the line, and {ahead} for the next 30 days is renewed with "
            "it.",
        ),
        "standard": (
            f"{models} models are priced and counted in {providers} different ways.",
            f"One cost and one count of tokens for {models} models, side by side.",
        ),
        "automated": (
            "Somebody joins exports and price lists before each meeting.",
            "One command makes the breakdowns, the forecast and its test.",
        ),
        "actionable": (
            f"{cost} can only be cut across the board.",
            f"{customers} customers and {models} models are ranked by what they cost.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    sentences = []
    if not summary.get("trend_percent"):
        sentences.append(
            "A trend was looked for: there is none, or there are fewer than 8 active days."
        )
    if not summary.get("unpriced_calls"):
        sentences.append("Calls without a known cost were looked for: there are none.")
    return sentences
