"""Print cost by day, week and month, its trend, a comparison of periods and a forecast."""

from __future__ import annotations

import argparse
import math
from typing import List, Optional, Sequence

import time_series
from _console import benefits, note, require, results, step, title
from _dataset import dataset
from _output import narrative, number, options, percent, usd, write
from time_series import (
    MIN_TREND_DAYS,
    CallFile,
    Day,
    Row,
    backtest,
    comparable,
    compare,
    daily,
    forecast_rows,
    grouped,
    trend,
)

DEFAULT_COMPARE_DAYS = 7
DEFAULT_FORECAST_DAYS = 14
TRIED_DAYS = 7


def _print_rows(rows: Sequence[Row], last: int) -> None:
    for entry in rows[-last:]:
        change = entry["growth_percent"]
        text = "partial" if entry["partial"] else "" if change is None else f"{change:+.1f} %"
        note(f"{entry['value']:<11} {entry['count']:>9,} calls {usd(entry):>15} {text:>9}")


def _show_series(days: Sequence[Day]) -> List[Row]:
    """Print the ends of the three series; return all their rows."""
    rows: List[Row] = []
    for place, (dimension, last) in enumerate((("day", 7), ("week", 5), ("month", 4)), 2):
        step(place, f"Cost by {dimension}, the last {last}")
        series = grouped(days, dimension)
        _print_rows(series, last)
        total = sum(period["count"] for period in series)
        expected = sum(day.money.calls for day in days)
        require(total == expected, f"{len(series)} {dimension}s, no call lost")
        rows += series
    return rows


def demonstrate(argv: Optional[Sequence[str]] = None) -> List[Row]:
    """Print series, trend, comparison and forecast; return every row."""
    parser = options(time_series.__doc__ or "")
    parser.add_argument("--compare-days", type=_positive, default=DEFAULT_COMPARE_DAYS, metavar="N")
    parser.add_argument(
        "--forecast-days", type=_positive, default=DEFAULT_FORECAST_DAYS, metavar="N"
    )
    arguments = parser.parse_args(argv)
    with narrative(arguments):
        rows = _series(arguments)
    write(arguments, rows)
    return rows


def _series(arguments: argparse.Namespace) -> List[Row]:
    title("Query: time series")
    step(1, "Read the calls into days")
    with dataset(arguments.path) as chosen:
        calls = CallFile(*chosen)
        days = daily(calls)
        note(calls.described())
    if not days:
        raise ValueError("no calls to put on a time line")
    rows = _show_series(days)
    step(5, f"Forecast for {arguments.forecast_days} days, 80 % interval")
    ahead = forecast_rows(days, arguments.forecast_days)
    _show_forecast(days, ahead)
    _show_results(days, ahead, arguments.compare_days)
    benefits(
        [
            "Growth is measured on whole periods only",
            "A forecast that says how wrong it was",
            "The same days feed every view, so they agree",
        ]
    )
    return rows + ahead


def _show_forecast(days: Sequence[Day], ahead: Sequence[Row]) -> None:
    for day in ahead[:7]:
        span = f"({day['low']:,.4f} – {day['high']:,.4f})"
        note(f"{day['value']}  ${day['total_cost']:>10,.4f}  {span}")
    if not ahead:
        unpriced = sum(day.money.unpriced_rows for day in days)
        whole = sum(not day.partial for day in days)
        reason = f"{unpriced:,} rows have no cost" if unpriced else f"there are {whole}"
        note(f"None: it needs {MIN_TREND_DAYS} whole days of known cost, and {reason}")


def _show_results(days: Sequence[Day], ahead: Sequence[Row], compared: int) -> None:
    known, comparison = comparable(days), compare(days, compared)
    average = math.fsum(day.usd for day in known) / len(known) if known else None
    expected = math.fsum(day["total_cost"] for day in ahead) if ahead else None
    error = backtest(days, TRIED_DAYS)
    results(
        [
            ("Days", f"{len(days)}, {sum(day.partial for day in days)} of them partial"),
            ("Average cost of a whole day, USD", number(average, ",.4f")),
            ("Trend, USD a day, every day", number(trend(days), "+,.4f")),
            (f"Last {compared} whole days, USD", number(comparison.now, ",.4f")),
            ("The days before, USD", number(comparison.before, ",.4f")),
            ("Change", percent(comparison.change_percent, "+.1f")),
            ("Forecast total, USD", number(expected, ",.4f")),
            (
                f"Forecast's error, {TRIED_DAYS} unseen days",
                "not tested" if error is None else percent(error),
            ),
        ]
    )


def _positive(text: str) -> int:
    """Parse an option that must be a whole number of at least 1."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return count
