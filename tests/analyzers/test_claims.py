"""What may be claimed: hand-made data of each kind, and rules that hold for any data."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.generators.action_list import action_lists
from finops.generators.first_screen import first_screen
from finops.generators.reports.default import generate_default_report
from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.samples import at, run, run_all
from tests.analyzers.test_contradictions import check
from tests.support.covered import covered_shares, times_of
from tests.support.reference import ReferenceDataset, call

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

Row = Dict[str, str]
# Each runs all analyses, so fewer than elsewhere by default.
EXAMPLES = int(os.environ.get("FINOPS_TEST_EXAMPLES", 25))
REPORTS = [{"id": each.id, "title": each.title} for each in ANALYZER_REGISTRY.values()]
# What draws days, weeks or hours of the period, and the choice of dates.
OVER_TIME = re.compile(
    r'id="(chart-(?:daily|weekly|hourly-cost|growth|[a-z]+-by-week)[a-z-]*|range)"'
)
UNKNOWN_COST = {"provider": "acme", "model": "mystery-1", "cost_usd": ""}


def daily(days: Any, cost: float, **changes: Any) -> List[Row]:
    """Return a call at noon of each day."""
    return [call(timestamp=at(day, 12), cost_usd=str(cost), **changes) for day in days]


def findings(results: Dict[str, Any]) -> List[Dict[str, Any]]:
    return [found for result in results.values() for found in result["findings"]]


# --- short data ------------------------------------------------------------------------------


def test_one_call_says_nothing_of_a_month() -> None:
    results = run_all(daily([0], 0.5))
    assert "critical" not in [found["severity"] for found in findings(results)]
    for name, result in results.items():
        monthly = {k: v for k, v in result["summary"].items() if k.startswith("monthly")}
        assert not any(monthly.values()), name
        assert not any("per month" in advice for advice in result["recommendations"]), name
    assert results["understanding"]["summary"]["forecast_30_days"] is None
    assert results["pricing"]["summary"]["best_model"] is None
    assert results["profitability"]["summary"]["margin_percent"] is None


def test_five_days_cover_five_days_and_give_no_month() -> None:
    results = run_all(daily(range(5), 1))
    assert {result["basis"]["covered_days"] for result in results.values()} == {5}
    assert results["understanding"]["summary"]["monthly_cost"] is None


def test_a_bill_of_months_says_nothing_of_days() -> None:
    """Eight months of 1,240 to 1,380 USD: no month is a day, and none after it is free."""
    results = run_all([{**row, "customer_id": ""} for row in monthly_bill()])
    assert {result["basis"]["covered_days"] for result in results.values()} == {243}
    understanding, total = results["understanding"], 8 * 1240 + 20 * 36
    assert understanding["summary"]["monthly_cost"] == pytest.approx(total * 30 / 243)
    for unknown in ("forecast_30_days", "trend_percent"):
        assert understanding["summary"][unknown] is None
    assert understanding["summary"]["change"] is None
    assert results["realtime"]["alerts"] == []
    assert "daily-cost" not in str(first_screen(results, {}).markup)
    steps = results["optimization"]["steps"]
    assert [row["step"] for row in steps][:1] == ["same_vendor_model"]
    assert results["optimization"]["summary"]["monthly_cost"] == pytest.approx(total * 30 / 243)


def monthly_bill() -> List[Row]:
    """Return what each of eight months cost, as totals of no known number of calls."""
    return [
        call(
            timestamp=f"2025-{month:02d}-01T00:00:00.000000",
            cost_usd=str(1240 + 20 * month),
            model="gpt-4",
            bucket_s=length * 86400,
            calls=0,
        )
        for month, length in enumerate((31, 28, 31, 30, 31, 30, 31, 31), start=1)
    ]


def test_a_bill_of_months_is_drawn_over_no_days(tmp_path: Path) -> None:
    results = run_all(monthly_bill())
    whole = run_all(daily(range(30), 1, latency_ms="300"))
    for name, analysis in ANALYZER_REGISTRY.items():
        path = tmp_path / f"{name}.html"
        analysis.generator(results[name], path)
        drawn = OVER_TIME.findall(path.read_text(encoding="utf-8"))
        assert (drawn, name) == ([], name)
        analysis.generator(whole[name], path)
        has_own_page = analysis.generator is not generate_default_report
        if has_own_page and name not in ("pricing", "profitability"):
            assert OVER_TIME.search(path.read_text(encoding="utf-8")), name


def test_a_small_fee_a_month_leaves_the_days_known() -> None:
    fee = call(timestamp=at(0, 0), cost_usd="0.2", bucket_s=31 * 86400, calls=0)
    results = run_all([*daily(range(30), 1), fee])
    assert results["understanding"]["summary"]["forecast_30_days"] is not None
    assert "daily-cost" in str(first_screen(results, {}).markup)


# --- few customers ---------------------------------------------------------------------------


def test_that_some_customer_costs_most_is_no_finding() -> None:
    rows = [row for n, cost in enumerate((1.2, 1, 1)) for row in daily([0, 1], cost, customer_id=n)]
    titles = [found["title"] for found in run_all(rows)["understanding"]["findings"]]
    assert not any(title.startswith("1 customer causes") for title in titles)
    rows += daily([0, 1], 9, customer_id="whale")
    (found,) = [
        found
        for found in run_all(rows)["understanding"]["findings"]
        if found["title"].startswith("1 customer causes")
    ]
    assert found["detail"] == "Of 4 customers, whale costs most: $18.00."


def test_what_a_morning_s_calls_do_not_show_is_not_checked(tmp_path: Path) -> None:
    """Eight calls, one of them failed: too few for anomalies, error rates and savings a month."""
    rows = [
        call(timestamp=at(0, 8, n), model="gpt-4", cost_usd="0.042", tier_price_usd="",
             subscription_tier="", customer_id="", input_tokens=2000 if n == 1 else 100,
             output_tokens=10, status="success" if n else "error")
        for n in range(8)
    ]  # fmt: skip
    results = run_all(rows)
    assert results["realtime"]["summary"]["anomaly_count"] is None
    of_overview = {f["title"]: f["severity"] for f in results["dataset_overview"]["findings"]}
    assert of_overview["Only 87.5% of the calls succeeded"] == "info"
    waste = results["token_economics"]["findings"][0]
    assert (waste["severity"], waste["title"][:12]) == ("info", "Simple tasks")
    titles = [found["title"] for found in results["token_economics"]["findings"]]
    assert not any(title.startswith("Long prompts") for title in titles)  # one is no pattern
    for name in ("optimization", "features", "realtime"):
        ANALYZER_REGISTRY[name].generator(results[name], tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        for claim in ("steps that save", "cost more than they earn", "found: hours", "n/a per"):
            assert claim not in page, (name, claim)


def test_what_nobody_is_known_to_pay_is_not_0() -> None:
    free = {"tier_price_usd": "", "subscription_tier": ""}
    rows = daily(range(121), 1, **free) + daily(range(30), 1, customer_id="gone", **free)
    results = run_all(rows)
    churn = results["churn_growth"]["summary"]
    assert churn["churned_customers"] == 1
    for revenue in ("lost", "at_risk", "expansion"):
        assert churn[f"{revenue}_monthly_revenue"] is None
    assert results["profitability"]["summary"]["revenue_lost"] is None
    left = [found for found in findings(results) if found["title"] == "1 customer left"]
    assert [(f["detail"], f["impact_usd_per_month"]) for f in left] == [
        ("No call for 30 days or more; the last month's churn is 0.0%.", None)
    ]


def test_what_one_developer_s_data_does_not_hold_is_no_finding() -> None:
    """One user, no revenue, no organization: none of it is news, and savings are said once."""
    alone = {"organization_id": "", "product_id": "", "subscription_tier": "", "tier_price_usd": ""}
    rows = daily(range(40), 9, model="gpt-4", customer_id="ann", **alone)
    results = run_all(rows)
    titles = [found["title"] for found in findings(results)]
    assert [title for title in titles if "customer" in title or "unallocated" in title] == []
    assert "No tokens are wasted" not in titles
    said = [advice for result in results.values() for advice in result["recommendations"]]
    assert not any("subscription price" in advice for advice in said)
    named = {"organization_id": "org", "product_id": "app"}
    shared = rows + daily(range(40), 9, customer_id="ben", **{**alone, **named})
    titles = [found["title"] for found in findings(run_all(shared))]
    assert {"50.0% of the cost is unallocated", "Cheaper models for 2 customers"} <= set(titles)


def test_where_all_calls_failed_no_tokens_are_praised() -> None:
    rows = daily(range(10), 0.1, status="error", error_type="timeout", output_tokens=0)
    findings_of = run_all(rows)["token_economics"]["findings"]
    assert "success" not in [found["severity"] for found in findings_of]


def test_calls_that_all_fail_are_mended_before_they_are_moved() -> None:
    billed = {"model": "gpt-4", "customer_id": "ann", "task_type": "chat"}
    failed = daily(range(40), 9, status="error", error_type="timeout", **billed)
    results = run_all(failed)
    lists = action_lists(results, REPORTS)
    first, *_ = lists
    assert (first.kind.title, [item.finding["title"] for item in first.items]) == (
        "Fix first",
        ["Failed calls cost $270.00 per month", "No call succeeded"],
    )
    assert "Savings" not in [actions.kind.title for actions in lists]
    optimization = results["optimization"]
    assert (optimization["steps"], optimization["model_switches"]) == ([], [])
    assert results["token_economics"]["opportunities"] == []
    said = [advice for result in results.values() for advice in result["recommendations"]]
    assert not any("model" in advice for advice in said), said
    answered = run_all([*failed, *daily(range(40), 9, **billed)])
    assert answered["optimization"]["steps"][0]["step"] == "same_vendor_model"


# --- who is there ----------------------------------------------------------------------------


def test_customers_who_left_earn_nothing() -> None:
    rows = daily(range(121), 1, customer_id="stay")
    for name in ("a", "b", "c"):
        rows += daily(range(10), 1, customer_id=name, tier_price_usd="999.0")
    results = run_all(rows)
    summary = results["profitability"]["summary"]
    assert (summary["monthly_revenue"], summary["revenue_lost"]) == (199.0, 2997.0)
    assert results["churn_growth"]["summary"]["lost_monthly_revenue"] == 2997.0
    assert results["pricing"]["summary"]["current_monthly_revenue"] == 199.0
    assert results["features"]["summary"]["monthly_revenue"] == 199.0
    assert [row["customer_id"] for row in results["profitability"]["gone"]] == ["a", "b", "c"]


def test_who_joins_late_has_its_own_days() -> None:
    rows = daily(range(121), 1, customer_id="old")
    rows += daily(range(111, 121), 3, customer_id="new", tier_price_usd="49.0")
    results = run_all(rows)
    row = next(r for r in results["profitability"]["customers"] if r["customer_id"] == "new")
    assert (row["monthly_cost"], row["monthly_margin"]) == (90.0, -41.0)
    summary = results["profitability"]["summary"]
    assert (summary["unprofitable_count"], summary["total_monthly_loss"]) == (1, -41.0)
    at_risk = results["realtime"]["at_risk_customers"]
    assert [(r["customer_id"], r["monthly_cost"]) for r in at_risk] == [("new", 90.0)]


def test_a_month_has_what_was_paid_in_it() -> None:
    """49 a month for 55 days, then 999 for six, from the first of January on."""
    rows = daily(range(55), 5, subscription_tier="starter", tier_price_usd="49.0")
    rows += daily(range(55, 61), 5, subscription_tier="enterprise", tier_price_usd="999.0")
    months = run(ANALYZER_REGISTRY["profitability"].analyzer, rows)["by_month"]
    assert [(row["month"], row["whole"]) for row in months] == [
        ("2025-01", True),
        ("2025-02", True),
        ("2025-03", False),
    ]
    assert [row["revenue"] for row in months] == pytest.approx(
        [49.0, (24 * 49 + 4 * 999) / 28, 2 * 999 / 31]
    )
    assert [row["cost"] for row in months] == [155.0, 140.0, 10.0]
    assert months[2]["margin"] is None  # of two days


@pytest.mark.parametrize(
    ("first", "days", "each", "margin"), [(31, 28, 3.5, 3.0), (0, 31, 3.2, 0.6)]
)
def test_nothing_critical_follows_from_the_length_of_a_month(
    first: int, days: int, each: float, margin: float
) -> None:
    rows = [
        call(timestamp=at(first + day, hour), cost_usd=str(each))
        for day in range(days)
        for hour in (0, 23)
    ]
    results = run_all(rows)
    (month,) = results["profitability"]["by_month"]
    assert (month["whole"], month["margin"]) == (True, pytest.approx(margin))
    assert "critical" not in [found["severity"] for found in findings(results)]


# --- what is not known -----------------------------------------------------------------------


def test_a_customer_of_unknown_cost_has_no_margin() -> None:
    rows = daily(range(30), 1, customer_id="known")
    rows += [dict(row, customer_id="mystery", **UNKNOWN_COST) for row in daily(range(30), 1)]
    results = run_all(rows)
    customers = {row["customer_id"]: row for row in results["profitability"]["customers"]}
    unknown = customers["mystery"]
    assert (unknown["category"], unknown["margin_percent"]) == (None, None)
    assert unknown["break_even_price"] is None
    assert customers["known"]["category"] == "high_margin"
    titles = [found["title"] for found in findings(results)]
    assert "No unprofitable customers" not in titles
    assert results["profitability"]["summary"]["margin_percent"] is None


def test_a_page_draws_and_praises_no_customer_of_unknown_cost(tmp_path: Path) -> None:
    rows = daily(range(30), 1, customer_id="known") + daily(range(30), 2, customer_id="other")
    rows += [dict(row, customer_id="mystery", **UNKNOWN_COST) for row in daily(range(30), 1)]
    analysis, path = ANALYZER_REGISTRY["profitability"], tmp_path / "page.html"
    analysis.generator(run(analysis.analyzer, rows), path)
    page = path.read_text(encoding="utf-8")
    assert "of 3 customers, 1 of unknown cost" in page
    assert "No customer of known cost costs more than it pays." in page
    assert "Checked, none found: customers that cost more" not in page
    (drawn,) = re.findall(r'"customers-margin":\{.*?"labels":(\[.*?\])', page)
    assert set(json.loads(drawn)) == {"known", "other"}


def test_calls_that_name_no_customer_are_no_customer() -> None:
    rows = daily(range(40), 1, customer_id="known") + daily(range(5), 9, customer_id="")
    results = run_all(rows)
    for name in ("profitability", "churn_growth"):
        assert results[name]["summary"]["total_customers"] == 1
    assert results["profitability"]["summary"]["monthly_revenue"] == 199.0
    assert results["churn_growth"]["churned"] == results["profitability"]["gone"] == []


def test_what_is_no_longer_used_is_nowhere_a_saving() -> None:
    rows = [row for day in range(20) for row in daily([day], 6, model="gpt-4", output_tokens=100)]
    rows += daily(range(20, 120), 0.0005, model="gpt-4o-mini")
    results = run_all(rows)
    assert results["optimization"]["summary"]["total_monthly_savings"] < 0.1
    assert results["token_economics"]["summary"]["monthly_savings"] < 0.1
    assert not any("gpt-4 " in found["title"] for found in findings(results))


# --- any data --------------------------------------------------------------------------------


@st.composite
def businesses(draw: Any) -> List[Row]:
    """Return calls of customers who come and go, with gaps, some without a cost or a price."""
    rows = []
    for number in range(draw(st.integers(1, 5))):
        first, length = draw(st.integers(0, 80)), draw(st.integers(1, 90))
        every, hour = draw(st.integers(1, 9)), draw(st.integers(0, 23))
        who = {
            "customer_id": f"c{number}",
            "tier_price_usd": draw(st.sampled_from(["49.0", "199.0", "0", ""])),
            "subscription_tier": draw(st.sampled_from(["pro", "gold"])),
            "feature_id": draw(st.sampled_from(["chat", "search"])),
            "latency_ms": draw(st.sampled_from(["", "300", "2500"])),
            "model": draw(st.sampled_from(["gpt-4", "gpt-4o", "gpt-4o-mini"])),
            "task_type": draw(st.sampled_from(["chat", "reasoning", "extraction"])),
        }
        cost = draw(st.sampled_from(["0", "0.5", "7"]))
        for day in range(first, first + length, every):
            unknown = UNKNOWN_COST if draw(st.integers(0, 40)) == 0 else {"cost_usd": cost}
            rows.append(call(timestamp=at(day, hour), **{**who, **unknown}))
    return rows


def check_parts_of_revenue(results: Dict[str, Any], rows: List[Row]) -> None:
    """Every customer is in one part: it pays, is too new, is gone, or its price is not known.

    What they pay together is what the latest calls say, and the reports agree on each part.
    """
    profitability = results["profitability"]
    gone = {row["customer_id"]: row["lost_monthly_revenue"] for row in profitability["gone"]}
    unknown = {row["customer_id"] for row in profitability["without_price"]}
    parts = [
        {row["customer_id"]: row["monthly_revenue"] for row in profitability["customers"]},
        {row["customer_id"]: row["monthly_revenue"] for row in profitability["too_new"]},
        {name: price for name, price in gone.items() if price is not None},
        dict.fromkeys(unknown, 0.0),
    ]
    prices: Dict[str, float] = {}
    for row in sorted(rows, key=lambda row: row["timestamp"]):
        listed = 199.0 if row["subscription_tier"] == "pro" else 0.0
        prices[row["customer_id"]] = float(row["tier_price_usd"] or listed)
    names = [name for part in parts for name in part]
    assert sorted(names) == sorted(prices)
    together = math.fsum(price for part in parts for price in part.values())
    assert together == pytest.approx(math.fsum(prices.values()))
    churned = {
        r["customer_id"]: r["lost_monthly_revenue"] for r in results["churn_growth"]["churned"]
    }
    assert churned == gone
    paying = {row["customer_id"]: row["flat_rate"] for row in results["pricing"]["customers"]}
    assert paying == parts[0]
    for name in ("pricing", "features"):
        assert {row["customer_id"] for row in results[name]["without_price"]} == unknown


def check_savings(results: Dict[str, Any], rows: List[Row]) -> None:
    """What findings that do not overlap save is at most what is spent now."""
    shares = covered_shares(times_of(rows))
    if math.fsum(shares.values()) < 7:
        return
    whole = {day.isoformat() for day in [day for day, share in shares.items() if share == 1][-30:]}
    costs = [float(row["cost_usd"] or 0) for row in rows if row["timestamp"][:10] in whole]
    spent = math.fsum(costs) * 30 / len(whole)
    for actions in action_lists(results, REPORTS):
        if actions.kind.title == "Savings":
            assert (actions.total or 0.0) <= spent + 1e-9
    summary = results["optimization"]["summary"]
    if summary["total_monthly_savings"] is None:  # nothing is known of what they cost now
        assert summary["unpriced_calls"]
        assert spent == 0
    else:
        assert summary["total_monthly_savings"] <= spent + 1e-9


@settings(max_examples=EXAMPLES, deadline=None)
@given(businesses())
def test_rules_of_any_data(rows: List[Row]) -> None:
    results = run_all(rows)
    json.dumps(results, allow_nan=False)  # raises ValueError for what is not finite
    revenues = [
        results["profitability"]["summary"]["monthly_revenue"],
        results["pricing"]["summary"]["current_monthly_revenue"],
        results["features"]["summary"]["monthly_revenue"],
    ]
    assert revenues[0] == revenues[1] == revenues[2]
    lost = results["churn_growth"]["summary"]["lost_monthly_revenue"]
    assert results["profitability"]["summary"]["revenue_lost"] == pytest.approx(lost)
    monthly = {
        result["summary"]["monthly_cost"]
        for name, result in results.items()
        if name in ("understanding", "optimization", "alignment", "token_economics")
    }
    assert len(monthly) == 1
    check(results)
    check_parts_of_revenue(results, rows)
    check_savings(results, rows)
    basis = [dict(result["basis"], missing=0) for result in results.values()]
    assert all(one == basis[0] for one in basis)
    if basis[0]["covered_days"] < 7:
        assert revenues[0] is None or revenues[0] == 0
        assert monthly == {None}


@settings(max_examples=EXAMPLES, deadline=None)
@given(businesses(), st.integers(0, 22))
def test_a_partial_last_day_changes_no_trend(rows: List[Row], hour: int) -> None:
    """A day of which the data holds a part is no whole day, however much it costs."""
    hours = [call(timestamp=at(day, h), cost_usd="1") for day in range(172, 175) for h in range(24)]
    begun = [call(timestamp=at(175, h), cost_usd="9") for h in range(hour + 1)]
    analyzer = ANALYZER_REGISTRY["understanding"].analyzer
    whole, partial = run(analyzer, rows + hours), run(analyzer, rows + hours + begun)
    if partial["basis"]["whole_days"] == whole["basis"]["whole_days"]:
        assert partial["summary"]["trend_percent"] == whole["summary"]["trend_percent"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(businesses())
def test_a_call_of_unknown_cost_turns_no_sentence_better(rows: List[Row]) -> None:
    last = max(rows, key=lambda row: row["timestamp"])
    unknown = dict(last, latency_ms="", **UNKNOWN_COST)  # a latency would be news of its own
    before, after = run_all(rows), run_all([*rows, unknown])
    for name in before:
        good = {f["title"] for f in before[name]["findings"] if f["severity"] == "success"}
        now = {f["title"] for f in after[name]["findings"] if f["severity"] == "success"}
        assert now <= good, name


def test_the_plain_dataset_serves_every_analyzer() -> None:
    """So that what is shown here is shown of all of them."""
    tables = {table for each in ANALYZER_REGISTRY.values() for table in each.analyzer.TABLES}
    assert set(ReferenceDataset([]).rollups(tables)._tables) == tables
