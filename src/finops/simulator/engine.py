"""Grow a simulated dataset to a wanted size, whatever state it is in.

The engine owns the loop: it holds the writer's lock, finds out how many rows are there, lets
batches be made from the next one on, and appends them until the size is reached.  Batches
depend on spec and number alone, so a file may grow in any number of runs, with any number
of workers, through kills, and has the bytes of one run.
"""

from __future__ import annotations

import os
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Generator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.config import BATCH_SIZE
from finops.errors import UsageError
from finops.schema import SIMULATED_HEADER_LINE
from finops.simulator.freed_memory import keep_freed_memory
from finops.simulator.ground_truth import Entry, write_truth
from finops.simulator.incident_log import IncidentLog
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.worker import generate_batches
from finops.simulator.worker_pool import batches_in_order
from finops.storage.appender import Appender, storage_error
from finops.storage.commit import commit_path, read_commit
from finops.storage.file_operations import FILES, Files
from finops.storage.lock import writer_lock
from finops.storage.sidecars import open_data, real_path
from finops.storage.truth import events_path, truth_path

Progress = Callable[[int, int, int], None]
HEADER = SIMULATED_HEADER_LINE.encode("ascii")


class GenerateResult(NamedTuple):
    """What a run did.  `period_start` and `period_end` are timestamps, "" without calls.

    `calls` are all in the file, `new_calls` those of this run; `repaired` are sentences on
    what an earlier run had left behind.
    """

    size_bytes: int
    calls: int
    new_calls: int
    seconds: float
    period_start: str
    period_end: str
    repaired: List[str]


def generate(
    path: Union[str, Path],
    target_bytes: int,
    *,
    seed: int = config.DEFAULT_SEED,
    start: Optional[str] = None,
    scenarios: Optional[Sequence[str]] = None,
    workers: int = 1,
    fresh: bool = False,
    incidents: bool = True,
    prices: PriceTable = DEFAULT_PRICES,
    progress: Optional[Progress] = None,
    files: Files = FILES,
) -> GenerateResult:
    """Simulate calls into the CSV until it has at least `target_bytes`, and stop at that row.

    An existing simulated file is continued, unless `fresh`.  `start` is a date in UTC;
    `scenarios` restricts the cycle to these ids; `progress` is called after every batch with
    bytes there, bytes wanted, and calls there.

    Raises UsageError where the file is not this simulation's, LockError where somebody else
    writes it, StorageError where the disk refuses.
    """
    began = time.perf_counter()
    keep_freed_memory()
    spec = SimulationSpec.of(seed, start, scenarios, incidents, prices)
    place = real_path(path)
    _make_folder(place)
    with writer_lock(place):
        if fresh:
            _refuse_foreign_target(path)
            _remove(place)
        _refuse_strangers(place, spec)
        for beside in (truth_path(place), events_path(place)):
            files.remove_left(str(beside))
        with Appender(place, simulation=spec.identity(), files=files, new_header=HEADER) as out:
            before = out.rows
            own_rows = _own_rows(out, spec)
            filling = _fill(out, spec, own_rows, target_bytes, workers, progress)
            _follow(filling, out, spec, files)
            return GenerateResult(
                out.end,
                out.rows,
                out.rows - before,
                time.perf_counter() - began,
                _first_timestamp(place),
                out.mark.clock,
                list(out.repaired),
            )


def _follow(
    filling: Generator[str, None, None], out: Appender, spec: SimulationSpec, files: Files
) -> None:
    """Let batches be appended, and write down the truth about them, interrupted or not."""
    incident_log = IncidentLog(spec)
    try:
        with closing(filling) as clocks:
            for clock in clocks:
                incident_log.follow(clock)
    except BaseException:
        incident_log = IncidentLog(spec)  # an interrupt may have stopped it in mid-hour
        raise
    finally:
        _record_truth(out.path, spec.seed, incident_log.truth(out.mark.clock), files)


def _fill(
    out: Appender,
    spec: SimulationSpec,
    own_rows: int,
    target: int,
    workers: int,
    progress: Optional[Progress],
) -> Generator[str, None, None]:
    """Append batches from row `own_rows` of the simulation on; yield the clock after each."""
    if out.end >= target:
        return
    number, there = divmod(own_rows, BATCH_SIZE)
    with batches_in_order(spec, number, workers) as batches:
        for _, batch in batches:
            rows = _up_to(_without_first(batch, there), target - out.end)
            there = 0
            count = BATCH_SIZE if rows is batch else rows.count(b"\n")
            out.append(rows, count, clock_of(rows))
            if progress is not None:
                progress(out.end, target, out.rows)
            yield out.mark.clock
            if out.end >= target:
                return


def _without_first(rows: bytes, count: int) -> bytes:
    """Return the lines after the first `count`."""
    return rows.split(b"\n", count)[count] if count else rows


def _up_to(rows: bytes, wanted: int) -> bytes:
    """Return whole lines until `wanted` bytes are reached, or all."""
    return rows[: rows.index(b"\n", wanted - 1) + 1] if wanted <= len(rows) else rows


