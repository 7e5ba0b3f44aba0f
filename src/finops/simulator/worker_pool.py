"""Batches in order, made here or by several processes."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import Iterator, List, Tuple

from finops.processes import Worker
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.worker import LENGTH, generate_batches, job_message

if sys.platform == "linux":
    import fcntl

_PIPE_BYTES = 1 << 20
# fcntl.F_SETPIPE_SZ has a name since Python 3.10 only.
_F_SETPIPE_SZ = 1031


@contextmanager
def batches_in_order(
    spec: SimulationSpec, first: int, workers: int
) -> Iterator[Iterator[Tuple[int, bytes]]]:
    """Give an endless iterator of (number, rows) from batch `first` on.

    With more than one worker, each makes every n-th batch in its own process, a little
    ahead of the reader, and all are gone when the block ends.  The iterator raises WorkerError
    where one of them dies.
    """
    if workers <= 1:
        yield generate_batches(spec, first)
        return
    with ExitStack() as stack:
        pool = [stack.enter_context(_start(spec, first + k, workers)) for k in range(workers)]
        yield _round_robin(pool, first)


def _start(spec: SimulationSpec, first: int, step: int) -> Worker:
    worker = Worker("finops.simulator.worker:main", job_message(spec, first, step))
    _widen(worker)
    return worker


def _widen(worker: Worker) -> None:
    """Let a worker hand over most of a batch without waiting for the reader (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(worker.output.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)


def _round_robin(pool: List[Worker], first: int) -> Iterator[Tuple[int, bytes]]:
    number = first
    while True:
        yield number, _receive(pool[(number - first) % len(pool)])
        number += 1


def _receive(worker: Worker) -> bytes:
    (length,) = LENGTH.unpack(_read(worker, LENGTH.size))
    return _read(worker, length)


def _read(worker: Worker, count: int) -> bytes:
    content = worker.output.read(count)
    if len(content) < count:
        raise worker.failure()
    return content
