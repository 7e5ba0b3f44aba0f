"""The report on the data itself: how much, over which period, how usable, how distributed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

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
from finops.generators.components import Card, Part, columns, section, text, where_any
from finops.generators.contrast import Contrast, cost_named
from finops.generators.date_range import Daily
from finops.generators.known_status import STATUS_KNOWN, of_calls
from finops.generators.page import Report, write_report
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.recompute import Ratio, Sum
from finops.generators.tables import Column, named, table, texts
from finops.results import dataset_overview as results
from finops.results.base import from_dict
from finops.results.shares import costs_are_lower_bounds, is_lower_bound

REPORT = Report(
    "dataset_overview",
    "Dataset Overview",
    "What the data holds, over which period, and how much of it could be used.",
)

_DRAWN = 10
# Column of the data: heading, plural, kind of its values.
_DISTRIBUTED: Dict[str, Tuple[str, str, str]] = {
    "provider": ("Provider", "providers", "provider"),
    "region": ("Region", "regions", "region"),
    "subscription_tier": ("Subscription tier", "subscription tiers", "tier"),
    "customer_archetype": ("Customer archetype", "customer archetypes", "text"),
    "environment": ("Environment", "environments", "text"),
    "task_type": ("Task type", "task types", "text"),
    "model": ("Model", "models", "model"),
}


def generate_dataset_overview_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a dataset overview's result.  Raises OSError if it cannot be written."""
    result = from_dict(results.DatasetOverviewResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[_over_time(result, data), _shares(result), _quality(result)],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=_daily(result),
    )


def _daily(result: results.DatasetOverviewResult) -> Daily:
    return Daily.of(
        result.daily,
        {
            "total_cost": lambda row: row.total_cost,
            "call_count": lambda row: row.call_count,
            "total_tokens": lambda row: row.total_tokens,
            "success_count": lambda row: row.success_count,
            **_known(result.quality),
        },
    )


def _known(
    quality: results.Quality,
) -> Dict[str, Callable[[results.OverviewDay], Optional[float]]]:
    """Return the calls of known status of a day, nothing where that is all."""
    if not quality.unknown_status_count:
        return {}
    return {STATUS_KNOWN: lambda row: (row.error_count or 0) + (row.success_count or 0)}


def _lasted(result: results.DatasetOverviewResult) -> str:
    """Return how long the data is: in covered days, as rates have them, else in hours."""
    days, hours = result.basis.covered_days, result.temporal.duration_hours
    if days is not None and days >= 1:
        return f"{formatting.decimal(round(days, 1))} covered day{'' if days == 1 else 's'}"
    return (result.temporal.duration_description or "") if hours else "one moment"


def _cards(result: results.DatasetOverviewResult) -> List[Card]:
    summary, quality = result.summary, result.quality
    over = f"over {_lasted(result)}"
    return [
        Card(
            "Total cost",
            summary.total_cost,
            "money",
            over,
            Sum("total_cost"),
            costs_are_lower_bounds(result),
        ),
        Card("Calls", summary.total_calls, "count", over, Sum("call_count")),
        Card(
            "Tokens",
            summary.total_tokens,
            "tokens",
            "input and output",
            Sum("total_tokens"),
        ),
        Card("Customers", summary.unique_customers, "count", _organizations(summary)),
        Card("Models", summary.unique_models, "count", _providers(summary)),
        Card(
            "Success rate",
            quality.success_rate_percent,
            "percent",
            of_calls(summary.total_calls, quality.unknown_status_count),
            Ratio(
                "success_count", STATUS_KNOWN if quality.unknown_status_count else "call_count", 100
            ),
        ),
    ]


def _organizations(summary: results.OverviewSummary) -> str:
    if summary.unique_customers is None:
        return "no call names one"
    if summary.unique_organizations is None:
        return "no call names an organization"
    return f"in {formatting.counted(summary.unique_organizations, 'organization')}"


def _providers(summary: results.OverviewSummary) -> str:
    return f"of {formatting.counted(summary.unique_providers, 'provider')}"


