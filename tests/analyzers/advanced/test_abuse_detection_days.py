"""Unusual days: what must raise an alarm, and what must not."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from functools import partial
from itertools import takewhile
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import pytest

from finops import config
from finops.analyzers.advanced.abuse_detection import DAYS, AbuseDetectionAnalyzer
from finops.analyzers.shared.abuse_detectors import DAILY, HOURLY, REGION_CHANGES
from finops.analyzers.shared.anomalies import limit, middle
from finops.analyzers.shared.basis import BASIS_TABLES
from finops.analyzers.shared.covered_days import HOURLY_CALLS
from finops.rollups.spec import Customer, Period, Rollups, Table, Totals, in_key_order

pytestmark = pytest.mark.unmeasured

MONDAY = date(2025, 1, 6)
PRICES = (0.06, 0.02, *[0.005] * 8, *[0.0005] * 10)  # of a call, in USD
Cells = Dict[Tuple[Any, ...], Tuple[Any, ...]]
Series = Dict[str, Dict[int, Tuple[int, float]]]


def rollups(series: Series) -> Rollups:
    """Return the tables for {customer: {day after MONDAY: (calls, cost)}}."""
    daily: Cells = {}
    days: Dict[Tuple[str], List[float]] = {}
    for name, amounts in series.items():
        for day, (calls, cost) in amounts.items():
            text = str(MONDAY + timedelta(days=day))
            daily[name, text] = (calls, cost, 0)
            cell = days.setdefault((text,), [0, 0.0])
            cell[0] += calls
            cell[1] += cost
    hours = [(f"{day}T{hour:02d}:00:00",) for (day,) in sorted(days) for hour in range(24)]
    calls = sum(n for n, _, _ in daily.values())
    place = ("chat", "chat", "production", "us-east")
    tables: Dict[Table, Any] = {
        **{table: {} for table in BASIS_TABLES},
        # Every call says whether it succeeded, and where it came from.
        Table((), ("calls", "records", "latency_known", "status_known", "unpriced")): {
            (): (calls, calls, calls, calls, 0)
        },
        Table(("feature_id", "task_type", "environment", "region"), ("calls", "records")): {
            place: (calls, calls)
        },
        HOURLY_CALLS: {hour: (1, 0.0) for hour in hours},
        DAILY: in_key_order(daily),
        DAYS: in_key_order({key: (*cell, 0) for key, cell in days.items()}),
        HOURLY: {},
        REGION_CHANGES: {},
    }
    stamp = "T00:00:00.000000"
    dates = sorted(day for (day,) in days)
    who = Customer("pro", 199.0, "org_001", "product_a", "power", dates[0] + stamp, dates[-1])
    return Rollups(
        tables,
        Period(dates[0] + stamp, dates[-1] + "T23:00:00.000000"),
        Totals(calls, math.fsum(cost for _, cost, _ in daily.values())),
        {name: who for name in sorted(series)},
    )


def analyze(series: Series) -> Dict[str, Any]:
    return AbuseDetectionAnalyzer("").compute(rollups(series))


def counts(values: List[int], first: int = 0, each: float = 0.01) -> Dict[int, Tuple[int, float]]:
    """Return days of so many calls, 0 being no call, at `each` USD a call."""
    return {first + i: (n, n * each) for i, n in enumerate(values) if n}


def poisson(draw: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    stop, n, product = math.exp(-mean), 0, draw.random()
    while product > stop:
        n += 1
        product *= draw.random()
    return n


def noise(mean: Callable[[int], float], days: int, seed: int, first: int = 0) -> List[int]:
    draw = random.Random(seed)
    return [poisson(draw, mean(first + i)) for i in range(days)]


def alarms(result: Dict[str, Any]) -> List[Tuple[str, str]]:
    return [(r["customer_id"], r["date"]) for r in result["unusual_usage"]]


def quiet(series: Series) -> None:
    result = analyze(series)
    assert result["unusual_usage"] == []
    assert result["cost_spikes"] == []
    assert result["customers"] == []
    assert result["summary"]["flagged_customers"] == (None if result["unchecked"] else 0)


def test_a_spike_by_hand() -> None:
    """One standard deviation is ln 1.5, the least one; 200 calls are ln 10 above 20."""
    result = analyze({"c": counts([20] * 10 + [200] + [20] * 10)})
    assert result["unusual_usage"] == [
        {
            "customer_id": "c",
            "date": "2025-01-16",
            "call_count": 200,
            "baseline_mean": 20.0,
            "z_score": pytest.approx(math.log(10) / math.log(1.5)),
            "severity": "high",
        }
    ]
    assert result["cost_spikes"] == [
        {
            "customer_id": "c",
            "date": "2025-01-16",
            "cost": 2.0,
            "baseline_mean": pytest.approx(0.2),
            "multiplier": pytest.approx(10.0),
            "z_score": pytest.approx(math.log(10) / math.log(1.5)),
        }
    ]
    (customer,) = result["customers"]
    assert customer["risk_score"] == 25 + 25 + 20
    assert customer["signals"] == ["unusual_usage", "cost_spikes"]
    assert customer["monthly_cost"] == pytest.approx((20 * 0.2 + 2.0) * 30 / 21)
    summary = result["summary"]
    assert summary["estimated_exposure_usd_per_month"] == pytest.approx(1.8 * 30 / 21)
    assert (summary["flagged_customers"], summary["critical_count"]) == (1, 1)


def test_a_spike_does_not_hide_by_inflating_its_baseline() -> None:
    """Mean and deviation of all days would give (1000 - 145) / 322 = 2.65 spreads here."""
    assert alarms(analyze({"c": counts([50] * 8 + [1000])})) == [("c", "2025-01-14")]


@pytest.mark.parametrize("length", [2, 3, 4])
def test_a_spike_of_several_days_is_found_on_each_day(length: int) -> None:
    series = {"c": counts([30] * 20 + [300] * length + [30] * 20)}
    assert len(alarms(analyze(series))) == length


@pytest.mark.parametrize("length", [5, 8])
def test_a_spike_of_several_days_does_not_hide_in_a_short_history(length: int) -> None:
    """The days of the spike are more than a sixth of the others: they would be one deviation."""
    result = analyze({"c": counts([50] * 10 + [500] * length + [50] * 10)})
    first = MONDAY + timedelta(days=10)
    spike = {str(first + timedelta(days=day)) for day in range(length)}
    assert {day for _, day in alarms(result)} == spike
    expected = pytest.approx(math.log(10) / math.log(1.5))
    assert [row["z_score"] for row in result["unusual_usage"]] == [expected] * length


def test_a_spike_shows_in_a_year_of_growth() -> None:
    """Neither the same weekday of later months nor the growth until then explains a day."""
    week = (1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.4)
    values = [round(30 * 1.004**day * week[day % 7]) for day in range(300)]
    peak = 50
    values[peak] *= 7
    assert alarms(analyze({"c": counts(values)})) == [("c", str(MONDAY + timedelta(days=peak)))]


def test_a_spike_that_comes_back_is_what_the_customer_does() -> None:
    """Only the days next to each other are one spike: the others say how far it strays."""
    quiet({"c": counts(([50] * 9 + [500] * 4) * 5)})


@pytest.mark.parametrize(
    ("others", "peak", "found"),
    [(6, 500, 0), (7, 500, 1), (20, 19, 0), (20, 20, 1)],
    ids=["too young", "old enough", "too few calls", "enough calls"],
)
def test_minimum_history_and_volume(others: int, peak: int, found: int) -> None:
    series = {"c": counts([2] * others + [peak])}
    assert len(alarms(analyze(series))) == found


@pytest.mark.parametrize(("z", "severity"), [(4.9, "medium"), (5.1, "high")])
def test_severity_by_deviation(z: float, severity: str) -> None:
    peak = round(1000 * 1.5**z)
    (row,) = analyze({"c": counts([1000] * 30 + [peak])})["unusual_usage"]
    assert row["severity"] == severity
    assert row["z_score"] == pytest.approx(z, abs=0.01)


def test_a_customer_of_one_day_or_one_call_raises_nothing() -> None:
    quiet({"once": counts([5000]), "tiny": counts([1]), "short": counts([1, 900])})


def test_customers_with_two_calls_a_day_raise_nothing() -> None:
    quiet({f"c{i:03d}": counts(noise(lambda _: 2, 60, i)) for i in range(300)})


def test_a_weekly_rhythm_raises_nothing() -> None:
    working = [400, 420, 380, 410, 400, 20, 15] * 6
    batch = [900, 10, 12, 9, 10, 11, 10] * 6
    once_a_month = [1000 if i % 7 == 0 else 0 for i in range(42)]
    series = {"working": counts(working), "batch": counts(batch), "mondays": counts(once_a_month)}
    quiet(series)
    quiet({"two weeks": counts(batch[:14])})


def test_a_spike_is_seen_through_a_weekly_rhythm() -> None:
    values = [400, 420, 380, 410, 400, 20, 15] * 6
    values[15] = 4200
    assert alarms(analyze({"c": counts(values)})) == [("c", "2025-01-21")]
    values[15] = 420
    values[19] = 400  # as on a working day, but on a Saturday: the other days explain it
    quiet({"c": counts(values)})


def test_new_customers_raise_nothing() -> None:
    series = {f"c{i}": counts([50 + i] * (60 - 4 * i), first=4 * i) for i in range(14)}
    quiet(series)


@pytest.mark.parametrize("rate", [1.03, 1.05, 1.10])
def test_growing_and_shrinking_customers_raise_nothing(rate: float) -> None:
    up = noise(lambda day: 20 * rate**day, 50, 7)
    down = noise(lambda day: 20 * rate ** (50 - day), 50, 8)
    quiet({"up": counts(up), "down": counts(down), "up again": counts(up, first=3)})


def test_a_lasting_step_up_raises_nothing_once_it_lasts() -> None:
    quiet({"c": counts([40] * 30 + [160] * 30)})
    quiet({"c": counts([40] * 30 + [400] * 30)})


def constant(mean: float, _: int) -> float:
    return mean


def test_a_day_that_is_high_for_all_raises_nothing() -> None:
    def scaled(factor: int, day: int) -> float:
        return factor * (8.0 if day in (20, 33) else 1.0)

    series = {f"c{i}": counts(noise(partial(scaled, 10 + i), 50, i)) for i in range(20)}
    quiet(series)
    series["c3"][40] = (200, 2.0)
    assert alarms(analyze(series)) == [("c3", str(MONDAY + timedelta(days=40)))]


def test_another_customers_spike_makes_nobody_else_suspicious() -> None:
    series = {f"c{i}": counts([40] * 40) for i in range(8)}
    for name in ("c1", "c2", "c3"):
        series[name][20] = (4000, 40.0)
    assert {name for name, _ in alarms(analyze(series))} == {"c1", "c2", "c3"}


def test_a_fall_is_listed_but_is_no_risk() -> None:
    result = analyze({"c": counts([500] * 20 + [20] + [500] * 20)})
    (row,) = result["unusual_usage"]
    assert (row["call_count"], row["severity"]) == (20, "high")
    assert row["z_score"] == pytest.approx(-math.log(25) / math.log(1.5))
    assert result["customers"] == []
    assert [d["flagged_customers"] for d in result["daily"]] == [0] * 41
    assert result["recommendations"] == []


def test_first_and_last_day_may_be_cut_off() -> None:
    quiet({"c": counts([3] + [500] * 20 + [4])})


def test_a_customer_that_strays_widely_by_habit_raises_nothing() -> None:
    """Twenty customers; the same days would be 12 to 40 times the usual in a regular life."""
    draw = random.Random(4)
    series = {
        f"wild_{i}": counts([round(math.exp(draw.gauss(5, 0.9))) for _ in range(200)])
        for i in range(20)
    }
    assert max(n for days in series.values() for n, _ in days.values()) > 12 * math.exp(5)
    quiet(series)


def test_cost_spikes_need_money_a_multiple_and_calls() -> None:
    base = {i: (30, 0.2) for i in range(20)}
    for calls, cost, found in ((30, 0.99, 0), (30, 1.01, 1), (19, 5.0, 0), (30, 5.0, 1)):
        result = analyze({"c": {**base, 20: (calls, cost)}})
        assert len(result["cost_spikes"]) == found, (calls, cost)
        assert result["unusual_usage"] == []


def test_cost_spike_must_exceed_the_mean_of_the_other_days() -> None:
    """The median of the other days is 1, their mean (39 + 5 × 100) / 44 = 12.25."""
    values = {i: (30, 1.0 if i % 9 else 100.0) for i in range(45)}
    for cost, found in ((36.7, False), (36.8, True)):
        values[44] = (30, cost)
        spikes = {r["date"]: r for r in analyze({"c": values})["cost_spikes"]}
        assert ("2025-02-19" in spikes) is found
    assert spikes["2025-02-19"]["baseline_mean"] == pytest.approx(12.25)


def test_days_without_cost_raise_nothing_and_money_from_nothing_is_a_spike() -> None:
    free = {i: (50, 0.0) for i in range(20)}
    quiet({"c": free})
    (row,) = analyze({"c": {**free, 20: (50, 9.0)}})["cost_spikes"]
    assert math.isfinite(row["multiplier"])
    assert math.isfinite(row["z_score"])


@pytest.mark.once
def test_fifty_thousand_customers_raise_hardly_more_than_fifty() -> None:
    """3,000 customers here, with the means that fifty thousand would have; none is abusive."""
    draw = random.Random(11)
    series: Series = {}
    for i in range(3000):
        mean = draw.choice((2, 4, 8, 15, 30, 90))
        amounts = noise(partial(constant, mean), 40, 1000 + i)
        costs = [sum(draw.choice(PRICES) for _ in range(n)) for n in amounts]
        series[f"c{i:04d}"] = {
            day: (n, cost) for day, (n, cost) in enumerate(zip(amounts, costs)) if n
        }
    quiet(series)


def test_the_limit_grows_with_the_number_of_days() -> None:
    assert limit(0) == limit(1) == limit(90) == config.UNUSUAL_Z
    assert limit(3_000_000) == pytest.approx(5.46, abs=0.01)


@pytest.mark.parametrize("seed", range(12))
def test_alarms_equal_a_plain_second_implementation(seed: int) -> None:
    draw = random.Random(seed)
    series: Series = {}
    for i in range(12):
        mean = draw.choice((3, 12, 60))
        values = noise(partial(constant, mean), draw.randint(5, 75), 100 * seed + i)
        for _ in range(draw.randint(0, 3)):
            values[draw.randrange(len(values))] *= draw.choice((4, 10, 30))
        if draw.random() < 0.3:
            at, factor = draw.randrange(len(values)), draw.choice((10, 30))
            values[at : at + 6] = [factor * n for n in values[at : at + 6]]
        if draw.random() < 0.5:
            values[draw.randrange(len(values))] //= 9
        series[f"c{i:02d}"] = counts(values, first=draw.randint(0, 9))
    result = analyze(series)
    expected = plainly(series)
    assert sorted(alarms(result)) == sorted(expected)
    for row in result["unusual_usage"]:
        baseline, z = expected[row["customer_id"], row["date"]]
        assert row["baseline_mean"] == pytest.approx(baseline)
        assert row["z_score"] == pytest.approx(z)


def plainly(series: Series) -> Dict[Tuple[str, str], Tuple[float, float]]:
    """Return {(customer, date): (baseline, z)} by the definition, day by day."""
    days = sum(len(amounts) for amounts in series.values())
    bound = max(3.0, math.sqrt(2 * math.log(days)))
    found = {}
    for name, amounts in series.items():
        values = {day: float(n) for day, (n, _) in sorted(amounts.items())}
        for day, value in values.items():
            rest = {d: v for d, v in values.items() if d != day}
            if len(rest) < config.ABUSE_MIN_BASELINE_DAYS:
                continue
            usual = med(list(values.values()))
            baselines = _baselines(series, name, day, rest, usual)
            for sign, pick in ((1, max), (-1, min)):
                baseline, beyond = pick(baselines), usual * 1.5 ** (sign * bound)
                if sign > 0:
                    spike = _spike(values, day, beyond)
                    strayed = [_local(values, d) for d in values if d not in spike]
                else:
                    strayed = [math.log(v / usual) for v in rest.values()]
                z = _z(value, baseline, strayed, sign)
                far = min(sign * z - bound, sign * (value - beyond)) > 0
                if far and _enough(sign, value, usual, day, values):
                    found[name, str(MONDAY + timedelta(days=day))] = (baseline, z)
    return found


def _spike(values: Dict[int, float], day: int, beyond: float) -> Set[int]:
    """Return a day, and its neighbours, and theirs, as long as they are above a bound."""
    days = list(values)
    spike = {day}
    for side in (days[: days.index(day)][::-1], days[days.index(day) + 1 :]):
        spike |= set(takewhile(lambda other: values[other] > beyond, side))
    return spike


def _local(values: Dict[int, float], day: int) -> float:
    """Return the logarithm of a day's ratio to the days of two weeks on either side."""
    around = [v for d, v in values.items() if d != day and abs(d - day) <= 14]
    return math.log(values[day] / med(around if len(around) >= 7 else list(values.values())))


