"""Abuse detection from rows: rate limits, region changes, scores, words, edges."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any, Dict, List

import pytest

from finops import config
from finops.analyzers.advanced.abuse_detection import AbuseDetectionAnalyzer
from finops.analyzers.shared.abuse_signals import SIGNALS
from tests.support.reference import ReferenceDataset, call

START = datetime(2025, 1, 6, 9)


def analyze(rows: List[Dict[str, str]]) -> Dict[str, Any]:
    analyzer = AbuseDetectionAnalyzer("")
    return analyzer.compute(ReferenceDataset(rows).rollups(analyzer.TABLES))


def at(hours: float, n: int = 1, **changes: Any) -> List[Dict[str, str]]:
    """Return n calls so many hours after START, a second apart."""
    moment = START + timedelta(hours=hours)
    stamps = [(moment + timedelta(seconds=i)).isoformat(timespec="microseconds") for i in range(n)]
    return [call(timestamp=stamp, **changes) for stamp in stamps]


def limited(hours: float, n: int, **changes: Any) -> List[Dict[str, str]]:
    failure = {"status": "error", "error_type": "rate_limit", "cost_usd": "0", "output_tokens": 0}
    return at(hours, n, **{**failure, **changes})


def hopping(hours: float, switches: int, **changes: Any) -> List[Dict[str, str]]:
    """Return calls 90 seconds apart from alternating regions, that many changes in all."""
    regions = ("us-east", "eu-west", "ap-southeast")
    return [
        row
        for i in range(switches + 1)
        for row in at(hours + i * 90 / 3600, region=regions[i % 3], **changes)
    ]


def test_rate_limit_abuse_by_hand() -> None:
    rows = limited(0, 11, customer_id="a") + at(0.5, 33, customer_id="a")
    rows += limited(1, 10, customer_id="a") + limited(2.9, 51, customer_id="b")
    rows += limited(3, 10, customer_id="b")
    result = analyze(rows)
    assert result["rate_limit_abuse"] == [
        {
            "customer_id": "b",
            "hour": "2025-01-06T11:00:00",
            "total_calls": 51,
            "rate_limit_errors": 51,
            "error_rate_percent": 100.0,
            "severity": "critical",
        },
        {
            "customer_id": "a",
            "hour": "2025-01-06T09:00:00",
            "total_calls": 44,
            "rate_limit_errors": 11,
            "error_rate_percent": 25.0,
            "severity": "warning",
        },
    ]


def test_fifty_errors_are_not_yet_critical_and_other_errors_do_not_count() -> None:
    (row,) = analyze(limited(0, 50))["rate_limit_abuse"]
    assert row["severity"] == "warning"
    assert analyze(at(0, 80, status="error", error_type="timeout"))["rate_limit_abuse"] == []


def test_many_errors_spread_over_the_day_are_no_abuse() -> None:
    rows = [row for hour in range(10) for row in limited(hour, 10)]
    assert analyze(rows)["rate_limit_abuse"] == []


def test_suspicious_access_by_hand() -> None:
    limit = config.SUSPICIOUS_SWITCHES_PER_DAY
    rows = hopping(0, limit + 1, customer_id="hopper") + hopping(0, limit, customer_id="traveller")
    assert analyze(rows)["suspicious_access"] == [
        {
            "customer_id": "hopper",
            "date": "2025-01-06",
            "switches": limit + 1,
            "regions": ["ap-southeast", "eu-west", "us-east"],
            "shortest_gap_minutes": 1.5,
            "usual_switches": 0.0,
            "pattern": "hopping",
        }
    ]


def test_people_in_two_offices_change_regions_by_habit() -> None:
    """Eight changes every day are a habit; a day with thirty, for as many calls, is none.

    Expected 8: 2 x (sqrt(30 / 2 + 3 / 8) - sqrt(8 / 2 + 3 / 8)) = 3.66 standard deviations.
    """
    rows = [row for day in range(9) for row in two_offices(day, 8)] + two_offices(9, 30)
    result = analyze(rows)
    found = result["suspicious_access"]
    assert [(row["switches"], row["pattern"]) for row in found] == [
        (30, "hopping"),
        *[(8, "habit")] * 9,
    ]
    assert found[0]["usual_switches"] == 8
    assert found[1]["usual_switches"] == pytest.approx((8 * 8 + 30) / 9)
    assert len(result["customers"]) == 1


def two_offices(day: int, switches: int) -> List[Dict[str, str]]:
    """Return a day's 40 calls of one customer, that many changes of region among them."""
    rows = hopping(24 * day, switches, customer_id="offices")
    stay = 40 - len(rows)
    return rows + at(24 * day + 2, stay, customer_id="offices", region=rows[-1]["region"])


