"""The library's functions: open a dataset, analyze it, generate one.

A thin layer over the pipeline and the simulator.  It checks what callers pass, and imports the
machinery only when it is used.  Callers import these names from `finops`, never from here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Union

from finops import config
from finops.errors import ReportError, UsageError

if TYPE_CHECKING:
    from finops.business.catalog import PriceTable
    from finops.importers.run import Result as ImportResult
    from finops.rollups.dataset import Dataset
    from finops.simulator.engine import GenerateResult

    PathLike = Union[str, "os.PathLike[str]"]
    Locations = Union[PathLike, Sequence[PathLike]]
    Result = Dict[str, Any]
    BytesRead = Callable[[int, int], None]
    Grown = Callable[[int, int, int], None]


def open_dataset(
    data: Locations,
    *,
    workers: Optional[int] = None,
    prices: Optional[PriceTable] = None,
    cache: bool = False,
    progress: Optional[BytesRead] = None,
) -> Dataset:
    """Return the calls of one table or of several as a dataset for any number of analyzers.

    `data` is a location or a list of them: the path of a CSV (also compressed, in another encoding
    or with another delimiter), a folder of such files, a pattern such as `logs/*.csv.gz`, or `-`
    for standard input.  Nothing is read yet: that happens when tables are first asked for.

    `workers`: processes to read with; by default one for each core that has work to do.
    `prices`: used for calls without a cost; by default the built-in ones.
    `cache`: keep what was read beside the file (`PATH.cache`), so that next time only appended
    bytes are read.
    `progress(bytes_read, bytes_total)` is called now and then while the file is read.

    Raises UsageError where `workers` is less than 1.
    """
    from finops.business.catalog import DEFAULT_PRICES
    from finops.rollups.dataset import Dataset

    _check_workers(workers)
    return Dataset(data, workers, prices or DEFAULT_PRICES, progress, cache)


def analyze(
    data: Union[Locations, Dataset],
    reports: Optional[PathLike] = None,
    *,
    only: Union[str, Sequence[str]] = (),
    workers: Optional[int] = None,
    prices: Optional[PriceTable] = None,
    cache: bool = False,
    progress: Optional[BytesRead] = None,
) -> Dict[str, Result]:
    """Run the built-in analyzers and return their results by id, in the registry's order.

    `data` is what `open_dataset` takes, or an opened dataset.  `reports` is a folder: with it, a
    page and a JSON file for each result are written there, with an index and a manifest; without
    it nothing is written.  `only` names the analyzers to run, by default all of them.
    `workers`, `prices`, `cache` and `progress` are those of `open_dataset`.

    Raises UsageError for an id that does not exist, and for options that an opened dataset has
    already decided; DataError where the file as a whole cannot be read; StorageError where the
    folder cannot be written.  Without `reports`, whatever an analyzer raises is raised here;
    with it, the other reports are written first, then ReportError names those that failed.
    """
    from finops import pipeline
    from finops.rollups.dataset import Dataset

    names = _known(only)
    if isinstance(data, Dataset):
        _refuse_settled(workers=workers, prices=prices, cache=cache or None, progress=progress)
        dataset = data
    else:
        dataset = open_dataset(data, workers=workers, prices=prices, cache=cache, progress=progress)
    if reports is None:
        return pipeline.compute(pipeline.Job(dataset, Path(), names, prices=dataset.prices))
    outcome = pipeline.analyze(
        pipeline.Job(dataset, Path(reports), names, workers, dataset.prices, cache, progress)
    )
    if outcome.failed:
        reasons = "; ".join(f"{report.analysis.id}: {report.reason}" for report in outcome.failed)
        raise ReportError(f"some reports could not be made: {reasons}")
    return outcome.results


def generate(
    path: PathLike,
    *,
    size_mb: float = config.TARGET_SIZE_MB,
    seed: Optional[int] = None,
    start: Optional[str] = None,
    scenarios: Optional[Sequence[str]] = None,
    incidents: Optional[bool] = None,
    workers: int = 1,
    fresh: bool = False,
    prices: Optional[PriceTable] = None,
    progress: Optional[Grown] = None,
) -> GenerateResult:
    """Simulate calls into a CSV until it holds `size_mb` MB (of 1,048,576 bytes).

    An existing simulated file is continued, with its own seed, start, scenarios and incidents
    where they are not given; `fresh` starts over.

    `seed`: the same seed gives an identical file; by default 42.
    `start`: first day of the simulated time, ISO 8601 in UTC.
    `scenarios`: ids of the scenarios to use, by default all in turn.
    `incidents`: whether to inject incidents for the detectors to find, by default yes.
    `workers`: number of processes; it does not change the file.
    `prices`: what the simulated calls cost, by default the built-in prices.
    `progress(bytes_written, bytes_wanted, calls)` is called after every batch.

    Raises UsageError for values that do not fit and for a file that was made otherwise,
    LockError where another process is writing it, StorageError where the disk refuses.
    """
    from finops.business.catalog import DEFAULT_PRICES
    from finops.simulator.engine import generate as simulate

    _check_workers(workers)
    if not 0 < size_mb * config.MEGABYTE <= 2**63:
        raise UsageError(f"{size_mb} is not a size; give a number of MB above 0")
    place = Path(path)
    if place.exists() and not place.is_file():
        raise UsageError(f"{place} is not a regular file; give another path")
    wishes = {"seed": seed, "start": start, "scenarios": scenarios, "incidents": incidents}
    choices = {} if fresh else _choices_of(place)
    choices.update((name, value) for name, value in wishes.items() if value is not None)
    return simulate(
        place,
        int(size_mb * config.MEGABYTE),
        workers=workers,
        fresh=fresh,
        prices=prices or DEFAULT_PRICES,
        progress=progress,
        **choices,
    )


def import_usage(
    data: Union[PathLike, Sequence[PathLike]],
    out: PathLike,
    *,
    format: str = "",
    columns: Optional[Mapping[str, str]] = None,
    prices: Optional[PriceTable] = None,
    recompute: bool = False,
    fresh: bool = False,
) -> ImportResult:
    """Import usage logs into a CSV of calls, which is extended where it exists.

    `data`: files or folders; none for the logs of a tool on this machine.
    `format`: one of those that 'finops list formats' shows; by default what the files are.
    `columns`: fields of the call record, and where in a source's record each is.
    `prices`: for calls whose source names no cost, by default the built-in prices; with
    `recompute` for all calls.  `fresh`: forget the calls that were imported before.

    The result says how many rows were `added` and `changed`, and has the `totals` of the CSV.

    Raises UsageError or DataError where nothing can be imported, LockError where another process
    is writing the CSV, StorageError where the disk refuses.
    """
    from finops.business.catalog import DEFAULT_PRICES
    from finops.importers.base import ImportOptions
    from finops.importers.inputs import inputs_of
    from finops.importers.run import Job, run
    from finops.importers.tally import Tally

    given = [data] if isinstance(data, (str, os.PathLike)) else data
    paths = [os.fspath(path) for path in given]
    inputs = inputs_of(format, paths, Tally(), os.environ, os.path.expanduser("~"))
    options = ImportOptions(columns=dict(columns or {}), recompute=recompute)
    return run(Job(inputs, Path(out), prices or DEFAULT_PRICES, options, fresh=fresh))


def _known(only: Union[str, Sequence[str]]) -> Tuple[str, ...]:
    """Return the ids as a tuple, also where a single one was given as text."""
    from finops.registry import ANALYZER_REGISTRY

    names = (only,) if isinstance(only, str) else tuple(only)
    unknown = [name for name in names if name not in ANALYZER_REGISTRY]
    if unknown:
        known = ", ".join(ANALYZER_REGISTRY)
        raise UsageError(f"no analyzer {', '.join(unknown)}; choose from {known}")
    return names


def _refuse_settled(**options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"give {', '.join(given)} to open_dataset, which opened this dataset")


def _check_workers(workers: Optional[int]) -> None:
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} is not a number of processes; give 1 or more")


def _choices_of(path: Path) -> Dict[str, Any]:
    """Return the choices that an existing file is continued with, {} where there are none."""
    from finops.storage.commit import read_commit

    record = read_commit(path)
    made = record.simulation or {} if record else {}
    names = ("seed", "start", "scenarios", "incidents")
    return {name: made[name] for name in names if name in made}
