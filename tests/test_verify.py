"""Checking a dataset: what is said of its rows and of its commit record."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import pytest

from finops.reader.options import ReadingOptions
from finops.rollups.spec import Accounting, Blanked, Period, Place, Rollups, Skipped, Totals
from finops.schema import HEADER_LINE
from finops.storage import commit as marks
from finops.storage.commit import CommitRecord, write_commit
from finops.storage.pending import Pending
from finops.verify import CREDITS, ODD_STATUS, Verification, sum_of, verify
from tests.support.reference import call
from tests.support.rows import varied_rows, write_csv


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A dataset of 50 rows with a mark that fits."""
    path = write_csv(tmp_path / "calls.csv", varied_rows(50))
    write_commit(path, mark_of(path, 50))
    return path


def mark_of(path: Path, rows: int) -> CommitRecord:
    end = path.stat().st_size
    return CommitRecord(end, rows, end, rows, marks.head_hash(path, end))


def test_a_file_of_this_program_that_is_in_order(marked: Path) -> None:
    found = verify(marked)
    assert found.faults == []
    size = marked.stat().st_size
    assert found.lines[0] == f"calls.csv: {size:,} bytes, 50 calls"
    assert found.lines[-1] == f"commit record: 50 rows in {size:,} bytes are committed"


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own.csv", [call(), call(provider="p", model="m", cost_usd="")])
    found = verify(path)
    assert found.faults == []
    assert "  1 call has neither a cost nor a known price" in found.lines
    assert found.lines[-1].startswith("commit record: none")


def test_notes_and_skipped_rows_are_told(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own.csv", [call(input_tokens=-5) for _ in range(7)] + [call()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    found = verify(path)
    skipped = [line for line in found.lines if line.startswith("  skipped 7: ")]
    assert len(skipped) == 1
    assert skipped[0].endswith("(line 2, 3, 4, 5, 6, …)")
    assert "note: The file starts with a byte order mark; it was ignored." in found.lines


def test_money_and_values_of_what_is_used_and_of_what_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skipped = Skipped("bad model", 1, (Place("own.csv", 4, "x"),))
    blanked = Blanked("latency_ms", "not a number", 1, (Place("own.csv", 2, "y"),))
    accounting = Accounting(
        lines=4, header=1, used=2, skipped=(skipped,), blanked=(blanked,), unused_cost=0.5
    )
    filled = Rollups(
        {CREDITS: {(): (1, 0.75)}, ODD_STATUS: {}},
        totals=Totals(calls=1, cost=2.0),
        accounting=accounting,
    )

    class Opened:
        def rollups(self, tables: object) -> Rollups:
            return filled

    monkeypatch.setattr("finops.verify.open_dataset", lambda source, **options: Opened())
    report = verify("own.csv")
    assert "cost: $2.00, and $0.50 (20.0% of the whole) in skipped rows" in report.lines
    assert "credits: $0.75 in 1 row, netted" in report.lines
    assert "  left out 1 value of latency_ms: not a number (line 2)" in report.lines
    assert (report.rows, report.used_rows, report.skipped_rows) == (3, 2, 1)
    assert report.skipped_percent == pytest.approx(100 / 3)
    assert report.verdict == "OK: 2 of 3 rows usable, 1 value left out"


def test_options_that_change_the_figures_are_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own.csv", [call()])
    options = ReadingOptions(timezone="+02:00", input_timezone="-05:00", rates=(("EUR", "1.08"),))
    lines = verify(path, options=options).lines
    assert "time zone of days and hours: +02:00" in lines
    assert "time zone of times that name none: -05:00" in lines
    assert "exchange rate: 1 EUR = 1.08 USD" in lines


def test_every_kind_of_line_is_in_the_sum() -> None:
    accounting = Accounting(
        *(110, 1, 2, (Skipped("bad", 3, ()),), 4, 5, 1),
        comments=7,
        continuation=8,
        repeated_records=9,
        outside=70,
    )
    assert accounting.balanced
    assert sum_of(accounting) == (
        "lines: 110 = 1 header + 2 used + 3 skipped + 4 repeated headers + 5 blank"
        " + 9 repeated records + 70 outside the range + 7 comments + 8 continuation lines"
        " + 1 incomplete tail"
    )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((8539, 8539, 0, 0, 0, 0), "OK: all 8,539 rows usable"),
        ((10, 9, 1, 0, 0, 0), "OK: 9 of 10 rows usable"),
        ((10, 10, 0, 1, 0, 0), "OK: all 10 rows usable, 1 value left out"),
        ((10, 8, 0, 0, 2, 0), "OK: 8 of 10 rows usable, 2 repeated records left out"),
        ((10, 4, 0, 0, 0, 6), "OK: all 4 rows in the range usable"),
        ((1, 1, 0, 0, 0, 0), "OK: 1 row usable"),
        ((7, 1, 0, 0, 0, 6), "OK: 1 row in the range usable"),
        ((10, 3, 1, 0, 0, 6), "OK: 3 of 4 rows in the range usable"),
        ((0, 0, 0, 0, 0, 0), "OK: all 0 rows usable"),
    ],
)
def test_the_verdict(counts: Tuple[int, ...], said: str) -> None:
    assert Verification([], [], *counts).verdict == said


def test_calls_whose_status_says_nothing_are_counted(tmp_path: Path) -> None:
    words = ("success", "error", "maybe", "maybe", "")
    rows = [call(status=word, call_id=f"c{n}") for n, word in enumerate(words)]
    lines = verify(write_csv(tmp_path / "own.csv", rows)).lines
    assert "  2 calls with a status that is neither success nor error" in lines


def test_no_calls(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(HEADER_LINE)
    assert "period: no calls" in verify(path).lines


def test_a_batch_that_is_being_written(marked: Path) -> None:
    mark = mark_of(marked, 50)._replace(pending=Pending(9999, 1, 5000))
    write_commit(marked, mark)
    with open(str(marked), "ab") as file:
        file.write(b"2025-01-01T00:00")
    found = verify(marked)
    assert found.faults == []
    assert "a batch of 5,000 rows is being written" in found.lines[-1]


def test_rows_that_another_program_appended(marked: Path) -> None:
    row = marked.read_bytes().splitlines(keepends=True)[-1]
    with open(str(marked), "ab") as file:
        file.write(row)
    found = verify(marked)
    assert found.faults == []
    assert found.lines[-1] == f"  {len(row):,} bytes after it were appended by another program"


def test_a_mark_that_counts_other_rows(marked: Path) -> None:
    write_commit(marked, mark_of(marked, 49))
    assert verify(marked).faults == ["the commit record counts other rows than the file holds"]


def test_a_file_that_is_shorter_than_its_mark(marked: Path) -> None:
    marked.write_bytes(marked.read_bytes()[:-500])
    assert verify(marked).faults == [
        "500 committed bytes are missing at the end; 'generate' repairs the file"
    ]


def test_a_damaged_mark(marked: Path) -> None:
    marks.commit_path(marked).write_text("{")
    assert verify(marked).faults == [
        "calls.csv.commit is damaged or belongs to another file; delete it to continue"
    ]


def test_lines_that_do_not_add_up_are_a_defect(
    marked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def rollups(self, tables: object) -> Rollups:
            return Rollups(
                {CREDITS: {}, ODD_STATUS: {}},
                Period(),
                accounting=Accounting(lines=5, header=1, used=1),
            )

    monkeypatch.setattr("finops.verify.open_dataset", lambda path, **options: Wrong())
    assert verify(marked).faults == ["the lines do not add up (a bug in finops)"]
