"""What the reports claim of small files as people have them, each figure worked out by hand.

Each case writes a file, runs all analyzers by way of the pipeline, and holds the results and the
pages against what is true of those rows.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Tuple

import pytest

from finops.pipeline import Job, analyze
from finops.registry import ANALYZER_REGISTRY
from finops.verify import verify
from tests.generators.pages import Page

pytestmark = [pytest.mark.unmeasured, pytest.mark.long]

Row = Dict[str, str]

# What everybody's export has; the names that a case does not speak of are always these.
ORDINARY: Row = {
    "timestamp": "",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": "1000",
    "output_tokens": "500",
    "cost_usd": "0.50",
    "latency_ms": "400",
    "customer_id": "acme",
    "subscription_tier": "pro",
    "organization_id": "sales",
    "product_id": "assistant",
    "feature_id": "chat",
    "status": "success",
}
# List prices per 1,000 tokens: gpt-4o 0.0025 in and 0.01 out, so 0.0075 for 1,000 and 500.
NO_COST: Row = {"cost_usd": ""}
UNPRICED: Row = {"cost_usd": "", "model": "brand-new-model"}


class Reports:
    """All results and pages of one file."""

    def __init__(self, path: Path, folder: Path) -> None:
        outcome = analyze(Job(path, folder, workers=1))
        assert not outcome.failed
        self.path = path
        self.results: Dict[str, Any] = {
            name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            for name in ANALYZER_REGISTRY
        }
        self.pages: Dict[str, Page] = {
            name: Page((folder / f"{name}.html").read_text(encoding="utf-8"))
            for name in ("index", "explore", *ANALYZER_REGISTRY)
        }

    def of(self, name: str) -> Any:
        """The result of an analyzer."""
        return self.results[name]

    def summary(self, name: str) -> Any:
        """The summary of an analyzer."""
        return self.results[name]["summary"]

    @property
    def findings(self) -> Iterator[Any]:
        """The findings of all analyzers."""
        return (found for result in self.results.values() for found in result["findings"])

    @property
    def titles(self) -> List[str]:
        """The titles of all findings."""
        return [found["title"] for found in self.findings]

    @property
    def advice(self) -> List[str]:
        """The recommendations of all analyzers."""
        return [said for result in self.results.values() for said in result["recommendations"]]

    def where(self, words: str) -> List[str]:
        """The pages whose text has these words."""
        return [name for name, page in self.pages.items() if page.says(words)]


class Case(NamedTuple):
    """The rows of a file and what is true of them."""

    rows: Iterable[Row]
    check: Callable[[Reports], None]
    last_line_ends: bool = True


def at(first: str, day: int = 0, hour: int = 12, minute: int = 0) -> str:
    moment = datetime.strptime(first, "%Y-%m-%d") + timedelta(days=day, hours=hour, minutes=minute)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def daily(first: str, days: Iterable[int], hour: str = "12", **changes: str) -> List[Row]:
    """Return a call of each day after the first date."""
    return [dict(ORDINARY, timestamp=at(first, day, int(hour)), **changes) for day in days]


def by_time(*parts: List[Row]) -> List[Row]:
    return sorted((row for part in parts for row in part), key=lambda row: row["timestamp"])


def written(rows: Iterable[Row], last_line_ends: bool = True) -> str:
    """Return the text of a file; its columns are those of the first row."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue() if last_line_ends else out.getvalue().rstrip("\n")


def praised(reports: Reports) -> List[str]:
    return [found["title"] for found in reports.findings if found["severity"] == "success"]


# --- names and prices ------------------------------------------------------------------------

