from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Dict, List, Sequence, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.finops.realtime import RealtimeAnalyzer
from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.samples import at, run
from tests.support.reference import call

Rows = List[Dict[str, str]]
FAULT = {"status": "error", "error_type": "server_error"}


def alerts_of(rows: Rows) -> List[Dict[str, Any]]:
    alerts: List[Dict[str, Any]] = run(RealtimeAnalyzer, rows)["alerts"]
    return alerts


# --- days ------------------------------------------------------------------------------------


def test_expensive_days_in_a_row_are_one_alert() -> None:
    costs = {0: 50, 1: 101, 2: 180, 3: 150, 5: 120}
    rows = [call(timestamp=at(day), cost_usd=str(cost)) for day, cost in costs.items()]
    first, second = alerts_of(rows)
    assert (first["time"], first["end"], first["length"], first["value"]) == (
        *("2025-01-02", "2025-01-04"),
        *(3, 180),
    )
    assert first["message"] == (
        "3 days in a row, 2025-01-02 to 2025-01-04; the worst: 2025-01-03 cost $180.00, more than "
        "$100.00."
    )
    assert (second["time"], second["end"], second["length"]) == ("2025-01-06", "2025-01-06", 1)


@pytest.mark.unmeasured
@given(st.sets(st.integers(0, 20), max_size=12), st.sets(st.integers(0, 20), max_size=12))
def test_every_bad_day_is_in_one_alert(expensive: Set[int], failing: Set[int]) -> None:
    rows = [call(timestamp=at(day), cost_usd="100") for day in range(21)]
    rows += [call(timestamp=at(day, 1), cost_usd="1") for day in expensive]
    rows += [call(timestamp=at(day, 2), cost_usd="0", **FAULT) for day in failing] * 3
    alerts = alerts_of(rows)
    for kind, days in (("high_daily_cost", expensive), ("high_error_rate", failing)):
        covered: List[str] = []
        for alert in alerts:
            if alert["type"] == kind:
                start = date(*map(int, alert["time"].split("-")))
                covered += [str(start + timedelta(days=n)) for n in range(alert["length"])]
                assert covered[-1] == alert["end"]
        assert sorted(covered) == [at(day)[:10] for day in sorted(days)]


# --- providers -------------------------------------------------------------------------------


def hours(bad: Dict[int, Any]) -> Rows:
    """Return two days of 30 calls an hour; `bad` maps hours to the changes of half the calls."""
    return [
        call(
            timestamp=at(0, hour % 24, minute) if hour < 24 else at(1, hour % 24, minute),
            **{
                "customer_id": f"cust_{minute % 10}",
                **(bad.get(hour, {}) if minute % 4 == 0 else {}),
            },
        )
        for hour in range(48)
        for minute in range(0, 60, 2)
    ]


def degraded(rows: Rows) -> List[Dict[str, Any]]:
    return [alert for alert in alerts_of(rows) if alert["type"] == "provider_degraded"]


@pytest.mark.unmeasured
def test_bad_hours_in_a_row_are_one_alert() -> None:
    first, second = degraded(hours({6: FAULT, 7: FAULT, 8: FAULT, 20: FAULT}))
    assert (first["time"], first["end"], first["length"]) == (
        "2025-01-01T06:00:00",
        "2025-01-01T08:00:00",
        3,
    )
    assert first["message"].startswith("OpenAI from 2025-01-01 06:00 UTC, 3 hours in a row: 50.0%")
    assert (second["time"], second["length"]) == ("2025-01-01T20:00:00", 1)


@pytest.mark.unmeasured
def test_a_failed_call_has_no_latency_to_speak_of() -> None:
    """Clients that gave up are no slow answers: that they failed is what counts."""
    (alert,) = degraded(hours({6: {**FAULT, "latency_ms": 5000}}))
    assert alert["measure"] == "error_rate_percent"


def test_slow_and_failing_is_one_cause() -> None:
    slow = {"latency_ms": 5000}
    rows = hours({6: slow, 7: slow, 8: FAULT})
    rows += [
        call(timestamp=at(0, 7, minute), customer_id=f"cust_{minute % 10}", **FAULT)
        for minute in range(1, 60, 4)
    ]
    rows.sort(key=lambda row: row["timestamp"])
    (alert,) = degraded(rows)
    assert (alert["measure"], alert["time"], alert["length"]) == (
        "p95_latency_ms",
        "2025-01-01T06:00:00",
        2,
    )
    assert "p95 was 5,000 ms, usually 400 ms; 50.0% of the calls failed" in alert["message"]


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", sorted(config.CLIENT_ERRORS))
def test_errors_of_clients_are_not_the_provider_s(kind: str) -> None:
    assert degraded(hours({6: {"status": "error", "error_type": kind}})) == []


