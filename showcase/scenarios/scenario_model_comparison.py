"""Model comparison: GPT-4 for every task, and what a cheaper model does for the simple ones.

Simple tasks are split between two models at random, an A/B test.  Acceptance is compared with a
confidence bound, cost is counted call by call.  If the cheaper model is not noticeably worse,
the simple tasks move to it, and an answer that is not accepted is made again by the more
expensive one.

Use case: model selection, cost reviews, routing rules.
Pattern: A/B test by task, non-inferiority bound, fallback priced in.
Performance: a month of calls is drawn and priced one by one; the results block shows the seconds.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

SIMPLE_TASKS = ("chat", "classification", "extraction")
COMPLEX_TASKS = ("reasoning", "code_generation", "summarization", "translation")
Z_95_ONE_SIDED = 1.645
DAYS = 30


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
    """What the workload is made of; prices are USD per 1,000 tokens."""

    calls_per_day: int = given(4120, "calls a day", least=10, most=20_000)
    simple_share: float = given(0.6, "share of simple tasks", most=1.0)
    seed: int = given(1, "seed of the workload")
    expensive_input: float = given(0.03, "input price of GPT-4")
    expensive_output: float = given(0.06, "output price of GPT-4")
    cheap_input: float = given(0.0008, "input price of Claude Instant")
    cheap_output: float = given(0.0024, "output price of Claude Instant")
    expensive_accepted: float = given(
        0.996, "share of GPT-4's simple answers that users accept", most=1
    )
    cheap_accepted: float = given(0.994, "share of Claude Instant's that users accept", most=1)
    test_days: int = given(3, "days of the A/B test", least=1, most=DAYS)
    tolerance: float = given(0.01, "loss of acceptance that would still be fine", most=1)


class Call(NamedTuple):
    """One call of the month: its task, and two draws that decide arm and acceptance."""

    day: int
    task: str
    input_tokens: int
    output_tokens: int
    arm: float
    luck: float

    def price(self, input_price: float, output_price: float) -> float:
        """Return the cost in USD at prices per 1,000 tokens."""
        return self.input_tokens / 1000 * input_price + self.output_tokens / 1000 * output_price


def workload(inputs: Inputs) -> Iterator[Call]:
    """Yield a month of calls; the same seed gives the same ones.

    Tokens are spread evenly: 200 to 800 in and 100 to 500 out for simple tasks, three times
    that for the others.
    """
    chance = random.Random(inputs.seed)
    for day in range(DAYS):
        for _ in range(inputs.calls_per_day):
            simple = chance.random() < inputs.simple_share
            tasks, scale = (SIMPLE_TASKS, 1) if simple else (COMPLEX_TASKS, 3)
            yield Call(
                day,
                tasks[int(chance.random() * len(tasks))],
                scale * (200 + int(chance.random() * 601)),
                scale * (100 + int(chance.random() * 401)),
                chance.random(),
                chance.random(),
            )


class Arm:
    """One arm of the test: calls, accepted answers, cost in USD."""

    def __init__(self) -> None:
        self.calls = self.accepted = 0
        self.cost = 0.0

    def add(self, accepted: bool, cost: float) -> None:
        """Count one call."""
        self.calls += 1
        self.accepted += accepted
        self.cost += cost

    @property
    def rate(self) -> float:
        """Share of accepted answers."""
        return self.accepted / self.calls if self.calls else 0.0


class Test(NamedTuple):
    """The A/B test's result; `bound`: lower 95 % bound of cheap minus expensive acceptance."""

    expensive: Arm
    cheap: Arm
    bound: float
    passed: bool


def ab_test(inputs: Inputs, calls: List[Call]) -> Test:
    """Split simple calls evenly between the models and compare acceptance.

    The bound is the normal approximation for a difference of two shares.
    """
    expensive, cheap = Arm(), Arm()
    for call in calls:
        if call.arm < 0.5:
            price = call.price(inputs.expensive_input, inputs.expensive_output)
            expensive.add(call.luck < inputs.expensive_accepted, price)
        else:
            price = call.price(inputs.cheap_input, inputs.cheap_output)
            cheap.add(call.luck < inputs.cheap_accepted, price)
    if not (expensive.calls and cheap.calls):
        return Test(expensive, cheap, -1.0, False)
    spread = sum(arm.rate * (1 - arm.rate) / arm.calls for arm in (expensive, cheap))
    bound = cheap.rate - expensive.rate - Z_95_ONE_SIDED * math.sqrt(spread)
    return Test(expensive, cheap, bound, bound >= -inputs.tolerance)


class Outcome(NamedTuple):
    """A month without and with the switch, USD; `daily` holds (before, after) of simple tasks."""

    test: Test
    calls: int
    simple_calls: int
    repeated: int
    total: float
    simple_before: float
    simple_after: float
    daily: List[List[float]]
    by_task: Dict[str, List[float]]

    @property
    def saved(self) -> float:
        """USD a month."""
        return self.simple_before - self.simple_after

    @property
    def percent(self) -> float:
        """Savings in percent of what the simple tasks cost before."""
        return 100 * self.saved / self.simple_before if self.simple_before else 0.0


def compute(inputs: Inputs) -> Outcome:
    """Return the outcome: test on the first days, then the month priced both ways."""
    calls = list(workload(inputs))
    simple = [call for call in calls if call.task in SIMPLE_TASKS]
    test = ab_test(inputs, [call for call in simple if call.day < inputs.test_days])
    daily = [[0.0, 0.0] for _ in range(DAYS)]
    by_task = {task: [0.0, 0.0] for task in SIMPLE_TASKS}
    repeated = 0
    for call in simple:
        before = call.price(inputs.expensive_input, inputs.expensive_output)
        after = before
        if test.passed:
            after = call.price(inputs.cheap_input, inputs.cheap_output)
            if call.luck >= inputs.cheap_accepted:
                repeated += 1
                after += before
        for cells in (daily[call.day], by_task[call.task]):
            cells[0] += before
            cells[1] += after
    total = math.fsum(call.price(inputs.expensive_input, inputs.expensive_output) for call in calls)
    before, after = (math.fsum(cells[place] for cells in daily) for place in (0, 1))
    return Outcome(test, len(calls), len(simple), repeated, total, before, after, daily, by_task)


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    from _demo_scenario_model_comparison import demonstrate as demonstration

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
