"""The fast scan against its reference, whatever the file looks like and wherever it is cut."""

from __future__ import annotations

import random
from bisect import bisect_left
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.analyzers.shared.daily_latency import SLA_VIOLATIONS
from finops.reader.header import open_csv
from finops.rollups import blocks, columns, file_scan, partition, serialization
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.expressions import band_of, plus
from finops.rollups.measures import SUM_MEASURES, Dimension
from finops.rollups.part import PartitionResult
from finops.rollups.partition import scan_partition
from finops.rollups.planner import Plan
from finops.rollups.spec import Having, Table
from finops.schema import COLUMN_NAMES
from tests.rollups.test_dataset import EVERYTHING, rows_strategy
from tests.support.reference import DEFAULT_ROW, ReferenceDataset, call

pytestmark = pytest.mark.unmeasured

Row = Dict[str, str]

# Changes that make a good row one that must be left out.
SPOILERS: Tuple[Row, ...] = (
    {"input_tokens": "x"},
    {"output_tokens": "-1"},
    {"input_tokens": "12.5"},
    {"output_tokens": "", "cost_usd": ""},
    {"timestamp": "2025-02-30T10:00:00.000000"},
    {"timestamp": "yesterday"},
    {"model": ""},
    {"model": " NULL "},
    {"region": "us\0east"},
)


class Shape(NamedTuple):
    """How a file is written: order and names of columns, line ends, byte order mark."""

    columns: Sequence[str]
    end: str
    mark: str

    def line(self, row: Row) -> str:
        return ",".join(_cell(row.get(name, "whatever")) for name in self.columns) + self.end


def _cell(text: str) -> str:
    quoted = '"' + text.replace('"', '""') + '"'
    return quoted if set('",') & set(text) else text


shapes = st.builds(
    Shape,
    st.sets(st.sampled_from(["note", "team", "x"])).flatmap(
        lambda more: st.permutations([*COLUMN_NAMES, *sorted(more)])
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)


class _HerePartWorkers:
    """Stands for the processes that read parts: reads them here, and sends them nowhere."""

    def __init__(self, found: Any, spans: Any, tables: Any, rules: Any, *_: Any) -> None:
        self._job = (found, spans, tables, rules)

    def __enter__(self) -> _HerePartWorkers:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def results(self) -> List[Any]:
        found, spans, tables, rules = self._job
        with open_csv(found.path) as stream:
            parts = [
                scan_partition(stream, span, found.header, Plan(tables), rules) for span in spans
            ]
        return [
            PartitionResult.from_plain(serialization.load(serialization.dump(part.plain())))
            for part in parts
        ]


@contextmanager
def cut_at(content: bytes, shares: Sequence[float], piece: int) -> Iterator[None]:
    """Let a file be cut at the line starts nearest to these shares of it."""
    starts = [at + 1 for at, byte in enumerate(content) if byte == 0x0A]

    def spans(_: Any, start: int, end: int, count: int) -> List[Tuple[int, int]]:
        there = [at for at in starts if start <= at <= end] or [start]
        cuts = sorted(there[int(share * (len(there) - 1))] for share in shares)
        edges = [start, *cuts, end]
        return list(zip(edges, edges[1:]))

    with mock.patch.object(file_scan, "spans", spans), mock.patch.object(
        file_scan, "PartitionWorkers", _HerePartWorkers
    ), mock.patch.object(partition, "BLOCK_BYTES", piece):
        yield


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=rows_strategy(),
    dirt=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(SPOILERS)), max_size=12),
    shape=shapes,
    cuts=st.lists(st.floats(0, 1), max_size=2),
    piece=st.integers(300, 6000),
    ordered=st.booleans(),
)
def test_any_file_cut_anywhere_gives_what_the_reference_gives(
    rows: List[Row],
    dirt: List[Tuple[int, Row]],
    shape: Shape,
    cuts: List[float],
    piece: int,
    ordered: bool,
    tmp_path: Path,
) -> None:
    if ordered:
        rows = sorted(rows, key=lambda row: row["timestamp"])
    lines = [shape.line(row) for row in rows]
    for place, spoiler in sorted(dirt, key=lambda one: -one[0]):
        lines.insert(place, shape.line({**DEFAULT_ROW, **spoiler}))
    text = shape.mark + shape.line(dict(zip(shape.columns, shape.columns))) + "".join(lines)
    content = text.encode("utf-8")
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    if dirt and not rows:
        return  # a file of which no row can be used is refused, which is tested elsewhere
    with cut_at(content, cuts, piece):
        found = open_dataset(path).rollups(EVERYTHING)
    expected = ReferenceDataset(rows).rollups(EVERYTHING)
    for table in EVERYTHING:
        assert found[table] == expected[table], table
        assert list(found[table]) == list(expected[table]), table
    assert found.customers == expected.customers
    assert (found.period, found.totals) == (expected.period, expected.totals)
    accounting = found.accounting
    assert (accounting.used, accounting.skipped_rows) == (len(rows), len(dirt))
    assert accounting.balanced


