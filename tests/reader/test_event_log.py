"""Files of events: what is read, and what is refused with its line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from finops.errors import DataError
from finops.reader.event_log import Event, events_beside, read_events


def written(folder: Path, text: str) -> Path:
    path = folder / "calls.events.csv"
    path.write_bytes(text.encode("utf-8"))
    return path


def test_events_come_by_date_with_an_end_of_their_own_or_their_start(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "\ufeffstart,end,title,subject\n2025-02-01T09:00:00,2025-02-03,Launch of chat,product_a\n"
        '2025-01-05,,"New prices, all",\n',
    )
    assert read_events(path) == [
        Event("2025-01-05", "2025-01-05", "New prices, all", ""),
        Event("2025-02-01", "2025-02-03", "Launch of chat", "product_a"),
    ]
    assert events_beside(tmp_path / "calls.csv") == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("start,end,title\nsoon,,Launch\n", "line 2: soon is not a date"),
        ("start,end,title\n2025-01-01,,\n", "line 2: an event needs a title"),
        ("start,end,title\n2025-01-01,later,Launch\n", "line 2: later is not a date"),
        ("date,what\n2025-01-01,Launch\n", "line 2: an event needs a title"),
        ("title\nLaunch\n", "line 2: the start is missing"),
    ],
)
def test_a_row_that_is_no_event_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_events(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read events from none\.csv"):
        read_events(tmp_path / "none.csv")
    path = tmp_path / "latin.csv"
    path.write_bytes(b"start,title\n2025-01-01,caf\xe9\n")
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_events(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_ends_a_line(tmp_path: Path, end: str) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes(end.join(["start,title", "2026-01-02,b", "2026-01-01,a", ""]).encode())
    assert [event.title for event in read_events(path)] == ["a", "b"]


def test_a_huge_cell_is_cut_and_the_rows_after_it_are_read(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("start,title\n2026-01-01,a\n2026-01-02," + "y" * 140_000 + "\n2026-01-03,c\n")
    assert [event.title for event in read_events(path)] == ["a", "y" * 120, "c"]


def test_the_limit_of_a_cell_that_others_set_stays(tmp_path: Path) -> None:
    before = csv.field_size_limit(256 << 20)
    try:
        read_events(written(tmp_path, "start,title\n2026-01-01,a\n"))
        assert csv.field_size_limit() == 256 << 20
    finally:
        csv.field_size_limit(before)


def test_a_row_is_named_by_its_line_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'start,title\n\n2026-01-01,"two\nlines"\nsoon,b\n')
    with pytest.raises(DataError, match="line 5: soon is not a date"):
        read_events(path)
