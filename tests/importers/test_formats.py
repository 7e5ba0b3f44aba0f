"""OpenRouter, tables, Bedrock, Gemini CLI, OpenCode, Helicone, FOCUS: each test a misreading."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.errors import DataError
from finops.importers.base import ImportOptions
from tests.support.imports import cost_of, import_files, json_lines, rows_of, sums_of, write_all
from tests.support.vendor_logs import table


def imported(
    tmp_path: Path,
    format_id: str,
    content: str,
    name: str = "log.jsonl",
    options: ImportOptions = ImportOptions(),
) -> Path:
    out = tmp_path / "out.csv"
    import_files(format_id, write_all(tmp_path / "logs", {name: content}), out, options)
    return out


# --- OpenRouter ----------------------------------------------------------------------------------

GENERATION = {
    "generation_id": "gen-1",
    "created_at": "2026-03-01 10:00:00.123",
    "cost_total": "0.0005",
    "cost_cache": "-0.004",
    "byok_usage_inference": "0.01",
    "tokens_prompt": "2000",
    "tokens_completion": "300",
    "tokens_reasoning": "100",
    "tokens_cached": "1500",
    "model_permaslug": "openai/gpt-a",
    "provider_name": "OpenAI",
    "variant": "standard",
    "cancelled": "true",
    "finish_reason_normalized": "stop",
    "generation_time_ms": "2345.6",
    "app_name": "shop",
    "api_key_name": "prod",
    "user": "ann",
}


def test_what_an_own_key_paid_is_added_and_other_costs_are_inside(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, "openrouter", table([GENERATION]), "a.csv"))
    assert (row["cost_usd"], row["latency_ms"], row["status"]) == ("0.0105", "2346", "success")
    assert (row["timestamp"], row["model"]) == ("2026-03-01T10:00:00.123000", "openai/gpt-a")
    assert (row["customer_id"], row["product_id"], row["feature_id"]) == ("ann", "shop", "prod")


def test_a_saving_by_the_cache_is_not_subtracted_again(tmp_path: Path) -> None:
    plain = {**GENERATION, "byok_usage_inference": "0", "cost_total": "0.006"}
    out = imported(tmp_path, "openrouter", table([{**plain, "cost_cache": "-0.004"}]), "a.csv")
    assert cost_of(out) == Decimal("0.006")


def test_reasoning_and_cached_tokens_of_openrouter_are_inside(tmp_path: Path) -> None:
    sums = sums_of(imported(tmp_path, "openrouter", table([GENERATION]), "a.csv"))
    assert list(sums.values()) == [2000, 300, 1500, 0, 0, 100]


def test_a_generation_without_a_zone_is_of_utc(tmp_path: Path) -> None:
    late = {**GENERATION, "created_at": "2026-03-01 23:59:59"}
    (row,) = rows_of(imported(tmp_path, "openrouter", table([late]), "a.csv"))
    assert row["timestamp"] == "2026-03-01T23:59:59.000000"


def test_the_same_generation_counts_once(tmp_path: Path) -> None:
    rows = [GENERATION, GENERATION, {**GENERATION, "generation_id": "gen-2"}]
    ids = [
        row["call_id"] for row in rows_of(imported(tmp_path, "openrouter", table(rows), "a.csv"))
    ]
    assert ids == ["openrouter:gen-1", "openrouter:gen-2"]


def test_a_cancelled_generation_is_billed_and_no_error(tmp_path: Path) -> None:
    cancelled = {**GENERATION, "cancelled": "true", "finish_reason_normalized": ""}
    (row,) = rows_of(imported(tmp_path, "openrouter", table([cancelled]), "a.csv"))
    assert (row["status"], row["error_type"], row["cost_usd"]) == ("success", "", "0.0105")


def test_a_free_variant_costs_a_real_zero(tmp_path: Path) -> None:
    free = {**GENERATION, "variant": "free", "cost_total": "0", "byok_usage_inference": "0"}
    (row,) = rows_of(imported(tmp_path, "openrouter", table([free]), "a.csv"))
    assert (row["service_tier"], row["cost_usd"], row["cost_source"]) == ("free", "0", "source")


def test_an_error_is_one_by_its_finish_reason(tmp_path: Path) -> None:
    failed = {**GENERATION, "finish_reason_normalized": "error"}
    assert (
        rows_of(imported(tmp_path, "openrouter", table([failed]), "a.csv"))[0]["status"] == "error"
    )


def test_daily_activity_is_an_aggregate_of_an_endpoint(tmp_path: Path) -> None:
    day = {
        "date": "2026-03-01",
        "model": "openai/gpt-a",
        "endpoint_id": "e1",
        "provider_name": "OpenAI",
        "usage": 0.5,
        "byok_usage_inference": 0.25,
        "requests": 12,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "reasoning_tokens": 10,
    }
    content = json.dumps({"data": [day, {**day, "endpoint_id": "e2"}]})
    rows = rows_of(imported(tmp_path, "openrouter", content, "a.json"))
    assert [(r["calls"], r["bucket_s"], r["cost_usd"]) for r in rows] == [
        ("12", "86400", "0.75")
    ] * 2


# --- any table -----------------------------------------------------------------------------------

OWN = ImportOptions(
    columns={
        "timestamp": "created",
        "provider": "vendor",
        "model": "model name",
        "input_tokens": "in",
        "output_tokens": "out",
        "cost_usd": "usd",
        "customer_id": "user",
    }
)
HEAD = "created;vendor;model name;in;out;usd;user\n"


def test_digits_decide_what_a_time_counts(tmp_path: Path) -> None:
    lines = [
        "1772366400;openai;gpt-a;1;1;;u\n",
        "1772366400123;openai;gpt-a;1;1;;u\n",
        "2026-03-01T13:00:00+02:00;openai;gpt-a;1;1;;u\n",
    ]
    rows = rows_of(imported(tmp_path, "csv", HEAD + "".join(lines), "a.csv", OWN))
    assert [row["timestamp"] for row in rows] == [
        "2026-03-01T11:00:00.000000",
        "2026-03-01T12:00:00.000000",
        "2026-03-01T12:00:00.123000",
    ]


def test_an_offset_changes_the_day(tmp_path: Path) -> None:
    lines = "2026-03-02T01:30:00+02:00;openai;gpt-a;1;1;;u\n"
    lines += "2026-03-02T23:30:00-05:00;openai;gpt-a;1;1;;u\n"
    rows = rows_of(imported(tmp_path, "csv", HEAD + lines, "a.csv", OWN))
    assert [row["timestamp"][:10] for row in rows] == ["2026-03-01", "2026-03-03"]


@pytest.mark.parametrize("text", ["1,000", "1.000.000", "1 000", "1'000", "1_000"])
def test_a_thousands_separator_is_rejected_with_its_line(tmp_path: Path, text: str) -> None:
    good = "2026-03-01;openai;gpt-a;7;1;;u\n"
    paths = write_all(
        tmp_path, {"a.csv": f"{HEAD}{good}{good}2026-03-01;openai;gpt-a;{text};1;;u\n"}
    )
    result = import_files("csv", paths, tmp_path / "out.csv", OWN, rejects=tmp_path / "r.csv")
    assert sums_of(tmp_path / "out.csv")["input_tokens"] == 14
    assert result.tally.rejections == 1
    assert [row["line"] for row in rows_of(tmp_path / "r.csv")] == ["4"]


def test_an_empty_cost_is_unknown_and_zero_is_zero(tmp_path: Path) -> None:
    lines = "2026-03-01;openai;gpt-a;1000;1;;u\n2026-03-02;openai;gpt-a;1000;1;0;u\n"
    rows = rows_of(imported(tmp_path, "csv", HEAD + lines, "a.csv", OWN))
    assert [(row["cost_usd"], row["cost_source"]) for row in rows] == [
        ("0.001008", "list"),
        ("0", "source"),
    ]


def test_identical_lines_are_calls_and_reading_them_again_adds_none(tmp_path: Path) -> None:
    content = HEAD + "2026-03-01;openai;gpt-a;1;1;;u\n" * 3
    paths = write_all(tmp_path, {"a.csv": content})
    for _ in range(2):
        import_files("csv", paths, tmp_path / "out.csv", OWN)
        assert len({row["call_id"] for row in rows_of(tmp_path / "out.csv")}) == 3
        (tmp_path / "out.csv.import").unlink()


def test_a_negative_cost_is_a_credit(tmp_path: Path) -> None:
    out = imported(tmp_path, "csv", HEAD + "2026-03-01;openai;gpt-a;9;9;-1;u\n", "a.csv", OWN)
    (row,) = rows_of(out)
    assert (row["cost_usd"], row["calls"], row["total_tokens"]) == ("-1", "0", "0")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('2026-03-01;openai;gpt-a;"1,000";1;;u', "not a number"),
        ("08/10/2026;openai;gpt-a;1;1;;u", "not a time"),
        ("2026-03-01;openai;gpt-a;-1;1;;u", "negative"),
        ("2026-03-01;openai;gpt-a;1.5;1;;u", "not a whole number"),
        ("2026-02-30;openai;gpt-a;1;1;;u", "not a time"),
        (";openai;gpt-a;1;1;;u", "no time"),
    ],
)
def test_a_bad_value_rejects_its_row_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    paths = write_all(tmp_path, {"a.csv": f"{HEAD}2026-03-01;openai;gpt-a;1;1;;u\n{line}\n"})
    result = import_files("csv", paths, tmp_path / "out.csv", OWN, rejects=tmp_path / "r.csv")
    assert dict(result.tally.rejected) == {reason: 1}
    assert rows_of(tmp_path / "r.csv") == [{"file": "a.csv", "line": "3", "reason": reason}]


def test_cached_tokens_above_the_input_are_rejected(tmp_path: Path) -> None:
    text = "timestamp,model,input_tokens,output_tokens,cached_input_tokens\n"
    with pytest.raises(DataError, match="cached above input"):
        imported(tmp_path, "csv", text + "2026-03-01,gpt-a,5,1,6\n", "a.csv")


def test_another_currency_needs_a_rate(tmp_path: Path) -> None:
    text = "timestamp,model,input_tokens,output_tokens,cost_usd,currency\n"
    text += "2026-03-01,gpt-a,5,1,2,EUR\n"
    with pytest.raises(DataError, match="--rate"):
        imported(tmp_path, "csv", text, "a.csv")
    options = ImportOptions(rates={"EUR": Decimal("1.08")})
    assert cost_of(imported(tmp_path, "csv", text, "a.csv", options)) == Decimal("2.16")


def test_a_missing_column_is_named_with_the_way_to_map_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--map timestamp=COLUMN"):
        imported(tmp_path, "csv", "when,model\n1,2\n", "a.csv")


# --- Bedrock -------------------------------------------------------------------------------------

INVOCATION: Dict[str, Any] = {
    "schemaType": "ModelInvocationLog",
    "timestamp": "2026-03-01T10:00:00Z",
    "accountId": "111",
    "identity": {"arn": "arn:aws:sts::111:assumed-role/app"},
    "region": "us-east-1",
    "inferenceRegion": "us-west-2",
    "requestId": "b1",
    "modelId": "us.anthropic.claude-a-v1:0",
    "input": {"inputTokenCount": 10, "cacheReadInputTokenCount": 100},
    "output": {"outputTokenCount": 5},
}


def test_classes_of_bedrock_are_disjoint(tmp_path: Path) -> None:
    out = imported(tmp_path, "bedrock", json_lines([INVOCATION]))
    assert sums_of(out)["input_tokens"] == 110
    assert cost_of(out) == Decimal("0.000135")  # 10 at 3, 100 at 0.3, 5 at 15 micro-dollars
    (row,) = rows_of(out)
    assert (row["region"], row["organization_id"], row["latency_ms"]) == ("us-west-2", "111", "")


def test_a_long_context_of_bedrock_is_that_of_all_input(tmp_path: Path) -> None:
    counts = {"inputTokenCount": 1000, "cacheReadInputTokenCount": 240_000}
    record = {**INVOCATION, "input": counts}
    # 1,000 at 6, 240,000 at 0.6 and 5 at 20 micro-dollars, although 1,000 is no long context
    assert cost_of(imported(tmp_path, "bedrock", json_lines([record]))) == Decimal("0.1501")


def test_a_regional_profile_has_its_own_price(tmp_path: Path) -> None:
    models = ["us.anthropic.claude-a-v1:0", "anthropic.claude-a-v1:0"]
    counts = {"input": {"inputTokenCount": 1000}}
    records = [{**INVOCATION, **counts, "requestId": m, "modelId": m} for m in models]
    rows = rows_of(imported(tmp_path, "bedrock", json_lines(records)))
    assert {row["model"]: row["cost_usd"] for row in rows} == dict(
        zip(models, ["0.003075", "0.001005"])
    )


def test_a_regional_profile_without_a_price_has_that_of_its_model(tmp_path: Path) -> None:
    record = {**INVOCATION, "modelId": "us.amazon.nova-a-v1:0", "input": {"inputTokenCount": 10}}
    (row,) = rows_of(imported(tmp_path, "bedrock", json_lines([record])))
    # 10 at 1 and 5 at 4 micro-dollars
    assert (row["model"], row["cost_usd"]) == ("us.amazon.nova-a-v1:0", "0.00003")


@pytest.mark.parametrize("body", [None, {}, [], {"metrics": {}}, [{"contentBlockDelta": {}}]])
def test_a_latency_that_no_record_names_is_unknown_and_not_zero(tmp_path: Path, body: Any) -> None:
    record = {**INVOCATION, "output": {"outputTokenCount": 5, "outputBodyJson": body}}
    assert rows_of(imported(tmp_path, "bedrock", json_lines([record])))[0]["latency_ms"] == ""


@pytest.mark.parametrize(
    "body",
    [
        {"metrics": {"latencyMs": 40}},
        [{"contentBlockDelta": {}}, {"metadata": {"metrics": {"latencyMs": 40}}}],
        [{"amazon-bedrock-invocationMetrics": {"invocationLatency": 40}}],
    ],
)
def test_a_latency_is_where_the_api_puts_it(tmp_path: Path, body: Any) -> None:
    record = {**INVOCATION, "output": {"outputTokenCount": 5, "outputBodyJson": body}}
    assert rows_of(imported(tmp_path, "bedrock", json_lines([record])))[0]["latency_ms"] == "40"


def test_an_error_has_no_counts_and_is_a_call(tmp_path: Path) -> None:
    record = {**INVOCATION, "input": {}, "output": {}, "errorCode": "ThrottlingException"}
    (row,) = rows_of(imported(tmp_path, "bedrock", json_lines([record])))
    assert (row["error_type"], row["cost_usd"]) == ("rate_limit", "0")


def test_invocations_come_in_events_of_cloudwatch_and_in_one_object(tmp_path: Path) -> None:
    events = {"events": [{"message": json.dumps(INVOCATION)}, {"message": "other"}][:1]}
    assert len(rows_of(imported(tmp_path, "bedrock", json.dumps(events), "a.json"))) == 1
    pretty = json.dumps(INVOCATION, indent=2)
    assert len(rows_of(imported(tmp_path / "p", "bedrock", pretty, "a.json"))) == 1


def test_a_profile_hides_its_model_until_it_is_named(tmp_path: Path) -> None:
    record = {
        **INVOCATION,
        "modelId": "arn:aws:bedrock:us-east-1:111:application-inference-profile/ab1",
    }
    (row,) = rows_of(imported(tmp_path, "bedrock", json_lines([record])))
    assert (row["model"], row["cost_source"]) == ("ab1", "none")
    options = ImportOptions(models={"ab1": "us.anthropic.claude-a-v1:0"})
    (row,) = rows_of(imported(tmp_path / "m", "bedrock", json_lines([record]), options=options))
    assert row["cost_usd"] == "0.000135"


def test_metadata_of_a_request_can_be_mapped(tmp_path: Path) -> None:
    record = {**INVOCATION, "requestMetadata": {"team": "search"}}
    options = ImportOptions(columns={"product_id": "requestMetadata.team"})
    (row,) = rows_of(imported(tmp_path, "bedrock", json_lines([record]), options=options))
    assert row["product_id"] == "search"


# --- Gemini CLI ----------------------------------------------------------------------------------


def chat(*messages: Dict[str, Any]) -> List[Dict[str, Any]]:
    return [{"sessionId": "g1", "projectHash": "h1"}, *messages]


def answer(identity: str, **tokens: int) -> Dict[str, Any]:
    counts = {"input": 100, "output": 20, "cached": 0, "thoughts": 0, "tool": 0, **tokens}
    counts.setdefault("total", sum(counts[n] for n in ("input", "output", "thoughts", "tool")))
    return {
        "id": identity,
        "timestamp": "2026-03-01T10:00:00Z",
        "type": "gemini",
        "model": "gemini-a",
        "tokens": counts,
    }


def test_thoughts_and_tools_are_outside(tmp_path: Path) -> None:
    out = imported(tmp_path, "gemini-cli", json_lines(chat(answer("m", thoughts=30, tool=7))))
    sums = sums_of(out)
    assert (sums["input_tokens"], sums["output_tokens"], sums["reasoning_tokens"]) == (107, 50, 30)


def test_thoughts_cost_what_output_does(tmp_path: Path) -> None:
    out = imported(tmp_path, "gemini-cli", json_lines(chat(answer("m", thoughts=30))))
    assert cost_of(out) == Decimal("0.00035")  # 100 at 1 and 50 at 5 micro-dollars


def test_tokens_of_tools_cost_what_input_does(tmp_path: Path) -> None:
    out = imported(tmp_path, "gemini-cli", json_lines(chat(answer("m", tool=50))))
    assert cost_of(out) == Decimal("0.00025")  # 150 at 1 and 20 at 5 micro-dollars


def test_a_long_chat_costs_more_for_all_tokens_and_for_the_output_too(tmp_path: Path) -> None:
    record = answer("m", input=250_000, output=1000)
    out = imported(tmp_path, "gemini-cli", json_lines(chat(record)))
    assert cost_of(out) == Decimal("0.507")  # 250,000 at 2 and 1,000 at 7 micro-dollars


def test_thoughts_are_inside_where_the_total_says_so(tmp_path: Path) -> None:
    record = answer("m", thoughts=15, total=120)
    sums = sums_of(imported(tmp_path, "gemini-cli", json_lines(chat(record))))
    assert (sums["output_tokens"], sums["reasoning_tokens"]) == (20, 15)


def test_cached_tokens_are_inside_unless_the_total_has_them_on_top(tmp_path: Path) -> None:
    records = chat(answer("m", cached=60), answer("n", cached=60, total=180))
    rows = rows_of(imported(tmp_path, "gemini-cli", json_lines(records)))
    assert [row["input_tokens"] for row in rows] == ["100", "160"]


def test_a_message_counts_in_its_last_version_also_after_a_rewind(tmp_path: Path) -> None:
    records = chat(answer("m", output=90), answer("m", output=50), {"$rewindTo": "m"}, {"$set": {}})
    assert sums_of(imported(tmp_path, "gemini-cli", json_lines(records)))["output_tokens"] == 50


def test_an_older_chat_is_one_object(tmp_path: Path) -> None:
    content = json.dumps(
        {"sessionId": "g1", "projectHash": "h1", "messages": [answer("m")]}, indent=1
    )
    (row,) = rows_of(imported(tmp_path, "gemini-cli", content, "tmp/shop/chats/a.json"))
    assert (row["product_id"], row["session_id"]) == ("shop", "g1")


# --- OpenCode ------------------------------------------------------------------------------------


def message(identity: str, session: str = "s1", **values: Any) -> Dict[str, Any]:
    return {
        "id": identity,
        "sessionID": session,
        "role": "assistant",
        "time": {"created": 1772366400000, "completed": 1772366404000},
        "modelID": "claude-a",
        "providerID": "anthropic",
        "cost": 0,
        "tokens": {"input": 10, "output": 50, "reasoning": 150, "cache": {"read": 900, "write": 0}},
        **values,
    }


def database(path: Path, table_name: str, rows: List[Dict[str, Any]]) -> None:
    """Write messages as the tool's database has them: ids in columns, the rest as JSON."""
    with closing(sqlite3.connect(str(path))) as connection, connection:
        connection.execute(
            f"CREATE TABLE {table_name} (id TEXT, session_id TEXT, type TEXT, data TEXT)"
        )
        for row in rows:
            data = {k: v for k, v in row.items() if k not in ("id", "sessionID", "role")}
            values = (row["id"], row["sessionID"], row["role"], json.dumps(data))
            connection.execute(f"INSERT INTO {table_name} VALUES (?, ?, ?, ?)", values)


