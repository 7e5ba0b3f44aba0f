"""Pricing change: should we move to usage-based pricing?  Replay history and see.

A month of real usage is billed again under four models: the flat price of today, pay per call,
tiers by volume, and a base fee with overage.  Each customer's bill is compared with today's, so
the answer is not only what is earned, but who pays more, and how many of them may leave before
the gain is gone.

Use case: pricing committees, board papers, contract renewals.
Pattern: replay of calls by customer under pure pricing functions.
Performance: one pass over the month, then arithmetic by customer; the results block shows the
seconds.
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

DAYS = 30
CURRENT = "flat_rate"


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
    """What the workload and the price lists are made of; prices in USD a month."""

    light: int = given(88, "customers with little usage", most=50_000)
    medium: int = given(67, "customers with medium usage", most=50_000)
    heavy: int = given(26, "customers with heavy usage", most=50_000)
    seed: int = given(1, "seed of the workload")
    light_calls: float = given(280.0, "calls a month of a light customer, on average")
    medium_calls: float = given(1450.0, "calls a month of a medium one")
    heavy_calls: float = given(10500.0, "calls a month of a heavy one")
    cost_per_call: float = given(0.012, "USD that a call costs us")
    starter: float = given(49.0, "price of the starter tier")
    pro: float = given(199.0, "price of the pro tier")
    enterprise: float = given(999.0, "price of the enterprise tier")
    first_limit: int = given(1000, "calls up to which the tiered model bills starter")
    second_limit: int = given(10_000, "calls up to which it bills pro")
    per_1000: float = given(100.0, "usage-based price of 1,000 calls")
    base_fee: float = given(99.0, "base fee of the hybrid model")
    included: int = given(5000, "calls that the base fee includes")
    overage: float = given(50.0, "hybrid price of 1,000 further calls")


class Segment(NamedTuple):
    """A kind of customer: how many, calls a month, spread, shares of the tiers they signed."""

    name: str
    customers: int
    calls: float
    spread: float
    signed: Tuple[float, float, float]


class Customer(NamedTuple):
    """One customer of today: segment, the price it pays, its calls on each day."""

    id: str
    segment: str
    price: float
    daily_calls: List[int]

    @property
    def calls(self) -> int:
        """Calls of the month."""
        return sum(self.daily_calls)


def segments(inputs: Inputs) -> Tuple[Segment, ...]:
    """Return the segments.  Tiers were signed long ago; usage has moved on since then."""
    return (
        Segment("light", inputs.light, inputs.light_calls, 0.5, (0.75, 0.25, 0.0)),
        Segment("medium", inputs.medium, inputs.medium_calls, 0.25, (0.45, 0.55, 0.0)),
        Segment("heavy", inputs.heavy, inputs.heavy_calls, 0.04, (0.20, 0.40, 0.40)),
    )


def history(inputs: Inputs) -> List[Customer]:
    """Return every customer's month; the same seed gives the same one."""
    chance = random.Random(inputs.seed)
    prices = (inputs.starter, inputs.pro, inputs.enterprise)
    made: List[Customer] = []
    for segment in segments(inputs):
        for number in range(segment.customers):
            # Tiers are dealt out evenly, so that the mix is that of the shares.
            place = (number + 0.5) / segment.customers
            tier = 0 if place < segment.signed[0] else 1 if place < sum(segment.signed[:2]) else 2
            month = segment.calls * (1 + segment.spread * (2 * chance.random() - 1))
            daily = [int(month / DAYS * (0.6 + 0.8 * chance.random()) + 0.5) for _ in range(DAYS)]
            made.append(Customer(f"cust_{len(made) + 1:04d}", segment.name, prices[tier], daily))
    return made


Pricing = Callable[[Customer], float]


def models(inputs: Inputs) -> Dict[str, Pricing]:
    """Return the four pricing models as functions from a customer to its monthly bill in USD."""

    def tiered(customer: Customer) -> float:
        if customer.calls <= inputs.first_limit:
            return inputs.starter
        return inputs.pro if customer.calls <= inputs.second_limit else inputs.enterprise

    def hybrid(customer: Customer) -> float:
        return inputs.base_fee + max(0, customer.calls - inputs.included) / 1000 * inputs.overage

    return {
        CURRENT: lambda customer: customer.price,
        "usage_based": lambda customer: customer.calls / 1000 * inputs.per_1000,
        "tiered": tiered,
        "hybrid": hybrid,
    }


class Billed(NamedTuple):
    """A month billed under one model, USD."""

    model: str
    revenue: float
    margin: float
    paying_more: int
    paying_less: int
    at_risk: float  # What we would lose if everybody who pays more left.

    @property
    def name(self) -> str:
        """The model's id as words."""
        return self.model.replace("_", " ")


def bill(model: str, pricing: Pricing, customers: Sequence[Customer], inputs: Inputs) -> Billed:
    """Bill every customer's month under a model and compare with what it pays today."""
    bills = [(customer, pricing(customer)) for customer in customers]
    revenue = math.fsum(amount for _, amount in bills)
    cost = math.fsum(customer.calls * inputs.cost_per_call for customer in customers)
    more = [(customer, amount) for customer, amount in bills if amount > customer.price + 0.005]
    margins = (amount - customer.calls * inputs.cost_per_call for customer, amount in more)
    return Billed(
        model,
        revenue,
        revenue - cost,
        paying_more=len(more),
        paying_less=sum(amount < customer.price - 0.005 for customer, amount in bills),
        at_risk=math.fsum(margins),
    )


class Outcome(NamedTuple):
    """All models on the same history; `best` has the highest margin."""

    customers: List[Customer]
    billed: Dict[str, Billed]
    best: Billed

    @property
    def today(self) -> Billed:
        """The model of today."""
        return self.billed[CURRENT]

    @property
    def gain(self) -> float:
        """USD a month that the best model adds to the margin."""
        return self.best.margin - self.today.margin

    @property
    def percent(self) -> float:
        """The gain in percent of today's margin, 0.0 where there is no margin today."""
        return 100 * self.gain / self.today.margin if self.today.margin > 0 else 0.0

    @property
    def bearable_churn(self) -> float:
        """Share in percent of those paying more that may leave before the gain is gone."""
        return min(100.0, 100 * self.gain / self.best.at_risk) if self.best.at_risk > 0 else 100.0


def compute(inputs: Inputs) -> Outcome:
    """Return the outcome: the same month billed under every model."""
    customers = history(inputs)
    billed = {
        name: bill(name, pricing, customers, inputs) for name, pricing in models(inputs).items()
    }
    best = max(billed.values(), key=lambda billing: (billing.margin, billing.model == CURRENT))
    return Outcome(customers, billed, best)


def _segment_revenue(got: Outcome, inputs: Inputs) -> Tuple[List[float], List[float]]:
    """Return revenue by segment today and under the best model."""
    pricing = models(inputs)[got.best.model]
    today, best = [], []
    for segment in segments(inputs):
        inside = [customer for customer in got.customers if customer.segment == segment.name]
        today.append(math.fsum(customer.price for customer in inside))
        best.append(math.fsum(pricing(customer) for customer in inside))
    return today, best


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    from _demo_scenario_pricing_change import demonstrate as demonstration

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
