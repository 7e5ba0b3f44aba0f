"""The page of token economics: what a token costs where, and which tokens are wasted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily, follow
from finops.generators.detector_scores import detectors
from finops.generators.packed_sums import Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, Over, table, texts

REPORT = Report(
    "token_economics",
    "Token Economics",
    "What a token costs where, and which tokens are wasted.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

# Pattern in the data: title, what it is.
_PATTERNS: Dict[str, Tuple[str, str]] = {
    "inefficient_prompt": (
        "Long prompts, short answers",
        "A long input with a short answer: most of the input could probably be left out.",
    ),
    "overpriced_simple_task": (
        "Simple tasks, dear models",
        "Few tokens on a dear model: the waste is the difference to the cheapest model.",
    ),
}
_DRAWN_MODELS = 24
_DRAWN_CUSTOMERS = 12


def generate_token_economics_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a token economics result.  Raises OSError if it cannot be written."""
    sums = pack(data.get("by_day") or {}, ["models"])
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[
            _over_time(data),
            _efficiency(data, sums["models"]),
            _waste(data),
            _opportunities(data),
            *detectors(data),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=_daily(data, sums),
    )


def _daily(data: Data, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return tokens and cost by day, for the figures that follow the chosen dates."""
    rows = []
    for row in data.get("daily_tokens") or []:
        tokens = (row.get("input_tokens") or 0) + (row.get("output_tokens") or 0)
        rows.append(dict(row, tokens=tokens))
    measures = ("total_cost", "tokens", "input_tokens", "output_tokens")
    return Daily.of(rows, measures, list(sums.values()))


def _cards(summary: Data) -> List[Card]:
    return [
        Card(
            "Possible savings", summary.get("monthly_savings"), "money", "a month, each call once"
        ),
        Card("Wasted", summary.get("wasted_cost"), "money", "in the period"),
        Card(
            "Total cost",
            summary.get("total_cost"),
            "money",
            "in the period",
            ("total_cost", "sum"),
        ),
        Card(
            "Cost of 1M tokens",
            summary.get("cost_per_1m_tokens"),
            "money",
            "on average",
            ("total_cost", "million:tokens"),
        ),
        Card(
            "Tokens for a dollar",
            summary.get("tokens_per_dollar"),
            "tokens",
            "on average",
            ("tokens", "per:total_cost"),
        ),
        Card("Tokens", _tokens(summary), "tokens", _token_classes(summary), ("tokens", "sum")),
    ]


def _tokens(summary: Data) -> int:
    total: int = (summary.get("total_input_tokens") or 0) + (
        summary.get("total_output_tokens") or 0
    )
    return total


def _token_classes(summary: Data) -> str:
    inputs, outputs = summary.get("total_input_tokens"), summary.get("total_output_tokens")
    return f"{formatting.compact(inputs)} input, {formatting.compact(outputs)} output"


def _over_time(data: Data) -> Part:
    daily: Rows = data.get("daily_tokens") or []
    return section(
        "Over time",
        line_chart(
            "daily-tokens",
            f"Input and output tokens of each day{cut_short(data)}",
            Axis("Day (UTC)", "date"),
            Axis("Tokens", "tokens"),
            texts(daily, "date"),
            [
                Series(
                    "Input",
                    [row.get("input_tokens") for row in daily],
                    "accent",
                    over=("input_tokens", "sum"),
                ),
                Series(
                    "Output",
                    [row.get("output_tokens") for row in daily],
                    "warning",
                    over=("output_tokens", "sum"),
                ),
            ],
            empty="No day has a call, so no line over time is drawn.",
        ),
    )


_EFFICIENCY = [
    Column("model", "Model", "model", dot=True),
    Column("provider", "Provider", "provider", dot=True),
    Column("call_count", "Calls", "count", over=("calls", "sum")),
    Column("total_tokens", "Tokens", "tokens", over=("tokens", "sum")),
    Column("total_cost", "Cost", "money", over=("cost", "sum")),
    Column("tokens_per_dollar", "Tokens for a dollar", "count", over=("tokens", "per:cost")),
    Column("cost_per_1m_tokens", "Cost of 1M tokens", "money", over=("cost", "million:tokens")),
    Column("input_output_ratio", "Output per input token", "number"),
]


def _efficiency(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("efficiency") or []
    return section(
        "What a token costs where",
        columns(
            _model_chart(
                "tokens-per-dollar",
                "Tokens that one dollar buys on each model",
                Axis("Tokens for a dollar", "tokens"),
                "tokens_per_dollar",
                rows,
            ),
            _model_chart(
                "cost-per-1m",
                "What 1M tokens cost on each model, as it was used",
                Axis("USD per 1M tokens", "money"),
                "cost_per_1m_tokens",
                rows,
            ),
        ),
        table(
            "efficiency",
            "Models, the most tokens for a dollar first",
            _EFFICIENCY,
            rows,
            order=("tokens_per_dollar", "descending"),
            empty="No model was called, so none is listed.",
            lead="A model whose calls cost nothing shows 0 tokens for a dollar.",
            over=Over(sums, ("provider", "model")),
        ),
    )


def _model_chart(name: str, caption: str, y: Axis, key: str, rows: Rows) -> Part:
    drawn = sorted(rows, key=lambda r: (-r.get(key, 0), str(r.get("model"))))[:_DRAWN_MODELS]
    if len(rows) > len(drawn):
        caption = f"{caption}, the first {len(drawn)} of {len(rows)}"
    colours: List[Colour] = [("model", row.get("model")) for row in drawn]
    chart = bar_chart(
        name,
        caption,
        Axis("Model", "model"),
        y,
        texts(drawn, "model"),
        [Series(y.title, [row.get(key) for row in drawn])],
        horizontal=True,
        colours=colours,
        empty="No model was called, so none is drawn.",
    )
    every: List[Colour] = [("model", row.get("model")) for row in rows]
    return follow(
        chart, "efficiency", _EFFICIENCY, "model", (key,), _DRAWN_MODELS, every, highest=key
    )


def _patterns(data: Data) -> Dict[str, Data]:
    found: Data = data.get("wasteful_patterns") or {}
    return {name: found.get(name) or {} for name in _PATTERNS}


def _waste(data: Data) -> Part:
    patterns = _patterns(data)
    used = {name: one for name, one in patterns.items() if one.get("call_count")}
    return section(
        "Which tokens are wasted",
        bar_chart(
            "waste",
            "Cost of the calls of each pattern in the period, and the part that is wasted",
            Axis("Pattern", "text"),
            Axis("USD in the period", "money"),
            [_PATTERNS[name][0] for name in used],
            [
                Series("Cost of these calls", [one.get("cost") for one in used.values()], "muted"),
                Series("Wasted", [one.get("wasted_cost") for one in used.values()], "critical"),
            ],
            horizontal=True,
            empty="No call has one of the patterns, so there is no waste to draw.",
        ),
        _waste_table(patterns),
        _wasters_table(data),
    )


def _waste_table(patterns: Mapping[str, Data]) -> Part:
    rows = [
        {**row, "pattern": _PATTERNS[name][0]}
        for name, pattern in patterns.items()
        for row in pattern.get("customers") or []
    ]
    return table(
        "waste",
        "Waste by customer and pattern, the most first",
        [
            Column("customer_id", "Customer"),
            Column("pattern", "Pattern"),
            Column("call_count", "Calls", "count"),
            Column("cost", "Cost of these calls", "money"),
            Column("wasted_cost", "Wasted", "money"),
        ],
        Lean(
            sorted(
                rows,
                key=lambda r: (-r.get("wasted_cost", 0), str(r.get("customer_id")), r["pattern"]),
            )
        ),
        order=("wasted_cost", "descending"),
        lead=" ".join(about for _, about in _PATTERNS.values()),
        empty="Calls with one of the patterns were looked for among the successful ones, and "
        "there are none.",
    )


def _wasters_table(data: Data) -> Part:
    return table(
        "wasters",
        "Customers with wasteful prompts, the most wasted first",
        [
            Column("customer_id", "Customer"),
            Column("call_count", "Such prompts", "count"),
            Column("share_percent", "Share of its calls", "percent", bar=True),
            Column("cost", "Cost of these calls", "money"),
            Column("wasted_cost", "Wasted", "money"),
        ],
        Lean(data.get("prompt_wasters") or []),
        order=("wasted_cost", "descending"),
        lead="Anybody sends a long prompt that is hardly answered now and then; these do it as a "
        "habit.",
        empty="Customers to whom long prompts that are hardly answered are a habit were looked "
        "for, and there are none.",
    )


def _opportunities(data: Data) -> Part:
    rows: Rows = data.get("opportunities") or []
    return section(
        "Which models could be replaced",
        columns(
            _savings_chart("customer", "Customer", "customer_id", "text", rows),
            _savings_chart("model", "Current model", "current_model", "model", rows),
        ),
        table(
            "opportunities",
            "Cheaper models by customer, the largest saving first",
            [
                Column("customer_id", "Customer"),
                Column("current_model", "Current model", "model", dot=True),
                Column("alternative_model", "Alternative", "model", dot=True),
                Column("call_count", "Calls", "count"),
                Column("current_cost", "Current cost", "money"),
                Column("alternative_cost", "Alternative's cost", "money"),
                Column("savings", "Savings", "money"),
                Column("savings_percent", "Savings in percent", "percent", bar=True),
            ],
            Lean(rows),
            order=("savings", "descending"),
            empty="Cheaper models of the same class, or one lower where the task allows it, were "
            "looked for; none saves enough for any customer.",
            lead="Costs and savings are those of the period; the same tokens, priced anew.",
        ),
    )


def _savings_chart(name: str, heading: str, key: str, kind: str, rows: Rows) -> Part:
    sums: Dict[str, float] = {}
    for row in rows:
        subject = str(row.get(key))
        sums[subject] = sums.get(subject, 0.0) + row.get("savings", 0)
    most = sorted(sums, key=lambda subject: (-sums[subject], subject))[:_DRAWN_CUSTOMERS]
    first = f", the {len(most)} largest of {len(sums)}" if len(sums) > len(most) else ""
    return bar_chart(
        f"savings-by-{name}",
        f"Savings by {heading.lower()}{first}",
        Axis(heading, kind),
        Axis("Savings in the period (USD)", "money"),
        most,
        [Series("Savings", [sums[subject] for subject in most], "success")],
        horizontal=True,
        colours=[("model", subject) for subject in most] if kind == "model" else None,
        empty="No switch of models saves enough to be drawn.",
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    patterns = _patterns(data)
    wasteful = sum(one.get("call_count") or 0 for one in patterns.values())
    switches = formatting.count(len(data.get("opportunities") or []))
    calls = formatting.count(summary.get("total_calls"))
    models = formatting.count(len(data.get("efficiency") or []))
    return {
        "metadata": (
            f"{formatting.tokens(_tokens(summary))} appear as one line per model on an invoice.",
            f"{calls} calls carry tokens, model, customer and task, so waste has a name.",
        ),
        "realtime": (
            "A prompt that grows too long shows in next month's bill.",
            "A wasteful prompt shows with the calls of the same day.",
        ),
        "standard": (
            "Providers count tokens and quote prices in different units.",
            f"{models} models are compared in the same unit: USD per 1M tokens, as used.",
        ),
        "automated": (
            "Engineers read samples of prompts and guess.",
            f"All {calls} calls were judged by two rules; {formatting.count(wasteful)} fit one.",
        ),
        "actionable": (
            "“Use fewer tokens” is addressed to everybody.",
            f"{switches} switches and two lists of customers, worth"
            f" {formatting.money(summary.get('monthly_savings'))} a month.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    patterns = _patterns(data)
    sentences = [
        f"{title} were looked for: there are none."
        for name, (title, _) in _PATTERNS.items()
        if not patterns[name].get("call_count")
    ]
    if not data.get("opportunities"):
        sentences.append("Cheaper models for single customers were looked for: none saves enough.")
    if not (data.get("summary") or {}).get("unpriced_calls"):
        sentences.append("Calls without a known cost were looked for: there are none.")
    return sentences
