"""Unprofitable customers: find who costs more than they pay, and stop the loss.

A flat subscription and a usage-driven cost do not know of each other.  The total looks healthy
while a few customers cost a multiple of their price.  With the customer on every call, margin
per customer is a subtraction, and each loss gets the mildest action that ends it.

Use case: margin reviews, pricing committees, customer success.
Pattern: cost and revenue joined by customer, actions tried from mild to firm.
Performance: one pass over the calls of a month; the results block shows the seconds.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar


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
ROUTE = "route simple calls"
Kind = TypeVar("Kind", Tier, Archetype)
SHOWN = 8


# --- the same as in _inputs.py --------------------------------------------------------------------


InputsType = TypeVar("InputsType")


def given(default: float, meaning: str, least: float = 0.0, most: float = math.inf) -> Any:
    """Declare an input: its default, what it means (with its unit), and its bounds."""
    bounds = {"help": f"{meaning} (default {default:g})", "least": least, "most": most}
    return field(default=default, metadata=bounds)


def from_flags(
    kind: Type[InputsType], description: str, argv: Optional[Sequence[str]] = None
) -> Tuple[InputsType, Optional[Path]]:
    """Return the inputs and the directory of `--out`, None where it was not given.

    Wrong usage ends the program with status 2 and a message, as argparse does.
    """
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--out", metavar="DIR", help="where the page is written")
    declared = fields(kind)  # type: ignore[arg-type]
    for declaration in declared:
        whole = isinstance(declaration.default, int)
        flag = "--" + declaration.name.replace("_", "-")
        check = _checked(
            int if whole else float, declaration.metadata["least"], declaration.metadata["most"]
        )
        text = declaration.metadata["help"].replace("%", "%%")
        parser.add_argument(flag, type=check, default=declaration.default, metavar="N", help=text)
    arguments = parser.parse_args(argv)
    values = {declaration.name: getattr(arguments, declaration.name) for declaration in declared}
    return kind(**values), Path(arguments.out) if arguments.out else None


def _checked(parse: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    """Return a parser of numbers that refuses what lies outside the bounds."""

    def number(text: str) -> float:
        try:
            value = parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not (math.isfinite(value) and least <= value <= most):
            raise argparse.ArgumentTypeError(f"must be between {least:g} and {most:g}")
        return value

    return number


# --- end of _inputs.py ----------------------------------------------------------------------------


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


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    from _demo_scenario_unprofitable_customers import demonstrate as demonstration

    return demonstration(inputs, out)


def main() -> int:
    """Parse the inputs and run the scenario."""
    inputs, out = from_flags(Inputs, __doc__ or "")
    return run_demonstration(lambda: demonstrate(inputs, out))


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(main())
