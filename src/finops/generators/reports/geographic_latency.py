"""The page of geographic latency: how fast each region is served, and by whom faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.contrast import Contrast
from finops.generators.date_range import Daily, follow
from finops.generators.known_status import STATUS_KNOWN, rate_lead
from finops.generators.packed_sums import LESS_WITHOUT_LINES, Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.recompute import Ratio, Sum
from finops.generators.tables import Column, table, texts
from finops.results import geographic_latency as results
from finops.results.base import from_dict
from finops.results.shares import Called

REPORT = Report(
    "geographic_latency",
    "Geographic Latency",
    "How latency differs by region, and which provider serves each region best.",
)

_DRAWN_ROUTES = 12
_CALLS = Column[Called](lambda row: row.call_count, "Calls", "count", recompute=Sum("calls"))
_LATENCY = Axis("Latency (ms)", "ms")
_NO_REGION = "No successful call has a region and a latency, so none is compared."


def generate_geographic_latency_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a geographic latency result.  Raises OSError if it cannot be written."""
    result = from_dict(results.GeographicLatencyResult, data)
    sums = pack(result.by_day._asdict(), less_per_day=LESS_WITHOUT_LINES)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _regions(result, sums["regions"]),
            _over_time(result, data),
            _tokens(result),
            _routing(result),
            _providers(result, sums["regions"]),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=_daily(result, sums),
    )


