"""Usage APIs of OpenAI and Anthropic: aggregates, of which each test is a known misreading."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict

from tests.support.imports import cost_of, import_files, rows_of, sums_of, write_all

DAY = 1772323200  # 2026-03-01
OPENAI_RESULT = {
    "object": "organization.usage.completions.result",
    "input_tokens": 1000,
    "input_cached_tokens": 400,
    "input_text_tokens": 600,
    "output_tokens": 100,
    "num_model_requests": 7,
    "project_id": "p1",
    "user_id": None,
    "api_key_id": "key1",
    "model": "gpt-a",
    "batch": False,
    "service_tier": None,
}
ANTHROPIC_RESULT = {
    "uncached_input_tokens": 100,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
    "cache_read_input_tokens": 1000,
    "output_tokens": 30,
    "server_tool_use": {"web_search_requests": 2},
    "api_key_id": "key1",
    "workspace_id": "w1",
    "model": "claude-a",
    "service_tier": "standard",
    "context_window": "0-200k",
    "inference_geo": "not_available",
}


def openai_page(*results: Dict[str, Any], start: int = DAY) -> str:
    bucket = {
        "object": "bucket",
        "start_time": start,
        "end_time": start + 86400,
        "results": list(results),
    }
    empty = {**bucket, "start_time": start + 86400, "end_time": start + 172800, "results": []}
    return json.dumps({"object": "page", "data": [bucket, empty], "has_more": False}, indent=1)


def anthropic_page(*results: Dict[str, Any]) -> str:
    bucket = {
        "starting_at": "2026-03-01T00:00:00Z",
        "ending_at": "2026-03-02T00:00:00Z",
        "results": list(results),
    }
    return json.dumps({"data": [bucket], "has_more": False, "next_page": None})


def imported(tmp_path: Path, format_id: str, *pages: str, suffix: str = "json") -> Path:
    files = {f"{number}.{suffix}": page for number, page in enumerate(pages)}
    out = tmp_path / "out.csv"
    import_files(format_id, write_all(tmp_path / "logs", files), out)
    return out


def test_a_row_of_openai_stands_for_many_calls_of_a_day(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, "openai-usage", openai_page(OPENAI_RESULT)))
    assert (row["calls"], row["bucket_s"], row["latency_ms"], row["status"]) == (
        "7",
        "86400",
        "",
        "",
    )
    assert (row["organization_id"], row["feature_id"], row["customer_id"]) == ("p1", "key1", "")


def test_a_row_for_several_calls_has_no_latency_and_no_session(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, "openai-usage", openai_page(OPENAI_RESULT)))
    assert (row["latency_ms"], row["session_id"], row["trace_id"]) == ("", "", "")
    assert row["bucket_s"] == "86400"  # by which it is left out of percentiles


def test_calls_are_the_requests_and_not_the_rows(tmp_path: Path) -> None:
    other = {**OPENAI_RESULT, "api_key_id": "key2", "num_model_requests": 30}
    paths = write_all(tmp_path, {"a.json": openai_page(OPENAI_RESULT, other)})
    totals = import_files("openai-usage", paths, tmp_path / "out.csv").totals
    assert (totals.rows, totals.calls) == (2, 37)


def test_text_tokens_of_openai_are_the_uncached_ones_and_no_total(tmp_path: Path) -> None:
    page = openai_page({**OPENAI_RESULT, "input_text_tokens": 60})
    assert sums_of(imported(tmp_path, "openai-usage", page))["input_tokens"] == 1000


def test_an_empty_bucket_is_nothing(tmp_path: Path) -> None:
    paths = write_all(tmp_path, {"a.json": openai_page(), "b.json": openai_page(OPENAI_RESULT)})
    result = import_files("openai-usage", paths, tmp_path / "out.csv")
    assert (result.totals.rows, result.tally.rejections) == (1, 0)


def test_cached_tokens_of_openai_are_inside(tmp_path: Path) -> None:
    out = imported(tmp_path, "openai-usage", openai_page(OPENAI_RESULT))
    assert sums_of(out)["input_tokens"] == 1000
    assert cost_of(out) == Decimal("0.00144")  # 600 at 1, 400 at 0.1, 100 at 8 micro-dollars


def test_a_batch_has_its_own_price_and_an_unknown_one_the_full_one(tmp_path: Path) -> None:
    batch, unknown = ({**OPENAI_RESULT, "batch": value} for value in (True, None))
    rows = rows_of(imported(tmp_path, "openai-usage", openai_page(batch, unknown)))
    assert sorted((row["service_tier"], row["cost_usd"]) for row in rows) == [
        ("batch", "0.00072"),
        ("standard", "0.00144"),
    ]


def test_pages_that_overlap_add_nothing_and_a_fuller_one_replaces(tmp_path: Path) -> None:
    page = openai_page(OPENAI_RESULT)
    out = imported(tmp_path, "openai-usage", page, page)
    assert len(rows_of(out)) == 1
    fuller = {**OPENAI_RESULT, "input_tokens": 1500, "num_model_requests": 9}
    paths = write_all(tmp_path / "later", {"2.json": openai_page(fuller)})
    import_files("openai-usage", paths, out)
    assert [(row["calls"], row["input_tokens"]) for row in rows_of(out)] == [("9", "1500")]


def test_rows_that_differ_in_a_dimension_are_two(tmp_path: Path) -> None:
    other = {**OPENAI_RESULT, "api_key_id": "key2"}
    assert len(rows_of(imported(tmp_path, "openai-usage", openai_page(OPENAI_RESULT, other)))) == 2


def test_rows_without_a_model_are_unpriced_and_say_what_to_do(tmp_path: Path) -> None:
    paths = write_all(tmp_path, {"a.json": openai_page({**OPENAI_RESULT, "model": None})})
    result = import_files("openai-usage", paths, tmp_path / "out.csv")
    (row,) = rows_of(tmp_path / "out.csv")
    assert (row["model"], row["cost_usd"], row["cost_source"]) == ("unknown", "", "none")
    assert result.totals.unpriced_calls == 7
    assert any("grouped by model" in note for note in result.tally.notes)


def test_an_aggregate_has_no_long_context(tmp_path: Path) -> None:
    many = {**OPENAI_RESULT, "input_tokens": 1_000_000, "input_cached_tokens": 0}
    out = imported(tmp_path, "openai-usage", openai_page(many))
    assert cost_of(out) == Decimal("1.0008")


def test_a_cost_page_is_a_bill_and_no_call(tmp_path: Path) -> None:
    amount = {"value": 0.29, "currency": "usd"}
    bill = openai_page({"object": "organization.costs.result", "amount": amount})
    out = imported(tmp_path, "openai-usage", openai_page(OPENAI_RESULT), bill)
    assert len(rows_of(out)) == 1


def test_older_pages_say_result(tmp_path: Path) -> None:
    page = openai_page(OPENAI_RESULT).replace('"results"', '"result"')
    assert len(rows_of(imported(tmp_path, "openai-usage", page))) == 1


def test_the_dashboard_writes_counts_as_fractions_and_empty_periods_short(tmp_path: Path) -> None:
    text = (
        "start_time,end_time,start_time_iso,end_time_iso,model,num_model_requests,input_tokens,"
        "input_cached_tokens,output_tokens\n"
        f"{DAY},{DAY + 86400},2026-03-01T00:00:00Z,2026-03-02T00:00:00Z,"
        "gpt-a,7.0,1000.0,400.0,100.0\n"
        f"{DAY + 86400},{DAY + 172800},2026-03-02T00:00:00Z,2026-03-03T00:00:00Z\n"
    )
    (row,) = rows_of(imported(tmp_path, "openai-usage", text, suffix="csv"))
    assert (row["calls"], row["input_tokens"], row["cost_usd"]) == ("7", "1000", "0.00144")


def test_a_report_without_a_request_count_has_no_calls_however_many_rows(tmp_path: Path) -> None:
    other = {**ANTHROPIC_RESULT, "api_key_id": "key2"}
    paths = write_all(tmp_path, {"a.json": anthropic_page(ANTHROPIC_RESULT, other)})
    totals = import_files("anthropic-usage", paths, tmp_path / "out.csv").totals
    assert (totals.rows, totals.calls) == (2, 0)
    assert {row["calls"] for row in rows_of(tmp_path / "out.csv")} == {"0"}


def test_a_batch_of_anthropic_costs_half(tmp_path: Path) -> None:
    batch = {**ANTHROPIC_RESULT, "service_tier": "batch", "server_tool_use": None}
    out = imported(tmp_path, "anthropic-usage", anthropic_page(batch))
    assert cost_of(out) == Decimal("0.0004")  # 0.0008 at full prices


def test_a_search_costs_its_fee(tmp_path: Path) -> None:
    searches = {"server_tool_use": {"web_search_requests": 4}}
    pages = (anthropic_page({**ANTHROPIC_RESULT, **more}) for more in (searches, {}))
    four, two = (
        cost_of(imported(tmp_path / str(number), "anthropic-usage", page))
        for number, page in enumerate(pages)
    )
    assert four - two == Decimal("0.02")


def test_classes_of_anthropic_add_up(tmp_path: Path) -> None:
    out = imported(tmp_path, "anthropic-usage", anthropic_page(ANTHROPIC_RESULT))
    (row,) = rows_of(out)
    assert (row["input_tokens"], row["cached_input_tokens"]) == ("1130", "1000")
    assert (row["cache_write_tokens"], row["cache_write_1h_tokens"]) == ("30", "10")
    # 100 at 2, 20 at 3, 10 at 4, 1000 at 0.2, 30 at 10 micro-dollars, and two searches
    assert cost_of(out) == Decimal("0.0208")


def test_a_place_multiplies_tokens_and_not_searches(tmp_path: Path) -> None:
    out = imported(
        tmp_path, "anthropic-usage", anthropic_page({**ANTHROPIC_RESULT, "inference_geo": "us"})
    )
    assert cost_of(out) == Decimal("0.02088")
    assert rows_of(out)[0]["region"] == "us"


def test_a_long_context_that_the_source_names_has_its_price(tmp_path: Path) -> None:
    long = {**ANTHROPIC_RESULT, "context_window": "200k-1M", "server_tool_use": None}
    out = imported(tmp_path, "anthropic-usage", anthropic_page(long))
    # 100 at 4, 20 at 3, 10 at 4, 1000 at 0.4, 30 at 20 micro-dollars
    assert cost_of(out) == Decimal("0.0015")


def test_the_console_s_table_is_read(tmp_path: Path) -> None:
    text = (
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
        "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
        "web_search_count,inference_geo,speed\n"
        "2026-03-01,claude-a,key1,w1,message,≤ 200k,100,20,10,1000,30,2,global,\n"
    )
    out = imported(tmp_path, "anthropic-usage", text, suffix="csv")
    assert cost_of(out) == Decimal("0.0208")
    assert rows_of(out)[0]["timestamp"] == "2026-03-01T00:00:00.000000"


def test_a_cost_report_of_anthropic_is_a_bill_and_no_call(tmp_path: Path) -> None:
    bill = anthropic_page({"currency": "USD", "amount": "7.65", "model": "claude-a"})
    paths = write_all(tmp_path, {"cost.json": bill})
    result = import_files("anthropic-usage", paths, tmp_path / "out.csv")
    assert result.totals.rows == 0
    assert any("bill" in note for note in result.tally.notes)
