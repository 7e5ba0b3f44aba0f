"""A process that makes every n-th batch and hands it to the writer through its output.

It never sees the CSV: only the process that holds the lock writes, so a worker can do no harm.
"""

from __future__ import annotations

import json
import struct
import sys
from contextlib import suppress
from typing import Iterator, Tuple

from finops.simulator.batches import RowMaker, batches
from finops.simulator.freed_memory import keep_freed_memory
from finops.simulator.plan import Plan
from finops.simulator.simulation_spec import SimulationSpec
from finops.storage.file_operations import FILES

LENGTH = struct.Struct("<Q")


def generate_batches(
    spec: SimulationSpec, first: int = 0, step: int = 1
) -> Iterator[Tuple[int, bytes]]:
    """Yield number and rows of batches `first`, `first` + `step`, … for ever."""
    plan = Plan(spec)
    maker = RowMaker(plan, spec.seed, spec.prices)
    for batch in batches(plan.hours()):
        if batch.number >= first and (batch.number - first) % step == 0:
            yield batch.number, maker.make(batch)


def serve(spec: SimulationSpec, first: int, step: int, output: int) -> None:
    """Write batches to a descriptor, each after its length, until nobody reads them."""
    with suppress(OSError):  # the engine has enough
        for _, rows in generate_batches(spec, first, step):
            FILES.write_all(output, LENGTH.pack(len(rows)))
            FILES.write_all(output, rows)


def main(message: bytes) -> None:
    """Run as the engine's child until it has enough; `message` is from `job_message`."""
    keep_freed_memory()
    spec, first, step = json.loads(message.decode("ascii"))
    serve(SimulationSpec.from_json(spec), first, step, sys.stdout.fileno())


def job_message(spec: SimulationSpec, first: int, step: int) -> bytes:
    """Return what tells a worker to make batches `first`, `first` + `step`, …"""
    return json.dumps([spec.to_json(), first, step]).encode("ascii")