# Each means a model of the catalogue; the price of 1,000 tokens in and 500 out beside it.
SPELLINGS: Tuple[Tuple[str, str, float], ...] = (
    ("openai", "gpt-4o", 0.0075),
    ("openai", "gpt-4o-2024-08-06", 0.0075),
    ("openai", "openai/gpt-4o", 0.0075),
    ("openai", "GPT-4o", 0.0075),
    ("OpenAI", "gpt-4o", 0.0075),
    ("anthropic", "claude-sonnet-4-6-20260115", 0.0105),  # 0.003 + 0.015 / 2
    ("anthropic", "claude-sonnet-4.6", 0.0105),
    ("anthropic", "anthropic/claude-sonnet-4-6", 0.0105),
    ("aws-bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", 0.0105),
    ("aws-bedrock", "us.amazon.nova-pro-v1:0", 0.0024),  # 0.0008 + 0.0032 / 2
    ("google", "models/gemini-2.5-pro", 0.00625),  # 0.00125 + 0.01 / 2
    ("openai", "gpt-4o:free", 0.0075),
)


def spelled() -> List[Row]:
    return [
        row
        for day, (provider, model, _) in enumerate(SPELLINGS)
        for row in daily("2025-03-01", [day], provider=provider, model=model, **NO_COST)
    ]


def check_spelled(reports: Reports) -> None:
    understanding = reports.of("understanding")
    # 6 × 0.0075 + 4 × 0.0105 + 0.0024 + 0.00625 = 0.045 + 0.042 + 0.00865
    assert understanding["summary"]["total_cost"] == pytest.approx(0.09565)
    assert understanding["summary"]["unpriced_calls"] == 0
    costs = {
        (row["provider"], row["model"]): row["total_cost"] for row in understanding["by_model"]
    }
    for provider, model, price in SPELLINGS[1:4] + SPELLINGS[5:]:
        assert costs[provider.lower(), model] == pytest.approx(price), model
    assert costs["openai", "gpt-4o"] == pytest.approx(2 * 0.0075)  # two spellings of the provider
    assert not any("Daily cost" in title for title in reports.titles)
    assert reports.where("Daily cost is down") == []
    assert reports.where("could not be priced") == []


def own_models(provider: str, model: str) -> List[Row]:
    return daily(
        "2025-03-01",
        range(5),
        provider=provider,
        model=model,
        input_tokens="1000000",
        output_tokens="1000000",
        **NO_COST,
    )


def check_own_models(reports: Reports) -> None:
    """At another provider's list price they would cost 3.75 and 450.00."""
    for name in ANALYZER_REGISTRY:
        summary = reports.summary(name)
        assert summary["total_cost"] is None, name
        assert summary.get("unpriced_calls", 5) == 5, name
    assert "5 calls could not be priced" in reports.titles
    assert praised(reports) == ["Every record could be used"]
    assert reports.pages["index"].says("no call has a known cost")
    assert reports.pages["index"].says("5 calls have no known cost")
    for claim in ("$3.75", "$450.00"):
        assert reports.where(claim) == []


def check_repeated(reports: Reports) -> None:
    assert reports.summary("understanding")["total_calls"] == 5
    assert reports.summary("understanding")["total_cost"] == 2.5  # 5 × 0.50
    assert reports.of("dataset_overview")["quality"]["repeated_records"] == 5
    assert reports.pages["dataset_overview"].says("5 repeated records")
    assert any("5 repeated records" in line for line in verify(reports.path).lines)
    assert reports.pages["index"].says("$2.50")


def repeated() -> List[Row]:
    rows = [
        dict(row, call_id=f"call_{number}")
        for number, row in enumerate(daily("2025-03-01", range(5)))
    ]
    return rows + rows


# --- few calls, and days without any -----------------------------------------------------------


def check_one_call(reports: Reports) -> None:
    assert [reports.summary(name)["total_cost"] for name in ANALYZER_REGISTRY] == [0.5] * 13
    assert [reports.summary(name)["total_calls"] for name in ANALYZER_REGISTRY] == [1] * 13
    assert not {"critical", "warning"} & {found["severity"] for found in reports.findings}
    assert not any(found["impact_usd_per_month"] for found in reports.findings)
    assert not any("per month" in advice for advice in reports.advice)
    assert reports.summary("understanding")["forecast_30_days"] is None
    assert reports.summary("profitability")["monthly_margin"] is None
    check_nothing_is_judged(reports)
    for name, page in reports.pages.items():
        assert not page.says("0.0 days"), name
        assert not page.says("0.0417"), name
    for claim in ("$360.00", "$161.00", "$15.00"):  # 0.50 × 30 × 24, less 199, 0.50 × 30
        assert reports.where(claim) == []


