"""An import into a CSV that exists gives what one import of everything gives."""

from __future__ import annotations

import tempfile
from itertools import chain
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.errors import DataError
from finops.importers import calls_csv, index
from finops.importers.calls_csv import read_calls
from finops.importers.state import state_path
from tests.importers.test_fast_paths import plain_of, sums_by_hand
from tests.importers.test_litellm import LOG
from tests.support.imports import import_files, json_lines, rows_of, write_all

NAMES = ["shop", "a, b", 'say "hi"', "läden"]


class Answer(NamedTuple):
    """A call as two formats write it: who it is, when, and what was used."""

    message: int
    request: str
    minute: int
    output: int
    side: bool
    name: str
    model: str


answers = st.builds(
    Answer,
    st.integers(0, 12),
    st.sampled_from(["", "q1", "q2"]),
    st.integers(0, 59),
    st.sampled_from([3, 7]),
    st.booleans(),
    st.sampled_from(NAMES),
    st.sampled_from(["claude-a", "claude-b", "unpriced"]),
)


def with_settled_chains(several: List[List[Answer]]) -> List[List[Answer]]:
    """Return files in which the requests of a message under several are of one chain each.

    Otherwise nothing could be the same in any order: a line of such a request in a side chain is
    left out as a replay of another request, and would still decide about a line of the same
    request in the main chain that is read later.  No log of the tool has such a request.
    """
    requests: Dict[int, Set[str]] = {}
    for answer in chain.from_iterable(several):
        requests.setdefault(answer.message, set()).add(answer.request)
    return [[_settled(answer, requests[answer.message]) for answer in some] for some in several]


def _settled(answer: Answer, requests: Set[str]) -> Answer:
    if len(requests) == 1:
        return answer
    return answer._replace(side=(answer.message + len(answer.request)) % 3 == 2)


def spend_log(answer: Answer) -> Dict[str, Any]:
    return {
        **LOG,
        "request_id": f"r{answer.message}{answer.request}",
        "startTime": f"2026-03-01T10:{answer.minute:02d}:00Z",
        "completion_tokens": answer.output,
        "model": answer.model,
        "model_group": answer.name,
        "spend": None,
        "session_id": "s",
    }


def session_line(answer: Answer) -> Dict[str, Any]:
    return {
        "type": "assistant",
        "sessionId": "s",
        "timestamp": f"2026-03-01T10:{answer.minute:02d}:00Z",
        "cwd": f"/home/ann/{answer.name}",
        "isSidechain": answer.side,
        "requestId": answer.request or None,
        "message": {
            "id": f"m{answer.message}",
            "model": answer.model,
            "usage": {"input_tokens": 9, "output_tokens": answer.output},
        },
    }


WRITERS = {"litellm": spend_log, "claude-code": session_line}


