"""Usage logs given where a CSV of calls is expected: imported into a CSV that later runs extend."""

from __future__ import annotations

import glob
import os
from itertools import islice
from typing import Iterable, List, Mapping, NamedTuple, Optional, Tuple

from finops.business.price_table import PriceTable
from finops.errors import DataError
from finops.importers import tool_formats
from finops.importers.base import Format, ImportOptions, Progress
from finops.importers.detection import match_of
from finops.importers.discovery import files_below
from finops.importers.inputs import inputs_of, tool_names
from finops.importers.places import import_path
from finops.importers.run import Job, Result, run
from finops.importers.sources import Source
from finops.importers.tally import Tally

_LOOKED_AT_FILES = 500


class Resolved(NamedTuple):
    """The CSV that stands for usage logs, and what the import did."""

    path: str
    result: Result


def is_foreign(data: str) -> bool:
    """Return whether what is given as data are usage logs: files or folders of a known format,
    or the name of a tool whose logs are on this machine.
    """
    if os.path.isdir(data):
        return _is_of_tool(data) or _has_logs(files_below(data))
    if os.path.exists(data):
        return _is_log(data)
    matching = _matching(data)
    return _is_log(matching[0]) if matching else data in tool_names()


def resolve(
    data: str,
    prices: PriceTable,
    options: ImportOptions,
    environment: Mapping[str, str],
    home: str,
    progress: Progress = lambda done, total: None,
    workers: int = 0,
) -> Resolved:
    """Import usage logs, and return the CSV that has their calls.

    `progress(bytes_read, bytes_to_read)` is called now and then.  `workers`: as of a `Job`.

    Raises DataError, LockError and StorageError as an import does.
    """
    tally = Tally()
    paths = [data] if os.path.exists(data) else _matching(data)
    name = "" if paths else data
    inputs = inputs_of(name, paths, tally, environment, home)
    out = import_path(name, paths, inputs)
    result = run(Job(inputs, out, prices, options, progress=progress, workers=workers))
    result.tally.add_findings(tally)
    return Resolved(str(out), result)


def _matching(pattern: str) -> List[str]:
    return sorted(glob.glob(pattern)) if glob.has_magic(pattern) else []


def _is_of_tool(folder: str) -> bool:
    """Return whether a folder has logs where one of the tools keeps them."""
    return any(_has_logs(format.files(folder), (format,)) for format in tool_formats())


def _has_logs(paths: Iterable[str], formats: Optional[Tuple[Format, ...]] = None) -> bool:
    return any(_is_log(path, formats) for path in islice(paths, _LOOKED_AT_FILES))


def _is_log(path: str, formats: Optional[Tuple[Format, ...]] = None) -> bool:
    """Return whether a file is of one of some formats, or of any."""
    if not os.path.isfile(path):
        return False
    try:
        return len(match_of(Source(path, path), formats).formats) == 1
    except (DataError, OSError):
        return False
