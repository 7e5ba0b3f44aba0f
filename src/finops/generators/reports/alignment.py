"""The page of organizational alignment: who caused which cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, TypeVar, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart, of_known_costs
from finops.generators.components import Card, Part, columns, section, text
from finops.generators.contrast import Contrast, cost_named
from finops.generators.date_range import Daily, follow
from finops.generators.packed_sums import LESS_WITHOUT_LINES, Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.partial_days import where_days_are_known
from finops.generators.recompute import Distinct, Ratio, SharePercent, Sum
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, per_million, table, texts
from finops.results import alignment as results
from finops.results.base import from_dict
from finops.results.shares import (
    Called,
    MonthlyShare,
    Shared,
    costs_are_lower_bounds,
    is_lower_bound,
)

REPORT = Report(
    "alignment",
    "Organizational Alignment",
    "Who caused which cost: chargeback by organization, product and feature.",
)

_DRAWN = 15
_DRAWN_SHARES = 10
_LINES = 5
_R = TypeVar("_R", bound=MonthlyShare)
_CALLS = Column[Called](lambda row: row.call_count, "Calls", "count", recompute=Sum("calls"))
_SHARE = Column[Shared](
    lambda row: row.share_percent, "Share", "percent", bar=True, recompute=SharePercent("cost")
)


class _ProductRow(NamedTuple):
    """What one organization used of one product."""

    organization_id: str
    product_id: str
    call_count: int
    cost: Optional[float]
    unpriced_calls: int


def generate_alignment_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an alignment result.  Raises OSError if it cannot be written."""
    result = from_dict(results.AlignmentResult, data)
    sums = pack(result.by_day._asdict(), distinct="customer_id", less_per_day=LESS_WITHOUT_LINES)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _chargeback(result, sums["accounts"]),
            _budgets(result.budgets),
            _over_time(result, data),
            _fair_share(result, sums["accounts"]),
            _views(result, sums),
            _ends(result),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=Daily.of(
            result.daily,
            {
                "total_cost": lambda row: row.total_cost,
                "call_count": lambda row: row.call_count,
                "unallocated_cost": lambda row: row.unallocated_cost,
            },
            list(sums.values()),
        ),
    )


def _cards(result: results.AlignmentResult) -> List[Card]:
    summary = result.summary
    top = summary.top_organization
    return [
        Card(
            "Total cost",
            summary.total_cost,
            "money",
            "of the whole period",
            Sum("total_cost"),
            costs_are_lower_bounds(result),
        ),
        Card(
            "Cost per month",
            summary.monthly_cost,
            "money",
            "to be charged back",
            at_least=costs_are_lower_bounds(result),
        ),
        Card(
            "Organizations",
            summary.organization_count,
            "count",
            "no call names one" if summary.organization_count is None else "with calls",
        ),
        Card(
            "Largest organization",
            summary.top_organization_share_percent if top else None,
            "percent",
            f"{top}, of cost" if top else "no call names an organization",
        ),
        Card(
            "Unallocated",
            summary.unallocated_cost,
            "money",
            "no organization or product",
            Sum("unallocated_cost"),
            costs_are_lower_bounds(result),
        ),
        Card(
            "Calls",
            summary.total_calls,
            "count",
            "of the whole period",
            Sum("call_count"),
        ),
    ]


# --- budgets ---------------------------------------------------------------------------------


def _budgets(uses: Sequence[results.BudgetUse]) -> Part:
    """Return what the last calendar month used of each budget, or how to give one."""
    title = f"Use of the budgets for {uses[0].month}" if uses else "Use of the budgets"
    return section(
        "Budgets",
        table(
            "budgets",
            title,
            [
                Column(lambda row: row.scope, "Scope"),
                Column(lambda row: row.subject or "everything", "Subject"),
                Column(lambda row: row.monthly_budget, "Budget", "money"),
                Column(
                    lambda row: row.spent,
                    "Spent",
                    "money",
                    at_least=is_lower_bound,
                ),
                Column(lambda row: row.pace_percent, "Pace", "percent", bar=True),
                Column(lambda row: row.expected_at_month_end, "Expected at month end", "money"),
                Column(lambda row: row.breach_date or "lasts", "Used up on", "date"),
            ],
            uses,
            lead="Pace compares what is spent with the budget's part for the covered days of the "
            "calendar month. Above 100%, the budget will not last.",
            empty="No budgets are configured. The table 'budgets' of the configuration file sets "
            "them, in total or by provider, organization, product, feature or customer.",
        ),
    )


def _budget_columns(rows: Sequence[results.Chargeback]) -> List[Column[results.Chargeback]]:
    """Return budget and pace of the organizations where any has a budget."""
    if not any(row.budget is not None for row in rows):
        return []
    return [
        Column(lambda row: row.budget, "Budget per month", "money"),
        Column(lambda row: row.pace_percent, "Pace", "percent"),
    ]