def test_cached_and_reasoning_tokens_of_opencode_are_outside(tmp_path: Path) -> None:
    out = imported(tmp_path, "opencode", json.dumps(message("m", cost=None)), "m.json")
    sums = sums_of(out)
    assert (sums["input_tokens"], sums["output_tokens"]) == (910, 200)
    assert rows_of(out)[0]["latency_ms"] == "4000"


def test_times_of_opencode_are_in_milliseconds(tmp_path: Path) -> None:
    times = {"created": 1772409599999, "completed": 1772409601000}
    out = imported(tmp_path, "opencode", json.dumps(message("m", time=times)), "m.json")
    assert rows_of(out)[0]["timestamp"] == "2026-03-01T23:59:59.999000"


def test_a_failed_answer_of_opencode_is_an_error(tmp_path: Path) -> None:
    failure = {"name": "APIError", "data": {"statusCode": 429}}
    zero = {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    failed = message("m", error=failure, tokens=zero)
    (row,) = rows_of(imported(tmp_path, "opencode", json.dumps(failed), "m.json"))
    assert (row["status"], row["error_type"], row["cost_usd"]) == ("error", "rate_limit", "0")


def test_a_message_of_the_user_is_no_call(tmp_path: Path) -> None:
    out = imported(tmp_path, "opencode", json_lines([message("u", role="user"), message("m")]))
    assert [row["call_id"] for row in rows_of(out)] == ["opencode:m"]


def test_a_cost_of_zero_is_that_of_a_subscription(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, "opencode", json.dumps(message("m")), "m.json"))
    # 10 at 2, 900 at 0.2, 200 at 10 micro-dollars
    assert (row["cost_usd"], row["cost_source"]) == ("0.0022", "list")


