from __future__ import annotations

import math
import random
from typing import List

import pytest

from finops import config
from finops.analyzers.shared.covered_days import CoveredDays, day_shares
from finops.analyzers.shared.forecast import (
    UNTRIED,
    backtest,
    forecast,
    month_ahead,
    sum_range,
    tried_from,
)
from finops.results.understanding import Backtest
from finops.timestamps import hours_between

WEEKDAYS = [1.0, 1.1, 1.2, 1.0, 0.9, 0.5, 0.3]


def noisy(count: int, seed: int, slope: float = 0.0) -> List[float]:
    draw = random.Random(seed)
    return [(100 + slope * i) * WEEKDAYS[i % 7] * (1 + draw.gauss(0, 0.1)) for i in range(count)]


def naive(values: List[float], horizon: int) -> List[float]:
    return [values[len(values) - 7 + i % 7] for i in range(horizon)]


# --- series ----------------------------------------------------------------------------------


def span_of(first: str, last: str) -> CoveredDays:
    """Return the covered days of a call in every hour from one to another."""
    return CoveredDays(day_shares({(hour,): (1,) for hour in hours_between(first, last)}))


def test_days_without_calls_count_as_nothing() -> None:
    span = span_of("2025-01-01T00", "2025-02-25T23")
    weekly = {day: 7.0 for day in span.dates[::7]}
    projection, tested = month_ahead(weekly, span)
    # 56 days of 1.00 on average: four or five Mondays of 7.00 in the next thirty.
    assert 28 <= sum(day.expected for day in projection) <= 35
    assert tested.tries


def test_partial_days_at_the_ends_are_left_off() -> None:
    span = span_of("2025-01-01T20", "2025-01-20T03")
    spent = dict.fromkeys(span.dates, 10.0)
    spent.update({span.dates[0]: 0.1, span.dates[-1]: 0.1})
    projection, _ = month_ahead(spent, span)
    assert [day.expected for day in projection] == pytest.approx([10.0] * 30)
    assert projection[0].date == "2025-01-21"


# --- forecast --------------------------------------------------------------------------------


def test_nothing_follows_from_nothing() -> None:
    assert forecast([], 30) == []


def test_one_day_goes_on_and_says_that_it_knows_no_better() -> None:
    found = forecast([4.0], 3)
    assert [(p.value, p.low, p.high) for p in found] == [(4.0, 0.0, 8.0)] * 3


def test_a_few_days_go_on_at_their_mean() -> None:
    found = forecast([1.0, 2.0, 3.0, 2.0], 5)
    assert [p.value for p in found] == pytest.approx([2.0] * 5)
    # |residuals| 1, 0, 1, 0: the 80 % quantile is 1, times sqrt(4 / 2).
    assert [p.high - p.value for p in found] == pytest.approx([2**0.5] * 5)


def test_the_interval_is_what_forecasts_of_the_last_days_missed() -> None:
    """From seven days of 10 the next is forecast as 10; it was 13, and nothing else was tried."""
    found = forecast([10.0] * 7 + [13.0], 60)
    assert found[0].high - found[0].value == pytest.approx(3.0)
    half = [p.high - p.value for p in found]
    assert half[13] == half[0]  # as far as was tried
    assert half[27] == pytest.approx(half[0] * 2**0.5)
    assert half == sorted(half)


def test_a_straight_line_goes_on_straight() -> None:
    values = [10.0 + 2 * i for i in range(42)]
    expected = [10.0 + 2 * i for i in range(42, 72)]
    assert [p.value for p in forecast(values, 30)] == pytest.approx(expected)
    found = forecast([10.0 + 2 * i for i in range(70)], 30)
    assert all(p.high - p.low < 1e-6 for p in found)


def test_a_fixed_week_comes_again() -> None:
    values = [100 * WEEKDAYS[i % 7] for i in range(42)]
    found = forecast(values, 14)
    assert [p.value for p in found] == pytest.approx([100 * WEEKDAYS[i % 7] for i in range(14)])


def test_trend_times_weekdays_comes_close() -> None:
    values = [(50 + i) * WEEKDAYS[i % 7] for i in range(70)]
    for ahead, guess in enumerate(forecast(values, 30), start=70):
        assert guess.value == pytest.approx((50 + ahead) * WEEKDAYS[ahead % 7], rel=0.05)


def test_noise_is_no_trend() -> None:
    draw = random.Random(8)
    values = [100 + draw.gauss(0, 5) for _ in range(56)]
    assert all(abs(p.value - 100) < 8 for p in forecast(values, 30))


def test_no_cost_is_forecast_below_zero() -> None:
    falling = [max(0.0, 100.0 - 3 * i) for i in range(40)]
    for guess in forecast(falling, 30):
        assert 0 <= guess.low <= guess.value <= guess.high


def test_zeros_stay_zero() -> None:
    assert [tuple(p) for p in forecast([0.0] * 40, 3)] == [(0.0, 0.0, 0.0, 0.0)] * 3


