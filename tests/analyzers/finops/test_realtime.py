from __future__ import annotations

import doctest
import math
from collections import defaultdict
from typing import Any, DefaultDict, Dict, List

import pytest

from finops.analyzers.finops import realtime
from finops.analyzers.finops.realtime import RealtimeAnalyzer
from finops.analyzers.shared.hourly_costs import hours_of
from finops.rollups.spec import Period
from tests.analyzers.samples import at, many, run
from tests.support.plain import call

Row = Dict[str, str]


def result_of(rows: List[Row]) -> Dict[str, Any]:
    return run(RealtimeAnalyzer, rows)


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(realtime).failed == 0


# --- hours -----------------------------------------------------------------------------------


def test_hours_run_from_the_first_to_the_last_call() -> None:
    period = Period("2025-02-28T22:59:59.000000", "2025-03-01T01:00:00.000000")
    assert list(hours_of(period)) == [
        "2025-02-28T22:00:00",
        "2025-02-28T23:00:00",
        "2025-03-01T00:00:00",
        "2025-03-01T01:00:00",
    ]
    assert list(hours_of(Period())) == []


def test_empty_hours_count_as_nothing() -> None:
    rows = [call(timestamp=at(0, 9), cost_usd="4"), call(timestamp=at(0, 12), cost_usd="8")]
    result = result_of(rows)
    # 4, 0, 0, 8: mean 3, squared distances 1 + 9 + 9 + 25 = 44, deviation sqrt(11).
    assert result["hourly_baseline"] == {
        "mean": 3.0,
        "std_dev": pytest.approx(math.sqrt(11)),
        "threshold": pytest.approx(3 + 3 * math.sqrt(11)),
    }
    assert [h["cost"] for h in result["hourly"]] == [4.0, 0.0, 0.0, 8.0]
    assert result["anomalies"] == []


def spike() -> List[Row]:
    """Fifteen hours at 1 USD and one at 17: mean 2, standard deviation sqrt(15), limit 13.6."""
    rows = [call(timestamp=at(0, hour), cost_usd="1") for hour in range(16)]
    rows += [
        call(timestamp=at(0, 5, 1), cost_usd="9", customer_id="z", model="gpt-4"),
        call(timestamp=at(0, 5, 2), cost_usd="7", customer_id="y", model="gpt-5"),
    ]
    return rows


def test_an_anomalous_hour_by_hand() -> None:
    result = result_of(spike())
    assert result["anomalies"] == [
        {
            "hour": "2025-01-01T05:00:00",
            "cost": 17.0,
            "deviation": pytest.approx(15 / math.sqrt(15)),
            "around_cost": pytest.approx(2.0 / 2),
            "pattern": "burst",
            "top_customer": "z",
            "top_model": "gpt-4",
            "top_provider": "openai",
        }
    ]
    assert result["summary"]["anomaly_count"] == 1


def test_what_an_anomaly_is_worth_and_who_is_behind_it() -> None:
    result = result_of(spike())
    found = next(f for f in result["findings"] if f["title"] == "1 hour with anomalous cost")
    # 15 USD above the mean in 15 hours of data.
    assert found["impact_usd_per_month"] == pytest.approx(15 * 720 / 15)
    assert "most of it on gpt-4, most by z" in found["detail"]
    assert (
        "Alert on hourly cost: 1 hour was anomalous, and z was the largest spender in 1 of them."
        in result["recommendations"]
    )


def test_the_first_of_equal_customers_is_on_top() -> None:
    rows = [call(timestamp=at(0, hour), cost_usd="1") for hour in range(16)]
    rows += [call(timestamp=at(0, 5), cost_usd="8", customer_id=name) for name in ("k", "b")]
    assert result_of(rows)["anomalies"][0]["top_customer"] == "b"


def test_anomalies_against_plain_sums() -> None:
    rows = many(days=30)
    for row in rows[:40]:
        row["timestamp"] = at(3, 7, 30)
    costs: DefaultDict[str, float] = defaultdict(float)
    for row in rows:
        costs[row["timestamp"][:13] + ":00:00"] += float(row["cost_usd"])
    first, last = min(r["timestamp"] for r in rows), max(r["timestamp"] for r in rows)
    hours = list(hours_of(Period(first, last)))
    mean = sum(costs[h] for h in hours) / len(hours)
    deviation = math.sqrt(sum((costs[h] - mean) ** 2 for h in hours) / len(hours))
    expected = {h: costs[h] for h in hours if costs[h] > mean + 3 * deviation}
    found = result_of(rows)["anomalies"]
    assert expected
    assert {row["hour"]: row["cost"] for row in found} == pytest.approx(expected)
    assert [r["deviation"] for r in found] == sorted((r["deviation"] for r in found), reverse=True)


