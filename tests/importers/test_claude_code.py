"""Claude Code: each test is a way in which its session files were misread."""

from __future__ import annotations

import ntpath
import os
import posixpath
from collections import Counter
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List, Optional, Tuple

import pytest

from finops.importers.base import project_of
from finops.importers.run import Result
from tests.support.imports import cost_of, import_files, json_lines, rows_of, sums_of, write_all

START = "2026-03-01T23:59:58.000Z"


def line(
    message: str,
    request: Optional[str] = "req_1",
    output: int = 10,
    model: str = "claude-a",
    time: str = START,
    usage: Optional[Dict[str, Any]] = None,
    **outer: Any,
) -> Dict[str, Any]:
    """Return a line of an answer with 100 tokens of input."""
    tokens = {"input_tokens": 100, "output_tokens": output, **(usage or {})}
    record: Dict[str, Any] = {
        "type": "assistant",
        "sessionId": "s1",
        "cwd": "/home/ann/shop",
        "timestamp": time,
        "uuid": f"u-{message}-{output}-{time}",
        "message": {"id": message, "model": model, "usage": tokens},
        **outer,
    }
    if request is not None:
        record["requestId"] = request
    return record


def imported(tmp_path: Path, *files: List[Dict[str, Any]]) -> Path:
    """Import session files and return the CSV."""
    contents = {f"{n}.jsonl": json_lines(lines) for n, lines in enumerate(files)}
    out = tmp_path / "out.csv"
    import_files("claude-code", write_all(tmp_path / "logs", contents), out)
    return out


def test_an_answer_is_its_line_with_most_output_at_the_time_of_its_first(tmp_path: Path) -> None:
    later = "2026-03-02T00:00:04.000Z"
    out = imported(tmp_path, [line("m", output=1), line("m", output=350, time=later)])
    (row,) = rows_of(out)
    assert (row["output_tokens"], row["timestamp"]) == ("350", "2026-03-01T23:59:58.000000")


def test_of_equal_lines_the_last_stands_although_the_model_changed(tmp_path: Path) -> None:
    out = imported(tmp_path, [line("m", output=5), line("m", output=5, model="claude-b")])
    assert [row["model"] for row in rows_of(out)] == ["claude-b"]


def test_classes_of_tokens_are_disjoint_and_writes_have_two_prices(tmp_path: Path) -> None:
    usage = {
        "cache_read_input_tokens": 5000,
        "cache_creation_input_tokens": 1200,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 1000},
    }
    out = imported(tmp_path, [line("m", usage=usage)])
    assert list(sums_of(out).values()) == [6300, 10, 5000, 1200, 1000, 0]
    # 100 at 2, 5000 at 0.2, 200 at 3, 1000 at 4, 10 at 10 micro-dollars
    assert cost_of(out) == Decimal("0.0059")


def test_writes_without_their_parts_are_those_of_five_minutes(tmp_path: Path) -> None:
    out = imported(tmp_path, [line("m", usage={"cache_creation_input_tokens": 50})])
    assert sums_of(out)["cache_write_tokens"] == 50
    assert sums_of(out)["cache_write_1h_tokens"] == 0


