"""What was planted is in the rows, and strong enough to be found."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Dict, List, Optional, Set, Tuple

import pytest

from finops import config
from finops.simulator import incidents as kinds
from finops.simulator.ground_truth import entries, unsettled
from finops.simulator.incidents import Incident, Schedule
from finops.simulator.plan import Plan
from finops.simulator.rng import Rng
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.traffic import Calendar
from tests.simulator.conftest import Simulated

# The bytes are the same in every Python (test_engine).
pytestmark = [pytest.mark.unmeasured, pytest.mark.once]


def planted(default: Simulated, kind: str) -> List[Dict[str, Any]]:
    found = [i for i in default.truth["incidents"] if i["kind"] == kind]
    assert found, f"no {kind} was planted"
    return found


def test_form(default: Simulated) -> None:
    assert set(default.truth) == {"seed", "incidents", "unsettled", "episodes"}
    assert default.truth["seed"] == config.DEFAULT_SEED
    last = default.columns["timestamp"][-1]
    for incident in default.truth["incidents"] + default.truth["unsettled"]:
        assert set(incident) == {"kind", "scenario", "start", "end", "subject", "size"}
        assert incident["kind"] in kinds.KINDS
        assert incident["scenario"] in {*config.SCENARIO_SHAPES, kinds.CORE}
        assert incident["start"] < incident["end"]
        assert incident["start"] <= last
        datetime.strptime(incident["start"], "%Y-%m-%dT%H:%M:%S.%f")
    assert {i["kind"] for i in default.truth["incidents"]} == set(kinds.KINDS)


def test_most_customers_are_clean(default: Simulated) -> None:
    subjects = {i["subject"] for i in default.truth["incidents"]}
    customers = set(default.columns["customer_id"])
    assert len(subjects & customers) < 0.25 * len(customers)


def test_bursts_exceed_three_standard_deviations_of_hourly_cost(default: Simulated) -> None:
    costs: Dict[str, float] = defaultdict(float)
    for time, cost in zip(default.columns["timestamp"], default.columns["cost_usd"]):
        costs[time[:13]] += float(cost)
    hours = [costs.get(hour, 0.0) for hour in every_hour(default)]
    mean = sum(hours) / len(hours)
    sd = (sum((c - mean) ** 2 for c in hours) / len(hours)) ** 0.5
    for incident in planted(default, kinds.HOUR_BURST):
        assert costs[incident["start"][:13]] > mean + 3 * sd
        assert 5 <= incident["size"] <= 20
        assert len({i["subject"] for i in planted(default, kinds.HOUR_BURST)}) == 1


def every_hour(default: Simulated) -> List[str]:
    times = default.columns["timestamp"]
    first, last = (datetime.strptime(t[:13], "%Y-%m-%dT%H") for t in (times[0], times[-1]))
    count = int((last - first).total_seconds()) // 3600 + 1
    return [(first + timedelta(hours=h)).strftime("%Y-%m-%dT%H") for h in range(count)]


def test_viral_customers_take_off(default: Simulated) -> None:
    days: Dict[str, Counter[str]] = defaultdict(Counter)
    for customer, time in zip(default.columns["customer_id"], default.columns["timestamp"]):
        days[customer][time[:10]] += 1
    for incident in planted(default, kinds.VIRAL_CUSTOMER):
        mine = days[incident["subject"]]
        usual = sorted(mine.values())[len(mine) // 2]
        peak = max(n for day, n in mine.items() if incident["start"][:10] <= day < incident["end"])
        assert peak > 5 * usual


def test_departed_customers_were_there_and_never_come_back(default: Simulated) -> None:
    seen: Dict[str, List[str]] = defaultdict(list)
    for customer, time in zip(default.columns["customer_id"], default.columns["timestamp"]):
        seen[customer].append(time)
    last = default.columns["timestamp"][-1]
    for incident in planted(default, kinds.DEPARTED_CUSTOMER):
        mine = seen[incident["subject"]]
        assert len(mine) > 5
        assert mine[-1] < incident["start"]
        assert days_between(incident["start"], last) >= 30
    gone = {i["subject"] for i in planted(default, kinds.DEPARTED_CUSTOMER)}
    silent = {c for c, times in seen.items() if days_between(times[-1], last) >= 30}
    # Who left less than the days of silence before the end is not settled.
    leaving = {entry["subject"] for entry in default.truth["unsettled"]}
    assert gone <= silent <= gone | leaving


def days_between(first: str, last: str) -> float:
    form = "%Y-%m-%dT%H:%M:%S.%f"
    gap = datetime.strptime(last, form) - datetime.strptime(first, form)
    return gap.total_seconds() / 86400


def test_rate_limits_are_run_into(default: Simulated) -> None:
    errors: Counter[Tuple[str, str]] = Counter()
    columns = default.columns
    for customer, time, error in zip(
        columns["customer_id"], columns["timestamp"], columns["error_type"]
    ):
        if error == "rate_limit":
            errors[customer, time[:13]] += 1
    expected = {(i["subject"], i["start"][:13]) for i in planted(default, kinds.RATE_LIMIT_ABUSER)}
    bursting = {i["subject"] for i in planted(default, kinds.HOUR_BURST)}
    most = {key for key, count in errors.items() if count > 10 and key[0] not in bursting}
    assert most == expected
    assert max(errors.values()) > 50


def test_hoppers_change_region_within_the_hour(default: Simulated) -> None:
    changes: Counter[Tuple[str, str]] = Counter()
    before: Dict[str, Tuple[str, str]] = {}
    columns = default.columns
    for customer, time, region in zip(
        columns["customer_id"], columns["timestamp"], columns["region"]
    ):
        there, when = before.get(customer, (region, time))
        if there != region and days_between(when, time) < 1 / 24:
            changes[customer, time[:10]] += 1
        before[customer] = (region, time)
    expected = {(i["subject"], i["start"][:10]) for i in planted(default, kinds.REGION_HOPPER)}
    assert set(changes) == expected
    assert min(changes.values()) > 5


def test_wasters_waste(default: Simulated) -> None:
    columns = default.columns
    wasted: Dict[str, List[str]] = defaultdict(list)
    for customer, time, i, o in zip(
        columns["customer_id"],
        columns["timestamp"],
        default.numbers("input_tokens"),
        default.numbers("output_tokens"),
    ):
        if 1000 < i < 5000 and 0 < o < 0.1 * i:
            wasted[customer].append(time)
    for incident in planted(default, kinds.PROMPT_WASTER):
        during = [
            t for t in wasted[incident["subject"]] if incident["start"] <= t < incident["end"]
        ]
        assert len(during) > 20


def test_slow_providers_are_slow(default: Simulated) -> None:
    latency: Dict[Tuple[str, str], List[int]] = defaultdict(list)
    columns = default.columns
    for provider, time, status, ms in zip(
        columns["provider"], columns["timestamp"], columns["status"], default.numbers("latency_ms")
    ):
        if status == "success":
            latency[provider, time[:13]].append(ms)
    p95 = {key: sorted(found)[-(-len(found) * 95 // 100) - 1] for key, found in latency.items()}
    for incident in planted(default, kinds.SLOW_PROVIDER):
        subject, first, end = incident["subject"], incident["start"][:13], incident["end"][:13]
        mine = sorted(value for (provider, _), value in p95.items() if provider == subject)
        usual = mine[len(mine) // 2]
        hours = [hour for hour in every_hour(default) if first <= hour < end]
        assert 1 <= len(hours) <= 5
        for hour in hours:
            assert len(latency[subject, hour]) >= 10
            assert p95[subject, hour] > 3 * usual


def test_parts_are_not_mixed(default: Simulated) -> None:
    """Who abuses does not grow, who grows does not leave, and who leaves was clean."""
    parts: Dict[str, Set[str]] = defaultdict(set)
    for incident in default.truth["incidents"]:
        parts[incident["subject"]].add(incident["kind"])
    abusing = {kinds.RATE_LIMIT_ABUSER, kinds.REGION_HOPPER}
    assert all(len(some) == 1 or some == abusing for some in parts.values())


def test_every_episode_of_the_story_is_recorded(default: Simulated) -> None:
    episodes = default.truth["episodes"]
    expected = {name for name, s in config.SCENARIO_SHAPES.items() if s.hours}
    assert {e["scenario"] for e in episodes} == expected
    last = default.columns["timestamp"][-1]
    for episode in episodes:
        assert set(episode) == {"scenario", "title", "start", "end", "subject"}
        assert days_between("2026-06-01T00:00:00.000000", episode["start"]) >= 14
        assert days_between(episode["end"], last) >= 3
    for incident in planted(default, kinds.HOUR_BURST):
        assert days_between(incident["end"], last) >= 3


def test_events_are_a_table_for_charts(default: Simulated) -> None:
    path = default.path.with_suffix(".events.csv")
    with open(str(path), encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["start", "end", "title", "subject"]
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    for row in rows:
        assert row["start"] < row["end"]
        assert row["subject"]
    titles = Counter(row["title"] for row in rows)
    told = [e for e in default.truth["episodes"] if e["scenario"] != "burst_traffic"]
    assert {e["title"] for e in told} | {"Burst", "Slow provider"} == set(titles)
    assert titles["Burst"] == len(planted(default, kinds.HOUR_BURST))


def test_incidents_become_more_frequent() -> None:
    kind = kinds.RATE_LIMIT_ABUSER
    schedule = Schedule(kind, Rng(1))
    due = [day for day in range(720) if schedule.due(day)]
    months = Counter(day // 30 for day in due)
    usual = config.INCIDENTS_PER_30_DAYS[kind]
    first = sum(months[m] for m in range(6)) / 6
    last = sum(months[m] for m in range(18, 24)) / 6
    assert usual <= first < last
    assert last == pytest.approx(usual * config.INCIDENT_RATE_CEILING, abs=0.5)


@pytest.mark.parametrize("names", [None, ["viral_spike"], ["gradual_decline", "burst_traffic"]])
def test_what_begins_is_the_same_without_working_out_who_calls(names: Optional[List[str]]) -> None:
    spec = SimulationSpec.of(7, scenarios=names)
    whole, alone = Plan(spec), Plan(spec)
    for hour, index in islice(zip(whole.hours(), alone.beginnings()), 100 * 24):
        assert hour.number == index
        assert len(whole.incidents) == len(alone.incidents)
    assert whole.incidents
    assert whole.incidents == alone.incidents
    assert whole.episodes == alone.episodes


def test_an_incident_is_listed_once_it_can_be_seen() -> None:
    calendar = Calendar("2025-01-01T00:00:00")
    departed = Incident(kinds.DEPARTED_CUSTOMER, "gradual_decline", 24, 24 + 720, "cust_0001", 1)
    burst = Incident(kinds.HOUR_BURST, "burst_traffic", 24, 25, "cust_0002", 7.12345)
    at = "2025-01-02T00:59:59.000000"
    assert entries([departed, burst], calendar, at) == []
    begun = unsettled([departed, burst], calendar, at)
    assert [one["kind"] for one in begun] == ["departed_customer", "hour_burst"]
    assert unsettled([departed, burst], calendar, "2025-01-01T23:59:59.000000") == []
    (listed,) = entries([departed, burst], calendar, "2025-01-02T01:00:00.000000")
    assert listed == {
        "kind": "hour_burst",
        "scenario": "burst_traffic",
        "start": "2025-01-02T00:00:00.000000",
        "end": "2025-01-02T01:00:00.000000",
        "subject": "cust_0002",
        "size": 7.123,
    }
    later = "2025-01-02T01:00:00.000000"
    assert unsettled([departed, burst], calendar, later) == begun[:1]
    assert unsettled([departed, burst], calendar, "2025-02-01T00:00:00.000000") == []
    assert len(entries([departed, burst], calendar, "2025-02-01T00:00:00.000000")) == 2


def test_a_customer_goes_viral_for_two_days_before_it_can_be_seen() -> None:
    """On its first day it makes some three times its calls: a customer may have such a day."""
    calendar = Calendar("2025-01-01T00:00:00")
    viral = Incident(kinds.VIRAL_CUSTOMER, "viral_spike", 24, 24 + 120, "cust_0001", 10)
    early, late = "2025-01-03T23:59:59.000000", "2025-01-04T00:00:00.000000"
    assert [one["kind"] for one in unsettled([viral], calendar, early)] == ["viral_customer"]
    assert entries([viral], calendar, early) == []
    assert [one["kind"] for one in entries([viral], calendar, late)] == ["viral_customer"]
