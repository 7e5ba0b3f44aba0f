"""A delivered table as columns: a fraction of the memory that a dict of tuples takes.

A tuple of eight numbers takes some 250 bytes as a value of a dict, and 64 as eight places of
arrays.  Tuples are made as somebody walks the table, and let go of then.
"""

from __future__ import annotations

from array import array
from itertools import repeat
from operator import itemgetter
from typing import (
    Any,
    Dict,
    ItemsView,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    ValuesView,
)

from finops.rollups.spec import Key, Values, sort_key

# What fewer groups take is no matter.
_FEW = 256
# The type codes of whole numbers from the smallest, with the bits that each has.
_WHOLE = (("b", 8), ("h", 16), ("i", 32), ("q", 64))
# Parts of keys that repeat so often at least are kept once, with their places in a column.
_REPEATED = 4


def compacted(groups: Dict[Key, Values]) -> Mapping[Key, Values]:
    """Return the groups of a table in their order, in less memory where they are many."""
    if len(groups) < _FEW:
        return groups
    return CompactTable(list(groups), _columns_of(list(groups.values())))


def in_order(keys: List[Key], columns: Iterable[Sequence[Any]]) -> Mapping[Key, Values]:
    """Return groups in key order; `columns` hold each measure of all keys, in their order."""
    places: Sequence[int] = range(len(keys))
    try:
        places = sorted(places, key=keys.__getitem__)
    except TypeError:  # None beside numbers
        places = sorted(places, key=lambda place: sort_key(keys[place]))
    ordered = list(map(keys.__getitem__, places))
    return CompactTable(ordered, (list(map(column.__getitem__, places)) for column in columns))


class CompactTable(Mapping[Key, Values]):
    """Groups by key, in the order of its keys, each measure being a column of them.

    Keys, values and their kinds are the same.  To find a group by its key takes a dict of their
    places, which is made when it is asked for first.
    """

    def __init__(self, keys: List[Key], columns: Iterable[Sequence[Any]]) -> None:
        self._count = len(keys)
        self._keys = list(map(_shared, _columns_of(keys)))
        self._columns = list(map(packed, columns))
        self._places: Optional[Dict[Key, int]] = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Key]:
        return _rows(self._keys, self._count)

    def __getitem__(self, key: Key) -> Values:
        place = self._index()[key]
        return tuple([column[place] for column in self._columns])

    def __contains__(self, key: object) -> bool:
        return key in self._index()

    def get(self, key: Key, default: Any = None) -> Any:
        """Return the measures of a group, the default where there is none."""
        return self[key] if key in self._index() else default

    def _index(self) -> Dict[Key, int]:
        if self._places is None:
            self._places = dict(zip(self, range(self._count)))
        return self._places

    def items(self) -> ItemsView[Key, Values]:
        """Return the groups, which can be walked any number of times."""
        return _Items(self)

    def values(self) -> ValuesView[Values]:
        """Return the measures of the groups in their order."""
        return _AllValues(self)

    def rows_of_values(self) -> Iterator[Values]:
        """Return an iterator over the measures of the groups in their order."""
        return _rows(self._columns, self._count)


class _Items(ItemsView[Key, Values]):
    def __init__(self, table: CompactTable) -> None:
        super().__init__(table)
        self._table = table

    def __iter__(self) -> Iterator[Tuple[Key, Values]]:
        return zip(self._table, self._table.rows_of_values())


class _AllValues(ValuesView[Values]):
    def __init__(self, table: CompactTable) -> None:
        super().__init__(table)
        self._table = table

    def __iter__(self) -> Iterator[Values]:
        return self._table.rows_of_values()


class _Shared(Sequence[Any]):
    """A column of few parts that repeat."""

    def __init__(self, parts: List[Any], places: Sequence[int]) -> None:
        self._parts = parts
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        return self._parts[self._places[place]]

    def __iter__(self) -> Iterator[Any]:
        return map(self._parts.__getitem__, self._places)


def _columns_of(rows: Sequence[Tuple[Any, ...]]) -> Iterator[List[Any]]:
    """Yield the columns of rows, one at a time."""
    for place in range(len(rows[0]) if rows else 0):
        yield list(map(itemgetter(place), rows))


def _rows(columns: Sequence[Sequence[Any]], count: int) -> Iterator[Tuple[Any, ...]]:
    return zip(*columns) if columns else repeat((), count)


def _shared(column: List[Any]) -> Sequence[Any]:
    """Return a column of keys such that parts that repeat take few bytes each."""
    kinds = set(map(type, column))
    if kinds <= {int} or kinds <= {float}:
        return packed(column)
    distinct = list(dict.fromkeys(column))
    mixed = len(kinds & {int, float, bool}) > 1  # 1, 1.0 and True are one key of a dict
    if mixed or len(distinct) * _REPEATED > len(column):
        return column
    places = dict(zip(distinct, range(len(distinct))))
    return _Shared(distinct, packed(list(map(places.__getitem__, column))))


def packed(column: Sequence[Any]) -> Sequence[Any]:
    """Return numbers of one kind as an array of few bytes each, all else as it is."""
    kinds: Sequence[Type[Any]] = list(set(map(type, column)))
    if kinds == [float]:
        return array("d", column)
    if kinds == [int]:
        largest = max(max(column), -1 - min(column))
        for typecode, bits in _WHOLE:
            if largest < 1 << (bits - 1):
                return array(typecode, column)
    return column
