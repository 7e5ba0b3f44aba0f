"""Where imports are kept that were given no place: one CSV for each thing that is imported."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Sequence, Tuple

from finops import config
from finops.importers.inputs import LOCAL
from finops.importers.run import Input


def import_path(name: str, paths: Sequence[str], inputs: Tuple[Input, ...]) -> Path:
    """Return the CSV of an import of some paths, or of the logs of a tool.

    The same paths have the same CSV, which the next import extends.
    """
    formats = sorted({given.format.id for given in inputs})
    title = name or (formats[0] if len(formats) == 1 else LOCAL if not paths else "logs")
    places = sorted(os.path.realpath(path) for path in paths) or sorted(
        os.path.realpath(folder)
        for given in inputs
        for folder in given.format.folders(os.environ, os.path.expanduser("~"))
    )
    digest = hashlib.sha256("\0".join(places).encode("utf-8", "surrogateescape")).hexdigest()
    return folder_of_imports() / f"{title}-{digest[:8]}.csv"


def folder_of_imports() -> Path:
    """Return the folder of imported CSVs, beside the simulated one."""
    return config.DATA_CSV_PATH.parent / "imports"
