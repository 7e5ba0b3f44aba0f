"""The page of feature economics: which features earn their cost, and who uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "features",
    "Feature Economics",
    "Which features earn their cost, and who uses them.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_CLASSES: Dict[str, str] = {
    "invest": "Invest",
    "maintain": "Maintain",
    "optimize": "Optimize",
    "sunset": "Sunset",
    "insufficient_data": "Too few calls to judge",
}
_DRAWN_FEATURES = 12
_SPLIT = (
    "Each customer's subscription is split over the features it used, in proportion to its "
    "calls; the revenue of all features is the revenue of all subscriptions."
)


def generate_features_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a feature economics result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[_economics(data), _adoption(data)],
        value=_value(data),
        not_found=_not_found(data),
    )


def _features(data: Data) -> Rows:
    rows: Rows = data.get("features") or []
    return rows


def _cards(data: Data) -> List[Card]:
    summary: Data = data.get("summary") or {}
    return [
        Card("Margin a month", _margin(summary), "money", "subscriptions less cost of all calls"),
        Card("Best feature", _named(summary.get("best_feature")), "feature", "highest return"),
        Card("Worst feature", _named(summary.get("worst_feature")), "feature", "lowest return"),
        Card("Revenue a month", summary.get("monthly_revenue"), "money", "subscriptions"),
        Card("Cost a month", summary.get("monthly_cost"), "money", "of all calls"),
        Card("Features", summary.get("feature_count"), "count", "with at least one call"),
    ]


def _margin(summary: Data) -> Any:
    """Return what is left of the revenue a month, None where the result does not say."""
    revenue, cost = summary.get("monthly_revenue"), summary.get("monthly_cost")
    return None if revenue is None or cost is None else revenue - cost


def _named(feature: Any) -> Any:
    """Return a feature, or None where the result names none."""
    return feature or None


def _economics(data: Data) -> Part:
    rows = [
        {**row, "action": _CLASSES.get(str(row.get("classification")), row.get("classification"))}
        for row in _features(data)
    ]
    return section(
        "What features earn and cost",
        columns(_money_chart(rows), _return_chart(rows)),
        table(
            "features",
            "Features, the highest return first",
            [
                Column("feature_id", "Feature", "feature", dot=True),
                Column("action", "Advice"),
                Column("roi_percent", "Return on cost", "percent"),
                Column("revenue", "Revenue a month", "money"),
                Column("monthly_cost", "Cost a month", "money"),
                Column("cost", "Cost in the period", "money"),
                Column("call_count", "Calls", "count"),
                Column("customer_count", "Customers", "count"),
                Column("adoption_percent", "Adoption", "percent", bar=True),
                Column("cost_per_customer", "Cost per customer in the period", "money"),
            ],
            rows,
            order=("roi_percent", "descending"),
            empty="Features with at least one call were looked for, and there are none.",
        ),
        lead=_SPLIT,
    )


def _money_chart(rows: Rows) -> Part:
    by_revenue = sorted(
        rows, key=lambda row: (-(row.get("revenue") or 0), str(row.get("feature_id")))
    )
    return bar_chart(
        "revenue-and-cost",
        "Revenue beside cost of each feature, the highest revenue first",
        Axis("Feature", "feature"),
        Axis("USD a month", "money"),
        texts(by_revenue, "feature_id"),
        [
            Series("Revenue", [row.get("revenue") for row in by_revenue], "accent"),
            Series("Cost", [row.get("monthly_cost") for row in by_revenue], "warning"),
        ],
        horizontal=True,
        empty="No feature has a call, so none is drawn.",
    )


def _return_chart(rows: Rows) -> Part:
    return scatter_chart(
        "adoption-and-return",
        "Share of customers that use a feature, against its return on cost",
        Axis("Adoption (% of customers)", "percent"),
        Axis("Return on cost (%)", "percent"),
        [
            (
                formatting.name("feature", row.get("feature_id")),
                row.get("adoption_percent", 0),
                row.get("roi_percent", 0),
            )
            for row in rows
        ],
        colours=[("feature", row.get("feature_id")) for row in rows],
        named=True,
        empty="No feature has a call, so none is drawn.",
    )


def _adoption(data: Data) -> Part:
    trend: Rows = data.get("adoption_trend") or []
    weeks = sorted({str(row.get("week")) for row in trend})
    return section(
        "How adoption goes",
        columns(
            _trend_chart(
                "customers-by-week", "Customers of each feature by week", "customers", data, weeks
            ),
            _trend_chart(
                "calls-by-week", "Calls of each feature by week", "call_count", data, weeks
            ),
        ),
        table(
            "adoption",
            "Customers and calls by week and feature",
            [
                Column("week", "ISO week", "date"),
                Column("feature_id", "Feature", "feature", dot=True),
                Column("customers", "Customers", "count"),
                Column("call_count", "Calls", "count"),
            ],
            trend,
            order=("week", "ascending"),
            empty="No week has a call.",
        ),
        lead="The first and the last week may be incomplete.",
    )


def _trend_chart(name: str, caption: str, key: str, data: Data, weeks: List[str]) -> Part:
    cells = {
        (str(row.get("week")), str(row.get("feature_id"))): row.get(key)
        for row in data.get("adoption_trend") or []
    }
    most = sorted(
        _features(data), key=lambda row: (-(row.get("call_count") or 0), str(row.get("feature_id")))
    )
    drawn = sorted(str(row.get("feature_id")) for row in most[:_DRAWN_FEATURES])
    if len(most) > len(drawn):
        caption = f"{caption}, the {len(drawn)} features with most calls of {len(most)}"
    return line_chart(
        name,
        caption,
        Axis("ISO week", "date"),
        Axis("Customers" if key == "customers" else "Calls", "count"),
        weeks if drawn else [],
        [
            Series(
                formatting.name("feature", feature),
                [cells.get((week, feature), 0) for week in weeks],
                ("feature", feature),
            )
            for feature in drawn
        ],
        bins="max",
        empty="No week has a call, so no line over time is drawn.",
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    features = formatting.count(summary.get("feature_count"))
    revenue = formatting.money(summary.get("monthly_revenue"))
    cost = formatting.money(summary.get("monthly_cost"))
    calls = formatting.count(summary.get("total_calls"))
    losing = [row for row in _features(data) if row.get("roi_percent", 0) < 0]
    gap = sum(row.get("monthly_cost", 0) - row.get("revenue", 0) for row in losing)
    return {
        "metadata": (
            f"{cost} a month is the cost of AI; which feature caused it is not on the invoice.",
            f"{calls} calls name their feature, so {features} features have a cost of their own.",
        ),
        "realtime": (
            "A feature's cost is estimated before its launch and seldom checked after.",
            "Adoption and cost of a feature can be followed from its first week.",
        ),
        "standard": (
            "Features that use several providers have no single bill.",
            "A feature has one cost, whichever providers serve it.",
        ),
        "automated": (
            "Revenue is split over features by opinion, in a meeting.",
            f"{revenue} a month is split by calls, by one rule, without remainder.",
        ),
        "actionable": (
            "The cost of AI is cut everywhere or nowhere.",
            f"{formatting.count(len(losing))} of {features} features cost more than they earn,"
            f" together {formatting.money(gap)} a month; the others can be left alone."
            if losing
            else f"{features} features are ranked by return; none costs more than it earns.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    features = _features(data)
    sentences = []
    if not any(row.get("roi_percent", 0) < 0 for row in features):
        sentences.append("Features that cost more than they earn were looked for: there are none.")
    if not any(row.get("classification") == "sunset" for row in features):
        sentences.append(
            "Features to retire, losing and hardly used, were looked for: there are none."
        )
    if all(row.get("classified", True) for row in features):
        sentences.append("Features with too few calls to judge were looked for: there are none.")
    return sentences