def test_habits_are_no_risk() -> None:
    """Nine days of three changes and one of seven, some 1.2 standard deviations more."""
    rows = [row for day in range(9) for row in two_offices(day, 3)] + two_offices(9, 7)
    rows += at(24 * 9 + 3, 1, customer_id="offices", region="eu-west", cost_usd="0.1")
    result = analyze(rows)
    assert [(row["switches"], row["pattern"]) for row in result["suspicious_access"]] == [
        (7, "habit")
    ]
    assert result["customers"] == []
    assert result["summary"]["estimated_exposure_usd_per_month"] == 0
    assert "critical" not in {one["severity"] for one in result["findings"]}


def test_more_calls_make_more_changes() -> None:
    """3 changes in 4 calls on other days: of 16 calls 12 are expected, of 60 no more either.

    2 x (sqrt(15 / 2 + 3 / 8) - sqrt(12 / 2 + 3 / 8)) = 0.6 standard deviations, with 59: 5.9.
    """
    for switches, pattern in ((15, "habit"), (59, "hopping")):
        rows = [row for day in range(9) for row in hopping(24 * day, 3, customer_id="offices")]
        rows += hopping(24 * 9, switches, customer_id="offices")
        (found,) = analyze(rows)["suspicious_access"]
        assert (found["switches"], found["usual_switches"]) == (switches, 3.0)
        assert found["pattern"] == pattern


def test_changes_an_hour_apart_are_travel() -> None:
    rows = [
        row
        for i in range(14)
        for row in at(i, region=("us-east", "us-west")[i % 2], customer_id="slow")
    ]
    assert analyze(rows)["suspicious_access"] == []


def test_rows_are_ordered_by_gravity_then_customer() -> None:
    rows = hopping(0, 9, customer_id="b") + hopping(0, 9, customer_id="a")
    rows += hopping(24, 30, customer_id="c") + hopping(48, 9, customer_id="a")
    found = [(r["customer_id"], r["date"][-2:]) for r in analyze(rows)["suspicious_access"]]
    assert found == [("c", "07"), ("a", "06"), ("a", "08"), ("b", "06")]


def test_scores_add_up_signals_and_severity() -> None:
    points, more = config.ABUSE_POINTS, config.ABUSE_SEVERE_POINTS
    rows = hopping(0, 8, customer_id="hops") + hopping(0, 25, customer_id="hops much")
    rows += limited(0, 20, customer_id="limit") + limited(0, 60, customer_id="limit much")
    rows += hopping(5, 25, customer_id="both") + limited(0, 60, customer_id="both")
    result = analyze(rows)
    scores = {c["customer_id"]: c["risk_score"] for c in result["customers"]}
    assert scores == {
        "both": 100,
        "hops much": points["suspicious_access"] + more,
        "limit much": points["rate_limit_abuse"] + more,
        "hops": points["suspicious_access"],
        "limit": points["rate_limit_abuse"],
    }
    assert list(scores) == ["both", "hops much", "limit much", "hops", "limit"]
    assert result["customers"][0]["signals"] == ["suspicious_access", "rate_limit_abuse"]
    assert result["summary"]["flagged_customers"] == 5
    assert result["summary"]["flagged_percent"] is None  # too few calls to see unusual days
    assert result["summary"]["critical_count"] == 3


def test_repeated_signals_count_once() -> None:
    rows = limited(0, 20) + limited(2, 20) + limited(30, 20)
    (customer,) = analyze(rows)["customers"]
    assert customer["risk_score"] == config.ABUSE_POINTS["rate_limit_abuse"]


def test_every_signal_has_points_an_action_and_a_finding() -> None:
    assert set(config.ABUSE_POINTS) == set(SIGNALS)
    rows = hopping(0, 25, customer_id="hops") + limited(0, 60, customer_id="limit")
    rows += [row for day in range(20) for row in at(24 * day, 40, customer_id="viral")]
    rows += at(24 * 20, 900, customer_id="viral", cost_usd="0.01")
    rows += [row for day in range(20) for row in at(24 * day, 40, customer_id="dear")]
    rows += at(24 * 20, 40, customer_id="dear", cost_usd="3")
    result = analyze(rows)
    assert {r["customer_id"] for r in result["unusual_usage"]} == {"viral"}
    assert {r["customer_id"] for r in result["cost_spikes"]} == {"viral", "dear"}
    actions = {c["customer_id"]: c["recommended_action"].split()[0] for c in result["customers"]}
    assert actions == {"hops": "Rotate", "limit": "Cap", "viral": "Ask", "dear": "Put"}
    titles = [f["title"] for f in result["findings"]]
    assert titles[0] == "2 customers had days of unusual cost"
    assert sorted(titles[1:]) == [
        "1 customer had days of unusual usage",
        "1 customer repeatedly hit rate limits",
        "1 customer with impossible travel",
    ]
    assert result["recommendations"][-1] == "Review 1 more flagged customer in the table."
    days = {d["date"]: d for d in result["daily"]}
    assert days["2025-01-06"]["flagged_customers"] == 2
    assert days["2025-01-26"]["flagged_customers"] == 2
    assert days["2025-01-07"] == {
        "date": "2025-01-07",
        "call_count": 80,
        "total_cost": pytest.approx(80 * 0.00425),
        "flagged_customers": 0,
    }


