"""Which rows count: implausible times, a range of time, ids that repeat; against brute force."""

from __future__ import annotations

import os
import subprocess
import sys
from array import array
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.context import RunContext
from finops.reader import identity
from finops.reader.options import ReadingOptions
from finops.rollups import cache, file_scan, partition
from finops.rollups.cache import cache_path
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.planner import Plan
from finops.rollups.spec import Rollups, Table
from finops.schema import COLUMN_NAMES
from finops.timestamps import EPOCH, moment_of, timestamp
from tests.storage.batches import memory_folder
from tests.support.reference import call
from tests.support.tools import ROOT

pytestmark = pytest.mark.unmeasured

NOW = (moment_of("2026-03-01T00:00:00") - EPOCH).total_seconds()
LATEST = "2026-03-02T00:00:00.000000"  # a day ahead of it
EARLIEST = "2015-01-01T00:00:00.000000"
TABLES = (
    *CUSTOMER_RECORDS,
    Table(("provider", "model"), ("calls", "cost", "tokens", "latency")),
    Table(("day", "customer_id"), ("calls", "cost")),
    Table(("customer_id", "day"), ("region_changes", "shortest_change_s")),
)
IMPLAUSIBLE = "implausible timestamp"
Row = Dict[str, str]


class Expected(NamedTuple):
    """What brute force says of rows."""

    used: List[Row]
    implausible: List[int]  # numbers of their lines
    usual: bool
    outside: int
    repeated: int
    conflicts: int


def brute_force(rows: Sequence[Row], since: str = "", until: str = "") -> Expected:
    """Apply the rules one by one to rows of which the first stands in line 2."""
    odd = [n for n, row in enumerate(rows) if not EARLIEST <= row["timestamp"] <= LATEST]
    usual = bool(odd) and 100 * len(odd) >= len(rows)
    dated = [row for n, row in enumerate(rows) if usual or n not in odd]
    inside = [
        row
        for row in dated
        if row["timestamp"] >= since and (not until or row["timestamp"] < until)
    ]
    used: List[Row] = []
    contents: Dict[str, List[Row]] = {}
    for row in inside:
        known = contents.setdefault(row["call_id"], []) if row["call_id"] else []
        if row not in known:
            known.append(row)
            used.append(row)
    return Expected(
        used,
        [] if usual else [n + 2 for n in odd],
        usual,
        len(dated) - len(inside),
        len(inside) - len(used),
        sum(len(known) > 1 for known in contents.values()),
    )


def csv_text(rows: Sequence[Row], names: Sequence[str] = COLUMN_NAMES) -> bytes:
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def read(path: Path, now: Optional[float] = NOW, **how: Any) -> Rollups:
    options = ReadingOptions(since=how.pop("since", ""), until=how.pop("until", ""))
    how.setdefault("workers", 1)
    data = open_dataset(path, context=RunContext(now), options=options, **how).rollups(TABLES)
    assert data.accounting.balanced
    return data


def figures(data: Rollups) -> Any:
    """Return everything but what is said of the quality of the data."""
    return [data[table] for table in TABLES], data.totals, data.period, data.customers


def check(data: Rollups, expected: Expected, clean: Rollups, lines_too: bool = True) -> None:
    """Compare what was read with brute force; `clean` was read of its rows alone."""
    assert figures(data) == figures(clean)
    account = data.accounting
    assert account.used == len(expected.used)
    assert account.outside == expected.outside
    assert account.repeated_records == expected.repeated
    lines = [place.line for skipped in account.skipped for place in skipped.places]
    if lines_too:
        assert lines == expected.implausible[: config.SKIPPED_LINES_KEPT]
    assert {s.reason: s.rows for s in account.skipped} == (
        {IMPLAUSIBLE: len(expected.implausible)} if expected.implausible else {}
    )
    notes = " ".join(account.notes)
    assert ("Implausible times" in notes) == expected.usual
    assert ("different contents" in notes) == bool(expected.conflicts)


def plausible(number: int) -> str:
    """Return a time of 2025, later for larger numbers within some hundreds."""
    return timestamp(datetime(2025, 1, 1) + timedelta(seconds=number * 9137 % 31_000_000))