@pytest.mark.parametrize(("customer", "alerted"), [("cust_1", 0), ("", 1)])
def test_errors_of_one_customer_are_not_the_provider_s(customer: str, alerted: int) -> None:
    assert len(degraded(hours({6: {**FAULT, "customer_id": customer}}))) == alerted


@pytest.mark.unmeasured
def test_of_one_customer_all_errors_are_its_own_and_say_nothing() -> None:
    rows = [{**row, "customer_id": "ann"} for row in hours({6: FAULT})]
    assert len(degraded(rows)) == 1


def waiting(slow: Dict[int, Sequence[str]], customers: Sequence[str]) -> Rows:
    """Return two days in which these customers call in turns, some calls out of the SLA.

    `slow` maps hours to further calls that took five seconds, by the customers named.
    """
    rows = []
    for hour in range(48):
        for minute in range(0, 60, 2):
            customer = customers[(hour * 30 + minute // 2) * 7 % len(customers)]
            wait = 2_500 if (hour * 30 + minute // 2) % 31 == 0 else 400
            rows.append(
                call(
                    timestamp=at(hour // 24, hour % 24, minute),
                    customer_id=customer,
                    latency_ms=wait,
                )
            )
        for number, customer in enumerate(slow.get(hour, ())):
            rows.append(
                call(
                    timestamp=at(hour // 24, hour % 24, number % 60),
                    customer_id=customer,
                    latency_ms=5_000,
                )
            )
    return sorted(rows, key=lambda row: row["timestamp"])


TEN = [f"cust_{number}" for number in range(10)]


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("customers", "slow", "alerted"),
    [
        (TEN, ["cust_3"] * 20, 0),
        (TEN, ["cust_3"] * 18 + ["cust_4", ""], 0),
        (TEN, TEN * 2, 1),
        (TEN, [""] * 20, 1),
        (["ann"], ["ann"] * 20, 1),
        (["ann"] * 9 + ["ben"], ["ann"] * 18 + ["ben"] * 2, 1),
        (["ann"] * 9 + ["ben"], ["ben"] * 20, 0),
    ],
    ids=["surge", "mostly", "all wait", "nobody", "alone", "largest", "small one's surge"],
)
def test_slow_calls_of_one_customer_s_surge_are_not_the_provider_s(
    customers: Sequence[str], slow: Sequence[str], alerted: int
) -> None:
    assert len(degraded(waiting({30: slow}, customers))) == alerted


def test_without_slow_calls_at_other_times_nobody_knows_whose_they_are() -> None:
    rows = [row for row in waiting({}, TEN) if row["latency_ms"] == "400"]
    rows += [row for row in waiting({30: ["cust_3"] * 20}, TEN) if row["latency_ms"] == "5000"]
    assert len(degraded(sorted(rows, key=lambda row: row["timestamp"]))) == 1


# --- what is regular -------------------------------------------------------------------------

DAILY = st.sets(st.integers(0, 23), min_size=1, max_size=4).map(
    lambda clocks: [(day, clock) for day in range(7) for clock in clocks]
)
WEEKLY = st.tuples(st.integers(0, 6), st.integers(0, 23)).map(lambda moment: [moment])
WORKING = st.tuples(st.integers(6, 10), st.integers(15, 19)).map(
    lambda span: [(day, clock) for day in range(5) for clock in range(*span)]
)


def jobs(week: Any, weeks: int, calls: int, cents: int) -> Rows:
    """Return equal calls in the same hours (weekday, hour) of weeks from a Monday on."""
    return [
        call(
            timestamp=at(5 + 7 * number + day, clock, minute),
            cost_usd=str(cents / 100),
            tier_price_usd="999.0",
            subscription_tier="enterprise",
        )
        for number in range(weeks)
        for day, clock in week
        for minute in range(calls)
    ]


@pytest.mark.unmeasured
@given(st.one_of(DAILY, WEEKLY, WORKING), st.integers(1, 12), st.integers(1, 4), st.integers(1, 50))
def test_equal_jobs_give_no_anomaly_and_no_alert(
    week: Any, weeks: int, calls: int, cents: int
) -> None:
    result = run(RealtimeAnalyzer, jobs(week, weeks, calls, cents))
    assert (result["anomalies"], result["incidents"], result["alerts"]) == ([], [], [])


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "week",
    [
        [(day, 3) for day in range(7)],
        [(4, 22)],
        [(day, clock) for day in range(5) for clock in range(9, 13)],
    ],
    ids=["daily", "weekly", "working hours"],
)
def test_equal_jobs_give_no_critical_finding(week: Any) -> None:
    rows = jobs(week, 10, 2, 40)
    for name, analysis in ANALYZER_REGISTRY.items():
        findings = run(analysis.analyzer, rows)["findings"]
        assert "critical" not in [each["severity"] for each in findings], name
