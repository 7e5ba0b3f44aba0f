"""The page of feature economics: which features earn their cost, and who uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart, scatter_chart
from finops.generators.components import Card, Part, columns, folded, section
from finops.generators.contrast import Contrast, cost_named
from finops.generators.page import Report, write_report
from finops.generators.partial_days import known_by_day, where_days_are_known
from finops.generators.tables import Column, table, texts
from finops.results import features as results
from finops.results.base import from_dict
from finops.results.shares import costs_are_lower_bounds, is_lower_bound

REPORT = Report(
    "features",
    "Feature Economics",
    "Which features earn their cost, and who uses them.",
)

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
    result = from_dict(results.FeaturesResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[_economics(result), _adoption(result, data)],
        about=_contrast(result),
        not_found=_not_found(result),
    )


def _cards(result: results.FeaturesResult) -> List[Card]:
    summary = result.summary
    # One feature is neither, and few calls are no reason for a superlative.
    judged = sum(row.classified and row.roi_percent is not None for row in result.features)
    best, worst = (summary.best_feature, summary.worst_feature) if judged > 1 else (None, None)
    return [
        Card("Margin per month", _margin(summary), "money", "subscriptions less cost of all calls"),
        Card("Best feature", best or None, "feature", "highest return"),
        Card("Worst feature", worst or None, "feature", "lowest return"),
        Card("Revenue per month", summary.monthly_revenue, "money", "subscriptions"),
        Card(
            "Cost per month",
            summary.monthly_cost,
            "money",
            "of all calls",
            at_least=costs_are_lower_bounds(result),
        ),
        Card("Features", summary.feature_count, "count", "with at least one call"),
    ]


def _advice(classification: Optional[str]) -> str:
    """Return a classification in words; a return that is not known has none."""
    return _CLASSES.get(str(classification), str(classification or "Unknown"))


def _margin(summary: results.FeaturesSummary) -> Optional[float]:
    """Return what is left of the revenue per month, None where the result does not say."""
    revenue, cost = summary.monthly_revenue, summary.monthly_cost
    return None if revenue is None or cost is None else revenue - cost


def _economics(result: results.FeaturesResult) -> Part:
    rows = result.features
    return section(
        "What features earn and cost",
        columns(_money_chart(rows), _return_chart(rows)),
        table(
            "features",
            "Features, highest return first",
            [
                Column(lambda row: row.feature_id, "Feature", "feature", dot=True),
                Column(lambda row: _advice(row.classification), "Advice"),
                Column(
                    lambda row: row.roi_percent, "Return on cost", "percent", order="descending"
                ),
                Column(lambda row: row.revenue, "Revenue per month", "money"),
                Column(
                    lambda row: row.monthly_cost,
                    "Cost per month",
                    "money",
                    at_least=lambda row: row.roi_percent is None and is_lower_bound(row),
                ),
                Column(
                    lambda row: row.cost, "Cost in the period", "money", at_least=is_lower_bound
                ),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.customer_count, "Customers", "count"),
                Column(lambda row: row.adoption_percent, "Adoption", "percent", bar=True),
                Column(
                    lambda row: row.cost_per_customer,
                    "Cost per customer in the period",
                    "money",
                    at_least=is_lower_bound,
                ),
            ],
            rows,
            empty="No features with at least one call.",
        ),
        lead=_SPLIT,
    )


def _money_chart(rows: Sequence[results.FeatureReturn]) -> Part:
    by_revenue = sorted(rows, key=lambda row: (-(row.revenue or 0), str(row.feature_id)))
    return bar_chart(
        "revenue-and-cost",
        "Revenue and cost of each feature, highest revenue first",
        Axis("Feature", "feature"),
        Axis("USD per month", "money"),
        texts(row.feature_id for row in by_revenue),
        [
            Series("Revenue", [row.revenue for row in by_revenue], "accent"),
            Series("Cost", [row.monthly_cost for row in by_revenue], "warning"),
        ],
        horizontal=True,
        empty="No feature has a call, so none is drawn.",
    )


def _return_chart(rows: Sequence[results.FeatureReturn]) -> Part:
    known = [row for row in rows if row.roi_percent is not None]
    return scatter_chart(
        "adoption-and-return",
        "Share of customers that use a feature, against its return on cost",
        Axis("Adoption (% of customers)", "percent"),
        Axis("Return on cost (%)", "percent"),
        [
            (
                formatting.name("feature", row.feature_id),
                row.adoption_percent or 0.0,
                row.roi_percent or 0.0,
            )
            for row in known
        ],
        colours=[("feature", row.feature_id) for row in known],
        named=True,
        empty="No feature has a known return, so none is drawn.",
    )


def _adoption(result: results.FeaturesResult, data: Mapping[str, Any]) -> Part:
    if not known_by_day(data):
        return section("Adoption by week", where_days_are_known(data))
    trend = result.adoption_trend
    return section(
        "Adoption by week",
        columns(
            _trend_chart(
                "customers-by-week",
                "Customers of each feature by week",
                "Customers",
                lambda row: row.customers,
                result,
            ),
            _trend_chart(
                "calls-by-week",
                "Calls of each feature by week",
                "Calls",
                lambda row: row.call_count,
                result,
            ),
        ),
        folded(
            "Customers and calls by week and feature",
            table(
                "adoption",
                "Customers and calls by week and feature",
                [
                    Column(lambda row: row.week, "Week starting", "week", order="ascending"),
                    Column(lambda row: row.feature_id, "Feature", "feature", dot=True),
                    Column(lambda row: row.customers, "Customers", "count"),
                    Column(lambda row: row.call_count, "Calls", "count"),
                ],
                trend,
                empty="No week has a call.",
            ),
        ),
        lead="The first and the last week may be partial.",
    )


def _trend_chart(
    name: str,
    caption: str,
    what: str,
    get: Callable[[results.FeatureWeek], int],
    result: results.FeaturesResult,
) -> Part:
    trend = result.adoption_trend
    weeks = sorted({str(row.week) for row in trend})
    cells = {(str(row.week), str(row.feature_id)): get(row) for row in trend}
    most = sorted(result.features, key=lambda row: (-(row.call_count or 0), str(row.feature_id)))
    drawn = sorted(str(row.feature_id) for row in most[:_DRAWN_FEATURES])
    if len(most) > len(drawn):
        caption = f"{caption}, the {len(drawn)} features with most calls of {len(most)}"
    return line_chart(
        name,
        caption,
        Axis("Week starting", "week"),
        Axis(what, "count"),
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


def _contrast(result: results.FeaturesResult) -> Contrast:
    summary = result.summary
    features = formatting.count(summary.feature_count)
    cost = cost_named(result, summary.monthly_cost)
    return Contrast(
        ("feature_id", "customer_id"),
        f"{cost} would not show which feature causes it.",
        f"Each feature ({features} in all) has its own cost and its own customers.",
    )


def _not_found(result: results.FeaturesResult) -> List[str]:
    features = result.features
    sentences = []
    known = result.summary.monthly_revenue is not None
    if known and not any((row.roi_percent or 0) < 0 for row in features):
        sentences.append("Checked, none found: features that cost more than they earn.")
    if known and not any(row.classification == "sunset" for row in features):
        sentences.append(
            "Checked, none found: features to retire, which lose money and are hardly used."
        )
    if all(row.classified is not False for row in features):
        sentences.append("Checked, none found: features with too few calls to judge.")
    if not any(row.roi_percent is not None for row in features):
        sentences.append("Not checked: what features return; no return on cost is known.")
    return sentences
