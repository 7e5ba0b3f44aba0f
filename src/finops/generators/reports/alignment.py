"""The page of organizational alignment: who caused which cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily, follow
from finops.generators.packed_sums import LESS_WITHOUT_LINES, Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, Over, table, texts

REPORT = Report(
    "alignment",
    "Organizational Alignment",
    "Who caused which cost: chargeback by organization, product and feature.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

Packed = Mapping[str, Optional[Sums]]

_DRAWN = 15
_DRAWN_SHARES = 10
_LINES = 5
# Sums by key and day that the page carries.
_SUMS = ("accounts", "features", "environments")
_MEASURES = ("total_cost", "call_count", "unallocated_cost")
_CALLS = Column("call_count", "Calls", "count", over=("calls", "sum"))
_SHARE = Column("share_percent", "Share", "percent", bar=True, over=("cost", "share"))


def generate_alignment_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an alignment result.  Raises OSError if it cannot be written."""
    sums = pack(
        data.get("by_day") or {}, _SUMS, distinct="customer_id", less_per_day=LESS_WITHOUT_LINES
    )
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[
            _chargeback(data, sums["accounts"]),
            _over_time(data),
            _fair_share(data, sums["accounts"]),
            _views(data, sums),
            _ends(data),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=Daily.of(data.get("daily") or [], _MEASURES, list(sums.values())),
    )


def _cards(summary: Data) -> List[Card]:
    top = summary.get("top_organization") or "none"
    return [
        Card(
            "Total cost",
            summary.get("total_cost"),
            "money",
            "of the whole period",
            ("total_cost", "sum"),
        ),
        Card("Cost a month", summary.get("monthly_cost"), "money", "to be charged back"),
        Card("Organizations", summary.get("organization_count"), "count", "with a call"),
        Card(
            "Largest organization",
            summary.get("top_organization_share_percent"),
            "percent",
            f"{top}, of cost",
        ),
        Card(
            "Unallocated",
            summary.get("unallocated_cost"),
            "money",
            "no organization or product",
            ("unallocated_cost", "sum"),
        ),
        Card(
            "Calls",
            summary.get("total_calls"),
            "count",
            "of the whole period",
            ("call_count", "sum"),
        ),
    ]


# --- chargeback ------------------------------------------------------------------------------


