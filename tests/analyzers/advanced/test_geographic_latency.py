from __future__ import annotations

import json
import math
import random
from typing import Any, Dict, List

import pytest

from finops import config
from finops.analyzers.advanced.geographic_latency import (
    GeographicLatencyAnalyzer,
    at_equal_tokens,
)
from tests.support.reference import ReferenceDataset, call


def analyze(rows: List[Dict[str, str]]) -> Dict[str, Any]:
    analyzer = GeographicLatencyAnalyzer("")
    return analyzer.compute(ReferenceDataset(rows).rollups(analyzer.TABLES))


def calls(n: int, latency: int, **changes: Any) -> List[Dict[str, str]]:
    return [call(latency_ms=latency, **changes) for _ in range(n)]


def noisy(n: int, centre: int, seed: int, **changes: Any) -> List[Dict[str, str]]:
    draw = random.Random(seed)
    return [call(latency_ms=round(centre * draw.uniform(0.8, 1.2)), **changes) for _ in range(n)]


def no_bad_numbers(value: Any) -> None:
    text = json.dumps(value, allow_nan=False)
    assert "NaN" not in text


def test_figures_worked_out_by_hand() -> None:
    rows = (
        calls(1, 100, region="us-east", cost_usd="0.10")
        + calls(1, 300, region="us-east", cost_usd="0.20", provider="google")
        + calls(1, 2001, region="eu-west", cost_usd="0.40")
        + [call(latency_ms=2000, region="eu-west", status="error", error_type="timeout")]
    )
    result = analyze(rows)
    assert result["regions"][0] == {
        "region": "us-east",
        "call_count": 2,
        "measured_calls": 2,
        "avg_latency_ms": 200.0,
        "p50_latency_ms": 100,
        "p95_latency_ms": 300,
        "p99_latency_ms": 300,
        "sla_violations": 0,
        "error_rate_percent": 0.0,
        "total_cost": pytest.approx(0.30),
    }
    europe = result["regions"][1]
    assert europe["region"] == "eu-west"
    assert europe["avg_latency_ms"] == 2001.0  # of the one that did not fail
    assert europe["sla_violations"] == 1
    assert europe["error_rate_percent"] == 50.0
    assert result["provider_regions"] == [
        {
            "provider": provider,
            "region": region,
            "call_count": count,
            "avg_latency_ms": average,
            "p95_latency_ms": p95,
        }
        for provider, region, count, average, p95 in (
            ("google", "us-east", 1, 300.0, 300),
            ("openai", "eu-west", 2, 2001.0, 2001),
            ("openai", "us-east", 1, 100.0, 100),
        )
    ]
    summary = result["summary"]
    assert summary["total_calls"] == 4
    assert summary["total_cost"] == pytest.approx(0.70425)
    assert (summary["fastest_region"], summary["slowest_region"]) == ("us-east", "eu-west")
    assert summary["avg_latency_ms"] == (100 + 300 + 2001) / 3
    assert summary["sla_violations"] == 1
    assert summary["sla_compliance_percent"] == pytest.approx(200 / 3)
    assert summary["routing_opportunities"] == 0


def test_routing_needs_a_gap_of_a_fifth_and_a_hundred_calls_each() -> None:
    fast = calls(100, 200, provider="google")
    assert analyze(fast + calls(100, 239))["routing"] == []
    assert analyze(fast + calls(99, 300))["routing"] == []
    assert analyze(fast[1:] + calls(100, 300))["routing"] == []
    row = analyze(fast + calls(100, 240))["routing"]
    assert row == [
        {
            "region": "us-east",
            "current_provider": "openai",
            "recommended_provider": "google",
            "current_latency_ms": pytest.approx(240.0),
            "recommended_latency_ms": pytest.approx(200.0),
            "improvement_ms": pytest.approx(40.0),
            "improvement_percent": pytest.approx(100 / 6),
            "call_count": 100,
        }
    ]


def test_a_provider_over_the_service_level_needs_no_gap_of_a_fifth() -> None:
    slow, slower = config.SLA_THRESHOLD_MS, config.SLA_THRESHOLD_MS + 100
    rows = calls(100, slow, provider="google") + calls(100, slower)
    (row,) = analyze(rows)["routing"]
    assert (row["current_provider"], row["recommended_provider"]) == ("openai", "google")
    assert analyze(rows[:100])["routing"] == []
    same = calls(100, slower, provider="google") + calls(100, slower)
    assert analyze(same)["routing"] == []