# --- alerts ----------------------------------------------------------------------------------


def test_a_day_above_a_hundred_dollars() -> None:
    rows = [call(timestamp=at(0), cost_usd="100"), call(timestamp=at(1), cost_usd="100.01")]
    result = result_of(rows)
    assert result["alerts"] == [
        {
            "type": "high_daily_cost",
            "severity": "critical",
            "subject": "2025-01-02",
            "time": "2025-01-02",
            "value": 100.01,
            "threshold": 100,
            "message": "2025-01-02 cost $100.01, more than $100.00.",
        }
    ]
    assert result["summary"]["alert_count"] == 1


def test_a_day_with_more_than_a_tenth_of_errors() -> None:
    failed = {"status": "error", "error_type": "timeout"}
    rows = [call(timestamp=at(0))] * 9 + [call(timestamp=at(0), **failed)]
    assert result_of(rows)["alerts"] == []  # exactly 10 %
    rows = [call(timestamp=at(0))] * 8 + [call(timestamp=at(0), **failed)]
    (alert,) = result_of(rows)["alerts"]
    assert (alert["type"], alert["severity"], alert["subject"]) == (
        "high_error_rate",
        "warning",
        "2025-01-01",
    )
    assert alert["value"] == pytest.approx(100 / 9)
    assert alert["message"] == "11.1% of 9 calls failed on 2025-01-01."


def test_grave_alerts_come_first() -> None:
    failed = {"status": "error", "error_type": "timeout"}
    rows = [call(timestamp=at(0), cost_usd="1", **failed), call(timestamp=at(2), cost_usd="101")]
    result = result_of(rows)
    assert [a["type"] for a in result["alerts"]] == ["high_daily_cost", "high_error_rate"]
    titles = [f["title"] for f in result["findings"] if f["impact_usd_per_month"] == 0]
    assert "1 day cost more than the daily limit" in titles
    assert "1 day with a high error rate" in titles


def test_a_provider_that_is_slow_for_an_hour() -> None:
    rows = [
        call(timestamp=at(0, hour, minute), latency_ms=400 if hour != 6 else 2000)
        for hour in range(24)
        for minute in range(0, 60, 2)
    ]
    result = result_of(rows)
    (alert,) = result["alerts"]
    assert alert["type"] == "provider_degraded"
    assert alert["subject"] == "openai"
    assert alert["time"] == "2025-01-01T06:00:00"
    assert (alert["value"], alert["threshold"]) == (2000, 1200.0)
    assert alert["measure"] == "p95_latency_ms"
    assert alert["message"] == "OpenAI at 2025-01-01 06:00 UTC: p95 was 2,000 ms, usually 400 ms."
    assert (
        "Prepare a fallback for OpenAI: 1 hour of degraded service." in (result["recommendations"])
    )


def test_a_provider_that_fails_for_an_hour() -> None:
    rows = []
    for hour in range(24):
        for minute in range(0, 60, 2):
            bad = minute % 4 == 0 if hour == 6 else minute == 0 and hour % 4 == 0
            status = {"status": "error", "error_type": "server_error"} if bad else {}
            rows.append(call(timestamp=at(0, hour, minute), provider="azure", **status))
    alerts = result_of(rows)["alerts"]
    (alert,) = [a for a in alerts if a["type"] == "provider_degraded"]
    assert (alert["subject"], alert["measure"]) == ("azure", "error_rate_percent")
    assert alert["value"] == 50.0
    # 6 hours with one failed call and one with 15, of 720 calls.
    assert alert["threshold"] == pytest.approx(5 * 21 / 720 * 100)


# --- portfolio -------------------------------------------------------------------------------


def spread(**costs: str) -> Dict[str, Any]:
    rows = [call(provider=name, cost_usd=cost) for name, cost in costs.items()]
    return dict(result_of(rows)["portfolio_risk"])


def test_portfolio_by_hand() -> None:
    risk = spread(openai="5", google="3", cohere="2")
    assert risk["max_provider_concentration"] == 0.5
    assert risk["top_provider"] == "openai"
    assert risk["diversity_score"] == pytest.approx(1 - 0.25 - 0.09 - 0.04)
    assert risk["provider_count"] == 3
    assert risk["risk_level"] == "medium"
    assert [s["provider"] for s in risk["shares"]] == ["openai", "google", "cohere"]


