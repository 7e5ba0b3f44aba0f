"""LiteLLM: each test is a way in which its spend logs were misread."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict

import pytest

from finops.errors import DataError
from finops.importers.base import ImportOptions
from tests.support.imports import cost_of, import_files, json_lines, rows_of, sums_of, write_all

LOG = {
    "request_id": "r1",
    "startTime": "2026-03-01T10:00:00.000Z",
    "endTime": "2026-03-01T10:00:02.500Z",
    "model": "claude-a",
    "custom_llm_provider": "anthropic",
    "prompt_tokens": 12000,
    "completion_tokens": 400,
    "spend": 0.5,
    "status": "success",
    "end_user": "ann",
    "user": "team",
    "team_id": "t1",
    "model_group": "chat",
    "session_id": "s1",
    "metadata": {
        "additional_usage_values": {
            "cache_read_input_tokens": 10000,
            "cache_creation_input_tokens": 500,
        }
    },
    "cache_hit": "False",
    "request_tags": ["feature:search", "env:production"],
}


def log(**values: Any) -> Dict[str, Any]:
    return {**LOG, **values}


def imported(tmp_path: Path, content: str, name: str = "logs.jsonl") -> Path:
    out = tmp_path / "out.csv"
    import_files("litellm", write_all(tmp_path / "logs", {name: content}), out)
    return out


def test_prompt_tokens_contain_the_cached(tmp_path: Path) -> None:
    sums = sums_of(imported(tmp_path, json_lines([LOG])))
    assert list(sums.values()) == [12000, 400, 10000, 500, 0, 0]


def test_a_cached_token_is_billed_once_and_at_its_price(tmp_path: Path) -> None:
    # 1,500 at 2, 10,000 at 0.2, 500 at 3 and 400 at 10 micro-dollars
    assert cost_of(imported(tmp_path, json_lines([log(spend=None)]))) == Decimal("0.0105")


def test_prompt_tokens_of_older_versions_do_not(tmp_path: Path) -> None:
    paths = write_all(tmp_path, {"a.jsonl": json_lines([log(prompt_tokens=1500)])})
    result = import_files("litellm", paths, tmp_path / "out.csv")
    assert sums_of(tmp_path / "out.csv")["input_tokens"] == 12000
    assert sum(result.tally.flags.values()) == 1


def test_the_row_has_what_the_log_says(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, json_lines([log(session_id="")])))
    assert row["customer_id"] == "ann"
    assert row["organization_id"] == "t1"
    assert (row["product_id"], row["feature_id"], row["environment"]) == (
        "chat",
        "search",
        "production",
    )
    assert (row["latency_ms"], row["cost_usd"], row["cost_source"]) == ("2500", "0.5", "source")


def test_an_answer_from_the_proxy_s_cache_costs_nothing_ever(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, json_lines([log(cache_hit="True", spend=0.1)])))
    assert (row["service_tier"], row["cost_usd"], row["cost_source"]) == (
        "response-cache",
        "0",
        "source",
    )


def test_an_answer_from_the_proxy_s_cache_is_neither_priced_anew_nor_unpriced(
    tmp_path: Path,
) -> None:
    hits = [
        log(request_id=f"hit-{model}", model=model, cache_hit="True", spend=0)
        for model in ("claude-a", "nobody")
    ]
    paths = write_all(tmp_path, {"a.jsonl": json_lines([*hits, LOG])})
    result = import_files("litellm", paths, tmp_path / "out.csv", ImportOptions(recompute=True))
    costs = {row["call_id"]: row["cost_usd"] for row in rows_of(tmp_path / "out.csv")}
    assert costs == {
        "litellm:hit-claude-a": "0",
        "litellm:hit-nobody": "0",
        "litellm:r1": "0.0105",
    }
    assert result.totals.unpriced_calls == 0


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, json_lines([log(startTime="2026-03-01 23:30:00")])))
    assert row["timestamp"] == "2026-03-01T23:30:00.000000"


def test_a_small_cost_is_not_rounded_away(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, json_lines([log(spend=3e-07)])))
    assert row["cost_usd"] == "0.0000003"


def test_metadata_may_be_text(tmp_path: Path) -> None:
    text = json.dumps(LOG["metadata"])
    assert (
        sums_of(imported(tmp_path, json_lines([log(metadata=text)])))["cached_input_tokens"]
        == 10000
    )


@pytest.mark.parametrize(
    ("information", "kind"),
    [
        ({"error_code": "429"}, "rate_limit"),
        ({"error_code": "401"}, "auth_error"),
        ({"error_code": "", "error_class": "AuthenticationError"}, "auth_error"),
        ({"error_code": "", "error_message": "no api key passed in"}, "auth_error"),
        ({"error_code": "503"}, "server_error"),
        ({}, "other"),
    ],
)
def test_a_failure_has_its_kind(tmp_path: Path, information: Dict[str, str], kind: str) -> None:
    failure = log(status="failure", spend=0.25, metadata={"error_information": information})
    (row,) = rows_of(imported(tmp_path, json_lines([failure])))
    assert (row["status"], row["error_type"], row["cost_usd"]) == ("error", kind, "0.25")


def test_refusals_of_the_proxy_are_errors_of_its_own(tmp_path: Path) -> None:
    refusal = log(model="", custom_llm_provider="", status="failure", spend=0, prompt_tokens=0)
    refusal.update(completion_tokens=0, metadata={})
    (row,) = rows_of(imported(tmp_path, json_lines([refusal])))
    assert (row["provider"], row["cost_source"], row["status"]) == ("litellm", "source", "error")


def test_a_batch_stands_for_its_requests(tmp_path: Path) -> None:
    batch = log(metadata={"batch_successful_requests": 8, "batch_failed_requests": 2})
    assert rows_of(imported(tmp_path, json_lines([batch])))[0]["calls"] == "10"


def test_the_same_request_twice_is_one_call(tmp_path: Path) -> None:
    assert len(rows_of(imported(tmp_path, json_lines([LOG, LOG])))) == 1


def test_negative_tokens_are_rejected(tmp_path: Path) -> None:
    paths = write_all(
        tmp_path, {"a.jsonl": json_lines([LOG, log(request_id="x", prompt_tokens=-5)])}
    )
    result = import_files("litellm", paths, tmp_path / "out.csv")
    assert dict(result.tally.rejected) == {"negative": 1}
    assert result.totals.rows == 1


def test_sessions_that_are_made_up_for_each_request_are_none(tmp_path: Path) -> None:
    own = [log(request_id=f"r{n}", session_id=f"s{n}") for n in range(3)]
    assert {row["session_id"] for row in rows_of(imported(tmp_path, json_lines(own)))} == {""}
    many = [log(request_id=f"r{n}", session_id=f"s{n}") for n in range(1001)]
    assert {row["session_id"] for row in rows_of(imported(tmp_path, json_lines(many)))} == {""}
    last = [*many, log(request_id="last", session_id="s1")]
    rows = rows_of(imported(tmp_path / "last", json_lines(last)))
    assert "" not in {row["session_id"] for row in rows}
    shared = [*own, log(request_id="r3", session_id="s0")]
    rows = rows_of(imported(tmp_path / "shared", json_lines(shared)))
    assert {row["session_id"] for row in rows} == {"s0", "s1", "s2"}


def test_a_summary_is_refused_by_name(tmp_path: Path) -> None:
    summary = {"startTime": "2026-03-01", "spend": 1.5, "users": {}, "models": {}}
    with pytest.raises(DataError, match="summarize=false"):
        imported(tmp_path, json.dumps([summary]), "logs.json")


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_is_read(tmp_path: Path, indent: int) -> None:
    logs = [log(request_id=f"r{n}") for n in range(3)]
    assert len(rows_of(imported(tmp_path, json.dumps(logs, indent=indent), "a.json"))) == 3


@pytest.mark.parametrize("indent", [None, 1])
def test_an_answer_of_the_api_is_read(tmp_path: Path, indent: int) -> None:
    answer = {"data": [log(request_id=f"r{n}") for n in range(3)], "total": 3}
    assert len(rows_of(imported(tmp_path, json.dumps(answer, indent=indent), "a.json"))) == 3


def test_text_from_psql_is_read(tmp_path: Path) -> None:
    names = ["request_id", "startTime", "model", "prompt_tokens", "completion_tokens", "spend"]
    names += ["end_user", "metadata", "custom_llm_provider"]
    cells = [
        "r1",
        "2026-03-01 10:00:00+00",
        "claude-a",
        "100",
        "10",
        "0.25",
        "\\N",
        "{}",
        "anthropic",
    ]
    text = "\t".join(names) + "\n" + "\t".join(cells) + "\n"
    out = imported(tmp_path, text, "logs.txt")
    assert cost_of(out) * 4 == 1
    assert rows_of(out)[0]["customer_id"] == ""
