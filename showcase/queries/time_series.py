"""Time series: daily, weekly and monthly cost, its trend and growth, and what comes next.

Empty days count as zero.  Days, weeks and months that the data covers only in part are marked
and kept out of growth, trend and forecast, because half a week is no decline.

Use case: budget tracking, forecasts, answers to "since when?".
Pattern: one pass into days; weeks, months, trend and forecast from the days.
Performance: one pass, memory by days.  The forecast's error is measured on the last days of the
data, which it is not shown.
"""

from __future__ import annotations

import argparse
import math
import sys
from datetime import date, timedelta
from statistics import median
from typing import Callable, Dict, Iterable, List, NamedTuple, Sequence, Tuple

from _calls import Call, iso_week, open_calls
from _console import benefits, note, require, results, run, step, title
from _output import Row, narrative, options, row, write

Z_80_PERCENT = 1.2816  # Quantile of the normal distribution for an 80 % interval.
DEFAULT_COMPARE_DAYS = 7
DEFAULT_FORECAST_DAYS = 14


class Day(NamedTuple):
    """Sums of one calendar day; `partial` where the data covers it only in part."""

    when: date
    calls: int
    tokens: int
    nano_usd: int
    partial: bool

    @property
    def usd(self) -> float:
        """Cost in USD."""
        return self.nano_usd / 1e9


def daily(calls: Iterable[Call]) -> List[Day]:
    """Return every day from the first call to the last, empty ones included."""
    sums: Dict[str, List[int]] = {}
    first, last = "9999", ""
    for call in calls:
        first, last = min(first, call.timestamp), max(last, call.timestamp)
        day = sums.setdefault(call.day, [0, 0, 0])
        day[0] += 1
        day[1] += call.tokens
        day[2] += call.nano_usd
    if not sums:
        return []
    begin, end = date.fromisoformat(first[:10]), date.fromisoformat(last[:10])
    days = []
    for offset in range((end - begin).days + 1):
        when = begin + timedelta(days=offset)
        cut = (when == begin and first[11:13] > "00") or (when == end and last[11:13] < "23")
        count, tokens, nano_usd = sums.get(when.isoformat(), [0, 0, 0])
        days.append(Day(when, count, tokens, nano_usd, cut))
    return days


def grouped(days: Sequence[Day], dimension: str) -> List[Row]:
    """Return a row for each day, week or month, with growth against the one before.

    growth_percent is empty where either period is partial or the earlier one cost nothing.
    """
    name_of: Dict[str, Callable[[Day], str]] = {
        "day": lambda day: day.when.isoformat(),
        "week": lambda day: iso_week(day.when.isoformat()),
        "month": lambda day: day.when.isoformat()[:7],
    }
    members: Dict[str, List[Day]] = {}
    for day in days:
        members.setdefault(name_of[dimension](day), []).append(day)
    rows: List[Row] = []
    for name, inside in members.items():
        more = {
            "total_tokens": sum(day.tokens for day in inside),
            "partial": len(inside) < _full_length(dimension, inside[0].when)
            or any(day.partial for day in inside),
            "growth_percent": "",
        }
        nano = sum(day.nano_usd for day in inside)
        period = row(dimension, name, sum(day.calls for day in inside), nano, **more)
        if rows and not period["partial"] and not rows[-1]["partial"] and rows[-1]["total_cost"]:
            period["growth_percent"] = growth(period["total_cost"], rows[-1]["total_cost"])
        rows.append(period)
    return rows


def _full_length(dimension: str, when: date) -> int:
    """Return the number of days that a whole period around this date has."""
    if dimension == "month":
        following = (when.replace(day=28) + timedelta(days=4)).replace(day=1)
        return (following - timedelta(days=1)).day
    return 7 if dimension == "week" else 1


def growth(now: float, before: float) -> float:
    """Return the change in percent, 0.0 where there was nothing before."""
    return (now - before) / before * 100 if before else 0.0


def linear_trend(values: Sequence[float]) -> Tuple[float, float]:
    """Return intercept and slope of the least-squares line over 0, 1, 2, …"""
    count = len(values)
    if count < 2:
        return (values[0] if values else 0.0), 0.0
    middle, mean = (count - 1) / 2, math.fsum(values) / count
    spread = math.fsum((x - middle) ** 2 for x in range(count))
    slope = math.fsum((x - middle) * (y - mean) for x, y in enumerate(values)) / spread
    return mean - slope * middle, slope


class Forecast(NamedTuple):
    """A fitted model: straight line times weekday factor, and its spread in USD."""

    intercept: float
    slope: float
    weekday_factors: Tuple[float, ...]
    sigma: float
    begin: date

    def at(self, when: date) -> Tuple[float, float, float]:
        """Return expected cost of a day with the bounds of its 80 % interval, in USD."""
        line = self.intercept + self.slope * (when - self.begin).days
        expected = max(0.0, line * self.weekday_factors[when.weekday()])
        margin = Z_80_PERCENT * self.sigma
        return expected, max(0.0, expected - margin), expected + margin