def check_nothing_is_judged(reports: Reports) -> None:
    """No customer can be compared yet, and that is not good news, nor 0 USD."""
    pricing = reports.of("pricing")
    assert pricing["segments"] == []
    assert {row["monthly_margin"] for row in pricing["sensitivity"]} == {None}
    page = reports.pages["pricing"]
    for claim in ("today's is the best", "Without calls that cost something", "for 0 customers"):
        assert not page.says(claim), claim
    assert not reports.pages["profitability"].says("Checked, none found: customers with signs of")
    assert not reports.pages["optimization"].says("A quiet day")  # no advice on commitments
    assert not reports.pages["features"].says("Every section of this report has something to show")
    assert reports.pages["features"].says("Best feature n/a")
    assert not reports.pages["churn_growth"].says("n/a. There is nothing to compare.")
    assert reports.pages["churn_growth"].says(
        "Week starting 24 Feb 2025: 1. There is nothing to compare."
    )
    assert not reports.pages["alignment"].says("for each of 2")
    assert reports.pages["alignment"].says("Only sales has calls, at $333.33 per 1M tokens.")


def check_gap(reports: Reports) -> None:
    """Five days, nothing for 239, and five days again: 248 covered days of 0.50 × 10 / 248."""
    assert reports.of("understanding")["basis"]["covered_days"] == 248
    # January has 31 days; 5.00 × 30 / 248 = 0.6048
    rate = pytest.approx(5 * 30 / 248)
    for name in ("understanding", "optimization", "alignment", "token_economics"):
        assert reports.summary(name)["monthly_cost"] == rate, name
    forecast = reports.summary("understanding")["forecast_30_days"]
    assert 0 < forecast <= 15  # no more than a call on each day
    projected = [row["cost"] for row in reports.of("understanding")["forecast"]["projection"]]
    assert len(projected) == 30
    assert sum(projected) <= 15
    assert reports.pages["understanding"].says(f"${forecast:.2f}")
    assert reports.pages["index"].says(f"${forecast:.2f} forecast for 30 days")
    # Five days in each 91 were not foreseen at all: a range without width would be a false one.
    low, high = (
        reports.of("understanding")["forecast"][f"{end}_30_days"] for end in ("low", "high")
    )
    assert low is None or low < high
    assert not reports.pages["understanding"].says("1 new customer")  # it was there in January
    assert reports.pages["understanding"].says("1 customer without calls before")
    for claim in ("$15.00", "$5.21"):
        assert reports.where(claim) == []


def jobs(first: str, days: Iterable[int], **changes: str) -> List[Row]:
    return daily(first, days, hour="09", **changes)


def check_daily_jobs(reports: Reports) -> None:
    check_no_anomaly(reports)
    assert reports.summary("understanding")["forecast_30_days"] == pytest.approx(15.0)  # 30 × 0.50
    assert reports.summary("understanding")["trend_percent"] == 0


def check_weekly_jobs(reports: Reports) -> None:
    """18 Mondays, the last on 5 May: five more would be 12, 19, 26 May and 2 June, so four."""
    check_no_anomaly(reports)
    assert reports.summary("understanding")["forecast_30_days"] == pytest.approx(4 * 5.0)
    # 17 weeks and a day are 120 dates; 90.00 × 30 / 120
    assert reports.summary("understanding")["monthly_cost"] == pytest.approx(22.5)
    assert reports.pages["index"].says("$20.00 forecast for 30 days")
    assert reports.where("$150.00") == []


def covered(reports: Reports) -> List[str]:
    """The dates from the first to the last one of the data."""
    temporal = reports.of("dataset_overview")["temporal"]
    first, last = (
        datetime.strptime(temporal[end][:10], "%Y-%m-%d") for end in ("start_time", "end_time")
    )
    return [str(first + timedelta(days=day)) for day in range((last - first).days + 1)]