def _daily(result: results.GeographicLatencyResult, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return calls, waiting and calls over the limit by day, for the chosen dates."""
    return Daily.of(
        result.daily,
        {
            "call_count": lambda row: row.call_count,
            "latency_ms": lambda row: row.latency_ms,
            "sla_violations": lambda row: row.sla_violations,
            "measured": lambda row: row.measured_calls,
            "within": lambda row: (row.measured_calls or 0) - (row.sla_violations or 0),
        },
        list(sums.values()),
    )


def _cards(result: results.GeographicLatencyResult) -> List[Card]:
    summary = result.summary
    limit = formatting.milliseconds(summary.sla_threshold_ms)
    return [
        Card(
            "Average latency",
            summary.avg_latency_ms,
            "ms",
            "over all regions",
            Ratio("latency_ms", "measured"),
        ),
        Card(
            "SLA compliance",
            summary.sla_compliance_percent,
            "percent",
            limit,
            Ratio("within", "measured", 100),
        ),
        Card(
            "Calls above the SLA",
            summary.sla_violations,
            "count",
            f"slower than {limit}",
            Sum("sla_violations"),
        ),
        _region_card("Fastest region", summary.fastest_region, result.regions),
        _region_card("Slowest region", summary.slowest_region, result.regions),
        Card(
            "Better routes",
            summary.routing_opportunities,
            "count",
            "faster at equal token counts",
        ),
    ]


def _region_card(label: str, name: Optional[str], regions: Sequence[results.RegionLatency]) -> Card:
    averages = [row.avg_latency_ms for row in regions if name and row.region == name]
    note = "no region is named"
    if averages:
        note = f"{formatting.milliseconds(averages[0])} on average"
    return Card(label, name or formatting.MISSING, "region", note)


def _regions(result: results.GeographicLatencyResult, sums: Optional[Sums]) -> Part:
    rows = result.regions
    unknown = sum(row.unknown_status_calls or 0 for row in rows)
    return section(
        "Latency by region",
        columns(_averages(rows), _percentiles(rows)),
        table(
            "regions",
            "Regions, fastest first",
            _region_columns(rows),
            rows,
            empty=_NO_REGION,
            sums=sums,
            lead=rate_lead(result.summary.total_calls, unknown),
        ),
    )


_REGION = Column[results.RegionLatency](
    lambda row: row.region, "Region", "region", dot=True, dimension="region"
)
_AVERAGE = Column[results.RegionLatency](
    lambda row: row.avg_latency_ms,
    "Average",
    "ms",
    recompute=Ratio("latency_ms", "measured"),
    order="ascending",
    sparkline=True,
)


def _region_columns(
    rows: Sequence[results.RegionLatency],
) -> List[Column[results.RegionLatency]]:
    is_partial = any(row.unknown_status_calls for row in rows)
    return [
        _REGION,
        _CALLS,
        _AVERAGE,
        Column(lambda row: row.p50_latency_ms, "Median", "ms"),
        Column(lambda row: row.p95_latency_ms, "p95", "ms"),
        Column(lambda row: row.p99_latency_ms, "p99", "ms"),
        Column(lambda row: row.sla_violations, "Over limit", "count", recompute=Sum("violations")),
        Column(
            lambda row: row.error_rate_percent,
            "Failed",
            "percent",
            recompute=Ratio("errors", STATUS_KNOWN if is_partial else "calls", 100),
        ),
        Column(lambda row: row.total_cost, "Cost", "money", recompute=Sum("cost")),
    ]


def _averages(rows: Sequence[results.RegionLatency]) -> Part:
    colours: List[Colour] = [("region", row.region) for row in rows]
    chart = bar_chart(
        "regions",
        "Average latency by region, fastest first",
        Axis("Region", "region"),
        _LATENCY,
        texts(row.region for row in rows),
        [Series("Average", [row.avg_latency_ms for row in rows])],
        horizontal=True,
        colours=colours,
        empty=_NO_REGION,
    )
    return follow(chart, "regions", _region_columns(rows), _REGION, [_AVERAGE], colours=colours)


def _percentiles(rows: Sequence[results.RegionLatency]) -> Part:
    return bar_chart(
        "percentiles",
        "Median and 95th percentile latency by region",
        Axis("Region", "region"),
        _LATENCY,
        texts(row.region for row in rows),
        [
            Series("Median", [row.p50_latency_ms for row in rows], "muted"),
            Series("95th percentile", [row.p95_latency_ms for row in rows], "warning"),
        ],
        horizontal=True,
        empty=_NO_REGION,
    )


def _over_time(result: results.GeographicLatencyResult, data: Mapping[str, Any]) -> Part:
    daily = result.daily
    days = texts(row.date for row in daily)
    means = [row.avg_latency_ms for row in daily]
    return section(
        "Over time",
        where_days_are_known(
            data,
            line_chart(
                "daily-latency",
                "Average latency of each day, over all regions",
                Axis("Day (UTC)", "date"),
                _LATENCY,
                days,
                day_lines(
                    [Series("Average", means, recompute=Ratio("latency_ms", "measured"))],
                    days,
                    partial_dates(data),
                ),
                bins="mean",
                empty="There is no day with a call, so no line over time is drawn.",
            ),
        ),
    )


def _tokens(result: results.GeographicLatencyResult) -> Part:
    rows = result.latency_by_tokens
    bands = sorted({(row.from_tokens or 0) for row in rows})
    means = {(str(row.region), row.from_tokens or 0): row.avg_latency_ms for row in rows}
    regions = sorted({region for region, _ in means})
    return section(
        "How latency grows with tokens",
        line_chart(
            "tokens",
            "Average latency of calls by their number of tokens, one line for each region",
            Axis("Tokens in the call, from", "count"),
            _LATENCY,
            bands,
            [
                Series(region, [means.get((region, band)) for band in bands], ("region", region))
                for region in regions
            ],
            bins="mean",
            empty=_NO_REGION,
        ),
        lead="Calls with more tokens take longer in every region, so regions and providers are "
        "only comparable at the same number of tokens.",
    )


def _routing(result: results.GeographicLatencyResult) -> Part:
    rows = result.routing
    drawn = rows[:_DRAWN_ROUTES]
    names = [f"{row.region}, {formatting.name('provider', row.current_provider)}" for row in drawn]
    caption = "Current and recommended provider at equal token counts"
    if len(rows) > len(drawn):
        caption = f"{caption}, the {len(drawn)} widest gaps of {len(rows)}"
    empty = "No provider is clearly slower in a region than another one there."
    return section(
        "Which calls would be faster elsewhere",
        bar_chart(
            "routing",
            caption,
            Axis("Region and current provider", "text"),
            _LATENCY,
            names,
            [
                Series("Current", [row.current_latency_ms for row in drawn], "muted"),
                Series("Recommended", [row.recommended_latency_ms for row in drawn], "accent"),
            ],
            horizontal=True,
            empty=empty,
        ),
        table(
            "routing",
            "Routes worth changing, widest gap first",
            [
                Column(lambda row: row.region, "Region", "region", dot=True),
                Column(lambda row: row.current_provider, "Current provider", "provider", dot=True),
                Column(
                    lambda row: row.recommended_provider, "Faster provider", "provider", dot=True
                ),
                Column(lambda row: row.current_latency_ms, "Current latency", "ms"),
                Column(lambda row: row.recommended_latency_ms, "Faster latency", "ms"),
                Column(lambda row: row.improvement_ms, "Difference", "ms", order="descending"),
                Column(lambda row: row.improvement_percent, "Faster by", "percent", bar=True),
                Column(lambda row: row.call_count, "Calls", "count"),
            ],
            rows,
            empty=empty,
        ),
        lead="Both latencies are averages at equal token counts, so long prompts do not count "
        "against a provider; gaps that could be chance are left out. The quality of the models is "
        "not compared: check it before changing routes.",
    )


def _providers(result: results.GeographicLatencyResult, sums: Optional[Sums]) -> Part:
    rows = result.provider_regions
    regions = sorted({str(row.region) for row in rows})
    means = {(str(row.provider), str(row.region)): row.avg_latency_ms for row in rows}
    providers = sorted({provider for provider, _ in means})
    provider_column = Column[results.ProviderRegion](
        lambda row: row.provider,
        "Provider",
        "provider",
        dot=True,
        order="ascending",
        dimension="provider",
    )
    region_column = Column[results.ProviderRegion](
        lambda row: row.region, "Region", "region", dot=True, dimension="region"
    )
    average = Column[results.ProviderRegion](
        lambda row: row.avg_latency_ms,
        "Average",
        "ms",
        recompute=Ratio("latency_ms", "measured"),
        sparkline=True,
    )
    shown: List[Column[results.ProviderRegion]] = [
        provider_column,
        region_column,
        _CALLS,
        average,
        Column(lambda row: row.p95_latency_ms, "95th percentile", "ms"),
    ]
    chart = bar_chart(
        "providers",
        "Average latency of each provider by region, not adjusted for call length",
        Axis("Region", "region"),
        _LATENCY,
        regions,
        [
            Series(
                formatting.name("provider", provider),
                [means.get((provider, region)) for region in regions],
                ("provider", provider),
            )
            for provider in providers
        ],
        empty=_NO_REGION,
    )
    return section(
        "Each provider in each region",
        follow(chart, "providers", shown, region_column, [average], split=provider_column),
        table(
            "providers",
            "Providers by region",
            shown,
            rows,
            empty=_NO_REGION,
            sums=sums,
        ),
    )


def _contrast(result: results.GeographicLatencyResult) -> Contrast:
    regions = formatting.count(len(result.regions))
    average = formatting.milliseconds(result.summary.avg_latency_ms)
    return Contrast(
        ("region", "latency_ms"),
        "One average would stand for all places."
        if result.summary.avg_latency_ms is None
        else f"{average} would be one average for all places.",
        f"Latency is compared by region ({regions}), between calls of equal size.",
    )


def _not_found(result: results.GeographicLatencyResult) -> List[str]:
    summary = result.summary
    sentences = []
    measured = {r.provider for r in result.provider_regions if r.avg_latency_ms is not None}
    if not result.routing and len(measured) > 1:
        sentences.append("Checked, none found: providers clearly slower in a region.")
    elif not result.routing:
        sentences.append("Not checked: providers slower in a region; there is one at most.")
    if not measured:
        sentences.append("Not checked: calls slower than the SLA; none has a latency.")
    elif not summary.sla_violations:
        sentences.append("Checked, none found: calls slower than the SLA.")
    if not result.regions:
        sentences.append("No call names a region.")
    return sentences
