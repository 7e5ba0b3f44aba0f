"""Cells in blocks that are aggregated together, and the keys of a table for cells."""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from finops.rollups.columns import CUSTOMER_POSITION, MANY_CELLS, CellRange, FilledCube
from finops.rollups.measures import COHORT_WEEK, Dimension, dimension_of
from finops.rollups.spec import Key, Table

_ID = CUSTOMER_POSITION["customer_id"]


def first_times(cubes: Sequence[FilledCube]) -> Dict[str, str]:
    """Return the first time value of each customer in the cubes of all parts."""
    firsts: Dict[str, str] = {}
    for cube in cubes:
        ids = [key[_ID] for key in cube.customer_keys]
        for place, time in enumerate(cube.packed.times):
            for code in set(cube.cells(place, place + 1).customer_codes()):
                name = ids[code]
                if name not in firsts or time < firsts[name]:
                    firsts[name] = time
    return firsts


class Block(NamedTuple):
    """Cells that are aggregated together; `grouped`: each is a group of its own.

    Nearly all are: those that are not share the time at which two parts of the file meet, or
    have to do with a customer who was changing.
    """

    ranges: List[CellRange]
    grouped: bool


def blocks_of(
    dimensions: Sequence[Dimension], cubes: Sequence[FilledCube], first_time: str = ""
) -> Iterator[Block]:
    """Yield the cells of all times from `first_time` on in order of time, in blocks; cells of one
    time value share a block.  `dimensions` tell groups apart.
    """
    entries = sorted(
        (time, number, place)
        for number, cube in enumerate(cubes)
        for place, time in enumerate(cube.packed.times)
        if time >= first_time
    )
    occurrences = Counter(time for time, _, _ in entries)
    differing = [cube.differing(dimensions) for cube in cubes]
    block: List[Tuple[int, int]] = []
    cells, before, grouped = 0, "", True
    for time, number, place in entries:
        alone = occurrences[time] == 1 and differing[number][place]
        if block and (alone != grouped or (cells >= MANY_CELLS and time != before)):
            yield Block(_cell_ranges(cubes, block), grouped)
            block, cells = [], 0
        block.append((number, place))
        cells += cubes[number].packed.lengths[place]
        before, grouped = time, alone
    if block:
        yield Block(_cell_ranges(cubes, block), grouped)


def _cell_ranges(cubes: Sequence[FilledCube], block: Sequence[Tuple[int, int]]) -> List[CellRange]:
    """Return the ranges at (cube, place), those that follow each other as one."""
    joined: List[List[int]] = []
    for number, place in block:
        if joined and joined[-1][0] == number and joined[-1][2] == place:
            joined[-1][2] += 1
        else:
            joined.append([number, place, place + 1])
    return [cubes[number].cells(first, last) for number, first, last in joined]


def keys_of(table: Table, cells: CellRange) -> Iterable[Key]:
    """Return the table's key of each cell of a range."""
    cube = cells.cube
    columns: List[Iterable[Any]] = []
    for dimension in map(dimension_of, table.by):
        place = cube.position(dimension)
        if place >= 0:
            names = [key[place] for key in cube.keys]
            columns.append([names[code] for code in cells.key_codes()])
        elif dimension.name in CUSTOMER_POSITION:
            place = CUSTOMER_POSITION[dimension.name]
            names = [key[place] for key in cube.customer_keys]
            columns.append([names[customer] for customer in cells.customer_codes()])
        elif dimension.name == COHORT_WEEK:
            ids = [key[_ID] for key in cube.customer_keys]
            firsts = cube.first_times
            # Listed values may be of customers of whom no call passes the table's filter.
            columns.append([firsts.get(ids[customer], "") for customer in cells.customer_codes()])
        else:
            times = cells.times()
            columns.append(map(int, times) if dimension.name == "hour_of_day" else times)
    return zip(*columns) if columns else repeat((), len(cells.codes))