def working_hours(days: int) -> List[Row]:
    """Return a call at nine of every working day; the third of March 2025 is a Monday."""
    return jobs("2025-03-03", [day for day in range(days) if day % 7 < 5], cost_usd="2.00")


def check_no_anomaly(reports: Reports) -> None:
    """The hour with the job costs more than a threshold made mostly of empty hours."""
    realtime = reports.of("realtime")
    assert reports.where("No hour cost more than") == []
    drawn = reports.pages["realtime"].data["charts"]["hourly-cost"]["series"]
    judged = "anomalies" not in realtime["unchecked"]
    assert ("Threshold" in [series["label"] for series in drawn]) == judged
    # The same hour each day: the first and the last day are whole, in results and in pages.
    assert reports.of("understanding")["basis"]["whole_days"] == len(covered(reports))
    assert reports.where("Partial day") == []
    assert reports.where("the last day ends at") == []
    assert (realtime["anomalies"], realtime["incidents"], realtime["alerts"]) == ([], [], [])
    assert realtime["summary"]["anomaly_count"] in (0, None)  # not known under 48 active hours
    assert "critical" not in {found["severity"] for found in realtime["findings"]}
    assert not any("anomalous" in title for title in reports.titles)


# --- months --------------------------------------------------------------------------------------


def whole_month(first: str, days: int, cost: str) -> List[Row]:
    """Return two calls of each day, in its first and in its last hour."""
    return by_time(
        daily(first, range(days), hour="00", cost_usd=cost),
        daily(first, range(days), hour="23", cost_usd=cost),
    )


def check_february(reports: Reports) -> None:
    """28 × 7.00 = 196.00 of 199.00; 30 days of it would be 210.00."""
    check_month(reports, "2025-02", 196.0, 3.0)
    assert reports.summary("profitability")["monthly_cost"] == pytest.approx(210.0)
    for name in ("profitability", "realtime"):
        assert reports.pages[name].says("$210.00 per 30 days"), name


def check_july(reports: Reports) -> None:
    """31 × 6.40 = 198.40 of 199.00; 30 days of it are 192.00."""
    check_month(reports, "2025-07", 198.4, 0.6)
    assert reports.summary("profitability")["monthly_cost"] == pytest.approx(192.0)


def check_month(reports: Reports, name: str, cost: float, margin: float) -> None:
    (month,) = reports.of("profitability")["by_month"]
    assert (month["month"], month["whole"]) == (name, True)
    known = (month["revenue"], month["cost"], month["margin"])
    assert known == pytest.approx((199.0, cost, margin))
    assert "critical" not in {found["severity"] for found in reports.findings}
    assert reports.pages["profitability"].says("figures per month are rates for 30 days")


def upgraded() -> List[Row]:
    """Return 55 days of one tier and six of a higher one, from the first of January on."""
    return [
        *daily("2025-01-01", range(55), cost_usd="5.00", subscription_tier="starter"),
        *daily("2025-01-01", range(55, 61), cost_usd="5.00", subscription_tier="enterprise"),
    ]


def check_upgraded(reports: Reports) -> None:
    months = reports.of("profitability")["by_month"]
    assert [(row["month"], row["whole"]) for row in months] == [
        ("2025-01", True),
        ("2025-02", True),
        ("2025-03", False),
    ]
    # 49 for all of January; 24 of February's 28 days at 49 and four at 999; two of March's 31.
    revenue = [49.0, (24 * 49 + 4 * 999) / 28, 2 * 999 / 31]
    assert [row["revenue"] for row in months] == pytest.approx(revenue)
    assert [row["cost"] for row in months] == [155.0, 140.0, 10.0]
    assert [row["margin"] for row in months] == [
        pytest.approx(49.0 - 155.0),
        pytest.approx(revenue[1] - 140.0),
        None,  # of two days
    ]
    assert reports.pages["profitability"].says("$49.00 | $155.00") or reports.pages[
        "profitability"
    ].says("$49.00 $155.00")
    # What it pays now is the price of its latest call; what it costs is 5.00 a day.
    assert reports.summary("profitability")["monthly_revenue"] == 999.0
    assert reports.summary("profitability")["monthly_cost"] == pytest.approx(150.0)


