"""Tables that were kept of an earlier run are those of aggregating everything again."""

from __future__ import annotations

import os
import random
from array import array
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.catalog import CATALOG, PriceTable
from finops.errors import DataError
from finops.rollups import cache, compact_table, merge
from finops.rollups.aggregate import aggregate
from finops.rollups.compact_table import CompactTable, as_compact, compacted
from finops.rollups.dataset import Dataset
from finops.rollups.expressions import one_of
from finops.rollups.kept_tables import NEVER, Basis, KeptTables
from finops.rollups.serialization import dump, load
from finops.rollups.spec import Having, Key, Table, Values
from finops.storage.file_operations import FILES
from tests.rollups.test_cache import rows
from tests.rollups.test_compact_table import kinds, tables
from tests.rollups.test_dataset import EVERYTHING, csv_of

# One of each kind: those of which groups of the past hold, and those that are made anew.
BY_TIME = (
    Table(("day",), ("calls", "cost")),
    Table(("hour", "provider", "model"), ("cost", "tokens", "unpriced")),
    Table(("week", "region"), ("calls",)),
    Table(("customer_id", "day"), ("calls", "cost")),
    Table(("customer_id", "day", "tier_price_usd"), ("calls",)),
    Table(("day", "model"), ("calls",), one_of("region", "us-east")),
    Table(("day", "model"), ("calls", "cost"), having=Having("calls", ">", 3)),
    Table(("hour", "customer_id"), ("cost",), top="cost"),
    Table(("day", "customer_id"), ("calls",), limit=600),
    Table(("day", "customer_id"), ("calls",), limit=7),
    Table(("customer_id", "day"), ("calls",), limit=7),
    Table(("day",), ("calls", "customers")),
    Table(("day", "model"), ("calls",), since=3),
    Table(("customer_id", "day"), ("calls",), since=9),
)
OTHERS = (
    Table(("model",), ("calls", "cost")),
    Table(("hour_of_day",), ("calls",)),
    Table(("customer_id", "day"), ("calls",), top="calls"),
    Table(("week", "cohort_week"), ("calls",)),
    Table(("customer_id", "day"), ("calls",), among=Having("calls", ">", 50)),
    Table(("day",), ("latency",)),
)
ALL = (*BY_TIME, *OTHERS)


@pytest.fixture(autouse=True)
def small_files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 20_000)


@pytest.fixture
def aggregated(monkeypatch: pytest.MonkeyPatch) -> Dict[Table, int]:
    """Note of how many cells tables are made."""
    cells: Dict[Table, int] = {}

    def noted(table: Table, sums: Any, lists: Any) -> Any:
        cells[table] = sum(cube.starts[-1] for cube in sums or ())
        return aggregate(table, sums, lists)

    monkeypatch.setattr(merge, "aggregate", noted)
    return cells


def filled(path: Path, tables: Sequence[Table] = ALL, **how: Any) -> Dict[Table, List[Any]]:
    dataset = Dataset(path, workers=1, **{"cache": True, **how})
    dataset.fill(ALL)
    with dataset.keeping_tables():
        data = dataset.rollups(tables)
        return {table: list(data[table].items()) for table in tables}


def check(path: Path, tables: Sequence[Table] = ALL, **how: Any) -> None:
    assert filled(path, tables, **how) == filled(path, tables, **{**how, "cache": False})


def append(path: Path, first: int, last: int) -> None:
    with open(str(path), "ab") as out:
        out.write(csv_of(rows(first, last)).split(b"\n", 1)[1])


def kept_file(path: Path) -> Path:
    return path.with_name(path.name + ".tables.cache")


def test_groups_of_the_past_are_not_made_again(
    tmp_path: Path, aggregated: Dict[Table, int]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 2500)))
    filled(path)
    before = dict(aggregated)
    append(path, 2500, 2530)
    warm = filled(path)
    made = {table: aggregated[table] for table in before}
    assert warm == filled(path, cache=False)
    fewer = [table for table in before if made[table] * 2 < before[table]]
    # What cuts off the past has it made again.
    assert len(fewer) == sum(table.limit != 7 for table in BY_TIME), made


