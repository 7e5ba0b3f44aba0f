"""Anomaly detection: five ways to find what somebody should have been told of.

statistical: hours far above the mean hour.  threshold: days above a budget.  spike: a
customer's day far above that customer's usual day.  behaviour: customers whose volume or main
model changed.  outlier: single calls that cost far more than calls do.

Use case: alerts, abuse and bug hunting, review of a bill.
Pattern: one pass into small tables (hours, days, customer days), detectors over the tables.
Performance: one pass; memory grows with customers × days and distinct costs a model, not calls.
The results block shows the calls per second of this run.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple
from typing import Counter as CounterOf

from _calls import NANO, Call, open_calls
from _console import benefits, note, results, run, step, title
from _output import Row, narrative, options, row, write

DEFAULT_SIGMAS = 3.0
DEFAULT_BUDGET_USD = 100.0
DEFAULT_SPIKE = 5.0
MIN_SPIKE_CALLS = 20
BEHAVIOUR_DAYS = 14
BEHAVIOUR_CHANGE = 0.5
MIN_BEHAVIOUR_CALLS = 20
OUTLIER_IQRS = 3.0
SHOWN = 5


class Sums:
    """Calls and billionths of a dollar."""

    __slots__ = ("calls", "nano_usd")

    def __init__(self) -> None:
        self.calls = self.nano_usd = 0

    def add(self, call: Call) -> None:
        """Count one call."""
        self.calls += 1
        self.nano_usd += call.nano_usd


class Tables:
    """The small tables that all detectors work on, filled in one pass."""

    def __init__(self) -> None:
        self.hours: Dict[str, Sums] = {}
        self.days: Dict[str, Sums] = {}
        self.customer_days: Dict[str, Dict[str, Sums]] = {}
        self.customer_models: Dict[Tuple[str, str], CounterOf[str]] = {}
        self.costs: Dict[str, CounterOf[int]] = {}
        self.calls = 0

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls."""
        for call in calls:
            customer, day = call.text["customer_id"], call.day
            _at(self.hours, call.hour).add(call)
            _at(self.days, day).add(call)
            _at(self.customer_days.setdefault(customer, {}), day).add(call)
            models = self.customer_models.setdefault((customer, day), Counter())
            models[call.text["model"]] += 1
            self.costs.setdefault(call.text["model"], Counter())[call.nano_usd] += 1
            self.calls += 1


def _at(table: Dict[str, Sums], key: str) -> Sums:
    sums = table.get(key)
    if sums is None:
        sums = table[key] = Sums()
    return sums


class Limits(NamedTuple):
    """Where ordinary ends; set by options."""

    sigmas: float = DEFAULT_SIGMAS
    budget_usd: float = DEFAULT_BUDGET_USD
    spike: float = DEFAULT_SPIKE


def statistical(tables: Tables, limits: Limits) -> List[Row]:
    """Hours whose cost exceeds mean + sigmas × standard deviation, farthest first.

    Mean and (population) deviation are over every hour of the period; empty hours are 0.
    """
    if not tables.hours:
        return []
    first, last = min(tables.hours), max(tables.hours)
    span = datetime.strptime(last, "%Y-%m-%dT%H") - datetime.strptime(first, "%Y-%m-%dT%H")
    count = span // timedelta(hours=1) + 1
    costs = [sums.nano_usd / NANO for sums in tables.hours.values()]
    mean = math.fsum(costs) / count
    squares = math.fsum((cost - mean) ** 2 for cost in costs)
    deviation = math.sqrt((squares + (count - len(costs)) * mean**2) / count)
    threshold = mean + limits.sigmas * deviation
    rows = [
        _found("statistical", hour, sums, threshold, (sums.nano_usd / NANO - mean) / deviation)
        for hour, sums in tables.hours.items()
        if deviation and sums.nano_usd / NANO > threshold
    ]
    return _ordered(rows)


