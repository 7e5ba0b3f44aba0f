from __future__ import annotations

import json
import random
from datetime import date, datetime, timedelta
from typing import Any, Dict, Iterable, List, Set

import pytest

from finops import config, stats
from finops.analyzers.advanced.churn_growth import ChurnGrowthAnalyzer
from finops.analyzers.shared.cohorts import weekly_growth
from finops.analyzers.shared.customer_trends import suggested_tier
from tests.support.covered import covered_shares, times_of
from tests.support.reference import ReferenceDataset, call

MONDAY = date(2025, 1, 6)  # of 2025-W02


def analyze(rows: List[Dict[str, str]]) -> Dict[str, Any]:
    analyzer = ChurnGrowthAnalyzer("")
    return analyzer.compute(ReferenceDataset(rows).rollups(analyzer.TABLES))


def on(day: int, n: int = 1, **changes: Any) -> List[Dict[str, str]]:
    """Return n calls at noon of the day so many days after MONDAY."""
    moment = f"{MONDAY + timedelta(days=day)}T12:00:00.000000"
    return [call(timestamp=moment, **changes) for _ in range(n)]


def daily(days: Iterable[int], n: int, **changes: Any) -> List[Dict[str, str]]:
    return [row for day in days for row in on(day, n, **changes)]


def test_thirty_silent_days_are_churn_and_twenty_nine_are_not() -> None:
    rows = on(0, customer_id="gone") + on(1, customer_id="quiet") + on(30, customer_id="here")
    result = analyze(rows)
    assert result["churned"] == [
        {
            "customer_id": "gone",
            "subscription_tier": "pro",
            "last_activity_date": "2025-01-06",
            "days_inactive": 30,
            "lost_monthly_revenue": 199.0,
        }
    ]
    summary = result["summary"]
    assert (summary["total_customers"], summary["churned_customers"]) == (3, 1)
    assert summary["churn_rate_percent"] is None  # under sixty covered days
    assert summary["lost_monthly_revenue"] == 199.0


def test_the_rate_of_churn_is_that_of_the_last_thirty_days() -> None:
    """Of those active thirty days before the end; who left before that is no part of it."""
    rows = daily(range(70), 1, customer_id="here") + daily(range(5), 1, customer_id="long gone")
    rows += daily(range(39), 1, customer_id="lost") + daily(range(20, 41), 1, customer_id="late")
    rows += daily(range(55, 70), 1, customer_id="new")
    result = analyze(rows)
    gone = {row["customer_id"]: row["days_inactive"] for row in result["churned"]}
    assert gone == {"long gone": 65, "lost": 31}
    assert result["summary"]["churn_rate_percent"] == pytest.approx(100 / 3)  # here, lost, late


def test_churn_counts_dates_not_hours() -> None:
    rows = [
        call(timestamp="2025-01-01T23:59:59.000000", customer_id="gone"),
        call(timestamp="2025-01-31T00:00:01.000000", customer_id="here"),
    ]
    assert [r["customer_id"] for r in analyze(rows)["churned"]] == ["gone"]


def test_tier_and_price_are_those_of_the_latest_call() -> None:
    rows = on(0, customer_id="a", subscription_tier="starter", tier_price_usd="49.0")
    rows += on(1, customer_id="a", subscription_tier="enterprise", tier_price_usd="999.0")
    (row,) = analyze(rows + on(40, customer_id="b"))["churned"]
    assert (row["subscription_tier"], row["lost_monthly_revenue"]) == ("enterprise", 999.0)


def test_churned_are_ordered_by_revenue_then_id_and_unknown_prices_are_last() -> None:
    rows = on(0, customer_id="c") + on(0, customer_id="b")
    rows += on(0, customer_id="a", subscription_tier="gold", tier_price_usd="")
    rows += on(0, customer_id="z", tier_price_usd="999.0") + on(50, customer_id="here")
    result = analyze(rows)
    assert [r["customer_id"] for r in result["churned"]] == ["z", "b", "c", "a"]
    assert result["churned"][-1]["lost_monthly_revenue"] is None
    assert result["summary"]["customers_without_price"] == 1


