"""Viral spike: one customer's usage grows tenfold overnight, and the bill comes in a month.

Every hour each customer's cost is compared with what that customer usually costs at this time
of day.  The first hours above the threshold raise the alarm, and a rate limit holds the customer
near its usual level until somebody has talked to it.

Use case: protection against bugs, abuse and success.
Pattern: hourly cost by customer, median of the same hour on earlier days, automatic rate limit.
Performance: constant work per customer and hour; the results block shows the seconds.
"""

from __future__ import annotations

import math
import random
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Dict, List, NamedTuple, Optional, Tuple

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

START = datetime(2025, 1, 1)
QUIET_DAYS = 7  # History before the spike, on which the detector learns what is usual.
MONTH_HOURS = 30 * 24
SPIKE_HOUR = QUIET_DAYS * 24 + 2  # It begins at 02:00, overnight.
HOURS = SPIKE_HOUR + MONTH_HOURS
NOISE = 0.15
STEPS = (
    "Put customer_id on every call and sum cost by customer and hour.",
    "Compare with the same hour on earlier days; a median forgives single bad days.",
    "Let the alarm set a rate limit, and tell the customer's owner.",
    "Lift the limit with a new plan, or keep it with a fixed bug.",
)


@dataclass(frozen=True)
class Inputs:
    """What the workload is made of."""

    customers: int = given(40, "customers, the viral one included", least=1, most=500)
    seed: int = given(1, "seed of the workload")
    calls_per_hour: float = given(1500.0, "usual calls an hour of the viral customer")
    cost_per_call: float = given(0.00543, "USD of a call")
    growth: float = given(10.0, "the viral customer's usage, times the usual", most=1000)
    ramp_hours: int = given(6, "hours until the growth is reached", most=500)
    threshold: float = given(3.0, "alarm above this many times the usual cost of the hour")
    confirm_hours: int = given(2, "hours in a row above it before the alarm", least=1, most=100)
    limit: float = given(1.5, "rate limit after the alarm, times the usual")


def usual_cost(inputs: Inputs, hour: int) -> float:
    """Return the viral customer's usual cost of an hour: more by day, less by night."""
    daily = 1 + 0.5 * math.sin(2 * math.pi * (hour % 24 - 8) / 24)
    return inputs.calls_per_hour * inputs.cost_per_call * daily


def traffic(inputs: Inputs, customer: int) -> List[float]:
    """Return a customer's hourly cost in USD; customer 0 goes viral, the others do not."""
    chance = random.Random(inputs.seed * 1_000_003 + customer)
    scale = 1.0 if customer == 0 else 0.05 + 0.6 * chance.random()
    costs = []
    for hour in range(HOURS):
        level = scale * usual_cost(inputs, hour) * (1 + NOISE * (2 * chance.random() - 1))
        if customer == 0 and hour >= SPIKE_HOUR:
            reached = min(1.0, (hour - SPIKE_HOUR + 1) / max(1, inputs.ramp_hours))
            level *= 1 + (inputs.growth - 1) * reached
        costs.append(level)
    return costs


def detect(costs: List[float], inputs: Inputs) -> Optional[int]:
    """Return the hour after which the alarm is raised, None where there is none.

    Usual is the median of the same hour on the earlier quiet days; it does not learn from
    hours above the threshold, or the spike would soon be usual.
    """
    history: Dict[int, List[float]] = {}
    above = 0
    for hour, cost in enumerate(costs):
        known = history.setdefault(hour % 24, [])
        unusual = len(known) >= 3 and cost > inputs.threshold * median(known)
        above = above + 1 if unusual else 0
        if above >= inputs.confirm_hours:
            return hour
        if not unusual:
            known.append(cost)
            del known[:-14]
    return None


class Outcome(NamedTuple):
    """The month after the spike began, USD, for the viral customer."""

    without: List[float]
    with_it: List[float]
    alarm_hour: Optional[int]
    false_alarms: int
    usual: float

    @property
    def hours_to_alarm(self) -> Optional[int]:
        """Full hours from the begin of the spike to the alarm."""
        return None if self.alarm_hour is None else self.alarm_hour + 1 - SPIKE_HOUR

    @property
    def runaway(self) -> float:
        """What the month costs beyond the usual when nobody looks."""
        return math.fsum(self.without[SPIKE_HOUR:]) - self.usual

    @property
    def prevented(self) -> float:
        """The part of it that the limit prevents."""
        return math.fsum(self.without[SPIKE_HOUR:]) - math.fsum(self.with_it[SPIKE_HOUR:])


def compute(inputs: Inputs) -> Outcome:
    """Return the outcome: watch every customer, limit the viral one after its alarm."""
    viral = traffic(inputs, 0)
    alarm = detect(viral, inputs)
    limited = list(viral)
    if alarm is not None:
        for hour in range(alarm + 1, HOURS):
            limited[hour] = min(viral[hour], inputs.limit * usual_cost(inputs, hour))
    others = (detect(traffic(inputs, number), inputs) for number in range(1, inputs.customers))
    false_alarms = sum(hours is not None for hours in others)
    usual = math.fsum(usual_cost(inputs, hour) for hour in range(SPIKE_HOUR, HOURS))
    return Outcome(viral, limited, alarm, false_alarms, usual)


def _daily(costs: List[float]) -> List[float]:
    """Return the cost of each whole day."""
    return [math.fsum(costs[begin : begin + 24]) for begin in range(0, HOURS - 23, 24)]


def _moment(hour: int) -> str:
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M")


