from __future__ import annotations

import doctest
import math
import statistics
from collections import defaultdict
from datetime import datetime
from typing import Any, DefaultDict, Dict, List, Set

import pytest

from finops.analyzers.finops import realtime
from finops.analyzers.finops.realtime import RealtimeAnalyzer
from finops.analyzers.shared.hourly_costs import hours_of
from finops.analyzers.ubr.profitability import ProfitabilityAnalyzer
from finops.rollups.spec import Period
from tests.analyzers.samples import at, many, run
from tests.support.reference import call

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


def spike(days: int = 2) -> List[Row]:
    """Every hour at 1 USD and one at 17; of 48: mean 4 / 3, standard deviation sqrt(47) / 3."""
    rows = [call(timestamp=at(d, hour), cost_usd="1") for d in range(days) for hour in range(24)]
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
            "deviation": pytest.approx(math.sqrt(47)),
            "expected": 1.0,
            "around_cost": pytest.approx(1.0),
            "pattern": "burst",
            "top_customer": "z",
            "top_model": "gpt-4",
            "top_provider": "openai",
        }
    ]
    assert result["incidents"] == [
        {
            "start": "2025-01-01T05:00:00",
            "end": "2025-01-01T05:00:00",
            "hours": 1,
            "cost": 17.0,
            "excess_cost": 16.0,
            "cause": "z",
            "customers": ["z"],
        }
    ]
    assert (result["summary"]["anomaly_count"], result["summary"]["incident_count"]) == (1, 1)


def test_what_an_anomaly_is_worth_and_who_is_behind_it() -> None:
    result = result_of(spike(days=10))
    found = next(f for f in result["findings"] if f["title"] == "1 incident of anomalous cost")
    # 16 USD above the usual in ten whole days.
    assert found["impact_usd_per_month"] == pytest.approx(16 * 3)
    assert "cost $16.00 more than usual in 1 hour; largest share: z" in found["detail"]
    assert (
        "Alert on hourly cost: 1 incident so far, and z was the largest spender in 1 of them."
        in result["recommendations"]
    )


def test_hours_with_one_cause_that_follow_each_other_are_one_incident() -> None:
    rows = spike(days=10)
    rows += [call(timestamp=at(4, hour), cost_usd="30", customer_id="q") for hour in (3, 4, 5, 9)]
    incidents = result_of(rows)["incidents"]
    assert [(i["start"][8:13], i["end"][8:13], i["hours"], i["cause"]) for i in incidents] == [
        ("05T03", "05T05", 3, "q"),
        ("05T09", "05T09", 1, "q"),
        ("01T05", "01T05", 1, "z"),
    ]


def regular(kind: str) -> List[Row]:
    """Return a job of 5 USD a day, a week or each working hour, for half a year."""
    hours = {"day": (9,), "week": (9,), "working hours": range(9, 17)}[kind]
    weekdays = {"day": range(7), "week": (0,), "working hours": range(5)}[kind]
    return [
        call(timestamp=at(day, hour), cost_usd="5", provider="google", tier_price_usd="9999")
        for day in range(364)
        if (day + 2) % 7 in weekdays  # the first of January was a Wednesday
        for hour in hours
    ]


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", ["day", "week", "working hours"])
def test_what_comes_back_is_no_anomaly(kind: str) -> None:
    result = result_of(regular(kind))
    assert result["anomalies"] == []
    assert "critical" not in [found["severity"] for found in result["findings"]]


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", ["day", "week", "working hours"])
def test_an_outburst_among_regular_hours_is_one(kind: str) -> None:
    rows = regular(kind)
    outburst = call(timestamp=rows[20]["timestamp"], cost_usd="60", customer_id="z")
    (row,) = result_of([*rows, outburst])["anomalies"]
    assert (row["top_customer"], row["expected"]) == ("z", 5.0)


@pytest.mark.parametrize(("cost", "found"), [("1.8", 0), ("2", 1)])
def test_an_hour_of_twice_what_like_hours_cost_is_one(cost: str, found: int) -> None:
    """What is twice the hours around it does not hide behind those of other days."""
    costs = {at(day, hour): "1" for day in range(120) for hour in range(9, 17)}
    costs[at(60, 12)] = cost
    rows = [call(timestamp=when, cost_usd=each) for when, each in costs.items()]
    assert len(result_of(rows)["anomalies"]) == found


def test_a_higher_level_of_some_days_is_no_anomaly() -> None:
    rows = [
        call(timestamp=at(day, 9), cost_usd="40" if day < 10 else "1", provider="google")
        for day in range(120)
    ]
    assert result_of(rows)["anomalies"] == []


