"""Where a daily series is heading: a linear trend with weekday factors, and how sure that is.

The trend is least squares over the last weeks.  The factors are the geometric mean, for each
weekday, of the ratios to it: costs stray by a factor and not by a sum, so a day twice as
expensive and one half as expensive cancel out, and the curve runs through typical days.  Slope
and differences between weekdays are shrunk by the positive-part rule of James and Stein: what
noise alone would produce counts for little; a slope must be beyond what noise hardly ever
produces, since it is carried on for weeks.  Where the series is long enough, the forecast is a
mean of this and of the same weekday of the last week, weighted by how well each forecast the last
days from those before (the weights of Bates and Granger): a level that has just shifted is then
followed and not averaged away.

A typical day is what a single day is best guessed as, but thirty of them are less than a month:
days stray farther up than down.  So each forecast also has the amount to be expected, in which
the curve is raised to the sum of the days that it was drawn through; that is what to add up.

How sure it is comes from trying it on days that it has not seen, for a curve always lies closer
to the days that it was drawn through.  That is done twice, for two questions.  How wide the
interval must be is how far forecasts from each of the last days missed, in the unit of the series:
it follows the level of today.  How good the method is (`backtest`) is the mean error in percent of
forecasts from every day that had enough before and after it, today's level or not.

How sure a sum is (`sum_range`) follows from how far sums of such forecasts missed: days that
stray by chance cancel out in a sum, so it is less wide than its days' intervals together.

A series is a list of numbers, one a calendar day, days without calls counting 0.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Callable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.shared.covered_days import CoveredDays
from finops.results.understanding import Backtest, ProjectedDay
from finops.stats import mean, percent, percentile
from finops.timestamps import add_days, date_of

# Of the mean of days: a smaller miss is one of the arithmetic.
_NO_MISS = 1e-6

WEEK = 7
LEAST_BEFORE = 3 * WEEK
# Of a forecast that could not be tried.
UNTRIED = Backtest(0, None, 0)

Curve = Callable[[int], float]


class Projected(NamedTuple):
    """One forecast: a typical value, the bounds that hold with the configured chance, the mean.

    `value` is as likely too high as too low; sums are made of `expected`.
    """

    value: float
    low: float
    high: float
    expected: float


class Mixed(NamedTuple):
    """A curve and the repetition of the last week, and the weight of the curve, 0 to 1."""

    share: float
    curve: Curve
    repeat: Curve

    def at(self, index: int, raised: float = 1.0) -> float:
        """Return the value of a day, the curve times `raised`."""
        return self.share * raised * self.curve(index) + (1 - self.share) * self.repeat(index)


def forecast(values: Sequence[float], horizon: int) -> List[Projected]:
    """Return `horizon` forecasts that follow the values; none where there are no values.

    The bounds are the `config.FORECAST_INTERVAL` quantile of how far the same forecast, made from
    each of the last `config.FORECAST_ORIGINS` days, missed days it had not seen, up to
    `config.FORECAST_BACKTEST_DAYS` ahead; farther out they widen with the root of the distance,
    as sums of independent steps do.  They are never below 0.
    """
    if not values:
        return []
    mixed = _combined(values)
    miss, raised = _typical_miss(values, mixed), _raised(values, mixed.curve)
    projected = []
    for ahead in range(1, horizon + 1):
        index = len(values) - 1 + ahead
        value, expected = mixed.at(index), mixed.at(index, raised)
        half = miss * math.sqrt(max(1.0, ahead / config.FORECAST_BACKTEST_DAYS))
        projected.append(Projected(value, max(0.0, value - half), value + half, expected))
    return projected


def backtest(values: Sequence[float]) -> Backtest:
    """Forecast days of the series from those before them, and compare.

    This is the error of a rolling origin (cross-validation of a time series), from the days of
    `tried_from`.  Which day a single try begins on decides more than the method does, so it is
    the mean of all; None where there is no day to compare with.
    """
    origins = tried_from(len(values))
    ahead = len(values) - origins.start if origins else 0
    errors: List[float] = [
        percent(abs(guess - actual), actual)
        for guess, actual in _trials(values, origins)
        if actual > 0
    ]
    error: Optional[float] = mean(errors) if errors else None
    return Backtest(min(config.FORECAST_BACKTEST_DAYS, ahead), error, len(origins))


def sum_range(values: Sequence[float], total: float, horizon: int) -> Optional[Tuple[float, float]]:
    """Return the bounds, which hold with the configured chance, of a forecast sum of some days.

    `total` is the sum of the `horizon` days after the values.  The bounds are the quantile of how
    far, in proportion, sums of `config.FORECAST_BACKTEST_DAYS` forecast from earlier days missed;
    more days widen them with the root of their number, as for single days.  None where fewer
    than `config.FORECAST_SUM_TRIES` sums could be tried.
    """
    ahead = config.FORECAST_BACKTEST_DAYS
    origins = tried_from(len(values))
    if len(values) - ahead < LEAST_BEFORE or len(origins) < config.FORECAST_SUM_TRIES:
        return None
    misses = []
    for origin, mixed in zip(origins, _fitted(tuple(values), origins)):
        raised = _raised(values[:origin], mixed.curve)
        guess = math.fsum(mixed.at(index, raised) for index in range(origin, origin + ahead))
        if guess > 0:
            misses.append(abs(math.fsum(values[origin : origin + ahead]) / guess - 1))
    half = percentile(misses, config.FORECAST_INTERVAL) * math.sqrt(max(1.0, horizon / ahead))
    return total * max(0.0, 1 - half), total * (1 + half)


def tried_from(count: int) -> range:
    """Return the places of the days, in a series of so many, from which `backtest` forecasts.

    They are all with three weeks before them and `config.FORECAST_BACKTEST_DAYS` from them on, of
    many the last `config.FORECAST_TRIED_DAYS`.  Where there is none, they are the last days, as
    for the interval, and the tries end with the series.
    """
    end = count - config.FORECAST_BACKTEST_DAYS + 1
    if end <= LEAST_BEFORE:
        return _last_days(count)
    return range(max(LEAST_BEFORE, end - config.FORECAST_TRIED_DAYS), end)


def _combined(values: Sequence[float]) -> Mixed:
    """Trend and repetition of the last week, each weighted by the error of the other."""
    trend = _trend(values)
    if len(values) < WEEK:
        return Mixed(1.0, trend, trend)
    return Mixed(_trend_share(values), trend, _last_week(values))


def _trend_share(values: Sequence[float]) -> float:
    """Weight of the trend, 0 to 1, by the errors on days held back.

    Of two that err as much the trend weighs more, for it rests on weeks and the other on single
    days: `config.FORECAST_TREND_FAVOUR` times as much, also where nothing can be held back.
    """
    held = _held_back(len(values))
    missed = missed_by_week = 1.0
    if held:
        seen = values[:-held]
        missed = _missed(values, len(seen), _trend(seen))
        missed_by_week = _missed(values, len(seen), _last_week(seen))
    favoured = config.FORECAST_TREND_FAVOUR * missed_by_week
    return favoured / (missed + favoured) if missed + favoured else 1.0


def _raised(values: Sequence[float], curve: Curve) -> float:
    """How much more the days of the window are in sum than the curve drawn through them."""
    days = range(max(0, len(values) - config.FORECAST_WINDOW_DAYS), len(values))
    drawn = math.fsum(curve(i) for i in days)
    return math.fsum(values[i] for i in days) / drawn if drawn else 1.0


def _held_back(count: int) -> int:
    """Days to try a forecast on, so that at least two weeks remain to make it from."""
    return min(config.FORECAST_BACKTEST_DAYS, max(0, count // WEEK - 2) * WEEK)


def _missed(values: Sequence[float], start: int, curve: Curve) -> float:
    return math.fsum(abs(curve(i) - values[i]) for i in range(start, len(values)))


def _last_week(values: Sequence[float]) -> Curve:
    """The value a week earlier: in the series its own, after it that of the last week.

    The first week has nothing before it and is given the mean.
    """
    count, level = len(values), mean(values)

    def repeat(index: int) -> float:
        if index >= count:
            return values[count - WEEK + (index - count) % WEEK]
        return values[index - WEEK] if index >= WEEK else level

    return repeat


def _trend(values: Sequence[float]) -> Curve:
    """Level and slope over the last window, times the factor of the weekday."""
    skipped = max(0, len(values) - config.FORECAST_WINDOW_DAYS)
    window = values[skipped:]
    line = _line(window)
    factors = _weekday_factors(window, line)
    flattened = [value / factors[i % WEEK] for i, value in enumerate(window)]
    line = _line(flattened, config.FORECAST_SLOPE_EVIDENCE)
    factors = _weekday_factors(window, line)
    return lambda index: line(index - skipped) * factors[(index - skipped) % WEEK]


def _line(values: Sequence[float], evidence: float = 1.0) -> Curve:
    """Least-squares line, its slope shrunk by its own uncertainty, never below 0.

    A slope whose squared t-ratio is not beyond `evidence` is none.
    """
    count = len(values)
    middle, level = (count - 1) / 2, mean(values)
    if count < 2 * WEEK:
        return lambda index: level  # a weekend at either end would look like a slope
    width = math.fsum((i - middle) ** 2 for i in range(count))
    slope = math.fsum((i - middle) * v for i, v in enumerate(values)) / width
    left = math.fsum((v - level - slope * (i - middle)) ** 2 for i, v in enumerate(values))
    slope *= _kept(slope * slope * width, evidence * left / max(count - 2, 1))
    return lambda index: max(0.0, level + slope * (index - middle))


def _kept(explained: float, noise: float) -> float:
    """Positive-part shrinkage: the part of an effect that noise of this size leaves, 0 to 1."""
    return max(0.0, 1 - noise / explained) if explained else 0.0


def _weekday_factors(values: Sequence[float], line: Curve) -> List[float]:
    """Seven factors, all above 0, by position in the week of the window.

    They are geometric means, so they lie below 1 where the values scatter around the line.  A
    day near 0 counts as `config.FORECAST_LEAST_SHARE` of the mean: one outage is not all there is.
    """
    levels = [line(i) for i in range(len(values))]
    if len(values) < 2 * WEEK or min(levels) <= 0:
        return [1.0] * WEEK
    least = config.FORECAST_LEAST_SHARE * mean(values)
    ratios = [math.log(max(value, least) / level) for value, level in zip(values, levels)]
    centre = mean(ratios)
    groups = [ratios[day::WEEK] for day in range(WEEK)]
    means = [mean(group) for group in groups]
    between = math.fsum(len(g) * (m - centre) ** 2 for g, m in zip(groups, means))
    within = math.fsum((r - m) ** 2 for g, m in zip(groups, means) for r in g)
    kept = _kept(between / (WEEK - 1), within / (len(ratios) - WEEK))
    return [math.exp(centre + kept * (m - centre)) for m in means]


def _typical_miss(values: Sequence[float], mixed: Mixed) -> float:
    """The distance that the configured share of days stays within.

    Where few days could be forecast from others, the distance between the curve and the days
    it was drawn through is the least; of one or two days nothing is known, so it is the value.
    """
    count = len(values)
    if count < config.FORECAST_MIN_DAYS:
        return mixed.at(count)
    unseen = percentile(_misses(values), config.FORECAST_INTERVAL)
    if count >= 3 * WEEK:
        return unseen
    drawn_through = percentile(
        (abs(value - mixed.at(i)) for i, value in enumerate(values)), config.FORECAST_INTERVAL
    )
    return max(unseen, drawn_through * math.sqrt(count / (count - 2)))


def _misses(values: Sequence[float]) -> List[float]:
    """How far forecasts from each of the last days missed the days after them."""
    trials = _trials(values, _last_days(len(values)))
    return [abs(guess - actual) for guess, actual in trials]


def _last_days(count: int) -> range:
    """Places of the last `config.FORECAST_ORIGINS` days of so many, but none of the first week."""
    return range(max(WEEK, count - config.FORECAST_ORIGINS), count)


def _trials(values: Sequence[float], origins: range) -> Iterator[Tuple[float, float]]:
    """Yield forecast and value of the days from each origin on, which the forecast did not see."""
    for origin, mixed in zip(origins, _fitted(tuple(values), origins)):
        end = min(len(values), origin + config.FORECAST_BACKTEST_DAYS)
        for index in range(origin, end):
            yield mixed.at(index), values[index]


@lru_cache(maxsize=8)  # tried several times over the same days, by more than one report
def _fitted(values: Tuple[float, ...], origins: range) -> Tuple[Mixed, ...]:
    """Return the forecast from each origin, made from the days before it."""
    return tuple(_combined(values[:origin]) for origin in origins)


def month_ahead(
    days: Mapping[str, float], span: CoveredDays
) -> Tuple[List[ProjectedDay], Backtest]:
    """Return the projection of {date: amount}, and how good such projections were.

    It is made from whole days, for half a day looks like a collapse; days without an entry are
    0.  The projection holds the `config.DAYS_PER_MONTH` dates after the last one of the data;
    `cost` is a typical day, and the sum of `expected` the month.  Under
    `config.SHORT_PERIOD_DAYS` covered days there is none, nor where no day is known by itself.
    """
    if not span.has_rates or not span.whole:
        return [], UNTRIED
    values = _whole_days(days, span)
    last = date_of(span.dates[-1])
    left_off = (last - date_of(span.whole[-1])).days
    guesses = forecast(values, config.DAYS_PER_MONTH + left_off)[left_off:]
    projection = [
        ProjectedDay(
            date=add_days(last, i),
            cost=guess.value,
            low=guess.low,
            high=guess.high,
            expected=guess.expected,
        )
        for i, guess in enumerate(guesses, start=1)
    ]
    return projection, backtest(values)


def month_range(
    days: Mapping[str, float], span: CoveredDays, total: float
) -> Optional[Tuple[float, float]]:
    """Return the range of the sum of `month_ahead`; None where it could not be tried enough.

    A range without width is one only where no forecast of a single day missed either.
    """
    values = _whole_days(days, span)
    found = sum_range(values, total, config.DAYS_PER_MONTH)
    if found and found[0] == found[1] and max(_misses(values)) > mean(values) * _NO_MISS:
        return None
    return found


def _whole_days(days: Mapping[str, float], span: CoveredDays) -> List[float]:
    return [days.get(date, 0.0) for date in span.whole]