@pytest.mark.parametrize("format_id", sorted(WRITERS))
@given(
    st.lists(st.lists(answers, max_size=9), min_size=1, max_size=4).map(with_settled_chains),
    st.booleans(),
    st.sampled_from([0, 100_000]),
)
def test_imports_one_after_the_other_are_one(
    format_id: str, several: List[List[Answer]], forgets: bool, at_hand: int
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        patched.setattr(calls_csv, "_BLOCK_BYTES", 500)
        patched.setattr(index, "_FEW_CALLS", at_hand)
        folder = Path(name)
        write = WRITERS[format_id]
        files = {f"{n}.jsonl": json_lines(map(write, some)) for n, some in enumerate(several)}
        paths = write_all(folder / "logs", files)
        out, whole = folder / "out.csv", folder / "whole.csv"
        for number in range(len(paths)):
            result = import_files(format_id, paths[: number + 1], out)
            plain = plain_of(result.totals)
            models = plain.pop(6)
            expected = sums_by_hand(list(read_calls(out)))
            assert sorted(models) == sorted(expected.pop(6))  # type: ignore[call-overload]
            assert plain == expected
            if forgets:
                state_path(out).unlink()
        import_files(format_id, paths, whole)
        assert out.read_bytes() == whole.read_bytes()


TABLE = "timestamp,model,input_tokens,output_tokens,cost_usd\n" + "".join(
    f"2026-03-01T10:0{minute}:00Z,gpt-a,{minute + 1}00,10,0.{minute + 1}25\n" for minute in range(3)
)


@pytest.mark.parametrize("missing", range(len(TABLE.splitlines()[-1]) + 2))
def test_a_table_that_was_read_while_it_was_written(missing: int, tmp_path: Path) -> None:
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    path = write_all(tmp_path, {"calls.csv": TABLE[: len(TABLE) - missing]})
    import_files("csv", path, out)
    write_all(tmp_path, {"calls.csv": TABLE})
    import_files("csv", path, out)
    import_files("csv", path, whole)
    assert out.read_bytes() == whole.read_bytes()


def test_a_copy_of_a_table_without_its_last_end_adds_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    import_files("csv", write_all(tmp_path, {"calls.csv": TABLE}), out)
    copies = write_all(tmp_path, {"copy.csv": TABLE.rstrip("\n")})
    assert import_files("csv", copies, out).added == 0


def test_a_table_that_was_replaced_keeps_what_it_said(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    first, _, third = TABLE.splitlines()[1:]
    head = TABLE.splitlines()[0]
    path = write_all(tmp_path, {"calls.csv": f"{head}\n{first}"})
    import_files("csv", path, out)
    write_all(tmp_path, {"calls.csv": f"{head}\n{third}\n"})
    import_files("csv", path, out)
    assert [row["input_tokens"] for row in rows_of(out)] == ["100", "300"]


def test_a_dry_run_says_what_an_import_would_do(tmp_path: Path) -> None:
    out = two_rows(tmp_path)
    before = out.read_bytes()
    some = [spend_log(Answer(n, "", 9, 9, False, "shop", "claude-a")) for n in (2, 5)]
    paths = write_all(tmp_path, {"c": json_lines(some)})
    tried = import_files("litellm", paths, out, dry_run=True)
    assert out.read_bytes() == before
    done = import_files("litellm", paths, out)
    assert (tried.added, tried.changed) == (done.added, done.changed) == (1, 1)
    assert plain_of(tried.totals) == plain_of(done.totals)


def two_rows(tmp_path: Path) -> Path:
    out = tmp_path / "out.csv"
    some = [
        Answer(1, "", 1, 3, False, "shop", "claude-a"),
        Answer(2, "", 2, 3, False, "b", "gpt-a"),
    ]
    import_files("litellm", write_all(tmp_path, {"a": json_lines(map(spend_log, some))}), out)
    return out


def extend(out: Path) -> None:
    third = json_lines([spend_log(Answer(3, "", 0, 3, False, "c", "claude-a"))])
    import_files("litellm", write_all(out.parent, {"b": third}), out)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_csv_that_was_saved_by_another_program_is_extended(end: str, tmp_path: Path) -> None:
    out = two_rows(tmp_path)
    content = out.read_text(encoding="utf-8").replace("\n", end)
    out.write_bytes(content.rstrip(end).encode("utf-8"))
    extend(out)
    assert [row["call_id"] for row in rows_of(out)] == ["litellm:r3", "litellm:r1", "litellm:r2"]
    assert {row["source"] for row in rows_of(out)} == {"litellm"}
    assert b"\r" not in out.read_bytes()


def test_a_csv_that_is_not_in_order_is_refused(tmp_path: Path) -> None:
    out = two_rows(tmp_path)
    head, first, second = out.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text(head + second + first, encoding="utf-8")
    with pytest.raises(DataError, match="not in order of time"):
        extend(out)


@pytest.mark.parametrize("damage", ["cut", '"torn quote'])
def test_a_line_with_other_columns_is_named(damage: str, tmp_path: Path) -> None:
    out = two_rows(tmp_path)
    head, first, second = out.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text(head + first + damage + "," + second, encoding="utf-8")
    with pytest.raises(DataError, match=r"line 3: .* columns instead of 35"):
        extend(out)
