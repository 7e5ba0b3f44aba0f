"""The same calls give the same figures however they are written and shared out over files."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.context import RunContext
from finops.rollups import cache, partition
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.file_scan import FileScan
from finops.rollups.spec import Table
from finops.schema import WRITTEN_NAMES
from tests.storage.batches import memory_folder
from tests.support.rows import varied_rows

pytestmark = pytest.mark.unmeasured

Row = Dict[str, str]
TABLES = (
    *CUSTOMER_RECORDS,
    Table(("day", "provider", "model"), ("calls", "cost", "tokens", "errors")),
    Table(("customer_id", "day"), ("region_changes", "shortest_change_s")),
    Table(("region",), ("calls", "latency")),
)
CONTEXT = RunContext(1_800_000_000.0)
PROMPTS = ("", 'say "hi"', "one\ntwo", 'a,b;c\t|d\n\n"', "\u00e9\u00e0")


def calls(count: int) -> List[Row]:
    return [dict(row, prompt=PROMPTS[n % len(PROMPTS)]) for n, row in enumerate(varied_rows(count))]


CALLS = calls(120)


class Writing(NamedTuple):
    """How a file is written."""

    delimiter: str = ","
    all_quoted: bool = False
    line_end: str = "\n"
    encoding: str = "utf-8"
    compressed: bool = False
    ended: bool = True
    preamble: str = ""

    def text(self, rows: Sequence[Row]) -> str:
        """Return rows as Python's own writer writes them."""
        out = io.StringIO()
        quoting: Any = csv.QUOTE_ALL if self.all_quoted else csv.QUOTE_MINIMAL
        names = [*WRITTEN_NAMES, "prompt"]
        writer = csv.DictWriter(
            out,
            names,
            extrasaction="ignore",
            delimiter=self.delimiter,
            quoting=quoting,
            lineterminator=self.line_end,
        )
        out.write(self.preamble)
        writer.writeheader()
        writer.writerows(rows)
        text = out.getvalue()
        return text if self.ended else text[: -len(self.line_end)]

    def content(self, rows: Sequence[Row]) -> bytes:
        """Return a file with rows."""
        content = self.text(rows).encode(self.encoding)
        return gzip.compress(content, 1) if self.compressed else content


writings = st.builds(
    Writing,
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "# comment\n\n"]),
)


def figures(paths: Sequence[Path], **how: Any) -> Any:
    """Return all figures but those on the files themselves."""
    dataset = open_dataset(
        [str(path) for path in paths], **{"workers": 1, "context": CONTEXT, **how}
    )
    data = dataset.rollups(TABLES)
    assert data.accounting.balanced
    used = (data.accounting.used, data.accounting.skipped, data.accounting.repeated_records)
    return {table: data[table] for table in TABLES}, data.totals, data.period, data.customers, used


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("plain") / "calls.csv"
    path.write_bytes(Writing().content(CALLS))
    return figures([path])


def written(folder: Path, files: Sequence[Sequence[Row]], how: Sequence[Writing]) -> List[Path]:
    paths = []
    for number, (rows, writing) in enumerate(zip(files, how)):
        path = folder / f"{9 - number}.csv"
        path.write_bytes(writing.content(rows))
        paths.append(path)
    return paths


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(writings, min_size=1, max_size=5),
    st.sampled_from(["in turn", "one after the other", "overlapping"]),
    st.integers(0, 10**6),
    st.integers(300, 20_000),
)
def test_any_writing_of_the_calls_gives_the_same_figures(
    expected: Any, how: List[Writing], sharing: str, seed: int, block: int
) -> None:
    count = len(how)
    if sharing == "in turn":
        files: List[List[Row]] = [CALLS[place::count] for place in range(count)]
    else:
        edges = sorted(random.Random(seed).sample(range(1, len(CALLS)), count - 1))
        overlap = 5 if sharing == "overlapping" else 0
        starts = [0, *(max(0, edge - overlap) for edge in edges)]
        files = [CALLS[start:end] for start, end in zip(starts, [*edges, len(CALLS)])]
    with memory_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "BLOCK_BYTES", block)
        *values, used = figures(written(folder, files, how))
    repeated = sum(map(len, files)) - len(CALLS)
    assert values == list(expected[:-1])
    assert used == (len(CALLS), (), repeated)


@settings(deadline=None)
@given(writings, st.integers(0, 40))
def test_every_physical_line_is_in_one_class(writing: Writing, count: int) -> None:
    rows = CALLS[:count]
    text = writing.text(rows)
    with memory_folder() as folder:
        (path,) = written(folder, [rows], [writing])
        accounting = open_dataset(path, workers=1, context=CONTEXT).rollups(()).accounting
    assert accounting.balanced
    assert accounting.lines == text.count("\n") + (not text.endswith("\n"))
    assert (accounting.header, accounting.used) == (1, count)
    assert accounting.continuation == sum(row["prompt"].count("\n") for row in rows)
    assert (accounting.comments, accounting.blank) == ((1, 1) if writing.preamble else (0, 0))


