"""OpenTelemetry and Langfuse: calls inside calls, of which each test is a known misreading."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from finops.importers.detection import detect
from finops.importers.sources import Source
from tests.support.imports import cost_of, import_files, json_lines, rows_of, sums_of, write_all
from tests.support.vendor_logs import attributes

NANO = 1772366400 * 10**9
USAGE = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}


def span(node: int, parent: int = 0, **values: Any) -> Dict[str, Any]:
    """Return a span with usage; `operation` None has none, `usage` replaces the usual one."""
    named = {**values.pop("usage", USAGE), "gen_ai.response.model": "claude-a"}
    named["gen_ai.provider.name"] = "anthropic"
    operation = values.pop("operation", "chat")
    if operation:
        named["gen_ai.operation.name"] = operation
    named.update(values.pop("attributes", {}))
    record: Dict[str, Any] = {
        "traceId": f"{1:032x}",
        "spanId": f"{node:016x}",
        "startTimeUnixNano": str(NANO + node),
        "endTimeUnixNano": str(NANO + node + 2 * 10**9),
        "attributes": attributes(named),
        **values,
    }
    if parent:
        record["parentSpanId"] = f"{parent:016x}"
    return record


def export(*spans: Dict[str, Any], resource: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    around = {"resource": {"attributes": attributes(resource)}} if resource else {}
    return {"resourceSpans": [{**around, "scopeSpans": [{"spans": list(spans)}]}]}


def traces(tmp_path: Path, *exports: Dict[str, Any]) -> Path:
    out = tmp_path / "out.csv"
    paths = write_all(tmp_path / "logs", {"traces.jsonl": json_lines(exports)})
    import_files("otel", paths, out)
    return out


def test_a_span_around_calls_is_none_wherever_it_stands(tmp_path: Path) -> None:
    out = traces(tmp_path, export(span(2, 1)), export(span(1, operation="invoke_agent")))
    assert sums_of(out)["input_tokens"] == 100


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_span_around_calls_of_another_import_is_none(tmp_path: Path, order: List[int]) -> None:
    exports = [export(span(1, operation=None)), export(span(2, 1))]
    for number in order:
        paths = write_all(tmp_path / "logs", {f"{number}.jsonl": json_lines([exports[number]])})
        import_files("otel", paths, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert [row["call_id"] for row in rows] == [f"otel:{1:032x}:{2:016x}"]


def test_a_call_below_a_tool_is_not_in_the_agent_around_it(tmp_path: Path) -> None:
    tool = span(2, 1, usage={}, operation="execute_tool")
    out = traces(tmp_path, export(span(1), tool, span(3, 2)))
    assert len(rows_of(out)) == 2


def test_spans_that_are_each_other_s_parents_end(tmp_path: Path) -> None:
    out = traces(tmp_path, export(span(1, 2), span(2, 1), span(3)))
    assert len(rows_of(out)) == 1


def test_a_span_of_another_instrumentation_around_a_call_is_none(tmp_path: Path) -> None:
    outer = span(1)
    kind, names = "openinference.span.kind", ("llm.token_count.prompt", "llm.model_name")
    outer["attributes"] = attributes({kind: "LLM", names[0]: 100, names[1]: "claude-a"})
    out = traces(tmp_path, export(outer, span(2, 1)))
    assert [row["call_id"] for row in rows_of(out)] == [f"otel:{1:032x}:{2:016x}"]


def test_a_tool_is_no_model_call_even_with_usage(tmp_path: Path) -> None:
    out = traces(tmp_path, export(span(1), span(2, operation="execute_tool")))
    assert [row["call_id"] for row in rows_of(out)] == [f"otel:{1:032x}:{1:016x}"]


def test_usage_without_an_operation_is_a_call(tmp_path: Path) -> None:
    (row,) = rows_of(traces(tmp_path, export(span(1, operation=None))))
    assert (row["model"], row["input_tokens"], row["calls"]) == ("claude-a", "100", "1")


def test_siblings_with_one_response_are_one_call(tmp_path: Path) -> None:
    response = {"gen_ai.response.id": "resp_1"}
    out = traces(tmp_path, export(span(1, attributes=response), span(2, attributes=response)))
    assert [row["call_id"] for row in rows_of(out)] == ["otel:resp_1"]


def test_cached_tokens_are_inside_unless_they_exceed_the_input(tmp_path: Path) -> None:
    cached = {**USAGE, "gen_ai.usage.cache_read.input_tokens": 60}
    more = {**USAGE, "gen_ai.usage.cache_read.input_tokens": 600}
    out = traces(tmp_path, export(span(1, usage=cached), span(2, usage=more)))
    assert [row["input_tokens"] for row in rows_of(out)] == ["100", "700"]


def test_written_tokens_are_inside_the_input(tmp_path: Path) -> None:
    written = {**USAGE, "gen_ai.usage.cache_write.input_tokens": 60}
    sums = sums_of(traces(tmp_path, export(span(1, usage=written))))
    assert (sums["input_tokens"], sums["cache_write_tokens"]) == (100, 60)


def test_reasoning_is_inside_the_output(tmp_path: Path) -> None:
    usage = {**USAGE, "gen_ai.usage.reasoning.output_tokens": 4}
    out = traces(tmp_path, export(span(1, usage=usage)))
    assert (sums_of(out)["output_tokens"], sums_of(out)["reasoning_tokens"]) == (10, 4)
    assert cost_of(out) == Decimal("0.0003")  # 100 at 2 and 10 at 10 micro-dollars


def test_the_system_is_the_provider_by_its_old_name(tmp_path: Path) -> None:
    record = span(1)
    old = {"gen_ai.usage.prompt_tokens": 100, "gen_ai.request.model": "own-deployment"}
    record["attributes"] = attributes({**old, "gen_ai.system": "mistral_ai"})
    assert rows_of(traces(tmp_path, export(record)))[0]["provider"] == "mistral"


@pytest.mark.parametrize(
    ("inputs", "outputs", "model"),
    [
        ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "gen_ai.request.model"),
        ("llm.token_count.prompt", "llm.token_count.completion", "llm.model_name"),
        ("ai.usage.promptTokens", "ai.usage.completionTokens", "ai.model.id"),
        ("ai.usage.inputTokens", "ai.usage.outputTokens", "ai.response.model"),
    ],
)
def test_other_names_of_the_same(tmp_path: Path, inputs: str, outputs: str, model: str) -> None:
    record = span(1, operation=None)
    record["attributes"] = attributes({inputs: 100, outputs: 10, model: "claude-a"})
    (row,) = rows_of(traces(tmp_path, export(record)))
    assert (row["provider"], row["cost_usd"]) == ("anthropic", "0.0003")


def test_the_response_names_the_model_better_than_the_request(tmp_path: Path) -> None:
    out = traces(tmp_path, export(span(1, attributes={"gen_ai.request.model": "claude-b"})))
    assert rows_of(out)[0]["model"] == "claude-a"


def test_an_error_without_tokens_costs_nothing_and_is_not_unpriced(tmp_path: Path) -> None:
    failed = span(1, usage={}, status={"code": 2}, attributes={"error.type": "429"})
    named = span(2, usage={}, status={"code": "STATUS_CODE_ERROR", "message": "timeout"})
    rows = rows_of(traces(tmp_path, export(failed, named)))
    assert [(row["error_type"], row["cost_usd"], row["cost_source"]) for row in rows] == [
        ("rate_limit", "0", "list"),
        ("timeout", "0", "list"),
    ]


def test_a_status_by_its_name_is_an_error(tmp_path: Path) -> None:
    named = span(1, status={"code": "STATUS_CODE_ERROR"})
    fine = span(2, status={"code": "STATUS_CODE_OK"}, kind="SPAN_KIND_CLIENT")
    rows = rows_of(traces(tmp_path, export(named, fine)))
    assert [row["status"] for row in rows] == ["error", "success"]


def test_the_last_nanosecond_of_a_day_is_of_that_day(tmp_path: Path) -> None:
    last = (NANO // 10**9 // 86400 + 1) * 86400 * 10**9 - 1
    times: Dict[str, Any] = {"startTimeUnixNano": str(last), "endTimeUnixNano": str(last + 10**9)}
    (row,) = rows_of(traces(tmp_path, export(span(1, **times))))
    assert row["timestamp"] == "2026-03-01T23:59:59.999999"


@pytest.mark.parametrize("kind", [str, int])
def test_a_time_may_be_a_number_or_text(tmp_path: Path, kind: Callable[[int], Any]) -> None:
    end = NANO + 1500 * 10**6
    times = {"startTimeUnixNano": kind(NANO), "endTimeUnixNano": kind(end)}
    (row,) = rows_of(traces(tmp_path, export(span(1, **times))))
    assert (row["timestamp"], row["latency_ms"]) == ("2026-03-01T12:00:00.000000", "1500")


def test_a_span_without_usage_is_no_call(tmp_path: Path) -> None:
    assert rows_of(traces(tmp_path, export(span(1, usage={}), span(2)))) != []
    assert len(rows_of(tmp_path / "out.csv")) == 1


def test_times_are_cut_and_durations_rounded(tmp_path: Path) -> None:
    times = {"startTimeUnixNano": NANO + 999, "endTimeUnixNano": NANO + 500 * 10**6 + 998}
    (row,) = rows_of(traces(tmp_path, export(span(1, **times))))
    assert (row["timestamp"], row["latency_ms"]) == ("2026-03-01T12:00:00.000000", "500")


def test_ids_in_base64_are_those_in_hex(tmp_path: Path) -> None:
    child = span(2, 1)
    child.update(traceId="AAAAAAAAAAAAAAAAAAAAAQ==", parentSpanId="AAAAAAAAAAE=")
    assert len(rows_of(traces(tmp_path, export(span(1)), export(child)))) == 1


def test_what_protobuf_leaves_out_may_be_missing(tmp_path: Path) -> None:
    empty = {"resourceSpans": [{}, {"resource": {}}, {"scopeSpans": [{}, {"spans": [{}]}]}]}
    bare = {"batches": export(span(1))["resourceSpans"]}
    paths = write_all(tmp_path, {"t.jsonl": json_lines([empty, bare])})
    result = import_files("otel", paths, tmp_path / "out.csv")
    assert result.totals.rows == 1


def test_a_span_that_is_bare_of_everything_empty_is_read(tmp_path: Path) -> None:
    root = {"traceId": f"{1:032x}", "spanId": f"{1:016x}", "startTimeUnixNano": str(NANO)}
    call = span(2, 1)
    assert not {"status", "kind", "parentSpanId"} & set(root)
    paths = write_all(tmp_path, {"t.jsonl": json_lines([export(root, call)])})
    result = import_files("otel", paths, tmp_path / "out.csv")
    assert (result.totals.rows, result.tally.rejections) == (1, 0)


def test_the_resource_names_product_and_environment(tmp_path: Path) -> None:
    resource = {"service.name": "shop", "deployment.environment": "staging", "cloud.region": "eu"}
    inside = {"user.id": "ann", "session.id": "s1"}
    (row,) = rows_of(traces(tmp_path, export(span(1, attributes=inside), resource=resource)))
    assert (row["product_id"], row["environment"], row["region"]) == ("shop", "staging", "eu")
    assert (row["customer_id"], row["session_id"]) == ("ann", "s1")


# --- Langfuse ------------------------------------------------------------------------------------


def observation(node: str, parent: str = "", **values: Any) -> Dict[str, Any]:
    return {
        "id": node,
        "parentObservationId": parent,
        "traceId": "t1",
        "type": "GENERATION",
        "name": "chat",
        "startTime": "2026-03-01T12:00:00.000Z",
        "model": "claude-a",
        "usageDetails": {"input": 100, "output": 10, "total": 110},
        "level": "DEFAULT",
        **values,
    }


def observed(tmp_path: Path, *records: Dict[str, Any]) -> Path:
    out = tmp_path / "out.csv"
    paths = write_all(tmp_path / "logs", {"o.jsonl": json_lines(records)})
    import_files("langfuse", paths, out)
    return out


def test_a_generation_around_a_generation_is_a_wrapper(tmp_path: Path) -> None:
    out = observed(tmp_path, observation("inner", "outer"), observation("outer"))
    assert [row["call_id"] for row in rows_of(out)] == ["langfuse:inner"]


def test_a_span_is_no_call_and_an_error_is(tmp_path: Path) -> None:
    around = observation("span", type="SPAN", usageDetails={})
    out = observed(tmp_path, around, observation("failed", level="ERROR", usageDetails={}))
    assert [row["call_id"] for row in rows_of(out)] == ["langfuse:failed"]
    assert rows_of(out)[0]["status"] == "error"


def test_a_generation_around_a_tool_is_a_call(tmp_path: Path) -> None:
    tool = observation("tool", "outer", type="TOOL", usageDetails={})
    assert len(rows_of(observed(tmp_path, observation("outer"), tool))) == 1


def test_another_type_counts_where_no_call_is_below_it(tmp_path: Path) -> None:
    agent = observation("agent", type="AGENT")
    middle = observation("middle", "agent", type="SPAN", usageDetails={})
    out = observed(tmp_path, agent, middle, observation("call", "middle"))
    assert [row["call_id"] for row in rows_of(out)] == ["langfuse:call"]
    alone = observed(tmp_path / "alone", agent, middle)
    assert [row["call_id"] for row in rows_of(alone)] == ["langfuse:agent"]


def test_without_usage_only_an_error_is_a_call(tmp_path: Path) -> None:
    failed = observation("f", usageDetails={}, level="ERROR", statusMessage="429 rate limited")
    (row,) = rows_of(observed(tmp_path, observation("n", usageDetails={}), failed))
    assert (row["call_id"], row["error_type"], row["cost_usd"]) == ("langfuse:f", "rate_limit", "0")


@pytest.mark.parametrize(
    ("details", "inputs", "outputs"),
    [
        (
            {"input": 500, "cache_read_input_tokens": 9500, "output": 300, "total": 10300},
            10000,
            300,
        ),
        ({"input": 2000, "cache_read_input_tokens": 1500, "output": 100, "total": 2100}, 2000, 100),
        ({"input": 1000, "output": 200, "output_reasoning_tokens": 50, "total": 1250}, 1000, 250),
        ({"input": 100, "input_audio": 50, "output": 10, "total": 160}, 150, 10),
        ({"prompt_tokens": 7, "completion_tokens": 3}, 7, 3),
    ],
)
def test_the_total_tells_whether_keys_are_disjoint_or_nested(
    tmp_path: Path, details: Dict[str, int], inputs: int, outputs: int
) -> None:
    sums = sums_of(observed(tmp_path, observation("o", usageDetails=details, inputUsage=99999)))
    assert (sums["input_tokens"], sums["output_tokens"]) == (inputs, outputs)


def test_other_kinds_of_input_and_output_are_parts_of_the_total(tmp_path: Path) -> None:
    details = {"input": 40, "input_audio": 20, "output": 10, "output_image": 5, "total": 75}
    sums = sums_of(observed(tmp_path, observation("o", usageDetails=details)))
    assert (sums["input_tokens"], sums["output_tokens"]) == (60, 15)


def test_sums_over_all_keys_called_input_are_never_read(tmp_path: Path) -> None:
    sums: Dict[str, Any] = {"inputUsage": 9999, "outputUsage": 9999, "totalUsage": 19998}
    tokens = sums_of(observed(tmp_path, observation("o", **sums)))
    assert (tokens["input_tokens"], tokens["output_tokens"]) == (100, 10)
    alone = observation("n", usageDetails={}, **sums)
    assert rows_of(observed(tmp_path / "alone", alone)) == []


def test_a_total_above_the_parts_is_flagged(tmp_path: Path) -> None:
    record = observation("o", usageDetails={"input": 40, "output": 60, "total": 150})
    paths = write_all(tmp_path, {"o.jsonl": json_lines([record])})
    result = import_files("langfuse", paths, tmp_path / "out.csv")
    assert sum(result.tally.flags.values()) == 1


def test_no_cost_is_not_a_cost_of_zero(tmp_path: Path) -> None:
    unknown = observation("a", totalCost=0, costDetails={})
    free = observation("b", totalCost=0, costDetails={"total": 0})
    recorded = observation("c", costDetails={"total": 0.5})
    rows = {
        row["call_id"][-1]: row["cost_usd"]
        for row in rows_of(observed(tmp_path, unknown, free, recorded))
    }
    assert rows == {"a": "0.0003", "b": "0", "c": "0.5"}


def test_without_any_cost_it_is_the_list_price(tmp_path: Path) -> None:
    (row,) = rows_of(observed(tmp_path, observation("o")))
    assert (row["cost_usd"], row["cost_source"]) == ("0.0003", "list")


def test_a_cost_of_zero_without_details_is_the_list_price(tmp_path: Path) -> None:
    (row,) = rows_of(observed(tmp_path, observation("o", totalCost=0, costDetails={})))
    assert (row["cost_usd"], row["cost_source"]) == ("0.0003", "list")


def test_seconds_and_milliseconds_have_their_names(tmp_path: Path) -> None:
    rows = rows_of(
        observed(tmp_path, observation("a", latency=1.25), observation("b", latencyMs=40))
    )
    assert [row["latency_ms"] for row in rows] == ["1250", "40"]


def test_events_of_version_four_name_the_model_otherwise(tmp_path: Path) -> None:
    event = observation("a", providedModelName="claude-b")
    del event["model"]
    assert rows_of(observed(tmp_path, event))[0]["model"] == "claude-b"


def test_usage_far_behind_the_beginning_of_a_trace_is_found(tmp_path: Path) -> None:
    long = observation("a", input="x" * 100_000)
    long["usageDetails"] = long.pop("usageDetails")  # behind the prompt, as it is downloaded
    content = json.dumps({"trace": {"id": "t1", "input": "y" * 100_000}, "observations": [long]})
    (path,) = write_all(tmp_path, {"t.json": content})
    assert detect(Source(str(path), "t.json")).id == "langfuse"
    import_files("langfuse", [path], tmp_path / "out.csv")
    assert sums_of(tmp_path / "out.csv")["input_tokens"] == 100


def test_a_trace_download_has_user_and_session_in_the_trace_only(tmp_path: Path) -> None:
    trace = {
        "id": "t1",
        "userId": "ann",
        "sessionId": "s1",
        "name": "demo",
        "environment": "staging",
    }
    content = json.dumps(
        {"trace": trace, "observations": [observation("a", userId=None)]}, indent=1
    )
    out = tmp_path / "out.csv"
    import_files("langfuse", write_all(tmp_path, {"t.json": content}), out)
    (row,) = rows_of(out)
    assert (row["customer_id"], row["session_id"]) == ("ann", "s1")
    assert (row["product_id"], row["environment"]) == ("demo", "staging")
    assert cost_of(out) == Decimal("0.0003")