def test_the_fastest_is_recommended_and_rows_are_ordered() -> None:
    rows = (
        calls(100, 200, provider="mistral")
        + calls(100, 200, provider="google")
        + calls(100, 300)
        + calls(100, 500, provider="cohere")
    )
    found = [
        (r["current_provider"], r["recommended_provider"], round(r["improvement_ms"]))
        for r in analyze(rows)["routing"]
    ]
    assert found == [("cohere", "google", 300), ("openai", "google", 100)]


def test_long_prompts_are_no_reason_to_leave_a_provider() -> None:
    """Both take tokens / 10 + 100 ms; one has the short, the other the long prompts."""
    rows = []
    for tokens, share in ((200, 300), (700, 60), (1800, 20)):
        same = {"input_tokens": tokens, "output_tokens": 0, "latency_ms": tokens // 10 + 100}
        rows += [call(provider="google", **same) for _ in range(share)]
        rows += [call(provider="openai", **same) for _ in range(380 - share)]
    result = analyze(rows)
    averages = {r["provider"]: r["avg_latency_ms"] for r in result["provider_regions"]}
    assert averages["openai"] > 1.2 * averages["google"]
    assert result["routing"] == []


def test_speed_is_seen_through_the_mix_of_prompts() -> None:
    """The provider with the short prompts is on average faster and yet the slow one."""
    rows = []
    for tokens, share in ((200, 300), (700, 60), (1800, 20)):
        fast = tokens // 10 + 100
        rows += calls(share, fast * 3 // 2, provider="google", input_tokens=tokens, output_tokens=0)
        rows += calls(380 - share, fast, input_tokens=tokens, output_tokens=0)
    (row,) = analyze(rows)["routing"]
    assert (row["current_provider"], row["recommended_provider"]) == ("google", "openai")
    assert row["improvement_percent"] == pytest.approx(100 / 3)


def test_providers_that_share_no_token_band_are_not_compared() -> None:
    rows = calls(200, 100, provider="google", input_tokens=10, output_tokens=0)
    rows += calls(200, 900, input_tokens=5000, output_tokens=0)
    assert analyze(rows)["routing"] == []


@pytest.mark.unmeasured
def test_chance_makes_no_advice() -> None:
    """A hundred calls with a few timeouts each: averages differ by a fifth, by chance."""
    for seed in range(30):
        draw = random.Random(seed)
        rows = [
            call(provider=p, latency_ms=5000 if draw.random() < 0.02 else draw.randint(150, 350))
            for p in ("google", "openai", "azure", "mistral")
            for _ in range(110)
        ]
        assert analyze(rows)["routing"] == [], seed


def test_a_true_difference_survives_the_noise() -> None:
    for seed in range(10):
        rows = noisy(150, 300, seed, provider="google") + noisy(150, 420, seed + 99)
        (row,) = analyze(rows)["routing"]
        assert row["recommended_provider"] == "google"


def test_comparison_equals_a_second_way_of_weighing() -> None:
    draw = random.Random(5)
    for _ in range(50):
        current = {b: (draw.randint(40, 200), draw.randint(1, 90_000)) for b in range(0, 1000, 250)}
        other = {b: (draw.randint(40, 200), draw.randint(1, 90_000)) for b in range(250, 1500, 250)}
        common = [250, 500, 750]
        weights = [1 / (1 / current[b][0] + 1 / other[b][0]) for b in common]
        expected = [
            sum(w * side[b][1] / side[b][0] for w, b in zip(weights, common)) / sum(weights)
            for side in (current, other)
        ]
        assert at_equal_tokens(current, other) == pytest.approx(expected)


def test_percentiles_equal_a_sort_of_all_calls() -> None:
    draw = random.Random(3)
    rows = [
        call(
            provider=draw.choice(["openai", "google", "azure"]),
            region=draw.choice(list(config.REGIONS)),
            latency_ms=int(draw.lognormvariate(6, 0.8)),
        )
        for _ in range(2000)
    ]
    for found in analyze(rows)["regions"]:
        values = sorted(int(r["latency_ms"]) for r in rows if r["region"] == found["region"])
        n = len(values)
        assert found["call_count"] == n
        assert found["avg_latency_ms"] == pytest.approx(sum(values) / n)
        for name, share in (("p50", 50), ("p95", 95), ("p99", 99)):
            assert found[f"{name}_latency_ms"] == values[-(-n * share // 100) - 1]
        assert found["sla_violations"] == sum(v > config.SLA_THRESHOLD_MS for v in values)


def test_latency_by_tokens_adds_up_providers() -> None:
    rows = [
        call(input_tokens=100, output_tokens=149, latency_ms=100),
        call(input_tokens=100, output_tokens=100, latency_ms=300, provider="google"),
        call(input_tokens=100, output_tokens=150, latency_ms=900),
    ]
    assert analyze(rows)["latency_by_tokens"] == [
        {"region": "us-east", "from_tokens": 0, "call_count": 2, "avg_latency_ms": 200.0},
        {"region": "us-east", "from_tokens": 250, "call_count": 1, "avg_latency_ms": 900.0},
    ]


def test_regions_with_equal_latency_keep_the_order_of_their_names() -> None:
    rows = calls(3, 100, region="zz") + calls(3, 100, region="aa") + calls(1, 50, region="mm")
    assert [r["region"] for r in analyze(rows)["regions"]] == ["mm", "aa", "zz"]


def test_no_calls() -> None:
    result = analyze([])
    assert result["summary"] == {
        "total_calls": 0,
        "total_cost": 0.0,
        "region_count": 0,
        "fastest_region": None,
        "slowest_region": None,
        "avg_latency_ms": None,
        "sla_threshold_ms": config.SLA_THRESHOLD_MS,
        "sla_violations": None,
        "sla_compliance_percent": None,
        "measured_calls": 0,
        "routing_opportunities": 0,
    }
    lists = ("regions", "provider_regions", "latency_by_tokens", "routing")
    for name in (*lists, "findings", "recommendations"):
        assert result[name] == []


@pytest.mark.parametrize(
    "rows",
    [
        [call()],
        calls(150, 0) + calls(150, 0, provider="google"),
        calls(150, 0) + calls(150, 5000, provider="google"),
        calls(200, 5000, status="error", error_type="timeout", cost_usd="0"),
        calls(120, 400, cost_usd="0") + calls(120, 10**9, cost_usd="0", provider="google"),
        [call(region="", provider="somebody", total_tokens=0, input_tokens=0, output_tokens=0)],
    ],
)
def test_edges_give_complete_plain_numbers(rows: List[Dict[str, str]]) -> None:
    result = analyze(rows)
    no_bad_numbers(result)
    assert result["summary"]["total_calls"] == len(rows)
    known = [row["region"] for row in result["regions"] if row["measured_calls"]]
    assert result["summary"]["fastest_region"] == (known[0] if known else None)
    assert all(math.isfinite(r["improvement_percent"]) for r in result["routing"])


def test_findings_and_recommendations_follow_from_conditions() -> None:
    calm = analyze(calls(200, 300) + calls(200, 310, region="us-west"))
    assert calm["recommendations"] == []
    assert "success" in [f["severity"] for f in calm["findings"]]
    rows = calls(100, 4000, region="ap-southeast") + calls(100, 200, region="ap-southeast")
    rows += calls(300, 100, provider="google", region="ap-southeast") + calls(100, 50)
    result = analyze(rows)
    advice = result["recommendations"]
    assert advice[0].startswith("Route ap-southeast calls from OpenAI to Google: 2,000 ms (95%)")
    assert advice[1].startswith("Serve ap-southeast from a nearer endpoint")
    assert [f["severity"] for f in result["findings"]] == ["warning", "warning", "info"]


def test_advice_names_the_routes_that_save_most_waiting() -> None:
    rows = calls(100, 100, provider="google")
    for i, provider in enumerate(("a", "b", "c", "d", "e")):
        rows += calls(500 if provider == "a" else 100, 300 + i, provider=provider)
    result = analyze(rows)
    assert result["summary"]["routing_opportunities"] == 5
    assert [r["current_provider"] for r in result["routing"]] == ["e", "d", "c", "b", "a"]
    starts = [text.split(":")[0] for text in result["recommendations"]]
    assert starts == [f"Route us-east calls from {p} to Google" for p in ("a", "e", "d")]


def test_row_order_changes_nothing() -> None:
    rows = noisy(300, 300, 1, provider="google") + noisy(300, 450, 2) + noisy(50, 99, 3, region="x")
    shuffled = list(rows)
    random.Random(8).shuffle(shuffled)
    assert json.dumps(analyze(rows)) == json.dumps(analyze(shuffled))