def build_page(inputs: Inputs, got: Outcome) -> ScenarioPage:
    """Return the page of an outcome."""
    hours = got.hours_to_alarm
    noticed = f"within {hours} hours" if hours is not None else "not at all with this threshold"
    month, limited = (math.fsum(c[SPIKE_HOUR:]) for c in (got.without, got.with_it))
    times = "tenfold" if inputs.growth == 10 else f"{inputs.growth:g} times"
    return ScenarioPage(
        id="scenario_viral_spike",
        title="Viral spike",
        purpose=f"A customer's usage grows {times} overnight: how soon it is seen, what it saves.",
        workload=f"Example workload of {inputs.customers:,} customers, seed {inputs.seed}",
        period=(_moment(0)[:10], _moment(HOURS - 1)[:10]),
        problem="The provider's bill comes at the end of the month and names no customer. Until "
        "then the spike goes on.",
        problem_metrics=[
            Metric("Runaway cost", got.runaway, "money", "in 30 days, beyond the usual"),
            Metric("Growth", inputs.growth, "number", "times the usual"),
            Metric("Usual cost", got.usual, "money", "in 30 days"),
        ],
        solution=[
            "Each hour's cost is compared, customer by customer, with the median of the same "
            f"hour on earlier days; {inputs.confirm_hours} hours in a row above "
            f"{inputs.threshold:g} times that raise the alarm.",
            f"The alarm sets a rate limit of {inputs.limit:g} times the usual, until somebody "
            "lifts it.",
            f"Detected {noticed}; {got.false_alarms} false alarms among "
            f"{inputs.customers - 1:,} other customers.",
        ],
        result_metrics=[
            Metric("Runaway cost prevented", got.prevented, "money", "in 30 days"),
            Metric("Hours to the alarm", hours or 0, "count", "after the spike began"),
            Metric("Cost with the limit", limited, "money", "in 30 days"),
        ],
        charts=[_day_chart(got), _hour_chart(got)],
        tables=[_timeline(got)],
        contrast=[
            ("Seen", "on the bill, a month later", noticed),
            ("Cost of the 30 days", shown("money", month), shown("money", limited)),
            ("Response", "a dispute about the bill", "a limit at once, then a conversation"),
        ],
        steps=STEPS,
    )


def _chart(name: str, caption: str, x_title: str, labels: List[str], *pair: List[float]) -> Chart:
    series = list(zip(("without", "with"), pair))
    return Chart(name, caption, "line", x_title, "Cost (USD)", "money", labels, series)


def _day_chart(got: Outcome) -> Chart:
    without, with_it = _daily(got.without), _daily(got.with_it)
    labels = [_moment(24 * day)[:10] for day in range(len(without))]
    caption = "Cost by day, without and with detection"
    return _chart("days", caption, "Day", labels, without, with_it)


def _hour_chart(got: Outcome) -> Chart:
    hours = slice(SPIKE_HOUR - 12, SPIKE_HOUR + 36)
    labels = [_moment(hour)[5:] for hour in range(HOURS)[hours]]
    pair = got.without[hours], got.with_it[hours]
    return _chart("hours", "The hours around the spike", "Hour", labels, *pair)


def _timeline(got: Outcome) -> Table:
    return Table(
        "timeline",
        "What happened when",
        [("Moment", "text"), ("Event", "text"), ("Cost of the hour", "money")],
        [(_moment(hour), event, got.with_it[hour]) for hour, event in _events(got)],
    )


def _events(got: Outcome) -> List[Tuple[int, str]]:
    """Return (hour, what happened) in order."""
    events = [(SPIKE_HOUR - 1, "the last usual hour"), (SPIKE_HOUR, "the spike begins")]
    if got.alarm_hour is not None:
        events.append((got.alarm_hour, "the alarm is raised"))
        events.append((got.alarm_hour + 1, "the rate limit holds"))
    return [(hour, event) for hour, event in events if hour < HOURS]


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    title("Scenario: viral spike")
    begin = time.perf_counter()
    got = compute(inputs)
    seconds = time.perf_counter() - begin
    step(1, f"Problem: usage grows {inputs.growth:g} times overnight")
    note(f"{inputs.customers} customers, {QUIET_DAYS} quiet days, then 30 days of spike")
    note(f"Beyond the usual ${got.usual:,.2f} the month costs ${got.runaway:,.2f}")

    step(2, "Solution: hourly comparison, automatic limit")
    for hour, event in _events(got):
        note(f"{_moment(hour)}  ${got.with_it[hour]:>9,.2f}  {event}")
    if got.hours_to_alarm is None:
        note("No alarm: the growth stays under the threshold")
    else:
        note(f"Detected within {got.hours_to_alarm} hours")
    note(f"{got.false_alarms} false alarms among {inputs.customers - 1} other customers")

    step(3, "Without and with Revenium")
    page = build_page(inputs, got)
    for line in contrast_lines(page):
        note(line)
    require(got.prevented >= 0, "the limit never costs more than doing nothing")
    note(f"Page: {write_page(page, out or default_directory())}")
    results(
        [(metric.label, metric.shown()) for metric in (*page.problem_metrics, *page.result_metrics)]
    )
    note(f"Computed in {seconds:.2f} s")
    benefits(
        [
            "Hours instead of a month until somebody knows",
            "A limit for one customer, service for all others",
            "Success is noticed, too, while it can be sold",
        ]
    )
    return {
        "prevented": got.prevented,
        "runaway": got.runaway,
        "hours": -1.0 if got.hours_to_alarm is None else float(got.hours_to_alarm),
        "false_alarms": got.false_alarms,
    }


def main() -> int:
    """Parse the inputs and run the scenario."""
    inputs, out = from_flags(Inputs, __doc__ or "")
    return run(lambda: demonstrate(inputs, out))


if __name__ == "__main__":
    sys.exit(main())
