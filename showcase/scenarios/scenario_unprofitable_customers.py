"""Unprofitable customers: find who costs more than they pay, and stop the loss.

A flat subscription and a usage-driven cost do not know of each other.  The total looks healthy
while a few customers cost a multiple of their price.  With the customer on every call, margin
per customer is a subtraction, and each loss gets the mildest action that ends it.

Use case: margin reviews, pricing committees, customer success.
Pattern: cost and revenue joined by customer, actions tried from mild to firm.
Performance: one pass over the calls of a month; the results block shows the seconds.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, TypeVar

from _console import benefits, note, require, results, run, step, title
from _inputs import from_flags, given
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


class Tier(NamedTuple):
    """A subscription tier: monthly price in USD, share of the customers."""

    name: str
    price: float
    share: float


class Archetype(NamedTuple):
    """A kind of customer: share of them, calls a month, share of calls on the frontier model."""

    name: str
    share: float
    calls: float
    frontier: float


TIERS = (Tier("starter", 49.0, 0.40), Tier("pro", 199.0, 0.45), Tier("enterprise", 999.0, 0.15))
ARCHETYPES = (
    Archetype("light", 0.70, 900.0, 0.20),
    Archetype("power", 0.20, 4000.0, 0.35),
    Archetype("heavy", 0.10, 16000.0, 0.50),
)
STEPS = (
    "Put customer_id and subscription_tier on every call.",
    "Join cost by customer with the subscription's price each month.",
    "Route simple calls of customers below cost to an economy model.",
    "Offer the fitting tier or an add-on where routing does not suffice.",
    "Alert when a customer's cost comes near its price.",
)
ROUTE = "route simple calls"
Kind = TypeVar("Kind", Tier, Archetype)
SHOWN = 8


@dataclass(frozen=True)
class Inputs:
    """What the workload is made of."""

    customers: int = given(200, "customers", least=1, most=100_000)
    seed: int = given(1, "seed of the workload")
    usage: float = given(1.0, "multiplies everybody's calls")
    frontier_cost: float = given(0.033, "USD of a call on the frontier model")
    economy_cost: float = given(0.00112, "USD of a call on the economy model")
    simple_share: float = given(0.6, "share of frontier calls that are simple", most=1.0)
    add_on_margin: float = given(20.0, "margin in % of a usage add-on", most=90.0)
    acceptance: float = given(0.8, "share of customers that accept a new price", most=1.0)


class Customer(NamedTuple):
    """One customer's month."""

    id: str
    tier: Tier
    frontier_calls: int
    economy_calls: int

    def cost(self, inputs: Inputs) -> float:
        """Cost of the month in USD."""
        frontier = self.frontier_calls * inputs.frontier_cost
        return frontier + self.economy_calls * inputs.economy_cost


class Action(NamedTuple):
    """What is done about a customer; margin and loss a month to expect then, in USD."""

    name: str
    margin: float
    loss: float


class Case(NamedTuple):
    """An unprofitable customer and the action chosen for it."""

    customer: Customer
    margin: float
    action: Action


def population(inputs: Inputs) -> List[Customer]:
    """Return the customers; the same seed gives the same ones."""
    chance = random.Random(inputs.seed)
    made = []
    for number in range(1, inputs.customers + 1):
        tier, archetype = _drawn(TIERS, chance), _drawn(ARCHETYPES, chance)
        calls = int(archetype.calls * inputs.usage * (0.5 + chance.random()))
        frontier = int(calls * archetype.frontier)
        made.append(Customer(f"cust_{number:04d}", tier, frontier, calls - frontier))
    return made


def _drawn(choices: Sequence[Kind], chance: random.Random) -> Kind:
    """Return one of the choices, by their shares."""
    point, at = chance.random() * sum(choice.share for choice in choices), 0.0
    for choice in choices:
        at += choice.share
        if point < at:
            return choice
    return choices[-1]


def choose_action(customer: Customer, inputs: Inputs) -> Action:
    """Return the mildest action that ends the loss.

    Routing simple calls to the economy model changes nothing for the customer; then the next
    tier whose price covers the cost; then an add-on for what usage exceeds the price.  A new
    price is accepted by some customers only, the others stay with routing alone.
    """
    moved = int(customer.frontier_calls * inputs.simple_share)
    saved = max(0.0, moved * (inputs.frontier_cost - inputs.economy_cost))
    cost = customer.cost(inputs) - saved
    routed = customer.tier.price - cost
    if routed >= 0:
        return Action(ROUTE, routed, 0.0)
    name, price = "usage add-on", cost / (1 - inputs.add_on_margin / 100)
    for tier in TIERS:
        if tier.price > customer.tier.price and tier.price >= cost:
            name, price = f"move to {tier.name}", tier.price
            break
    refusing = 1 - inputs.acceptance
    expected = inputs.acceptance * (price - cost) + refusing * routed
    return Action(f"{ROUTE}, {name}", expected, refusing * -routed)


def find_cases(customers: Sequence[Customer], inputs: Inputs) -> List[Case]:
    """Return the unprofitable customers with their actions, the largest loss first."""
    cases = []
    for customer in customers:
        margin = customer.tier.price - customer.cost(inputs)
        if margin < 0:
            cases.append(Case(customer, margin, choose_action(customer, inputs)))
    return sorted(cases, key=lambda case: (case.margin, case.customer.id))


class Outcome(NamedTuple):
    """The business before and after, USD a month."""

    revenue: float
    cost: float
    loss: float
    loss_after: float
    margin_after: float
    cases: List[Case]

    @property
    def margin(self) -> float:
        """Margin before."""
        return self.revenue - self.cost

    @property
    def stopped(self) -> float:
        """The part of the loss that the actions end."""
        return self.loss - self.loss_after


def compute(inputs: Inputs) -> Outcome:
    """Return the outcome of these inputs."""
    customers = population(inputs)
    cases = find_cases(customers, inputs)
    revenue = sum(customer.tier.price for customer in customers)
    cost = sum(customer.cost(inputs) for customer in customers)
    return Outcome(
        revenue,
        cost,
        loss=-sum(case.margin for case in cases),
        loss_after=sum(case.action.loss for case in cases),
        margin_after=revenue - cost + sum(case.action.margin - case.margin for case in cases),
        cases=cases,
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


def main() -> int:
    """Parse the inputs and run the scenario."""
    inputs, out = from_flags(Inputs, __doc__ or "")
    return run(lambda: demonstrate(inputs, out))


if __name__ == "__main__":
    sys.exit(main())
