from __future__ import annotations

import doctest
import math
from collections import defaultdict
from typing import Any, Callable, DefaultDict, Dict, List

import pytest

from finops.analyzers.finops import performance
from finops.analyzers.finops.performance import PerformanceAnalyzer, bins
from finops.results.performance import LatencyBin
from tests.analyzers.samples import at, many, run
from tests.support.reference import call

Row = Dict[str, str]


def result_of(rows: List[Row]) -> Dict[str, Any]:
    return run(PerformanceAnalyzer, rows)


def nearest_rank(values: List[int], percent: int) -> int:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else 0


def latencies(rows: List[Row], key: Callable[[Row], Any]) -> DefaultDict[Any, List[int]]:
    groups: DefaultDict[Any, List[int]] = defaultdict(list)
    for row in rows:
        if row["status"] == "success" and row["latency_ms"]:
            groups[key(row)].append(int(row["latency_ms"]))
    return groups


def model(provider: str, name: str, **changes: Any) -> Row:
    return call(provider=provider, model=name, **changes)


def test_the_example_in_the_text_holds() -> None:
    assert doctest.testmod(performance).failed == 0


def test_latency_by_hand() -> None:
    rows = [call(latency_ms=ms) for ms in (100, 200, 300, 2000, 2001)]
    result = result_of(rows)
    assert result["latency"] == {
        "mean": pytest.approx(920.2),
        "median": 300,
        "p95": 2001,
        "p99": 2001,
        "max": 2001,
        "sla_violations": 1,  # 2,000 ms is still within
    }
    summary = result["summary"]
    assert summary["sla_threshold_ms"] == 2000
    assert summary["sla_compliance_percent"] == 80.0
    assert summary["error_rate_percent"] == 0.0


def test_percentiles_against_sorted_lists() -> None:
    rows = many()
    result = result_of(rows)
    whole = latencies(rows, lambda r: 0)[0]
    assert result["summary"]["p50_latency_ms"] == nearest_rank(whole, 50)
    assert result["summary"]["p95_latency_ms"] == nearest_rank(whole, 95)
    assert result["summary"]["p99_latency_ms"] == nearest_rank(whole, 99)
    by_model = latencies(rows, lambda r: (r["provider"], r["model"]))
    assert len(result["model_rankings"]) == len(by_model)
    for row in result["model_rankings"]:
        values = by_model[row["provider"], row["model"]]
        assert row["measured_calls"] == len(values)
        assert row["avg_latency_ms"] == pytest.approx(sum(values) / len(values))
        for percent in (50, 95, 99):
            assert row[f"p{percent}_latency_ms"] == nearest_rank(values, percent)


def test_rankings_by_hand() -> None:
    rows = [
        # 1,000 tokens, 2 USD; one of the two failed, the other gave 100 tokens in 1.5 s
        model("openai", "gpt-4", input_tokens=400, output_tokens=100, latency_ms=1500, cost_usd=1),
        model(
            "openai",
            "gpt-4",
            input_tokens=400,
            output_tokens=100,
            latency_ms=500,
            cost_usd=1,
            status="error",
            error_type="timeout",
        ),
        # 300 tokens in 400 ms, and 300 that took nobody knows how long
        model("mistral", "ministral-8b", input_tokens=500, output_tokens=300, cost_usd="0.4"),
        model("mistral", "ministral-8b", output_tokens=300, cost_usd="0.4", latency_ms=""),
    ]
    found = result_of(rows)["model_rankings"]
    assert [(r["model"], r["tokens_per_second"]) for r in found] == [
        ("ministral-8b", 750.0),
        ("gpt-4", pytest.approx(200 / 3)),
    ]
    assert found[0]["cost_per_1k_tokens"] == pytest.approx(0.5)
    assert found[1]["cost_per_1k_tokens"] == 2.0
    assert found[1]["error_rate_percent"] == 50.0


def test_compliance_by_provider() -> None:
    rows = [call(provider="azure", latency_ms=ms) for ms in (100, 2500)]
    rows += [call(provider=name, latency_ms=100) for name in ("google", "cohere")]
    assert result_of(rows)["sla_compliance"] == [
        {
            "provider": name,
            "total_calls": total,
            "compliant_calls": 1,
            "compliance_rate": rate,
            "violations": total - 1,
            "measured_calls": total,
        }
        for name, total, rate in (("cohere", 1, 100.0), ("google", 1, 100.0), ("azure", 2, 50.0))
    ]