def test_a_level_that_has_shifted_is_followed() -> None:
    values = [100.0] * 40 + [300.0] * 21
    for guess in forecast(values, 7):
        assert guess.value == pytest.approx(300.0, rel=0.15)


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize("slope", [0.0, 1.0, -0.7])
@pytest.mark.parametrize("count", [46, 76, 150])
def test_it_is_no_worse_than_repeating_the_last_week(count: int, slope: float) -> None:
    ours = theirs = 0.0
    for seed in range(12):
        values = noisy(count, seed, slope)
        seen, held = values[:-14], values[-14:]
        ours += sum(abs(p.value - v) for p, v in zip(forecast(seen, 14), held))
        theirs += sum(abs(p - v) for p, v in zip(naive(seen, 14), held))
    assert ours < theirs


@pytest.mark.unmeasured
def test_four_of_five_days_fall_into_the_interval() -> None:
    inside = total = 0
    for seed in range(24):
        values = noisy(84, seed, 0.3)
        for guess, actual in zip(forecast(values[:-14], 14), values[-14:]):
            inside += guess.low <= actual <= guess.high
            total += 1
    assert 0.72 <= inside / total <= 0.92


# --- typical days and their sum --------------------------------------------------------------


def test_days_scatter_by_factors_and_sums_do_not() -> None:
    """Every weekday had 5 and 20, or 10 twice: typical is their geometric mean, 10.

    Three parts of it and two of the last week: 0.6 x 10 + 0.4 x 20 = 14.  In sum the 14 days are
    170 where the curve has 140, so 0.6 x 10 x 170 / 140 + 0.4 x 20 is to be expected.
    """
    found = forecast([5, 20, 5, 20, 5, 20, 10, 20, 5, 20, 5, 20, 5, 10], 7)
    assert [p.value for p in found] == pytest.approx([14, 8, 14, 8, 14, 8, 10])
    assert found[0].expected == pytest.approx(6 * 17 / 14 + 8)
    # A week: 0.6 x 170 / 2 + 0.4 x 85.
    assert sum(p.expected for p in found) == pytest.approx(85.0)


@pytest.mark.unmeasured
def test_the_sum_of_what_is_expected_is_right_where_days_stray_far() -> None:
    typical = expected = actual = 0.0
    for seed in range(30):
        draw = random.Random(seed)
        values = [draw.lognormvariate(3.0, 0.7) for _ in range(86)]
        found = forecast(values[:56], 30)
        typical += sum(p.value for p in found)
        expected += sum(p.expected for p in found)
        actual += sum(values[56:])
    assert expected == pytest.approx(actual, rel=0.05)
    assert typical < 0.93 * actual


def test_one_day_without_calls_does_not_close_its_weekday() -> None:
    values = [100.0] * 42
    values[37] = 0.0
    found = forecast(values, 30)
    assert all(p.value > 90 for i, p in enumerate(found) if i % 7 != 2)
    assert all(p.value > 50 for p in found)  # the last week, which it is in, has a weight
    assert sum(p.expected for p in found) > 0.9 * 3000


def test_a_closed_weekday_stays_closed() -> None:
    values = [0.0 if i % 7 == 6 else 100.0 for i in range(42)]
    found = forecast(values, 14)
    assert [p.value for p in found if p.value > 50] == pytest.approx([100.0] * 12, rel=0.01)
    assert all(found[i].value < 5 for i in (6, 13))


# --- backtest --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(8))
def test_short_series_cannot_be_tested(count: int) -> None:
    assert backtest([1.0] * count) == Backtest(0, None, 0)


def test_backtest_of_a_short_series_by_hand() -> None:
    # Nine days, tried from the last two.  From the eighth on, both are forecast as 2: right, and
    # off by 2 of 4.  From the ninth on it is forecast as 2 again.  0, 50 and 50 percent.
    assert [*backtest([2.0] * 8 + [4.0])] == [2, pytest.approx(100 / 3), 2]


def test_days_without_cost_are_no_percentage() -> None:
    assert backtest([2.0] * 7 + [4.0, 0.0]) == Backtest(2, 50.0, 2)


def test_backtest_from_one_day_by_hand() -> None:
    # Five weeks: three of 10 to see, then a week forecast right and one of 20 missed by half.
    assert [*backtest([10.0] * 28 + [20.0] * 7)] == [14, pytest.approx(25.0), 1]


def test_backtest_from_two_days_by_hand() -> None:
    # Tried from the 22nd and 23rd of 36 days; only the second try reaches the last, 30 of 40 off.
    assert [*backtest([10.0] * 35 + [40.0])] == [14, pytest.approx(75 / 28), 2]
    # The last is no percentage, the one before it is off by half in both tries: 27 days count.
    assert [*backtest([10.0] * 34 + [20.0, 0.0])] == [14, pytest.approx(100 / 27), 2]


