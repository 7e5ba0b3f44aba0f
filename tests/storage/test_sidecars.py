"""Sidecar files of any content: what was asked for, or unreadable, and never an exception."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.cli import main
from finops.json_files import parse_object, read_object
from finops.simulator.engine import generate
from finops.storage.appender import Appender
from finops.storage.commit import CommitRecord, commit_path, decode, encode, read_commit
from finops.storage.pending import Pending, line_checks
from finops.storage.truth import read_truth, truth_path
from tests.storage.batches import QUICK, ROWS, fill, whole

DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
HOSTILE: Dict[str, bytes] = {
    "deep": DEEP,
    "deep list": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b'{"a": NaN}',
    "infinite": b'{"a": -Infinity}',
    "infinite in disguise": b'{"a": 1e999}',
    "many digits": b'{"a": ' + b"9" * 6000 + b"}",
    "half a character": b'{"a": "\\ud83d"}',
    "half a character as a name": b'{"\\uDC00": 1}',
    "list": b"[1]",
    "text": b'"a"',
    "null": b"null",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "two": b"{} {}",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_plain_object_is_unreadable(raw: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        parse_object(raw)
    (tmp_path / "some.json").write_bytes(raw)
    assert read_object(tmp_path / "some.json", 10**7) is None


def test_plain_objects_are_read(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None, True, "größe 😀"], "b": {"c": 10**30, "d": -1}}
    path = tmp_path / "some.json"
    path.write_text(json.dumps(content), encoding="ascii")
    assert read_object(path, 1000) == content
    assert read_object(path, 20) is None, "more than was to be expected"
    assert read_object(tmp_path / "none.json", 1000) is None
    assert read_object(tmp_path, 1000) is None


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(parse_object(raw), dict)


# --- the commit record --------------------------------------------------------------------------


def sealed(**changes: Any) -> bytes:
    """Return a record with its checksum right and some values of somebody's choice."""
    good = json.loads(encode(CommitRecord(9, 1, 0, 0, "ab", "2025", {"seed": 1}, Pending(1, 2, 3))))
    body = {**good, **changes}
    del body["checksum"]
    body["checksum"] = zlib.crc32(json.dumps(body, sort_keys=True).encode("ascii"))
    return json.dumps(body, sort_keys=True).encode("ascii")


def test_a_record_survives_being_written_down() -> None:
    checks = line_checks(b"one\ntwo\nthree\nhalf")
    assert len(checks) == 3
    for pending in (None, Pending(1, 2, 3), Pending(10**9, 2**32 - 1, 5000, checks)):
        record = CommitRecord(9, 1, 0, 0, "ab", "2025", {"seed": -1, "scenarios": ["a"]}, pending)
        assert decode(encode(record)) == record
    assert decode(sealed()) is not None


_VALUES: Dict[str, List[Any]] = {
    "end": ["9", None, -1, True, 1.5, [9], 10**39, float("nan")],
    "rows": ["1", -1, {}],
    "clock": [None, 7, "a\nb", "\ud83d", "x" * 10_000],
    "simulation": ["me", [], 7],
    "pending": [7, [], {}, {"length": 1}, "x"],
}
_OF_A_SIMULATION: Dict[str, List[Any]] = {
    "seed": ["1", 1.5, None, True, [1]],
    "scenarios": ["all", 7, [7], [["a"]], None],
    **{name: ["x\ny"] for name in ("start", "incidents", "version", "prices")},
    "adopted_rows": [-5, "none"],
}
WRONG: List[Dict[str, Any]] = [
    *({name: value} for name, values in _VALUES.items() for value in values),
    *(
        {"simulation": {name: value}}
        for name, values in _OF_A_SIMULATION.items()
        for value in values
    ),
    {"synced_end": 10},
    {"head_hash": 7},
    {"head_hash": "ab\n"},
    {"pending": {"length": -1, "crc32": 2, "rows": 3}},
    {"pending": {"length": 1, "crc32": 2, "rows": "3"}},
    {"pending": {"length": 1, "crc32": 2, "rows": 3, "lines": "!"}},
    {"pending": {"length": 1, "crc32": 2, "rows": 3, "lines": 5}},
    {"pending": {"length": 1, "crc32": 2, "rows": 3, "more": 5}},
    {"more": 1},
    {"version": [1]},
]


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_a_record_with_values_of_the_wrong_kind_is_unreadable(changes: Dict[str, Any]) -> None:
    assert decode(sealed(**changes)) is None


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_unreadable_commit_record_is_made_anew(raw: bytes, tmp_path: Path) -> None:
    csv = tmp_path / "calls.csv"
    fill(csv, 2, QUICK)
    commit_path(csv).write_bytes(raw)
    assert read_commit(csv) is None
    assert main(["verify", "--quiet", str(csv)]) in (1, 2)
    with Appender(csv) as out:
        assert out.rows == 2 * ROWS
    assert csv.read_bytes() == whole(2)
    assert read_commit(csv) is not None


# --- the ground truth ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "calls.csv"
    generate(path, 100_000)
    return path


ENTRY = {
    "kind": "hour_burst",
    "scenario": "base_traffic",
    "start": "2025-01-01T00:00:00.000000",
    "end": "2025-01-01T01:00:00.000000",
    "subject": "cust_0001",
    "size": 3.5,
}
WRONG_TRUTHS: Dict[str, Any] = {
    "no lists": {"incidents": 7, "unsettled": []},
    "one list": {"incidents": []},
    "no entries": {"incidents": ["x"], "unsettled": []},
    "no kind": {"incidents": [{k: v for k, v in ENTRY.items() if k != "kind"}], "unsettled": []},
}
_NO_TIMES: List[Any] = [None, 7, [], {"a": 1}, "yesterday", "2025-13-01T00:00:00.000000"]
_NO_TEXTS: List[Any] = [None, 7, [], {"a": 1}, 1.5]
for _name, _values in (
    *((name, _NO_TIMES) for name in ("start", "end")),
    *((name, _NO_TEXTS) for name in ("kind", "subject", "scenario")),
):
    for _value in _values:
        entry = {**ENTRY, _name: _value}
        WRONG_TRUTHS[f"{_name} is {_value!r}"] = {"incidents": [entry], "unsettled": []}


@pytest.mark.parametrize("content", WRONG_TRUTHS.values(), ids=WRONG_TRUTHS.keys())
def test_a_truth_of_another_form_is_none(simulated: Path, content: Any) -> None:
    truth_path(simulated).write_text(json.dumps(content))
    assert read_truth(simulated) is None


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_unreadable_truth_is_none(
    simulated: Path, raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    truth_path(simulated).write_bytes(raw)
    assert read_truth(simulated) is None
    assert main(["evaluate", "--quiet", "--data", str(simulated)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_truth_of_the_right_form_is_read(simulated: Path) -> None:
    content = {"seed": 1, "incidents": [ENTRY], "unsettled": [ENTRY]}
    truth_path(simulated).write_text(json.dumps(content))
    assert read_truth(simulated) == content