def test_tasks_by_calls_and_their_fastest_model() -> None:
    rows = [
        model("openai", "gpt-4", task_type="chat", latency_ms=300),
        model("openai", "gpt-4", task_type="chat", latency_ms=500),
        model("google", "gemini-2.5-pro", task_type="chat", latency_ms=350),
        model("google", "gemini-2.5-pro", task_type="extraction", latency_ms=900),
        model("openai", "gpt-4", task_type="extraction", latency_ms=900),
    ]
    found = result_of(rows)["by_task_type"]
    assert [(r["task_type"], r["call_count"], r["fastest_model"]) for r in found] == [
        ("chat", 3, "gemini-2.5-pro"),  # 350 against 400 on average
        ("extraction", 2, "gemini-2.5-pro"),  # equal: google before openai
    ]
    assert found[0]["avg_latency_ms"] == pytest.approx(1150 / 3)
    assert found[0]["p95_latency_ms"] == 500


def test_hours_and_days_against_plain_lists() -> None:
    rows = many()
    result = result_of(rows)
    hours = latencies(rows, lambda r: int(r["timestamp"][11:13]))
    assert [r["hour"] for r in result["hourly_profile"]] == list(range(24))
    for row in result["hourly_profile"]:
        values = hours[row["hour"]]
        assert row["call_count"] == sum(int(r["timestamp"][11:13]) == row["hour"] for r in rows)
        assert row["avg_latency_ms"] == pytest.approx(sum(values) / len(values))
        assert row["p95_latency_ms"] == nearest_rank(values, 95)
    days = latencies(rows, lambda r: r["timestamp"][:10])
    assert [r["date"] for r in result["daily"]] == sorted({r["timestamp"][:10] for r in rows})
    for row in result["daily"]:
        calls = [r for r in rows if r["timestamp"][:10] == row["date"]]
        failed = sum(r["status"] == "error" for r in calls)
        values = days[row["date"]]
        assert row["error_rate_percent"] == pytest.approx(failed / len(calls) * 100)
        assert row["measured_calls"] == len(values)
        assert row["p95_latency_ms"] == nearest_rank(values, 95)


# --- histogram -------------------------------------------------------------------------------


def test_bins_are_contiguous_and_the_last_takes_the_rest() -> None:
    found = bins({0: 1, 99: 1, 100: 2, 350: 1})
    assert found == [
        (0, 100, 2),
        (100, 200, 2),
        (200, 300, 0),
        (300, 400, 1),
    ]


def test_one_very_slow_call_does_not_make_a_million_bins() -> None:
    found = bins({10: 5, 4999: 1, 5000: 2, 3_600_000: 1})
    assert len(found) == 51
    assert found[-2] == LatencyBin(4900, 5000, 1)
    assert found[-1] == LatencyBin(5000, 3_600_001, 3)


def test_a_client_limit_of_five_seconds_gets_a_bin_of_the_usual_width() -> None:
    assert bins({5000: 1})[-1] == LatencyBin(5000, 5100, 1)


def test_no_calls_have_no_bins() -> None:
    assert bins({}) == []


def test_every_measured_call_is_in_one_bin() -> None:
    rows = [row for row in many() if row["status"] == "success"]
    found = result_of(rows)["latency_histogram"]
    for one in found:
        inside = [r for r in rows if one["from_ms"] <= int(r["latency_ms"]) < one["to_ms"]]
        assert one["call_count"] == len(inside)
    assert sum(one["call_count"] for one in found) == len(rows)


def test_what_was_not_measured_has_no_latency() -> None:
    """Of forty calls every second one is measured, at 3,000 ms."""
    rows = [call(timestamp=at(n), latency_ms=3000 if n % 2 else "") for n in range(40)]
    summary = result_of(rows)["summary"]
    assert [summary[key] for key in ("avg_latency_ms", "p50_latency_ms", "p99_latency_ms")] == [
        3000
    ] * 3
    assert (summary["sla_compliance_percent"], summary["measured_calls"]) == (0.0, 20)
    nothing = result_of([dict(row, latency_ms="") for row in rows])
    assert nothing["basis"]["missing"] == ["latency_ms"]
    assert set(nothing["latency"].values()) == {None}
    assert nothing["summary"]["sla_compliance_percent"] is None
    assert nothing["by_task_type"][0]["fastest_model"] is None
    assert nothing["findings"] == nothing["recommendations"] == []


