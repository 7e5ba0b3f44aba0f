from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest

from finops.evaluation import KINDS, evaluate, moment

NAMES = (
    "hour_burst",
    "viral_customer",
    "departed_customer",
    "rate_limit_abuser",
    "region_hopper",
    "prompt_waster",
    "slow_provider",
)
KEYS = {"kind", "planted", "found", "missed", "false_alarms", "precision", "recall", "f1"}


def incident(kind: str, subject: str, start: str, end: str = "") -> Dict[str, Any]:
    return {
        "kind": kind,
        "scenario": "base_traffic",
        "start": f"{start}:00:00.000000",
        "end": f"{end or start}:00:00.000000",
        "subject": subject,
        "size": 5,
    }


def results(end: str = "2025-03-31T23:59:59.000000", **sections: List[Any]) -> Dict[str, Any]:
    """Return the parts of result dicts that detectors are read from."""
    return {
        "dataset_overview": {"temporal": {"end_time": end}},
        "realtime": {
            "anomalies": sections.get("anomalies", []),
            "alerts": sections.get("alerts", []),
        },
        "abuse_detection": {
            name: sections.get(name, [])
            for name in ("unusual_usage", "cost_spikes", "rate_limit_abuse", "suspicious_access")
        },
        "churn_growth": {"churned": sections.get("churned", [])},
        "token_economics": {"prompt_wasters": sections.get("prompt_wasters", [])},
    }


def score(kind: str, incidents: List[Dict[str, Any]], **sections: Any) -> Dict[str, Any]:
    found = evaluate(results(**sections), {"seed": 7, "incidents": incidents})
    assert found["seed"] == 7
    assert [row["kind"] for row in found["kinds"]] == list(NAMES)
    return next(row for row in found["kinds"] if row["kind"] == kind)


def usage(subject: str, date: str, z: float = 9.0) -> Dict[str, Any]:
    return {"customer_id": subject, "date": date, "z_score": z}


def limits(subject: str, hour: str) -> Dict[str, Any]:
    return {"customer_id": subject, "hour": f"{hour}:00:00"}


def hour(text: str, customer: str = "c9") -> Dict[str, Any]:
    return {"hour": f"{text}:00:00", "top_customer": customer}


def alert(provider: str, text: str, kind: str = "provider_degraded") -> Dict[str, Any]:
    return {"type": kind, "subject": provider, "time": f"{text}:00:00"}


def counts(row: Dict[str, Any]) -> List[int]:
    return [row[key] for key in ("planted", "found", "missed", "false_alarms")]


def test_nothing_planted_and_nothing_raised_is_perfect() -> None:
    found = evaluate(results(), {"seed": 1, "incidents": []})
    for row in found["kinds"]:
        assert set(row) >= KEYS
        assert counts(row) == [0, 0, 0, 0]
        assert (row["precision"], row["recall"], row["f1"]) == (1.0, 1.0, 1.0)
    assert evaluate({}, {}) == {**found, "seed": None}


def test_precision_recall_and_f1_by_hand() -> None:
    planted = [
        incident("rate_limit_abuser", s, f"2025-01-0{i}T10", f"2025-01-0{i}T11")
        for i, s in enumerate("abcd", 1)
    ]
    raised = [limits("a", "2025-01-01T10"), limits("b", "2025-01-02T10")]
    raised += [limits("c", "2025-01-03T10"), limits("x", "2025-01-05T10")]
    raised += [limits("y", "2025-01-05T10")]
    row = score("rate_limit_abuser", planted, rate_limit_abuse=raised)
    assert counts(row) == [4, 3, 1, 2]
    assert row["precision"] == pytest.approx(3 / 5)
    assert row["recall"] == pytest.approx(3 / 4)
    assert row["f1"] == pytest.approx(2 / 3)
    assert row["missed_incidents"] == [{"subject": "d", "start": "2025-01-04T10:00:00"}]
    assert row["false_alarm_list"] == [
        {"subject": "x", "start": "2025-01-05T10:00:00"},
        {"subject": "y", "start": "2025-01-05T10:00:00"},
    ]


