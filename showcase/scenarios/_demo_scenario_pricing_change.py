"""The page of the scenario 'pricing change', and its demonstration."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Optional

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
from scenario_pricing_change import Inputs, Outcome, _segment_revenue, compute, segments

STEPS = (
    "Put customer_id and subscription_tier on every call.",
    "Replay the last months under each candidate model.",
    "List who pays more, and talk to them first.",
    "Introduce the model at renewal, with a cap for the first months.",
    "Compare bills and churn with the replay each month.",
)


def build_page(inputs: Inputs, got: Outcome) -> ScenarioPage:
    """Return the page of an outcome."""
    calls = sum(customer.calls for customer in got.customers)
    before, after = shown("money", got.today.margin), shown("money", got.best.margin)
    name = got.best.name
    return ScenarioPage(
        id="scenario_pricing_change",
        title="Pricing change",
        purpose="Should we move to usage-based pricing? A month replayed under four models.",
        workload=f"Example workload of {len(got.customers):,} customers, seed {inputs.seed}",
        period=("2025-01-01", "2025-01-30"),
        problem="Prices were signed once, usage has moved on. A new model is a bet as long as "
        "nobody can bill last month again under it.",
        problem_metrics=[
            Metric("Margin today", got.today.margin, "money", "a month, flat prices"),
            Metric("Revenue today", got.today.revenue, "money", "a month"),
            Metric("Calls", calls, "count", f"by {len(got.customers):,} customers"),
        ],
        solution=[
            "The month's calls, by customer, are billed again as flat rate, usage-based, tiered "
            "and hybrid.",
            f"The highest margin is that of the {name} model. {got.best.paying_more} customers "
            f"would pay more than today, {got.best.paying_less} less.",
            f"Up to {got.bearable_churn:.0f} % of those who pay more may leave before the gain "
            "is gone.",
        ],
        result_metrics=[
            Metric("Margin gained", got.gain, "money", f"a month, {name} model"),
            Metric("Margin up by", got.percent, "percent"),
            Metric("Bearable churn", got.bearable_churn, "percent", "of those who pay more"),
        ],
        charts=[_model_chart(got), _segment_chart(got, inputs)],
        tables=[_model_table(got)],
        contrast=[
            ("Margin a month", before, after),
            ("Evidence", "a spreadsheet with averages", f"{calls:,} calls billed four times"),
            ("Who pays more", "found out by complaint", f"{got.best.paying_more}, known by name"),
        ],
        steps=STEPS,
    )


def _model_chart(got: Outcome) -> Chart:
    return Chart(
        "margins",
        "Monthly margin under the four models",
        "bar",
        "Model",
        "Margin (USD a month)",
        "money",
        [bill.name for bill in got.billed.values()],
        [("margin", [bill.margin for bill in got.billed.values()])],
    )


def _segment_chart(got: Outcome, inputs: Inputs) -> Chart:
    today, best = _segment_revenue(got, inputs)
    return Chart(
        "segments",
        f"Monthly revenue by segment, before (flat rate) and after ({got.best.name})",
        "bar",
        "Segment",
        "Revenue (USD a month)",
        "money",
        [segment.name for segment in segments(inputs)],
        [("before", today), ("after", best)],
    )


def _model_table(got: Outcome) -> Table:
    return Table(
        "models",
        "The month under each model",
        [
            ("Model", "text"),
            ("Revenue", "money"),
            ("Margin", "money"),
            ("Pay more", "count"),
            ("Pay less", "count"),
        ],
        [
            (bill.name, bill.revenue, bill.margin, bill.paying_more, bill.paying_less)
            for bill in got.billed.values()
        ],
    )


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    title("Scenario: pricing change")
    begin = time.perf_counter()
    got = compute(inputs)
    seconds = time.perf_counter() - begin
    step(1, "Problem: flat prices, unequal usage")
    note(f"{len(got.customers)} customers, margin today ${got.today.margin:,.2f} a month")

    step(2, "Solution: bill the same month under four models")
    for bill in got.billed.values():
        note(
            f"{bill.model:<12} revenue ${bill.revenue:>10,.2f}  margin ${bill.margin:>10,.2f}  "
            f"{bill.paying_more:>4} pay more {bill.paying_less:>4} less"
        )
    require(
        got.best.margin == max(bill.margin for bill in got.billed.values()),
        f"the highest margin is that of {got.best.model}",
    )

    step(3, "Without and with Revenium")
    page = build_page(inputs, got)
    for line in contrast_lines(page):
        note(line)
    note(f"Page: {write_page(page, out or default_directory())}")
    results([(bill.label, bill.shown()) for bill in (*page.problem_metrics, *page.result_metrics)])
    note(f"Computed in {seconds:.2f} s")
    benefits(
        [
            "A pricing decision on last month's facts",
            "Who pays more is known before they are told",
            "The risk is a number: how many may leave",
        ]
    )
    return {
        "gain": got.gain,
        "percent": got.percent,
        "margin": got.today.margin,
        "bearable_churn": got.bearable_churn,
        "tiered_is_best": float(got.best.model == "tiered"),
    }
