"""The page of churn and growth: who left, who is leaving, who is growing, week by week."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from finops import config
from finops.generators import checks, formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.contrast import Contrast
from finops.generators.detector_scores import detectors
from finops.generators.page import Report, write_report
from finops.generators.partial_days import known_by_day, where_days_are_known
from finops.generators.tables import Column, table, texts
from finops.results import churn_growth as results
from finops.results.base import from_dict
from finops.results.shares import is_lower_bound

REPORT = Report(
    "churn_growth",
    "Churn & Growth",
    "Who left, who is leaving, who is growing, and what that does to revenue.",
)

# Cohorts drawn as lines, the largest first, and the weeks that the table shows.
_DRAWN_COHORTS = 6
_SHOWN_WEEKS = (1, 2, 4, 8, 12)
_NO_WEEK = "No week has a call, so no line over time is drawn."


def generate_churn_growth_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a churn and growth result.  Raises OSError if it cannot be written."""
    result = from_dict(results.ChurnGrowthResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result.summary, result.unchecked),
        body=[
            _over_time(result, data),
            _leaving(result),
            _growing(result),
            _cohorts(result),
            *detectors(data),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
    )


def _cards(summary: results.ChurnSummary, unchecked: Mapping[str, str]) -> List[Card]:
    rate = f"a monthly rate needs {config.CHURN_MIN_DAYS} covered days"
    if summary.churn_rate_percent is not None:
        rate = f"{formatting.percent(summary.churn_rate_percent)} in a month"
    risky = formatting.counted(summary.at_risk_customers, "customer")
    growing = formatting.counted(summary.expansion_customers, "customer")
    return [
        Card(
            "Revenue lost",
            summary.lost_monthly_revenue,
            "money",
            "per month, with customers who left",
        ),
        Card("Customers who left", summary.churned_customers, "count", rate),
        Card(
            "Revenue at risk",
            summary.at_risk_monthly_revenue,
            "money",
            "per month" if "at_risk" in unchecked else f"per month, with {risky}",
        ),
        Card(
            "Possible expansion",
            summary.expansion_monthly_revenue,
            "money",
            "per month" if "expansion" in unchecked else f"per month, with {growing}",
        ),
        Card(
            "Gross revenue retention",
            summary.grr_percent,
            "percent",
            "in 30 days, of those there before",
        ),
        Card("Net revenue retention", summary.nrr_percent, "percent", "the same, with upgrades"),
        Card("Growth of calls", summary.weekly_growth_percent, "percent", "per week, full weeks"),
        Card("Customers", summary.total_customers, "count", "with at least one call"),
    ]


def _over_time(result: results.ChurnGrowthResult, data: Mapping[str, Any]) -> Part:
    if not known_by_day(data):
        return section("Week by week", where_days_are_known(data))
    weekly = result.weekly
    return section(
        "Week by week",
        columns(
            _weekly_chart(
                "customers",
                "Customers with a call",
                "count",
                lambda row: row.customer_count,
                weekly,
            ),
            _weekly_chart("calls", "Calls", "count", lambda row: row.call_count, weekly),
        ),
        columns(
            _weekly_chart("cost", "Cost (USD)", "money", _known_cost, weekly),
            _growth(result),
        ),
        table(
            "weekly",
            "Weeks",
            [
                Column(lambda row: row.week, "Week starting", "week", order="ascending"),
                Column(lambda row: row.customer_count, "Customers", "count"),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.total_cost, "Cost", "money", at_least=is_lower_bound),
                Column(lambda row: row.partial, "Partial", "flag"),
            ],
            weekly,
            empty="No week has a call, so none is listed.",
        ),
        lead="A partial first or last week is drawn as a point and left out of growth.",
    )


def _known_cost(row: results.WeekActivity) -> Optional[float]:
    """Return the cost of a week, None where there are calls and nothing is known of their cost."""
    return None if row.unpriced_calls and not row.total_cost else row.total_cost