def threshold(tables: Tables, limits: Limits) -> List[Row]:
    """Days that cost more than the budget, dearest first; score is cost / budget."""
    rows = [
        _found("threshold", day, sums, limits.budget_usd, sums.nano_usd / NANO / limits.budget_usd)
        for day, sums in tables.days.items()
        if sums.nano_usd > limits.budget_usd * NANO
    ]
    return _ordered(rows)


def spike(tables: Tables, limits: Limits) -> List[Row]:
    """Customer days above `spike` × the median of the customer's other active days.

    The day itself is left out of its baseline, where it would hide.  Days with few calls are
    no spikes, and customers with fewer than four other days have no usual day.
    """
    rows = []
    for customer, days in tables.customer_days.items():
        for day, sums in days.items():
            others = [other.nano_usd for name, other in days.items() if name != day]
            if sums.calls < MIN_SPIKE_CALLS or len(others) < 4:
                continue
            usual = median(others)
            if usual and sums.nano_usd > limits.spike * usual:
                rows.append(
                    _found(
                        "spike",
                        f"{customer} {day}",
                        sums,
                        limits.spike * usual / NANO,
                        sums.nano_usd / usual,
                    )
                )
    return _ordered(rows)


def behaviour(tables: Tables, limits: Limits) -> List[Row]:
    """Customers whose calls rose or fell by half, or whose main model changed.

    The last 14 days of the data against the 14 before; customers with few calls are left out.
    """
    if not tables.days:
        return []
    end = date.fromisoformat(max(tables.days))
    middle = (end - timedelta(days=BEHAVIOUR_DAYS)).isoformat()
    begin = (end - timedelta(days=2 * BEHAVIOUR_DAYS)).isoformat()
    rows = []
    for customer in tables.customer_days:
        now = _window(tables, customer, middle, "9999")
        before = _window(tables, customer, begin, middle)
        rows += _changes(customer, now, before)
    return _ordered(rows)


class Window(NamedTuple):
    """One customer in a span of days."""

    calls: int
    nano_usd: int
    models: CounterOf[str]

    @property
    def main_model(self) -> str:
        """The model that made more than half of the calls, empty where none did."""
        model, count = max(self.models.items(), key=lambda item: item[1], default=("", 0))
        return model if count * 2 > self.calls else ""


def _window(tables: Tables, customer: str, after: str, until: str) -> Window:
    """Sum a customer's days that lie after one date and not after the other."""
    models: CounterOf[str] = Counter()
    calls = nano = 0
    for day, sums in tables.customer_days[customer].items():
        if after < day <= until:
            calls += sums.calls
            nano += sums.nano_usd
            models.update(tables.customer_models[customer, day])
    return Window(calls, nano, models)


def _changes(customer: str, now: Window, before: Window) -> List[Row]:
    """Return what changed between two windows of one customer."""
    rows = []
    if before.calls >= MIN_BEHAVIOUR_CALLS:
        change = now.calls / before.calls - 1
        if abs(change) >= BEHAVIOUR_CHANGE:
            subject = f"{customer} calls {change:+.0%}"
            rows.append(_found("behaviour", subject, now, BEHAVIOUR_CHANGE, abs(change)))
    models = (before.main_model, now.main_model)
    if min(now.calls, before.calls) >= MIN_BEHAVIOUR_CALLS and models[1] and models[0] != models[1]:
        subject = f"{customer} model {models[0] or 'mixed'} to {models[1]}"
        share = now.models[models[1]] / now.calls
        rows.append(_found("behaviour", subject, now, 0.5, share))
    return rows


