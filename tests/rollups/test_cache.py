"""What was kept of an earlier run gives the very result of reading everything again."""

from __future__ import annotations

import ast
import hashlib
import os
import random
import subprocess
import sys
import zlib
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Set, Tuple

import pytest

from finops import config
from finops.business.catalog import CATALOG, PriceTable
from finops.errors import DataError
from finops.reader.options import ReadingRules
from finops.resources import sources
from finops.rollups import cache, file_scan, serialization
from finops.rollups.cache import cache_path
from finops.rollups.dataset import Dataset, open_dataset
from finops.rollups.digests import all_match
from finops.rollups.planner import Plan
from finops.rollups.spec import Table
from finops.simulator.engine import generate
from finops.storage.commit import commit_path
from tests.rollups.test_dataset import EVERYTHING, csv_of
from tests.support.reference import call
from tests.support.tools import ROOT

pytestmark = pytest.mark.long

FEW = EVERYTHING[:6]
# Whether a file or what was kept of it has changed is noticed whatever tables are asked for.
SOME = (*FEW, *EVERYTHING[6::8])
# Of those by time the groups of the past may be kept.
OF_HISTORIES = (
    *FEW,
    *[t for t in EVERYTHING if {"hour", "day", "week"} & set(t.dimension_names)][::3],
)


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


def edit_keeping_crc(path: Path, place: int) -> None:
    """Change a region in place, and digits elsewhere so that CRC-32 of the file stays.

    CRC-32 is linear: each flipped bit changes it by a value of its own, whatever else changes,
    so which digits to flip is a system of 32 equations.  Flipped in its lowest bit a digit
    stays one.
    """
    content = bytearray(path.read_bytes())
    before = zlib.crc32(content)
    content[place : place + 2] = b"xx"
    now = zlib.crc32(content)
    pivots: Dict[int, Tuple[int, int]] = {}  # by highest bit: a change, and who makes it
    digits = [at for at, byte in enumerate(content) if byte in b"0123456789"][-400::7]
    for number, at in enumerate(digits):
        content[at] ^= 1
        vector, flips = zlib.crc32(content) ^ now, 1 << number
        content[at] ^= 1
        vector, flips = reduced(vector, flips, pivots)
        if vector:
            pivots[vector.bit_length()] = (vector, flips)
    rest, flips = reduced(before ^ now, 0, pivots)
    assert rest == 0, "too few digits"
    for number, at in enumerate(digits):
        content[at] ^= flips >> number & 1
    with open(str(path), "r+b") as out:
        out.write(content)


def reduced(vector: int, flips: int, pivots: Dict[int, Tuple[int, int]]) -> Tuple[int, int]:
    """Return what is left of a vector when all pivots that can be taken away are."""
    for bit in range(32, 0, -1):
        if vector.bit_length() == bit and bit in pivots:
            vector, flips = vector ^ pivots[bit][0], flips ^ pivots[bit][1]
    return vector, flips


@pytest.fixture(autouse=True)
def _keep_small_files_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 20_000)


@pytest.fixture
def read_spans(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """Record which bytes this process parses."""
    seen: List[Any] = []
    original = vars(file_scan)["scan_partition"]

    def spy(stream: Any, span: Any, *more: Any, **named: Any) -> Any:
        seen.append(span)
        return original(stream, span, *more, **named)

    monkeypatch.setattr(file_scan, "scan_partition", spy)
    return seen


def read(path: Path, tables: Sequence[Table] = SOME, **how: Any) -> Any:
    """Return all that is said of a file."""
    return said_by(open_dataset(path, **{"workers": 1, **how}), tables)


def said_by(dataset: Any, tables: Sequence[Table]) -> Any:
    data = dataset.rollups(tables)
    filled = {table: data[table] for table in tables}
    return filled, data.totals, data.period, data.customers, data.accounting, data.file


def check_fresh(path: Path, tables: Sequence[Table] = SOME, **how: Any) -> None:
    assert read(path, tables, cache=True, **how) == read(path, tables)


def test_warm_is_cold_and_reads_nothing_again(tmp_path: Path, read_spans: List[Any]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    check_fresh(path, EVERYTHING, workers=2)
    assert Path(cache_path(str(path))).is_file()
    del read_spans[:]
    warm = read(path, EVERYTHING, cache=True)
    assert read_spans == []
    assert warm == read(path, EVERYTHING)


def test_only_what_was_appended_is_read(tmp_path: Path, read_spans: List[Any]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 1000)))
    read(path, EVERYTHING, cache=True)
    size = path.stat().st_size
    assert size > cache.SEALED_PART_BYTES
    for last in range(1100, 2000, 100):
        with open(str(path), "ab") as out:
            out.write(csv_of(rows(last - 100, last)).split(b"\n", 1)[1])
        del read_spans[:]
        warm = read(path, EVERYTHING, cache=True)
        assert len(read_spans) == 1
        assert read_spans[0][0] >= size
        assert warm == read(path, EVERYTHING)
    kept = serialization.load(Path(cache_path(str(path))).read_bytes()[32:])
    assert len(kept["parts"]) < 8  # small appends were put together


