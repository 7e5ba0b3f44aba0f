"""A process that makes every n-th batch and hands it to the writer through its output.

`python -m finops.simulator.worker RECIPE FIRST STEP`, started by the engine.  It never sees
the CSV: only the process that holds the lock writes, so a worker whose engine was killed can
do no harm, and ends when it finds its output closed.
"""

from __future__ import annotations

import signal
import struct
import sys
from contextlib import suppress
from typing import Iterator, Tuple

from finops.simulator.batches import RowMaker, batches
from finops.simulator.plan import Plan
from finops.simulator.simulation_spec import SimulationSpec
from finops.storage.file_operations import FILES

LENGTH = struct.Struct("<Q")


def made(recipe: SimulationSpec, first: int = 0, step: int = 1) -> Iterator[Tuple[int, bytes]]:
    """Yield number and rows of batches `first`, `first` + `step`, … for ever."""
    plan = Plan(recipe)
    maker = RowMaker(plan, recipe.seed, recipe.prices)
    for batch in batches(plan.hours()):
        if batch.number >= first and (batch.number - first) % step == 0:
            yield batch.number, maker.make(batch)


def serve(recipe: SimulationSpec, first: int, step: int, output: int) -> None:
    """Write batches to a descriptor, each after its length, until the reader goes away."""
    with suppress(OSError):  # the engine has enough, or is gone
        for _, rows in made(recipe, first, step):
            FILES.write_all(output, LENGTH.pack(len(rows)))
            FILES.write_all(output, rows)


def main() -> None:
    """Run as the engine's child: an interrupt is the engine's to deal with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    recipe, first, step = sys.argv[1:4]
    serve(SimulationSpec.from_json(recipe), int(first), int(step), sys.stdout.fileno())


if __name__ == "__main__":
    main()
