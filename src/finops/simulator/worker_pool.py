"""Batches in order, made here or by several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Iterator, List, Tuple

import finops
from finops.errors import FinOpsError
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.worker import LENGTH, made

_PIPE_BYTES = 1 << 20
# fcntl.F_SETPIPE_SZ has a name since Python 3.10 only.
_F_SETPIPE_SZ = 1031


@contextmanager
def batches_in_order(
    recipe: SimulationSpec, first: int, workers: int
) -> Iterator[Iterator[Tuple[int, bytes]]]:
    """Give an endless iterator of (number, rows) from batch `first` on.

    With more than one worker, each makes every n-th batch in a process of its own, a little
    ahead of the reader, and all are gone when the block ends.
    """
    if workers <= 1:
        yield made(recipe, first)
        return
    crew = [_start(recipe, first + k, workers) for k in range(workers)]
    try:
        yield _taken_in_turn(crew, first)
    finally:
        for process in crew:
            _stop(process)


def _start(recipe: SimulationSpec, first: int, step: int) -> subprocess.Popen[bytes]:
    """Start a worker where the real package is found, whatever the current folder holds."""
    source = str(Path(finops.__file__).resolve().parent.parent)
    command = [sys.executable, "-m", "finops.simulator.worker"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    process = subprocess.Popen(
        [*command, recipe.to_json(), str(first), str(step)],
        cwd=source,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    _widen(process)
    return process


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Let a worker hand over most of a batch without waiting for the reader (Linux)."""
    if sys.platform == "linux" and process.stdout is not None:
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(process.stdout.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)


def _taken_in_turn(crew: List[subprocess.Popen[bytes]], first: int) -> Iterator[Tuple[int, bytes]]:
    number = first
    while True:
        process = crew[(number - first) % len(crew)]
        assert process.stdout is not None
        yield number, _receive(process.stdout)
        number += 1


def _receive(pipe: IO[bytes]) -> bytes:
    (length,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    return bytes(_exactly(pipe, length))


def _exactly(pipe: IO[bytes], count: int) -> bytearray:
    """Read so many bytes into one piece of memory, for a batch is large."""
    found = bytearray(count)
    rest = memoryview(found)
    while rest:
        read: int = pipe.readinto(rest)  # type: ignore[attr-defined]
        if not read:
            raise FinOpsError("a worker process ended unexpectedly; try again with --workers 1")
        rest = rest[read:]
    return found


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