def test_at_risk_compares_two_windows_of_fourteen_days() -> None:
    """The last date is day 27: days 14 to 27 are recent, days 0 to 13 the ones before."""
    rows = on(0, 4, customer_id="half") + on(13, 6, customer_id="half")
    rows += on(14, 2, customer_id="half") + on(27, 3, customer_id="half")
    rows += on(13, 10, customer_id="less") + on(20, 6, customer_id="less")
    rows += on(5, 9, customer_id="few") + on(0, 20, customer_id="old") + on(27, 21, customer_id="x")
    result = analyze(rows)
    assert result["at_risk"] == [
        {
            "customer_id": "half",
            "subscription_tier": "pro",
            "recent_calls": 5,
            "previous_calls": 10,
            "change_percent": -50.0,
            "monthly_revenue": 199.0,
            "risk": "medium",
        },
        {
            "customer_id": "old",
            "subscription_tier": "pro",
            "recent_calls": 0,
            "previous_calls": 20,
            "change_percent": -100.0,
            "monthly_revenue": 199.0,
            "risk": "critical",
        },
    ]
    assert result["summary"]["at_risk_monthly_revenue"] == 398.0


@pytest.mark.parametrize(
    ("recent", "risk"), [(50, "medium"), (26, "medium"), (25, "high"), (10, "critical")]
)
def test_risk_grows_with_the_fall(recent: int, risk: str) -> None:
    rows = daily(range(10), 10) + on(27, recent)
    assert [r["risk"] for r in analyze(rows)["at_risk"]] == [risk]


def test_the_churned_are_not_at_risk_as_well() -> None:
    rows = daily(range(14), 10, customer_id="gone") + on(60, 5, customer_id="here")
    result = analyze(rows)
    assert [r["customer_id"] for r in result["churned"]] == ["gone"]
    assert result["at_risk"] == []


def growing(name: str, before: int, after: int, **changes: Any) -> List[Dict[str, str]]:
    rows = daily(range(14), before, customer_id=name, **changes)
    return rows + daily(range(14, 28), after, customer_id=name, **changes)


def test_expansion_by_hand() -> None:
    """A call each noon of 28 days covers them, so a month is 30 / 28 of the period."""
    rows = growing("steady", 5, 5, cost_usd="0.01")
    rows += growing("up", 2, 3, cost_usd="0.5", subscription_tier="starter", tier_price_usd="49.0")
    result = analyze(rows)
    assert result["expansion"] == [
        {
            "customer_id": "up",
            "change_percent": 50.0,
            "subscription_tier": "starter",
            "burn_percent": pytest.approx(70 * 0.5 * 30 / 28 / 49 * 100),
            "suggested_tier": None,  # two weeks are too few
        }
    ]
    assert result["summary"]["expansion_customers"] == 0
    assert result["recommendations"] == []


def test_a_tier_is_suggested_after_three_weeks() -> None:
    fields = {"cost_usd": "0.01", "subscription_tier": "starter", "tier_price_usd": "49.0"}
    for before, offered in ((35 - 21, "pro"), (35 - 14, None)):
        rows = daily(range(35), 9, customer_id="steady", cost_usd="0.01")
        rows += daily(range(before), 2, customer_id="up", **fields)
        rows += daily(range(before, 35), 6, customer_id="up", **fields)
        result = analyze(rows)
        (row,) = [row for row in result["expansion"] if row["customer_id"] == "up"]
        assert row["suggested_tier"] == offered
        assert result["summary"]["expansion_monthly_revenue"] == (150.0 if offered else 0.0)
    rows = [row for row in rows if row["customer_id"] == "steady"]
    rows += daily(range(14), 2, customer_id="up", **fields)
    rows += daily(range(14, 35), 6, customer_id="up", **fields)
    assert analyze(rows)["recommendations"] == [
        "Offer up the pro tier: calls up by 50.0%, costs at 2.7% of the subscription, $150.00 per "
        "month more."
    ]


def test_a_rising_tide_is_nobodys_growth() -> None:
    rows = [row for i in range(5) for row in growing(f"c{i}", 3, 6)]
    assert analyze(rows)["expansion"] == []
    rows += growing("fast", 2, 6)
    assert [r["customer_id"] for r in analyze(rows)["expansion"]] == ["fast"]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, ["up"]),
        ({"tier_price_usd": "999.0"}, []),  # no dearer tier
        ({"subscription_tier": "gold", "tier_price_usd": ""}, []),  # no price
        ({"tier_price_usd": "0"}, []),
    ],
)
def test_expansion_needs_a_price_and_a_dearer_tier(
    case: Dict[str, str], expected: List[str]
) -> None:
    rows = growing("steady", 5, 5) + growing("up", 2, 9, **case)
    assert [r["customer_id"] for r in analyze(rows)["expansion"]] == expected


