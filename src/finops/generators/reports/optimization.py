"""The page of rate optimization: which steps save money, in the order of their ease."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple, TypeVar, Union

from finops import config
from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, section, text
from finops.generators.contrast import Contrast, cost_named
from finops.generators.page import Report, write_report
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, table, texts
from finops.results import optimization as results
from finops.results.base import from_dict
from finops.results.shares import costs_are_lower_bounds

REPORT = Report(
    "optimization",
    "Rate Optimization",
    "Steps that save money, easiest first, and how much each saves.",
)

_DRAWN_MODELS = 12
ModelSwap = Union[results.ModelSwitch, results.ModelRoute]


class _Left(NamedTuple):
    """Cost per month after a step."""

    step: str
    cost: float


def generate_optimization_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an optimization result.  Raises OSError if it cannot be written."""
    result = from_dict(results.OptimizationResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _together(result),
            _lifecycle(result),
            _switches(result),
            _commitment(result, data),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
    )


def _cards(result: results.OptimizationResult) -> List[Card]:
    summary = result.summary
    return [
        Card(
            "The easiest step",
            summary.first_step_monthly_savings,
            "money",
            f"per month: {_step_name(summary.first_step)}" if summary.first_step else "per month",
        ),
        Card("Savings per month", summary.total_monthly_savings, "money", "all steps together"),
        Card("Savings", summary.savings_percent, "percent", "of the present cost"),
        Card(
            "Cost per month",
            summary.monthly_cost,
            "money",
            "average of the whole period",
            at_least=costs_are_lower_bounds(result),
        ),
        Card("Calls", summary.total_calls, "count", "of the whole period"),
    ]


_STEPS = {
    "successor": "successors of retired models",
    "same_vendor_model": "cheaper models of the same class and vendor",
    "same_class_model": "cheaper models of the same class",
    "lower_class_model": "models one class lower",
    "caching": "caching",
    "batch": "batch prices",
    "commitment": "a commitment",
}


def _step_name(step: str) -> str:
    return _STEPS.get(step, step.replace("_", " "))


def _checked(result: results.OptimizationResult, what: str) -> str:
    """Return that nothing is saved by something, or that it is too early to say so."""
    if not _costs(result):
        return f"Not checked: {what}; {_NO_COST}."
    if result.summary.total_monthly_savings is None:
        return f"Not checked: savings per month need {config.SHORT_PERIOD_DAYS} covered days."
    return f"Checked, none found: {what}."


_NO_COST = "no call is known to cost anything"


def _costs(result: results.OptimizationResult) -> bool:
    """Return whether anything is known to cost something: else nothing can be saved or not."""
    return (result.summary.total_cost or 0.0) > 0


def _together(result: results.OptimizationResult) -> Part:
    steps = result.steps
    empty = _checked(result, "steps that save something per month")
    unknown = "Not drawn: the cost per month is a lower bound, so what is left is not known."
    return section(
        "What can be saved, step by step",
        bar_chart(
            "steps",
            "Cost per month today and after each step",
            Axis("Step", "text"),
            Axis("Cost (USD per month)", "money"),
            [row.step for row in _left(result)],
            [Series("Cost", [row.cost for row in _left(result)])],
            horizontal=True,
            colours=["muted", *["accent"] * len(steps)],
            empty=unknown if steps else empty,
        ),
        table(
            "steps",
            "Savings step by step, easiest first",
            [
                Column(lambda row: _step_name(row.step).capitalize(), "Step"),
                Column(lambda row: row.monthly_savings, "Savings per month", "money"),
                Column(lambda row: row.cumulative, "Cumulative", "money"),
                Column(lambda row: row.confidence, "Confidence"),
                Column(lambda row: row.effort, "Effort"),
            ],
            steps,
            empty=empty,
        ),
        table(
            "moves",
            "Changes of models, step by step",
            [
                Column(lambda row: row.current_model, "From", "model"),
                Column(lambda row: row.alternative_model, "To", "model"),
                Column(lambda row: _step_name(row.step).capitalize(), "Step"),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.monthly_cost, "Cost per month before", "money"),
                Column(lambda row: row.monthly_savings, "Savings per month", "money"),
                Column(lambda row: row.savings_percent, "Saved", "percent"),
            ],
            ShortenedRows(result.moves),
            empty=_checked(result, "cheaper models for the calls of the last 30 days"),
        ),
        table(
            "caching",
            "Features that use the cache less than other calls to the same model",
            [
                Column(lambda row: row.feature_id, "Feature", "feature", dot=True),
                Column(lambda row: row.model, "Model", "model"),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.hit_percent, "From a cache", "percent"),
                Column(lambda row: row.reached_percent, "In all calls", "percent"),
                Column(lambda row: row.monthly_savings, "Savings per month", "money"),
            ],
            ShortenedRows(result.caching),
            empty=_checked(result, "features with less caching than others of the same model"),
        ),
        table(
            "batch",
            "Calls that could run as a batch",
            [
                Column(lambda row: row.feature_id, "Feature", "feature", dot=True),
                Column(lambda row: row.task_type, "Task type"),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.monthly_cost, "Cost per month before", "money"),
                Column(lambda row: row.monthly_savings, "Savings per month", "money"),
            ],
            ShortenedRows(result.batch),
            empty=_checked(result, "tasks whose answers may wait for a day"),
        ),
        lead="Each dollar counts once: each step applies to what the earlier steps leave, at the "
        "rate of the last 30 whole days. The easiest steps come first.",
    )


