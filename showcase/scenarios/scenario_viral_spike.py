"""Viral spike: one customer's usage grows tenfold overnight, and the bill comes in a month.

Every hour each customer's cost is compared with what that customer usually costs at this time
of day.  The first hours above the threshold raise the alarm, and a rate limit holds the customer
near its usual level until somebody has talked to it.

Use case: protection against bugs, abuse and success.
Pattern: hourly cost by customer, median of the same hour on earlier days, automatic rate limit.
Performance: constant work per customer and hour; the results block shows the seconds.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type, TypeVar

START = datetime(2025, 1, 1)
QUIET_DAYS = 7  # History before the spike, on which the detector learns what is usual.
MONTH_HOURS = 30 * 24
SPIKE_HOUR = QUIET_DAYS * 24 + 2  # It begins at 02:00, overnight.
HOURS = SPIKE_HOUR + MONTH_HOURS
NOISE = 0.15


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


def demonstrate(inputs: Inputs = Inputs(), out: Optional[Path] = None) -> Dict[str, float]:
    """Compute, print and write the scenario; return the figures."""
    from _demo_scenario_viral_spike import demonstrate as demonstration

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
