"""The same bytes always: any workers, any number of runs, any crash, any Python."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

import pytest

from finops import config
from finops.business.catalog import CATALOG, PriceTable
from finops.config import BATCH_SIZE, MEGABYTE
from finops.errors import LockError, StorageError, UsageError
from finops.rollups.dataset import open_dataset
from finops.schema import SIMULATED_HEADER_LINE as HEADER_LINE
from finops.simulator.engine import GenerateResult, generate
from finops.simulator.plan import Plan
from finops.simulator.simulation_spec import SimulationSpec
from finops.storage.commit import commit_path, readable_end
from finops.storage.lock import writer_lock
from finops.storage.truth import events_path, truth_path
from tests.storage.batches import Crash, FaultyFiles
from tests.support.tools import ROOT

pytestmark = pytest.mark.long

SIZE = int(3.5 * MEGABYTE)  # two batches and part of a third
SEED = 7


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Tuple[bytes, bytes]:
    """Return the CSV and the truth of one uninterrupted run."""
    path = tmp_path_factory.mktemp("golden") / "calls.csv"
    generate(path, SIZE, seed=SEED)
    return both(path)


@pytest.fixture
def csv(folder: Path) -> Path:
    return folder / "calls.csv"


def both(path: Path) -> Tuple[bytes, bytes]:
    beside = truth_path(path).read_bytes() + events_path(path).read_bytes()
    return path.read_bytes(), beside


@pytest.mark.unmeasured
def test_stops_at_the_first_row_that_reaches_the_size(csv: Path) -> None:
    for wanted in (1, 1000, 100_000, 2_000_001):
        result = generate(csv, wanted, seed=SEED, fresh=True)
        data = csv.read_bytes()
        assert len(data) == result.size_bytes >= wanted
        assert data.rfind(b"\n", 0, len(data) - 1) + 1 < wanted
        assert result.calls == data.count(b"\n") - 1


def test_what_a_result_says(csv: Path) -> None:
    seen: List[Tuple[int, int, int]] = []
    result = generate(csv, SIZE, seed=SEED, progress=lambda *now: seen.append(now))
    header, *lines = csv.read_text(encoding="ascii").splitlines()
    assert header + "\n" == HEADER_LINE
    assert isinstance(result, GenerateResult)
    assert (result.calls, result.new_calls) == (len(lines), len(lines))
    assert (result.period_start, result.period_end) == (lines[0][:26], lines[-1][:26])
    assert result.repaired == []
    assert [calls for _, _, calls in seen] == [BATCH_SIZE, 2 * BATCH_SIZE, len(lines)]
    assert seen[-1][:2] == (csv.stat().st_size, SIZE)
    again = generate(csv, SIZE, seed=SEED)
    assert (again.calls, again.new_calls) == (len(lines), 0)


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers(csv: Path, golden: Tuple[bytes, bytes], workers: int) -> None:
    generate(csv, SIZE, seed=SEED, workers=workers)
    assert both(csv) == golden


@pytest.mark.unmeasured
def test_growing_in_steps(csv: Path, golden: Tuple[bytes, bytes]) -> None:
    for step, workers in ((1, 1), (3, 2), (4, 1), (7, 2), (10, 1)):
        generate(csv, SIZE * step // 10, seed=SEED, workers=workers)
    assert both(csv) == golden


@pytest.mark.unmeasured
def test_other_seeds_and_starts_are_other_files(csv: Path, golden: Tuple[bytes, bytes]) -> None:
    generate(csv, SIZE, seed=SEED + 1)
    assert csv.read_bytes() != golden[0]
    result = generate(csv, 10_000, start="2025-03-01", fresh=True)
    assert result.period_start.startswith("2025-03-01T00:")


def pythons() -> Iterator[str]:
    """Yield every Python that is here, 3.7 of the checkout first."""
    found: Dict[str, str] = {}
    names = [str(ROOT / ".venv37/bin/python"), *glob.glob("/usr/bin/python3.*[0-9]")]
    names += [shutil.which(f"python3.{minor}") or "" for minor in range(7, 20)]
    for name in names:
        if name and os.access(name, os.X_OK):
            ask = [
                name,
                "-c",
                "import sys; print(sys.version_info >= (3, 7), sys.version_info[:2])",
            ]
            answer = subprocess.run(ask, stdout=subprocess.PIPE, text=True).stdout
            if answer.startswith("True"):
                found.setdefault(answer, name)
    yield from found.values()


@pytest.mark.unmeasured
@pytest.mark.once
def test_every_python_makes_the_same_bytes(folder: Path, golden: Tuple[bytes, bytes]) -> None:
    script = (
        "import sys; from finops.simulator.engine import generate;"
        f"generate(sys.argv[1], {SIZE}, seed={SEED}, workers=2)"
    )
    batch_count = 0
    for number, python in enumerate(pythons()):
        path = folder / f"{number}.csv"
        subprocess.run([python, "-c", script, str(path)], cwd=str(ROOT / "src"), check=True)
        assert both(path) == golden, python
        batch_count += 1
    assert batch_count >= 1


# --- trouble -----------------------------------------------------------------------------------

GENERATE = (
    "import sys; from finops.simulator.engine import generate;"
    f"generate(sys.argv[1], {3 * SIZE}, seed={SEED}, workers=int(sys.argv[2]))"
)


@pytest.mark.unmeasured
def test_killed_again_and_again(folder: Path) -> None:
    """With workers; without them `test_kill9_generator_100` does the same."""
    workers = 2
    whole, csv = folder / "whole.csv", folder / "calls.csv"
    generate(whole, 3 * SIZE, seed=SEED)
    golden = whole.read_bytes()
    draw = random.Random(workers)
    interrupted = 0
    for _ in range(12):
        command = [sys.executable, "-c", GENERATE, str(csv), str(workers)]
        process = subprocess.Popen(command, cwd=str(ROOT / "src"))
        deadline = time.monotonic() + 300
        before = csv.stat().st_size if csv.exists() else 0
        while time.monotonic() < deadline and process.poll() is None:
            if csv.exists() and csv.stat().st_size > before:
                break
            time.sleep(0.001)
        time.sleep(draw.random() * 0.05)
        interrupted += process.poll() is None
        process.kill()
        process.wait()
        readable = golden[: readable_end(csv)] if csv.exists() else b""
        assert csv.read_bytes()[: len(readable)] == readable
        batches = max(0, readable.count(b"\n") - 1)
        assert batches % BATCH_SIZE == 0 or readable == golden
    assert interrupted >= 3, "nothing was proved: too few runs were interrupted"
    generate(csv, 3 * SIZE, seed=SEED)
    assert both(csv) == both(whole)


def test_two_at_once(folder: Path) -> None:
    csv = folder / "calls.csv"
    command = [sys.executable, "-c", GENERATE, str(csv), "1"]
    both_started = [
        subprocess.Popen(command, cwd=str(ROOT / "src"), stderr=subprocess.PIPE) for _ in range(2)
    ]
    errors = [process.communicate()[1].decode() for process in both_started]
    refused = [error for error in errors if "LockError" in error]
    # The second may have come when the first had finished, and then had nothing to do.
    assert len(refused) <= 1
    assert [p.returncode for p in both_started].count(0) == 2 - len(refused)
    generate(folder / "whole.csv", 3 * SIZE, seed=SEED)
    assert digest(csv) == digest(folder / "whole.csv")


@pytest.mark.unmeasured
def test_locked(csv: Path) -> None:
    with writer_lock(csv), pytest.raises(LockError, match="is being written by process"):
        generate(csv, 1000)
    assert not csv.exists()


ROWS = 250
SMALL = SIZE * ROWS // BATCH_SIZE  # as many batches of fewer rows


@pytest.fixture(scope="module")
def small() -> Callable[..., GenerateResult]:
    """Return `generate` of an engine of its own, whose batches have few rows.

    What matters here is where the file was cut and when an operation failed, not how long a
    batch is.  The words in a file, the same for the same seed, are made up once, so
    it is for one seed only.
    """
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if is_simulator(name)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "BATCH_SIZE", ROWS)
        from finops.simulator import batches, engine

        patch.undo()
    for name in [*filter(is_simulator, sys.modules)]:
        del sys.modules[name]
    sys.modules.update(others)
    spec = SimulationSpec.of(SEED)
    words = vars(batches)["RowText"](Plan(spec), spec.prices)
    setattr(batches, "RowText", lambda *_: words)  # noqa: B010
    generated: Callable[..., GenerateResult] = engine.generate
    return generated


def is_simulator(name: str) -> bool:
    return name.startswith("finops.simulator")


@pytest.fixture(scope="module")
def small_golden(
    small: Callable[..., GenerateResult], tmp_path_factory: pytest.TempPathFactory
) -> Tuple[bytes, bytes]:
    """Return the CSV and the truth of one uninterrupted run of that engine."""
    path = tmp_path_factory.mktemp("small") / "calls.csv"
    assert 2 * ROWS < small(path, SMALL, seed=SEED).calls < 3 * ROWS
    return both(path)


TAILS = (0, 1, 100, 5000, 65_536)
MARKS = ("kept", "missing", "empty", "older", "damaged")


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize("state", MARKS)
@pytest.mark.parametrize("how", ["cut", "nuls"])
def test_power_cut_images(
    csv: Path,
    small: Callable[..., GenerateResult],
    small_golden: Tuple[bytes, bytes],
    state: str,
    how: str,
) -> None:
    small(csv, SMALL // 2, seed=SEED)
    older = commit_path(csv).read_bytes()
    small(csv, SMALL, seed=SEED)
    kept = commit_path(csv).read_bytes()
    marks = {"kept": kept, "empty": b"", "older": older, "damaged": kept[:-30] + b"x" * 30}
    for tail in TAILS:
        data = small_golden[0][: len(small_golden[0]) - tail]
        csv.write_bytes(data + (b"\0" * tail if how == "nuls" else b""))
        if state == "missing":
            commit_path(csv).unlink()
        else:
            # A mark that says "flushed" of bytes that are gone would need a disk that lies.
            believed = older if state == "kept" and how == "nuls" else marks[state]
            commit_path(csv).write_bytes(believed)
        small(csv, SMALL, seed=SEED)
        assert both(csv) == small_golden, tail


@pytest.mark.unmeasured
def test_cut_to_a_few_bytes(csv: Path, golden: Tuple[bytes, bytes]) -> None:
    generate(csv, SIZE, seed=SEED)
    for left in (0, 1, 100, len(HEADER_LINE), len(HEADER_LINE) + 10, 4000, 5000):
        csv.write_bytes(golden[0][:left])
        generate(csv, SIZE, seed=SEED)
        assert both(csv) == golden, left


def test_lines_appended_by_another_program_stay(csv: Path, golden: Tuple[bytes, bytes]) -> None:
    generate(csv, SIZE // 2, seed=SEED)
    before = csv.read_bytes()
    strange = before.splitlines(keepends=True)[-1].replace(b",call_", b",other_")
    with open(csv, "ab") as file:
        file.write(strange * 3)
    generate(csv, SIZE, seed=SEED)
    generate(csv, SIZE + 1000, seed=SEED)
    data = csv.read_bytes()
    assert data.startswith(before + strange * 3)
    # The simulation goes on behind them as if they were not there.
    own = data.replace(strange * 3, b"")
    shared = min(len(own), len(golden[0]))
    assert own[:shared] == golden[0][:shared]


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize("at", range(1, 60, 4))
@pytest.mark.parametrize("how", ["refuse", "short", "crash"])
def test_failing_operations(
    csv: Path,
    small: Callable[..., GenerateResult],
    small_golden: Tuple[bytes, bytes],
    at: int,
    how: str,
) -> None:
    with suppress(StorageError, Crash):
        small(csv, SMALL, seed=SEED, files=FaultyFiles(at, how, sticky=how == "short"))
    if csv.exists():
        readable = csv.read_bytes()[: readable_end(csv)]
        assert small_golden[0].startswith(readable)
    small(csv, SMALL, seed=SEED)
    assert both(csv) == small_golden


# --- whose file is it --------------------------------------------------------------------------


def test_another_recipe_is_refused_with_a_remedy(csv: Path) -> None:
    generate(csv, 5000, seed=SEED)
    data = csv.read_bytes()
    expensive = PriceTable(tuple(m._replace(input_price=1.0) for m in CATALOG))
    attempts = (
        ({"seed": SEED + 1}, "seed 7, not 8"),
        ({"start": "2024-06-01"}, "start 2026-06-01T00:00:00, not 2024-06-01T00:00:00"),
        ({"scenarios": ["base_traffic"]}, "not base_traffic"),
        ({"incidents": False}, "incidents True, not False"),
        ({"prices": expensive}, "other prices"),
    )
    for wishes, words in attempts:
        with pytest.raises(UsageError) as caught:
            generate(csv, 10_000, **{"seed": SEED, **wishes})  # type: ignore[arg-type]
        assert words in str(caught.value)
        assert "--fresh" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert csv.read_bytes() == data


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", HEADER_LINE.encode() + b"x,y\n", b"\0" * 99])
def test_a_file_that_was_not_simulated_is_left_alone(csv: Path, content: bytes) -> None:
    csv.write_bytes(content)
    if content.strip(b"\0"):
        with pytest.raises(UsageError, match="was not simulated"):
            generate(csv, 10_000)
        assert csv.read_bytes() == content
    generate(csv, 10_000, fresh=True)
    assert csv.read_bytes().startswith(HEADER_LINE.encode() + b"2026-06-01T00:")


def test_a_changed_file_without_a_mark_is_left_alone(csv: Path) -> None:
    generate(csv, SIZE, seed=SEED)
    commit_path(csv).unlink()
    changed = csv.read_bytes()[:-200] + csv.read_bytes()[-200:].replace(b"success", b"SUCCESS")
    csv.write_bytes(changed)
    with pytest.raises(UsageError, match="was not simulated"):
        generate(csv, 2 * SIZE, seed=SEED)
    assert csv.read_bytes() == changed


def test_unknown_words(csv: Path) -> None:
    with pytest.raises(UsageError, match="no scenario nonsense"):
        generate(csv, 1000, scenarios=["nonsense"])
    with pytest.raises(UsageError, match="is not a date"):
        generate(csv, 1000, start="yesterday")
    assert not csv.exists()


@pytest.mark.parametrize(
    "start",
    [
        *("0001-01-01", "0099-06-01T05:00", "1969-01-01", "1969-12-31T23:59:59", "2014-12-31"),
        *("2100-01-01", "9999-12-31", "9999-12-31T23:59:59"),
    ],
)
def test_a_start_beside_the_calendar_is_one_sentence(csv: Path, start: str) -> None:
    with pytest.raises(UsageError) as caught:
        generate(csv, 1000, start=start)
    assert "is out of range; give a date from 2015-01-01 to 2099-12-31" in str(caught.value)
    assert not csv.exists()


@pytest.mark.parametrize("start", ["2015-01-01", "2099-12-31T23:59"])
def test_the_first_and_the_last_start_can_be_simulated(csv: Path, start: str) -> None:
    result = generate(csv, 3_000_000, start=start)
    assert result.period_start.startswith(start[:10])
    assert open_dataset(csv, workers=1).rollups(()).totals.calls == result.calls


def test_a_folder_is_made(folder: Path) -> None:
    generate(folder / "new" / "calls.csv", 1000)
    with pytest.raises(StorageError):
        generate(folder / "new" / "calls.csv" / "below.csv", 1000)


@pytest.mark.unmeasured
def test_prices_are_the_users_own(csv: Path) -> None:
    expensive = PriceTable(
        tuple(
            m._replace(
                input_price=0.0000375,
                output_price=2.5,
                cache_read_price=m.cache_read_price and 0.00000125,
            )
            for m in CATALOG
        ),
        "own",
        "today",
    )
    generate(csv, 300_000, prices=expensive, scenarios=["base_traffic"])
    for line in csv.read_text().splitlines()[1:]:
        cells = line.split(",")
        if cells[22] not in ("rate_limit", "auth_error"):
            cached = int(cells[25])
            exact = (int(cells[4]) - cached) * 3.75e-8 + cached * 1.25e-9 + int(cells[5]) * 2.5e-3
            assert float(cells[6]) == pytest.approx(exact, abs=5.1e-7)


@pytest.mark.unmeasured
def test_without_incidents(csv: Path) -> None:
    generate(csv, SIZE, incidents=False)
    assert json.loads(truth_path(csv).read_text()) == {
        "seed": 42,
        "incidents": [],
        "unsettled": [],
        "episodes": [],
    }


@pytest.mark.skipif(sys.platform == "win32", reason="no signals like these on Windows")
@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_workers_go_with_their_engine_and_say_nothing(folder: Path, name: str) -> None:
    command = [sys.executable, "-c", GENERATE.replace(str(3 * SIZE), str(100 * SIZE))]
    process = subprocess.Popen(
        [*command, str(folder / "calls.csv"), "2"],
        cwd=str(ROOT / "src"),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not commit_path(folder / "calls.csv").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(getattr(signal, name))
    # The pipe ends when nobody holds it any more: neither the engine nor a worker.
    assert process.stderr is not None
    said = process.stderr.read()
    process.wait()
    assert "worker.py" not in said
    assert readable_end(folder / "calls.csv") > 0


LIMITED = (
    "import resource, sys; from finops.errors import StorageError;"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000));"
    "from finops.simulator.engine import generate\n"
    f"try: generate(sys.argv[1], {SIZE}, seed={SEED})\n"
    "except StorageError as error: print(error)"
)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit on Windows")
def test_disk_full(csv: Path, golden: Tuple[bytes, bytes]) -> None:
    """A limit on the file's size makes the system write short and then refuse, as a full disk."""
    command = [sys.executable, "-c", LIMITED, str(csv)]
    said = subprocess.check_output(command, cwd=str(ROOT / "src"), text=True)
    assert "cannot write" in said
    assert said.count("\n") == 1
    there = csv.read_bytes()
    assert there.count(b"\n") - 1 == BATCH_SIZE
    assert golden[0].startswith(there)
    generate(csv, SIZE, seed=SEED)
    assert both(csv) == golden


@pytest.mark.unmeasured
def test_readers_see_whole_batches_while_it_is_written(folder: Path) -> None:
    csv = folder / "calls.csv"
    command = [sys.executable, "-c", GENERATE.replace(str(3 * SIZE), str(8 * SIZE)), str(csv), "2"]
    process = subprocess.Popen(command, cwd=str(ROOT / "src"))
    seen: List[int] = []
    while process.poll() is None:
        if commit_path(csv).exists():
            end = readable_end(csv)
            with open(csv, "rb") as file:
                batches = max(0, file.read(end).count(b"\n") - 1)
            if not seen or batches != seen[-1]:
                seen.append(batches)
    assert process.returncode == 0
    assert seen == sorted(seen)
    partial = [batches for batches in seen if batches % BATCH_SIZE]
    assert partial in ([], [seen[-1]])  # the last batch ends where the size is reached
    assert len(seen) > 3
