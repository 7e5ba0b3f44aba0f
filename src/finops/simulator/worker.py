"""A process that makes every n-th batch and hands it to the writer through its output.

`python -m finops.simulator.worker RECIPE FIRST STEP`, started by the engine.  It never sees
the CSV: only the process that holds the lock writes, so a worker whose engine was killed can
do no harm, and ends when it finds its output closed.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from typing import BinaryIO, Iterator, Tuple

from finops.simulator.plan import Plan
from finops.simulator.recipe import Recipe
from finops.simulator.rows import RowMaker, batches

LENGTH = struct.Struct("<Q")


def made(recipe: Recipe, first: int = 0, step: int = 1) -> Iterator[Tuple[int, bytes]]:
    """Yield number and rows of batches `first`, `first` + `step`, … for ever."""
    plan = Plan(recipe)
    maker = RowMaker(plan, recipe.seed, recipe.prices)
    for batch in batches(plan.hours()):
        if batch.number >= first and (batch.number - first) % step == 0:
            yield batch.number, maker.make(batch)


def serve(recipe: Recipe, first: int, step: int, output: BinaryIO) -> None:
    """Write batches, each after its length, until the reader goes away."""
    try:
        for _, rows in made(recipe, first, step):
            output.write(LENGTH.pack(len(rows)))
            output.write(rows)
            output.flush()
    except OSError:  # the engine has enough, or is gone
        pass


def main() -> None:
    """Run as the engine's child: an interrupt is the engine's to deal with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    recipe, first, step = sys.argv[1:4]
    with open(os.dup(sys.stdout.fileno()), "wb") as output:
        serve(Recipe.from_json(recipe), int(first), int(step), output)


if __name__ == "__main__":
    main()