def _chargeback(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("chargeback") or []
    drawn = rows[:_DRAWN]
    organization = Column("organization_id", "Organization")
    shown = [
        organization,
        Column("customer_count", "Customers", "count", over=("calls", "distinct")),
        _CALLS,
        Column("total_cost", "Cost", "money", over=("cost", "sum")),
        Column("monthly_cost", "Cost a month", "money"),
        _SHARE,
        Column(
            "cost_per_1k_tokens", "Cost per 1,000 tokens", "money", over=("cost", "thousand:tokens")
        ),
    ]
    chart = bar_chart(
        "organizations",
        f"Cost by organization{_first(rows, _DRAWN)}",
        Axis("Organization", "text"),
        Axis("Cost (USD)", "money"),
        texts(drawn, "organization_id"),
        [Series("Cost", [row.get("total_cost") for row in drawn])],
        horizontal=True,
    )
    return section(
        "Who is charged what",
        follow(chart, "chargeback", shown, "organization_id", ("total_cost",), _DRAWN),
        table(
            "chargeback",
            "Chargeback by organization",
            shown,
            Lean(rows),
            order=("total_cost", "descending"),
            empty="Organizations with a call were looked for, and there are none.",
            over=Over(sums, ("organization_id",)),
        ),
        table(
            "chargeback-products",
            "Chargeback by organization and product",
            [
                organization,
                Column("product_id", "Product", "product", dot=True),
                _CALLS,
                Column("cost", "Cost", "money", over=("cost", "sum")),
            ],
            Lean(_by_product(rows)),
            empty="Products with a call were looked for, and there are none.",
            over=Over(sums, ("organization_id", "product_id")),
        ),
        lead="The rows sum to the total; calls without an organization have a row of their own.",
    )


def _first(rows: Rows, drawn: int) -> str:
    return f", the {drawn} largest of {len(rows)}" if len(rows) > drawn else ""


def _by_product(rows: Rows) -> List[Dict[str, Any]]:
    return [
        {"organization_id": row.get("organization_id"), "product_id": product, **part}
        for row in rows
        for product, part in (row.get("product_breakdown") or {}).items()
    ]


def _over_time(data: Data) -> Part:
    weekly: Rows = data.get("weekly") or []
    weeks = sorted({str(row.get("week")) for row in weekly})
    largest = texts(data.get("chargeback") or [], "organization_id")[:_LINES]
    costs = {(row.get("week"), row.get("organization_id")): row.get("total_cost") for row in weekly}
    return section(
        "Over time",
        line_chart(
            "weekly-cost",
            f"Cost of each week, the {len(largest)} largest organizations; the first and the last "
            "week may be cut short",
            Axis("ISO week (UTC)", "text"),
            Axis("Cost (USD a week)", "money"),
            weeks,
            [Series(name, [costs.get((week, name), 0) for week in weeks]) for name in largest],
            empty="There is no week with a call, so no line over time is drawn.",
        ),
    )


# --- shares ----------------------------------------------------------------------------------


def _fair_share(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("fair_share") or []
    drawn = rows[:_DRAWN_SHARES]
    shown = [
        Column("organization_id", "Organization"),
        _CALLS,
        Column("call_share_percent", "Share of calls", "percent", over=("calls", "share")),
        Column("share_percent", "Share of cost", "percent", bar=True, over=("cost", "share")),
        Column("cost", "Cost", "money", over=("cost", "sum")),
        Column("cost_with_unallocated", "Cost with its part of the unallocated", "money"),
    ]
    chart = bar_chart(
        "shares",
        f"Share of cost beside share of calls, by organization{_first(rows, _DRAWN_SHARES)}",
        Axis("Organization", "text"),
        Axis("Share (%)", "percent"),
        texts(drawn, "organization_id"),
        [
            Series("Share of cost", [row.get("share_percent") for row in drawn], "accent"),
            Series("Share of calls", [row.get("call_share_percent") for row in drawn], "muted"),
        ],
        horizontal=True,
    )
    values = ("share_percent", "call_share_percent")
    return section(
        "Whose share of the cost is larger than its share of the calls",
        follow(chart, "fair-share", shown, "organization_id", values, _DRAWN_SHARES),
        table(
            "fair-share",
            "Fair share by organization",
            shown,
            Lean(rows),
            order=("cost", "descending"),
            empty="Organizations with a call were looked for, and there are none.",
            over=Over(sums, ("organization_id",)),
        ),
    )


def _views(data: Data, sums: Packed) -> Part:
    product = Column("product_id", "Product", "product", True)
    feature = Column("feature_id", "Feature", "feature", True)
    return section(
        "What the cost was for",
        columns(
            _view_table("by-product", product, data, sums["accounts"]),
            _view_table("by-feature", feature, data, sums["features"]),
        ),
        _view_table(
            "by-environment", Column("environment", "Environment"), data, sums["environments"]
        ),
    )


def _view_table(name: str, first: Column, data: Data, sums: Optional[Sums]) -> Part:
    word = first.label.lower()
    return table(
        name,
        f"Cost by {word}",
        [
            first,
            _CALLS,
            Column("total_cost", "Cost", "money", over=("cost", "sum")),
            Column("monthly_cost", "Cost a month", "money"),
            _SHARE,
        ],
        data.get(name.replace("-", "_")) or [],
        order=("total_cost", "descending"),
        empty=f"A {word} with a call was looked for, and there is none."
        if word != "environment"
        else "An environment with a call was looked for, and there is none.",
        over=Over(sums, (first.key,)),
    )


def _ends(data: Data) -> Part:
    efficiency: Data = data.get("efficiency") or {}
    return section(
        "Who pays most and least for a token",
        columns(
            _end_table(
                "most-efficient", "Least a token", efficiency.get("most") or [], "ascending"
            ),
            _end_table(
                "least-efficient", "Most a token", efficiency.get("least") or [], "descending"
            ),
        ),
    )


def _end_table(name: str, caption: str, rows: Rows, direction: str) -> Part:
    return table(
        name,
        caption,
        [
            Column("organization_id", "Organization"),
            Column("cost_per_1k_tokens", "Cost per 1,000 tokens", "money"),
            Column("call_count", "Calls", "count"),
            Column("total_cost", "Cost", "money"),
        ],
        rows,
        order=("cost_per_1k_tokens", direction),
        empty="Organizations with a call were looked for, and there are none.",
    )


# --- the end ---------------------------------------------------------------------------------


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    cost = formatting.money(summary.get("total_cost"))
    monthly = formatting.money(summary.get("monthly_cost"))
    calls = formatting.count(summary.get("total_calls"))
    organizations = formatting.count(summary.get("organization_count"))
    nobody = formatting.money(summary.get("unallocated_cost"))
    products = formatting.count(len(data.get("by_product") or []))
    return {
        "metadata": (
            f"{cost} is split by headcount, or not at all.",
            f"{calls} calls name their organization and product; {nobody} belongs to nobody."
            if summary.get("unallocated_cost")
            else f"{calls} calls name their organization and product: all of it has an owner.",
        ),
        "realtime": (
            "A department learns of its cost after the quarter.",
            f"Each of {organizations} organizations sees its cost grow call by call.",
        ),
        "standard": (
            "Every provider has its own projects and keys, and none knows the organization chart.",
            f"One organization id and {products} products across all providers.",
        ),
        "automated": (
            f"Somebody books {monthly} a month to cost centres by hand.",
            "The chargeback is a table that sums to the total, and a CSV file.",
        ),
        "actionable": (
            "Nobody can be asked about a cost that is everybody's.",
            f"{organizations} organizations are ranked by cost, and by what a token costs them.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    sentences = []
    if not summary.get("unallocated_cost"):
        sentences.append("Cost without an organization or a product was looked for: there is none.")
    if not summary.get("unpriced_calls"):
        sentences.append("Calls without a known cost were looked for: there are none.")
    return sentences
