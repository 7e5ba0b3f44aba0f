"""Test the forecast on days it has not seen: each scenario alone, and the default dataset.

    PYTHONPATH=src .venv/bin/python scripts/backtest.py         seeds 42 and 1 to 5, 50 MB each
    … --seeds 42 --size 200MB
    … --json FILE                                               the daily costs and every figure

For each dataset the daily cost is forecast by the code of the analyzers, from every day on which
there were three weeks to forecast from, 14 days ahead.  Against it stands the seasonal-naive
forecast: each day is the same weekday of the last week seen.  Errors are means of absolute
percentages over days that cost anything; the interval is that of the forecast itself.  The
reported error is the one of the result, tried from each of the last days on.  Sums are those
expected of 14 days against what they were.  Returns 1 where a forecast is worse than the
seasonal-naive one over all its days, or where the intervals hold less than 70 or more than 90 %
of the days of a scenario.
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
from finops.analyzers.finops.tables import DAYS
from finops.analyzers.forecast import (
    WEEK,
    backtest,
    daily_series,
    forecast,
    partial_days,
    tried_from,
)
from finops.commands.base import parse_size
from finops.dataset.scan import open_dataset
from finops.simulator.engine import generate
from finops.simulator.scenarios import SCENARIOS

EVERYTHING = "all scenarios in turn"
LEAST_SEEN = 3 * WEEK
LEAST_COVERED, MOST_COVERED = 70.0, 90.0


class Errors(NamedTuple):
    """Of one series: mean absolute percentage errors and the share of days in the interval.

    `reported` is what the report says of its last days, `reported_naive` the same for the
    seasonal-naive forecast; `ours`, `naive` and `covered` are over all origins and `days`, and
    so is `sums_off`, the mean error of the sums in percent, below 0 where they are too low.
    """

    reported: float
    reported_naive: float
    ours: float
    naive: float
    covered: float
    days: int
    sums_off: float


class Line(NamedTuple):
    """One scenario over all seeds.

    `reported_worse` and `worse` count the seeds on which the naive one was better.
    """

    name: str
    reported: float
    reported_naive: float
    reported_worse: int
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
    """Forecast a series from all its origins."""
    ahead = config.FORECAST_BACKTEST_DAYS
    ours: List[float] = []
    theirs: List[float] = []
    inside: List[bool] = []
    sums: List[float] = []
    for origin in range(LEAST_SEEN, len(values) - ahead + 1):
        seen, held = values[:origin], values[origin : origin + ahead]
        guesses = forecast(seen, ahead)
        ours += mape([one.value for one in guesses], held)
        theirs += mape(naive(seen, ahead), held)
        inside += [one.low <= actual <= one.high for one, actual in zip(guesses, held)]
        sums.append(100 * (sum(one.expected for one in guesses) / sum(held) - 1))
    covered = 100 * mean([float(one) for one in inside])
    return Errors(*reported(values), mean(ours), mean(theirs), covered, len(inside), mean(sums))


def reported(values: Sequence[float]) -> Tuple[float, float]:
    """Return the error that the result reports of a series, and that of the naive forecast."""
    ahead = config.FORECAST_BACKTEST_DAYS
    repeated: List[float] = []
    for origin in tried_from(len(values)):
        repeated += mape(naive(values[:origin], ahead), values[origin : origin + ahead])
    return backtest(values).mape_percent, mean(repeated)


def series_of(name: str, seed: int, size: int, workers: int) -> List[float]:
    """Simulate one dataset, and return its cost of each whole day in USD."""
    scenarios = None if name == EVERYTHING else [name]
    with tempfile.TemporaryDirectory(prefix="finops-backtest-") as folder:
        path = Path(folder) / "calls.csv"
        generate(path, size, seed=seed, scenarios=scenarios, workers=workers)
        data = open_dataset(path, workers=workers).rollups((DAYS,))
        costs = {day: cost for (day,), (_, cost, _) in data[DAYS].items()}
        return daily_series(costs, partial_days(data.period))[1]


def over_seeds(name: str, found: Sequence[Errors]) -> Line:
    """Return one line of the table."""
    days = sum(one.days for one in found)
    return Line(
        name,
        mean([one.reported for one in found]),
        mean([one.reported_naive for one in found]),
        sum(one.reported > one.reported_naive for one in found),
        mean([one.ours for one in found]),
        mean([one.naive for one in found]),
        sum(one.ours > one.naive for one in found),
        sum(one.covered * one.days for one in found) / max(days, 1),
        days,
        mean([one.sums_off for one in found]),
    )


def table(lines: Sequence[Line]) -> str:
    """Return the lines as Markdown."""
    names = (
        "scenario",
        "reported error %",
        "… naive %",
        "seeds worse",
        "error from all days %",
        "… naive %",
        "seeds worse",
        "in the interval %",
        "days",
        "sums off %",
    )
    shown = [" | ".join(names), " | ".join("---" for _ in names)]
    for line in lines:
        cells = [f"{one:.1f}" if isinstance(one, float) else f"{one:,}" for one in line[1:]]
        shown.append(" | ".join([line.name, *cells]))
    return "\n".join(f"| {one} |" for one in shown)


def main(words: Sequence[str]) -> int:
    """Test all scenarios with all seeds; return 1 where one is not good enough."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=seeds_of, default="42,1-5", help="default 42,1-5")
    parser.add_argument("--size", type=parse_size, default="50MB", help="default 50MB")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="default 2")
    parser.add_argument("--json", metavar="FILE", help="also write all figures here")
    args = parser.parse_args(words)
    lines, figures = [], []
    for name in (EVERYTHING, *SCENARIOS):
        found = []
        for seed in args.seeds:
            values = series_of(name, seed, args.size, args.workers)
            found.append(tested(values))
            figures.append({"name": name, "seed": seed, **found[-1]._asdict(), "costs": values})
        lines.append(over_seeds(name, found))
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
    good = [not one.worse and LEAST_COVERED <= one.covered <= MOST_COVERED for one in lines]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