@pytest.mark.parametrize(
    ("costs", "level"),
    [
        ({"openai": "4", "google": "3", "cohere": "3"}, "low"),
        ({"openai": "6", "google": "4"}, "medium"),
        ({"openai": "61", "google": "39"}, "high"),
    ],
)
def test_levels_begin_above_their_limit(costs: Dict[str, str], level: str) -> None:
    assert spread(**costs)["risk_level"] == level


def test_equal_providers_are_named_in_order() -> None:
    assert spread(openai="1", google="1", azure="1")["top_provider"] == "azure"


def test_nothing_hangs_on_anybody_where_nothing_costs() -> None:
    risk = spread(openai="0", google="0")
    assert risk["top_provider"] == ""
    assert (risk["max_provider_concentration"], risk["diversity_score"]) == (0.0, 0.0)
    assert (risk["provider_count"], risk["risk_level"]) == (2, "low")


# --- customers -------------------------------------------------------------------------------


def burning(cost: float, price: str = "100.0", name: str = "c") -> List[Row]:
    """Two calls thirty days apart, so that the cost is that of a month."""
    changes = {"customer_id": name, "tier_price_usd": price}
    return [
        call(timestamp=at(0), cost_usd=str(cost), **changes),
        call(timestamp=at(30), cost_usd="0", **changes),
    ]


@pytest.mark.parametrize(
    ("cost", "risk"),
    [
        (79.9, None),
        (80, "medium"),
        (99.9, "medium"),
        (100, "high"),
        (149, "high"),
        (150, "critical"),
    ],
)
def test_burn_of_the_subscription(cost: float, risk: Any) -> None:
    found = result_of(burning(cost))["at_risk_customers"]
    if risk is None:
        assert found == []
        return
    (row,) = found
    assert row["monthly_revenue"] == 100.0
    assert row["monthly_cost"] == pytest.approx(cost)
    assert row["burn_percent"] == pytest.approx(cost)
    assert row["risk"] == risk


def test_the_hottest_first_and_what_is_lost() -> None:
    rows = burning(120, name="b") + burning(300, name="a") + burning(120, name="c")
    result = result_of(rows + burning(10, name="d"))
    assert [r["customer_id"] for r in result["at_risk_customers"]] == ["a", "b", "c"]
    title = "3 customers burn over 80% of the subscription"
    found = next(f for f in result["findings"] if f["title"] == title)
    assert found["impact_usd_per_month"] == pytest.approx(200 + 20 + 20)
    assert found["severity"] == "critical"
    assert result["recommendations"][0] == (
        "Limit the usage of a, which pays $100.00 and costs $300.00 a month: "
        "$200.00 a month is lost."
    )


def test_the_largest_losses_are_limited_first() -> None:
    """Ranked by share of the price: s 3, b 2, c 1.5, d 1.4 times; by USD: b, c, d, s."""
    rows = burning(30, "10", "s") + burning(400, "200", "b") + burning(300, "200", "c")
    result = result_of(rows + burning(280, "200", "d"))
    assert [r["customer_id"] for r in result["at_risk_customers"]] == ["s", "b", "c", "d"]
    limited = [one.split()[4] for one in result["recommendations"] if one.startswith("Limit")]
    assert limited == ["b,", "c,", "d,"]
    found = next(f for f in result["findings"] if "burn over" in f["title"])
    assert found["detail"] == (
        "s costs $30.00 a month and pays $10.00; together they lose $400.00 a month."
    )


def test_a_customer_who_is_close_has_lost_nothing_yet() -> None:
    advice = result_of(burning(90))["recommendations"]
    assert advice[0].endswith("90.0% of the price is used up.")


@pytest.mark.parametrize("price", ["0.0", ""])
def test_without_a_price_there_is_no_burn(price: str) -> None:
    rows = burning(90, price)
    for row in rows:
        row["subscription_tier"] = "unheard-of"
    assert result_of(rows)["at_risk_customers"] == []


def test_a_quiet_dataset_is_good_news() -> None:
    rows = [call(timestamp=at(0, hour), provider="google") for hour in range(10)]
    result = result_of(rows)
    assert "Nothing out of the ordinary" in [f["title"] for f in result["findings"]]