def test_both_tables_are_read_and_a_message_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    newer = message("m", model={"id": "claude-a", "providerID": "anthropic"})
    database(path, "session_message", [newer, message("u", role="user")])
    database(path, "message", [message("m"), message("old", tokens={"input": 1})])
    import_files("opencode", [path], tmp_path / "out.csv")
    assert [row["call_id"] for row in rows_of(tmp_path / "out.csv")] == [
        "opencode:m",
        "opencode:old",
    ]


def test_the_newest_rows_are_in_the_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(str(path))) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE session_message (id, session_id, type, data)")
        values = ("m", "s1", "assistant", json.dumps(message("m")))
        writer.execute("INSERT INTO session_message VALUES (?, ?, ?, ?)", values)
        writer.commit()
        import_files("opencode", [path], tmp_path / "out.csv")
    assert len(rows_of(tmp_path / "out.csv")) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_fork_copies_messages_under_new_ids(tmp_path: Path, order: List[int]) -> None:
    files = {"0.json": json.dumps(message("m1")), "1.json": json.dumps(message("m2", "fork"))}
    paths = write_all(tmp_path / "logs", files)
    for number in order:
        import_files("opencode", [paths[number]], tmp_path / "out.csv")
    assert [row["call_id"] for row in rows_of(tmp_path / "out.csv")] == ["opencode:m1"]