def _weekly_chart(
    name: str,
    what: str,
    kind: str,
    get: Callable[[results.WeekActivity], Optional[float]],
    weekly: Sequence[results.WeekActivity],
) -> Part:
    full = [None if row.partial else get(row) for row in weekly]
    partial = [get(row) if row.partial else None for row in weekly]
    series = [Series("Full weeks", full, "accent")]
    if any(value is not None for value in partial):
        series.append(Series("Partial weeks", partial, "muted", "points"))
    return line_chart(
        f"weekly-{name}",
        f"{what} in each week",
        Axis("Week starting", "week"),
        Axis(what, kind),
        texts(row.week for row in weekly),
        series,
        bins="mean",
        empty=_NO_WEEK,
    )


def _growth(result: results.ChurnGrowthResult) -> Part:
    rows = result.growth
    return line_chart(
        "growth",
        "Growth of customers, calls and cost, week over week",
        Axis("Week starting", "week"),
        Axis("Growth (%)", "percent"),
        texts(row.week for row in rows),
        [
            Series("Customers", [row.customer_growth_percent for row in rows], "accent"),
            Series("Calls", [row.call_growth_percent for row in rows], "warning"),
            Series("Cost", [row.cost_growth_percent for row in rows], "muted"),
        ],
        bins="mean",
        empty="Growth needs two full weeks in a row, and this data has none.",
    )


def _leaving(result: results.ChurnGrowthResult) -> Part:
    at_risk = result.at_risk
    return section(
        "Who left and who is leaving",
        _revenue_chart(result),
        table(
            "at-risk",
            "Customers who call half as often or less, highest revenue first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.risk, "Risk"),
                Column(lambda row: row.previous_calls, "Calls before", "count"),
                Column(lambda row: row.recent_calls, "Recent calls", "count"),
                Column(lambda row: row.change_percent, "Change", "percent"),
                Column(
                    lambda row: row.monthly_revenue,
                    "Revenue per month",
                    "money",
                    order="descending",
                ),
            ],
            at_risk,
            empty=checks.empty(
                "at_risk", "No customer lost half of its calls or more.", result.unchecked
            ),
        ),
        table(
            "churned",
            "Customers who left, highest revenue first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                Column(lambda row: row.last_activity_date, "Last call", "date"),
                Column(lambda row: row.days_inactive, "Days since last call", "count"),
                Column(
                    lambda row: row.lost_monthly_revenue,
                    "Revenue per month",
                    "money",
                    order="descending",
                ),
            ],
            result.churned,
            empty=checks.empty(
                "churned",
                "No customer counts as gone: all have called recently enough.",
                result.unchecked,
            ),
        ),
    )


def _revenue_chart(result: results.ChurnGrowthResult) -> Part:
    """Return the revenue lost and at risk by tier, for the tiers that have any."""
    lost = _by_tier((row.subscription_tier, row.lost_monthly_revenue) for row in result.churned)
    risky = _by_tier((row.subscription_tier, row.monthly_revenue) for row in result.at_risk)
    tiers = sorted(set(lost) | set(risky))
    return bar_chart(
        "revenue-by-tier",
        "Monthly revenue lost and at risk by tier",
        Axis("Tier", "tier"),
        Axis("USD per month", "money"),
        tiers,
        [
            Series("Lost", [lost.get(tier, 0) for tier in tiers], "critical"),
            Series("At risk", [risky.get(tier, 0) for tier in tiers], "warning"),
        ],
        empty=checks.empty(
            "churned" if "churned" in result.unchecked else "at_risk",
            "No churned or at-risk customers, so no revenue is lost or at risk.",
            result.unchecked,
        ),
    )


def _by_tier(revenues: Iterable[Tuple[Optional[str], Optional[float]]]) -> Dict[str, float]:
    sums: Dict[str, float] = {}
    for tier, revenue in revenues:
        known = "unknown" if tier is None else tier
        sums[known] = sums.get(known, 0) + (revenue or 0)
    return sums


