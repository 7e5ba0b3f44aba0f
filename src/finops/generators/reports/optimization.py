"""The page of rate optimization: which switches and commitments save money, and how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, section
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "optimization",
    "Rate Optimization",
    "Which model switches and commitments save money, and how much.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN_MODELS = 12


def generate_optimization_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an optimization result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[_together(data), _switches(data), _commitment(data)],
        value=_value(data),
        not_found=_not_found(data),
    )


def _cards(data: Data) -> List[Card]:
    summary: Data = data.get("summary") or {}
    combined: Data = data.get("combined") or {}
    return [
        Card("Savings a month", summary.get("total_monthly_savings"), "money", "both together"),
        Card("Savings", summary.get("savings_percent"), "percent", "of the cost"),
        Card("Cost a month", summary.get("monthly_cost"), "money", "as it is"),
        Card("From switches", combined.get("switch_monthly_savings"), "money", "a month"),
        Card(
            "From a commitment",
            combined.get("commitment_monthly_savings"),
            "money",
            "a month, on what remains",
        ),
        Card("Calls", summary.get("total_calls"), "count", "of the whole period"),
    ]


def _together(data: Data) -> Part:
    combined: Data = data.get("combined") or {}
    total = (data.get("summary") or {}).get("total_cost")
    rows = [
        {"step": "As it is", "cost": total, "saved": 0},
        {
            "step": "After the switches",
            "cost": combined.get("cost_after_switches"),
            "saved": combined.get("switch_savings"),
        },
        {
            "step": "After the commitment",
            "cost": combined.get("optimized_cost"),
            "saved": combined.get("commitment_savings"),
        },
    ]
    return section(
        "What both save together",
        bar_chart(
            "steps",
            "Cost of the period as it is, and after each step",
            Axis("Step", "text"),
            Axis("Cost (USD)", "money"),
            texts(rows, "step"),
            [Series("Cost", [row["cost"] for row in rows])],
            horizontal=True,
            colours=["muted", "accent", "success"],
        ),
        table(
            "steps",
            "Cost and savings of the period, step by step",
            [
                Column("step", "Step"),
                Column("cost", "Cost", "money"),
                Column("saved", "Saved by it", "money"),
            ],
            rows,
        ),
        lead="No dollar is counted twice: the switches come first, and the commitment takes its "
        "discount off what remains.",
    )


# --- switches --------------------------------------------------------------------------------


def _by_current_model(routes: Rows) -> List[Tuple[str, float]]:
    """Return (current model, savings a month of all its switches), the largest first."""
    saved: Dict[str, float] = {}
    for row in routes:
        name = str(row.get("current_model"))
        saved[name] = saved.get(name, 0.0) + (row.get("monthly_savings") or 0.0)
    return sorted(saved.items(), key=lambda item: (-item[1], item[0]))[:_DRAWN_MODELS]


def _switches(data: Data) -> Part:
    routes: Rows = data.get("switches_by_model") or []
    drawn = _by_current_model(routes)
    empty = "A cheaper model for the same work was looked for in every task, and there is none."
    return section(
        "Which models to switch",
        bar_chart(
            "savings-by-model",
            "What switching away from a model saves a month, the largest first",
            Axis("Model", "model"),
            Axis("Savings (USD a month)", "money"),
            [name for name, _ in drawn],
            [Series("Savings", [saved for _, saved in drawn])],
            horizontal=True,
            colours=[("model", name) for name, _ in drawn],
            empty=empty,
        ),
        table(
            "routes",
            "Switches by model",
            [*_model_columns(), *_money_columns()],
            Lean(routes),
            order=("estimated_savings", "descending"),
            empty=empty,
        ),
        table(
            "switches",
            "Switches by feature and task",
            [
                Column("feature_id", "Feature", "feature", dot=True),
                Column("task_type", "Task type"),
                *(column for column in _model_columns() if column.kind == "model"),
                *_money_columns(),
            ],
            Lean(data.get("model_switches") or []),
            order=("estimated_savings", "descending"),
            empty=empty,
        ),
        lead="The same tokens, priced on the cheapest model of the same class, or of one class "
        "lower where the task tolerates it. Prices are compared, not answers: try a switch on a "
        "few calls before making it.",
    )


def _model_columns() -> List[Column]:
    return [
        Column("current_provider", "From", "provider", dot=True),
        Column("current_model", "Model", "model"),
        Column("alternative_provider", "To", "provider", dot=True),
        Column("alternative_model", "Alternative", "model"),
    ]


def _money_columns() -> List[Column]:
    return [
        Column("call_count", "Calls", "count"),
        Column("current_cost", "Cost", "money"),
        Column("alternative_cost", "Alternative's cost", "money"),
        Column("estimated_savings", "Savings", "money"),
        Column("savings_percent", "Saved", "percent"),
        Column("monthly_savings", "Savings a month", "money"),
    ]


# --- commitment ------------------------------------------------------------------------------


def _commitment(data: Data) -> Part:
    reserved: Data = data.get("reserved_capacity") or {}
    daily: Rows = data.get("daily") or []
    baseline = reserved.get("baseline_daily_calls")
    return section(
        "What a commitment saves",
        line_chart(
            "daily-calls",
            f"Calls on each day, and the quiet day that can be committed to{cut_short(data)}",
            Axis("Day (UTC)", "date"),
            Axis("Calls", "count"),
            texts(daily, "date"),
            [
                Series("Calls", [row.get("call_count") for row in daily], "accent"),
                Series("Commitment", [baseline] * len(daily), "success", "dashed"),
            ],
            bins="mean",
            empty="There is no day with a call, so there is nothing to commit to.",
        ),
        table(
            "commitment",
            "The commitment on today's models",
            [Column("what", "What"), Column("amount", "Amount", "number")],
            _commitment_rows(reserved),
            empty="No commitment is listed in this result.",
        ),
        lead="A commitment only pays for calls that are certain to come: those of a quiet day.",
    )


def _commitment_rows(reserved: Data) -> List[Dict[str, str]]:
    words: Dict[str, Tuple[str, str]] = {
        "baseline_daily_calls": ("Calls on a quiet day (25th percentile)", "count"),
        "committed_share_percent": ("Share of the calls that it covers", "percent"),
        "discount_percent": ("Discount", "percent"),
        "recommended_commitment": ("Calls a month to commit to", "count"),
        "commitment_usd_per_month": ("What they cost a month, discounted (USD)", "money"),
        "current_cost": ("Cost of the period (USD)", "money"),
        "optimized_cost": ("Cost with the commitment alone (USD)", "money"),
        "monthly_savings": ("Savings of the commitment alone (USD a month)", "money"),
    }
    return [
        {"what": word, "amount": formatting.readable(kind, reserved[key])}
        for key, (word, kind) in words.items()
        if key in reserved
    ]


# --- the end ---------------------------------------------------------------------------------


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    reserved: Data = data.get("reserved_capacity") or {}
    calls = formatting.count(summary.get("total_calls"))
    cost = formatting.money(summary.get("monthly_cost"))
    saved = formatting.money(summary.get("total_monthly_savings"))
    switches = formatting.count(len(data.get("model_switches") or []))
    quiet = formatting.count(reserved.get("baseline_daily_calls"))
    return {
        "metadata": (
            f"{cost} a month does not say which task needs which model.",
            f"{calls} calls name feature and task, so {switches} switches are known, not guessed.",
        ),
        "realtime": (
            "A new price list is compared once a year, at renewal.",
            "Every call is priced again on every model it may run on, each time the data grows.",
        ),
        "standard": (
            "Each provider's calculator knows its own models.",
            "One price table and one rule for what may replace what, across providers.",
        ),
        "automated": (
            "Somebody estimates savings from a sample and a ratio.",
            f"The very tokens of {calls} calls are priced again, by one command.",
        ),
        "actionable": (
            "“Use cheaper models” is nobody's task.",
            f"{saved} a month, row by row, and {quiet} calls a day that can be committed to.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    sentences = []
    if not data.get("model_switches"):
        sentences.append("Cheaper models for the same work were looked for: there are none.")
    if not (data.get("combined") or {}).get("commitment_savings"):
        sentences.append("Savings from a commitment were looked for: there are none.")
    if not summary.get("unpriced_calls"):
        sentences.append("Calls without a known cost were looked for: there are none.")
    return sentences
