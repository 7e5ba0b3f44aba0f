"""What groups have besides sums: values of a column, first and last times, distinct customers."""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import partial
from itertools import chain, compress
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from finops.rollups.blocks import blocks_of, keys_of
from finops.rollups.columns import CUSTOMER_POSITION, CellRange, FilledCube
from finops.rollups.measures import Dimension, Distinct, Listed, Seen, dimension_of
from finops.rollups.seen import merged_times, seen_texts
from finops.rollups.spec import Key, Table


class ListedCubes(NamedTuple):
    """The cubes of all parts that keep the values of a column.

    `passes` is the dimension that is true where values count, None where all do.
    """

    cubes: Sequence[FilledCube]
    passes: Optional[Dimension] = None


def listed_values(table: Table, measure: Listed, listed: ListedCubes) -> Dict[Key, Any]:
    """Return what cells keep of a measure's column, for each group that has any of it."""
    cells_of, merged, _ = _reader(measure)
    values: Dict[Key, Any] = {}
    apart = [*map(dimension_of, table.by), *([listed.passes] if listed.passes else [])]
    for block in blocks_of(apart, listed.cubes):
        cells = chain.from_iterable(
            _passing(each, listed.passes, zip(keys_of(table, each), cells_of(each)))
            for each in block.ranges
        )
        values.update(cells if block.grouped else merged(cells))
    return values


def delivered_values(
    measure: Listed, values: Mapping[Key, Any], keys: Iterable[Key]
) -> Iterable[Any]:
    """Return a measure of groups; of calls of which none has a value that is an empty one."""
    if isinstance(measure, Seen):
        return seen_texts(measure, map(values.__getitem__, keys))
    _, _, empty = _reader(measure)
    return (values[key] if key in values else empty() for key in keys)


def distinct_counts(table: Table, measure: Distinct, cubes: Sequence[FilledCube]) -> Dict[Key, int]:
    """Return how many values a customer dimension has in each group."""
    place = CUSTOMER_POSITION[measure.dimension]
    groups: Dict[Key, Set[Any]] = defaultdict(set)
    for block in blocks_of(list(map(dimension_of, table.by)), cubes):
        for cells in block.ranges:
            names = [key[place] for key in cells.cube.customer_keys]
            for key, code in zip(keys_of(table, cells), cells.customer_codes()):
                groups[key].add(names[code])
    return {key: len(names - {measure.nobody}) for key, names in groups.items()}


def _passing(
    cells: CellRange, passes: Optional[Dimension], values: Iterable[Tuple[Key, Any]]
) -> Iterable[Tuple[Key, Any]]:
    """Return the values of those cells that a filter leaves."""
    if passes is None:
        return values
    cube = cells.cube
    place = cube.position(passes)
    flags = [key[place] for key in cube.keys]
    return compress(values, [flags[code] for code in cells.key_codes()])


def _merged_lists(cells: Iterable[Tuple[Key, Sequence[int]]]) -> Iterator[Tuple[Key, Any]]:
    """Yield the groups of cells with all their values, ascending."""
    groups: Dict[Key, List[int]] = defaultdict(list)
    for key, values in cells:
        groups[key].extend(values)
    return ((key, array("I", sorted(values))) for key, values in groups.items())


def _merged_histograms(cells: Iterable[Tuple[Key, Mapping[int, int]]]) -> Iterator[Tuple[Key, Any]]:
    """Yield the groups of cells with how often they have each value, ascending."""
    groups: Dict[Key, Dict[int, int]] = defaultdict(partial(defaultdict, int))
    for key, histogram in cells:
        group = groups[key]
        for value, calls in histogram.items():
            group[value] += calls
    return ((key, dict(sorted(group.items()))) for key, group in groups.items())


# How cells are read, how those of one group become one, and what a group without any has.
Reader = Tuple[
    Callable[[CellRange], Iterable[Any]], Callable[..., Iterable[Any]], Callable[[], Any]
]
_OF_LISTS: Reader = (CellRange.lists, _merged_lists, partial(array, "I"))
_OF_HISTOGRAMS: Reader = (CellRange.histograms, _merged_histograms, dict)
_OF_TIMES: Reader = (CellRange.ends, merged_times, tuple)


def _reader(measure: Listed) -> Reader:
    if isinstance(measure, Seen):
        return _OF_TIMES
    return _OF_HISTOGRAMS if measure.counted else _OF_LISTS