# --- who is there, and what is used ------------------------------------------------------------


def departed() -> List[Row]:
    """Return 121 days of one customer and the first ten of three others."""
    left = [
        daily("2025-01-01", range(10), cost_usd="1.00", customer_id=name, subscription_tier=tier)
        for name, tier in (("a", "enterprise"), ("b", "enterprise"), ("c", "enterprise"))
    ]
    return by_time(daily("2025-01-01", range(121), cost_usd="1.00", customer_id="stays"), *left)


def check_departed(reports: Reports) -> None:
    """3 × 999 left, 199 stays."""
    churn = reports.of("churn_growth")
    assert [row["customer_id"] for row in churn["churned"]] == ["a", "b", "c"]
    assert {row["days_inactive"] for row in churn["churned"]} == {111}
    assert churn["summary"]["lost_monthly_revenue"] == 2997.0
    profitability = reports.summary("profitability")
    assert (profitability["monthly_revenue"], profitability["revenue_lost"]) == (199.0, 2997.0)
    assert reports.summary("pricing")["current_monthly_revenue"] == 199.0
    assert reports.summary("features")["monthly_revenue"] == 199.0
    assert reports.where("$3,196.00") == []
    assert {"index", "profitability", "churn_growth"} <= set(reports.where("$2,997.00"))
    # Three of the four are gone, so that one is held against what it pays.
    assert reports.pages["profitability"].says("Unprofitable 0 of 1 customer")


def late_joiner() -> List[Row]:
    """Return 121 days of one customer and the last ten of another, which loses money."""
    new = {"customer_id": "new", "subscription_tier": "starter", "cost_usd": "3.00"}
    old = daily("2025-01-01", range(121), customer_id="old", cost_usd="1.00")
    return by_time(old, daily("2025-01-01", range(111, 121), **new))


def check_late_joiner(reports: Reports) -> None:
    rows = {row["customer_id"]: row for row in reports.of("profitability")["customers"]}
    # 3.00 a day since it came, of 49 per month.
    assert (rows["new"]["monthly_cost"], rows["new"]["monthly_margin"]) == (90.0, -41.0)
    assert rows["old"]["monthly_cost"] == pytest.approx(30.0)
    summary = reports.summary("profitability")
    assert (summary["unprofitable_count"], summary["total_monthly_loss"]) == (1, -41.0)
    (at_risk,) = reports.of("realtime")["at_risk_customers"]
    assert (at_risk["customer_id"], at_risk["monthly_cost"]) == ("new", 90.0)
    assert "No unprofitable customers" not in reports.titles
    # Its tier is it alone, so that the loss is told once.
    assert not any("tier loses money" in title for title in reports.titles)
    assert reports.where("1 customer pay ") == []
    for claim in ("$7.50", "84.7%", "No customer costs more than it pays"):
        assert reports.where(claim) == []


def unused_model() -> List[Row]:
    """Return 20 days of an expensive model, then a hundred of a cheap one."""
    cheap = {"model": "gpt-4o-mini", "cost_usd": "0.00045"}
    return [
        *daily("2025-01-01", range(20), model="gpt-4", cost_usd="6.00"),
        *daily("2025-01-01", range(20, 120), **cheap),
    ]


def check_unused_model(reports: Reports) -> None:
    """The last 30 whole days cost 30 × 0.00045: nothing above that can be saved."""
    for name, key in (
        ("optimization", "total_monthly_savings"),
        ("token_economics", "monthly_savings"),
    ):
        assert reports.summary(name)[key] <= 30 * 0.00045, name
    optimization = reports.of("optimization")
    dead = [row for row in optimization["model_switches"] if row["current_model"] == "gpt-4"]
    assert not any(row["monthly_savings"] for row in dead)
    assert [row for row in optimization["lifecycle"] if row["savings"]] == []
    assert not any("gpt-4 " in f"{title} " for title in reports.titles)
    assert not any("gpt-4 " in f"{advice} " for advice in reports.advice)
    saved = [
        found["impact_usd_per_month"] for found in reports.findings if found["kind"] == "saving"
    ]
    assert all((amount or 0) < 0.02 for amount in saved)
    assert reports.where("$30.22") == []
    # 120 − 20 × 0.625 was saved by no switch: nobody uses the model any more.
    assert reports.where("$107.50") == []
    assert reports.of("token_economics")["opportunities"] == []
    # 120.045 × 30 / 120 is what a month cost on average, and not what it costs today.
    assert reports.pages["optimization"].says("Cost per month $30.01 average of the whole period")
    assert reports.pages["optimization"].says("of the present cost")