def _over_time(result: results.DatasetOverviewResult, data: Mapping[str, Any]) -> Part:
    daily, remark, partial = result.daily, cut_short(data), partial_dates(data)
    days = texts(row.date for row in daily)
    return section(
        "Over time",
        where_days_are_known(
            data,
            columns(
                line_chart(
                    "daily-cost",
                    f"Cost of each day{remark}{of_known_costs(data)}",
                    Axis("Day (UTC)", "date"),
                    Axis("Cost (USD)", "money"),
                    days,
                    day_lines(
                        [
                            Series(
                                "Cost",
                                [row.total_cost for row in daily],
                                recompute=Sum("total_cost"),
                            )
                        ],
                        days,
                        partial,
                    ),
                    empty="No days are listed in this result, so no line over time is drawn.",
                ),
                line_chart(
                    "daily-calls",
                    f"Calls on each day{remark}",
                    Axis("Day (UTC)", "date"),
                    Axis("Calls", "count"),
                    days,
                    day_lines(
                        [
                            Series(
                                "Calls",
                                [row.call_count for row in daily],
                                recompute=Sum("call_count"),
                            )
                        ],
                        days,
                        partial,
                    ),
                    empty="No days are listed in this result, so no line over time is drawn.",
                ),
            ),
        ),
    )


def _shares(result: results.DatasetOverviewResult) -> Part:
    distributions = result.distributions._asdict()
    charts = columns(_share_chart(distributions, "provider"), _share_chart(distributions, "model"))
    tables = [_share_table(distributions, column) for column in _DISTRIBUTED]
    return section(
        "How calls and cost are distributed",
        charts,
        columns(*tables[:-1]),
        tables[-1],
        lead="Share is the share of calls; the cost beside it is what those calls cost.",
    )


def _share_chart(distributions: Mapping[str, Sequence[results.ValueShare]], column: str) -> Part:
    heading, plural, kind = _DISTRIBUTED[column]
    rows = sorted(
        distributions[column],
        key=lambda row: (-(row.total_cost or 0), str(row.value)),
    )
    first = f", the {_DRAWN} {plural} that cost most" if len(rows) > _DRAWN else ""
    rows = rows[:_DRAWN]
    colours: List[Colour] = [(kind, row.value) for row in rows]
    return bar_chart(
        f"cost-by-{column}",
        f"Cost by {heading.lower()}{first}",
        Axis(heading, kind),
        Axis("Cost (USD)", "money"),
        texts(row.value for row in rows),
        [Series("Cost", [row.total_cost for row in rows])],
        horizontal=True,
        colours=colours,
    )


def _share_table(distributions: Mapping[str, Sequence[results.ValueShare]], column: str) -> Part:
    heading, plural, kind = _DISTRIBUTED[column]
    name = Column[results.ValueShare](lambda row: row.value, heading, kind, dot=kind != "text")
    return table(
        column.replace("_", "-"),
        f"By {heading.lower()}",
        [
            name,
            Column(lambda row: row.call_count, "Calls", "count", order="descending"),
            Column(lambda row: row.share_percent, "Share", "percent", bar=True),
            Column(lambda row: row.total_cost, "Cost", "money", at_least=is_lower_bound),
        ],
        named(distributions[column], name),
        empty=f"No {plural} are named in this data.",
    )


def _quality(result: results.DatasetOverviewResult) -> Part:
    quality = result.quality
    return section(
        "How usable the data is",
        columns(
            _counts(
                "status",
                "Calls by status",
                "Status",
                quality.status_distribution,
                "There are no calls.",
            ),
            _counts(
                "errors",
                "Failed calls by kind of error",
                "Error",
                quality.error_types,
                _no_failure(quality),
            ),
        ),
        where_any(
            quality.skipped,
            table(
                "skipped",
                "Rows left out of all figures",
                [
                    Column(lambda row: row.reason, "Reason"),
                    Column(lambda row: row.count_, "Rows", "count"),
                    Column(lambda row: row.first_line, "First line", "count"),
                    Column(lambda row: row.cost, "Cost they name", "money"),
                ],
                quality.skipped,
            ),
        ),
        where_any(
            quality.blanked,
            table(
                "blanked",
                "Values that count as missing",
                [
                    Column(lambda row: row.column, "Column"),
                    Column(lambda row: row.reason, "Reason"),
                    Column(lambda row: row.count_, "Values", "count"),
                    Column(lambda row: row.first_line, "First line", "count"),
                ],
                quality.blanked,
                lead="They could not be read; their rows are used.",
            ),
        ),
        text(_oddities(quality)),
        _coverage(result.coverage),
        where_any(result.prices.unpriced, _prices(result.prices)),
    )