def _enough(sign: int, value: float, usual: float, day: int, values: Dict[int, float]) -> bool:
    if sign > 0:
        return value >= 20
    return usual >= 20 and day not in (min(values), max(values))


def _baselines(
    series: Series, name: str, day: int, rest: Dict[int, float], usual: float
) -> List[float]:
    alike = [v for d, v in rest.items() if (d - day) % 7 == 0 and abs(d - day) <= 28]
    around = [v for d, v in rest.items() if abs(d - day) <= 14]
    found = [med(list(rest.values()))]
    found += [med(alike)] if alike else []
    found += [med(around)] if len(around) >= 7 else []
    ratio = _ratio_of_all(series, name, day)
    return found if ratio is None else [*found, usual * ratio]


def _ratio_of_all(series: Series, name: str, day: int) -> Optional[float]:
    ratios = []
    for other, amounts in series.items():
        usual = med([float(n) for n, _ in amounts.values()])
        if other != name and usual >= 5 and day in amounts:
            ratios.append(amounts[day][0] / usual)
    return med(ratios) if len(ratios) >= 5 else None


def _z(value: float, baseline: float, strayed: List[float], sign: int) -> float:
    ordered = sorted(strayed, reverse=sign < 0)
    outer = ordered[math.ceil(len(ordered) * 0.8413) - 1]
    spread = max(math.log(1.5), sign * (outer - med(ordered)), 1 / math.sqrt(baseline))
    return math.log(value / baseline) / spread


def med(values: List[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def test_middle_of_sorted_values() -> None:
    assert [middle([]), middle([4]), middle([1, 2]), middle([1, 2, 9])] == [0.0, 4.0, 1.5, 2.0]