def test_equal_messages_of_one_session_are_two_calls(tmp_path: Path) -> None:
    out = imported(tmp_path, "opencode", json_lines([message("m1"), message("m2")]))
    assert len(rows_of(out)) == 2


# --- Helicone ------------------------------------------------------------------------------------

REQUEST: Dict[str, Any] = {
    "request_id": "h1",
    "request_created_at": "2026-03-01 10:00:00.000",
    "response_status": 200,
    "model": "claude-a",
    "provider": "ANTHROPIC",
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "prompt_cache_read_tokens": 600,
    "prompt_cache_write_tokens": 0,
    "total_tokens": 1050,
    "costUSD": 0.25,
    "delay_ms": 812,
    "cache_reference_id": "00000000-0000-0000-0000-000000000000",
    "request_properties": {"Helicone-Session-Id": "s1"},
}


@pytest.mark.parametrize(("total", "inputs"), [(1050, 1000), (1650, 1600)])
def test_the_total_tells_the_convention(tmp_path: Path, total: int, inputs: int) -> None:
    out = imported(tmp_path, "helicone", json_lines([{**REQUEST, "total_tokens": total}]))
    assert sums_of(out)["input_tokens"] == inputs


def test_an_answer_from_the_cache_costs_nothing(tmp_path: Path) -> None:
    record = {**REQUEST, "cache_reference_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}
    (row,) = rows_of(imported(tmp_path, "helicone", json_lines([record])))
    assert (row["service_tier"], row["cost_usd"]) == ("response-cache", "0")


def test_a_status_of_429_is_a_rate_limit(tmp_path: Path) -> None:
    record = {**REQUEST, "response_status": 429}
    (row,) = rows_of(imported(tmp_path, "helicone", json_lines([record])))
    assert (row["status"], row["error_type"]) == ("error", "rate_limit")


def test_a_delay_is_in_milliseconds(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, "helicone", json_lines([REQUEST])))
    assert row["latency_ms"] == "812"