@pytest.mark.parametrize("workers", [2, 3])
def test_several_processes_read_the_same(expected: Any, workers: int, tmp_path: Path) -> None:
    how = [Writing(), Writing(delimiter=";", all_quoted=True), Writing(compressed=True)]
    paths = written(tmp_path, [CALLS[:50], CALLS[50:90], CALLS[90:]], how)
    assert figures(paths, workers=workers) == expected


def test_progress_goes_over_all_files(tmp_path: Path) -> None:
    how = [Writing(), Writing(encoding="utf-16"), Writing(compressed=True)]
    paths = written(tmp_path, [CALLS[:50], CALLS[50:90], CALLS[90:]], how)
    seen: List[Any] = []
    figures(paths, progress=lambda done, total: seen.append((done, total)))
    dones = [done for done, _ in seen]
    assert dones == sorted(dones)
    assert all(0 <= done <= total for done, total in seen)
    assert seen[-1][0] == seen[-1][1] > 0


# --- what is kept ---------------------------------------------------------------------------------


@pytest.fixture
def read_names(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """Keep small files too, and record of which files bytes are parsed."""
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 1_000)
    seen: List[str] = []
    original = vars(FileScan)["_read"]

    def spy(scan: FileScan, stream: Any, start: int, *more: Any) -> Any:
        if start < scan.layout.whole_end:
            seen.append(scan.source.name)
        return original(scan, stream, start, *more)

    monkeypatch.setattr(FileScan, "_read", spy)
    return seen


PLAIN = [Writing()] * 3


def test_what_was_read_of_each_file_is_kept_beside_it(
    expected: Any, tmp_path: Path, read_names: List[str]
) -> None:
    paths = written(tmp_path, [CALLS[:40], CALLS[40:80], CALLS[80:100]], PLAIN)
    figures(paths, cache=True)
    assert all(Path(f"{path}.cache").is_file() for path in paths)
    del read_names[:]
    figures(paths, cache=True)
    assert read_names == []
    with open(str(paths[2]), "ab") as out:
        out.write(Writing().content(CALLS[100:]).split(b"prompt\n", 1)[1])
    assert figures(paths, cache=True) == expected
    assert read_names == [paths[2].name]


def test_what_is_kept_of_one_file_holds_beside_others_and_alone(
    expected: Any, tmp_path: Path, read_names: List[str]
) -> None:
    paths = written(tmp_path, [CALLS[:40], CALLS[40:80], CALLS[80:]], PLAIN)
    alone = [figures([path], cache=True) for path in paths]
    del read_names[:]
    assert figures(paths, cache=True) == expected
    assert read_names == []
    assert [figures([path], cache=True) for path in paths] == alone
    assert read_names == []


def test_repeats_across_files_are_not_kept(
    expected: Any, tmp_path: Path, read_names: List[str]
) -> None:
    paths = written(tmp_path, [CALLS[:80], CALLS[60:]], PLAIN)
    for _ in range(2):
        *values, used = figures(paths, cache=True)
        assert values == list(expected[:-1])
        assert used == (120, (), 20)
    assert figures(paths[1:], cache=True)[-1] == (60, (), 0)


def test_an_implausible_time_is_judged_by_all_files_and_by_one(
    tmp_path: Path, read_names: List[str]
) -> None:
    """One row of ten is how this file is; among the rows of all it is a slip."""
    old = dict(CALLS[0], timestamp="1970-01-01T00:00:00.000000", call_id="old")
    paths = written(tmp_path, [[*CALLS[:9], old], CALLS[9:] + calls(400)[120:]], PLAIN)
    for _ in range(2):
        assert figures(paths, cache=True)[-1][0] == 400
        assert figures(paths[:1], cache=True)[-1][0] == 10


def test_what_must_be_decoded_is_not_kept(tmp_path: Path, read_names: List[str]) -> None:
    paths = written(tmp_path, [CALLS], [Writing(compressed=True)])
    figures(paths, cache=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [paths[0].name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_a_file_that_grows_byte_by_byte_gives_what_it_gives_at_once(data: st.DataObject) -> None:
    """Wherever it is cut, also within a record of several lines or in a line."""
    content = Writing().content(CALLS[:60])
    header = content.index(b"prompt\n") + 7
    cuts = sorted(data.draw(st.lists(st.integers(header, len(content)), min_size=1, max_size=5)))
    with memory_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "MIN_STATE_BYTES", 0)
        patch.setattr(cache, "SEALED_PART_BYTES", 4_000)
        path = folder / "a.csv"
        for cut in [*cuts, len(content)]:
            with open(str(path), "ab") as out:
                out.write(content[path.stat().st_size if path.exists() else 0 : cut])
            fresh = folder / "fresh.csv"
            fresh.write_bytes(content[:cut])
            kept = open_dataset(path, workers=1, cache=True, context=CONTEXT).rollups(TABLES)
            whole = open_dataset(fresh, workers=1, context=CONTEXT).rollups(TABLES)
            assert kept.totals == whole.totals
            assert kept.accounting._replace(skipped=()) == whole.accounting._replace(skipped=())
            assert [kept[table] for table in TABLES] == [whole[table] for table in TABLES]
