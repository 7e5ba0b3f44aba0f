"""One import: what it changes, what it leaves, and what it says."""

from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.errors import DataError, LockError
from finops.importers.base import ImportOptions
from finops.importers.call import COLUMNS, Record
from finops.importers.index import merge
from finops.importers.summary import dollars, lines_of
from finops.storage.lock import writer_lock
from tests.importers.test_litellm import LOG
from tests.support.imports import import_files, json_lines, rows_of, write_all
from tests.support.tools import ROOT


def logs(count: int, first: int = 0, **values: Any) -> List[Dict[str, Any]]:
    return [
        {**LOG, "request_id": f"r{n}", "startTime": f"2026-03-01T10:{n % 60:02d}:00Z", **values}
        for n in range(first, first + count)
    ]


def write(tmp_path: Path, name: str, count: int, first: int = 0, **values: Any) -> Path:
    content = json_lines(logs(count, first, **values))
    return write_all(tmp_path / "logs", {name: content})[0]


def test_calls_of_a_file_that_is_gone_are_kept_until_started_anew(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    paths = [write(tmp_path, "a.jsonl", 3), write(tmp_path, "b.jsonl", 2, first=3)]
    import_files("litellm", paths, out)
    paths[0].unlink()
    result = import_files("litellm", paths[1:], out)
    assert (result.gone, result.totals.rows) == (1, 5)
    assert any("1 file read before is gone" in line for line in lines_of(result))
    assert import_files("litellm", paths[1:], out, fresh=True).totals.rows == 2


def test_a_file_that_grew_is_read_again_and_others_are_not(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    paths = [write(tmp_path, "a.jsonl", 3), write(tmp_path, "b.jsonl", 2, first=3)]
    import_files("litellm", paths, out)
    with paths[1].open("a", encoding="utf-8") as file:
        file.write(json_lines(logs(1, first=9)))
    result = import_files("litellm", paths, out)
    assert (result.tally.unchanged_files, result.added, result.totals.rows) == (1, 1, 6)


def test_other_prices_or_options_read_everything_again(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    paths = [write(tmp_path, "a.jsonl", 2, spend=None)]
    import_files("litellm", paths, out)
    options = ImportOptions(columns={"product_id": "request_id"})
    assert import_files("litellm", paths, out, options).tally.unchanged_files == 0


def test_a_call_with_more_output_replaces_and_keeps_its_earliest_time(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    import_files("litellm", [write(tmp_path, "a.jsonl", 1, completion_tokens=5)], out)
    more = logs(1, completion_tokens=50, startTime="2026-03-02T00:00:00Z")
    paths = write_all(tmp_path, {"b.jsonl": json_lines(more)})
    assert import_files("litellm", paths, out).changed == 1
    assert [(row["output_tokens"], row["timestamp"]) for row in rows_of(out)] == [
        ("50", "2026-03-01T10:00:00.000000")
    ]
    assert (
        import_files("litellm", [write(tmp_path, "c.jsonl", 1, completion_tokens=7)], out).changed
        == 0
    )


def test_progress_is_told_in_bytes_of_the_files_that_are_read(tmp_path: Path) -> None:
    first, second = write(tmp_path, "a.jsonl", 3), write(tmp_path, "b.jsonl.gz", 0)
    second.write_bytes(gzip.compress(json_lines(logs(4, first=3)).encode("utf-8")))
    out = tmp_path / "out.csv"
    import_files("litellm", [first], out)
    moments: List[Any] = []
    import_files(
        "litellm", [first, second], out, progress=lambda done, total: moments.append((done, total))
    )
    size = second.stat().st_size
    assert {total for _, total in moments} == {size}
    assert [done for done, _ in moments] == sorted(done for done, _ in moments)
    assert moments[-1] == (size, size)


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = import_files("litellm", [write(tmp_path, "a.jsonl", 3)], out, dry_run=True)
    assert result.totals.rows == 3
    assert not out.exists()
    assert not (tmp_path / "out.csv.import").exists()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0broken"])
def test_a_damaged_state_costs_time_only(tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "out.csv"
    paths = [write(tmp_path, "a.jsonl", 3)]
    import_files("litellm", paths, out)
    before = out.read_bytes()
    (tmp_path / "out.csv.import").write_bytes(content)
    result = import_files("litellm", paths, out)
    assert (result.added, out.read_bytes()) == (0, before)


def test_a_state_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    (tmp_path / "out.csv.import").symlink_to(other)
    import_files("litellm", [write(tmp_path, "a.jsonl", 1)], tmp_path / "out.csv")
    assert not other.exists()


def test_two_writers_exclude_each_other(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with writer_lock(out), pytest.raises(LockError):
        import_files("litellm", [write(tmp_path, "a.jsonl", 1)], out)
    assert not out.exists()


@pytest.mark.parametrize("content", ["a,b\n1,2\n", ",".join(COLUMNS) + "\n1,2\n"])
def test_a_file_of_somebody_else_is_not_extended(tmp_path: Path, content: str) -> None:
    out = tmp_path / "out.csv"
    out.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="--out"):
        import_files("litellm", [write(tmp_path, "a.jsonl", 1)], out)
    assert out.read_text(encoding="utf-8") == content


def test_nothing_usable_is_an_error_that_names_the_first_fault(tmp_path: Path) -> None:
    paths = write_all(tmp_path, {"a.jsonl": json_lines(logs(2, prompt_tokens=-1))})
    with pytest.raises(DataError, match=r"a\.jsonl .* line 1: negative; 2 rejected"):
        import_files("litellm", paths, tmp_path / "out.csv")


def test_an_empty_log_is_a_csv_without_rows(tmp_path: Path) -> None:
    paths = write_all(tmp_path, {"a.jsonl": ""})
    assert import_files("litellm", paths, tmp_path / "out.csv").totals.rows == 0
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_log_may_be_packed_and_in_another_unicode(tmp_path: Path, encoding: str) -> None:
    content = json_lines(logs(2, end_user="Zoë")).encode(encoding)
    paths = write_all(tmp_path, {"a.jsonl": content, "b.jsonl.gz": gzip.compress(content)})
    for path in paths:
        out = tmp_path / f"{path.name}.csv"
        import_files("litellm", [path], out)
        assert {row["customer_id"] for row in rows_of(out)} == {"Zoë"}


def test_a_damaged_archive_gives_what_can_be_read(tmp_path: Path) -> None:
    packed = gzip.compress(json_lines(logs(5000)).encode())
    good = write(tmp_path, "a.jsonl", 1)
    (cut,) = write_all(tmp_path, {"b.jsonl.gz": packed[: len(packed) // 2]})
    result = import_files("litellm", [good, cut], tmp_path / "out.csv")
    assert result.tally.rejected["cannot be read to its end"] == 1
    assert result.totals.rows >= 1


def test_a_missing_file_is_one_rejection(tmp_path: Path) -> None:
    paths = [write(tmp_path, "a.jsonl", 1), tmp_path / "nowhere.jsonl"]
    result = import_files("litellm", paths, tmp_path / "out.csv")
    assert (result.totals.rows, result.tally.rejections) == (1, 1)


def test_cells_with_commas_and_quotes_survive(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    name = 'Ann "A", Inc'
    import_files("litellm", [write(tmp_path, "a.jsonl", 1, end_user=name)], out)
    import_files("litellm", [write(tmp_path, "b.jsonl", 1, first=5)], out)
    assert [row["customer_id"] for row in rows_of(out)] == [name, "ann"]


def test_recomputing_shows_both_sums_and_keeps_what_has_no_price(tmp_path: Path) -> None:
    records = logs(1, spend=0.5, metadata={}) + logs(1, first=1, model="none", spend=0.25)
    paths = write_all(tmp_path, {"a.jsonl": json_lines(records)})
    result = import_files("litellm", paths, tmp_path / "out.csv", ImportOptions(recompute=True))
    # 12000 at 2 and 400 at 10 micro-dollars
    assert [row["cost_usd"] for row in rows_of(tmp_path / "out.csv")] == ["0.028", "0.25"]
    said = "\n".join(lines_of(result, recompute=True))
    assert "$0.50 recorded, $0.028 at list prices" in said


def test_recomputing_reaches_calls_that_are_there_already(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    paths = write_all(tmp_path, {"a.jsonl": json_lines(logs(1, spend=0.5, metadata={}))})
    for recompute, cost in ((False, "0.5"), (True, "0.028"), (False, "0.5")):
        import_files("litellm", paths, out, ImportOptions(recompute=recompute))
        assert [row["cost_usd"] for row in rows_of(out)] == [cost]


def record(**values: str) -> Record:
    cells = dict.fromkeys(COLUMNS, "")
    return Record(**{**cells, "output_tokens": "1", "timestamp": "2026-01-01", **values})


def test_merging_does_not_depend_on_the_order() -> None:
    records = [
        record(output_tokens="5", model="a", timestamp="2026-01-03"),
        record(output_tokens="5", model="b", timestamp="2026-01-01"),
        record(output_tokens="2", model="c", timestamp="2026-01-02"),
    ]
    for first in records:
        for second in records:
            assert merge(first, second).record == merge(second, first).record


def test_a_recorded_cost_stands_before_a_listed_one_in_any_order() -> None:
    records = [record(cost_usd="1", cost_source="source"), record(cost_usd="2", cost_source="list")]
    for first, second in (records, records[::-1]):
        assert merge(first, second).record == records[0]
        assert merge(first, second, recompute=True).record == records[1]


def test_new_prices_reach_calls_that_are_there_already(tmp_path: Path) -> None:
    old, new = (record(list_cost_usd=x, cost_usd=x, cost_source="list") for x in ("1", "2"))
    outcome = merge(old, new)
    assert (outcome.record.cost_usd, outcome.same) == ("2", True)


KILLED = """
import os, sys
from pathlib import Path
from finops.importers import run
from tests.support.imports import import_files
write = run.write_calls
def killed(pieces, stream):
    write(pieces, stream)
    os._exit(9)
run.write_calls = killed
import_files("litellm", [Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))
"""


def test_an_import_that_was_killed_is_made_again(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    paths = [write(tmp_path, "a.jsonl", 3), write(tmp_path, "b.jsonl", 3, first=3)]
    import_files("litellm", paths, whole)
    import_files("litellm", paths[:1], out)
    before = out.read_bytes()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    words = [sys.executable, "-c", KILLED, str(out), *map(str, paths)]
    assert subprocess.run(words, env=environment).returncode == 9
    assert out.read_bytes() == before
    import_files("litellm", paths, out)
    assert out.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_the_state_knows_the_csv_it_is_of(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    paths = [write(tmp_path, "a.jsonl", 3)]
    import_files("litellm", paths, out)
    time.sleep(0.01)
    out.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    assert import_files("litellm", paths, out).totals.rows == 3


def test_the_state_has_files_and_spans_only(tmp_path: Path) -> None:
    import_files("litellm", [write(tmp_path, "a.jsonl", 3)], tmp_path / "out.csv")
    with closing(sqlite3.connect(str(tmp_path / "out.csv.import"))) as state:
        names = {name for (name,) in state.execute("SELECT name FROM sqlite_master")}
    assert names == {"about", "files", "last_lines", "spans"}


def test_the_line_of_figures_has_all_of_them(tmp_path: Path) -> None:
    records = logs(2, spend=None) + logs(1) + logs(1, first=5, model="none", spend=None)
    paths = write_all(tmp_path, {"a.jsonl": json_lines(records)})
    line = lines_of(import_files("litellm", paths, tmp_path / "out.csv"))[0]
    for figure in (
        "litellm: 1 file",
        "3 calls",
        "3 new",
        "37,200 tokens",
        "≥ $",
        "1 duplicate",
        "0 rejected",
        "1 unpriced",
    ):
        assert figure in line


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("0.5", "0.50"),
        ("0.123456", "0.123456"),
        ("1234.567", "1,234.57"),
        ("-2", "-2.00"),
    ],
)
def test_dollars_are_written_as_people_read_them(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text