def test_outbursts_on_one_day_of_several_months_do_not_explain_each_other() -> None:
    """The days of a month fall on all weekdays, so that they stray far without a schedule."""
    outbursts = [at(day, 9) for day in (49, 138, 230)]
    costs = {at(day, 9): "0.2" if (day + 2) % 7 in (5, 6) else "1" for day in range(243)}
    costs.update(dict.fromkeys(outbursts, "3.5"))
    rows = [call(timestamp=when, cost_usd=cost) for when, cost in costs.items()]
    assert {when[8:10] for when in outbursts} == {"19"}
    hours = [when[:13] + ":00:00" for when in outbursts]
    assert sorted(row["hour"] for row in result_of(rows)["anomalies"]) == hours


def test_a_job_of_each_month_is_no_anomaly() -> None:
    costs = {at(day, 9): "1" for day in range(243)}
    firsts = [when for when in costs if when[8:10] == "01"]
    costs.update(zip(firsts, ("30", "20", "45", "25", "40", "30", "35", "28")))
    rows = [call(timestamp=when, cost_usd=cost) for when, cost in costs.items()]
    assert result_of(rows)["anomalies"] == []


def test_of_few_hours_with_a_call_nothing_is_said() -> None:
    rows = [call(timestamp=at(day, 9), cost_usd="1", provider="google") for day in range(46)]
    rows += [call(timestamp=at(5, 9), cost_usd="90", provider="google")]
    assert result_of(rows)["anomalies"] == []
    more = [call(timestamp=at(46 + day, 9), cost_usd="1") for day in range(2)]
    assert len(result_of([*rows, *more])["anomalies"]) == 1


def test_the_first_of_equal_customers_is_on_top() -> None:
    rows = [call(timestamp=at(d, hour), cost_usd="1") for d in range(2) for hour in range(24)]
    rows += [call(timestamp=at(0, 5), cost_usd="8", customer_id=name) for name in ("k", "b")]
    assert result_of(rows)["anomalies"][0]["top_customer"] == "b"


def is_far_above_like_hours(hour: str, costs: Dict[str, float], active: Set[str]) -> bool:
    """Return whether an hour is beyond each group of hours like it, one after the other."""
    when = datetime.fromisoformat(hour)
    others = sorted(datetime.fromisoformat(each) for each in active if each != hour)
    clock = [each for each in others if each.hour == when.hour]
    before, after = ([e for e in clock if e < when][-7:], [e for e in clock if e > when][:7])
    groups = [
        [each for each in clock if each.weekday() == when.weekday()],
        clock,
        [each for each in clock if each.day == when.day],
        before if len(before) >= 3 else [],
        after if len(after) >= 3 else [],
    ]
    groups[2] = groups[2] if len(groups[2]) >= 2 else []
    for place, group in enumerate(groups):
        if not group:
            continue
        known = [costs[each.strftime("%Y-%m-%dT%H:00:00")] for each in group]
        usual = statistics.median(known)
        spread = 1.4826 * statistics.median([abs(cost - usual) for cost in known])
        spread = 0 if place == 2 else spread  # the days of a month fall on all weekdays
        if costs[hour] <= usual + max(3 * max(spread, usual * 0.3), 0.25):
            return False
    return True


def test_anomalies_against_plain_sums() -> None:
    rows = many(days=30)
    for row in rows[:40]:
        row.update(timestamp=at(3, 7, 30), cost_usd="0.05")
    costs: DefaultDict[str, float] = defaultdict(float)
    for row in rows:
        costs[row["timestamp"][:13] + ":00:00"] += float(row["cost_usd"])
    first, last = min(r["timestamp"] for r in rows), max(r["timestamp"] for r in rows)
    hours = list(hours_of(Period(first, last)))
    mean = sum(costs[h] for h in hours) / len(hours)
    deviation = math.sqrt(sum((costs[h] - mean) ** 2 for h in hours) / len(hours))
    above = {h: costs[h] for h in hours if costs[h] > mean + 3 * deviation}
    active = {row["timestamp"][:13] + ":00:00" for row in rows}
    expected = {h: cost for h, cost in above.items() if is_far_above_like_hours(h, costs, active)}
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
            "end": "2025-01-02",
            "length": 1,
        }
    ]
    assert result["summary"]["alert_count"] == 1


