"""The page of the scenario 'unprofitable customers', and its demonstration."""

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
from scenario_unprofitable_customers import ROUTE, SHOWN, Inputs, Outcome, compute

STEPS = (
    "Put customer_id and subscription_tier on every call.",
    "Join cost by customer with the subscription's price each month.",
    "Route simple calls of customers below cost to an economy model.",
    "Offer the fitting tier or an add-on where routing does not suffice.",
    "Alert when a customer's cost comes near its price.",
)


def build_page(inputs: Inputs, got: Outcome) -> ScenarioPage:
    """Return the page of an outcome."""
    share = 100 * len(got.cases) / inputs.customers
    return ScenarioPage(
        id="scenario_unprofitable_customers",
        title="Unprofitable customers",
        purpose="Find the customers that cost more than they pay, and stop the loss.",
        workload=f"Example workload of {inputs.customers:,} customers, seed {inputs.seed}",
        period=("2025-01-01", "2025-01-30"),
        problem="A flat price and a usage-driven cost: the total earns money, some customers "
        "lose it, and without the customer on the call nobody can say which.",
        problem_metrics=[
            Metric("Lost on customers below cost", got.loss, "money", "a month"),
            Metric("Unprofitable customers", len(got.cases), "count", f"{share:.1f} % of all"),
            Metric("Margin of the whole", got.margin, "money", "a month, which hides it"),
        ],
        solution=[
            "Every call carries its customer, so cost by customer is one sum and margin one "
            "subtraction.",
            "For each customer below cost the mildest action that ends the loss is chosen: "
            "route simple calls to an economy model, then a fitting tier, then a usage add-on.",
            f"A new price is assumed to be accepted by {inputs.acceptance:.0%} of the customers.",
        ],
        result_metrics=[
            Metric("Loss stopped", got.stopped, "money", "a month"),
            Metric("Loss that remains", got.loss_after, "money", "a month"),
            Metric("Margin afterwards", got.margin_after, "money", "a month"),
        ],
        charts=[_margin_chart(got)],
        tables=[_action_table(got)],
        contrast=[
            ("Who loses money", "one bill, a guess", f"{len(got.cases)} customers, by name"),
            ("Loss a month", shown("money", got.loss), shown("money", got.loss_after)),
            ("Action", "a price rise for everybody", "the mildest one for each"),
        ],
        steps=STEPS,
    )


def _margin_chart(got: Outcome) -> Chart:
    drawn = got.cases[:SHOWN]
    return Chart(
        "margins",
        "Margin of the most unprofitable customers, before and after",
        "bar",
        "Customer",
        "Margin (USD a month)",
        "money",
        [case.customer.id for case in drawn],
        [
            ("before", [case.margin for case in drawn]),
            ("after", [case.action.margin for case in drawn]),
        ],
    )


def _action_table(got: Outcome) -> Table:
    return Table(
        "actions",
        "Who loses money, and what ends it",
        [
            ("Customer", "text"),
            ("Tier", "text"),
            ("Before", "money"),
            ("Action", "text"),
            ("After", "money"),
        ],
        [
            (case.customer.id, case.customer.tier.name, case.margin, *case.action[:2])
            for case in got.cases
        ],
    )


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    title("Scenario: unprofitable customers")
    step(1, "Problem: the total looks fine")
    begin = time.perf_counter()
    got = compute(inputs)
    seconds = time.perf_counter() - begin
    note(f"{inputs.customers:,} customers, revenue ${got.revenue:,.2f}, margin ${got.margin:,.2f}")
    note(f"{len(got.cases)} customers cost more than they pay: ${got.loss:,.2f} lost a month")

    step(2, "Solution: margin per customer, the mildest action for each")
    for case in got.cases[:SHOWN]:
        note(
            f"{case.customer.id} {case.customer.tier.name:<10} "
            f"{shown('money', case.margin):>10} → {shown('money', case.action.margin):>8}  "
            f"{case.action.name}"
        )
    require(got.loss_after <= got.loss, "no action makes a loss larger")

    step(3, "Without and with Revenium")
    page = build_page(inputs, got)
    for line in contrast_lines(page):
        note(line)
    path = write_page(page, out or default_directory())
    note(f"Page: {path}")
    results(
        [(metric.label, metric.shown()) for metric in (*page.problem_metrics, *page.result_metrics)]
    )
    note(f"Computed in {seconds:.3f} s")
    benefits(
        [
            "Losses have names, and so do the actions",
            f"{_routed(got)} of {len(got.cases)} losses end without a new price for the customer",
            "The whole is understood from its parts",
        ]
    )
    return {
        "loss": got.loss,
        "stopped": got.stopped,
        "unprofitable": len(got.cases),
        "margin_after": got.margin_after,
    }


def _routed(got: Outcome) -> int:
    return sum(case.action.name == ROUTE for case in got.cases)