def fit(days: Sequence[Day]) -> Forecast:
    """Fit line and weekday factors to whole days (at least one)."""
    values = [day.usd for day in days]
    intercept, slope = linear_trend(values)
    lines = [intercept + slope * number for number in range(len(days))]
    factors = []
    for weekday in range(7):
        ratios = [
            value / line
            for value, line, day in zip(values, lines, days)
            if day.when.weekday() == weekday and line > 0
        ]
        # The median, so that one burst on a Saturday does not make all Saturdays dear.
        factors.append(median(ratios) if ratios else 1.0)
    model = Forecast(intercept, slope, tuple(factors), 0.0, days[0].when)
    residuals = [value - model.at(day.when)[0] for value, day in zip(values, days)]
    sigma = math.sqrt(math.fsum(r * r for r in residuals) / len(residuals))
    return model._replace(sigma=sigma)


def backtest(days: Sequence[Day], horizon: int) -> float:
    """Return the mean absolute error in percent over the last `horizon` days, unseen by the fit.

    0.0 where there are too few days.  Days without cost are left out: no percentage of nothing.
    """
    if len(days) < horizon + 14:
        return 0.0
    model = fit(days[:-horizon])
    errors = [
        abs(model.at(day.when)[0] - day.usd) / day.usd for day in days[-horizon:] if day.nano_usd
    ]
    return 100 * math.fsum(errors) / len(errors) if errors else 0.0


def forecast_rows(days: Sequence[Day], count: int) -> List[Row]:
    """Return rows for the days after the data: expected cost, low and high, in USD."""
    model = fit(days)
    rows = []
    for ahead in range(1, count + 1):
        when = days[-1].when + timedelta(days=ahead)
        expected, low, high = model.at(when)
        day = row("forecast", when.isoformat(), 0, 0, low=low, high=high)
        day["total_cost"] = expected
        rows.append(day)
    return rows


def compare(days: Sequence[Day], length: int) -> Tuple[float, float, float]:
    """Return USD of the last `length` whole days, of those before, and the change in percent."""
    now = math.fsum(day.usd for day in days[-length:])
    before = math.fsum(day.usd for day in days[-2 * length : -length])
    return now, before, growth(now, before)


def _print_rows(rows: Sequence[Row], last: int) -> None:
    for entry in rows[-last:]:
        change = entry.get("growth_percent", "")
        text = "partial" if entry.get("partial") else f"{change:+.1f} %" if change != "" else ""
        note(
            f"{entry['value']:<11} {entry['count']:>9,} calls "
            f"${entry['total_cost']:>12,.4f} {text:>9}"
        )


def _show_series(days: Sequence[Day]) -> List[Row]:
    """Print the ends of the three series; return all their rows."""
    rows: List[Row] = []
    for number, (dimension, last) in enumerate((("day", 7), ("week", 5), ("month", 4)), 2):
        step(number, f"Cost by {dimension}, the last {last}")
        series = grouped(days, dimension)
        _print_rows(series, last)
        total = sum(period["count"] for period in series)
        require(
            total == sum(day.calls for day in days), f"{len(series)} {dimension}s, no call lost"
        )
        rows += series
    return rows


def demonstrate(arguments: argparse.Namespace) -> List[Row]:
    """Print series, trend, comparison and forecast; return every row."""
    title("Query: time series")
    step(1, "Read the calls into days")
    with open_calls(arguments.path) as calls:
        days = daily(calls)
        note(calls.described())
    if not days:
        raise ValueError("no calls to put on a time line")
    rows = _show_series(days)
    whole = [day for day in days if not day.partial] or days
    slope = linear_trend([day.usd for day in whole])[1]
    now, before, change = compare(whole, arguments.compare_days)

    step(5, f"Forecast for {arguments.forecast_days} days, 80 % interval")
    ahead = forecast_rows(whole, arguments.forecast_days)
    for ahead_day in ahead[:7]:
        span = f"({ahead_day['low']:,.4f} – {ahead_day['high']:,.4f})"
        note(f"{ahead_day['value']}  ${ahead_day['total_cost']:>10,.4f}  {span}")
    error = backtest(whole, 7)
    results(
        [
            ("Days", f"{len(days)}, {len(days) - len(whole)} of them partial"),
            ("Average cost a day", f"${math.fsum(d.usd for d in whole) / len(whole):,.4f}"),
            ("Trend", f"{slope:+,.4f} USD a day, every day"),
            (f"Last {arguments.compare_days} days", f"${now:,.4f} ({change:+.1f} %)"),
            ("The days before", f"${before:,.4f}"),
            (
                "Forecast total",
                f"${math.fsum(ahead_day['total_cost'] for ahead_day in ahead):,.4f}",
            ),
            ("Forecast's error, 7 unseen days", f"{error:.1f} %"),
        ]
    )
    benefits(
        [
            "Growth is measured on whole periods only",
            "A forecast that says how wrong it was",
            "The same days feed every view, so they agree",
        ]
    )
    return rows + ahead


def main() -> int:
    """Parse the options, run the query, write what was asked for."""
    parser = options(__doc__ or "")
    parser.add_argument("--compare-days", type=_positive, default=DEFAULT_COMPARE_DAYS, metavar="N")
    parser.add_argument(
        "--forecast-days", type=_positive, default=DEFAULT_FORECAST_DAYS, metavar="N"
    )
    arguments = parser.parse_args()

    def query() -> None:
        with narrative(arguments):
            rows = demonstrate(arguments)
        write(arguments, rows)

    return run(query)


def _positive(text: str) -> int:
    """Parse an option that must be a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
