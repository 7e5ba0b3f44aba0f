"""What was kept of an earlier run gives the very result of reading everything again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from finops.business.catalog import CATALOG, PriceTable
from finops.rollups import cache, dataset, serialization
from finops.rollups.cache import cache_path
from finops.rollups.dataset import open_dataset
from tests.rollups.test_dataset import EVERYTHING, csv_of
from tests.support.plain import call

pytestmark = pytest.mark.long


def rows(first: int, last: int) -> List[Dict[str, str]]:
    found = []
    for k in range(first, last):
        day, minute = divmod(k * 17, 1440)
        found.append(
            call(
                timestamp=f"2025-{1 + day // 28:02d}-{1 + day % 28:02d}"
                f"T{minute // 60:02d}:{minute % 60:02d}:00.{k % 1000:06d}",
                customer_id=f"c{k % 7}",
                region=["us-east", "eu-west"][k // 9 % 2],
                model=["gpt-4o", "gpt-4", "mystery"][k % 3],
                latency_ms=k * 31 % 4000,
                input_tokens=k * 13 % 2000,
                cost_usd="" if k % 50 == 0 else f"{k % 977 / 1000:.6f}",
            )
        )
    return found


@pytest.fixture(autouse=True)
def _keep_small_files_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 50_000)


@pytest.fixture
def read_spans(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """Record which bytes this process parses."""
    seen: List[Any] = []
    original = vars(dataset)["scan_partition"]

    def spy(stream: Any, span: Any, *more: Any) -> Any:
        seen.append(span)
        return original(stream, span, *more)

    monkeypatch.setattr(dataset, "scan_partition", spy)
    return seen


def everything(path: Path, **how: Any) -> Any:
    found = open_dataset(path, **{"workers": 1, **how}).rollups(EVERYTHING)
    tables = {table: found[table] for table in EVERYTHING}
    return tables, found.totals, found.period, found.customers, found.accounting, found.file


def check_fresh(path: Path, **how: Any) -> None:
    assert everything(path, cache=True, **how) == everything(path)


def test_warm_is_cold_and_reads_nothing_again(tmp_path: Path, read_spans: List[Any]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 1500)))
    check_fresh(path, workers=2)
    assert Path(cache_path(str(path))).is_file()
    del read_spans[:]
    warm = everything(path, cache=True)
    assert read_spans == []
    assert warm == everything(path)


def test_only_what_was_appended_is_read(tmp_path: Path, read_spans: List[Any]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 1000)))
    everything(path, cache=True)
    size = path.stat().st_size
    assert size > cache.SEALED_PART_BYTES
    for last in range(1100, 2000, 100):
        with open(str(path), "ab") as out:
            out.write(csv_of(rows(last - 100, last)).split(b"\n", 1)[1])
        del read_spans[:]
        warm = everything(path, cache=True)
        assert len(read_spans) == 1
        assert read_spans[0][0] >= size
        assert warm == everything(path)
    kept = serialization.load(Path(cache_path(str(path))).read_bytes()[32:])
    assert len(kept["parts"]) < 8  # small appends were put together


@pytest.mark.parametrize("side_by_side", [True, False])
def test_each_part_is_held_against_the_bytes_of_the_file(
    tmp_path: Path, read_spans: List[Any], monkeypatch: pytest.MonkeyPatch, side_by_side: bool
) -> None:
    """Changed anywhere, and only touched, with the same size and a new time of change."""
    if not side_by_side:  # as on Windows
        monkeypatch.delattr(os, "pread", raising=False)
    path = tmp_path / "a.csv"
    content = csv_of(rows(0, 1500))
    path.write_bytes(content)
    everything(path, cache=True, workers=3)
    del read_spans[:]
    path.write_bytes(content)
    check_fresh(path, workers=3)
    assert len(read_spans) == 1, "read for the comparison alone"
    for share in (0.1, 0.5, 0.9):
        at = content.index(b"us-east", int(len(content) * share))
        path.write_bytes(content[:at] + content[at:].replace(b"us-east", b"xx-east", 1))
        check_fresh(path, workers=3)


def test_a_torn_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content = csv_of(rows(0, 900))
    for cut in (len(content) - 1, len(content) - 40, len(content) - 250):
        path.write_bytes(content[:cut])
        check_fresh(path)
        with open(str(path), "ab") as out:
            out.write(content[cut:])
        check_fresh(path)


def truncated(path: Path) -> None:
    content = path.read_bytes()
    os.truncate(str(path), content.rfind(b"\n", 0, len(content) // 2) + 1)


def replaced_by_equal_size(path: Path) -> None:
    aside = path.with_suffix(".new")
    aside.write_bytes(
        path.read_bytes().replace(b"cust_0001", b"cust_0002").replace(b",c3,", b",c9,")
    )
    os.replace(str(aside), str(path))


def changed_in_place(path: Path) -> None:
    content = path.read_bytes()
    with open(str(path), "r+b") as out:
        out.seek(content.index(b",c3,", len(content) // 2))
        out.write(b",c9,")


def changed_in_place_and_grown(path: Path) -> None:
    changed_in_place(path)
    with open(str(path), "ab") as out:
        out.write(csv_of(rows(1500, 1600)).split(b"\n", 1)[1])


def other_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"session_id", b"session_no", 1))


def emptied(path: Path) -> None:
    path.write_bytes(csv_of([]))


@pytest.mark.parametrize(
    "change",
    [truncated, replaced_by_equal_size, changed_in_place, changed_in_place_and_grown, other_header,
     emptied],
)  # fmt: skip
def test_whatever_happens_to_the_file_is_noticed(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 1500)))
    everything(path, cache=True)
    change(path)
    check_fresh(path)
    check_fresh(path)


def test_a_change_within_the_grain_of_file_times_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 1500)))
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    everything(path, cache=True)
    changed_in_place(path)
    os.utime(str(path), ns=times)
    check_fresh(path)


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda content: content[:100],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"\x80\x04cos\nsystem\n",
        lambda content: content + b"x",
    ],
)
def test_a_damaged_state_is_not_used(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    everything(path, cache=True)
    kept = Path(cache_path(str(path)))
    kept.write_bytes(damage(kept.read_bytes()))
    check_fresh(path)
    kept.unlink()
    check_fresh(path)


def resealed(content: Any) -> bytes:
    body: bytes = serialization.dump(content)
    return hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept["parts"][0].pop("cubes"),
        lambda kept: kept["parts"][0]["cubes"].pop(),
        lambda kept: kept["parts"][0].update(customer_keys=[]),
        lambda kept: kept["parts"][0].update(accounts=3),
        lambda kept: kept["parts"][0].update(journeys=None),
        lambda kept: kept.update(parts="all of them"),
        lambda kept: kept.update(key="made by another version"),
        lambda kept: kept["parts"][0].update(span=[0, 5]),
    ],
)
def test_a_well_formed_but_wrong_state_is_not_used(
    spoil: Callable[[Any], Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    everything(path, cache=True)
    file = Path(cache_path(str(path)))
    kept = serialization.load(file.read_bytes()[32:])
    spoil(kept)
    file.write_bytes(resealed(kept))
    check_fresh(path)


def test_other_prices_and_other_tables_do_not_share(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 500)))
    everything(path, cache=True)
    dearer = PriceTable(tuple(m._replace(input_price=m.input_price * 2) for m in CATALOG))
    warm, cold = (everything(path, cache=cache, prices=dearer) for cache in (True, False))
    assert warm == cold
    few = open_dataset(path, cache=True).rollups(EVERYTHING[:1])
    assert few[EVERYTHING[0]] == cold[0][EVERYTHING[0]] or few.totals != cold[1]


def test_rows_that_lie_in_the_future_today_are_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    future = call(timestamp="2999-01-01T00:00:00.000000")
    path.write_bytes(csv_of([*rows(0, 100), future]))
    everything(path, cache=True)
    assert not Path(cache_path(str(path))).exists()


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 100)))
    Path(cache_path(str(path))).mkdir()
    check_fresh(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.csv.cache"]


def test_an_unordered_file_is_put_in_order_across_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(700, 1500)))
    check_fresh(path)
    with open(str(path), "ab") as out:
        out.write(csv_of(rows(0, 700)).split(b"\n", 1)[1])
    check_fresh(path)
    check_fresh(path, workers=3)


def test_what_a_killed_run_left_is_removed_but_not_a_running_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 20)))
    old, new = (Path(f"{cache_path(str(path))}.{number}.tmp") for number in (11, 12))
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(str(old), (0, 0))
    open_dataset(path, cache=True).rollups(())
    assert (old.exists(), new.exists()) == (False, True)