def _left(result: results.OptimizationResult) -> List[_Left]:
    """Return the cost per month as it is and after each step; nothing without steps."""
    summary, steps = result.summary, result.steps
    share = summary.savings_percent
    if not steps or not share or summary.total_monthly_savings is None:
        return []
    now = summary.total_monthly_savings / share * 100
    rows = [_Left("Today", now)]
    rows += [_Left(_step_name(row.step).capitalize(), now - row.cumulative) for row in steps]
    return rows


# --- lifecycle -------------------------------------------------------------------------------


def _lifecycle(result: results.OptimizationResult) -> Part:
    return section(
        "Retired and legacy models",
        table(
            "lifecycle",
            "Models in use, by cost",
            [
                Column(lambda row: row.provider, "Provider", "provider", dot=True),
                Column(lambda row: row.model, "Model", "model"),
                Column(lambda row: row.state, "State"),
                Column(lambda row: row.retired_on, "Retirement date", "date"),
                Column(lambda row: row.successor or "none named", "Successor"),
                Column(lambda row: row.monthly_cost, "Cost per month", "money"),
                Column(lambda row: row.monthly_cost_on_successor, "On the successor", "money"),
                Column(lambda row: row.savings, "Savings per month", "money"),
            ],
            result.lifecycle,
            lead="A legacy model is one that its provider retires within a year of the end of the "
            "data. The move to the successor is needed anyway, so it comes first.",
            empty="Checked, none found: models in use that their providers have retired, or "
            "retire within a year.",
        ),
    )


# --- switches --------------------------------------------------------------------------------


def _by_current_model(routes: Sequence[results.ModelRoute]) -> List[Tuple[str, float]]:
    """Return (current model, savings per month of all its switches), the largest first."""
    saved: Dict[str, float] = {}
    for row in routes:
        name = str(row.current_model)
        if row.monthly_savings is not None:
            saved[name] = saved.get(name, 0.0) + row.monthly_savings
    return sorted(saved.items(), key=lambda item: (-item[1], item[0]))[:_DRAWN_MODELS]


_Swap = TypeVar("_Swap", results.ModelRoute, results.ModelSwitch)
_SPANS = (
    "Costs and savings cover the period, savings per month the last 30 whole days; switches that "
    "would save nothing in these are left out."
)


def _still_saving(rows: Sequence[_Swap]) -> List[_Swap]:
    """Return the switches that save something now, as far as that is known.

    A model that is no longer used saves nothing, whatever it cost.
    """
    return [row for row in rows if row.monthly_savings != 0]


def _switches(result: results.OptimizationResult) -> Part:
    routes = _still_saving(result.switches_by_model)
    drawn = _by_current_model(routes)
    empty = "No cheaper model for any task." if _costs(result) else f"Not checked: {_NO_COST}."
    return section(
        "Which models to switch",
        bar_chart(
            "savings-by-model",
            "Savings per month from switching away from a model, largest first",
            Axis("Model", "model"),
            Axis("Savings (USD per month)", "money"),
            [name for name, _ in drawn],
            [Series("Savings", [saved for _, saved in drawn])],
            horizontal=True,
            colours=[("model", name) for name, _ in drawn],
            empty=_checked(result, "savings from switching") if routes else empty,
        ),
        table(
            "routes",
            "Switches by model",
            [*_model_columns(), *_money_columns()],
            ShortenedRows(routes),
            empty=empty,
            lead=_SPANS,
        ),
        table(
            "switches",
            "Switches by feature and task",
            [
                Column(lambda row: row.feature_id, "Feature", "feature", dot=True),
                Column(lambda row: row.task_type, "Task type"),
                *(column for column in _model_columns() if column.kind == "model"),
                *_money_columns(),
            ],
            ShortenedRows(_still_saving(result.model_switches)),
            empty=empty,
        ),
        lead="The same tokens, priced on the cheapest model of the same class, or of one class "
        "lower where the task tolerates it. Prices are compared, not answers: try a switch on a "
        "few calls before making it.",
    )


def _model_columns() -> List[Column[ModelSwap]]:
    return [
        Column(lambda row: row.current_provider, "From", "provider", dot=True),
        Column(lambda row: row.current_model, "Model", "model"),
        Column(lambda row: row.alternative_provider, "To", "provider", dot=True),
        Column(lambda row: row.alternative_model, "Alternative", "model"),
    ]


