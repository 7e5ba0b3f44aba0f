"""The page of token economics: what tokens cost on each model, and which tokens are wasted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, columns, section, text
from finops.generators.contrast import Contrast
from finops.generators.date_range import Daily, follow
from finops.generators.detector_scores import detectors
from finops.generators.linked_calls import linked_calls
from finops.generators.packed_sums import Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.recompute import Ratio, Sum
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, table, texts
from finops.results import token_economics as results
from finops.results.base import from_dict
from finops.results.shares import costs_are_lower_bounds, is_lower_bound

REPORT = Report(
    "token_economics",
    "Token Economics",
    "What tokens cost on each model, and which tokens are wasted.",
)

# Pattern in the data: title, what it is.
_PATTERNS: Dict[str, Tuple[str, str]] = {
    "inefficient_prompt": (
        "Long prompts, short answers",
        "Long prompts, short answers: most of the input could probably be left out.",
    ),
    "overpriced_simple_task": (
        "Simple tasks, expensive models",
        "Simple tasks, expensive models: the waste is the difference from the cheapest model.",
    ),
}
_DRAWN_MODELS = 24
_DRAWN_CUSTOMERS = 12
# What this page needs of each day besides packed sums: its tables are longer than elsewhere.
_LESS_PER_DAY = 250


class _Wasted(NamedTuple):
    """What one customer wasted by one pattern, whose title stands here."""

    customer_id: str
    pattern: str
    call_count: int
    cost: Optional[float]
    wasted_cost: Optional[float]


def generate_token_economics_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a token economics result.  Raises OSError if it cannot be written."""
    result = from_dict(results.TokenEconomicsResult, data)
    sums = pack(result.by_day._asdict(), less_per_day=_LESS_PER_DAY)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _over_time(result, data),
            _classes(result),
            _cache(result, data),
            linked_calls(result),
            _efficiency(result, sums["models"]),
            _waste(result),
            _opportunities(result),
            *detectors(data),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=_daily(result, sums),
    )


