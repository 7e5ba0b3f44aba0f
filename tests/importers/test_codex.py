"""Codex: each test is a way in which its session files were misread."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import pytest

from finops.importers import find_format
from tests.support.imports import cost_of, import_files, json_lines, rows_of, sums_of, write_all

PARENT, CHILD = "019a-parent", "019a-child"


def at(second: float) -> str:
    return f"2026-03-01T10:{int(second) // 60:02d}:{second % 60:06.3f}Z"


def head(session: str, second: float = 0, **payload: Any) -> Dict[str, Any]:
    inner = {"id": session, "cwd": "/home/ann/api", **payload}
    return {"timestamp": at(second), "type": "session_meta", "payload": inner}


def context(model: str, second: float = 0) -> Dict[str, Any]:
    return {"timestamp": at(second), "type": "turn_context", "payload": {"model": model}}


def usage(inputs: int, outputs: int, cached: int = 0, written: int = 0) -> Dict[str, int]:
    return {
        "input_tokens": inputs,
        "cached_input_tokens": cached,
        "cache_write_input_tokens": written,
        "output_tokens": outputs,
        "reasoning_output_tokens": 1,
    }


def count(second: float, total: Mapping[str, int], last: Any = None) -> Dict[str, Any]:
    info = {"total_token_usage": total, "last_token_usage": last or total}
    payload = {"type": "token_count", "info": info}
    return {"timestamp": at(second), "type": "event_msg", "payload": payload}


def imported(tmp_path: Path, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
    paths = write_all(tmp_path / "logs", {name: json_lines(of) for name, of in files.items()})
    out = tmp_path / "out.csv"
    import_files("codex", paths, out)
    return out


def test_a_call_is_the_growth_of_the_total(tmp_path: Path) -> None:
    lines = [head("s"), context("gpt-a"), count(10, usage(100, 10)), count(20, usage(300, 30, 50))]
    rows = rows_of(imported(tmp_path, {"s.jsonl": lines}))
    assert [row["input_tokens"] for row in rows] == ["100", "200"]
    assert [row["cached_input_tokens"] for row in rows] == ["0", "50"]
    assert [row["call_id"] for row in rows] == ["codex:s:1", "codex:s:2"]


def test_a_repeated_event_is_no_call(tmp_path: Path) -> None:
    totals = [usage(100, 10), usage(100, 10), usage(300, 30), usage(300, 30)]
    lines = [head("s"), context("gpt-a"), *(count(n, total) for n, total in enumerate(totals))]
    rows = rows_of(imported(tmp_path, {"s.jsonl": lines}))
    assert [row["input_tokens"] for row in rows] == ["100", "200"]


def test_two_calls_of_equal_size_whose_total_advanced_are_two(tmp_path: Path) -> None:
    last = usage(100, 10)
    lines = [head("s"), *(count(n, usage(100 * n, 10 * n), last) for n in (1, 2))]
    rows = rows_of(imported(tmp_path, {"s.jsonl": lines}))
    assert [row["input_tokens"] for row in rows] == ["100", "100"]


def test_a_total_that_fell_counts_what_the_last_call_used(tmp_path: Path) -> None:
    lines = [head("s"), count(1, usage(500, 50)), count(2, usage(80, 8), usage(70, 7))]
    assert [row["input_tokens"] for row in rows_of(imported(tmp_path, {"s.jsonl": lines}))] == [
        "500",
        "70",
    ]


def test_events_without_totals_are_nothing(tmp_path: Path) -> None:
    empty = {"timestamp": at(1), "type": "event_msg", "payload": {"type": "token_count"}}
    nothing = {**empty, "payload": {"type": "token_count", "info": None}}
    repeated = {"timestamp": at(3), "type": "token_usage_record", "payload": usage(1, 1)}
    lines = [head("s"), empty, nothing, repeated, count(4, usage(100, 10))]
    assert len(rows_of(imported(tmp_path, {"s.jsonl": lines}))) == 1


def test_the_model_is_that_of_the_turn(tmp_path: Path) -> None:
    lines = [
        head("s"),
        count(1, usage(100, 10)),
        context("gpt-a", 2),
        count(3, usage(200, 20)),
    ]
    rows = rows_of(imported(tmp_path, {"s.jsonl": lines}))
    assert [(row["model"], row["cost_source"]) for row in rows] == [
        ("unknown", "none"),
        ("gpt-a", "list"),
    ]


def fork() -> List[Dict[str, Any]]:
    """A fork at ten minutes: the parent's events anew within a millisecond, then one of its own."""
    return [
        head(CHILD, 600, forked_from_id=PARENT),
        head(PARENT, 600.001),
        context("gpt-a", 600.001),
        count(600.002, usage(100, 10)),
        count(600.003, usage(300, 30)),
        count(700, usage(340, 34)),
    ]


