"""Sessions and retries: against the reference, however the calls are cut, ordered and kept."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops import config
from finops.rollups import cache, file_scan, partition
from finops.rollups.dataset import open_dataset
from finops.rollups.retries import RetryFigures
from finops.rollups.sessions import Session, SessionFigures
from finops.rollups.spec import Table
from tests.rollups.test_dataset import csv_of
from tests.support.reference import ReferenceDataset, call

Row = Dict[str, str]
SESSIONS = Table((), ("sessions",))
RETRIES = Table((), ("retries",))
LINKED = (SESSIONS, RETRIES)


def at(second: int) -> str:
    return f"2025-01-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000"


def filled(source: Any, **how: Any) -> Dict[Table, Any]:
    data = open_dataset(source, **how).rollups(LINKED)
    return {table: dict(data[table]) for table in LINKED}


def expected(rows: List[Row]) -> Dict[Table, Any]:
    data = ReferenceDataset(rows).rollups(LINKED)
    return {table: dict(data[table]) for table in LINKED}


@pytest.fixture(autouse=True)
def _small_files_are_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 500)
    monkeypatch.setattr(file_scan, "MIN_PART_BYTES", 1000)
    monkeypatch.setattr(partition, "BLOCK_BYTES", 900)


def test_sessions_and_retries_by_hand(tmp_path: Path) -> None:
    """Two sessions; trace t fails twice and is tried again twice, the second time too late."""
    rows = [
        call(timestamp=at(0), session_id="a", trace_id="t", cost_usd="1", status="error"),
        call(timestamp=at(60), session_id="a", trace_id="t", cost_usd="2", status="error"),
        call(timestamp=at(60 + 901), session_id="b", trace_id="t", cost_usd="4"),
        call(timestamp=at(60 + 902), session_id="b", trace_id="u", cost_usd="8"),
        call(timestamp=at(60 + 903), session_id="", trace_id="", cost_usd="16"),
        call(timestamp=at(60 + 904), session_id="c", trace_id="t", cost_usd="32", bucket_s="60"),
    ]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    top = (Session("b", 2, 12.0), Session("a", 2, 3.0))
    assert filled(path, workers=1) == {
        SESSIONS: {(): (SessionFigures(2, 4, 3.0, 12.0, top),)},
        RETRIES: {(): (RetryFigures(1, 2.0),)},
    }


def test_without_ids_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of([call(session_id="NULL", trace_id=" ")]))
    assert filled(path) == {SESSIONS: {}, RETRIES: {}}
    path.write_text("timestamp,model,input_tokens,output_tokens\n2025-01-01T00:00:00,gpt-4o,1,1\n")
    assert filled(path) == {SESSIONS: {}, RETRIES: {}}


def test_too_many_sessions_are_not_counted_however_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "MOST_SESSIONS", 20)
    rows = [call(timestamp=at(k), session_id=f"s{k % 21}") for k in range(60)]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of([*rows, call(timestamp=at(61), session_id="")]))
    for many in (1, 3):
        assert filled(path, workers=many)[SESSIONS] == {(): (SessionFigures(),)}
    path.write_bytes(csv_of([row for row in rows if row["session_id"] != "s20"]))
    ((figures,),) = filled(path, workers=3)[SESSIONS].values()
    assert (figures.sessions, figures.calls) == (20, 58)


def test_repeated_records_count_once(tmp_path: Path) -> None:
    rows = [
        call(timestamp=at(0), call_id="1", trace_id="t", status="error"),
        call(timestamp=at(1), call_id="2", trace_id="t"),
        call(timestamp=at(1), call_id="2", trace_id="t"),
    ]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    tables = filled(path)
    assert tables == expected(rows[:2])
    more = [call(timestamp=at(k), call_id=str(k), session_id="") for k in range(40, 10, -1)]
    path.write_bytes(csv_of([*more, *rows]))
    assert filled(path)[RETRIES] == tables[RETRIES]


@st.composite
def linked_calls(draw: Any) -> List[Row]:
    """Return calls of few sessions and traces, many at one instant, some failed."""
    dice = random.Random(draw(st.integers(0, 10**6)))
    step, traces = draw(st.sampled_from([1, 200, 700])), draw(st.integers(1, 12))
    return [
        call(
            timestamp=at(dice.randrange(20) * step),
            session_id=dice.choice(["", "s1", " s1", "s2", "s3", "N/A"]),
            trace_id=dice.choice(["", "t0 ", *(f"t{k}" for k in range(traces))]),
            status=dice.choice(["success", "error", "error", "odd"]),
            cost_usd=dice.choice(["", "0.5", "7", "-1"]),
            calls=dice.choice(["", "", "", "3", "500"]),
            bucket_s=dice.choice(["", "", "", "60"]),
            error_type="",
        )
        for _ in range(draw(st.integers(1, 40)))
    ]


def _tidy(rows: List[Row]) -> List[Row]:
    """Return rows as the reference reads them: ids without blanks, "" for none."""
    named = {"N/A": "", "t0 ": "t0", " s1": "s1"}
    return [
        {**row, **{n: named.get(row[n], row[n]) for n in ("session_id", "trace_id")}}
        for row in rows
    ]


_MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@_MANY
@given(linked_calls(), st.booleans(), st.integers(0, 40))
def test_any_calls_give_what_the_reference_gives(
    tmp_path: Path, rows: List[Row], ordered: bool, cut: int
) -> None:
    rows = sorted(rows, key=lambda row: row["timestamp"]) if ordered else rows
    wanted = expected(_tidy(rows))
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    assert filled(path, workers=1) == wanted
    parts = [rows[: cut % len(rows)], rows[cut % len(rows) :]]
    paths = []
    for number, part in enumerate(parts):
        paths.append(tmp_path / f"part{number}.csv")
        paths[-1].write_bytes(csv_of(part))
    assert filled(paths, workers=1) == wanted


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(4))
def test_workers_and_kept_parts_give_the_same(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    rows = [
        call(
            timestamp=at(k * 7 // (1 + seed)),
            session_id=f"s{dice.randrange(9)}",
            trace_id=f"t{k // 40 + dice.randrange(3)}",
            status=dice.choice(["success", "error"]),
            error_type="",
            cost_usd=f"0.{dice.randrange(1, 999):03d}",
        )
        for k in range(300)
    ]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows[:200]))
    assert filled(path, workers=3, cache=True) == expected(rows[:200])
    path.write_bytes(csv_of(rows))
    for workers in (3, 1):  # what was appended, then all of it kept
        assert filled(path, workers=workers, cache=True) == expected(rows)