def test_where_nothing_is_new_nothing_is_made(tmp_path: Path, aggregated: Dict[Table, int]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    first = filled(path)
    aggregated.clear()
    assert filled(path) == first
    assert len(aggregated) == 1, "only the table of lists, which is never kept"


@pytest.mark.parametrize("count", [1, 700])
def test_calls_of_the_past_are_in_their_groups(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(700, 1500)))
    check(path)
    append(path, 400, 400 + count)
    check(path)
    append(path, 1500, 1510)
    check(path)


def test_days_come_back_when_the_last_ones_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content = csv_of(rows(0, 1200))
    half = content.index(b"\n", len(content) // 2) + 1
    path.write_bytes(content[:half])
    check(path)
    append(path, 1190, 1200)
    check(path)
    path.write_bytes(content[:half] + csv_of(rows(650, 660)).split(b"\n", 1)[1])
    check(path)


def test_an_open_end_is_no_past(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content = csv_of(rows(0, 800))
    for cut in (1, 40, 300):
        path.write_bytes(content[:-cut])
        check(path)
        path.write_bytes(content)
        check(path)


def test_an_edit_makes_all_tables_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"us-east", b"xx-east", 1))
    check(path)


def test_other_prices_make_all_tables_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check(path)
    dearer = PriceTable(tuple(m._replace(input_price=m.input_price * 2) for m in CATALOG))
    check(path, prices=dearer)


def test_a_run_of_some_tables_serves_a_run_of_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check(path, ALL[:3])
    append(path, 600, 640)
    check(path)


def test_implausible_times_that_become_usual_make_all_tables_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 300)))
    check(path)
    odd = csv_of([dict(row, timestamp="1970-01-01T00:00:00") for row in rows(300, 700)])
    with open(str(path), "ab") as out:
        out.write(odd.split(b"\n", 1)[1])
    check(path)
    append(path, 700, 730)
    check(path)


def test_what_a_run_that_failed_has_made_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    dataset = Dataset(path, workers=1, cache=True)
    dataset.fill(ALL)

    def fail() -> None:
        with dataset.keeping_tables():
            dataset.rollups(ALL)
            raise DataError("no page")

    with pytest.raises(DataError):
        fail()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.csv.cache"]


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 100)))
    kept_file(path).mkdir()
    check(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.csv",
        "a.csv.cache",
        "a.csv.tables.cache",
    ]


