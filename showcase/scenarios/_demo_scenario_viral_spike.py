"""The page of the scenario 'viral spike', and its demonstration."""

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
from scenario_viral_spike import (
    HOURS,
    QUIET_DAYS,
    SPIKE_HOUR,
    Inputs,
    Outcome,
    _daily,
    _moment,
    compute,
)

STEPS = (
    "Put customer_id on every call and sum cost by customer and hour.",
    "Compare with the same hour on earlier days; a median forgives single bad days.",
    "Let the alarm set a rate limit, and tell the customer's owner.",
    "Lift the limit with a new plan, or keep it with a fixed bug.",
)


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