# --- what is not known ---------------------------------------------------------------------------

BARE = ("timestamp", "provider", "model", "input_tokens", "output_tokens", "customer_id")


def bare() -> List[Row]:
    """Return what the leanest of exports has: no cost, no latency, no status."""
    rows = [
        row for day in range(40) for row in daily("2025-03-01", [day], customer_id=f"c{day % 3}")
    ]
    return [{name: row[name] for name in BARE} for row in rows]


LATENCIES = (
    "avg_latency_ms",
    "p50_latency_ms",
    "p95_latency_ms",
    "p99_latency_ms",
    "max_latency_ms",
    "sla_compliance_percent",
)


def check_bare(reports: Reports) -> None:
    summary = reports.summary("performance")
    assert {key: summary[key] for key in LATENCIES} == dict.fromkeys(LATENCIES)
    assert "SLA met" not in reports.titles
    assert reports.pages["performance"].says("This report needs latency_ms; this source has none.")
    for claim in ("within the SLA", "within 2,000 ms", "SLA met"):
        assert reports.where(claim) == []
    assert reports.pages["index"].says("No call has a latency.")
    # The list price of each call, as the file gives no cost: 40 × 0.0075.
    assert reports.summary("understanding")["total_cost"] == pytest.approx(0.3)


def half_measured() -> List[Row]:
    return [
        row
        for day in range(40)
        for row in daily("2025-03-01", [day], latency_ms="" if day % 2 else "3000")
    ]


def check_half_measured(reports: Reports) -> None:
    """20 calls of 3,000 ms: the mean of all 40 is not 1,500, and half of them do not comply."""
    check_latency(reports, 20, 3000)
    assert reports.pages["performance"].says("20 calls of 20 measured took longer")
    for claim in ("1,500 ms mean", "50.0% of the calls answer", "50.0% within the SLA"):
        assert reports.where(claim) == []


def unmeasured_failures() -> List[Row]:
    """Return 50 days, of which each fifth fails and has no latency."""
    failed = {"status": "error", "latency_ms": ""}
    return [
        row
        for day in range(50)
        for row in daily("2025-03-01", [day], **({"latency_ms": "2500"} if day % 5 else failed))
    ]


def check_unmeasured_failures(reports: Reports) -> None:
    check_latency(reports, 40, 2500)
    assert reports.summary("performance")["error_rate_percent"] == pytest.approx(20.0)  # 10 of 50
    assert reports.pages["performance"].says("40 calls of 40 measured took longer")
    assert reports.where("20.0% of the calls answer") == []


def check_latency(reports: Reports, measured: int, latency: int) -> None:
    """All measured calls took the same time, and longer than the limit of 2,000 ms."""
    summary = reports.summary("performance")
    assert summary["measured_calls"] == measured
    assert {key: summary[key] for key in LATENCIES[:5]} == dict.fromkeys(LATENCIES[:5], latency)
    assert summary["sla_compliance_percent"] == 0
    assert summary["sla_violations"] == measured
    (provider,) = reports.of("performance")["sla_compliance"]
    assert (provider["measured_calls"], provider["compliant_calls"]) == (measured, 0)
    assert (provider["violations"], provider["compliance_rate"]) == (measured, 0)
    assert "SLA met" not in reports.titles
    assert reports.pages["performance"].says(
        f"SLA compliance 0.0% of {measured} measured calls within 2,000 ms"
    )
    # Calls without a latency are in neither column.
    assert reports.pages["performance"].says(f"{measured} 0 {measured} 100.0%")
    assert "within the SLA" not in " ".join(reports.pages["index"].text)  # of so few calls