def outlier(tables: Tables, limits: Limits) -> List[Row]:
    """Calls that cost more than Q3 + 3 × (Q3 − Q1) of all calls, summed by model.

    score is the dearest such call over the limit.
    """
    every: CounterOf[int] = sum(tables.costs.values(), Counter())
    lower, upper = _rank(every, 25), _rank(every, 75)
    limit = upper + OUTLIER_IQRS * (upper - lower)
    rows = []
    for model, costs in tables.costs.items():
        above = {cost: count for cost, count in costs.items() if cost > limit > 0}
        if above:
            nano = sum(cost * count for cost, count in above.items())
            more = {"threshold": limit / NANO, "score": max(above) / limit}
            rows.append(row("outlier", model, sum(above.values()), nano, **more))
    return _ordered(rows)


def _rank(counts: CounterOf[int], percent: int) -> int:
    """Return the nearest-rank percentile of {value: how often}, 0 of nothing."""
    rank, seen = -(-sum(counts.values()) * percent // 100), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return 0


def _found(kind: str, subject: str, sums: Any, limit: float, score: float) -> Row:
    return row(kind, subject, sums.calls, sums.nano_usd, threshold=limit, score=score)


def _ordered(rows: List[Row]) -> List[Row]:
    return sorted(rows, key=lambda row: (-row["score"], row["value"]))


Detector = Callable[[Tables, Limits], List[Row]]
DETECTORS: Sequence[Tuple[str, Detector, str]] = (
    ("statistical", statistical, "hours far above the mean hour"),
    ("threshold", threshold, "days above the budget"),
    ("spike", spike, "customer days far above that customer's median day"),
    ("behaviour", behaviour, "customers whose volume or main model changed"),
    ("outlier", outlier, "single calls of extraordinary cost, by model"),
)


def _show(rows: Sequence[Row]) -> None:
    for entry in rows[:SHOWN]:
        note(
            f"{entry['value']:<36} {entry['count']:>7,} calls ${entry['total_cost']:>11,.4f} "
            f"score {entry['score']:.1f}"
        )
    if len(rows) > SHOWN:
        note(f"… and {len(rows) - SHOWN:,} more")
    if not rows:
        note("Looked for, and none found.")


def demonstrate(arguments: argparse.Namespace) -> List[Row]:
    """Run every detector, print the strongest findings, return all."""
    limits = Limits(arguments.sigmas, arguments.budget, arguments.spike)
    title("Query: anomaly detection")
    step(1, "Read the calls once into hours, days and customer days")
    tables = Tables()
    with open_calls(arguments.path) as calls:
        begin = time.perf_counter()
        tables.consume(calls)
        seconds = time.perf_counter() - begin
        note(calls.described())
    findings: Dict[str, List[Row]] = {}
    for number, (kind, detector, meaning) in enumerate(DETECTORS, 2):
        step(number, f"{kind.capitalize()}: {meaning}")
        findings[kind] = detector(tables, limits)
        _show(findings[kind])
    results(
        [(f"{kind.capitalize()} findings", f"{len(rows):,}") for kind, rows in findings.items()]
        + [("Speed", f"{tables.calls / seconds:,.0f} calls a second")]
    )
    benefits(
        [
            "Each detector sees what the others miss",
            "Baselines that a bad day cannot hide in",
            "Every finding names its subject, its cost and its limit",
        ]
    )
    return [row for rows in findings.values() for row in rows]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Parse the options, run the query, write what was asked for."""
    parser = options(__doc__ or "")
    for name, default, meaning in (
        ("sigmas", DEFAULT_SIGMAS, "standard deviations of the statistical detector"),
        ("budget", DEFAULT_BUDGET_USD, "USD a day of the threshold detector"),
        ("spike", DEFAULT_SPIKE, "times the usual day of the spike detector"),
    ):
        parser.add_argument(f"--{name}", type=_above_zero, default=default, help=meaning)
    arguments = parser.parse_args(argv)

    def query() -> None:
        with narrative(arguments):
            rows = demonstrate(arguments)
        write(arguments, rows)

    return run(query)


def _above_zero(text: str) -> float:
    """Parse an option that must be a finite number above 0."""
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError("must be above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