def test_a_request_that_has_not_finished_is_no_call(tmp_path: Path) -> None:
    content = json_lines([REQUEST, {**REQUEST, "request_id": "h2", "response_status": -1}])
    paths = write_all(tmp_path, {"a.jsonl": content.replace("-1", "0")})
    result = import_files("helicone", paths, tmp_path / "out.csv")
    assert result.totals.rows == 1
    assert dict(result.tally.skipped) == {"unfinished": 1}


def test_the_model_is_taken_from_where_it_is(tmp_path: Path) -> None:
    record = {**REQUEST, "model": None, "request_model": "claude-b", "response_status": 429}
    (row,) = rows_of(imported(tmp_path, "helicone", json_lines([record])))
    assert (row["model"], row["error_type"], row["session_id"]) == ("claude-b", "rate_limit", "s1")


# --- FOCUS ---------------------------------------------------------------------------------------

CHARGE = {
    "BilledCost": "12.5",
    "EffectiveCost": "13",
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-03-01T00:00:00Z",
    "ChargePeriodEnd": "2026-03-02T00:00:00Z",
    "ChargeCategory": "Usage",
    "ConsumedQuantity": "2500",
    "ConsumedUnit": "1K tokens",
    "ProviderName": "AWS",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "Amazon Bedrock",
    "SkuMeter": "input",
    "SubAccountId": "NULL",
}


