"""The page of geographic latency: how fast each region is served, and by whom faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily, follow
from finops.generators.packed_sums import LESS_WITHOUT_LINES, Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, Over, table, texts

REPORT = Report(
    "geographic_latency",
    "Geographic Latency",
    "How latency differs by region, and which provider serves each region best.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN_ROUTES = 12
_CALLS = Column("call_count", "Calls", "count", over=("calls", "sum"))
_AVERAGE = Column("avg_latency_ms", "Average", "ms", over=("latency_ms", "per:calls"))
_LATENCY = Axis("Latency (ms)", "ms")
_NO_REGION = "No call names a region, so none is compared."


def generate_geographic_latency_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a geographic latency result.  Raises OSError if it cannot be written."""
    sums = pack(data.get("by_day") or {}, ["regions"], less_per_day=LESS_WITHOUT_LINES)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[
            _regions(data, sums["regions"]),
            _over_time(data),
            _tokens(data),
            _routing(data),
            _providers(data, sums["regions"]),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=_daily(data, sums),
    )


def _daily(data: Data, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return calls, waiting and calls over the limit by day, for the chosen dates."""
    rows = [
        dict(row, within=(row.get("call_count") or 0) - (row.get("sla_violations") or 0))
        for row in data.get("daily") or []
    ]
    measures = ("call_count", "latency_ms", "sla_violations", "within")
    return Daily.of(rows, measures, list(sums.values()))


def _cards(data: Data) -> List[Card]:
    summary: Data = data.get("summary") or {}
    limit = formatting.milliseconds(summary.get("sla_threshold_ms"))
    return [
        Card(
            "Average latency",
            summary.get("avg_latency_ms"),
            "ms",
            "over all regions",
            ("latency_ms", "per:call_count"),
        ),
        Card(
            "Within the service level",
            summary.get("sla_compliance_percent"),
            "percent",
            limit,
            ("within", "percent:call_count"),
        ),
        Card(
            "Calls over it",
            summary.get("sla_violations"),
            "count",
            f"slower than {limit}",
            ("sla_violations", "sum"),
        ),
        _region_card("Fastest region", "fastest_region", data),
        _region_card("Slowest region", "slowest_region", data),
        Card(
            "Better routes",
            summary.get("routing_opportunities"),
            "count",
            "faster at equal token counts",
        ),
    ]


def _region_card(label: str, key: str, data: Data) -> Card:
    name = (data.get("summary") or {}).get(key) or formatting.MISSING
    row: Data = next((r for r in data.get("regions") or [] if r.get("region") == name), {})
    average = row.get("avg_latency_ms")
    note = f"{formatting.milliseconds(average)} on average" if row else "no region is named"
    return Card(label, name, "region", note)


def _regions(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("regions") or []
    return section(
        "How long each region waits",
        columns(_averages(rows), _percentiles(rows)),
        table(
            "regions",
            "Regions, the fastest first; p95 and p99 are percentiles",
            _REGIONS,
            rows,
            order=("avg_latency_ms", "ascending"),
            empty=_NO_REGION,
            over=Over(sums, ("region",)),
        ),
    )


_REGIONS = [
    Column("region", "Region", "region", dot=True),
    _CALLS,
    _AVERAGE,
    Column("p50_latency_ms", "Median", "ms"),
    Column("p95_latency_ms", "p95", "ms"),
    Column("p99_latency_ms", "p99", "ms"),
    Column("sla_violations", "Over limit", "count", over=("violations", "sum")),
    Column("error_rate_percent", "Failed", "percent", over=("errors", "percent:calls")),
    Column("total_cost", "Cost", "money", over=("cost", "sum")),
]


def _averages(rows: Rows) -> Part:
    colours: List[Colour] = [("region", row.get("region")) for row in rows]
    chart = bar_chart(
        "regions",
        "Average latency in each region, the fastest first",
        Axis("Region", "region"),
        _LATENCY,
        texts(rows, "region"),
        [Series("Average", [row.get("avg_latency_ms") for row in rows])],
        horizontal=True,
        colours=colours,
        empty=_NO_REGION,
    )
    return follow(chart, "regions", _REGIONS, "region", ("avg_latency_ms",), colours=colours)


def _percentiles(rows: Rows) -> Part:
    return bar_chart(
        "percentiles",
        "Median and 95th percentile of the latency in each region",
        Axis("Region", "region"),
        _LATENCY,
        texts(rows, "region"),
        [
            Series("Median", [row.get("p50_latency_ms") for row in rows], "muted"),
            Series("95th percentile", [row.get("p95_latency_ms") for row in rows], "warning"),
        ],
        horizontal=True,
        empty=_NO_REGION,
    )


def _over_time(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    means = [row.get("avg_latency_ms") for row in daily]
    return section(
        "Over time",
        line_chart(
            "daily-latency",
            "Average latency of each day, over all regions",
            Axis("Day (UTC)", "date"),
            _LATENCY,
            texts(daily, "date"),
            [Series("Average", means, over=("latency_ms", "per:call_count"))],
            bins="mean",
            empty="There is no day with a call, so no line over time is drawn.",
        ),
    )


def _tokens(data: Data) -> Part:
    rows: Rows = data.get("latency_by_tokens") or []
    bands = sorted({row.get("from_tokens", 0) for row in rows})
    found = {(str(r.get("region")), r.get("from_tokens", 0)): r.get("avg_latency_ms") for r in rows}
    regions = sorted({region for region, _ in found})
    return section(
        "How latency grows with tokens",
        line_chart(
            "tokens",
            "Average latency of calls by their number of tokens, one line for each region",
            Axis("Tokens in the call, from", "count"),
            _LATENCY,
            bands,
            [
                Series(region, [found.get((region, band)) for band in bands], ("region", region))
                for region in regions
            ],
            bins="mean",
            empty=_NO_REGION,
        ),
        lead="Longer calls take longer wherever they are served, so regions and providers are "
        "only comparable at the same number of tokens.",
    )


def _routing(data: Data) -> Part:
    rows: Rows = data.get("routing") or []
    drawn = rows[:_DRAWN_ROUTES]
    names = [f"{row.get('region')}, {_provider(row, 'current_provider')}" for row in drawn]
    caption = "Present and recommended provider at equal token counts"
    if len(rows) > len(drawn):
        caption = f"{caption}, the {len(drawn)} widest gaps of {len(rows)}"
    empty = "No provider is clearly slower in a region than another one there."
    return section(
        "Which calls would be faster elsewhere",
        bar_chart(
            "routing",
            caption,
            Axis("Region and present provider", "text"),
            _LATENCY,
            names,
            [
                Series("Present", [row.get("current_latency_ms") for row in drawn], "muted"),
                Series(
                    "Recommended", [row.get("recommended_latency_ms") for row in drawn], "accent"
                ),
            ],
            horizontal=True,
            empty=empty,
        ),
        table(
            "routing",
            "Routes worth changing, the widest gap first",
            [
                Column("region", "Region", "region", dot=True),
                Column("current_provider", "Present", "provider", dot=True),
                Column("recommended_provider", "Better", "provider", dot=True),
                Column("current_latency_ms", "Now", "ms"),
                Column("recommended_latency_ms", "There", "ms"),
                Column("improvement_ms", "Saved", "ms"),
                Column("improvement_percent", "Saved share", "percent", bar=True),
                Column("call_count", "Calls", "count"),
            ],
            rows,
            order=("improvement_ms", "descending"),
            empty=empty,
        ),
        lead="Both latencies are averages over the same numbers of tokens, so a provider that "
        "gets the long prompts is not called slow; gaps that chance could make are left out. What "
        "a provider's models can do is not compared: check that before routing.",
    )


def _provider(row: Data, key: str) -> str:
    return formatting.name("provider", row.get(key))


def _providers(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("provider_regions") or []
    regions = sorted({str(row.get("region")) for row in rows})
    found = {(str(r.get("provider")), str(r.get("region"))): r.get("avg_latency_ms") for r in rows}
    providers = sorted({provider for provider, _ in found})
    shown = [
        Column("provider", "Provider", "provider", dot=True),
        Column("region", "Region", "region", dot=True),
        _CALLS,
        _AVERAGE,
        Column("p95_latency_ms", "95th percentile", "ms"),
    ]
    chart = bar_chart(
        "providers",
        "Average latency of each provider by region, whatever the calls' length",
        Axis("Region", "region"),
        _LATENCY,
        regions,
        [
            Series(
                formatting.name("provider", provider),
                [found.get((provider, region)) for region in regions],
                ("provider", provider),
            )
            for provider in providers
        ],
        empty=_NO_REGION,
    )
    values = ("avg_latency_ms",)
    return section(
        "Each provider in each region",
        follow(chart, "providers", shown, "region", values, split="provider"),
        table(
            "providers",
            "Providers by region",
            shown,
            rows,
            order=("provider", "ascending"),
            empty=_NO_REGION,
            over=Over(sums, ("provider", "region")),
        ),
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    calls = formatting.count(summary.get("total_calls"))
    regions = formatting.count(len(data.get("regions") or []))
    routes = formatting.count(summary.get("routing_opportunities"))
    average = formatting.milliseconds(summary.get("avg_latency_ms"))
    slow = formatting.count(summary.get("sla_violations"))
    providers = len({row.get("provider") for row in data.get("provider_regions") or []})
    return {
        "metadata": (
            f"A status page gives one average; here that would be {average}.",
            f"Each of {calls} calls names region, provider and tokens, so like is compared with "
            "like.",
        ),
        "realtime": (
            "Slow regions show when customers there complain.",
            f"{slow} calls over the service level were counted as they ended.",
        ),
        "standard": (
            "Each provider measures its own latency, from its own door.",
            f"{formatting.count(providers)} providers in {regions} regions, measured the same way "
            "by the caller.",
        ),
        "automated": (
            "Somebody runs a benchmark of a few prompts, once.",
            "The calls that customers made are the benchmark, at no cost, with their real lengths.",
        ),
        "actionable": (
            "“The AI is slow in Asia” has no owner.",
            f"{routes} routes name region, present and better provider, and the time saved.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    sentences = []
    if not data.get("routing"):
        sentences.append("Providers clearly slower in a region were looked for: there are none.")
    if not summary.get("sla_violations"):
        sentences.append("Calls slower than the service level were looked for: there are none.")
    if not data.get("regions"):
        sentences.append("Regions were looked for: no call names one.")
    return sentences
