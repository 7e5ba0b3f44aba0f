"""Test the forecast on days it has not seen: each scenario alone, and the default dataset.

    PYTHONPATH=src .venv/bin/python scripts/backtest.py         seeds 42 and 1 to 5, 50 MB each
    … --seeds 42 --size 200MB --default-only                    one larger, of all scenarios at once
    … --json FILE                                               the daily costs and every figure

For each dataset the daily cost is forecast by the code of the analyzers, 14 days ahead, from every
day on which there were three weeks to forecast from, at most the last 91 such days.  Against it
stands the seasonal-naive forecast of the same days: each is the same weekday of the last week
seen.  Errors are means of absolute percentages over days that cost anything.  They are computed
here once more, and it is an error where the one that the result reports is another.  The interval
is that of the forecast itself.  Sums are those expected of 14 days against what they were.
Returns 1 where the error of any dataset is above the seasonal-naive one, or where the intervals
hold less than 70 or more than 90 % of the days of a scenario.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple

from evaluate_seeds import seeds_of

from finops import config
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.forecast import forecast, month_ahead
from finops.commands.base import parse_size
from finops.results.understanding import Backtest
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Table
from finops.simulator.engine import generate
from finops.simulator.scenarios import SCENARIOS

EVERYTHING = "all scenarios at once"
COSTS = Table(("day",), ("cost",))
WEEK = 7
LEAST_SEEN = 3 * WEEK
SAME = 1e-9
LEAST_COVERED, MOST_COVERED = 70.0, 90.0


class Errors(NamedTuple):
    """Of one series: mean absolute percentage errors and the share of days in the interval.

    All are over the same `tries` and the same `days` ahead of them; `sums_off` is the mean error
    of the sums in percent, below 0 where they are too low.
    """

    tries: int
    ours: float
    naive: float
    covered: float
    days: int
    sums_off: float


class Line(NamedTuple):
    """One scenario over all seeds; `worse` counts those on which the naive one was better."""

    name: str
    ours: float
    naive: float
    worse: int
    covered: float
    days: int
    sums_off: float


def naive(seen: Sequence[float], horizon: int) -> List[float]:
    """Return the last week again and again."""
    return [seen[len(seen) - WEEK + i % WEEK] for i in range(horizon)]


def mape(guesses: Sequence[float], actual: Sequence[float]) -> List[float]:
    """Return the absolute errors in percent, of the days above 0."""
    return [100 * abs(g - a) / a for g, a in zip(guesses, actual) if a > 0]


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def tested(values: Sequence[float]) -> Errors:
    """Forecast a series from all days that have enough before and after them.

    Raises SystemExit where there is none.
    """
    ahead = config.FORECAST_BACKTEST_DAYS
    ours: List[float] = []
    theirs: List[float] = []
    inside: List[bool] = []
    sums: List[float] = []
    origins = range(LEAST_SEEN, len(values) - ahead + 1)[-config.FORECAST_TRIED_DAYS :]
    if not origins:
        raise SystemExit(f"{len(values)} days are too few: choose a larger --size")
    for origin in origins:
        seen, held = values[:origin], values[origin : origin + ahead]
        guesses = forecast(seen, ahead)
        ours += mape([guess.value for guess in guesses], held)
        theirs += mape(naive(seen, ahead), held)
        inside += [guess.low <= actual <= guess.high for guess, actual in zip(guesses, held)]
        sums.append(100 * (sum(guess.expected for guess in guesses) / sum(held) - 1))
    covered = 100 * mean([float(guess) for guess in inside])
    return Errors(len(origins), mean(ours), mean(theirs), covered, len(inside), mean(sums))


def check(measured: Errors, reported: Backtest) -> None:
    """Raise SystemExit where the result reports another error, or another number of tries."""
    same = (reported.horizon_days, reported.tries) == (
        config.FORECAST_BACKTEST_DAYS,
        measured.tries,
    )
    if not same or abs((reported.mape_percent or 0.0) - measured.ours) > SAME:
        raise SystemExit(f"the result reports {reported}, and here it is {measured}")


def series_of(name: str, seed: int, size: int, workers: int) -> Tuple[List[float], Backtest]:
    """Simulate one dataset; return its cost of each whole day in USD, and the result's test."""
    scenarios = None if name == EVERYTHING else [name]
    with tempfile.TemporaryDirectory(prefix="finops-backtest-") as folder:
        path = Path(folder) / "calls.csv"
        generate(path, size, seed=seed, scenarios=scenarios, workers=workers)
        data = open_dataset(path, workers=workers).rollups((COSTS, HOURLY_CALLS))
        costs = {day: cost for (day,), (cost,) in data[COSTS].items()}
        span = covered_days(data)
        values = [costs.get(day, 0.0) for day in span.whole]
        return values, month_ahead(costs, span)[1]


def over_seeds(name: str, errors: Sequence[Errors]) -> Line:
    """Return one line of the table."""
    days = sum(error.days for error in errors)
    return Line(
        name,
        mean([error.ours for error in errors]),
        mean([error.naive for error in errors]),
        sum(error.ours > error.naive for error in errors),
        sum(error.covered * error.days for error in errors) / max(days, 1),
        days,
        mean([error.sums_off for error in errors]),
    )


def table(lines: Sequence[Line]) -> str:
    """Return the lines as Markdown."""
    names = (
        "scenario",
        "error %",
        "naive error %",
        "seeds worse",
        "in the interval %",
        "days",
        "sums off %",
    )
    shown = [" | ".join(names), " | ".join("---" for _ in names)]
    for line in lines:
        cells = [f"{cell:.1f}" if isinstance(cell, float) else f"{cell:,}" for cell in line[1:]]
        shown.append(" | ".join([line.name, *cells]))
    return "\n".join(f"| {cell} |" for cell in shown)


def main(words: Sequence[str]) -> int:
    """Test all scenarios with all seeds; return 1 where one is not good enough."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=seeds_of, default="42,1-5", help="default 42,1-5")
    parser.add_argument("--size", type=parse_size, default="50MB", help="default 50MB")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="default 2")
    parser.add_argument("--default-only", action="store_true", help="no scenario on its own")
    parser.add_argument("--json", metavar="FILE", help="also write all figures here")
    args = parser.parse_args(words)
    lines, figures = [], []
    for name in (EVERYTHING,) if args.default_only else (EVERYTHING, *SCENARIOS):
        errors = []
        for seed in args.seeds:
            values, reported = series_of(name, seed, args.size, args.workers)
            errors.append(tested(values))
            check(errors[-1], reported)
            figures.append({"name": name, "seed": seed, **errors[-1]._asdict(), "costs": values})
        lines.append(over_seeds(name, errors))
        print(f"{name} done", file=sys.stderr, flush=True)
    days = sum(line.days for line in lines)
    pooled = sum(line.covered * line.days for line in lines) / max(days, 1)
    print(table(lines))
    print(
        f"\n{pooled:.1f} % of {days:,} days lie in the interval of "
        f"{100 * config.FORECAST_INTERVAL:.0f} %"
    )
    if args.json:
        Path(args.json).write_text(json.dumps(figures) + "\n", encoding="utf-8")
    good = [
        not dataset.worse and LEAST_COVERED <= dataset.covered <= MOST_COVERED for dataset in lines
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