def test_a_bill_counts_tokens_by_their_unit_and_no_calls(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, "focus", table([CHARGE]), "bill.csv"))
    assert (row["input_tokens"], row["calls"], row["cost_source"]) == ("2500000", "0", "bill")
    assert (row["provider"], row["organization_id"]) == ("aws-bedrock", "unknown")


def test_charges_of_other_services_are_left_out(tmp_path: Path) -> None:
    other = {**CHARGE, "ServiceCategory": "Compute", "ServiceName": "Amazon EC2"}
    (row,) = rows_of(imported(tmp_path, "focus", table([other, CHARGE]), "bill.csv"))
    assert (row["product_id"], row["cost_usd"]) == ("Amazon Bedrock", "12.5")


def test_tax_is_kept_apart(tmp_path: Path) -> None:
    tax = {**CHARGE, "ChargeCategory": "Tax", "BilledCost": "2.38"}
    paths = write_all(tmp_path, {"bill.csv": table([CHARGE, tax])})
    result = import_files("focus", paths, tmp_path / "out.csv")
    assert cost_of(tmp_path / "out.csv") == Decimal("12.5")
    assert any("tax of 2.38" in note for note in result.tally.notes)


@pytest.mark.parametrize(
    "kind",
    [{"ChargeCategory": "Credit"}, {"ChargeClass": "Correction"}],
    ids=["credit", "correction"],
)
def test_credits_and_corrections_stay_negative(tmp_path: Path, kind: Dict[str, str]) -> None:
    charge = {**CHARGE, "ChargeClass": "", "BilledCost": "-2.5", **kind}
    (row,) = rows_of(imported(tmp_path, "focus", table([charge]), "bill.csv"))
    assert (row["cost_usd"], row["calls"]) == ("-2.5", "0")


