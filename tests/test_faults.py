"""What the product promises of killed processes, full disks and writers at the same time.

Everything here is done to real processes; most are forks of a warm one (see
`support/forked.py`), with batches of 250 rows where the number of batches is what matters.
Random choices print their seed.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sys
import time
import urllib.request
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from finops import config
from finops.cli import main
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from finops.schema import WRITTEN_NAMES
from finops.storage.commit import read_commit
from finops.storage.lock import writer_lock
from finops.storage.truth import truth_path
from tests.support.forked import Child, Forked
from tests.support.patience import allowed_s
from tests.viewer.test_collector import RECORD

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="signals, forks and limits of POSIX"),
]

ROWS = 250
REAL_ROWS = config.BATCH_SIZE
# Small batches, of a module that has done its work once before the forks: what it knows of the
# words of rows is theirs, too.
SMALL_BATCHES = f"""
from finops import config
config.BATCH_SIZE = {ROWS}
from finops.business.catalog import DEFAULT_PRICES
from finops.simulator import batches, worker
from finops.simulator.plan import Plan
from finops.simulator.simulation_spec import SimulationSpec
spec = SimulationSpec.of(7, None, None, True, DEFAULT_PRICES)
known = batches.RowText(Plan(spec), spec.prices)
def words_of(plan, prices):
    known._plan = plan
    return known
