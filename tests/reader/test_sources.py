"""What a user may give for data: files, folders, patterns, standard input."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from typing import Any, List

import pytest

from finops.errors import DataError
from finops.reader.sources import Locations, is_table_name
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from tests.support.malformed import file_of, line


def named(hour: int, **changes: Any) -> bytes:
    """Return a file with one call in an hour."""
    time = f"2025-01-01T{hour:02d}:30:00.000000"
    return file_of(line(timestamp=time, call_id=f"c{hour}", customer_id=f"at {hour}", **changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three tables and what may stand beside them."""
    place = tmp_path / "data"
    place.mkdir()
    (place / "b.csv").write_bytes(named(9))
    (place / "a.tsv").write_bytes(named(11).replace(b",", b"\t"))
    (place / "c.csv.gz").write_bytes(gzip.compress(named(10)))
    for name in ("b.csv.commit", "b.csv.cache", "b.csv.lock", "b.csv.truth.json", "b.csv.torn-1"):
        (place / name).write_bytes(b"ours")
    (place / ".hidden.csv").write_bytes(b"x")
    (place / "inner.csv").mkdir()
    return place


def names_of(*locations: Any) -> List[str]:
    return [file.name for file in Locations([str(place) for place in locations]).files().files]


def accounting_of(*locations: Any, **how: Any) -> Any:
    return (
        open_dataset([str(place) for place in locations], workers=1, **how).rollups(()).accounting
    )


def test_a_folder_stands_for_its_tables_in_the_order_of_time(folder: Path) -> None:
    data = open_dataset(folder, workers=1).rollups(())
    assert data.totals.calls == 3
    assert (data.file.name, data.file.files) == ("b.csv and 2 more files", 3)
    assert data.file.size_bytes == sum(
        (folder / name).stat().st_size for name in ("a.tsv", "b.csv", "c.csv.gz")
    )
    assert (data.accounting.header, data.accounting.lines, data.accounting.used) == (3, 6, 3)
    assert data.accounting.balanced
    assert (data.period.start[11:13], data.period.end[11:13]) == ("09", "11")


def test_other_files_in_a_folder_are_mentioned_and_sidecars_are_not(folder: Path) -> None:
    for name in ("notes.txt", "events.jsonl", "page.html", "prices.json"):
        (folder / name).write_bytes(b"x")
    (folder / "customers.csv").write_bytes(b"id,name\n1,x\n")
    notes = accounting_of(folder).notes
    assert "Other files in the folder were not read: events.jsonl, notes.txt, page.html" in notes[0]
    assert "and 1 more" in notes[0]
    assert notes[1].startswith("A file was not read: customers.csv: no header")


def test_a_pattern_stands_for_what_it_matches(folder: Path) -> None:
    assert names_of(folder / "*.csv") == ["b.csv"]
    assert names_of(folder / "?.csv*") == ["b.csv", "b.csv.torn-1", "c.csv.gz"][::2]
    assert names_of(folder / "[ab].*") == ["a.tsv", "b.csv"]


def test_a_name_with_a_bracket_is_a_name_where_it_exists(tmp_path: Path) -> None:
    (tmp_path / "calls[1].csv").write_bytes(named(9))
    assert names_of(tmp_path / "calls[1].csv") == ["calls[1].csv"]


def test_nothing_to_read_is_one_line(tmp_path: Path) -> None:
    for place, reason in [(tmp_path, "no tables"), (tmp_path / "*.csv", "no file matches")]:
        with pytest.raises(DataError, match=reason):
            open_dataset(place).rollups(())
    (tmp_path / "customers.csv").write_bytes(b"id,name\n1,x\n")
    with pytest.raises(DataError, match=r"customers\.csv: no header"):
        open_dataset(tmp_path).rollups(())


def test_a_file_that_is_named_must_be_usable(folder: Path) -> None:
    (folder / "customers.csv").write_bytes(b"id,name\n1,x\n")
    with pytest.raises(DataError, match=r"customers\.csv: no header"):
        accounting_of(folder / "b.csv", folder / "customers.csv")
    with pytest.raises(DataError, match="no such file"):
        accounting_of(folder, folder / "none.csv")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("time,date,model,input_tokens,output_tokens,provider,customer_id\n", "time or date"),
        ("timestmap,model,input_tokens,output_tokens,provider,customer_id\n", "did you mean"),
        ("time,model,input_tokens,output_tokens,provider,customer_id,cost_eur\n", "--rate EUR"),
        ("time,model,input_tokens,output_tokens,provider,customer_id,cost_us\n", "cost_usd"),
    ],
)
def test_usage_data_that_is_unclear_is_not_passed_over(
    text: str, reason: str, folder: Path
) -> None:
    (folder / "d.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        accounting_of(folder)


def test_another_table_with_times_is_passed_over(folder: Path) -> None:
    (folder / "customers.csv").write_bytes(b"created_at,date,customer_id,cost_us\n")
    assert accounting_of(folder).used == 3


def test_a_file_is_read_once_however_it_is_given(folder: Path) -> None:
    assert sorted(names_of(folder, folder / "b.csv", folder / "*.csv")) == [
        *("a.tsv", "b.csv", "c.csv.gz")
    ]
    os.symlink(str(folder / "b.csv"), str(folder / "d.csv"))
    assert accounting_of(folder).used == 3
    accounting = accounting_of(folder / "b.csv", folder / "b.csv")
    assert accounting.used == 1
    assert "Given more than once and read once: b.csv." in accounting.notes


def test_odd_files_beside_others_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(str(folder / "pipe.csv"))
    assert accounting_of(folder).used == 3
    with pytest.raises(DataError, match="not a regular file"):
        accounting_of(folder / "b.csv", folder / "pipe.csv")


@pytest.mark.parametrize(
    "content",
    [named(9), gzip.compress(named(9)), named(9)[:-1]],
    ids=["plain", "compressed", "without a line end"],
)
def test_standard_input_is_read_once_and_asked_twice(
    content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    dataset = open_dataset(["-", str(folder / "a.tsv")], cache=True)
    assert dataset.rollups(()).totals.calls == 2
    assert dataset.rollups(()).file.name == "standard input and 1 more file"
    assert sorted(dataset.rollups(CUSTOMER_RECORDS).customers) == ["at 11", "at 9"]


def test_standard_input_that_is_closed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        open_dataset("-").rollups(())


def test_names_of_tables() -> None:
    tables = ["a.csv", "A.CSV", "a.tsv.gz", "a.b.psv", "a.tab"]
    others = ["a.csv.bak", "a.json", "csv", ".a.csv", "a.gz", "a.csv.commit", "a.csv.gz.part"]
    assert [name for name in tables + others if is_table_name(name)] == tables


def test_what_is_said_of_several_files_is_said_once(tmp_path: Path) -> None:
    for number in range(5):
        content = named(number).replace(b",", b";")
        (tmp_path / f"{number}.csv").write_bytes(content)
    assert accounting_of(tmp_path).notes == (
        "0.csv, 1.csv, 2.csv and 2 more: Fields are separated by semicolons.",
    )


def test_places_name_their_files(tmp_path: Path) -> None:
    for name, hour in (("b.csv", 9), ("a.csv", 10)):
        (tmp_path / name).write_bytes(b"# note\n\n" + named(hour) + b"bad\n")
    accounting = accounting_of(tmp_path)
    (skipped,) = accounting.skipped
    assert [(place.file, place.line) for place in skipped.places] == [("b.csv", 5), ("a.csv", 5)]
    assert (accounting.comments, accounting.blank, accounting.header) == (2, 2, 2)
    assert accounting.lines == 10
    assert accounting.balanced