def tiers() -> List[Row]:
    """Return 40 days of four customers who write the same tier in their own way."""
    return [
        row
        for day in range(40)
        for name, tier in [list(zip("abcd", ("Pro", "pro ", "PRO", "pro")))[day % 4]]
        for row in daily("2025-03-01", [day], customer_id=name, subscription_tier=tier)
    ]


def check_tiers(reports: Reports) -> None:
    summary = reports.summary("profitability")
    assert (summary["monthly_revenue"], summary["customers_without_price"]) == (4 * 199.0, 0)
    (tier,) = reports.of("profitability")["by_tier"]
    assert (tier["key"], tier["customers"]) == ("pro", 4)
    assert reports.pages["index"].says("$781.00")  # 796.00 less 40 × 0.50 × 30 / 40


def mystery() -> List[Row]:
    """Return 30 days of one customer whose cost is known and of one whose cost is not."""
    return by_time(
        daily("2025-03-01", range(30), customer_id="known", cost_usd="1.00"),
        daily("2025-03-01", range(30), customer_id="mystery", **UNPRICED),
    )


def check_mystery(reports: Reports) -> None:
    rows = {row["customer_id"]: row for row in reports.of("profitability")["customers"]}
    unknown = ("monthly_margin", "margin_percent", "category", "break_even_price")
    assert {key: rows["mystery"][key] for key in unknown} == dict.fromkeys(unknown)
    assert rows["known"]["category"] == "high_margin"  # (199 − 30) / 199 = 84.9 %
    summary = reports.summary("profitability")
    assert (summary["monthly_margin"], summary["margin_percent"]) == (None, None)
    assert "No unprofitable customers" not in reports.titles
    assert reports.pages["profitability"].says("of 2 customers, 1 of unknown cost")
    assert reports.where("Every customer pays for itself") == []
    # No margin is known of both, so none is at other prices.
    assert {row["margin_percent"] for row in reports.of("pricing")["sensitivity"]} == {None}
    assert {row["monthly_margin"] for row in reports.of("pricing")["sensitivity"]} == {None}
    assert reports.pages["pricing"].says("No break-even price: some calls have no known cost.")
    assert reports.summary("pricing")["best_model"] is None
    assert "1 customer with an unknown margin" in reports.titles
    assert reports.pages["profitability"].says("What it costs is a lower bound")
    assert not any(found["kind"] == "loss" for found in reports.findings)


def migration() -> List[Row]:
    """Return 20 days of two calls of 2.00, then 20 days of a model that nobody has a price of."""
    costs = [{"cost_usd": "2.00"}] * 20 + [{"cost_usd": "", "model": "gpt-6-preview"}] * 20
    return [
        row
        for day, changes in enumerate(costs)
        for name in ("a", "b")
        for row in daily("2025-03-01", [day], customer_id=name, **changes)
    ]


def check_migration(reports: Reports) -> None:
    summary = reports.summary("understanding")
    assert (summary["total_cost"], summary["unpriced_calls"]) == (80.0, 40)  # 20 × 2 × 2.00
    assert (summary["trend_percent"], summary["forecast_30_days"]) == (None, None)
    assert reports.of("understanding")["forecast"]["projection"] == []
    assert not any("Daily cost" in title for title in reports.titles)
    assert reports.pages["index"].says("≥ $80.00")
    assert reports.pages["index"].says("40 calls have no known cost")
    assert reports.where("forecast for 30 days") == []
    # Weeks of a model without a price cost less in no report, and nothing is drawn as free.
    growth = reports.of("churn_growth")["growth"]
    assert {row["call_growth_percent"] for row in growth} == {0.0}
    assert [row["cost_growth_percent"] for row in growth] == [0.0, None, None, None]
    assert reports.where("-100.0%") == []
    for name in ("index", "understanding", "realtime", "dataset_overview", "profitability"):
        assert reports.pages[name].says("; calls of unknown cost are left out"), name
    assert "No unprofitable customers" not in reports.titles