def clock_of(rows: bytes) -> str:
    """Return the timestamp of the last line."""
    last = rows.rfind(b"\n", 0, len(rows) - 1) + 1
    return rows[last : rows.index(b",", last)].decode("ascii")


# --- whose file is it --------------------------------------------------------------------------


def _refuse_strangers(path: str, spec: SimulationSpec) -> None:
    """Raise UsageError, before anything is touched, unless the file is this simulation's."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return
    mark = read_commit(path)
    if mark is None:
        _refuse_other_rows(path, spec)
    elif mark.simulation is None:
        raise _not_simulated(path)
    else:
        _refuse_other_spec(path, mark.simulation, spec.identity())


def _refuse_other_spec(path: str, there: Dict[str, Any], wanted: Dict[str, Any]) -> None:
    differing = [name for name in wanted if there.get(name) != wanted[name]]
    if not differing:
        return
    name = differing[0]
    if name in ("version", "prices"):
        what = f"other {name}" if name == "prices" else "another version of the simulator"
        detail = f"was made with {what}"
    else:
        detail = f"was made with {name} {_shown(there.get(name))}, not {_shown(wanted[name])}"
    raise UsageError(
        f"{path} {detail}; use the same, start over with --fresh, or write elsewhere with --data"
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _refuse_other_rows(path: str, spec: SimulationSpec) -> None:
    """Compare the beginning of a file without a mark to what would have been simulated."""
    _, rows = next(generate_batches(spec))
    expected = HEADER + rows
    with open_data(path) as file:
        existing = file.read(len(expected))
    if existing.rstrip(b"\0") != expected[: len(existing.rstrip(b"\0"))]:
        raise _not_simulated(path)


def _not_simulated(path: str) -> UsageError:
    return UsageError(
        f"{path} exists and was not simulated with these settings; "
        "write elsewhere with --data, or replace it with --fresh"
    )


def _own_rows(out: Appender, spec: SimulationSpec) -> int:
    """Return how many rows of this simulation are in the file.

    Rows that no mark knows of may be ours (a mark from before a power cut) or another
    program's, and are recognized by making ours again.
    """
    simulation = dict(out.mark.simulation or spec.identity())
    adopted = int(simulation.get("adopted_rows", 0))
    if out.rebuilt:
        _check_rebuilt(out, spec)
    elif out.adopted_from is not None:
        with open_data(out.path) as file:
            file.seek(out.adopted_from)
            lines = file.read(out.end - out.adopted_from).splitlines(keepends=True)
        own = out.rows - adopted - len(lines)
        adopted += len(lines) - _lines_alike(lines, spec, own)
        out.describe({**simulation, "adopted_rows": adopted})
        out.sync()
    return out.rows - adopted


def _lines_alike(lines: Sequence[bytes], spec: SimulationSpec, row: int) -> int:
    """Return how many of the lines are what the simulation makes from this row on."""
    number, skipped = divmod(row, BATCH_SIZE)
    alike = 0
    for _, rows in generate_batches(spec, number):
        for line in rows.splitlines(keepends=True)[skipped:]:
            if alike == len(lines) or lines[alike] != line:
                return alike
            alike += 1
        skipped = 0
    return alike


def _check_rebuilt(out: Appender, spec: SimulationSpec) -> None:
    """Raise UsageError unless a file without a mark ends as this simulation would have it."""
    number, there = divmod(max(0, out.rows - 1), BATCH_SIZE)
    _, rows = next(generate_batches(spec, number))
    expected = b"".join(rows.splitlines(keepends=True)[: there + 1]) if out.rows else b""
    with open_data(out.path) as file:
        file.seek(max(0, out.end - len(expected)))
        if file.read(len(expected)) != expected:
            raise _not_simulated(out.path)


# --- the files around it -----------------------------------------------------------------------


def _make_folder(path: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def _refuse_foreign_target(path: Union[str, Path]) -> None:
    """Raise UsageError where a link leads to what no simulation made: that is not to be removed.

    A file that is named itself may be replaced, whatever it is.
    """
    place = os.fspath(path)
    if not os.path.islink(place) or not os.path.exists(place) or not os.path.getsize(place):
        return
    mark = read_commit(place)
    if mark is None or mark.simulation is None:
        raise UsageError(
            f"{path} is a link to a file that was not simulated;"
            " name that file itself to replace it"
        )


def _remove(path: str) -> None:
    """Remove the dataset and what goes with it, the mark first."""
    for name in (commit_path(path), truth_path(path), events_path(path), Path(path)):
        try:
            with suppress(FileNotFoundError):
                os.unlink(str(name))
        except OSError as error:
            raise storage_error(path, error) from error


def _record_truth(path: str, seed: int, lists: Mapping[str, List[Entry]], files: Files) -> None:
    """Write which incidents are in the rows so far."""
    try:
        write_truth(path, seed, lists, files)
    except OSError as error:
        raise storage_error(truth_path(path), error) from error


def _first_timestamp(path: str) -> str:
    with open_data(path) as file:
        file.readline()
        return file.readline().split(b",")[0].decode("ascii", "replace").strip()