def test_failures_make_nothing_faster() -> None:
    failed = {"status": "error", "error_type": "timeout"}
    rows = [call(timestamp=at(n), latency_ms=2500) for n in range(40)]
    rows += [call(timestamp=at(n), latency_ms=ms, **failed) for n in range(5) for ms in ("", 1)]
    summary = result_of(rows)["summary"]
    assert (summary["avg_latency_ms"], summary["sla_compliance_percent"]) == (2500.0, 0.0)
    assert (summary["error_rate_percent"], summary["measured_calls"]) == (20.0, 40)


# --- sentences -------------------------------------------------------------------------------


def test_a_kept_service_level_is_good_news() -> None:
    result = result_of([call(latency_ms=100)] * 100)
    assert [f["severity"] for f in result["findings"] if "SLA" in f["title"]] == ["success"]
    assert result["recommendations"] == []


def test_a_missed_service_level_is_named_with_its_provider() -> None:
    rows = [call(provider="google", latency_ms=100)] * 60
    rows += [call(provider="azure", latency_ms=100)] * 30
    rows += [call(provider="azure", latency_ms=3000)] * 10
    result = result_of(rows)
    titles = [f["title"] for f in result["findings"]]
    assert "90.0% of the calls answer within 2,000 ms" in titles
    assert "Azure has the lowest SLA compliance" in titles
    assert "At least one call in a hundred takes 3,000 ms or longer" in titles
    assert result["recommendations"] == [
        "Set a client limit of 2,000 ms for Azure with a fallback: 10 calls of 40 took longer."
    ]


def late(slow: int, fast: int) -> List[str]:
    rows = [call(provider="azure", latency_ms=3000)] * slow
    rows += [call(provider="azure", latency_ms=100)] * fast
    advice: List[str] = result_of(rows)["recommendations"]
    return advice


def test_no_limit_is_advised_that_cuts_off_most_calls() -> None:
    """One in four may be cut off: 10 of 40, but not 11."""
    assert late(10, 30)[0].startswith("Set a client limit of 2,000 ms for Azure with a fallback")
    try_others = "Try faster models, shorter answers or another region for the calls to Azure: "
    too_many = "took longer than 2,000 ms, so a client limit would cut off too many."
    assert late(11, 29) == [f"{try_others}11 of 40 measured calls {too_many}"]
    assert late(40, 0) == [f"{try_others}all 40 measured calls {too_many}"]
    assert late(1, 0) == [f"{try_others}the only measured call {too_many}"]


def slow_and_fast(dear: str, cheap: str, count: int = 100) -> List[Row]:
    slow = [model("openai", "gpt-4", latency_ms=1800, cost_usd=dear)] * count
    return slow + [model("google", "gemini-2.5-pro", latency_ms=600, cost_usd=cheap)] * count


def test_a_faster_model_of_the_same_class_that_costs_no_more() -> None:
    advice = result_of(slow_and_fast("0.08", "0.008"))["recommendations"]
    assert advice == [
        "Move interactive calls from gpt-4 to gemini-2.5-pro: p95 1,800 against "
        "600 ms, at $100.00 against $10.00 per 1M tokens."
    ]


@pytest.mark.parametrize(
    "rows",
    [
        slow_and_fast("0.008", "0.08"),  # the faster one is dearer
        slow_and_fast("0.08", "0.008", 99),  # too few calls to judge
        [model("acme", "mystery-1", latency_ms=1800, cost_usd="1")] * 100
        + [model("acme", "mystery-2", latency_ms=60, cost_usd="1")] * 100,  # of no known class
    ],
)
def test_no_such_model(rows: List[Row]) -> None:
    assert result_of(rows)["recommendations"] == []


def test_a_model_that_fails_often() -> None:
    failed = {"status": "error", "error_type": "server_error"}
    rows = [call(timestamp=at(0))] * 88 + [call(timestamp=at(0), **failed)] * 12
    result = result_of(rows)
    assert "gpt-4o fails in 12.0% of its calls" in [f["title"] for f in result["findings"]]
    assert result["recommendations"] == [
        "Retry or reroute failed calls to gpt-4o: 12.0% of 100 calls fail."
    ]
    assert result["summary"]["error_rate_percent"] == 12.0