def test_new_customers_have_not_grown() -> None:
    rows = growing("steady", 5, 5) + daily(range(1, 14), 1, customer_id="new")
    rows += daily(range(14, 28), 9, customer_id="new")
    assert analyze(rows)["expansion"] == []


def test_a_few_wild_days_are_no_growth() -> None:
    rows = (
        growing("steady", 5, 5)
        + growing("wild", 3, 3)
        + daily(range(20, 23), 90, customer_id="wild")
    )
    assert analyze(rows)["expansion"] == []


def test_growth_without_any_cost_counts() -> None:
    rows = growing("steady", 5, 5, cost_usd="0") + growing("up", 2, 4, cost_usd="0")
    (row,) = analyze(rows)["expansion"]
    assert (row["customer_id"], row["burn_percent"]) == ("up", 0.0)


@pytest.mark.parametrize(
    ("cost", "after", "expected"),
    [
        (180.0, 4, ["full"]),  # 180 USD in 28 days are 193 a month, of 199
        (148.5, 4, []),  # 79.95 percent
        (148.6, 4, ["full"]),
        (180.0, 3, []),  # calls less
    ],
)
def test_costs_close_to_the_price_outgrow_a_tier(
    cost: float, after: int, expected: List[str]
) -> None:
    rows = growing("steady", 5, 5) + growing("full", 4, after, cost_usd="0")
    rows[-1] = {**rows[-1], "cost_usd": str(cost)}
    result = analyze(rows)
    assert [r["customer_id"] for r in result["expansion"]] == expected
    if expected:
        assert result["expansion"][0]["change_percent"] == 0.0
        assert result["expansion"][0]["suggested_tier"] is None  # one day, not three weeks


def test_three_weeks_close_to_the_price_outgrow_a_tier() -> None:
    """6.30 USD a day are 189 a month, of 199."""
    rows = growing("steady", 5, 5) + growing("full", 4, 4, cost_usd="1.575")
    (row,) = analyze(rows)["expansion"]
    assert (row["customer_id"], row["suggested_tier"]) == ("full", "enterprise")
    assert analyze(rows)["recommendations"][-1].startswith(
        "Offer full the enterprise tier: costs at 95.0%"
    )


def test_the_suggested_tier_is_the_cheapest_that_covers_the_cost() -> None:
    cases = [(49.0, 10.0), (49.0, 199.0), (49.0, 199.01), (199.0, 5.0), (49.0, 5000.0)]
    tiers = [suggested_tier(*case) for case in cases]
    assert tiers == ["pro", "pro", "enterprise", "enterprise", "enterprise"]
    assert suggested_tier(999.0, 5000.0) == ""


def test_weeks_and_growth_by_hand() -> None:
    """Wednesday to the Tuesday three weeks on: one partial, two full, one partial week."""
    rows = on(2, 9, cost_usd="9") + on(7, 4, cost_usd="1") + on(13, 1, cost_usd="1")
    rows += on(14, 6, cost_usd="2") + on(20, 4, customer_id="b", cost_usd="0.5") + on(22, 1)
    result = analyze(rows)
    found = [
        (w["week"], w["customer_count"], w["call_count"], w["total_cost"], w["partial"])
        for w in result["weekly"]
    ]
    assert found == [
        ("2025-W02", 1, 9, 81.0, True),
        ("2025-W03", 1, 5, 5.0, False),
        ("2025-W04", 2, 10, 14.0, False),
        ("2025-W05", 1, 1, 0.00425, True),
    ]
    assert result["growth"] == [
        {
            "week": "2025-W04",
            "customer_growth_percent": 100.0,
            "call_growth_percent": 100.0,
            "cost_growth_percent": pytest.approx(180.0),
        }
    ]
    assert result["summary"]["weekly_growth_percent"] is None  # of two weeks


def test_weeks_of_unknown_cost_are_no_fall_and_from_nothing_nothing_grows() -> None:
    unknown = {"provider": "acme", "model": "mystery-1", "cost_usd": ""}
    rows = [
        *daily(range(7), 1, cost_usd="2"),
        *daily(range(7, 14), 1, **unknown),
        *daily(range(14, 21), 1, cost_usd="0"),
        *daily(range(21, 28), 1, cost_usd="2"),
        *daily(range(28, 35), 1, cost_usd="3"),
    ]
    result = analyze(rows)
    assert [w["unpriced_calls"] for w in result["weekly"]] == [0, 7, 0, 0, 0]
    assert [g["cost_growth_percent"] for g in result["growth"]] == [None, None, None, 50.0]


