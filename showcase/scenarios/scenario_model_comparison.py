"""Model comparison: GPT-4 for every task, and what a cheaper model does for the simple ones.

Simple tasks are split between two models at random, an A/B test.  Acceptance is compared with a
confidence bound, cost is counted call by call.  If the cheaper model is not noticeably worse,
the simple tasks move to it, and an answer that is not accepted is made again by the dearer one.

Use case: model selection, cost reviews, routing rules.
Pattern: A/B test by task, non-inferiority bound, fallback priced in.
Performance: a month of calls is drawn and priced one by one; the results block shows the seconds.
"""

from __future__ import annotations

import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

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

SIMPLE_TASKS = ("chat", "classification", "extraction")
COMPLEX_TASKS = ("reasoning", "code_generation", "summarization", "translation")
Z_95_ONE_SIDED = 1.645
DAYS = 30
STEPS = (
    "Put task_type, model and an experiment's variant on every call.",
    "Record acceptance: a thumb, a retry, an edit.",
    "Split simple tasks evenly for some days and compare with a bound, not by eye.",
    "Route simple tasks to the cheaper model, with a fallback for answers not accepted.",
    "Watch acceptance and cost by variant; switch back when the bound is crossed.",
)


@dataclass(frozen=True)
class Inputs:
    """What the workload is made of; prices are USD per 1,000 tokens."""

    calls_per_day: int = given(4120, "calls a day", least=10, most=20_000)
    simple_share: float = given(0.6, "share of simple tasks", most=1.0)
    seed: int = given(1, "seed of the workload")
    dear_input: float = given(0.03, "input price of GPT-4")
    dear_output: float = given(0.06, "output price of GPT-4")
    cheap_input: float = given(0.0008, "input price of Claude Instant")
    cheap_output: float = given(0.0024, "output price of Claude Instant")
    dear_accepted: float = given(0.996, "share of GPT-4's simple answers that users accept", most=1)
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
    """The A/B test's result; `bound` is the lower 95 % bound of cheap minus dear acceptance."""

    dear: Arm
    cheap: Arm
    bound: float
    passed: bool


def ab_test(inputs: Inputs, calls: List[Call]) -> Test:
    """Split simple calls evenly between the models and compare acceptance.

    The bound is the normal approximation for a difference of two shares.
    """
    dear, cheap = Arm(), Arm()
    for call in calls:
        if call.arm < 0.5:
            price = call.price(inputs.dear_input, inputs.dear_output)
            dear.add(call.luck < inputs.dear_accepted, price)
        else:
            price = call.price(inputs.cheap_input, inputs.cheap_output)
            cheap.add(call.luck < inputs.cheap_accepted, price)
    if not (dear.calls and cheap.calls):
        return Test(dear, cheap, -1.0, False)
    spread = sum(arm.rate * (1 - arm.rate) / arm.calls for arm in (dear, cheap))
    bound = cheap.rate - dear.rate - Z_95_ONE_SIDED * math.sqrt(spread)
    return Test(dear, cheap, bound, bound >= -inputs.tolerance)


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
        before = call.price(inputs.dear_input, inputs.dear_output)
        after = before
        if test.passed:
            after = call.price(inputs.cheap_input, inputs.cheap_output)
            if call.luck >= inputs.cheap_accepted:
                repeated += 1
                after += before
        for cells in (daily[call.day], by_task[call.task]):
            cells[0] += before
            cells[1] += after
    total = math.fsum(call.price(inputs.dear_input, inputs.dear_output) for call in calls)
    before, after = (math.fsum(cells[place] for cells in daily) for place in (0, 1))
    return Outcome(test, len(calls), len(simple), repeated, total, before, after, daily, by_task)


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
        "task type on a call nobody knows how much of the bill is for simple questions.",
        problem_metrics=[
            Metric("Spent on simple tasks", got.simple_before, "money", "a month, on GPT-4"),
            Metric("Simple tasks", share, "percent", f"of {got.calls:,} calls"),
            Metric("Spent in all", got.total, "money", "a month"),
        ],
        solution=[
            f"For {inputs.test_days} days simple tasks are split at random between GPT-4 and "
            "Claude Instant; acceptance and cost are counted by model.",
            f"Accepted: {got.test.dear.rate:.2%} of GPT-4's answers, {got.test.cheap.rate:.2%} of "
            f"Claude Instant's, at worst {got.test.bound:+.2%} (95 % bound): {verdict}.",
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
            for name, arm in (("GPT-4", got.test.dear), ("Claude Instant", got.test.cheap))
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
    for name, arm in (("GPT-4", got.test.dear), ("Claude Instant", got.test.cheap)):
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


def main() -> int:
    """Parse the inputs and run the scenario."""
    inputs, out = from_flags(Inputs, __doc__ or "")
    return run(lambda: demonstrate(inputs, out))


if __name__ == "__main__":
    sys.exit(main())