def test_the_billed_cost_is_taken_without_a_word(tmp_path: Path) -> None:
    assert cost_of(imported(tmp_path, "focus", table([CHARGE]), "bill.csv")) == Decimal("12.5")


def test_credits_are_netted_and_tax_and_other_services_kept_apart(tmp_path: Path) -> None:
    credit = {**CHARGE, "BilledCost": "-2.5", "ChargeCategory": "Credit"}
    tax = {**CHARGE, "ChargeCategory": "Tax"}
    other = {**CHARGE, "ServiceCategory": "Compute"}
    paths = write_all(tmp_path, {"bill.csv": table([CHARGE, credit, tax, other])})
    result = import_files("focus", paths, tmp_path / "out.csv")
    assert cost_of(tmp_path / "out.csv") == 10
    assert any("tax of 12.5" in note for note in result.tally.notes)


def test_the_effective_cost_is_taken_on_request(tmp_path: Path) -> None:
    out = imported(tmp_path, "focus", table([CHARGE]), "bill.csv", ImportOptions(effective=True))
    assert cost_of(out) == 13


def test_a_later_bill_replaces_the_figures_of_a_charge(tmp_path: Path) -> None:
    out = imported(tmp_path, "focus", table([CHARGE]), "bill.csv")
    later = write_all(tmp_path / "later", {"bill.csv": table([{**CHARGE, "BilledCost": "14"}])})
    import_files("focus", later, out)
    assert cost_of(out) == 14


def test_a_bill_and_calls_of_its_period_are_not_added(tmp_path: Path) -> None:
    out = imported(tmp_path, "focus", table([CHARGE]), "bill.csv")
    before = out.read_bytes()
    paths = write_all(tmp_path / "calls", {"a.jsonl": json_lines([INVOCATION])})
    with pytest.raises(DataError, match="counted twice"):
        import_files("bedrock", paths, out)
    assert out.read_bytes() == before