# --- chargeback ------------------------------------------------------------------------------


def _chargeback(result: results.AlignmentResult, sums: Optional[Sums]) -> Part:
    rows = result.chargeback
    drawn = rows[:_DRAWN]
    organization = Column[results.Chargeback](
        lambda row: row.organization_id, "Organization", dimension="organization_id"
    )
    cost = Column[results.Chargeback](
        lambda row: row.total_cost,
        "Cost",
        "money",
        recompute=Sum("cost"),
        order="descending",
        at_least=is_lower_bound,
        sparkline=True,
    )
    shown: List[Column[results.Chargeback]] = [
        organization,
        Column(lambda row: row.customer_count, "Customers", "count", recompute=Distinct("calls")),
        _CALLS,
        cost,
        Column(lambda row: row.monthly_cost, "Cost per month", "money", at_least=is_lower_bound),
        _SHARE,
        Column(
            lambda row: per_million(row.cost_per_1k_tokens),
            "Cost per 1M tokens",
            "money",
            recompute=Ratio("cost", "tokens", 1_000_000),
        ),
        *_budget_columns(rows),
    ]
    chart = bar_chart(
        "organizations",
        f"Cost by organization{_first(rows, _DRAWN)}",
        Axis("Organization", "text"),
        Axis("Cost (USD)", "money"),
        texts(row.organization_id for row in drawn),
        [Series("Cost", [row.total_cost for row in drawn])],
        horizontal=True,
    )
    return section(
        "Who is charged what",
        follow(chart, "chargeback", shown, organization, [cost], _DRAWN),
        table(
            "chargeback",
            "Chargeback by organization",
            shown,
            ShortenedRows(rows),
            empty="No organizations with a call.",
            sums=sums,
        ),
        table(
            "chargeback-products",
            "Chargeback by organization and product",
            [
                Column(
                    lambda row: row.organization_id, "Organization", dimension="organization_id"
                ),
                Column(
                    lambda row: row.product_id,
                    "Product",
                    "product",
                    dot=True,
                    dimension="product_id",
                ),
                _CALLS,
                Column(
                    lambda row: row.cost,
                    "Cost",
                    "money",
                    recompute=Sum("cost"),
                    sparkline=True,
                    at_least=is_lower_bound,
                ),
            ],
            ShortenedRows(_by_product(rows)),
            empty="No products with a call.",
            sums=sums,
        ),
        lead="The rows add up to the total; calls without an organization have their own row.",
    )


def _first(rows: Sequence[object], drawn: int) -> str:
    return f", the {drawn} largest of {len(rows)}" if len(rows) > drawn else ""


def _by_product(rows: Sequence[results.Chargeback]) -> List[_ProductRow]:
    return [
        _ProductRow(row.organization_id, product, part.call_count, part.cost, part.unpriced_calls)
        for row in rows
        for product, part in row.product_breakdown.items()
    ]


def _over_time(result: results.AlignmentResult, data: Mapping[str, Any]) -> Part:
    weekly = result.weekly
    weeks = sorted({str(row.week) for row in weekly})
    largest = texts(row.organization_id for row in result.chargeback)[:_LINES]
    costs = {
        (row.week, row.organization_id): row.total_cost
        for row in weekly
        if row.organization_id in largest
    }
    return section(
        "Over time",
        where_days_are_known(
            data,
            line_chart(
                "weekly-cost",
                f"Cost of each week{_first(result.chargeback, _LINES)}; the first and the last "
                f"week may be partial{of_known_costs(data)}",
                Axis("Week starting", "week"),
                Axis("Cost (USD per week)", "money"),
                weeks,
                [Series(name, [costs.get((week, name), 0) for week in weeks]) for name in largest],
                empty="There is no week with a call, so no line over time is drawn.",
            ),
        ),
    )


# --- shares ----------------------------------------------------------------------------------