def test_a_small_file_that_grows_is_not_read_again(tmp_path: Path, read_spans: List[Any]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 60)))
    read(path, cache=True)
    size = path.stat().st_size
    assert size < cache.SEALED_PART_BYTES
    with open(str(path), "ab") as out:
        out.write(csv_of(rows(60, 70)).split(b"\n", 1)[1])
    del read_spans[:]
    read(path, cache=True)
    assert read_spans == [(size, path.stat().st_size)]


def test_many_small_appends_make_few_parts_and_are_read_a_few_times(
    tmp_path: Path, read_spans: List[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As bits of a number that counts the appends: 32 of one size take 32 + 16 * 5 of them."""
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 1_000_000)
    path = tmp_path / "a.csv"
    header, row = csv_of(rows(0, 1)).splitlines(True)
    path.write_bytes(header)
    numbers = []
    for _ in range(32):
        with open(str(path), "ab") as out:
            out.write(row * 10)
        read(path, cache=True)
        kept = serialization.load(Path(cache_path(str(path))).read_bytes()[32:])
        numbers.append(len(kept["parts"]))
    assert sum(end - start for start, end in read_spans) == (32 + 16 * 5) * len(row * 10)
    assert numbers == [bin(count).count("1") for count in range(1, 33)]


@pytest.mark.unmeasured
@pytest.mark.parametrize("side_by_side", [True, False])
def test_each_part_is_held_against_the_bytes_of_the_file(
    tmp_path: Path, read_spans: List[Any], monkeypatch: pytest.MonkeyPatch, side_by_side: bool
) -> None:
    """Changed anywhere, and only touched, with the same size and a new time of change."""
    if not side_by_side:  # as on Windows
        monkeypatch.delattr(os, "pread", raising=False)
    path = tmp_path / "a.csv"
    content = csv_of(rows(0, 600))
    path.write_bytes(content)
    read(path, cache=True, workers=3)
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
        check_fresh(path, EVERYTHING)
        with open(str(path), "ab") as out:
            out.write(content[cut:])
        check_fresh(path, EVERYTHING)


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
        out.write(csv_of(rows(600, 640)).split(b"\n", 1)[1])


def other_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"session_id", b"session_no", 1))


def emptied(path: Path) -> None:
    path.write_bytes(csv_of([]))


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "change",
    [truncated, replaced_by_equal_size, changed_in_place, changed_in_place_and_grown, other_header,
     emptied],
)  # fmt: skip
def test_whatever_happens_to_the_file_is_noticed(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    read(path, cache=True)
    change(path)
    check_fresh(path)
    check_fresh(path)


def test_a_change_within_the_grain_of_file_times_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    read(path, cache=True)
    changed_in_place(path)
    os.utime(str(path), ns=times)
    check_fresh(path)


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.sampled
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
    read(path, cache=True)
    kept = Path(cache_path(str(path)))
    kept.write_bytes(damage(kept.read_bytes()))
    check_fresh(path)
    kept.unlink()
    check_fresh(path)


def resealed(content: Any) -> bytes:
    body: bytes = serialization.dump(content)
    return hashlib.sha256(body).digest() + body


@pytest.mark.sampled
@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept["parts"][0].pop("cubes"),
        lambda kept: kept["parts"][0]["cubes"].pop(),
        lambda kept: kept["parts"][0].update(customer_keys=[]),
        lambda kept: kept["parts"][0].update(accounts=3),
        lambda kept: kept["parts"][0].update(activity=None),
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
    read(path, cache=True)
    file = Path(cache_path(str(path)))
    kept = serialization.load(file.read_bytes()[32:])
    spoil(kept)
    file.write_bytes(resealed(kept))
    check_fresh(path)


@pytest.mark.unmeasured
def test_an_edit_that_keeps_size_times_and_crc_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    long_ago = 10**18
    os.utime(str(path), ns=(long_ago, long_ago))
    for workers in (1, 3):
        read(path, cache=True, workers=workers)
        before = path.read_bytes()
        edit_keeping_crc(path, before.index(b"us-east", len(before) // 3))
        os.utime(str(path), ns=(long_ago, long_ago))
        after = path.read_bytes()
        assert (len(after), zlib.crc32(after)) == (len(before), zlib.crc32(before))
        assert after != before
        check_fresh(path, workers=workers)


def moved_away(path: Path) -> None:
    os.replace(str(path), str(path.with_suffix(".old")))


def grown(path: Path) -> None:
    with open(str(path), "ab") as out:
        out.write(csv_of(rows(600, 640)).split(b"\n", 1)[1])


def settle(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file have been untouched for long, in the eyes of the cache."""
    monkeypatch.setattr(cache, "_SETTLED_S", -1.0)


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "change",
    [
        changed_in_place,
        changed_in_place_and_grown,
        grown,
        truncated,
        replaced_by_equal_size,
        moved_away,
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_change_while_the_file_is_read_is_not_kept_for_ever(
    change: Callable[[Path], None], workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It happens while the scan pauses in the middle; the runs after it see what is there."""
    settle(tmp_path, monkeypatch)
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    changed: List[bool] = []

    def between(done: int, total: int) -> None:
        if not changed and done > total // 2:
            changed.append(True)
            change(path)

    with suppress(DataError):  # there may be no file any more
        read(path, cache=True, workers=workers, progress=between)
    assert changed
    if path.exists():
        check_fresh(path, workers=workers)
        check_fresh(path, workers=workers)


def test_an_untouched_file_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    hashed: List[int] = []

    def noting(*words: Any) -> bool:
        hashed.append(1)
        return all_match(*words)

    monkeypatch.setattr(cache, "all_match", noting)
    read(path, cache=True)
    read(path, cache=True)
    assert hashed == [1], "it had changed a moment before it was read"
    settle(path, monkeypatch)
    read(path, cache=True)
    assert hashed == [1, 1]
    read(path, cache=True)
    assert hashed == [1, 1], "the check of the run before was written down"
    os.utime(str(path), ns=(1, 1))
    read(path, cache=True)
    assert hashed == [1, 1, 1]


def test_everything_that_decides_a_figure_is_in_the_fingerprint() -> None:
    """Every module of ours that a dataset imports, directly or not."""
    waiting = ["finops.rollups.dataset"]
    seen: Set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        source = "".join(list(sources(name))[:1])
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name for name in (node.module, *inner) if name.startswith("finops.")]
                waiting += filter(is_module, names)
    rooms = {name.split(".")[1] for name in seen}
    assert rooms <= set(cache._DECIDING)
    assert len(seen) > 20


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_the_fingerprint_depends_on_all_that_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(EVERYTHING)
    first = cache.fingerprint(plan, ReadingRules())
    assert cache.fingerprint(Plan(EVERYTHING), ReadingRules()) == first
    others = {
        cache.fingerprint(Plan(EVERYTHING[:1]), ReadingRules()),
        cache.fingerprint(plan, ReadingRules(PriceTable(CATALOG[1:]))),
    }
    with monkeypatch.context() as patch:
        patch.setattr(config, "FUTURE_TOLERANCE_HOURS", 25)
        others.add(cache.fingerprint(plan, ReadingRules()))
    with monkeypatch.context() as patch:
        patch.setattr("platform.python_version", lambda: "3.99")
        others.add(cache.fingerprint(plan, ReadingRules()))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "sources", lambda name: ["another text"])
        others.add(cache.fingerprint(plan, ReadingRules()))
    assert len(others | {first}) == 6
    monkeypatch.setattr(cache, "sources", lambda name: [""])  # only compiled files are there
    assert cache.fingerprint(plan, ReadingRules()) == ""


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    program = (
        "from finops.rollups import cache\n"
        "from finops.rollups.planner import Plan\n"
        "from finops.reader.options import ReadingRules\n"
        "print(cache.fingerprint(Plan(()), ReadingRules()))"
    )
    found = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            cwd=str(ROOT / "src"),
            stdout=subprocess.PIPE,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_rows_that_a_lost_commit_record_vouched_for_are_judged_anew(tmp_path: Path) -> None:
    """A simulation's clock may run ahead of the wall's; without its record the rows lie ahead."""
    path = tmp_path / "a.csv"
    generate(path, 200_000, start="2099-01-01")
    assert read(path, cache=True)[4].notes == ()
    assert Path(cache_path(str(path))).is_file()
    commit_path(path).unlink()
    for cache_too in (True, False):
        accounting = read(path, cache=cache_too)[4]
        assert [note for note in accounting.notes if "Implausible times" in note]


def test_what_a_version_before_kept_is_removed_if_it_is_that(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 100)))
    former = tmp_path / "a.csv.state"
    body = serialization.MAGIC + b"anything"
    for content, kept in (
        (hashlib.sha256(body).digest() + body, False),
        (b"\0" * 32 + body, True),
        (b"somebody's notes", True),
        (b"", True),
    ):
        former.write_bytes(content)
        read(path, cache=True)
        assert former.exists() == kept
        Path(cache_path(str(path))).unlink()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="gives a file away")
def test_a_cache_of_somebody_else_is_not_used(tmp_path: Path, read_spans: List[Any]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 600)))
    read(path, cache=True)
    os.chown(cache_path(str(path)), 12345, 12345)
    del read_spans[:]
    read(path, cache=True)
    assert len(read_spans) == 1


# --- any history, any damage ----------------------------------------------------------------------

HISTORIES = int(os.environ.get("FINOPS_TEST_HISTORIES", "15"))
CORRUPTIONS = int(os.environ.get("FINOPS_TEST_CORRUPTIONS", "40"))
Change = Callable[[Path], None]


def figures(path: Path, **how: Any) -> Any:
    """Return all that is said of a file, be it that it cannot be read."""
    try:
        return read(path, OF_HISTORIES, **how)
    except DataError as error:
        return str(error)


def paused(path: Path, draw: random.Random, change: Change) -> None:
    """Read with a cache, and change the file while the scan pauses."""
    due = draw.random()
    changed: List[bool] = []

    def progress(done: int, total: int) -> None:
        if not changed and done >= due * total:
            changed.append(True)
            change(path)

    figures(path, cache=True, workers=draw.choice([1, 1, 2]), progress=progress)


def keyed(path: Path) -> Tuple[str, Any]:
    """Return the key of what is kept of a file, and all that is said of it, tables being kept."""
    dataset = Dataset(path, workers=1, cache=True)
    try:
        dataset.fill(OF_HISTORIES)
        with dataset.keeping_tables():
            found = said_by(dataset, OF_HISTORIES)
    except DataError as error:
        return "", str(error)
    return dataset.content_key, found


def place_of_a_region(path: Path, draw: random.Random) -> int:
    """Return where something stands that can be edited, -1 where there is nothing."""
    content = path.read_bytes()
    found = content.find(b"us-east", draw.randrange(len(content) or 1))
    return found if found >= 0 else content.find(b"us-east")


def edits(draw: random.Random) -> List[Change]:
    """Return edits in place: one that shows in the times, and one that shows nowhere."""

    def plain(path: Path) -> None:
        at = place_of_a_region(path, draw)
        if at >= 0:
            with open(str(path), "r+b") as out:
                out.seek(at)
                out.write(b"xx-east")

    def quiet(path: Path) -> None:
        about, at = path.stat(), place_of_a_region(path, draw)
        if at >= 0 and about.st_size > 20_000:
            edit_keeping_crc(path, at)
            os.utime(str(path), ns=(about.st_atime_ns, about.st_mtime_ns))

    return [plain, quiet]


def other_changes(draw: random.Random) -> List[Change]:
    """Return what else may happen to a file."""
    quiet = edits(draw)[1]

    def some(most: int) -> bytes:
        first = draw.randrange(3000)
        return csv_of(rows(first, first + draw.randrange(1, most)))

    def grow(path: Path) -> None:
        with open(str(path), "ab") as out:
            out.write(some(300).split(b"\n", 1)[1])

    def truncate(path: Path) -> None:
        os.truncate(str(path), draw.randrange(400, max(401, path.stat().st_size)))

    def replace(path: Path) -> None:
        aside = path.with_suffix(".new")
        aside.write_bytes(some(900))
        os.replace(str(aside), str(path))

    def replace_by_a_twin(path: Path) -> None:
        about, aside = path.stat(), path.with_suffix(".new")
        aside.write_bytes(path.read_bytes())
        os.utime(str(aside), ns=(about.st_atime_ns, about.st_mtime_ns))
        quiet(aside)
        os.replace(str(aside), str(path))

    def cut_the_last_line_end(path: Path) -> None:
        content = path.read_bytes()
        os.truncate(str(path), len(content.rstrip(b"\n")))

    def complete_the_last_line(path: Path) -> None:
        with open(str(path), "ab") as out:
            out.write(b"\n" + some(100).split(b"\n", 1)[1] * draw.randrange(2))

    def edit_the_last_line(path: Path) -> None:
        content = path.read_bytes()
        at = content.find(b"-", content.rfind(b"\n") + 1)
        if at >= 0:
            path.write_bytes(content[:at] + b"X" + content[at + 1 :])

    ends = [cut_the_last_line_end, complete_the_last_line, edit_the_last_line]
    return [grow, grow, truncate, replace, replace_by_a_twin, *ends]


@pytest.mark.unmeasured
def test_whatever_the_history_figures_are_those_of_reading_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, monkeypatch)
    for number in range(HISTORIES):
        seed = random.randrange(10**9)
        print("seed", seed)
        draw = random.Random(seed)
        path = tmp_path / f"{number}.csv"
        content = csv_of(rows(0, draw.randrange(100, 900)))
        path.write_bytes(content[: len(content) - draw.randrange(2)])
        known: Dict[str, Any] = {}
        for _ in range(draw.randrange(1, 6)):
            change = draw.choice([*edits(draw), *other_changes(draw)])
            if draw.random() < 0.5:
                paused(path, draw, change)
            else:
                figures(path, cache=True)
                change(path)
            key, found = keyed(path)
            assert found == figures(path), seed
            assert not key or known.setdefault(key, found) == found, seed
        for left in tmp_path.iterdir():
            left.unlink()


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Return a cache's bytes with some accident."""
    at, length = draw.randrange(len(content)), draw.choice([1, 1, 4, 100, 5000])
    noise = bytes(draw.randrange(256) for _ in range(length))
    return draw.choice(
        [
            content[:at] + noise + content[at + length :],
            content[:at] + noise + content[at:],
            content[:at] + content[at + length :],
            content[:at],
            content[:at] + bytes(length) + content[at + length :],
            content[: len(content) // 2] * 2,
            noise,
        ]
    )


KINDS: List[Any] = [None, 0, -1, 2**70, 1.5, float("nan"), True, "x", [], {}, [[]], [0, 0]]


def spoiled(value: Any, draw: random.Random) -> Any:
    """Return a structure with one part of it replaced by something of another kind."""
    if isinstance(value, (list, dict)) and value and draw.random() < 0.9:
        places = list(value) if isinstance(value, dict) else range(len(value))
        place = draw.choice(places)
        copy = value.copy()
        copy[place] = spoiled(value[place], draw)
        return copy
    return draw.choice(KINDS)


@pytest.mark.unmeasured
def test_whatever_the_damage_figures_are_those_of_reading_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accidents anywhere; and structures of another form that have the right checksum."""
    settle(tmp_path, monkeypatch)
    path, kept = tmp_path / "a.csv", Path(cache_path(str(tmp_path / "a.csv")))
    path.write_bytes(csv_of(rows(0, 500)))
    expected = figures(path)
    assert figures(path, cache=True) == expected
    whole = kept.read_bytes()
    for _ in range(CORRUPTIONS):
        seed = random.randrange(10**9)
        print("seed", seed)
        draw = random.Random(seed)
        kept.write_bytes(damaged(whole, draw))
        assert figures(path, cache=True) == expected, seed
        kept.write_bytes(resealed(spoiled(serialization.load(whole[32:]), draw)))
        figures(path, cache=True)  # a forgery may say anything, but ends as a file or an error


def test_other_prices_and_other_tables_do_not_share(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 500)))
    read(path, EVERYTHING, cache=True)
    dearer = PriceTable(tuple(m._replace(input_price=m.input_price * 2) for m in CATALOG))
    warm, cold = (read(path, EVERYTHING, cache=cache, prices=dearer) for cache in (True, False))
    assert warm == cold
    few = open_dataset(path, cache=True).rollups(EVERYTHING[:1])
    assert few[EVERYTHING[0]] == cold[0][EVERYTHING[0]] or few.totals != cold[1]


def test_a_folder_that_cannot_be_written_to_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 100)))
    Path(cache_path(str(path))).mkdir()
    check_fresh(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.csv.cache"]


def test_an_unordered_file_is_put_in_order_across_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(700, 1500)))
    check_fresh(path, EVERYTHING)
    with open(str(path), "ab") as out:
        out.write(csv_of(rows(0, 700)).split(b"\n", 1)[1])
    check_fresh(path, EVERYTHING)
    check_fresh(path, EVERYTHING, workers=3)


def test_what_a_killed_run_left_is_removed_but_not_a_running_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 20)))
    old, new = (Path(f"{cache_path(str(path))}.{number}.tmp") for number in (11, 12))
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(str(old), (0, 0))
    open_dataset(path, cache=True).rollups(())
    assert (old.exists(), new.exists()) == (False, True)