def parent() -> List[Dict[str, Any]]:
    return [head(PARENT), context("gpt-a"), count(1, usage(100, 10)), count(2, usage(300, 30))]


@pytest.mark.parametrize("with_parent", [True, False])
def test_a_fork_replays_its_parent_and_counts_only_its_own(
    tmp_path: Path, with_parent: bool
) -> None:
    files = {f"rollout-{CHILD}.jsonl": fork()}
    if with_parent:
        files[f"rollout-{PARENT}.jsonl"] = parent()
    rows = [row for row in rows_of(imported(tmp_path, files)) if CHILD in row["call_id"]]
    assert [(row["input_tokens"], row["call_id"]) for row in rows] == [("40", f"codex:{CHILD}:1")]


def test_of_the_parent_there_may_be_only_an_older_copy(tmp_path: Path) -> None:
    older = parent()[:-1]
    files = {f"rollout-{CHILD}.jsonl": fork(), f"rollout-{PARENT}.jsonl": older}
    rows = [row for row in rows_of(imported(tmp_path, files)) if CHILD in row["call_id"]]
    assert [(row["input_tokens"], row["call_id"]) for row in rows] == [("40", f"codex:{CHILD}:1")]


def test_a_fork_that_replays_nothing_loses_nothing(tmp_path: Path) -> None:
    lines = [head(CHILD, 0, forked_from_id=PARENT), count(30, usage(50, 5))]
    assert sums_of(imported(tmp_path, {"c.jsonl": lines}))["input_tokens"] == 50


def test_the_session_is_that_of_the_root(tmp_path: Path) -> None:
    lines = [head(CHILD, 0, session_id="root"), count(30, usage(50, 5))]
    (row,) = rows_of(imported(tmp_path, {"c.jsonl": lines}))
    assert (row["session_id"], row["call_id"]) == ("root", f"codex:{CHILD}:1")


def test_without_a_head_the_file_is_the_session(tmp_path: Path) -> None:
    (row,) = rows_of(imported(tmp_path, {"only.jsonl": [count(30, usage(50, 5))]}))
    assert row["call_id"] == "codex:only.jsonl:1"


def test_of_a_session_in_the_archive_too_the_active_file_is_read(tmp_path: Path) -> None:
    names = (
        "sessions/2026/03/01/a.jsonl",
        "archived_sessions/a.jsonl",
        "archived_sessions/b.jsonl",
    )
    write_all(tmp_path, {name: "" for name in names})
    format = find_format("codex")
    assert format is not None
    read = [Path(path).relative_to(tmp_path).as_posix() for path in format.files(str(tmp_path))]
    assert read == [names[0], names[2]]


def test_an_event_with_rate_limits_only_is_no_call(tmp_path: Path) -> None:
    limits = {"type": "token_count", "info": None, "rate_limits": {"primary": {"used": 4}}}
    event = {"timestamp": at(2), "type": "event_msg", "payload": limits}
    lines = [head("s"), count(1, usage(100, 10)), event, count(3, usage(150, 15))]
    rows = rows_of(imported(tmp_path, {"s.jsonl": lines}))
    assert [row["input_tokens"] for row in rows] == ["100", "50"]


def test_a_session_that_is_in_the_archive_too_counts_once(tmp_path: Path) -> None:
    lines = [head("s"), count(1, usage(100, 10)), count(2, usage(300, 30))]
    files = {"sessions/2026/03/01/a.jsonl": lines, "archived_sessions/a.jsonl": lines}
    assert sums_of(imported(tmp_path, files))["input_tokens"] == 300


def test_a_long_context_costs_more_for_all_tokens_and_for_the_output_too(tmp_path: Path) -> None:
    lines = [head("s"), context("gpt-a"), count(1, usage(300_000, 1000))]
    # 300,000 at 2 and 1,000 at 12 micro-dollars: no token at the price of the first 200,000
    assert cost_of(imported(tmp_path, {"s.jsonl": lines})) == Decimal("0.612")


def test_cached_and_reasoning_tokens_are_inside(tmp_path: Path) -> None:
    lines = [head("s"), context("gpt-a"), count(1, usage(1000, 100, cached=400, written=50))]
    sums = sums_of(imported(tmp_path, {"s.jsonl": lines}))
    assert list(sums.values()) == [1000, 100, 400, 50, 0, 1]