def _growing(result: results.ChurnGrowthResult) -> Part:
    return section(
        "Customers who outgrow their tier",
        table(
            "expansion",
            "Outgrown tiers, fastest growth first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                Column(
                    lambda row: row.change_percent, "Change of calls", "percent", order="descending"
                ),
                Column(lambda row: row.burn_percent, "Cost / revenue", "percent"),
                Column(lambda row: row.suggested_tier, "Suggested tier", "tier", dot=True),
            ],
            result.expansion,
            empty=checks.empty(
                "expansion",
                "No customer below the highest tier grew permanently or costs what it pays.",
                result.unchecked,
            ),
        ),
        lead="Their typical day has at least 50% more calls than before, beyond the growth of "
        "other customers, or their calls cost most of what they pay. A tier is suggested after "
        "three weeks, unless more serious advice applies.",
    )


def _cohorts(result: results.ChurnGrowthResult) -> Part:
    cohorts = result.cohorts
    largest = sorted(cohorts, key=lambda c: (-(c.cohort_size or 0), str(c.cohort_week)))
    drawn = sorted(largest[:_DRAWN_COHORTS], key=lambda c: str(c.cohort_week))
    weeks = max((len(c.retention) for c in drawn), default=0)
    caption = "Share of each cohort that called, by weeks since its first call"
    if len(cohorts) > len(drawn):
        caption = f"{caption}, the {len(drawn)} largest of {len(cohorts)} cohorts"
    return section(
        "Retention",
        line_chart(
            "cohorts",
            caption,
            Axis("Weeks since the first call", "count"),
            Axis("Still calling (%)", "percent"),
            list(range(weeks)),
            [
                Series(
                    f"{formatting.week(c.cohort_week)}, "
                    f"{formatting.counted(c.cohort_size, 'customer')}",
                    _padded(c.retention, weeks),
                )
                for c in drawn
            ],
            bins="mean",
            empty="No customer called, so there is no cohort to follow.",
        ),
        _cohort_table(cohorts),
        lead="The first cohort holds all customers of the first week. A partial last week shows "
        "as a drop at the end of each line.",
    )


def _padded(values: Sequence[float], length: int) -> List[Optional[float]]:
    return [*values, *[None] * (length - len(values))]


def _cohort_table(cohorts: Sequence[results.Cohort]) -> Part:
    longest = max((len(cohort.retention) for cohort in cohorts), default=0)
    weeks = [week for week in _SHOWN_WEEKS if week < longest]
    return table(
        "cohorts",
        "Cohorts by the week of the first call",
        [
            Column(
                lambda row: row.cohort_week,
                "First call in the week starting",
                "week",
                order="ascending",
            ),
            Column(lambda row: row.cohort_size, "Customers", "count"),
            *(Column(_kept_after(week), f"After {_weeks(week)}", "percent") for week in weeks),
        ],
        cohorts,
        empty="No customer called, so there is no cohort to follow.",
    )


def _kept_after(week: int) -> Callable[[results.Cohort], Optional[float]]:
    return lambda row: row.retention[week] if week < len(row.retention) else None


def _weeks(number: int) -> str:
    return "1 week" if number == 1 else f"{number} weeks"


def _contrast(result: results.ChurnGrowthResult) -> Contrast:
    summary = result.summary
    customers = formatting.counted(summary.total_customers, "customer")
    gone = formatting.count(summary.churned_customers)
    return Contrast(
        ("customer_id",),
        "A falling number of calls would not show who left.",
        "Customers who stop calling are listed by name."
        if summary.churned_customers is None
        else f"Customers who stopped calling are listed: {gone} of {customers}.",
    )


def _not_found(result: results.ChurnGrowthResult) -> List[str]:
    sentences = checks.not_found(
        [
            ("churned", result.churned, "customers who left"),
            ("at_risk", result.at_risk, "customers who lost half of their calls"),
            ("expansion", result.expansion, "customers who outgrow their tier"),
        ],
        result.unchecked,
    )
    if not result.growth:
        sentences.append("No weekly growth: it needs two full weeks in a row.")
    return sentences