# --- parts of days, and years ------------------------------------------------------------------


def two_hours_more() -> List[Row]:
    """Return a call of every hour of 19 days and of two hours of the next."""
    return [
        dict(ORDINARY, timestamp=at("2025-03-01", hour=hour), cost_usd="1.00")
        for hour in range(19 * 24 + 2)
    ]


def check_two_hours_more(reports: Reports) -> None:
    understanding = reports.of("understanding")
    assert understanding["summary"]["trend_percent"] == 0  # 7 × 24.00 against 7 × 24.00
    assert understanding["basis"]["whole_days"] == 19
    assert understanding["basis"]["covered_days"] == pytest.approx(19 + 2 / 24)
    assert understanding["summary"]["monthly_cost"] == pytest.approx(30 * 24.0)
    assert understanding["summary"]["forecast_30_days"] == pytest.approx(30 * 24.0)
    partial = [row["date"] for row in understanding["daily"] if row.get("partial")]
    assert partial == ["2025-03-20"]
    assert reports.pages["understanding"].says("the last day ends at 01:00")
    assert reports.where("-13.1%") == []


def check_years(reports: Reports) -> None:
    """400 days from the first of January 2024 on end in 2025: a day without a year is two days."""
    assert reports.of("dataset_overview")["temporal"]["start_time"].startswith("2024-01-01")
    assert reports.of("dataset_overview")["temporal"]["end_time"].startswith("2025-02-03")
    for name, page in reports.pages.items():
        assert page.says("1 Jan 2024 to 3 Feb 2025"), name
    ticks = [text for text in reports.pages["understanding"].text if text.startswith("1 Jan ")]
    assert ticks
    assert all("2024" in text or "2025" in text for text in ticks)


CASES: Dict[str, Case] = {
    "dated and prefixed names of known models": Case(spelled(), check_spelled),
    "a small model of one's own": Case(own_models("ollama", "command-r"), check_own_models),
    "a large model of one's own": Case(own_models("self-hosted", "gpt-4"), check_own_models),
    "records that come twice": Case(repeated(), check_repeated),
    "one call": Case(daily("2025-03-01", [0]), check_one_call),
    "one row without an end of line": Case(daily("2025-03-01", [0]), check_one_call, False),
    "a gap of months": Case(daily("2025-01-01", [*range(5), *range(243, 248)]), check_gap),
    "a whole February": Case(whole_month("2025-02-01", 28, "3.50"), check_february),
    "a whole July": Case(whole_month("2025-07-01", 31, "3.20"), check_july),
    "no latency at all": Case(bare(), check_bare),
    "a latency of every other call": Case(half_measured(), check_half_measured),
    "no latency where calls fail": Case(unmeasured_failures(), check_unmeasured_failures),
    "one tier in four spellings": Case(tiers(), check_tiers),
    "customers who left": Case(departed(), check_departed),
    "a customer who came late": Case(late_joiner(), check_late_joiner),
    "a job of every day": Case(jobs("2025-03-01", range(28)), check_daily_jobs),
    "a job of every week": Case(
        daily("2025-01-06", range(0, 120, 7), cost_usd="5.00"), check_weekly_jobs
    ),
    "a job of every working day": Case(working_hours(54), check_no_anomaly),
    "a job of every working day of three months": Case(working_hours(90), check_no_anomaly),
    "a customer of unknown cost": Case(mystery(), check_mystery),
    "a move to a model of unknown price": Case(migration(), check_migration),
    "an upgrade": Case(upgraded(), check_upgraded),
    "a model that is no longer used": Case(unused_model(), check_unused_model),
    "two years": Case(daily("2024-01-01", range(400), cost_usd="1.00"), check_years),
    "two hours of a last day": Case(two_hours_more(), check_two_hours_more),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_claim_on_a_table_is_true(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / "calls.csv"
    path.write_bytes(written(case.rows, case.last_line_ends).encode("utf-8"))
    case.check(Reports(path, tmp_path / "reports"))