def _daily(result: results.TokenEconomicsResult, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return tokens and cost by day, for the figures that follow the chosen dates."""
    return Daily.of(
        result.daily_tokens,
        {
            "total_cost": lambda row: row.total_cost,
            "tokens": lambda row: (row.input_tokens or 0) + (row.output_tokens or 0),
            "input_tokens": lambda row: row.input_tokens,
            "output_tokens": lambda row: row.output_tokens,
        },
        list(sums.values()),
    )


def _cards(result: results.TokenEconomicsResult) -> List[Card]:
    summary = result.summary
    return [
        Card("Possible savings", summary.monthly_savings, "money", "per month, each call once"),
        Card(
            "Wasted",
            summary.wasted_cost,
            "money",
            "in the period",
            at_least=costs_are_lower_bounds(result),
        ),
        Card(
            "Total cost",
            summary.total_cost,
            "money",
            "in the period",
            Sum("total_cost"),
            costs_are_lower_bounds(result),
        ),
        Card(
            "Cost per 1M tokens",
            summary.cost_per_1m_tokens,
            "money",
            "on average",
            Ratio("total_cost", "tokens", 1_000_000),
        ),
        Card(
            "Tokens per dollar",
            summary.tokens_per_dollar,
            "tokens",
            "on average",
            Ratio("tokens", "total_cost"),
        ),
        Card("Tokens", _tokens(summary), "tokens", _token_classes(summary), Sum("tokens")),
    ]


def _tokens(summary: results.TokenSummary) -> int:
    total: int = (summary.total_input_tokens or 0) + (summary.total_output_tokens or 0)
    return total


def _token_classes(summary: results.TokenSummary) -> str:
    inputs, outputs = summary.total_input_tokens, summary.total_output_tokens
    return f"{formatting.compact(inputs)} input, {formatting.compact(outputs)} output"


def _over_time(result: results.TokenEconomicsResult, data: Mapping[str, Any]) -> Part:
    daily = result.daily_tokens
    return section(
        "Over time",
        where_days_are_known(
            data,
            line_chart(
                "daily-tokens",
                f"Input and output tokens of each day{cut_short(data)}",
                Axis("Day (UTC)", "date"),
                Axis("Tokens", "tokens"),
                texts(row.date for row in daily),
                day_lines(
                    [
                        Series(
                            "Input",
                            [row.input_tokens for row in daily],
                            "accent",
                            recompute=Sum("input_tokens"),
                        ),
                        Series(
                            "Output",
                            [row.output_tokens for row in daily],
                            "warning",
                            recompute=Sum("output_tokens"),
                        ),
                    ],
                    texts(row.date for row in daily),
                    partial_dates(data),
                ),
                empty="No day has a call, so no line over time is drawn.",
            ),
        ),
    )


_CLASS_NAMES: Dict[str, str] = {
    "input": "Input",
    "cached": "Input read from a cache",
    "cache_write": "Input written to a cache",
    "output": "Output",
    "reasoning": "Reasoning",
    "unknown": "No list price to split by",
}
_NO_CACHE = "This source does not say what was cached; costs may be an upper bound."


def _classes(result: results.TokenEconomicsResult) -> Part:
    return section(
        "Cost by token class",
        table(
            "token-classes",
            "Tokens and cost by token class",
            [
                Column(lambda row: _CLASS_NAMES.get(row.class_, row.class_), "Class"),
                Column(lambda row: row.tokens, "Tokens", "tokens"),
                Column(lambda row: row.cost, "Cost", "money"),
                Column(lambda row: row.share_percent, "Share of cost", "percent", bar=True),
            ],
            result.token_classes,
            lead="The cost of each call is split in proportion to the list prices of its tokens.",
            empty="No tokens.",
        ),
    )


_WRITES = Column[results.CacheUse](
    lambda row: row.writes_never_read_percent, "Writes never read", "percent"
)


def _any_write(rows: Sequence[results.CacheUse]) -> bool:
    return any(row.writes_never_read_percent is not None for row in rows)


def _cache_lead(summary: results.TokenSummary) -> str:
    lead = f"{formatting.percent(summary.cache_hit_percent)} of the input tokens were read from a"
    unknown = summary.input_tokens_of_unknown_cache
    if not unknown:
        return f"{lead} cache."
    left_out = formatting.readable("tokens", unknown)
    return (
        f"{lead} cache, as far as the sources say. Sources with {left_out} of input do not say "
        "what was cached: they are left out, and their costs may be upper bounds."
    )


def _cache(result: results.TokenEconomicsResult, data: Mapping[str, Any]) -> Part:
    """Return what the prompt cache saved, or that no source says."""
    if result.summary.cached_input_tokens is None:
        return section("Prompt caching", text(_NO_CACHE))
    days = result.daily_cache
    return section(
        "Prompt caching",
        where_days_are_known(
            data,
            line_chart(
                "daily-cache",
                "Input tokens read from a cache on each day, in percent",
                Axis("Day (UTC)", "date"),
                Axis("Cached input (%)", "percent"),
                texts(row.date for row in days),
                day_lines(
                    [Series("Cached", [row.hit_percent for row in days], "accent")],
                    texts(row.date for row in days),
                    partial_dates(data),
                ),
                bins="mean",
                empty="No day has a call, so no line over time is drawn.",
            ),
        ),
        table(
            "cache",
            "Prompt caching by feature and model, by what it could have saved",
            [
                Column(lambda row: row.feature_id, "Feature", "feature", dot=True),
                Column(lambda row: row.model, "Model", "model"),
                Column(lambda row: row.input_tokens, "Input tokens", "tokens"),
                Column(lambda row: row.hit_percent, "Cached", "percent", bar=True),
                Column(lambda row: row.saved_usd, "Saved", "money"),
                Column(lambda row: row.missed_usd, "Could have saved up to", "money"),
                *([_WRITES] if _any_write(result.cache) else []),
            ],
            ShortenedRows(result.cache),
            lead="Saved compares with no cache at all, less the cost of writing. The upper limit "
            "assumes that all other input had been read from the cache.",
            empty="No input tokens.",
        ),
        lead=_cache_lead(result.summary),
    )


_MODEL = Column[results.ModelEfficiency](
    lambda row: row.model, "Model", "model", dot=True, dimension="model"
)
_BOUGHT = Column[results.ModelEfficiency](
    lambda row: row.tokens_per_dollar,
    "Tokens per dollar",
    "count",
    recompute=Ratio("tokens", "cost"),
    order="descending",
)
_PRICE = Column[results.ModelEfficiency](
    lambda row: row.cost_per_1m_tokens,
    "Cost per 1M tokens",
    "money",
    recompute=Ratio("cost", "tokens", 1_000_000),
)
_EFFICIENCY: List[Column[results.ModelEfficiency]] = [
    _MODEL,
    Column(lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"),
    Column(lambda row: row.call_count, "Calls", "count", recompute=Sum("calls")),
    Column(lambda row: row.total_tokens, "Tokens", "tokens", recompute=Sum("tokens")),
    Column(
        lambda row: row.total_cost,
        "Cost",
        "money",
        recompute=Sum("cost"),
        at_least=is_lower_bound,
        sparkline=True,
    ),
    _BOUGHT,
    _PRICE,
    Column(lambda row: row.input_output_ratio, "Output per input token", "number"),
]


def _efficiency(result: results.TokenEconomicsResult, sums: Optional[Sums]) -> Part:
    rows = result.efficiency
    return section(
        "Cost per token by model",
        _model_chart(
            "cost-per-1m",
            "Cost per 1M tokens on each model, as used",
            Axis("USD per 1M tokens", "money"),
            lambda row: row.cost_per_1m_tokens,
            _PRICE,
            rows,
        ),
        table(
            "efficiency",
            "Models by tokens per dollar",
            _EFFICIENCY,
            rows,
            empty="No model was called, so none is listed.",
            lead="Tokens per dollar are not shown for models whose calls cost nothing.",
            sums=sums,
        ),
    )


def _model_chart(
    name: str,
    caption: str,
    y: Axis,
    get: Callable[[results.ModelEfficiency], Optional[float]],
    column: Column[results.ModelEfficiency],
    rows: Sequence[results.ModelEfficiency],
) -> Part:
    drawn = sorted(rows, key=lambda row: (-(get(row) or 0), str(row.model)))[:_DRAWN_MODELS]
    if len(rows) > len(drawn):
        caption = f"{caption}, the first {len(drawn)} of {len(rows)}"
    colours: List[Colour] = [("model", row.model) for row in drawn]
    chart = bar_chart(
        name,
        caption,
        Axis("Model", "model"),
        y,
        texts(row.model for row in drawn),
        [Series(y.title, [get(row) for row in drawn])],
        horizontal=True,
        colours=colours,
        empty="No model was called, so none is drawn.",
    )
    every: List[Colour] = [("model", row.model) for row in rows]
    return follow(
        chart, "efficiency", _EFFICIENCY, _MODEL, [column], _DRAWN_MODELS, every, highest=column
    )


def _patterns(result: results.TokenEconomicsResult) -> Dict[str, results.WastefulPattern]:
    patterns: Dict[str, results.WastefulPattern] = result.wasteful_patterns._asdict()
    return patterns


def _waste(result: results.TokenEconomicsResult) -> Part:
    patterns = _patterns(result)
    used = {name: pattern for name, pattern in patterns.items() if pattern.call_count}
    return section(
        "Which tokens are wasted",
        bar_chart(
            "waste",
            "Cost of the calls with each pattern, and the part that is wasted",
            Axis("Pattern", "text"),
            Axis("USD in the period", "money"),
            [_PATTERNS[name][0] for name in used],
            [
                Series("Cost of these calls", [pattern.cost for pattern in used.values()], "muted"),
                Series("Wasted", [pattern.wasted_cost for pattern in used.values()], "critical"),
            ],
            horizontal=True,
            empty="No call has one of the patterns, so there is no waste to draw.",
        ),
        _waste_table(patterns),
        _prompt_waste_table(result),
    )


def _waste_table(patterns: Mapping[str, results.WastefulPattern]) -> Part:
    rows = [
        _Wasted(row.customer_id, _PATTERNS[name][0], row.call_count, row.cost, row.wasted_cost)
        for name, pattern in patterns.items()
        for row in pattern.customers
    ]
    return table(
        "waste",
        "Waste by customer and pattern, largest first",
        [
            Column(lambda row: row.customer_id, "Customer"),
            Column(lambda row: row.pattern, "Pattern"),
            Column(lambda row: row.call_count, "Calls", "count"),
            Column(lambda row: row.cost, "Cost of these calls", "money"),
            Column(lambda row: row.wasted_cost, "Wasted", "money", order="descending"),
        ],
        ShortenedRows(sorted(rows, key=_most_wasted_first)),
        lead=" ".join(about for _, about in _PATTERNS.values()),
        empty="No successful calls with one of the patterns.",
    )


def _most_wasted_first(row: _Wasted) -> Tuple[float, str, str]:
    return (-(row.wasted_cost or 0), str(row.customer_id), row.pattern)


def _prompt_waste_table(result: results.TokenEconomicsResult) -> Part:
    return table(
        "wasters",
        "Customers with wasteful prompts, most waste first",
        [
            Column(lambda row: row.customer_id, "Customer"),
            Column(lambda row: row.call_count, "Such prompts", "count"),
            Column(lambda row: row.share_percent, "Share of its calls", "percent", bar=True),
            Column(lambda row: row.cost, "Cost of these calls", "money"),
            Column(lambda row: row.wasted_cost, "Wasted", "money", order="descending"),
        ],
        ShortenedRows(result.prompt_wasters),
        lead="Occasional long prompts with short answers are normal; these customers send them "
        "regularly, over the whole period or in some month of it.",
        empty="Checked, none found: customers who regularly send long prompts with short answers.",
    )


def _opportunities(result: results.TokenEconomicsResult) -> Part:
    rows = result.opportunities
    return section(
        "Which models could be replaced",
        columns(
            _savings_chart("customer", "Customer", "text", lambda row: row.customer_id, rows),
            _savings_chart("model", "Current model", "model", lambda row: row.current_model, rows),
        ),
        table(
            "opportunities",
            "Cheaper models by customer, largest saving first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.current_model, "Current model", "model", dot=True),
                Column(lambda row: row.alternative_model, "Alternative", "model", dot=True),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.current_cost, "Current cost", "money"),
                Column(lambda row: row.alternative_cost, "Alternative's cost", "money"),
                Column(lambda row: row.savings, "Savings", "money", order="descending"),
                Column(lambda row: row.savings_percent, "Saved", "percent", bar=True),
            ],
            ShortenedRows(rows),
            empty="No model of the same class, or one lower where the task allows it, saves "
            "enough for any customer.",
            lead="Costs and savings cover the period; they compare the prices of the same tokens. "
            "Models without a call in the last 30 whole days are left out.",
        ),
    )


def _savings_chart(
    name: str,
    heading: str,
    kind: str,
    subject_of: Callable[[results.Opportunity], str],
    rows: Sequence[results.Opportunity],
) -> Part:
    sums: Dict[str, float] = {}
    for row in rows:
        subject = str(subject_of(row))
        sums[subject] = sums.get(subject, 0.0) + (row.savings or 0)
    most = sorted(sums, key=lambda subject: (-sums[subject], subject))[:_DRAWN_CUSTOMERS]
    first = f", the {len(most)} largest of {len(sums)}" if len(sums) > len(most) else ""
    return bar_chart(
        f"savings-by-{name}",
        f"Savings by {heading.lower()} over the period{first}",
        Axis(heading, kind),
        Axis("Savings in the period (USD)", "money"),
        most,
        [Series("Savings", [sums[subject] for subject in most], "success")],
        horizontal=True,
        colours=[("model", subject) for subject in most] if kind == "model" else None,
        empty="No switch of models saves enough to be drawn.",
    )


def _contrast(result: results.TokenEconomicsResult) -> Contrast:
    patterns = _patterns(result)
    wasteful = formatting.count(sum(pattern.call_count or 0 for pattern in patterns.values()))
    tokens = formatting.tokens(_tokens(result.summary))
    return Contrast(
        ("customer_id", "task_type"),
        f"{tokens} would be one line per model.",
        f"Calls that fit a wasteful pattern ({wasteful}) are listed by customer.",
    )


def _not_found(result: results.TokenEconomicsResult) -> List[str]:
    patterns = _patterns(result)
    sentences = [
        f"Checked, none found: {title.lower()}."
        for name, (title, _) in _PATTERNS.items()
        if not patterns[name].call_count
    ]
    if not result.opportunities:
        cheaper = "cheaper models that save enough for a single customer"
        sentences.append(
            f"Checked, none found: {cheaper}."
            if (result.summary.total_cost or 0.0) > 0
            else f"Not checked: {cheaper}; no call is known to cost anything."
        )
    if not result.summary.unpriced_calls:
        sentences.append("Checked, none found: calls without a known cost.")
    return sentences