def test_full_weeks_from_monday_to_sunday_are_not_partial() -> None:
    rows = daily(range(7), 1) + daily(range(7, 14), 2) + daily(range(14, 21), 4)
    result = analyze(rows)
    assert [w["partial"] for w in result["weekly"]] == [False, False, False]
    assert [g["call_growth_percent"] for g in result["growth"]] == [100.0, 100.0]
    assert result["summary"]["weekly_growth_percent"] == pytest.approx(100.0)


def test_quiet_weeks_are_listed_and_growth_from_nothing_is_left_out() -> None:
    rows = daily(range(7), 1) + daily(range(14, 21), 1)
    result = analyze(rows)
    assert [w["call_count"] for w in result["weekly"]] == [7, 0, 7]
    assert [(g["week"], g["call_growth_percent"]) for g in result["growth"]] == [
        ("2025-W03", -100.0)
    ]
    assert result["summary"]["weekly_growth_percent"] is None


def test_ups_and_downs_are_no_growth() -> None:
    assert weekly_growth([100, 200, 100, 200, 100]) is None
    assert weekly_growth([]) is weekly_growth([5]) is weekly_growth([0, 5, 7]) is None
    assert weekly_growth([70, 70, 70]) == 0.0


def test_the_slope_and_its_interval_by_hand() -> None:
    # Through 0, 1, 1, 2: slope 0.6; residuals 0.1, -0.3, 0.3, -0.1, so 0.2 / 2 / 5 is its variance.
    low, slope, high = stats.slope_interval([0.0, 1.0, 1.0, 2.0])
    assert slope == pytest.approx(0.6)
    assert high - slope == slope - low == pytest.approx(4.303 * (0.2 / 2 / 5) ** 0.5)


# --- retention -------------------------------------------------------------------------------


def test_retention_of_a_fixed_cohort_by_hand() -> None:
    """Of four who paid 199 + 199 + 49 + 999, one left, one moved down and one up."""
    rows = daily(range(80), 1, customer_id="stays")
    rows += daily(range(40), 1, customer_id="leaves")
    up = {"customer_id": "up", "subscription_tier": "starter", "tier_price_usd": "49.0"}
    rows += daily(range(60), 1, **up)
    rows += daily(range(60, 80), 1, customer_id="up")
    rows += daily(range(60), 1, customer_id="down", tier_price_usd="999.0")
    rows += daily(range(60, 80), 1, customer_id="down")
    rows += daily(range(60, 80), 1, customer_id="new", tier_price_usd="5000")
    summary = analyze(rows)["summary"]
    before = 199 + 199 + 49 + 999
    assert summary["grr_percent"] == pytest.approx((199 + 0 + 49 + 199) / before * 100)
    assert summary["nrr_percent"] == pytest.approx((199 + 0 + 199 + 199) / before * 100)
    assert summary["churn_rate_percent"] == 25.0


def test_who_left_and_came_back_was_not_always_there() -> None:
    """Of the two who were there 50 days after the first call, one left; one more came back."""
    rows = daily(range(80), 1, customer_id="stays")
    rows += daily(range(45), 1, customer_id="leaves")
    rows += daily([*range(10), *range(70, 80)], 1, customer_id="returns")
    summary = analyze(rows)["summary"]
    assert summary["churned_customers"] == 1
    assert summary["churn_rate_percent"] == 50.0
    assert summary["grr_percent"] == summary["nrr_percent"] == 50.0


def test_a_pause_shorter_than_a_customer_is_gone_after_is_none() -> None:
    """A last call 29 days before the month began: the customer was not gone yet."""
    rows = daily(range(80), 1, customer_id="stays")
    rows += daily([*range(21), *range(70, 80)], 1, customer_id="pauses")  # day 49 − 29 is day 20
    assert analyze(rows)["summary"]["grr_percent"] == 100.0
    later = daily(range(80), 1, customer_id="stays")
    later += daily(range(20), 1, customer_id="gone")
    later += daily(range(70, 80), 1, customer_id="gone", tier_price_usd="49")
    assert analyze(later)["summary"]["nrr_percent"] == 100.0


