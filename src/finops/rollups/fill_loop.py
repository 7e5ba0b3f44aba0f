"""All cubes of a part filled by one loop over the rows.

A row is unpacked once, what it adds is worked out once, and every cube that is not fed by another
one takes it.  The loop is written for the cubes of the plan and for the shape of a batch (see
`row_loop`), so that nothing is asked for each row that is the same in all of them.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from itertools import islice
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Set

from finops.reader.encoding import Batch, KeyEncoder
from finops.rollups.cubes import Cube
from finops.rollups.expressions import FALSE, TRUE
from finops.rollups.hours import Run
from finops.rollups.measures import TIME_DIMENSIONS
from finops.rollups.packing import PackedLayout, sums_of_rows
from finops.rollups.row_loop import RowLoop, RowShape, compiled
from finops.timestamps import time_key

# The variable of the environment that makes a scan print its loops to the standard error stream.
SHOW_LOOPS = "FINOPS_SHOW_LOOPS"
_SUMS = "sums"
_MOST_HOURS = 4096  # that are remembered: files come in their order mostly


class _FillLoop(NamedTuple):
    """A loop, the cubes that it fills, and the function compiled of its source."""

    loop: RowLoop
    cubes: List[Cube]
    function: Callable[..., None]


class FillLoops:
    """Fills cubes with batches, by a loop for each shape that these have.

    `words_in_use` takes the words of the packed sums that may be anything but 0.
    """

    def __init__(self, cubes: Sequence[Cube], layout: PackedLayout, words_in_use: Set[int]) -> None:
        self._cubes = cubes
        self._layout = layout
        self._words_in_use = words_in_use
        self._loops: Dict[RowShape, _FillLoop] = {}

    def fill(self, batch: Batch, runs: Sequence[Run], encoder: KeyEncoder, late: bool) -> None:
        """Add a batch in time order; `runs` are its hours in order.

        `late` says whether some row before is of a later time than the first one.
        """
        shape = RowShape.of(batch, late)
        if shape not in self._loops:
            self._loops[shape] = self._made(shape)
        loop, cubes, function = self._loops[shape]
        tables, rows = loop.tables(encoder), loop.rows(batch)
        for hour, start, end in runs:
            times = _times_of(hour)
            cells: List[Any] = []
            for cube in cubes:
                cube.advance_to(times[cube.spec.time])
                cells += cube.open_cells()
            function(islice(rows, end - start), *tables, *cells)

    def _made(self, shape: RowShape) -> _FillLoop:
        loop = RowLoop(shape)
        sums = sums_of_rows(self._layout, loop)
        self._words_in_use |= sums.words
        cubes: List[Cube] = []
        arguments: List[str] = []
        statements = [f"{_SUMS} = {sums.source}"]
        for cube in self._cubes:
            names = [f"cells_{len(cubes)}", f"firsts_{len(cubes)}"][: len(cube.open_cells())]
            adding = _adding(cube, loop, names)
            if adding:
                cubes.append(cube)
                arguments += names
                statements += adding
        source = loop.source(statements, arguments)
        if os.environ.get(SHOW_LOOPS):
            sys.stderr.write(source + "\n")
        return _FillLoop(loop, cubes, compiled(source))


@lru_cache(maxsize=_MOST_HOURS)
def _times_of(hour: str) -> Dict[str, str]:
    """Return which hour, day and so on an hour lies in, by the time that cubes group by."""
    return {grain: time_key(hour, grain) for grain in ("", *TIME_DIMENSIONS)}


def _adding(cube: Cube, loop: RowLoop, names: Sequence[str]) -> List[str]:
    """Return the statements that add a row to a cube, none where no row enters."""
    where = loop.shape.remaining(TRUE if cube.spec.where is None else cube.spec.where)
    if where is None or where == FALSE:
        return []
    statements = cube.statements(loop, names)
    if where == TRUE or not statements:
        return statements
    return [f"if {loop.inline(where)}:", *(f"    {line}" for line in statements)]