def test_a_full_disk_leaves_the_tables_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check(path)
    before = kept_file(path).read_bytes()
    append(path, 600, 640)
    write_all = FILES.write_all

    def full(fd: int, data: bytes) -> None:
        if len(data) > 2000:
            raise OSError(28, "No space left on device")
        write_all(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(FILES, "write_all", full)
        check(path)
    assert kept_file(path).read_bytes() == before
    check(path)


def test_whatever_lies_there_figures_are_those_of_aggregating_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check(path)
    append(path, 600, 630)
    expected = filled(path, cache=False)
    whole = kept_file(path).read_bytes()
    for _ in range(int(os.environ.get("FINOPS_TEST_CORRUPTIONS", "25"))):
        seed = random.randrange(10**9)
        print("seed", seed)
        draw = random.Random(seed)
        at, length = draw.randrange(len(whole)), draw.choice([1, 8, 100])
        damages = [
            whole[:at],
            whole[:at] + bytes(length) + whole[at + length :],
            whole[:at] + whole[at + length :],
            whole[at:],
            b"",
        ]
        kept_file(path).write_bytes(draw.choice(damages))
        assert filled(path) == expected, seed


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check(path)
    real = tmp_path / "real"
    kept_file(path).rename(real)
    before = real.read_bytes()
    kept_file(path).symlink_to(real)
    append(path, 600, 640)
    check(path)
    assert real.read_bytes() == before
    assert not kept_file(path).is_symlink()


# --- what holds -----------------------------------------------------------------------------------


def basis(*parts: List[Any], key: str = "k", implausible_used: bool = False) -> Basis:
    return Basis(key, implausible_used, parts)


FIRST, SECOND = [[0, 5], ["a"], "2025-01-01T00"], [[5, 9], ["b"], "2025-01-03T07"]
LONGER = [[5, 12], ["c"], "2025-01-03T06"]


def test_tables_hold_up_to_the_first_hour_of_what_differs() -> None:
    assert basis(FIRST, SECOND).changes_from(basis(FIRST, SECOND)) == NEVER
    assert basis(FIRST, SECOND).changes_from(basis(FIRST)) == "2025-01-03T07"
    assert basis(FIRST).changes_from(basis(FIRST, SECOND)) == "2025-01-03T07"
    assert basis(FIRST, LONGER).changes_from(basis(FIRST, SECOND)) == "2025-01-03T06"
    assert basis(SECOND).changes_from(basis(FIRST)) == "2025-01-01T00"
    assert basis(FIRST, [[5, 5], [], ""]).changes_from(basis(FIRST)) == NEVER
    assert basis(FIRST).changes_from(basis(FIRST, key="other")) == ""
    assert basis(FIRST).changes_from(basis(FIRST, implausible_used=True)) == ""


def test_a_table_is_known_by_all_that_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    by_day = Table(("day",), ("calls",))
    with KeptTables(str(path), basis(FIRST)) as kept:
        kept.keep(by_day, {("2025-01-01",): (3,)})
        kept.publish()
    with KeptTables(str(path), basis(FIRST)) as kept:
        found = kept.earlier(by_day)
        assert found is not None
        assert dict(found.groups) == {("2025-01-01",): (3,)}
        assert kept.earlier(by_day._replace(having=Having("calls", ">", 1))) is None
        assert kept.earlier(by_day._replace(limit=1)) is None
    assert len(set(map(repr, (*EVERYTHING, *ALL)))) == len({*EVERYTHING, *ALL})


# --- columns --------------------------------------------------------------------------------------


@given(tables)
def test_columns_are_the_same_when_they_were_written(groups: Dict[Key, Values]) -> None:
    """But for lists, which no table that is kept has."""
    plain = {key: values[:3] for key, values in groups.items()}
    table = as_compact(plain)
    if not plain:
        return
    read = CompactTable.from_plain(load(dump(table.plain())), 4, 3)
    assert list(read.items()) == list(plain.items())
    assert kinds(read) == kinds(plain)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"count": 2, "keys": [{"all": [1]}], "columns": []},
        {"count": 1, "keys": [], "columns": []},
        {"count": 1, "keys": [[["a"], [1]]], "columns": []},
        {"count": 1, "keys": [[["a"], [-1]]], "columns": []},
        {"count": 1, "keys": [[["a"], ["b"]]], "columns": []},
        {"count": 1, "keys": [3], "columns": []},
        {"count": 1, "keys": [{"all": [1]}], "columns": [{"all": [1]}]},
    ],
)
def test_what_is_no_table_is_refused(plain: Any) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        CompactTable.from_plain(plain, 1, 0)


texts = st.sampled_from(["", "a", "b", "gpt-4o"])
parts = st.one_of(texts, st.none(), st.booleans(), st.sampled_from([0, 1, 300, 0.0, 1.0, 2**70]))
rows_of_a_day = st.dictionaries(
    st.tuples(texts, parts), st.tuples(parts, st.integers(-5, 2**66)), max_size=6
)


@given(rows_of_a_day, rows_of_a_day, rows_of_a_day)
def test_columns_are_continued_as_if_made_at_once(first: Any, second: Any, other: Any) -> None:
    def on(day: str, groups: Any) -> Dict[Key, Values]:
        return {(day, *key): values for key, values in groups.items()}

    past = on("2025-01-01", first)
    expected = {**past, **on("2025-01-02", other)}
    before = {**past, **on("2025-01-02", second)}
    if not before:
        return
    for limit in (0, 1, len(past), len(expected)):
        found = as_compact(before).continued("2025-01-02", on("2025-01-02", other), limit)
        cut = list(expected.items())[: limit or None]
        if len(past) <= limit or not limit:
            assert list(found.items()) == cut
            assert kinds(found) == kinds(dict(cut))


def test_a_continued_column_of_numbers_stays_an_array() -> None:
    groups = compacted({("2025-01-01", n): (n, n / 2) for n in range(300)})
    assert isinstance(groups, CompactTable)
    found = groups.continued("2025-01-02", {("2025-01-02", 1): (2**40, 0.5)})
    assert [type(column) for column in found._columns] == [array, array]
    assert len(found) == 301
    assert compact_table._FEW < 300