def _oddities(quality: results.Quality) -> str:
    """Return what is unusual in one sentence."""
    money = formatting.money(quality.credits.amount)
    counts = [
        (quality.unknown_status_count, "call", "with an unknown status"),
        (quality.repeated_records, "repeated record", "used once"),
        (quality.conflicting_ids, "call id", "of different records, which are all used"),
        (quality.implausible_times, "row", "with an implausible time"),
        (quality.credits.rows, "credit", f"of {money} in all, netted"),
    ]
    there = [f"{formatting.counted(count, noun)} {words}" for count, noun, words in counts if count]
    if not there:
        return (
            "Checked, none found: unknown statuses, repeated records, conflicting ids, "
            "implausible times, credits."
        )
    return f"Counted apart: {'; '.join(there)}."


def _coverage(coverage: results.Coverage) -> Part:
    """Return how many calls have a value in each column; a sentence where all have all."""
    if all(percent == 100 for percent in coverage):
        return text(f"Every call has a value in all {len(coverage)} columns that reports group by.")
    return table(
        "coverage",
        "Calls with a value, by column",
        [
            Column(lambda row: row[0], "Column"),
            Column(lambda row: row[1], "Calls with a value", "percent", bar=True),
        ],
        list(coverage._asdict().items()),
    )


def _prices(prices: results.Prices) -> Part:
    return table(
        "unpriced",
        "Models without a known price",
        [
            Column(lambda row: row.provider, "Provider", "provider", dot=True),
            Column(lambda row: row.model, "Model", "model"),
            Column(lambda row: row.call_count, "Calls", "count"),
            Column(lambda row: row.tokens, "Tokens", "tokens"),
        ],
        prices.unpriced,
        lead="Their calls carry no cost, so every total is a lower bound.",
    )


def _no_failure(quality: results.Quality) -> str:
    """Return what is known where no call is known to have failed."""
    if quality.success_rate_percent is None and quality.total_records:
        return "Not checked: no call says whether it succeeded."
    if quality.unknown_status_count:
        known = formatting.counted(quality.success_count, "call")
        return f"None among the {known} with a known status."
    return "No call failed."


def _counts(
    name: str, caption: str, heading: str, counts: Mapping[str, Optional[int]], empty: str
) -> Part:
    """Return calls by what they are; a number is None where it is not known."""
    total = sum(filter(None, counts.values()))
    return table(
        name,
        caption,
        [
            Column(lambda row: row[0], heading),
            Column(lambda row: row[1], "Calls", "count"),
            Column(
                lambda row: (row[1] or 0) / total if total else None, "Share", "share", bar=True
            ),
        ],
        list(counts.items()),
        empty=empty,
    )


def _contrast(result: results.DatasetOverviewResult) -> Contrast:
    cost = cost_named(result)
    return Contrast(
        ("customer_id", "organization_id", "product_id", "feature_id", "task_type"),
        f"{cost} could be split by provider and model only.",
        f"{cost} can be split by any of these.",
    )


def _not_found(result: results.DatasetOverviewResult) -> List[str]:
    quality = result.quality
    sentences = []
    if not quality.skipped:
        sentences.append("Checked, none found: rows that cannot be used.")
    if not quality.blanked:
        sentences.append("Checked, none found: values that cannot be read.")
    if quality.success_rate_percent is None and quality.total_records:
        sentences.append("Not checked: failed calls; no call says whether it succeeded.")
    elif not quality.error_count:
        sentences.append("Checked, none found: failed calls.")
    if not result.unpriced_models:
        sentences.append("Checked, none found: models without a known price.")
    return sentences
