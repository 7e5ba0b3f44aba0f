"""What could not be checked is not good news: it is said why, and nowhere praised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.generators.reports.index import index_page
from finops.pipeline import Job, analyze
from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.samples import at, run
from tests.generators.pages import Page
from tests.support.reference import call
from tests.support.rows import write_csv

Row = Dict[str, str]
FREE: Dict[str, Any] = {"tier_price_usd": "", "subscription_tier": ""}
UNKNOWN_COST: Dict[str, Any] = {"provider": "acme", "model": "mystery-1", "cost_usd": ""}


def result_of(name: str, rows: List[Row]) -> Dict[str, Any]:
    return run(ANALYZER_REGISTRY[name].analyzer, rows)


def page_of(name: str, rows: List[Row], folder: Path) -> str:
    path = folder / "page.html"
    ANALYZER_REGISTRY[name].generator(result_of(name, rows), path)
    return path.read_text(encoding="utf-8")


def week(days: int = 5, **changes: Any) -> List[Row]:
    """Return a call of each of a few days."""
    return [call(timestamp=at(day, 12), **changes) for day in range(days)]


def busy(days: int = 20, calls: int = 24, **changes: Any) -> List[Row]:
    """Return as many calls on each day, through its hours."""
    return [
        call(timestamp=at(day, n % 24, n // 24), **changes)
        for day in range(days)
        for n in range(calls)
    ]


def praise(result: Dict[str, Any]) -> List[str]:
    return [each["title"] for each in result["findings"] if each["severity"] == "success"]


# --- abuse -----------------------------------------------------------------------------------


def test_five_calls_clear_no_account_of_abuse(tmp_path: Path) -> None:
    result = result_of("abuse_detection", week(region=""))
    assert result["unchecked"] == {
        "unusual_usage": "no customer has a day of 20 calls and 7 other active days",
        "cost_spikes": "no customer has a day of 20 calls and 7 other active days",
        "suspicious_access": "no call names a region",
    }
    assert praise(result) == []
    page = page_of("abuse_detection", week(region=""), tmp_path)
    assert "Not checked: impossible changes of region; no call names a region." in page
    assert "Not checked: no customer has a day of 20 calls and 7 other active days." in page
    assert "No customer had an unusual day." not in page


def test_what_was_checked_of_accounts_is_named() -> None:
    whole = result_of("abuse_detection", busy())
    assert whole["unchecked"] == {}
    (finding,) = whole["findings"]
    assert finding["detail"] == (
        "1 customer checked for unusual usage and cost, rate-limit abuse and impossible travel."
    )
    rows = busy(region="", status="", **UNKNOWN_COST) + week(2, customer_id="small", region="")
    rows = [dict(row, status="") for row in rows]
    result = result_of("abuse_detection", rows)
    assert set(result["unchecked"]) == {"rate_limit_abuse", "suspicious_access"}
    details = [each["detail"] for each in result["findings"] if each["severity"] == "success"]
    assert details == [
        "2 customers checked for unusual usage and cost. "
        "1 customer has too few calls for the first."
    ]


# --- customers who leave -----------------------------------------------------------------------


def test_nobody_can_be_known_to_have_left_within_five_days(tmp_path: Path) -> None:
    result = result_of("churn_growth", week())
    assert result["unchecked"] == {
        "churned": "it needs more than 30 days",
        "at_risk": "it needs 28 whole days",
        "expansion": "it needs 28 whole days",
    }
    page = page_of("churn_growth", week(), tmp_path)
    assert "Not checked: customers who left; it needs more than 30 days." in page
    for claim in ("No customer counts as gone", "No customer lost half", "so no revenue is lost"):
        assert claim not in page


def test_customers_of_few_calls_are_not_compared() -> None:
    few = [call(timestamp=at(day, 12), customer_id=f"c{day % 8}") for day in range(40)]
    reason = "no customer had 10 calls in the 14 days before the last 14"
    unchecked = result_of("churn_growth", few)["unchecked"]
    assert unchecked == {"at_risk": reason, "expansion": reason}
    long = [call(timestamp=at(day, 12), customer_id=f"c{day % 8}") for day in range(80)]
    assert praise(result_of("churn_growth", long)) == []
    assert result_of("churn_growth", busy(days=40))["unchecked"] == {}


# --- hours, alerts, providers ------------------------------------------------------------------


def test_unknown_costs_give_no_alert_and_no_risk(tmp_path: Path) -> None:
    rows = week(status="", **UNKNOWN_COST)
    result = result_of("realtime", rows)
    assert result["unchecked"] == {
        "anomalies": "no call has a known cost",
        "high_daily_cost": "no call has a known cost",
        "high_error_rate": "no call says whether it succeeded",
        "provider_degraded": "no call says whether it succeeded",
        "at_risk_customers": "no customer has 7 covered days of its own",
    }
    risk = result["portfolio_risk"]
    assert (risk["risk_level"], risk["max_provider_concentration"]) == (None, None)
    assert [row["share"] for row in risk["shares"]] == [None]
    page = page_of("realtime", rows, tmp_path)
    for claim in ("Checked, none found", "The diversity score", "An hour costs", "No incidents"):
        assert claim not in page


def test_nothing_costs_is_no_low_risk() -> None:
    rows = busy(cost_usd="0") + busy(cost_usd="0", provider="anthropic", model="claude-sonnet-4-6")
    risk = result_of("realtime", rows)["portfolio_risk"]
    assert (risk["risk_level"], risk["top_provider"], risk["provider_count"]) == (None, "", 2)


def test_quiet_hours_are_praised_for_what_was_checked() -> None:
    rows = [call(timestamp=at(day, hour)) for day in range(10) for hour in range(24)]
    (finding,) = result_of("realtime", rows)["findings"]
    assert finding["detail"].endswith("than hours like it, and no day crossed a limit.")
    assert praise(result_of("realtime", [*rows, call(timestamp=at(9), **UNKNOWN_COST)])) == []


def failed(calls: int, errors: int) -> List[Row]:
    faults = {"status": "error", "error_type": "server_error"}
    return [call(timestamp=at(0, 9, n), **(faults if n < errors else {})) for n in range(calls)]


@pytest.mark.parametrize(
    ("calls", "errors", "alerts"), [(7, 1, 0), (7, 2, 0), (7, 3, 1), (1, 1, 0)]
)
def test_a_failure_of_few_calls_is_no_rate(calls: int, errors: int, alerts: int) -> None:
    types = [alert["type"] for alert in result_of("realtime", failed(calls, errors))["alerts"]]
    assert types == ["high_error_rate"] * alerts


# --- margins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (week(), "no customer has 7 covered days of its own"),
        (week(20, **UNKNOWN_COST), "calls of every customer have no known cost"),
        (
            [*week(20), call(timestamp=at(70), customer_id="x", **FREE)],
            "all customers with a known price are gone",
        ),
    ],
)
def test_nobody_is_called_profitable_who_was_not_judged(
    rows: List[Row], reason: str, tmp_path: Path
) -> None:
    assert result_of("profitability", rows)["unchecked"]["unprofitable"] == reason
    page = page_of("profitability", rows, tmp_path)
    assert f"Not checked: customers that cost more than they pay; {reason}." in page
    assert "costs more than it pays." not in page


# --- savings -----------------------------------------------------------------------------------


def test_cheaper_models_are_for_customers_who_are_there() -> None:
    expensive = {"model": "gpt-4", "cost_usd": "3"}
    rows = [
        call(timestamp=at(day, 9), customer_id=name, **expensive)
        for name, days in (("a", range(90)), ("b", range(90)), ("gone", range(20)))
        for day in days
    ]
    # Moved on to a cheap model long ago.
    rows += [call(timestamp=at(day), customer_id="moved", cost_usd="3") for day in range(20)]
    cheap = {"model": "gpt-4o-mini", "cost_usd": "0.0001"}
    rows += [call(timestamp=at(day), customer_id="moved", **cheap) for day in range(20, 90)]
    titles = [each["title"] for each in result_of("token_economics", rows)["findings"]]
    assert "Cheaper models for 2 customers" in titles


def test_no_tokens_are_praised_where_switches_save() -> None:
    """Each of thousand customers saves a cent or two, all of them many dollars."""
    rows = [
        call(timestamp=at(n % 30, n % 24), customer_id=f"c{n}", cost_usd="0.02", model="gpt-4")
        for n in range(1000)
    ]
    assert praise(result_of("token_economics", rows)) == []


# --- superlatives ------------------------------------------------------------------------------


def test_one_feature_has_no_highest_return() -> None:
    rows = busy(days=20, cost_usd="0.001")
    result = result_of("features", rows)
    assert result["features"][0]["classification"] == "invest"
    assert praise(result) == []
    assert not any("highest" in advice for advice in result["recommendations"])
    assert praise(result_of("features", rows + busy(days=20, feature_id="search"))) != []


def test_one_provider_is_not_compared() -> None:
    assert praise(result_of("geographic_latency", busy())) == ["No region is slow"]
    rows = busy() + busy(provider="anthropic", model="claude-sonnet-4-6")
    assert praise(result_of("geographic_latency", rows)) == [
        "No region is slow and no provider is clearly slower than another"
    ]


# --- the index ---------------------------------------------------------------------------------


def test_no_figure_stands_for_what_was_not_checked() -> None:
    names = ("churn_growth", "abuse_detection")
    form = {"domain": "FinOps", "purpose": "", "generated_at": "2026-01-01T00:00:00Z"}
    reports = [{"id": name, "title": name, "filename": name, **form} for name in names]
    for rows, known in ((week(), False), (busy(days=40), True)):
        page = index_page({name: result_of(name, rows) for name in names}, reports, {})
        for claim in ("customers gone", "customers flagged"):
            assert (claim in page) == known, claim


# --- nothing costs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"cost_usd": "0"},
        UNKNOWN_COST,
        {"cost_usd": "0", "status": "error", "error_type": "timeout", "output_tokens": 0},
    ],
)
def test_where_nothing_is_known_to_cost_no_cost_is_praised(changes: Dict[str, Any]) -> None:
    rows = busy(40, **changes)
    praised = {title for name in ANALYZER_REGISTRY for title in praise(result_of(name, rows))}
    of_money = {
        "Every task runs on the cheapest model of its class",
        "No tokens are wasted",
        "Every dollar has an owner",
        "No unprofitable customers",
        "No anomalies and no alerts",
    }
    assert praised & of_money == set()
    understanding = result_of("understanding", rows)
    for section in ("by_provider", "by_model", "by_customer", "by_feature"):
        assert [row["share_percent"] for row in understanding[section]] == [None]
    alignment = result_of("alignment", rows)
    assert alignment["summary"]["top_organization_share_percent"] is None
    assert [row["share_percent"] for row in alignment["chargeback"]] == [None]


def test_a_credit_above_all_costs_makes_no_model_the_cheapest() -> None:
    rows = [call(timestamp=at(day, 9), cost_usd="0.5", model="gpt-4") for day in range(40)]
    rows.append(call(timestamp=at(39, 10), cost_usd="-80", model="gpt-4"))
    result = result_of("optimization", rows)
    assert praise(result) == []
    assert result["basis"]["whole_days"] == 40


def test_free_calls_without_an_owner_are_seen() -> None:
    rows = busy() + week(organization_id="", cost_usd="0")
    assert praise(result_of("alignment", rows)) == []
    assert praise(result_of("alignment", busy())) == ["Every dollar has an owner"]


def test_the_only_model_of_known_cost_is_no_lever() -> None:
    rows = week(20) + week(20, **UNKNOWN_COST) + week(20, **UNKNOWN_COST)
    titles = [each["title"] for each in result_of("understanding", rows)["findings"]]
    assert not any("of the known cost" in title for title in titles)
    rows += [call(timestamp=at(d), model="gpt-4o-mini", cost_usd="0.0001") for d in range(20)] * 3
    (lever,) = [
        each
        for each in result_of("understanding", rows)["findings"]
        if "of the known cost" in each["title"]
    ]
    assert lever["detail"].startswith("It answers only 25.0% of the priced calls")


# --- no status, no latency ---------------------------------------------------------------------


def test_calls_that_do_not_say_whether_they_succeeded_have_no_rate(tmp_path: Path) -> None:
    rows = busy(status="")
    for name in ("performance", "realtime"):
        assert result_of(name, rows)["summary"]["error_rate_percent"] is None
    assert result_of("geographic_latency", rows)["regions"][0]["error_rate_percent"] is None
    assert result_of("dataset_overview", rows)["quality"]["success_rate_percent"] is None
    for name in ("performance", "dataset_overview"):
        page = page_of(name, rows, tmp_path)
        assert "Not checked: failed calls; no call says whether it succeeded." in page
        assert "Checked, none found: failed calls." not in page


def test_failures_have_no_latency_to_check(tmp_path: Path) -> None:
    rows = busy(status="error", error_type="timeout")
    page = page_of("performance", rows, tmp_path)
    assert "Checked, none found: calls that took longer" not in page
    page = page_of("geographic_latency", rows, tmp_path)
    for claim in ("No call names a region", "none found: calls slower", "none found: providers"):
        assert claim not in page


def test_a_few_fast_calls_are_no_service_level() -> None:
    assert praise(result_of("performance", week())) == []
    assert praise(result_of("performance", busy())) == ["SLA met"]


def test_free_features_have_no_return() -> None:
    (row,) = result_of("features", busy(cost_usd="0"))["features"]
    assert (row["roi_percent"], row["classification"]) == (None, None)


def test_unknown_costs_are_lower_bounds_in_every_table(tmp_path: Path) -> None:
    rows = busy(40, calls=2) + week(40, **UNKNOWN_COST)
    for name in ("alignment", "features"):
        assert "≥ $" in page_of(name, rows, tmp_path)


def test_a_lower_bound_of_nothing_is_shown_nowhere(tmp_path: Path) -> None:
    """Where no cost at all is known, a sum of 0 is no bound."""
    for name in ANALYZER_REGISTRY:
        assert "≥ $0" not in page_of(name, week(**UNKNOWN_COST), tmp_path), name


# --- few, and one ------------------------------------------------------------------------------


def test_a_credit_is_no_trend_and_no_plan() -> None:
    rows = [*busy(40, calls=2, cost_usd="1"), call(timestamp=at(38, 5), cost_usd="-10")]
    result = result_of("understanding", rows)
    assert (result["forecast"]["trend_percent"] or 0) < -20
    assert not any("Daily cost" in each["title"] for each in result["findings"])
    rows.append(call(timestamp=at(38, 5), cost_usd="-900"))
    assert not any(
        "Plan" in advice for advice in result_of("understanding", rows)["recommendations"]
    )


def test_one_call_praises_nothing_but_that_it_could_be_used() -> None:
    praised = {title for name in ANALYZER_REGISTRY for title in praise(result_of(name, [call()]))}
    assert praised == {"Every record could be used", "Every dollar has an owner"}
    details = [each["detail"] for each in result_of("alignment", [call()])["findings"]]
    assert "The only call names an organization and a product." in details


def test_failures_here_and_there_are_no_quiet() -> None:
    """One of five calls fails, each on a day of its own: no day has three."""
    fault = {"status": "error", "error_type": ""}
    rows = [call(timestamp=at(day, 9), **(fault if day % 5 == 0 else {})) for day in range(60)]
    assert result_of("realtime", rows)["alerts"] == []
    assert praise(result_of("realtime", rows)) == []
    overview = result_of("dataset_overview", rows)
    (cost,) = [each for each in overview["findings"] if each["title"].startswith("Failed calls")]
    assert cost["detail"].endswith("; for those that cost most the source gives no error type.")
    assert overview["recommendations"][0].startswith("Record why calls fail (error_type): $")


def test_the_loss_of_one_customer_is_not_of_several() -> None:
    rows = busy(40, calls=1, cost_usd="20")
    (finding,) = [
        each for each in result_of("profitability", rows)["findings"] if each["kind"] == "loss"
    ]
    worth = finding["impact_usd_per_month"]
    assert finding["detail"].startswith(f"${worth:,.2f} per month is lost: cust_0001 pays $")
    (advice, *_) = result_of("pricing", rows)["recommendations"]
    assert advice.endswith("per month is lost on it.")


def test_costs_that_nobody_knows_are_not_0(tmp_path: Path) -> None:
    rows = busy(days=20, **UNKNOWN_COST)
    path = write_csv(tmp_path / "calls.csv", rows)
    assert not analyze(Job(path, tmp_path / "reports")).failed
    realtime = json.loads((tmp_path / "reports" / "realtime.json").read_text(encoding="utf-8"))
    assert realtime["summary"]["anomaly_count"] is None
    assert realtime["unchecked"]["anomalies"] == "no call has a known cost"
    pages = {
        name: Page((tmp_path / "reports" / f"{name}.html").read_text(encoding="utf-8"))
        for name in ("index", "realtime", "understanding")
    }
    assert pages["index"].says("no call has a known cost")
    assert pages["realtime"].says("no call has a known cost")
    assert not pages["index"].says("$0.00")
    assert not any(page.says("every value is 0") for page in pages.values())