def _money_columns() -> List[Column[ModelSwap]]:
    return [
        Column(lambda row: row.call_count, "Calls", "count"),
        Column(lambda row: row.current_cost, "Cost", "money"),
        Column(lambda row: row.alternative_cost, "Alternative's cost", "money"),
        Column(lambda row: row.estimated_savings, "Savings", "money", order="descending"),
        Column(lambda row: row.savings_percent, "Saved", "percent"),
        Column(lambda row: row.monthly_savings, "Savings per month", "money"),
    ]


# --- commitment ------------------------------------------------------------------------------


def _commitment(result: results.OptimizationResult, data: Mapping[str, Any]) -> Part:
    reserved = result.reserved_capacity
    daily = result.daily
    baseline = reserved.baseline_daily_calls
    break_even = {row.break_even_utilization_percent for row in result.commitments}
    return section(
        "What a commitment saves",
        where_days_are_known(
            data,
            line_chart(
                "daily-calls",
                "Calls on each day, and the quiet day that a commitment can cover"
                f"{cut_short(data)}",
                Axis("Day (UTC)", "date"),
                Axis("Calls", "count"),
                texts(row.date for row in daily),
                [
                    *day_lines(
                        [Series("Calls", [row.call_count for row in daily], "accent")],
                        texts(row.date for row in daily),
                        partial_dates(data),
                    ),
                    Series("Commitment", [baseline] * len(daily), "success", "dashed"),
                ],
                bins="mean",
                empty="There is no day with a call, so there is nothing to commit to.",
            ),
        ),
        table(
            "commitments",
            "Commitments by model, largest savings first",
            [
                Column(lambda row: row.provider, "Provider", "provider", dot=True),
                Column(lambda row: row.model, "Model", "model"),
                Column(lambda row: row.monthly_cost, "Cost per month", "money"),
                Column(lambda row: row.baseline_tokens_per_hour, "Tokens per hour", "count"),
                Column(lambda row: row.utilization_percent, "Used", "percent", bar=True),
                *_break_even_column(break_even),
                Column(lambda row: row.unused_cost, "Unused per month", "money"),
                Column(lambda row: row.monthly_savings, "Savings per month", "money"),
                Column(lambda row: row.advised, "Advised", "flag"),
            ],
            ShortenedRows(result.commitments),
            lead="A commitment to the tokens of a quiet hour, paid for every hour, at "
            f"{result.reserved_capacity.discount_percent or 0:g}% off. {_break_even(break_even)}",
            empty=f"No commitment: it needs {config.SHORT_PERIOD_DAYS} covered days on which the "
            "cost of every call is known.",
        ),
        text(_quiet_day(reserved)),
        lead="Commitments suit usage that is certain. They are sold by model, as tokens per unit "
        "of time, which are paid for whether they are used or not.",
    )


def _break_even(uses: Set[float]) -> str:
    """Return below which use a commitment does not pay: the figure where all have the same."""
    limit = formatting.percent(next(iter(uses))) if len(uses) == 1 else "its break-even"
    return f"Below {limit} use, a commitment costs more than it saves."


def _break_even_column(uses: Set[float]) -> List[Column[results.ModelCommitment]]:
    """Return the column of break-even uses where they differ."""
    if len(uses) < 2:
        return []
    return [Column(lambda row: row.break_even_utilization_percent, "Break-even use", "percent")]


def _quiet_day(reserved: results.ReservedCapacity) -> str:
    """Return what a commitment would cover in one sentence, "" where there is none."""
    calls = reserved.baseline_daily_calls
    if calls is None or reserved.monthly_savings is None:
        return ""
    return (
        f"A quiet day (25th percentile) has {formatting.counted(calls, 'call')}; so many on each "
        f"day are {formatting.percent(reserved.committed_share_percent)} of all calls."
    )


# --- the end ---------------------------------------------------------------------------------


def _contrast(result: results.OptimizationResult) -> Contrast:
    summary = result.summary
    cost = cost_named(result, summary.monthly_cost)
    switches = formatting.count(len(_still_saving(result.model_switches)))
    return Contrast(
        ("feature_id", "task_type"),
        f"{cost} would not show which task needs which model.",
        f"Prices were compared by feature and task type; cheaper options found: {switches}.",
    )


def _not_found(result: results.OptimizationResult) -> List[str]:
    summary = result.summary
    sentences = []
    if not _still_saving(result.model_switches):
        cheaper = "cheaper models for the same work"
        sentences.append(
            f"Checked, none found: {cheaper}."
            if _costs(result)
            else f"Not checked: {cheaper}; {_NO_COST}."
        )
    known = summary.total_monthly_savings is not None and _costs(result)
    if known and not result.combined.commitment_savings:
        sentences.append("Checked, none found: savings from a commitment.")
    if not summary.unpriced_calls:
        sentences.append("Checked, none found: calls without a known cost.")
    return sentences
