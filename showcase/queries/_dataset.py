"""Which calls the demonstrations read: a path, FINOPS_DATA, the project's dataset, or a sample."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple, Optional

from _sample_calls import write_sample


class Dataset(NamedTuple):
    """A CSV of calls, and what it is where that is not its path."""

    path: Path
    origin: str = ""


@contextmanager
def dataset(path: Optional[str] = None) -> Iterator[Dataset]:
    """Yield the CSV at `path`, else of FINOPS_DATA, else of the project's default dataset.

    Where there is none, a small one is made in a temporary directory that goes away at the end.
    It covers ten weeks and has one of everything that the queries look for.
    """
    default = Path(__file__).resolve().parent / ".." / ".." / "data" / "simulated_calls.csv"
    chosen = path or os.environ.get("FINOPS_DATA")
    if chosen or default.is_file():
        yield Dataset(Path(chosen) if chosen else default.resolve())
        return
    with tempfile.TemporaryDirectory(prefix="finops_showcase_") as folder:
        made = Path(folder) / "calls.csv"
        write_sample(made)
        yield Dataset(made, "a small built-in sample")