MANY: Tuple[Table, ...] = (
    *CUSTOMER_RECORDS,
    Table(("customer_id",), SUM_MEASURES),
    Table(("provider", "model"), (*SUM_MEASURES, "latency")),
    Table(("customer_id", "provider", "model"), ("calls", "cost")),
    Table(("hour", "customer_id"), ("cost",), top="cost"),
    Table(("customer_id", "hour"), ("calls", "rate_limits"), having=Having("rate_limits")),
    Table(("day", "region"), ("calls", SLA_VIOLATIONS)),
    Table(("customer_id", "hour"), ("calls",), top="calls"),
    Table(("week", "feature_id", "customer_id"), ("calls",)),
    Table(("hour", "provider"), ("calls", "latencies")),
)


def test_many_customers_and_models_give_what_the_reference_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More groups than are handled at a time, and two real processes."""
    for module in (columns, blocks):
        monkeypatch.setattr(module, "MANY_CELLS", 1_500)
    draw = random.Random("many")
    rows = []
    for k in range(6_000):
        minute = k // 3
        failed = draw.random() < 0.1
        rows.append(
            call(
                timestamp=f"2025-{1 + minute // 1440 // 28:02d}-{1 + minute // 1440 % 28:02d}"
                f"T{minute // 60 % 24:02d}:{minute % 60:02d}:{k % 3 * 20:02d}.000000",
                customer_id=f"c{k * 7919 % 5_700:05d}",
                provider=f"p{k % 7}",
                model=f"m{draw.randrange(300)}",
                feature_id=f"f{draw.randrange(5)}",
                region=f"r{draw.randrange(4)}",
                cost_usd=f"{draw.randrange(10**6) / 10**6:.6f}",
                latency_ms=draw.randrange(5000),
                status="error" if failed else "success",
                error_type="rate_limit" if failed else "",
            )
        )
    path = tmp_path / "many.csv"
    shape = Shape(COLUMN_NAMES, "\n", "")
    header = shape.line(dict(zip(COLUMN_NAMES, COLUMN_NAMES)))
    path.write_text(header + "".join(map(shape.line, rows)), encoding="utf-8")
    expected = ReferenceDataset(rows).rollups(MANY)
    found = open_dataset(path, workers=2).rollups(MANY)
    assert len(found.customers) == found.totals.customers == 5_700
    for table in MANY:
        assert found[table] == expected[table], table


def test_the_cuts_of_these_tests_are_real() -> None:
    """The stand-in for cutting gives as many parts as it is told, at line starts."""
    content = b"head\n" + b"row\n" * 10
    with cut_at(content, (0.3, 0.7), 300):
        found = vars(file_scan)["spans"](None, 5, len(content), 3)
    assert [start for start, _ in found] == [5, 17, 33]
    starts = [at + 1 for at, byte in enumerate(content) if byte == 0x0A]
    assert all(starts[bisect_left(starts, end)] == end for _, end in found)


def test_more_customers_than_fit_into_a_byte_by_bands_of_tokens(tmp_path: Path) -> None:
    """A dimension that follows from each row leaves the room that customers need."""
    band = Dimension("token_band", band_of(plus("input_tokens", "output_tokens"), 250))
    table = Table(("customer_id", "provider", "model", "region", band), ("calls", "cost"))
    rows = [
        call(customer_id=f"c{k % 300:03d}", model=f"m{k % 7}", input_tokens=k * 37 % 4000)
        for k in range(900)
    ]
    path = tmp_path / "calls.csv"
    shape = Shape(COLUMN_NAMES, "\n", "")
    header = shape.line(dict(zip(COLUMN_NAMES, COLUMN_NAMES)))
    path.write_text(header + "".join(map(shape.line, rows)), encoding="utf-8")
    cells = open_dataset(path, workers=1).rollups((table,))[table]
    assert len({key[0] for key in cells}) == 300
    assert cells == ReferenceDataset(rows).rollups((table,))[table]