def test_a_day_with_more_than_a_tenth_of_errors() -> None:
    failed = {"status": "error", "error_type": "timeout"}
    rows = [call(timestamp=at(0))] * 27 + [call(timestamp=at(0), **failed)] * 3
    assert result_of(rows)["alerts"] == []  # exactly 10 %
    rows = [call(timestamp=at(0))] * 24 + [call(timestamp=at(0), **failed)] * 3
    (alert,) = result_of(rows)["alerts"]
    assert (alert["type"], alert["severity"], alert["subject"]) == (
        "high_error_rate",
        "warning",
        "2025-01-01",
    )
    assert alert["value"] == pytest.approx(100 / 9)
    assert alert["message"] == "11.1% of 27 calls failed on 2025-01-01."


def test_grave_alerts_come_first() -> None:
    failed = {"status": "error", "error_type": "timeout"}
    rows = [call(timestamp=at(0), cost_usd="1", **failed)] * 3
    rows += [call(timestamp=at(2), cost_usd="101")]
    result = result_of(rows)
    assert [a["type"] for a in result["alerts"]] == ["high_daily_cost", "high_error_rate"]
    titles = [f["title"] for f in result["findings"] if not f["impact_usd_per_month"]]
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
    assert (risk["max_provider_concentration"], risk["diversity_score"]) == (None, None)
    assert (risk["provider_count"], risk["risk_level"]) == (2, None)


# --- customers -------------------------------------------------------------------------------


def burning(cost: float, price: str = "100.0", name: str = "c") -> List[Row]:
    """Two calls at the ends of thirty days, so that the cost is that of a month."""
    changes = {"customer_id": name, "tier_price_usd": price, "provider": "acme", "model": "own"}
    return [
        call(timestamp=at(0, 0), cost_usd=str(cost), **changes),
        call(timestamp=at(29, 23), cost_usd="0", **changes),
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
    title = "3 customers use over 100% of the subscription"
    found = next(f for f in result["findings"] if f["title"] == title)
    assert found["impact_usd_per_month"] == pytest.approx(200 + 20 + 20)
    assert found["severity"] == "critical"
    assert result["recommendations"][0] == (
        "Move a to the enterprise tier at $999.00: it pays $100.00 and costs $300.00 per month, "
        "so $200.00 per month is lost."
    )


def test_the_largest_losses_come_first() -> None:
    """Ranked by share of the price: s 3, b 2, c 1.5, d 1.4 times; by USD: b, c, d, s."""
    rows = burning(30, "10", "s") + burning(400, "200", "b") + burning(300, "200", "c")
    result = result_of(rows + burning(280, "200", "d"))
    assert [r["customer_id"] for r in result["at_risk_customers"]] == ["s", "b", "c", "d"]
    moved = [advice.split()[1] for advice in result["recommendations"]]
    assert moved[:3] == ["b", "c", "d"]
    found = next(f for f in result["findings"] if "use over" in f["title"])
    assert found["detail"] == (
        "s costs $30.00 per 30 days and pays $10.00; together they lose $400.00 per month."
    )


def test_a_customer_who_is_close_has_lost_nothing_yet() -> None:
    result = result_of(burning(90))
    assert [row["burn_percent"] for row in result["at_risk_customers"]] == [90.0]
    assert result["recommendations"] == []  # nor has it outgrown its tier for three weeks


@pytest.mark.parametrize("price", ["0.0", ""])
def test_without_a_price_there_is_no_burn(price: str) -> None:
    rows = burning(90, price)
    for row in rows:
        row["subscription_tier"] = "unheard-of"
    assert result_of(rows)["at_risk_customers"] == []


def test_the_loss_is_that_of_profitability_also_where_customers_pay_nothing() -> None:
    free = [*burning(30, "0", "f"), *burning(7, "0", "g")]
    for rows in (free, [*free, *burning(120, name="a"), *burning(90, name="b")]):
        result = result_of(rows)
        (loss,) = [each for each in result["findings"] if each["kind"] == "loss"]
        (other,) = [f for f in run(ProfitabilityAnalyzer, rows)["findings"] if f["kind"] == "loss"]
        assert loss["impact_usd_per_month"] == pytest.approx(other["impact_usd_per_month"])
    assert loss["detail"] == (
        "a costs $120.00 per 30 days and pays $100.00; with 2 customers whose price is 0, $57.00 "
        "per month is lost."
    )
    titles = [each["title"] for each in result_of(free)["findings"]]
    assert "2 customers without a charge cost $37.00 per month" in titles


def test_a_quiet_dataset_is_good_news() -> None:
    rows = [call(timestamp=at(0, hour), provider="google") for hour in range(24)]
    rows += [call(timestamp=at(1, hour), provider="google") for hour in range(24)]
    result = result_of(rows)
    assert "No anomalies and no alerts" in [f["title"] for f in result["findings"]]