def test_only_misses_and_only_false_alarms_score_zero() -> None:
    planted = [incident("region_hopper", "a", "2025-01-01T10", "2025-01-01T14")]
    missed = score("region_hopper", planted)
    assert (missed["precision"], missed["recall"], missed["f1"]) == (0.0, 0.0, 0.0)
    row = score("region_hopper", [], suspicious_access=[usage("a", "2025-01-01")])
    assert counts(row) == [0, 0, 0, 1]
    assert (row["precision"], row["recall"], row["f1"]) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("date", "hits"),
    [("2025-01-09", 0), ("2025-01-10", 1), ("2025-01-12", 1), ("2025-01-13", 0)],
)
def test_days_must_overlap(date: str, hits: int) -> None:
    """From the 10th, 22:00, to midnight after the 12th: an end is not part of it."""
    planted = [incident("viral_customer", "a", "2025-01-10T22", "2025-01-13T00")]
    row = score("viral_customer", planted, unusual_usage=[usage("a", date)])
    assert counts(row) == [1, hits, 1 - hits, 1 - hits]
    row = score("viral_customer", planted, cost_spikes=[usage("a", date)])
    assert counts(row) == [1, hits, 1 - hits, 1 - hits]


@pytest.mark.parametrize(("text", "hits"), [("T09", 0), ("T10", 1), ("T11", 1), ("T12", 0)])
def test_hours_must_overlap(text: str, hits: int) -> None:
    planted = [incident("slow_provider", "openai", "2025-01-10T10", "2025-01-10T12")]
    row = score("slow_provider", planted, alerts=[alert("openai", "2025-01-10" + text)])
    assert row["found"] == hits
    other = score("slow_provider", planted, alerts=[alert("google", "2025-01-10T10")])
    assert counts(other) == [1, 0, 1, 1]


def test_only_degradations_and_rises_are_alarms() -> None:
    row = score("slow_provider", [], alerts=[alert("openai", "2025-01-10T10", "high_daily_cost")])
    assert row["false_alarms"] == 0
    row = score("viral_customer", [], unusual_usage=[usage("a", "2025-01-01", -9.0)])
    assert row["false_alarms"] == 0


@pytest.mark.parametrize("pattern", ["busy", "burst"])
def test_every_anomalous_hour_that_is_shown_counts(pattern: str) -> None:
    row = score("hour_burst", [], anomalies=[dict(hour("2025-01-10T10"), pattern=pattern)])
    assert row["false_alarms"] == 1


def test_bursts_are_of_who_spends_most_and_each_hour_counts() -> None:
    planted = [incident("hour_burst", "c9", "2025-01-10T10", "2025-01-10T11")]
    raised = [hour("2025-01-10T10"), hour("2025-01-10T11"), hour("2025-01-10T12")]
    row = score("hour_burst", planted, anomalies=raised)
    assert counts(row) == [1, 1, 0, 2]
    assert row["false_alarm_list"][0] == {"subject": "c9", "start": "2025-01-10T11:00:00"}
    row = score("hour_burst", planted, anomalies=[hour("2025-01-10T10", "c8")])
    assert counts(row) == [1, 0, 1, 1]


def test_a_burst_explains_what_else_its_customer_raises() -> None:
    burst = [incident("hour_burst", "a", "2025-01-10T10", "2025-01-10T12")]
    row = score("viral_customer", burst, unusual_usage=[usage("a", "2025-01-10")])
    assert counts(row) == [0, 0, 0, 0]
    row = score("rate_limit_abuser", burst, rate_limit_abuse=[limits("a", "2025-01-10T11")])
    assert counts(row) == [0, 0, 0, 0]


def test_false_alarms_of_one_subject_within_a_day_are_one() -> None:
    hours = ["2025-01-10T10", "2025-01-10T14", "2025-01-11T13", "2025-01-13T00"]
    row = score("slow_provider", [], alerts=[alert("openai", text) for text in hours])
    assert [a["start"] for a in row["false_alarm_list"]] == [
        "2025-01-10T10:00:00",
        "2025-01-13T00:00:00",
    ]
    row = score("slow_provider", [], alerts=[alert(p, hours[0]) for p in ("openai", "google")])
    assert row["false_alarms"] == 2


def test_effects_of_another_incident_are_neither_found_nor_false() -> None:
    viral = incident("viral_customer", "a", "2025-01-10T00", "2025-01-12T00")
    row = score("hour_burst", [viral], anomalies=[hour("2025-01-11T05", "a")])
    assert counts(row) == [0, 0, 0, 0]
    for other in (hour("2025-01-11T05", "b"), hour("2025-01-12T00", "a")):
        assert score("hour_burst", [viral], anomalies=[other])["false_alarms"] == 1
    abuser = incident("rate_limit_abuser", "a", "2025-01-10T05", "2025-01-10T06")
    assert counts(score("viral_customer", [abuser], unusual_usage=[usage("a", "2025-01-10")])) == [
        0,
        0,
        0,
        0,
    ]
    row = score("rate_limit_abuser", [viral], rate_limit_abuse=[limits("a", "2025-01-10T07")])
    assert counts(row) == [0, 0, 0, 0]
    row = score("region_hopper", [viral], suspicious_access=[usage("a", "2025-01-10")])
    assert row["false_alarms"] == 1