def row_of(number: int, **changes: Any) -> Row:
    """Return a row that looks like no other one."""
    return call(
        timestamp=plausible(number),
        customer_id=f"c{number % 5}",
        region=("us-east", "eu-west")[number % 3 % 2],
        latency_ms=number % 977,
        input_tokens=number % 1009,
        cost_usd=f"{number % 991 / 1000:.6f}",
        **changes,
    )


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make little data enough for several blocks, parts and appended parts."""
    monkeypatch.setattr(partition, "BLOCK_BYTES", 2_000)
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 5_000)


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as made:
        yield made


# --- single rules ---------------------------------------------------------------------------------


@pytest.mark.sampled
@pytest.mark.parametrize("time", ["1970-01-01T00:00:00.000000", "2099-06-01T00:00:00.000000"])
@pytest.mark.parametrize("place", [0, 500, 1000])
def test_one_implausible_row_in_a_thousand_changes_no_figure(
    time: str, place: int, folder: Path
) -> None:
    rows = [row_of(number) for number in range(1000)]
    path = folder / "a.csv"
    path.write_bytes(csv_text(rows))
    clean = read(path)
    odd = {**row_of(7), "timestamp": time, "cost_usd": "12.500000"}
    path.write_bytes(csv_text([*rows[:place], odd, *rows[place:]]))
    for workers in (1, 2):
        dirty = read(path, workers=workers)
        assert figures(dirty) == figures(clean)
        (skipped,) = dirty.accounting.skipped
        assert (skipped.reason, skipped.rows, skipped.first_line) == (IMPLAUSIBLE, 1, place + 2)
        assert skipped.places[0].text.startswith(time)
        assert dirty.accounting.unused_cost == 12.5


@pytest.mark.parametrize("odd", [0, 1, 2, 3])
def test_from_one_percent_on_implausible_times_are_how_the_data_is(odd: int, folder: Path) -> None:
    rows = [row_of(number) for number in range(200 - odd)]
    old = [{**row_of(9), "timestamp": f"2001-09-0{n + 1}T00:00:00.000000"} for n in range(odd)]
    path = folder / "a.csv"
    path.write_bytes(csv_text([*rows, *old]))
    data = read(path)
    assert data.accounting.used == (200 - odd if odd < 2 else 200)
    said = [note for note in data.accounting.notes if "2015" in note]
    assert said == (
        [
            f"Implausible times (before 2015 or more than 24 hours ahead): {odd} of 200 rows"
            f" ({odd / 2:.1f}%). Since that is 1% or more, they are used."
        ]
        if odd > 1
        else []
    )


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "1969-12-31T23:59:59", "2999-12-31"])
def test_times_that_no_report_can_show_are_left_out_whatever_their_share(
    time: str, folder: Path
) -> None:
    odd = {**row_of(3), "timestamp": f"{time}.000000" if "T" in time else f"{time}T00:00:00Z"}
    path = folder / "a.csv"
    path.write_bytes(csv_text([row_of(1), odd, row_of(2)]))
    data = read(path)
    assert data.accounting.used == 2
    assert [(s.reason, s.rows) for s in data.accounting.skipped] == [(IMPLAUSIBLE, 1)]


def test_without_a_clock_nothing_lies_ahead(folder: Path) -> None:
    path = folder / "a.csv"
    ahead = {**row_of(3), "timestamp": "2999-01-01T00:00:00.000000"}
    path.write_bytes(csv_text([*map(row_of, range(200)), ahead]))
    assert read(path, now=None).accounting.used == 201
    assert read(path).accounting.used == 200


def test_since_is_the_first_moment_and_until_the_one_after_the_last(folder: Path) -> None:
    path = folder / "a.csv"
    times = [f"2025-06-0{day}T00:00:00.000000" for day in (1, 2, 3, 4)]
    path.write_bytes(csv_text([{**row_of(n), "timestamp": t} for n, t in enumerate(times)]))
    data = read(path, since=times[1], until=times[3])
    assert (data.period.start, data.period.end) == (times[1], times[2])
    assert (data.accounting.used, data.accounting.outside) == (2, 2)
    assert data.accounting.skipped == ()
    assert read(path, since=times[2]).accounting.used == 2
    assert read(path, until=times[1]).accounting.used == 1
    nothing = read(path, since="2030-01-01T00:00:00.000000")
    assert (nothing.accounting.used, nothing.accounting.outside) == (0, 4)


def test_an_equal_record_counts_once_and_another_of_the_same_id_as_well(folder: Path) -> None:
    path = folder / "a.csv"
    first = row_of(1, call_id="x")
    other = {**first, "session_id": "another"}
    rows = [first, first, row_of(2, call_id="y"), other, other, first, row_of(3), row_of(3)]
    path.write_bytes(csv_text(rows))
    data = read(path)
    assert data.totals.calls == 5
    assert data.accounting.repeated_records == 3
    assert data.accounting.notes == (
        "A call id stands for records with different contents, which all count: x (line 5).",
    )


def test_an_id_in_a_note_is_short_and_inert(folder: Path) -> None:
    path = folder / "a.csv"
    name = "\u202eid" + "x" * 100
    path.write_bytes(csv_text([row_of(1, call_id=name), row_of(2, call_id=name)]))
    (note,) = read(path).accounting.notes
    assert note.endswith(f" which all count: ?id{'x' * 34}... (line 3).")


def test_words_for_nothing_are_no_ids(folder: Path) -> None:
    path = folder / "a.csv"
    empty = ["", " ", "NULL", "None", "N/A", "-", "nan", "\\N"]
    path.write_bytes(csv_text([row_of(1, call_id=name) for name in empty * 2]))
    assert read(path).totals.calls == 2 * len(empty)


def test_blanks_around_an_id_are_not_part_of_it(folder: Path) -> None:
    path = folder / "a.csv"
    path.write_bytes(csv_text([row_of(1, call_id=name) for name in (" a", "a", "a ")]))
    data = read(path)
    assert (data.totals.calls, data.accounting.repeated_records) == (1, 2)


def test_a_file_without_ids_is_read_once(folder: Path, scans: List[Any]) -> None:
    path = folder / "a.csv"
    names = [name for name in COLUMN_NAMES if name != "call_id"]
    path.write_bytes(csv_text([row_of(1)] * 50, names))
    assert read(path).totals.calls == 50
    assert len(scans) == 1


def test_other_processes_know_of_the_verdict_and_of_ids(folder: Path) -> None:
    rows = [row_of(n, call_id=f"id-{n * 157 % 400:04d}") for n in range(400)]
    rows[20], rows[380] = rows[380], dict(rows[380])
    old = [{**row_of(n), "timestamp": "2001-01-01T00:00:00.000000"} for n in range(12)]
    path = folder / "a.csv"
    for content in (rows, sorted(rows, key=lambda row: row["call_id"]), [*rows, *old]):
        path.write_bytes(csv_text(content))
        single, double = read(path), read(path, workers=2)
        assert figures(single) == figures(double)
        assert single.accounting == double.accounting
        assert single.accounting.repeated_records == 1


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """Record the parts that this process reads."""
    seen: List[Any] = []
    original = vars(file_scan)["scan_partition"]

    def spy(stream: Any, span: Any, *more: Any) -> Any:
        seen.append(span)
        return original(stream, span, *more)

    monkeypatch.setattr(file_scan, "scan_partition", spy)
    return seen


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
def test_distinct_ids_are_read_once(order: str, folder: Path, scans: List[Any]) -> None:
    path = folder / "a.csv"
    numbers = {
        "ascending": range(400),
        "descending": range(399, -1, -1),
        "shuffled": [k * 157 % 400 for k in range(400)],
    }[order]
    rows = [row_of(n, call_id=f"id-{number:04d}") for n, number in enumerate(numbers)]
    path.write_bytes(csv_text(rows))
    assert read(path).accounting.used == 400
    assert len(scans) == 1


# --- all together, however the data is cut --------------------------------------------------------


@st.composite
def tables(draw: Any) -> List[Row]:
    """Rows with ids in some order; some times implausible, some rows repeated or changed."""
    count = draw(st.integers(1, 90))
    style = draw(st.sampled_from(["ascending", "random", "few", "none", "mixed"]))
    rows: List[Row] = []
    for number in range(count):
        names = {
            "ascending": f"call_{number:05d}",
            "random": f"{number * 7919 % 10007:05d}",
            "few": f"id{number % 4}",
            "none": "",
            "mixed": f"call_{number:05d}" if number < count / 2 else f"{number * 31 % 997}",
        }
        rows.append(row_of(number, call_id=names[style]))
    for _ in range(draw(st.integers(0, 6))):
        row = dict(draw(st.sampled_from(rows)))
        change = draw(st.sampled_from(["", "", "cost_usd", "trace_id", "customer_id", "timestamp"]))
        if change == "cost_usd":
            row["cost_usd"] = "7.000000"
        elif change == "timestamp":
            row["timestamp"] = plausible(draw(st.integers(0, 5000)))
        elif change:
            row[change] = "changed"
        rows.insert(draw(st.integers(0, len(rows))), row)
    for _ in range(draw(st.integers(0, 2))):
        time = draw(st.sampled_from(["1999-01-01T00:00:00.000000", "2031-01-01T00:00:00.000000"]))
        place = draw(st.integers(0, len(rows) - 1))
        rows[place] = {**rows[place], "timestamp": time}
    # Most rows of a large file are unlike: the share of implausible ones may be small.
    return rows * draw(st.sampled_from([1, 1, 1, 3])) if style == "none" else rows


ranges = st.one_of(
    st.just(("", "")),
    st.tuples(
        st.sampled_from(["", plausible(10), plausible(40)]),
        st.sampled_from(["", plausible(50), plausible(70)]),
    ),
)


@given(tables(), ranges, st.sampled_from([1, 1, 3]), st.integers(0, 90))
def test_rules_hold_however_the_data_is_cut(
    rows: List[Row], limits: Tuple[str, str], cuts: int, appended: int
) -> None:
    """Parts read alone, kept and completed, or one after the other: the same rows count."""
    since, until = limits
    expected = brute_force(rows, since, until)
    with memory_folder() as folder, pytest.MonkeyPatch.context() as patch:
        original = vars(file_scan)["spans"]
        # Further parts are read in this process, which is quicker than others and does the same.
        patch.setattr(file_scan, "PartitionWorkers", InThisProcess)
        patch.setattr(
            file_scan, "spans", lambda s, a, b, n: original(s, a, b, cuts if n > 1 else 1)
        )
        clean_path, path = folder / "clean.csv", folder / "a.csv"
        clean_path.write_bytes(csv_text(expected.used))
        clean = read(clean_path, now=None) if not expected.usual else read(clean_path)
        text = csv_text(rows)
        path.write_bytes(text)
        check(read(path, workers=cuts, since=since, until=until), expected, clean)
        lines = text.splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: max(2, len(lines) - appended)]))
        read(path, workers=cuts, since=since, until=until, cache=True)
        path.write_bytes(text)
        for _ in range(2):
            again = read(path, workers=cuts, since=since, until=until, cache=True)
            check(again, expected, clean)
        assert os.path.isfile(cache_path(str(path)))


@given(tables(), ranges, st.lists(st.integers(0, 90), max_size=3))
def test_rules_hold_over_several_files(
    rows: List[Row], limits: Tuple[str, str], cuts: List[int]
) -> None:
    """Rows of several files count as if they stood in one, also when the files are read again."""
    since, until = limits
    expected = brute_force(rows, since, until)
    ends = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    with memory_folder() as folder:
        clean_path, path = folder / "clean.csv", folder / "data"
        path.mkdir()
        clean_path.write_bytes(csv_text(expected.used))
        clean = read(clean_path, now=None) if not expected.usual else read(clean_path)
        for number, (start, end) in enumerate(zip(ends, ends[1:])):
            (path / f"{number}.csv").write_bytes(csv_text(rows[start:end]))
        for keep in (False, True, True):
            data = read(path, since=since, until=until, cache=keep)
            check(data, expected, clean, lines_too=len(ends) == 2)
            assert data.file.files == len(ends) - 1


class InThisProcess:
    """Reads the further parts of a file when their results are asked for."""

    def __init__(self, layout: Any, spans: Any, tables: Any, rules: Any, *_: Any) -> None:
        self._work = (layout, spans, tables, rules)

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def results(self) -> List[Any]:
        layout, spans, tables, rules = self._work
        with open(layout.path, "rb") as stream:
            return [
                partition.scan_partition(
                    stream,
                    span,
                    layout.header,
                    Plan(tables),
                    type(rules).from_plain(rules.plain()),
                )
                for span in spans
            ]


# --- what is kept ---------------------------------------------------------------------------------


def test_a_kept_verdict_holds_until_the_file_changes(folder: Path, scans: List[Any]) -> None:
    path = folder / "a.csv"
    ahead = {**row_of(3), "timestamp": "2027-01-01T00:00:00.000000"}
    path.write_bytes(csv_text([*map(row_of, range(300)), ahead]))
    later = NOW + 2 * 365 * 86_400
    first = read(path, cache=True)
    assert first.accounting.used == 300
    del scans[:]
    for now in (later, NOW - 300 * 86_400):
        kept = read(path, now=now, cache=True)
        assert (figures(kept), kept.accounting) == (figures(first), first.accounting)
    assert not scans
    assert read(path, now=later).accounting.used == 301
    with open(str(path), "ab") as out:
        out.write(csv_text([row_of(5)]).splitlines(keepends=True)[1])
    assert read(path, now=later, cache=True).accounting.used == 302


def test_what_is_appended_is_all_that_is_read_where_ids_differ(
    folder: Path, scans: List[Any]
) -> None:
    path = folder / "a.csv"
    for names in ("id-{:04d}", "{}"):  # ascending or not
        rows = [row_of(n, call_id=names.format(n * 157 % 401)) for n in range(400)]
        rows = sorted(rows, key=lambda row: row["call_id"]) if "id" in names else rows
        path.write_bytes(csv_text(rows[:300]))
        read(path, cache=True)
        for end in (301, 350, 400):
            del scans[:]
            path.write_bytes(csv_text(rows[:end]))
            assert read(path, cache=True).accounting.used == end
            assert len(scans) == 1
            assert scans[0][0] > len(csv_text(rows[:200]))


def test_a_repeat_of_what_was_kept_is_left_out(folder: Path) -> None:
    path = folder / "a.csv"
    rows = [row_of(n, call_id=f"id-{n:04d}") for n in range(300)]
    for appended in (rows[7], rows[299]):
        path.write_bytes(csv_text(rows))
        read(path, cache=True)
        path.write_bytes(csv_text([*rows, appended]))
        for _ in range(2):
            data = read(path, cache=True)
            assert (data.accounting.used, data.accounting.repeated_records) == (300, 1)
        path.write_bytes(csv_text([*rows, appended, rows[5]]))
        data = read(path, cache=True)
        assert (data.accounting.used, data.accounting.repeated_records) == (300, 2)


# --- finding suspects -----------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 400), max_size=60), max_size=5), st.integers(1, 70))
def test_repeated_checksums_are_those_that_occur_twice(
    columns: List[List[int]], group: int
) -> None:
    widely = [[k * 0x9E3779B97F4A7C15 % 2**64 for k in column] for column in columns]
    noted = [identity.IdSummary([], [], array("Q", column)) for column in widely]
    counts = Counter(k for column in widely for k in column)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "_GROUP", group)
        repeated = identity.repeated_checksums(noted)
    assert repeated == {k for k, times in counts.items() if times > 1}


# --- memory ---------------------------------------------------------------------------------------

READ_ALONE = """
import sys
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Table