batches.RowText = words_of
next(worker.generate_batches(spec))
"""
KILLS = int(os.environ.get("FINOPS_TEST_KILLS", "100"))
RACES = max(4, KILLS // 5)
SIZE = "250KB"
SEED = 7
# A disk that takes a batch in pieces, each of them a moment.
SLOW_DISK = """
import time
from finops.storage.file_operations import Files
def write(self, fd, data, plain=Files.write):
    time.sleep(0.0003 if len(data) < 20_000 else {pause_s})
    return plain(self, fd, data[: max(4096, len(data) // 8)])
Files.write = write
"""
SLOWER, SLOWEST = (SLOW_DISK.format(pause_s=pause) for pause in (0.005, 0.02))


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forked]:
    with Forked(tmp_path_factory.mktemp("forked"), SMALL_BATCHES) as running:
        yield running


def words(path: Path, size: str = SIZE, workers: int = 1) -> List[Any]:
    return ["generate", "--size", size, "--seed", SEED, "--data", path, "--workers", workers]


@pytest.fixture(scope="module")
def golden(forked: Forked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an uninterrupted run makes."""
    path = tmp_path_factory.mktemp("golden") / "calls.csv"
    assert forked.run(*words(path)).wait() == 0
    return path


def verified(path: Path, *more: str) -> int:
    return main(["verify", "--quiet", "--workers", "1", *more, str(path)])


def assert_whole_batches(path: Path, golden: Path, rows: int = ROWS) -> int:
    """Fail unless what is committed begins the golden file at whole batches; return the rows."""
    mark = read_commit(path)
    whole = golden.read_bytes()
    if mark is None:
        left = path.read_bytes() if path.exists() else b""
        assert left == b"" or whole.startswith(left), "bytes that nobody vouches for"
        return 0
    assert path.read_bytes()[: mark.end] == whole[: mark.end]
    assert mark.rows % rows == 0 or mark.end == len(whole)
    assert mark.rows == max(0, whole[: mark.end].count(b"\n") - 1)
    return mark.rows


def assert_golden(path: Path, golden: Path) -> None:
    assert path.read_bytes() == golden.read_bytes()
    assert truth_path(path).read_bytes() == truth_path(golden).read_bytes()


# --- F1 kills -----------------------------------------------------------------------------------


def seconds_of(forked: Forked, path: Path, before: str = "") -> Tuple[float, float]:
    """Return how long an uninterrupted run takes to begin writing, and to write."""
    begun = time.monotonic()
    timed = forked.start(*words(path), before=before)
    assert timed.speaks("generating")
    writing = time.monotonic()
    assert timed.wait() == 0
    return writing - begun, time.monotonic() - writing


def test_kill9_generator_100(
    forked: Forked, golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.randrange(10**6)
    draw = random.Random(seed)
    quick = sum(seconds_of(forked, tmp_path / "quick.csv"))
    writing = seconds_of(forked, tmp_path / "slower.csv", SLOWER)[1]
    kills = torn = resumed = 0
    while kills < KILLS:
        folder = tmp_path / str(kills)
        folder.mkdir(exist_ok=True)
        path = folder / "calls.csv"
        if kills % 2:  # while it writes
            child = forked.start(*words(path), before=SLOWER)
            assert child.speaks("generating")
            time.sleep(draw.uniform(0, writing))
        else:
            child = forked.start(*words(path))
            time.sleep(draw.uniform(0, quick))
        child.kill()
        if child.wait() != -9:
            shutil.rmtree(str(folder))
            continue  # it had finished before
        kills += 1
        mark = read_commit(path)
        rows = assert_whole_batches(path, golden)
        torn += mark is not None and (path.stat().st_size != mark.end or mark.pending is not None)
        resumed += rows > 0
        if rows:
            assert verified(path) == 0
        done = forked.run(*words(path))
        assert done.wait() == 0, done.err
        assert_golden(path, golden)
        shutil.rmtree(str(folder))
    with capsys.disabled():
        print(f"\n[seed {seed}: {kills} kills, {resumed} resumed, {torn} left something to repair]")
    assert torn >= max(1, KILLS / 20), (
        "too few kills left anything to repair, so nothing was proved"
    )


def test_a_killed_writer_holds_no_lock(forked: Forked, tmp_path: Path) -> None:
    """Nor do the processes that made rows for it, which outlive it for a moment."""
    path = tmp_path / "calls.csv"
    child = forked.start(*words(path, "200MB", workers=2))
    assert child.speaks("generating")
    child.kill()
    killed = time.monotonic()
    with writer_lock(path, allowed_s(1)):
        assert time.monotonic() - killed < allowed_s(1)
    assert child.wait() == -9
    again = forked.run(*words(path, "1KB"))
    assert again.wait() == 0, again.err


# --- F3 cut tails -------------------------------------------------------------------------------


def test_truncated_anywhere_it_is_analysed_and_resumed(
    forked: Forked, golden: Path, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    draw = random.Random(seed)
    whole = golden.read_bytes()
    last_rows = len(whole) - len(b"\n".join(whole.split(b"\n")[-4:]))
    path = tmp_path / "calls.csv"
    offsets = [draw.randrange(1000, len(whole)) for _ in range(4)]
    for offset in [*offsets, *(draw.randrange(last_rows, len(whole)) for _ in range(4))]:
        for name in (".csv", ".csv.commit", ".truth.json"):
            shutil.copy(str(golden.with_name("calls" + name)), str(tmp_path / ("calls" + name)))
        os.truncate(str(path), offset)
        lines = whole[:offset].count(b"\n") - 1
        found = compute(Job(path, tmp_path, only=("features",), workers=1))["features"]
        assert found["summary"]["total_calls"] == lines
        done = forked.run(*words(path))
        assert done.wait() == 0, done.err
        assert_golden(path, golden)
        for torn in tmp_path.glob("*.torn-*"):
            assert whole[:offset].endswith(torn.read_bytes())
            torn.unlink()


# --- F5 full disks ------------------------------------------------------------------------------


def limited(size: int) -> str:
    return f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"


def assert_one_line(child: Child, status: int = 2) -> None:
    assert child.wait() == status, child.err
    assert len(child.err.splitlines()) == 1, child.err
    assert child.err.startswith("finops: ")


def test_disk_full_generate(forked: Forked, golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    for size in (150_000, 180_000):
        assert_one_line(forked.run(*words(path), "--quiet", before=limited(size)))
        assert assert_whole_batches(path, golden) > 0
        mark = read_commit(path)
        assert mark is not None
        assert path.stat().st_size == mark.end, "the torn part had to be cut off"
    assert forked.run(*words(path)).wait() == 0
    assert_golden(path, golden)


def test_disk_full_generate_with_workers(tmp_path: Path) -> None:
    path, whole = tmp_path / "calls.csv", tmp_path / "whole.csv"
    with Forked(tmp_path) as real:
        full = real.start(*words(path, "4MB", workers=2), "--quiet", before=limited(2_000_000))
        assert real.run(*words(whole, "4MB"), "--quiet").wait() == 0
        assert_one_line(full)
        assert assert_whole_batches(path, whole, REAL_ROWS) == REAL_ROWS
        done = real.run(*words(path, "4MB", workers=2), "--quiet")
        assert done.wait() == 0, done.err
    assert_golden(path, whole)


def reports_of(folder: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_disk_full_reports(forked: Forked, golden: Path, tmp_path: Path) -> None:
    analyze = ["analyze", "--data", golden, "--reports", tmp_path, "--quiet"]
    assert forked.run(*analyze).wait() == 0
    before = reports_of(tmp_path)
    done = forked.run(*analyze, before=limited(10_000))
    assert done.wait() == 2
    assert done.err.splitlines()[-1].startswith("finops: cannot write ")
    assert all(line.startswith("finops: ") for line in done.err.splitlines())
    after = reports_of(tmp_path)
    small = {name for name, content in after.items() if content != before.get(name)}
    assert not {name for name in small if name.endswith(".html")}
    assert set(after) == set(before)


class SmallDisk:
    """A disk of 8 MB; where none can be mounted, a limit on the size of files stands in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = f"mount -t tmpfs -o size=8m finops-test {folder} 2>{os.devnull}"
        self.mounted = sys.platform == "linux" and os.system(mount) == 0
        if not self.mounted:
            warnings.warn(
                "no disk can be mounted here: a limit on file sizes stands in", stacklevel=1
            )
        self._ballast = folder / "ballast"

    def leave(self, left: int) -> str:
        """Leave so many bytes; return the program that makes a command see it so."""
        if not self.mounted:
            return limited(left)
        about = os.statvfs(str(self.folder))
        with open(str(self._ballast), "wb") as out:
            out.write(b"x" * max(0, about.f_bavail * about.f_frsize - left))
        return ""

    def free(self) -> None:
        """Give the space back."""
        if self._ballast.exists():
            self._ballast.unlink()

    def freeze(self) -> None:
        """Let nothing be written any more."""
        if self.mounted:
            assert os.system(f"mount -o remount,ro {self.folder}") == 0
        else:
            os.chmod(str(self.folder), 0o555)

    def end(self) -> None:
        """Leave nothing mounted."""
        os.system(f"umount -l {self.folder}" if self.mounted else f"chmod 755 {self.folder}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.end()


def test_disk_full_small_disk(small_disk: SmallDisk, forked: Forked, golden: Path) -> None:
    path = small_disk.folder / "calls.csv"
    before = small_disk.leave(150_000)
    assert_one_line(forked.run(*words(path), "--quiet", before=before))
    assert assert_whole_batches(path, golden) > 0
    small_disk.free()
    assert forked.run(*words(path)).wait() == 0
    assert_golden(path, golden)

    reports = small_disk.folder / "reports"
    analyze = ["analyze", "--data", path, "--reports", reports, "--quiet", "--workers", 1]
    assert forked.run(*analyze).wait() == 0
    pages = reports_of(reports)
    full = forked.run(*analyze, before=small_disk.leave(8_192))
    assert full.wait() == 2
    assert full.err.splitlines()[-1].startswith("finops: cannot write ")
    left = reports_of(reports)
    assert {n: c for n, c in left.items() if n.endswith(".html")} == {
        n: c for n, c in pages.items() if n.endswith(".html")
    }
    small_disk.free()
    again = forked.run(*analyze)
    assert again.wait() == 0, again.err
    assert set(reports_of(reports)) == set(pages)


def test_out_of_memory_is_told(forked: Forked, golden: Path, tmp_path: Path) -> None:
    """An analysis that may not have more memory ends with a line, and harms nothing."""
    analyze = ["analyze", "--data", golden, "--reports", tmp_path / "r", "--quiet", "--workers", 1]
    assert forked.run(*analyze).wait() == 0
    pages = {n: c for n, c in reports_of(tmp_path / "r").items() if n.endswith(".html")}
    limit = (
        "import resource\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 1_000_000, used + 1_000_000))\n"
    )
    child = forked.run(*analyze, before=limit)
    assert child.wait() in (0, 1, 2), child.err
    left = reports_of(tmp_path / "r")
    assert set(pages) <= set(left)
    for name, content in left.items():
        assert content.rstrip().endswith(b"</html>") or not name.endswith(".html"), name
    if child.status == 2:
        assert_one_line(child)


@pytest.mark.parametrize(
    "given",
    [
        ["generate", "--size", "1KB", "--data", "/dev/full"],
        ["analyze", "--data", "GOLDEN", "--reports", "/dev/full"],
        ["analyze", "--data", "GOLDEN", "--only", "pricing", "--json", "/dev/full"],
        ["verify", "/dev/full"],
    ],
    ids=lambda given: f"{given[0]} {given[-2]}",
)
def test_stdout_faults_a_device_is_no_place(
    given: List[str], forked: Forked, golden: Path, tmp_path: Path
) -> None:
    command = [str(golden) if word == "GOLDEN" else word for word in given]
    if "--json" in given:
        command += ["--reports", str(tmp_path)]
    child = forked.run(*command, *([] if given[0] == "verify" else ["--quiet"]))
    assert_one_line(child)


# --- F12 places that cannot be written to ---------------------------------------------------------


def test_reports_unwritable(
    small_disk: SmallDisk, forked: Forked, golden: Path, tmp_path: Path
) -> None:
    reports = small_disk.folder / "reports"
    analyze = ["analyze", "--data", golden, "--reports", reports, "--quiet", "--workers", 1]
    assert forked.run(*analyze).wait() == 0
    page = reports / "pricing.html"
    page.unlink()
    page.mkdir()  # a page cannot take a folder's place, whoever runs this
    (page / "inside").touch()
    partly = forked.run(*analyze)
    assert_one_line(partly, 1)
    assert "pricing" in partly.err
    manifest = json.loads((reports / "manifest.json").read_text())
    states = {row["id"]: row["status"] for row in manifest["reports"]}
    assert states == {**dict.fromkeys(ANALYZER_REGISTRY, "ok"), "pricing": "failed"}

    before = reports_of(reports)
    if small_disk.mounted or os.geteuid() != 0:
        small_disk.freeze()
        frozen = forked.run(*analyze)
        assert frozen.wait() == 2
        assert "Traceback" not in frozen.err
        assert frozen.err.splitlines()[-1].startswith("finops: cannot ")
        elsewhere = forked.run(*words(small_disk.folder / "calls.csv"))
        assert_one_line(elsewhere)
    assert reports_of(reports) == before


# --- F7 two writers -------------------------------------------------------------------------------


def test_two_generators(forked: Forked, golden: Path, tmp_path: Path) -> None:
    for number in range(RACES):
        path = tmp_path / str(number) / "calls.csv"
        path.parent.mkdir()
        gate = tmp_path / f"gate-{number}"
        wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.0005)\n"
        racers = [forked.start(*words(path), "--quiet", before=wait) for _ in range(2)]
        begun = time.monotonic()
        gate.touch()
        ends = sorted(racers, key=lambda racer: racer.wait())
        if ends[1].status == 2:  # else the first had finished before the second looked
            assert_one_line(ends[1])
            assert re.fullmatch(
                r"finops: .*calls\.csv is being written by (process \d+|another process); .*\n",
                ends[1].err,
            )
        assert ends[0].status == 0, ends[0].err
        assert time.monotonic() - begun < allowed_s(10)
        assert_golden(path, golden)


def test_a_second_generator_is_told_at_once(forked: Forked, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    first = forked.start(*words(path, "200MB"))
    assert first.speaks("generating")
    begun = time.monotonic()
    second = forked.run(*words(path, "200MB"), "--quiet")
    assert_one_line(second)
    assert time.monotonic() - begun < allowed_s(2)
    assert f"process {first.pid}" in second.err
    assert not first.ended()
    first.kill()
    assert first.wait() == -9


def test_two_generators_through_a_link(forked: Forked, golden: Path, tmp_path: Path) -> None:
    """Neither a link to the file nor one to its folder is another dataset."""
    (tmp_path / "data").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "data")
    (tmp_path / "link.csv").symlink_to(tmp_path / "data" / "calls.csv")
    path = tmp_path / "data" / "calls.csv"
    first = forked.start(*words(path, "200MB"))
    assert first.speaks("generating")
    for name in ("link.csv", "folder/calls.csv"):
        second = forked.run(*words(tmp_path / name, "200MB"), "--quiet")
        assert_one_line(second)
        assert f"is being written by process {first.pid}" in second.err
    first.kill()
    assert first.wait() == -9
    before = path.stat().st_size
    assert forked.run(*words(tmp_path / "link.csv", f"{before // 1024 + 1}KB")).wait() == 0
    assert verified(path) == verified(tmp_path / "link.csv") == 0
    assert path.read_bytes().startswith(golden.read_bytes()[:before])


# --- rows of others -------------------------------------------------------------------------------


def test_rows_that_others_append_after_a_kill_are_never_lost(
    forked: Forked, golden: Path, tmp_path: Path
) -> None:
    """Killed in the middle of a batch, appended to by somebody else, read, and continued."""
    path = tmp_path / "calls.csv"
    dying = IN_FILES.format(due="len(data) > 20_000 and os.stat(fd).st_size > 99_999")
    dying = "import os\ndef now(): os.kill(os.getpid(), 9)\n" + dying
    assert forked.run(*words(path), before=dying).wait() == -9
    mark = read_commit(path)
    assert mark is not None
    assert mark.pending is not None
    torn = path.stat().st_size - mark.end
    assert 0 < torn < mark.pending.length
    template = golden.read_bytes().split(b"\n")[1].split(b",")
    others = [b",".join([template[0], b"theirs-%d" % n, *template[2:]]) + b"\n" for n in range(3)]
    with open(str(path), "ab") as out:
        out.write(b"".join(others))

    def used() -> int:
        found = compute(Job(path, tmp_path, only=("dataset_overview",), workers=1))
        quality = found["dataset_overview"]
        return int(quality["summary"]["total_calls"])

    lines = path.read_bytes().count(b"\n") - 1
    junction = 1  # the torn line and the first one of theirs: listed, for nobody can part them
    assert used() == lines - junction
    assert verified(path, "--max-skipped", "1") == 0
    done = forked.run(*words(path, "400KB"))
    assert done.wait() == 0, done.err
    assert "after an unfinished batch" in done.err
    content = path.read_bytes()
    assert all(line in content for line in others)
    assert used() == content.count(b"\n") - 1 - junction
    whole = tmp_path / "whole.csv"
    assert forked.run(*words(whole, "400KB")).wait() == 0
    own = [line for line in content.splitlines() if b"theirs-" not in line]
    assert own == whole.read_bytes().splitlines()[: len(own)], "the simulation goes on where it was"
    assert not list(tmp_path.glob("*.torn-*"))


# --- F9 reading while it is written ---------------------------------------------------------------


def test_snapshot_reads(forked: Forked, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    writer = forked.start(*words(path, "60MB"), before=SLOWEST)
    assert writer.speaks("generating")
    seen: List[Dict[str, Any]] = []
    # The file stays small, so that many reads fall into each batch; the last is a few ahead.
    while len(seen) < 12 or seen[-1]["total_calls"] < seen[0]["total_calls"] + 3 * ROWS:
        results = compute(Job(path, tmp_path, only=("features",), workers=1))
        seen.append(results["features"]["summary"])
        assert not writer.ended(), "it wrote too fast to be watched"
    writer.kill()
    assert writer.wait() == -9
    calls = [summary["total_calls"] for summary in seen]
    assert calls == sorted(calls)
    assert all(count % ROWS == 0 for count in calls)
    # In millionths of a dollar, which is how the generator writes them.
    rows = path.read_bytes().split(b"\n")[1 : calls[-1] + 1]
    column = WRITTEN_NAMES.index("cost_usd")
    costs = [round(float(row.split(b",")[column]) * 1e6) for row in rows]
    for summary in seen:
        exact = sum(costs[: summary["total_calls"]]) / 1e6
        assert summary["total_cost"] == pytest.approx(exact, abs=1e-9)


# --- F15 signals ----------------------------------------------------------------------------------

SIGNALLED = """
import os
def now():
    os.kill(os.getpid(), {number})
    sum(range(100_000))  # the signal is dealt with in here
"""
IN_FILES = """
from finops.storage.file_operations import Files
def write(self, fd, data, plain=Files.write):
    if not ({due}):
        return plain(self, fd, data)
    half = plain(self, fd, data[: len(data) // 2])
    now()
    return half
Files.write = write
"""
BEFORE = """
import {module} as module
def replaced(*words, plain=module.{name}, seen=[], **more):
    seen.append(1)
    if len(seen) == {call}:
        now()
    return plain(*words, **more)
module.{name} = replaced
"""


def before(module: str, name: str, call: int = 1) -> str:
    return BEFORE.format(module=module, name=name, call=call)


PHASES: Dict[str, str] = {
    "generate: header": IN_FILES.format(due='bytes(data[:10]) == b"timestamp,"'),
    "generate: mid-batch": IN_FILES.format(
        due="len(data) > 20_000 and os.stat(fd).st_size > 99_999"
    ),
    "generate: between": before("finops.simulator.engine", "clock_of", 3),
    "generate: mark": before("finops.storage.file_operations", "os.replace", 5),
    "generate: fsync": before("finops.storage.file_operations", "os.fsync"),
    "generate: truth": before("finops.simulator.engine", "write_truth"),
    "analyze: read": before("finops.rollups.file_scan", "scan_partition"),
    "analyze: keep": before("finops.storage.file_operations", "os.replace"),
    "analyze: compute": before("finops.analyzers.ubr.pricing", "PricingAnalyzer.compute"),
    "analyze: write": before("finops.atomic", "os.fsync", 6),
    "analyze: publish": before("finops.publishing", "write_manifest"),
}


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
@pytest.mark.parametrize("phase", PHASES)
def test_signal_each_phase(
    phase: str, number: int, status: int, forked: Forked, golden: Path, tmp_path: Path
) -> None:
    path = tmp_path / "calls.csv"
    command = words(path)
    if phase.startswith("analyze"):
        for name in (".csv", ".csv.commit"):
            shutil.copy(str(golden.with_name("calls" + name)), str(tmp_path / ("calls" + name)))
        small = "from finops.rollups import cache\ncache.MIN_STATE_BYTES = 0\n"
        command = ["analyze", "--data", path, "--reports", tmp_path, "--only", "pricing"]
        command += ["--only", "features", "--workers", 1]
    else:
        small = ""
    program = SIGNALLED.format(number=int(number)) + small + PHASES[phase]
    begun = time.monotonic()
    child = forked.run(*command, before=program)
    assert child.wait() == status, child.err
    assert time.monotonic() - begun < allowed_s(5)
    assert child.err.splitlines()[-1] == "finops: stopped"
    assert "Traceback" not in child.err
    assert [left.name for left in tmp_path.iterdir() if left.name.endswith(".tmp")] == []
    assert_whole_batches(path, golden)
    for page in tmp_path.glob("*.html"):
        assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    done = forked.run(*command)
    assert done.wait() == 0, done.err
    assert path.read_bytes() == golden.read_bytes()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_signal_while_an_event_is_stored(
    number: int, status: int, forked: Forked, tmp_path: Path
) -> None:
    due = "len(data) > 100 and b'the-event' in bytes(data)"
    program = SIGNALLED.format(number=int(number)) + IN_FILES.format(due=due)
    options = ["--port", 0, "--collect", "--no-monitor", "--quiet", "--data", tmp_path / "c.csv"]
    child = forked.start("serve", *options, "--reports", tmp_path / "r", before=program)
    while "Ctrl-C" not in child.out:
        time.sleep(0.005)
        assert not child.ended(), child.err
    port = int(child.out.split("http://localhost:")[1].split("/")[0])
    event = {**RECORD, "call_id": "the-event"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/events/batch",
        data=json.dumps([event]).encode(),
        headers={"Content-Type": "application/json"},
    )
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=300) as answer:
        assert json.loads(answer.read())["accepted"] == 1
    assert child.wait() == status, child.err
    assert time.monotonic() - begun < allowed_s(5)
    assert "Traceback" not in child.err
    collected = (tmp_path / config.COLLECTED_NAME).read_bytes()
    assert collected.count(b"the-event") == 1
    assert collected.endswith(b"\n")
    assert list(tmp_path.glob("*.tmp")) == []