def _fair_share(result: results.AlignmentResult, sums: Optional[Sums]) -> Part:
    rows, least = result.fair_share, costs_are_lower_bounds(result)
    drawn = rows[:_DRAWN_SHARES]
    organization = Column[results.FairShare](
        lambda row: row.organization_id, "Organization", dimension="organization_id"
    )
    of_calls = Column[results.FairShare](
        lambda row: row.call_share_percent,
        "Share of calls",
        "percent",
        recompute=SharePercent("calls"),
    )
    of_cost = Column[results.FairShare](
        lambda row: row.share_percent,
        "Share of cost",
        "percent",
        bar=True,
        recompute=SharePercent("cost"),
    )
    shown: List[Column[results.FairShare]] = [
        organization,
        _CALLS,
        of_calls,
        of_cost,
        Column(
            lambda row: row.cost,
            "Cost",
            "money",
            recompute=Sum("cost"),
            order="descending",
            at_least=is_lower_bound,
        ),
    ]
    if result.summary.unallocated_cost:
        shown.append(
            Column(
                lambda row: row.cost_with_unallocated,
                "Cost including a share of unallocated cost",
                "money",
                at_least=lambda _: least,
            )
        )
    chart = bar_chart(
        "shares",
        f"Share of cost beside share of calls, by organization{_first(rows, _DRAWN_SHARES)}",
        Axis("Organization", "text"),
        Axis("Share (%)", "percent"),
        texts(row.organization_id for row in drawn),
        [
            Series("Share of cost", [row.share_percent for row in drawn], "accent"),
            Series("Share of calls", [row.call_share_percent for row in drawn], "muted"),
        ],
        horizontal=True,
    )
    return section(
        "Organizations with a disproportionate share of cost",
        follow(chart, "fair-share", shown, organization, [of_cost, of_calls], _DRAWN_SHARES),
        table(
            "fair-share",
            "Fair share by organization",
            shown,
            ShortenedRows(rows),
            empty="No organizations with a call.",
            sums=sums,
        ),
    )


def _views(result: results.AlignmentResult, sums: Mapping[str, Optional[Sums]]) -> Part:
    product = Column[results.ProductShare](
        lambda row: row.product_id, "Product", "product", dot=True, dimension="product_id"
    )
    feature = Column[results.FeatureShare](
        lambda row: row.feature_id, "Feature", "feature", dot=True, dimension="feature_id"
    )
    environment = Column[results.EnvironmentShare](
        lambda row: row.environment, "Environment", dimension="environment"
    )
    return section(
        "What the cost was for",
        columns(
            _view_table("by-product", product, result.by_product, sums["accounts"]),
            _view_table("by-feature", feature, result.by_feature, sums["features"]),
        ),
        _view_table("by-environment", environment, result.by_environment, sums["environments"]),
    )


def _view_table(name: str, first: Column[_R], rows: Sequence[_R], sums: Optional[Sums]) -> Part:
    word = first.label.lower()
    shown: List[Column[_R]] = [
        first,
        _CALLS,
        Column(
            lambda row: row.total_cost,
            "Cost",
            "money",
            recompute=Sum("cost"),
            order="descending",
            at_least=is_lower_bound,
            sparkline=True,
        ),
        Column(lambda row: row.monthly_cost, "Cost per month", "money", at_least=is_lower_bound),
        _SHARE,
    ]
    return table(
        name,
        f"Cost by {word}",
        shown,
        rows,
        empty=f"No {word} with a call." if word != "environment" else "No environment with a call.",
        sums=sums,
    )


def _ends(result: results.AlignmentResult) -> Part:
    efficiency = result.efficiency
    if len(efficiency.most) == 1:
        (only,) = efficiency.most
        cost = formatting.money(per_million(only.cost_per_1k_tokens))
        return section(
            "Highest and lowest cost per token",
            text(f"Only {only.organization_id} has calls, at {cost} per 1M tokens."),
        )
    return section(
        "Highest and lowest cost per token",
        columns(
            _end_table("most-efficient", "Lowest cost per token", efficiency.most, "ascending"),
            _end_table("least-efficient", "Highest cost per token", efficiency.least, "descending"),
        ),
    )


def _end_table(name: str, caption: str, rows: Sequence[results.TokenCost], direction: str) -> Part:
    return table(
        name,
        caption,
        [
            Column(lambda row: row.organization_id, "Organization"),
            Column(
                lambda row: per_million(row.cost_per_1k_tokens),
                "Cost per 1M tokens",
                "money",
                order=direction,
            ),
            Column(lambda row: row.call_count, "Calls", "count"),
            Column(lambda row: row.total_cost, "Cost", "money"),
        ],
        rows,
        empty="No organizations with a call.",
    )


# --- the end ---------------------------------------------------------------------------------


def _contrast(result: results.AlignmentResult) -> Contrast:
    summary = result.summary
    cost = cost_named(result)
    organizations = formatting.count(summary.organization_count)
    products = formatting.count(len(result.by_product))
    return Contrast(
        ("organization_id", "product_id"),
        f"{cost} would be one total without an owner.",
        f"{cost} is split over organizations ({organizations}) and products ({products}).",
    )


def _not_found(result: results.AlignmentResult) -> List[str]:
    summary = result.summary
    sentences = []
    if not summary.unallocated_cost:
        sentences.append("Checked, none found: cost without an organization or a product.")
    if not summary.unpriced_calls:
        sentences.append("Checked, none found: calls without a known cost.")
    return sentences
