"""The page of the scenario 'model comparison', and its demonstration."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from _console import benefits, note, require, results, step, title
from _page import (
    Chart,
    Metric,
    ScenarioPage,
    Table,
    contrast_lines,
    default_directory,
    shown,
    write_page,
)
from scenario_model_comparison import DAYS, Inputs, Outcome, compute

STEPS = (
    "Put task_type, model and an experiment's variant on every call.",
    "Record acceptance: a thumb, a retry, an edit.",
    "Split simple tasks evenly for some days and compare with a bound, not by eye.",
    "Route simple tasks to the cheaper model, with a fallback for answers not accepted.",
    "Watch acceptance and cost by variant; switch back when the bound is crossed.",
)


def build_page(inputs: Inputs, got: Outcome) -> ScenarioPage:
    """Return the page of an outcome."""
    share = 100 * got.simple_calls / got.calls
    verdict = "not noticeably worse" if got.test.passed else "noticeably worse: no switch"
    before, after = shown("money", got.simple_before), shown("money", got.simple_after)
    return ScenarioPage(
        id="scenario_model_comparison",
        title="Model comparison",
        purpose="GPT-4 answers everything: what a cheaper model does for the simple tasks.",
        workload=f"Example workload of {got.calls:,} calls, seed {inputs.seed}",
        period=("2025-01-01", "2025-01-30"),
        problem="One model answers every task, at the price of the hardest one. Without the "
        "task type on a call, it is not known how much of the bill is for simple questions.",
        problem_metrics=[
            Metric("Spent on simple tasks", got.simple_before, "money", "a month, on GPT-4"),
            Metric("Simple tasks", share, "percent", f"of {got.calls:,} calls"),
            Metric("Spent in all", got.total, "money", "a month"),
        ],
        solution=[
            f"For {inputs.test_days} days simple tasks are split at random between GPT-4 and "
            "Claude Instant; acceptance and cost are counted by model.",
            f"Accepted: {got.test.expensive.rate:.2%} of GPT-4's answers, "
            f"{got.test.cheap.rate:.2%} of Claude Instant's, at worst {got.test.bound:+.2%} "
            f"(95 % bound): {verdict}.",
            "Simple tasks move; an answer that is not accepted is made again by GPT-4, and that "
            "is part of the cost.",
        ],
        result_metrics=[
            Metric("Saved", got.saved, "money", "a month"),
            Metric("Lower cost on simple tasks", got.percent, "percent"),
            Metric("Answers made again", got.repeated, "count", f"of {got.simple_calls:,}"),
        ],
        charts=_charts(got),
        tables=[_test_table(got)],
        contrast=[
            ("Cost of simple tasks a month", before, after),
            ("Choice of the model", "by habit", "by a test on this very traffic"),
            ("Risk for quality", "unknown either way", f"bounded: {got.test.bound:+.2%} at worst"),
        ],
        steps=STEPS,
    )


def _charts(got: Outcome) -> List[Chart]:
    days = [f"2025-01-{day + 1:02d}" for day in range(DAYS)]
    tasks = list(got.by_task)
    return [
        Chart(
            "tasks",
            "Monthly cost of simple tasks, before and after",
            "bar",
            "Task",
            "Cost (USD a month)",
            "money",
            tasks,
            _before_after(list(got.by_task.values())),
        ),
        Chart(
            "days",
            "Cost of simple tasks by day",
            "line",
            "Day",
            "Cost (USD)",
            "money",
            days,
            _before_after(got.daily),
        ),
    ]


def _before_after(pairs: List[List[float]]) -> List[Tuple[str, List[float]]]:
    return [(name, [pair[at] for pair in pairs]) for at, name in enumerate(("before", "after"))]


def _test_table(got: Outcome) -> Table:
    return Table(
        "test",
        "The A/B test",
        [
            ("Model", "text"),
            ("Calls", "count"),
            ("Accepted (%)", "percent"),
            ("Cost", "money"),
            ("Cost per 1,000 calls", "money"),
        ],
        [
            (name, arm.calls, 100 * arm.rate, arm.cost, 1000 * arm.cost / max(1, arm.calls))
            for name, arm in (("GPT-4", got.test.expensive), ("Claude Instant", got.test.cheap))
        ],
    )


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    title("Scenario: model comparison")
    begin = time.perf_counter()
    got = compute(inputs)
    seconds = time.perf_counter() - begin
    step(1, "Problem: GPT-4 for every task")
    note(f"{got.calls:,} calls a month cost ${got.total:,.2f}")
    note(f"{got.simple_calls:,} of them are simple and cost ${got.simple_before:,.2f}")

    step(2, f"Solution: A/B test for {inputs.test_days} days")
    for name, arm in (("GPT-4", got.test.expensive), ("Claude Instant", got.test.cheap)):
        note(f"{name:<15} {arm.calls:>6,} calls, {arm.rate:.2%} accepted, ${arm.cost:,.2f}")
    note(f"Difference at worst {got.test.bound:+.2%}, tolerated {-inputs.tolerance:+.2%}")
    note("Switch" if got.test.passed else "No switch: the cheaper model is noticeably worse")

    step(3, "Without and with Revenium")
    page = build_page(inputs, got)
    for line in contrast_lines(page):
        note(line)
    require(
        math.isclose(sum(cells[0] for cells in got.by_task.values()), got.simple_before),
        "tasks and days add up to the same cost",
    )
    note(f"Page: {write_page(page, out or default_directory())}")
    results(
        [(metric.label, metric.shown()) for metric in (*page.problem_metrics, *page.result_metrics)]
    )
    note(f"Computed in {seconds:.2f} s")
    benefits(
        [
            "The right model for each task, by evidence",
            "Fallbacks are part of the price, not a surprise",
            "A bound says how bad it can be before users do",
        ]
    )
    return {"saved": got.saved, "percent": got.percent, "passed": float(got.test.passed)}