data = open_dataset(sys.argv[1], workers=1).rollups((Table(("provider",), ("calls",)),))
print(data.accounting.used, data.accounting.repeated_records)
print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])
"""
BYTES_PER_ROW = 100  # a checksum, its share of a table of marks, and 5% suspects


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is told by /proc")
def test_memory_for_ids_is_some_bytes_per_row(folder: Path) -> None:
    peaks = []
    for rows in (10_000, 80_000):
        path = folder / f"{rows}.csv"
        with open(str(path), "w", encoding="ascii", newline="") as out:
            out.write("timestamp,call_id,provider,model,input_tokens,output_tokens,customer_id\n")
            for number in range(rows):
                name = number - 7 if number % 20 == 19 else number
                out.write(
                    f"2025-01-01T00:00:00.{name:06d},{name * 2654435761 % 2**32:08x}-{name:06d},"
                    f"openai,gpt-4o,{name % 1000},10,c1\n"
                )
        done = subprocess.run(
            [sys.executable, "-c", READ_ALONE, str(path)],
            cwd=str(ROOT / "src"),
            stdout=subprocess.PIPE,
            check=True,
        )
        counted, peak_kb = done.stdout.decode().strip().split("\n")
        assert counted == f"{rows * 19 // 20} {rows // 20}"
        peaks.append(int(peak_kb) * 1024)
    each = (peaks[1] - peaks[0]) / 70_000
    print(f"{each:.0f} bytes a row")
    assert each < BYTES_PER_ROW
