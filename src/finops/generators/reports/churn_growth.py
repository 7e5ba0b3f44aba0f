"""The page of churn and growth: who left, who is leaving, who is growing, week by week."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.detector_scores import detectors
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "churn_growth",
    "Churn & Growth",
    "Who left, who is leaving, who is growing, and what that does to revenue.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

# Cohorts drawn as lines, the largest first, and the weeks that the table shows.
_DRAWN_COHORTS = 6
_SHOWN_WEEKS = (1, 2, 4, 8, 12)
_NO_WEEK = "No week has a call, so no line over time is drawn."


def generate_churn_growth_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a churn and growth result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[
            _over_time(data),
            _leaving(data),
            _growing(data),
            _cohorts(data),
            *detectors(data),
        ],
        value=_value(data),
        not_found=_not_found(data),
    )


def _cards(summary: Data) -> List[Card]:
    rate = formatting.percent(summary.get("churn_rate_percent"))
    risky = _customers(summary.get("at_risk_customers"))
    growing = _customers(summary.get("expansion_customers"))
    return [
        Card(
            "Revenue lost",
            summary.get("lost_monthly_revenue"),
            "money",
            "a month, with customers who left",
        ),
        Card("Customers who left", summary.get("churned_customers"), "count", f"{rate} of all"),
        Card(
            "Revenue at risk",
            summary.get("at_risk_monthly_revenue"),
            "money",
            f"a month, with {risky}",
        ),
        Card(
            "Possible expansion",
            summary.get("expansion_monthly_revenue"),
            "money",
            f"a month, with {growing}",
        ),
        Card(
            "Growth of calls", summary.get("weekly_growth_percent"), "percent", "a week, full weeks"
        ),
        Card("Customers", summary.get("total_customers"), "count", "with at least one call"),
    ]


def _customers(number: Any) -> str:
    return f"{formatting.count(number)} customer" + ("" if number == 1 else "s")


def _over_time(data: Data) -> Part:
    weekly: Rows = data.get("weekly") or []
    return section(
        "Week by week",
        columns(
            _weekly_chart("customers", "Customers with a call", "count", "customer_count", weekly),
            _weekly_chart("calls", "Calls", "count", "call_count", weekly),
        ),
        columns(_weekly_chart("cost", "Cost (USD)", "money", "total_cost", weekly), _growth(data)),
        table(
            "weekly",
            "Weeks",
            [
                Column("week", "Week"),
                Column("customer_count", "Customers", "count"),
                Column("call_count", "Calls", "count"),
                Column("total_cost", "Cost", "money"),
                Column("partial", "Partial", "flag"),
            ],
            weekly,
            order=("week", "ascending"),
            empty="No week has a call, so none is listed.",
        ),
        lead="A first or last week that the data does not fill is drawn as a point and left out "
        "of growth.",
    )


def _weekly_chart(name: str, what: str, kind: str, key: str, weekly: Rows) -> Part:
    full = [None if row.get("partial") else row.get(key) for row in weekly]
    partial = [row.get(key) if row.get("partial") else None for row in weekly]
    series = [Series("Full weeks", full, "accent")]
    if any(value is not None for value in partial):
        series.append(Series("Partial weeks", partial, "muted", "points"))
    return line_chart(
        f"weekly-{name}",
        f"{what} in each ISO week",
        Axis("Week (ISO)", "text"),
        Axis(what, kind),
        texts(weekly, "week"),
        series,
        bins="mean",
        empty=_NO_WEEK,
    )


def _growth(data: Data) -> Part:
    rows: Rows = data.get("growth") or []
    return line_chart(
        "growth",
        "Growth of customers, calls and cost on the week before",
        Axis("Week (ISO)", "text"),
        Axis("Growth (%)", "percent"),
        texts(rows, "week"),
        [
            Series("Customers", [row.get("customer_growth_percent") for row in rows], "accent"),
            Series("Calls", [row.get("call_growth_percent") for row in rows], "warning"),
            Series("Cost", [row.get("cost_growth_percent") for row in rows], "muted"),
        ],
        bins="mean",
        empty="Growth needs two full weeks in a row, and this data has none.",
    )


def _leaving(data: Data) -> Part:
    at_risk: Rows = data.get("at_risk") or []
    return section(
        "Who left and who is leaving",
        _revenue_chart(data),
        table(
            "at-risk",
            "Customers who call half as often or less, the most revenue first",
            [
                Column("customer_id", "Customer"),
                Column("risk", "Risk"),
                Column("previous_calls", "Calls before", "count"),
                Column("recent_calls", "Calls lately", "count"),
                Column("change_percent", "Change", "percent"),
                Column("monthly_revenue", "Revenue a month", "money"),
            ],
            at_risk,
            order=("monthly_revenue", "descending"),
            empty="No customer lost half of its calls or more.",
        ),
        table(
            "churned",
            "Customers who left, the most revenue first",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("last_activity_date", "Last call", "date"),
                Column("days_inactive", "Days of silence", "count"),
                Column("lost_monthly_revenue", "Revenue a month", "money"),
            ],
            data.get("churned") or [],
            order=("lost_monthly_revenue", "descending"),
            empty="No customer has been silent long enough to count as gone.",
        ),
    )


def _revenue_chart(data: Data) -> Part:
    """Return the revenue lost and at risk by tier, for the tiers that have any."""
    lost = _by_tier(data.get("churned") or [], "lost_monthly_revenue")
    risky = _by_tier(data.get("at_risk") or [], "monthly_revenue")
    tiers = sorted(set(lost) | set(risky))
    return bar_chart(
        "revenue-by-tier",
        "Monthly revenue lost and at risk by tier",
        Axis("Tier", "tier"),
        Axis("USD a month", "money"),
        tiers,
        [
            Series("Lost", [lost.get(tier, 0) for tier in tiers], "critical"),
            Series("At risk", [risky.get(tier, 0) for tier in tiers], "warning"),
        ],
        empty="Nobody left and nobody is leaving, so no revenue is lost or at risk.",
    )


def _by_tier(rows: Rows, key: str) -> Dict[str, float]:
    sums: Dict[str, float] = {}
    for row in rows:
        tier = str(row.get("subscription_tier", "unknown"))
        sums[tier] = sums.get(tier, 0) + (row.get(key) or 0)
    return sums


def _growing(data: Data) -> Part:
    return section(
        "Who outgrows a tier",
        table(
            "expansion",
            "Customers who outgrow their tier, the fastest growing first",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("change_percent", "Change of calls", "percent"),
                Column("burn_percent", "Cost of revenue", "percent"),
                Column("suggested_tier", "Suggested tier", "tier", dot=True),
            ],
            data.get("expansion") or [],
            order=("change_percent", "descending"),
            empty="No customer below the dearest tier grew for good or costs what it pays.",
        ),
        lead="Their typical day has at least half as many calls again as before, more than the "
        "others' growth explains, or their calls cost most of what they pay (cost of revenue).",
    )


def _cohorts(data: Data) -> Part:
    cohorts: Rows = data.get("cohorts") or []
    largest = sorted(
        cohorts, key=lambda c: (-(c.get("cohort_size") or 0), str(c.get("cohort_week")))
    )
    drawn = sorted(largest[:_DRAWN_COHORTS], key=lambda c: str(c.get("cohort_week")))
    weeks = max((len(c.get("retention") or []) for c in drawn), default=0)
    caption = "Share of each cohort that called, by weeks since its first call"
    if len(cohorts) > len(drawn):
        caption = f"{caption}, the {len(drawn)} largest of {len(cohorts)} cohorts"
    return section(
        "Who stays",
        line_chart(
            "cohorts",
            caption,
            Axis("Weeks since the first call", "count"),
            Axis("Still calling (%)", "percent"),
            list(range(weeks)),
            [
                Series(
                    f"{c.get('cohort_week')}, {formatting.count(c.get('cohort_size'))} customers",
                    _padded(c.get("retention") or [], weeks),
                )
                for c in drawn
            ],
            bins="mean",
            empty="No customer called, so there is no cohort to follow.",
        ),
        _cohort_table(cohorts),
        lead="The first cohort is everybody who was there when the data begins. A last week that "
        "is cut off shows as a fall at the end of each line.",
    )


def _padded(values: Sequence[Any], length: int) -> List[Any]:
    return [*values, *[None] * (length - len(values))]


def _cohort_table(cohorts: Rows) -> Part:
    longest = max((len(c.get("retention") or []) for c in cohorts), default=0)
    weeks = [week for week in _SHOWN_WEEKS if week < longest]
    rows = []
    for cohort in cohorts:
        kept = cohort.get("retention") or []
        row = dict(cohort)
        row.update({f"week_{w}": kept[w] if w < len(kept) else None for w in weeks})
        rows.append(row)
    return table(
        "cohorts",
        "Cohorts by the week of the first call",
        [
            Column("cohort_week", "First call"),
            Column("cohort_size", "Customers", "count"),
            *[Column(f"week_{week}", f"After {_weeks(week)}", "percent") for week in weeks],
        ],
        rows,
        order=("cohort_week", "ascending"),
        empty="No customer called, so there is no cohort to follow.",
    )


def _weeks(number: int) -> str:
    return "1 week" if number == 1 else f"{number} weeks"


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    customers = formatting.count(summary.get("total_customers"))
    left = formatting.count(summary.get("churned_customers"))
    lost = formatting.money(summary.get("lost_monthly_revenue"))
    risky = formatting.money(summary.get("at_risk_monthly_revenue"))
    expansion = formatting.money(summary.get("expansion_monthly_revenue"))
    return {
        "metadata": (
            "An invoice from a provider falls when a customer leaves, and does not say whose.",
            f"Each call names its customer and tier, so {left} who left have names and a price.",
        ),
        "realtime": (
            f"{lost} a month goes missing when renewals fail.",
            f"A customer whose calls halve shows within two weeks: {risky} a month is still there "
            "to be saved.",
        ),
        "standard": (
            "Usage through several providers looks like several customers.",
            f"{customers} customers, each counted once, whichever provider serves them.",
        ),
        "automated": (
            "Account managers keep lists by hand and by feeling.",
            "Churn, risk, growth and cohorts follow from the calls each time the data grows.",
        ),
        "actionable": (
            "“Churn is up” is a number on a slide.",
            f"Named customers to contact, and {expansion} a month in tiers to offer.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    looked = {
        "churned": "Customers who left were looked for: there are none.",
        "at_risk": "Customers who lost half of their calls were looked for: there are none.",
        "expansion": "Customers who outgrow their tier were looked for: there are none.",
        "growth": "Two full weeks in a row were looked for: the data is too short.",
    }
    return [sentence for section_, sentence in looked.items() if not data.get(section_)]