def gone(name: str) -> Dict[str, Any]:
    return {"customer_id": name, "last_activity_date": "2025-01-05", "days_inactive": 85}


def test_departures_are_matched_by_customer() -> None:
    planted = [incident("departed_customer", s, "2025-01-10T05", "2025-02-10T05") for s in "ab"]
    row = score("departed_customer", planted, churned=[gone("a"), gone("x")])
    assert counts(row) == [2, 1, 1, 1]
    assert row["missed_incidents"] == [{"subject": "b", "start": ""}]
    assert row["false_alarm_list"] == [{"subject": "x", "start": ""}]


@pytest.mark.parametrize(
    ("start", "planted"), [("2025-03-01T23", 1), ("2025-03-02T00", 0), ("2025-02-20T00", 1)]
)
def test_a_departure_too_late_to_be_known_is_not_planted(start: str, planted: int) -> None:
    """The data ends a second before midnight of the 31st, thirty days after the 1st."""
    late = [incident("departed_customer", "a", start, "2025-05-01T00")]
    assert score("departed_customer", late)["planted"] == planted
    row = score("departed_customer", late, churned=[gone("a")])
    assert row["false_alarms"] == 0
    assert score("departed_customer", late, end="")["planted"] == 1


@pytest.mark.parametrize(("day", "false_alarms"), [("2025-02-28", 1), ("2025-03-01", 0)])
def test_a_silence_too_short_to_be_known_is_not_judged(day: str, false_alarms: int) -> None:
    """Calls on the 1st may have come until midnight: fewer than thirty whole days of silence."""
    row = score("departed_customer", [], churned=[dict(gone("a"), last_activity_date=day)])
    assert row["false_alarms"] == false_alarms


def test_incidents_after_the_end_of_the_data_are_not_planted() -> None:
    planted = [
        incident("region_hopper", "a", day, day[:10] + "T23")
        for day in ("2025-01-10T10", "2025-04-01T00")
    ]
    assert score("region_hopper", planted)["planted"] == 1
    assert score("region_hopper", planted, end="2025-01-10T09:59:59")["planted"] == 0


def test_wasters_are_matched_by_customer() -> None:
    planted = [incident("prompt_waster", s, "2025-01-10T05", "2025-01-12T05") for s in "aab"]
    row = score("prompt_waster", planted, prompt_wasters=[{"customer_id": s} for s in "ad"])
    assert counts(row) == [2, 1, 1, 1]
    assert row["missed_incidents"] == [{"subject": "b", "start": ""}]
    assert row["false_alarm_list"] == [{"subject": "d", "start": ""}]


def test_what_has_only_begun_is_neither_missed_nor_a_false_alarm() -> None:
    late = [incident("prompt_waster", "a", "2025-03-31T05", "2025-04-03T05")]
    for raised, false_alarms in (([], 0), ([{"customer_id": "a"}], 0), ([{"customer_id": "b"}], 1)):
        found = evaluate(
            results(prompt_wasters=raised), {"seed": 1, "incidents": [], "unsettled": late}
        )
        (row,) = [one for one in found["kinds"] if one["kind"] == "prompt_waster"]
        assert counts(row) == [0, 0, 0, false_alarms]


def test_the_order_of_incidents_and_alarms_changes_nothing() -> None:
    planted = [
        incident("viral_customer", s, f"2025-01-{d}T10", f"2025-01-{d}T20")
        for d in range(10, 20)
        for s in "abc"
    ]
    raised = [usage(s, f"2025-01-{d}") for d in range(10, 28, 4) for s in "dcba"]
    one = score("viral_customer", planted, unusual_usage=raised)
    two = score("viral_customer", planted[::-1], unusual_usage=raised[::-1])
    assert json.dumps(one) == json.dumps(two)
    assert counts(one) == [30, 9, 21, 11]


def test_kinds_and_times() -> None:
    assert tuple(KINDS) == NAMES
    assert moment("2025-01-02").isoformat() == "2025-01-02T00:00:00"
    assert moment("2025-01-02T03:04:05.678901").isoformat() == "2025-01-02T03:04:05"