def test_a_resumed_session_repeats_history(tmp_path: Path) -> None:
    out = imported(tmp_path, [line("m")], [line("m", sessionId="s2"), line("n", sessionId="s2")])
    assert [row["call_id"] for row in rows_of(out)] == [
        "claude-code:m:req_1",
        "claude-code:n:req_1",
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_replay_in_a_side_chain_is_no_call(tmp_path: Path, order: List[int]) -> None:
    files = [[line("m")], [line("m", "req_2", isSidechain=True), line("e", isSidechain=True)]]
    out = imported(tmp_path, *(files[n] for n in order))
    assert sorted(row["feature_id"] for row in rows_of(out)) == ["main", "subagent"]


def test_an_answer_that_only_a_side_chain_has_is_a_call(tmp_path: Path) -> None:
    out = imported(tmp_path, [line("m")], [line("e", isSidechain=True, output=7)])
    calls = {row["call_id"]: row["output_tokens"] for row in rows_of(out)}
    assert calls == {"claude-code:m:req_1": "10", "claude-code:e:req_1": "7"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_two_replays_the_same_one_stands_in_any_order(
    tmp_path: Path, order: Tuple[int, ...]
) -> None:
    times = [f"2026-03-01T{hour:02d}:00:00.000Z" for hour in (10, 9, 11)]
    lines = [
        line("m", request, output, time=time, isSidechain=True)
        for request, output, time in zip(["req_1", "req_2", "req_2"], [5, 3, 7], times)
    ]
    for number in order:
        paths = write_all(tmp_path, {f"{number}.jsonl": json_lines([lines[number]])})
        import_files("claude-code", paths, tmp_path / "out.csv")
    (row,) = rows_of(tmp_path / "out.csv")
    assert (row["call_id"], row["output_tokens"]) == ("claude-code:m:req_1", "5")


def test_one_message_under_two_requests_is_two_calls(tmp_path: Path) -> None:
    assert len(rows_of(imported(tmp_path, [line("m"), line("m", "req_2")]))) == 2


def test_without_a_request_the_message_is_the_call(tmp_path: Path) -> None:
    out = imported(tmp_path, [line("m", None, output=5), line("m", None, output=60)])
    assert [row["output_tokens"] for row in rows_of(out)] == ["60"]


def test_without_any_id_the_line_is_the_call(tmp_path: Path) -> None:
    record = line("m", None)
    del record["message"]["id"]
    (row,) = rows_of(imported(tmp_path, [record]))
    assert row["call_id"] == f"claude-code:{record['uuid']}"


def test_a_recorded_cost_is_kept_and_zero_is_not_one(tmp_path: Path) -> None:
    out = imported(
        tmp_path, [line("m", costUSD=0.5), line("n", costUSD=0), line("o", costUSD=None)]
    )
    costs = {row["call_id"]: (row["cost_usd"], row["cost_source"]) for row in rows_of(out)}
    assert costs["claude-code:m:req_1"] == ("0.5", "source")
    assert costs["claude-code:n:req_1"] == ("0.0003", "list")
    assert costs["claude-code:o:req_1"] == ("0.0003", "list")


def test_fast_mode_doubles_tokens_and_not_searches(tmp_path: Path) -> None:
    usage = {"speed": "fast", "server_tool_use": {"web_search_requests": 2}}
    assert cost_of(imported(tmp_path, [line("m", usage=usage)])) == Decimal("0.0206")


def test_an_error_is_a_call_without_tokens(tmp_path: Path) -> None:
    error = line("e", None, 9, "<synthetic>", isApiErrorMessage=True, error="rate_limit")
    (row,) = rows_of(imported(tmp_path, [error]))
    assert (row["status"], row["error_type"], row["cost_usd"]) == ("error", "rate_limit", "0")
    assert row["total_tokens"] == "0"


def test_a_synthetic_line_that_is_marked_as_no_error_is_nothing(tmp_path: Path) -> None:
    nothing = line("n", None, 0, "<synthetic>", isApiErrorMessage=False)
    assert rows_of(imported(tmp_path, [nothing, line("m")]))[0]["status"] == "success"
    assert len(rows_of(tmp_path / "out.csv")) == 1


MESSAGE = {"type": "message", "input_tokens": 100, "output_tokens": 10}


def test_a_compaction_is_a_call_of_the_same_model_outside_the_message(tmp_path: Path) -> None:
    own = {"type": "compaction", "input_tokens": 1000, "output_tokens": 20}
    out = imported(tmp_path, [line("m", usage={"iterations": [own, MESSAGE]})])
    calls = [(row["call_id"], row["model"], row["input_tokens"]) for row in rows_of(out)]
    assert calls == [
        ("claude-code:m:req_1", "claude-a", "100"),
        ("claude-code:m:req_1#0", "claude-a", "1000"),
    ]
    # 100 at 2 and 10 at 10; 1000 at 2 and 20 at 10 micro-dollars
    assert cost_of(out) == Decimal("0.0025")


def test_advice_is_a_call_of_its_own_model_outside_the_message(tmp_path: Path) -> None:
    own = {"type": "advisor_message", "model": "claude-b", "input_tokens": 7, "output_tokens": 3}
    out = imported(tmp_path, [line("m", usage={"iterations": [MESSAGE, own]})])
    calls = [(row["call_id"], row["model"], row["input_tokens"]) for row in rows_of(out)]
    assert calls == [
        ("claude-code:m:req_1", "claude-a", "100"),
        ("claude-code:m:req_1#1", "claude-b", "7"),
    ]
    # 100 at 2 and 10 at 10; 7 at 10 and 3 at 50 micro-dollars
    assert cost_of(out) == Decimal("0.00052")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_answer_whose_lines_are_in_two_imports_is_one(tmp_path: Path, order: List[int]) -> None:
    own = [{"type": "compaction", "input_tokens": 1000, "output_tokens": 20}]
    later = "2026-03-02T00:00:04.000Z"
    lines = [line("m", output=1), line("m", output=9, time=later, usage={"iterations": own})]
    whole = imported(tmp_path / "whole", lines).read_bytes()
    for number in order:
        paths = write_all(tmp_path, {f"{number}.jsonl": json_lines([lines[number]])})
        import_files("claude-code", paths, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == whole


def test_a_long_context_is_that_of_one_model_run(tmp_path: Path) -> None:
    run = {"type": "message", "input_tokens": 150_000, "output_tokens": 10}
    usage = {"input_tokens": 300_000, "output_tokens": 20, "iterations": [run, run]}
    out = imported(tmp_path, [line("m", output=20, usage=usage)])
    assert cost_of(out) == Decimal("0.6002")
    single = imported(tmp_path / "single", [line("m", output=20, usage={"input_tokens": 300_000})])
    assert cost_of(single) == Decimal("1.2004")


def test_iterations_that_exceed_the_message_count_and_are_flagged(tmp_path: Path) -> None:
    run = {"type": "message", "input_tokens": 200, "output_tokens": 10}
    paths = write_all(
        tmp_path, {"a.jsonl": json_lines([line("m", usage={"iterations": [run, run]})])}
    )
    result = import_files("claude-code", paths, tmp_path / "out.csv")
    assert sums_of(tmp_path / "out.csv")["input_tokens"] == 400
    assert dict(result.tally.flags) == {"iterations exceed the message": 1}


def test_null_iterations_are_none(tmp_path: Path) -> None:
    assert len(rows_of(imported(tmp_path, [line("m", usage={"iterations": None})]))) == 1


def test_progress_lines_carry_answers_of_agents(tmp_path: Path) -> None:
    inner = line("m")
    progress = {
        "type": "progress",
        "sessionId": "s1",
        "timestamp": START,
        "data": {"message": inner},
    }
    (row,) = rows_of(imported(tmp_path, [progress]))
    assert row["call_id"] == "claude-code:m:req_1"


def read(tmp_path: Path, text: str) -> Result:
    """Import an answer and what follows it in its file."""
    paths = write_all(tmp_path, {"a.jsonl": json_lines([line("m")]) + text})
    return import_files("claude-code", paths, tmp_path / "out.csv")


@pytest.mark.parametrize("text", ["42", '"usage"', "null", '["usage"]', "true"])
def test_a_line_that_is_json_and_no_object_is_skipped(tmp_path: Path, text: str) -> None:
    result = read(tmp_path, text + "\n")
    assert (result.totals.rows, result.tally.rejections, result.tally.incomplete) == (1, 0, 0)


def test_a_line_of_the_user_is_no_call(tmp_path: Path) -> None:
    result = read(tmp_path, '{"type":"user","message":{"content":"usage","usage":{}}}\n')
    assert (result.totals.rows, result.tally.rejections) == (1, 0)


def test_an_empty_usage_is_no_call(tmp_path: Path) -> None:
    empty = {**line("n"), "message": {"id": "n", "model": "claude-a", "usage": {}}}
    result = read(tmp_path, json_lines([empty]))
    assert (result.totals.rows, result.tally.rejections) == (1, 0)


def test_a_torn_last_line_is_incomplete_and_not_rejected(tmp_path: Path) -> None:
    result = read(tmp_path, '{"type":"assistant","message":{"id":"z","usage":{"inp')
    assert result.totals.rows == 1
    assert (result.tally.rejections, result.tally.incomplete) == (0, 1)


def test_thinking_is_a_part_of_the_output(tmp_path: Path) -> None:
    usage = {"output_tokens_details": {"thinking_tokens": 4}}
    sums = sums_of(imported(tmp_path, [line("m", usage=usage)]))
    assert (sums["output_tokens"], sums["reasoning_tokens"]) == (10, 4)


def test_a_model_of_bedrock_is_priced_as_bedrock_s(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, [line("m", model="us.anthropic.claude-a-v1:0")]))
    assert (row["provider"], row["cost_usd"]) == ("aws-bedrock", "0.00045")


SHOP = [
    "C:\\Users\\ann\\shop",
    "C:\\Users\\ann\\shop\\",
    "\\\\wsl.localhost\\Ubuntu\\home\\ann\\shop",
    "/mnt/c/Users/ann/shop",
    "/home/ann/shop/",
    "c:/Users/ann/shop",
]
OTHERS = {"/home/ann/we\\ird": "we\\ird", "C:\\": "C:", "": "unknown"}
FOLDERS = [*((folder, "shop") for folder in SHOP), *OTHERS.items()]


@pytest.mark.parametrize(
    ("folder", "product"), [*FOLDERS, ("/srv/shop/.claude/worktrees/fix/src", "shop")]
)
def test_the_product_is_the_project_s_folder(tmp_path: Path, folder: str, product: str) -> None:
    (row,) = rows_of(imported(tmp_path, [line("m", cwd=folder)]))
    assert row["product_id"] == product


def test_a_project_is_one_product_under_all_paths_that_lead_to_it(tmp_path: Path) -> None:
    lines = [line(f"m{number}", cwd=folder) for number, (folder, _) in enumerate(FOLDERS)]
    rows = rows_of(imported(tmp_path, lines))
    assert Counter(row["product_id"] for row in rows) == {
        "shop": 6,
        "we\\ird": 1,
        "C:": 1,
        "unknown": 1,
    }
    # 100 at 2 and 10 at 10 micro-dollars each
    assert {row["cost_usd"] for row in rows} == {"0.0003"}


@pytest.mark.parametrize("paths", [posixpath, ntpath])
def test_a_project_does_not_depend_on_the_machine_that_reads(
    paths: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "path", paths)
        patched.setattr(os, "sep", paths.sep)
        projects = [project_of(folder) or "unknown" for folder, _ in FOLDERS]
    assert projects == [product for _, product in FOLDERS]


def test_two_folders_of_one_name_are_said_to_be_one_product(tmp_path: Path) -> None:
    lines = [line("m", cwd="/home/ann/shop"), line("n", cwd="/srv/other/shop")]
    paths = write_all(tmp_path, {"a.jsonl": json_lines(lines)})
    result = import_files("claude-code", paths, tmp_path / "out.csv")
    assert any("folders are called shop and are one product" in n for n in result.tally.notes)