def test_nothing_but_zeros_has_no_error_in_percent() -> None:
    assert backtest([0.0] * 40) == Backtest(14, None, 6)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "count",
    [34, 35, 50, *(pytest.param(n, marks=pytest.mark.unmeasured) for n in (124, 125, 126, 140))],
)
def test_backtest_is_the_error_of_forecasts_from_each_day(count: int) -> None:
    values = [value * (i % 11 > 0) for i, value in enumerate(noisy(count, count, 0.4))]
    errors = []
    for origin in days_tried(count):
        for guess, actual in zip(forecast(values[:origin], 14), values[origin:]):
            if actual:
                errors.append(100 * abs(guess.value / actual - 1))
    assert backtest(values).mape_percent == pytest.approx(sum(errors) / len(errors), rel=1e-12)


def days_tried(count: int) -> List[int]:
    """Place of each day with 21 days before it, and with itself 14 left, else of the last 21."""
    whole = [day for day in range(count) if day >= 21 and count - day >= 14]
    return whole[-91:] or [day for day in range(count) if day >= 7][-21:]


@pytest.mark.parametrize("count", [*range(61), 124, 125, 126, 400])
def test_it_is_tried_from_every_day_with_enough_before_and_after(count: int) -> None:
    assert list(tried_from(count)) == days_tried(count)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("count", "tries", "ahead"),
    [
        (7, 0, 0), (8, 1, 1), (20, 13, 13), (21, 14, 14), (28, 21, 14), (34, 21, 14), (35, 1, 14),
        (36, 2, 14), (60, 26, 14), (124, 90, 14), (125, 91, 14), (126, 91, 14), (400, 91, 14),
    ],
)  # fmt: skip
def test_how_often_and_how_far_ahead_it_is_tried(count: int, tries: int, ahead: int) -> None:
    assert backtest([5.0] * count) == Backtest(ahead, 0.0 if tries else None, tries)


def test_error_and_interval_are_tried_from_days_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = noisy(90, 3)
    error, ahead = backtest(values), forecast(values, 30)
    monkeypatch.setattr(config, "FORECAST_ORIGINS", 5)
    assert backtest(values) == error
    assert forecast(values, 30) != ahead
    monkeypatch.setattr(config, "FORECAST_ORIGINS", 21)
    monkeypatch.setattr(config, "FORECAST_TRIED_DAYS", 5)
    assert backtest(values).tries == 5
    assert forecast(values, 30) == ahead


# --- sums ------------------------------------------------------------------------------------


@pytest.mark.unmeasured
def test_the_range_of_a_sum_is_what_sums_of_two_weeks_missed_by() -> None:
    """Worked out again by forecasts of the public function, from each day that is tried."""
    values = noisy(90, 3, 0.4)
    misses = []
    for origin in days_tried(90):
        guess = sum(day.expected for day in forecast(values[:origin], 14))
        misses.append(abs(sum(values[origin : origin + 14]) / guess - 1))
    half = sorted(misses)[math.ceil(0.8 * len(misses)) - 1] * math.sqrt(30 / 14)
    assert sum_range(values, 1000.0, 30) == pytest.approx((1000 * (1 - half), 1000 * (1 + half)))


def test_a_sum_is_surer_than_its_days_together() -> None:
    values = noisy(120, 8, 0.4)
    ahead = forecast(values, 30)
    total = sum(day.expected for day in ahead)
    bounds = sum_range(values, total, 30)
    assert bounds is not None
    assert bounds[0] < total < bounds[1]
    assert bounds[1] - bounds[0] < sum(day.high - day.low for day in ahead)


@pytest.mark.parametrize(("count", "known"), [(0, False), (34, False), (40, False), (41, True)])
def test_a_range_needs_seven_sums_that_were_tried(count: int, known: bool) -> None:
    bounds = sum_range([5.0] * count, 150.0, 30)
    assert (bounds is not None) is known
    if known:
        assert bounds == pytest.approx((150.0, 150.0))


# --- month ahead -----------------------------------------------------------------------------


def test_the_projection_begins_on_the_day_after_the_data() -> None:
    days = {f"2025-01-{d:02d}": 10.0 for d in range(1, 31)}
    days["2025-01-30"] = 1.0  # broken off
    projection, tested = month_ahead(days, span_of("2025-01-01T00", "2025-01-30T02"))
    dates = [day.date for day in projection]
    assert (dates[0], dates[-1], len(dates)) == ("2025-01-31", "2025-03-01", 30)
    assert projection[0].cost == pytest.approx(10.0)
    assert (tested.horizon_days, tested.tries) == (14, 21)
    assert tested.mape_percent == pytest.approx(0.0)


def test_under_seven_covered_days_there_is_no_month_ahead() -> None:
    days = {f"2025-01-{d:02d}": 10.0 for d in range(1, 8)}
    assert month_ahead(days, span_of("2025-01-01T00", "2025-01-07T22")) == ([], UNTRIED)
    assert len(month_ahead(days, span_of("2025-01-01T00", "2025-01-07T23"))[0]) == 30
    assert month_ahead({}, CoveredDays({})) == ([], UNTRIED)


def test_a_method_that_was_not_tried_has_no_error() -> None:
    days = {f"2025-01-{d:02d}": 10.0 for d in range(1, 8)}
    assert month_ahead(days, span_of("2025-01-01T00", "2025-01-07T23"))[1] == Backtest(0, None, 0)