@pytest.mark.parametrize(
    ("days", "fields"),
    [
        (59, {}),  # too short
        (80, {"tier_price_usd": "", "subscription_tier": "gold"}),  # nothing to retain
        (80, {"tier_price_usd": "0"}),
    ],
)
def test_without_revenue_or_days_there_is_no_retention(days: int, fields: Dict[str, str]) -> None:
    summary = analyze(daily(range(days), 1, **fields))["summary"]
    assert summary["grr_percent"] is summary["nrr_percent"] is None


def test_weeks_follow_the_iso_calendar_across_the_year() -> None:
    rows = [call(timestamp="2024-12-29T10:00:00"), call(timestamp="2024-12-30T10:00:00")]
    assert [w["week"] for w in analyze(rows)["weekly"]] == ["2024-W52", "2025-W01"]


def test_cohorts_by_hand() -> None:
    rows = on(0, customer_id="a") + on(1, customer_id="b") + on(7, customer_id="a")
    rows += on(8, customer_id="c") + on(14, customer_id="b") + on(15, customer_id="c", n=3)
    assert analyze(rows)["cohorts"] == [
        {"cohort_week": "2025-W02", "cohort_size": 2, "retention": [100.0, 50.0, 50.0]},
        {"cohort_week": "2025-W03", "cohort_size": 1, "retention": [100.0, 100.0]},
    ]


def random_rows(seed: int) -> List[Dict[str, str]]:
    draw = random.Random(seed)
    rows = []
    for i in range(25):
        start, end = sorted((draw.randint(0, 80), draw.randint(0, 80)))
        tier = draw.choice(list(config.SUBSCRIPTION_TIERS))
        price = str(config.SUBSCRIPTION_TIERS[tier])
        for _ in range(draw.randint(1, 60)):
            moment = datetime(2025, 3, 5) + timedelta(days=draw.uniform(start, end))
            rows.append(
                call(
                    timestamp=moment.isoformat(timespec="microseconds"),
                    customer_id=f"cust_{i:02d}",
                    cost_usd=f"{draw.uniform(0, 3):.6f}",
                    subscription_tier=tier,
                    tier_price_usd=price,
                )
            )
    return rows


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", range(8))
def test_everything_equals_a_walk_over_the_rows(seed: int) -> None:
    rows = random_rows(seed)
    result = analyze(rows)
    dates = {n: sorted(_dates(rows, n)) for n in {r["customer_id"] for r in rows}}
    last = max(d[-1] for d in dates.values())
    shares = covered_shares(times_of(rows))
    whole = [day for day, share in shares.items() if share == 1]
    churned = {n: (last - d[-1]).days for n, d in dates.items() if (last - d[-1]).days >= 30}
    assert {r["customer_id"]: r["days_inactive"] for r in result["churned"]} == churned
    risky = set()
    for name, days in dates.items():
        recent = sum(d in whole[-14:] for d in days)
        before = sum(d in whole[-28:-14] for d in days)
        if before >= config.TREND_MIN_PREVIOUS_CALLS and recent * 2 <= before:
            risky.add(name)
    assert {r["customer_id"] for r in result["at_risk"]} == risky
    _check_weeks(result, dates)
    _check_cohorts(result, dates)


def _dates(rows: List[Dict[str, str]], name: str) -> List[date]:
    return [datetime.fromisoformat(r["timestamp"]).date() for r in rows if r["customer_id"] == name]


def _check_weeks(result: Dict[str, Any], dates: Dict[str, List[date]]) -> None:
    for row in result["weekly"]:
        calls = [(n, d) for n, days in dates.items() for d in days if _label(d) == row["week"]]
        assert row["call_count"] == len(calls)
        assert row["customer_count"] == len({n for n, _ in calls})


def _label(day: date) -> str:
    return day.strftime("%G-W%V")


def _check_cohorts(result: Dict[str, Any], dates: Dict[str, List[date]]) -> None:
    weeks = [w["week"] for w in result["weekly"]]
    cohorts: Dict[str, Set[str]] = {}
    for name, days in dates.items():
        cohorts.setdefault(_label(days[0]), set()).add(name)
    assert [c["cohort_week"] for c in result["cohorts"]] == sorted(cohorts)
    for row in result["cohorts"]:
        names = cohorts[row["cohort_week"]]
        assert row["cohort_size"] == len(names)
        for week, share in zip(weeks[weeks.index(row["cohort_week"]) :], row["retention"]):
            active = sum(any(_label(d) == week for d in dates[n]) for n in names)
            assert share == pytest.approx(active / len(names) * 100)