def test_findings_name_who_does_it_since_when() -> None:
    rows = [row for day in (2, 0) for row in limited(24 * day, 20, customer_id="b")]
    rows += [row for name in "acde" for row in limited(24, 20, customer_id=name)]
    details = {f["title"]: f["detail"] for f in analyze(rows)["findings"]}
    assert details["5 customers repeatedly hit rate limits"].endswith(
        "b since 2025-01-06, a since 2025-01-07, c since 2025-01-07 and 2 more customers."
    )


def test_exposure_is_the_cost_beyond_the_usual_day_once_a_day() -> None:
    """Nine days of 1 USD and one of 11: 10 USD too much in ten whole days are 30 a month."""
    rows = [row for day in range(9) for row in at(24 * day, 2, cost_usd="0.5")]
    rows += hopping(24 * 9, 9, cost_usd="1.1") + limited(24 * 9 - 2, 30)
    result = analyze(rows)
    exposure = result["summary"]["estimated_exposure_usd_per_month"]
    assert exposure == pytest.approx(10 * 30 / 10)
    assert f"${exposure:,.2f} per month beyond its usual cost" in result["recommendations"][0]
    assert result["recommendations"][0].startswith("Rotate cust_0001's API keys")


def test_nothing_found_is_said_as_a_success() -> None:
    result = analyze([row for day in range(10) for row in at(24 * day, 20)])
    assert [f["severity"] for f in result["findings"]] == ["success"]
    assert result["recommendations"] == []


def test_no_calls() -> None:
    result = analyze([])
    assert result["summary"].pop("estimated_exposure_usd_per_month") is None
    assert set(result["summary"].values()) == {0}
    for name in (*SIGNALS, "customers", "daily", "findings", "recommendations"):
        assert result[name] == []


@pytest.mark.parametrize(
    "rows",
    [
        at(0),
        at(0, 500),
        limited(0, 300),
        at(0, 30, customer_id="", subscription_tier="", tier_price_usd=""),
        [r for day in range(12) for r in at(24 * day, 30, cost_usd="0")] + at(300, 900),
        [r for day in range(12) for r in at(24 * day, 30, cost_usd="0.0000001")]
        + at(300, 30, cost_usd="999999999"),
    ],
)
def test_edges_give_complete_plain_numbers(rows: List[Dict[str, str]]) -> None:
    result = analyze(rows)
    json.dumps(result, allow_nan=False)
    assert result["summary"]["total_calls"] == len(rows)
    assert sum(day["call_count"] for day in result["daily"]) == len(rows)
    assert all(0 <= c["risk_score"] <= 100 for c in result["customers"])


def mixed(seed: int) -> List[Dict[str, str]]:
    draw = random.Random(seed)
    rows = []
    for i in range(6):
        name = f"cust_{i}"
        for day in range(15):
            n = draw.randint(1, 12) * draw.choice((1, 1, 1, 1, 9))
            rows += at(24 * day + draw.random(), n, customer_id=name)
            rows += limited(24 * day + draw.uniform(2, 3), draw.randint(0, 16), customer_id=name)
        rows += hopping(draw.randint(0, 300), draw.randint(2, 12), customer_id=name)
    return rows


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(5))
def test_rate_limits_and_hops_equal_a_walk_over_the_rows(seed: int) -> None:
    rows = mixed(seed)
    result = analyze(rows)
    hours: Dict[Any, int] = {}
    for row in rows:
        if row["error_type"] == "rate_limit":
            key = (row["customer_id"], row["timestamp"][:13] + ":00:00")
            hours[key] = hours.get(key, 0) + 1
    found = {
        (r["customer_id"], r["hour"]): r["rate_limit_errors"] for r in result["rate_limit_abuse"]
    }
    assert found == {key: n for key, n in hours.items() if n > 10}
    customers = {r["customer_id"] for s in SIGNALS for r in result[s] if r.get("z_score", 1) > 0}
    assert {c["customer_id"] for c in result["customers"]} == customers


@pytest.mark.unmeasured
def test_row_order_changes_nothing() -> None:
    rows = mixed(77)
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    assert json.dumps(analyze(rows)) == json.dumps(analyze(sorted(shuffled, key=_moment)))


def _moment(row: Dict[str, str]) -> str:
    return row["timestamp"] + row["customer_id"]
