"""The page of usage and cost: where the money goes, by whom, and where it is heading."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.lean import Lean
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "understanding",
    "Understanding Usage & Cost",
    "Where the money goes, by provider, model, customer and feature, and where it is heading.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN = 10
# Section of the result: key of its rows, heading, plural, kind.
_BREAKDOWNS: Dict[str, Tuple[str, str, str, str]] = {
    "by_feature": ("feature_id", "Feature", "features", "feature"),
    "by_task_type": ("task_type", "Task type", "task types", "text"),
    "by_product": ("product_id", "Product", "products", "product"),
    "by_environment": ("environment", "Environment", "environments", "text"),
}


def generate_understanding_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an understanding result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[_heading_for(data), _suppliers(data), _causes(data), _uses(data), _efficiency(data)],
        value=_value(data),
        not_found=_not_found(data),
    )


def _cards(summary: Data) -> List[Card]:
    return [
        Card("Total cost", summary.get("total_cost"), "money", "of the whole period"),
        Card("Next 30 days", summary.get("projected_30_days"), "money", "trend and weekdays"),
        Card("Cost a day", summary.get("avg_daily_cost"), "money", "average active day"),
        Card("Trend", summary.get("trend_percent"), "percent", "last 7 active days against before"),
        Card("Calls", summary.get("total_calls"), "count", _per_call(summary)),
        Card("Tokens", summary.get("total_tokens"), "tokens", "input and output"),
    ]


def _per_call(summary: Data) -> str:
    return f"{formatting.money(summary.get('avg_cost_per_call'))} each"


# --- heading ---------------------------------------------------------------------------------


def _heading_for(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    return section(
        "Where it is heading",
        _forecast_chart(daily, (data.get("forecast") or {}).get("projection") or []),
        lead=_forecast_sentence(data.get("forecast") or {}),
    )


def _forecast_chart(daily: Rows, projection: Rows) -> Part:
    before: List[Any] = [None] * len(daily)
    after: List[Any] = [None] * len(projection)
    return line_chart(
        "daily-cost",
        "Cost of each day, and the 30 days after with the range that four of five days keep to",
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
    sentence = f"Thirty times the average active day would be {months}. "
    if not test.get("horizon_days"):
        return sentence + "The data covers too few days to test the forecast on."
    return (
        sentence + f"Asked for the last {test['horizon_days']} days from those before them, the "
        f"forecast was off by {formatting.percent(test.get('mape_percent'))} a day on average."
    )


# --- breakdowns ------------------------------------------------------------------------------


def _suppliers(data: Data) -> Part:
    providers: Rows = data.get("by_provider") or []
    models: Rows = data.get("by_model") or []
    return section(
        "Where the money goes",
        columns(
            _cost_chart("provider", "Cost by provider", "Provider", "provider", providers),
            _cost_chart("model", "Cost by model, the dearest in all", "Model", "model", models),
        ),
        _share_table(
            "by-provider",
            Column("provider", "Provider", "provider", dot=True),
            providers,
            "providers",
        ),
        table(
            "by-model",
            "Cost by model",
            [
                Column("provider", "Provider", "provider", dot=True),
                Column("model", "Model", "model"),
                Column("call_count", "Calls", "count"),
                Column("total_tokens", "Tokens", "tokens"),
                Column("cost_per_1k_tokens", "Cost per 1,000 tokens", "money"),
                Column("total_cost", "Cost", "money"),
                Column("share_percent", "Share", "percent", bar=True),
            ],
            models,
            order=("total_cost", "descending"),
            empty="Models with a call were looked for, and there are none.",
        ),
    )


def _cost_chart(name: str, caption: str, heading: str, kind: str, rows: Rows) -> Part:
    drawn = rows[:_DRAWN]
    return bar_chart(
        f"cost-by-{name}",
        caption,
        Axis(heading, kind),
        Axis("Cost (USD)", "money"),
        texts(drawn, kind),
        [Series("Cost", [row.get("total_cost") for row in drawn])],
        horizontal=True,
        colours=[(kind, row.get(kind)) for row in drawn],
    )


def _share_table(name: str, first: Column, rows: Rows, plural: str) -> Part:
    return table(
        name,
        f"Cost by {first.label.lower()}",
        [
            first,
            Column("call_count", "Calls", "count"),
            Column("total_tokens", "Tokens", "tokens"),
            Column("avg_cost_per_call", "Cost per call", "money"),
            Column("total_cost", "Cost", "money"),
            Column("share_percent", "Share", "percent", bar=True),
        ],
        Lean(rows),
        order=("total_cost", "descending"),
        empty=f"Costs of {plural} were looked for, and there are none.",
    )


def _causes(data: Data) -> Part:
    return section(
        "Who causes it",
        table(
            "by-customer",
            "Cost by customer",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("call_count", "Calls", "count"),
                Column("total_cost", "Cost", "money"),
                Column("share_percent", "Share", "percent", bar=True),
            ],
            Lean(data.get("by_customer") or []),
            order=("total_cost", "descending"),
            empty="Customers with a call were looked for, and there are none.",
        ),
        _share_table(
            "by-organization",
            Column("organization_id", "Organization"),
            data.get("by_organization") or [],
            "organizations",
        ),
    )


def _uses(data: Data) -> Part:
    parts = [
        _share_table(
            name.replace("_", "-"),
            Column(key, heading, kind, dot=kind != "text"),
            data.get(name) or [],
            plural,
        )
        for name, (key, heading, plural, kind) in _BREAKDOWNS.items()
    ]
    return section("What it is used for", *parts)


def _efficiency(data: Data) -> Part:
    rows: Rows = data.get("efficiency") or []
    drawn = rows[:_DRAWN]
    return section(
        "What a dollar buys",
        bar_chart(
            "tokens-per-dollar",
            "Tokens for one dollar, the thriftiest models",
            Axis("Model", "model"),
            Axis("Tokens per USD", "tokens"),
            texts(drawn, "model"),
            [Series("Tokens per USD", [row.get("tokens_per_dollar") for row in drawn])],
            horizontal=True,
            colours=[("model", row.get("model")) for row in drawn],
        ),
        table(
            "efficiency",
            "Tokens for one dollar, by model",
            [
                Column("provider", "Provider", "provider", dot=True),
                Column("model", "Model", "model"),
                Column("tokens_per_dollar", "Tokens per USD", "tokens"),
                Column("total_cost", "Cost", "money"),
            ],
            rows,
            order=("tokens_per_dollar", "descending"),
            empty="Models with a call were looked for, and there are none.",
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