def test_no_calls() -> None:
    result = analyze([])
    unknown = {"churn_rate_percent", "weekly_growth_percent", "grr_percent", "nrr_percent"}
    assert {name for name, value in result["summary"].items() if value is None} == unknown
    assert {value for value in result["summary"].values() if value is not None} == {0}
    lists = ("churned", "at_risk", "expansion", "weekly", "growth", "cohorts")
    for name in (*lists, "findings", "recommendations"):
        assert result[name] == []


@pytest.mark.parametrize(
    "rows",
    [
        on(0),
        on(0, 50),
        daily(range(40), 3, cost_usd="0"),
        daily(range(40), 3, cost_usd="0", status="error", error_type="timeout"),
        growing("steady", 5, 5) + growing("up", 2, 9, tier_price_usd="1e-320"),
        daily(range(7), 1, cost_usd="0") + daily(range(7, 14), 1, cost_usd="5"),
        on(0, customer_id="", subscription_tier="", tier_price_usd=""),
    ],
)
def test_edges_give_complete_plain_numbers(rows: List[Dict[str, str]]) -> None:
    result = analyze(rows)
    json.dumps(result, allow_nan=False)
    assert result["summary"]["total_calls"] == len(rows)
    assert sum(w["call_count"] for w in result["weekly"]) == len(rows)


def test_findings_follow_from_conditions_and_are_sorted() -> None:
    calm = analyze(daily(range(60), 3))
    assert [f["severity"] for f in calm["findings"]] == ["success"]
    assert calm["recommendations"] == []
    rows = daily(range(50), 3, customer_id="here") + on(0, customer_id="gone")
    rows += daily(range(23, 36), 3, customer_id="leaving", tier_price_usd="49.0")
    result = analyze(rows)
    impacts = [f["impact_usd_per_month"] or 0.0 for f in result["findings"]]
    assert impacts == sorted(impacts, reverse=True)
    assert result["findings"][0]["severity"] == "warning"
    assert result["findings"][0]["impact_usd_per_month"] == 199.0
    assert result["recommendations"] == [
        "Contact leaving: 0 calls in 14 days after 39 before, $49.00 per month at stake.",
        "Win back gone: no call since 2025-01-06, $199.00 per month lost.",
    ]


def test_a_low_churn_rate_is_a_warning_only() -> None:
    rows = [row for i in range(20) for day in (0, 30, 65) for row in on(day, customer_id=f"c{i}")]
    result = analyze(rows + on(30, customer_id="gone"))
    assert result["findings"][0]["title"] == "1 customer left"
    assert "the last month's churn is 4.8%" in result["findings"][0]["detail"]
    assert result["findings"][0]["severity"] == "warning"
    many = [row for i in range(2) for row in on(30, customer_id=f"gone {i}")]
    assert analyze(rows + many)["findings"][0]["severity"] == "warning"
    assert analyze(rows[:30] + many)["findings"][0]["severity"] == "critical"


def test_shrinking_weeks_are_a_warning() -> None:
    result = analyze(daily(range(7), 16) + daily(range(7, 14), 12) + daily(range(14, 21), 9))
    assert result["findings"][0]["title"] == "Calls shrink by 25.0% per week"
    assert result["findings"][0]["severity"] == "warning"


def test_many_subjects_share_a_sentence() -> None:
    rows = on(60, customer_id="here")
    for i in range(5):
        rows += on(0, customer_id=f"gone_{i}")
        rows += daily(range(33, 46), 1, customer_id=f"leaving_{i}")
    said = analyze(rows)["recommendations"]
    assert len(said) == 8
    assert said[3] == "Contact 2 other customers as well: $398.00 per month at stake."
    assert said[7] == "Win back 2 other silent customers as well: $398.00 per month lost."


def test_customers_without_a_price_are_named_without_an_amount() -> None:
    rows = on(0, customer_id="gone", subscription_tier="", tier_price_usd="") + on(40)
    assert analyze(rows)["recommendations"] == ["Win back gone: no call since 2025-01-06."]


def test_row_order_changes_nothing() -> None:
    rows = random_rows(99)
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    assert json.dumps(analyze(rows)) == json.dumps(analyze(shuffled))
