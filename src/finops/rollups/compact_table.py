"""A delivered table as columns: a fraction of the memory that a dict of tuples takes.

A tuple of eight numbers takes some 250 bytes as a value of a dict, and 64 as eight places of
arrays.  Tuples are made as somebody walks the table, and let go of then.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from contextlib import suppress
from itertools import chain, islice, repeat
from operator import itemgetter, lt
from typing import (
    Any,
    Callable,
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
    TypeVar,
    ValuesView,
)

from finops.rollups.spec import Key, Values, sort_key

_Name = TypeVar("_Name")
_Value = TypeVar("_Value")

# What fewer groups take is no matter.
_FEW = 256
# The type codes of whole numbers from the smallest, with the bits that each has.
_WHOLE = (("b", 8), ("h", 16), ("i", 32), ("q", 64))
_CODES = [code for code, _ in _WHOLE] + ["d"]
_WHOLE_CODES = {code for code, _ in _WHOLE}
# Parts of keys that repeat so often at least are kept once, with their places in a column.
_REPEATED = 4
# 1, 1.0 and True are one key of a dict.
_EQUAL_KINDS = {int, float, bool}


def compacted(groups: Dict[Key, Values]) -> Mapping[Key, Values]:
    """Return the groups of a table in their order, in less memory where they are many."""
    if len(groups) < _FEW:
        return groups
    return CompactTable(list(groups), _columns_of(list(groups.values())))


def as_compact(groups: Mapping[Key, Values]) -> CompactTable:
    """Return the groups of a table in their order as columns, however few they are."""
    if isinstance(groups, CompactTable):
        return groups
    return CompactTable(list(groups), _columns_of(list(groups.values())))


class Growing:
    """A column that grows piece by piece, each of which takes few bytes until all is asked for."""

    def __init__(self) -> None:
        self._pieces: List[Sequence[Any]] = []

    def add(self, piece: List[Any]) -> None:
        """Append some values, which may be none."""
        try:
            self._pieces.append(_shared(piece))
        except TypeError:  # latencies, each of which is an array of its own
            self._pieces.append(piece)

    def whole(self) -> Sequence[Any]:
        """Return all values; as an array where they are numbers of one kind."""
        codes = {p.typecode if isinstance(p, array) else "" for p in self._pieces if p}
        if codes == {"d"} or (codes and codes <= _WHOLE_CODES):
            column = array(max(codes, key=_CODES.index))
            for piece in self._pieces:
                column.extend(iter(piece))
            return column
        return list(chain.from_iterable(self._pieces))


def in_order(count: int, keys: Sequence[Growing], columns: Sequence[Growing]) -> CompactTable:
    """Return so many groups in key order.

    `keys` hold each part of all keys, and `columns` each measure, in any order that is the same
    for all of them.
    """
    places: Sequence[int] = range(count)
    for part in reversed(keys):  # what is equal stays in the order of the parts behind
        places = _by_value(part.whole(), places)

    def ordered(growing: Growing) -> Sequence[Any]:
        column = growing.whole()
        values = map(column.__getitem__, places)
        return array(column.typecode, values) if isinstance(column, array) else list(values)

    return CompactTable.of_columns(count, map(ordered, keys), map(ordered, columns))


def _by_value(column: Sequence[Any], places: Sequence[int]) -> List[int]:
    """Return the places in the order of what a column has there."""
    try:
        return sorted(places, key=column.__getitem__)
    except TypeError:  # None beside numbers
        known = {(type(value), value): value for value in column}
        in_order_of_kinds = sorted(known, key=lambda kind: sort_key((known[kind],)))
        ranks = {kind: rank for rank, kind in enumerate(in_order_of_kinds)}
        return sorted(places, key=lambda place: ranks[type(column[place]), column[place]])


class CompactTable(Mapping[Key, Values]):
    """Groups by key, in the order of its keys, each measure being a column of them.

    Keys, values and their kinds are the same.  Where keys are one text, a group is looked for in
    their order.  To find one of others by its key takes a dict of their places, which is made when
    it is asked for first.
    """

    def __init__(self, keys: List[Key], columns: Iterable[Sequence[Any]]) -> None:
        self._count = len(keys)
        self._keys = list(map(_shared, _columns_of(keys)))
        self._columns = list(map(_held, columns))
        self._places: Optional[Dict[Key, int]] = None
        self._ordered: Optional[bool] = None

    @classmethod
    def of_columns(
        cls, count: int, keys: Iterable[Sequence[Any]], columns: Iterable[Sequence[Any]]
    ) -> CompactTable:
        """Return the table of the columns of its keys, in their order, and of its measures."""
        return cls._of(count, list(map(_shared, keys)), list(map(_held, columns)))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Key]:
        return _rows(self._keys, self._count)

    def __getitem__(self, key: Key) -> Values:
        place = self._place(key)
        if place is None:
            raise KeyError(key)
        return tuple([column[place] for column in self._columns])

    def __contains__(self, key: object) -> bool:
        return self._place(key) is not None

    def get(self, key: Key, default: Any = None) -> Any:
        """Return the measures of a group, the default where there is none."""
        place = self._place(key)
        if place is None:
            return default
        return tuple([column[place] for column in self._columns])

    def continued(self, first: str, groups: Mapping[Key, Values], limit: int = 0) -> CompactTable:
        """Return the groups before a time, which keys begin with, and others behind them.

        A limit is that of all groups.
        """
        count = bisect_left(self._keys[0], first)
        rows = list(islice(groups.items(), max(0, limit - count) if limit else None))
        keys = _columns_of([key for key, _ in rows]) if rows else repeat([])
        columns = _columns_of([values for _, values in rows]) if rows else repeat([])
        return self._of(
            count + len(rows),
            [_continued(column, count, more) for column, more in zip(self._keys, keys)],
            [_continued(column, count, more) for column, more in zip(self._columns, columns)],
        )

    def plain(self) -> Dict[str, Any]:
        """Return it as dicts, lists and arrays (see `serialization`), if all that is in it are
        numbers, texts and None.
        """
        return {
            "count": self._count,
            "keys": list(map(_plain, self._keys)),
            "columns": list(map(_plain, self._columns)),
        }

    @classmethod
    def from_plain(cls, plain: Dict[str, Any], parts: int, measures: int) -> CompactTable:
        """Return the table of `plain`, with keys of so many parts; what is none raises a
        LookupError, TypeError or ValueError.
        """
        count, keys, columns = plain["count"], plain["keys"], plain["columns"]
        table = cls._of(count, list(map(_of_plain, keys)), list(map(_of_plain, columns)))
        lengths = set(map(len, (*table._keys, *table._columns)))
        if (len(keys), len(columns)) != (parts, measures) or not lengths <= {count}:
            raise ValueError("not that table")
        return table

    @classmethod
    def _of(
        cls, count: int, keys: List[Sequence[Any]], columns: List[Sequence[Any]]
    ) -> CompactTable:
        """Return the table of columns as they are kept."""
        table = cls([], ())
        table._count, table._keys, table._columns = count, keys, columns
        return table

    def _place(self, key: Any) -> Optional[int]:
        """Return the place of a key, None where there is none."""
        if self._places is None:
            if self._is_ordered and isinstance(key, tuple) and list(map(type, key)) == [str]:
                names = self._keys[0]
                place = bisect_left(names, key[0])
                return place if place < self._count and names[place] == key[0] else None
            self._places = dict(zip(self, range(self._count)))
        return self._places.get(key)

    @property
    def _is_ordered(self) -> bool:
        """Whether each key is one text, and they ascend; what repeats much is a `_Shared`."""
        if self._ordered is None:
            names = self._keys[0] if len(self._keys) == 1 else None
            self._ordered = isinstance(names, list) and _ascend(names)
        return self._ordered

    def items(self) -> ItemsView[Key, Values]:
        """Return the groups, which can be walked any number of times."""
        return WalkedItems(self, self.rows_of_values)

    def values(self) -> ValuesView[Values]:
        """Return the measures of the groups in their order."""
        return WalkedValues(self, self.rows_of_values)

    def rows_of_values(self) -> Iterator[Values]:
        """Return an iterator over the measures of the groups in their order."""
        return _rows(self._columns, self._count)


class WalkedItems(ItemsView[_Name, _Value]):
    """The items of a mapping whose values are made all in a row faster than one by one."""

    def __init__(self, of: Mapping[_Name, _Value], values: Callable[[], Iterator[_Value]]) -> None:
        super().__init__(of)
        self._of = of
        self._values = values

    def __iter__(self) -> Iterator[Tuple[_Name, _Value]]:
        return zip(self._of, self._values())


class WalkedValues(ValuesView[_Value]):
    """The values of such a mapping."""

    def __init__(self, of: Mapping[Any, _Value], values: Callable[[], Iterator[_Value]]) -> None:
        super().__init__(of)
        self._values = values

    def __iter__(self) -> Iterator[_Value]:
        return self._values()


class _Shared(Sequence[Any]):
    """A column of few parts that repeat."""

    def __init__(self, parts: List[Any], places: Sequence[int]) -> None:
        self.parts = parts
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: Any) -> Any:
        return self.parts[self.places[place]]

    def __iter__(self) -> Iterator[Any]:
        return map(self.parts.__getitem__, self.places)


def _plain(column: Sequence[Any]) -> Any:
    return [column.parts, column.places] if isinstance(column, _Shared) else {"all": column}


def _of_plain(plain: Any) -> Sequence[Any]:
    column: Sequence[Any]
    if isinstance(plain, dict):
        column = plain["all"]
    else:
        parts, places = plain
        if len(places) and not 0 <= min(places) <= max(places) < len(parts):
            raise ValueError("no such part")
        column = _Shared(parts, places)
    return column


def _continued(column: Sequence[Any], count: int, more: List[Any]) -> Sequence[Any]:
    """Return the first parts of a column, and more behind them, in few bytes each."""
    kinds = set(map(type, more))
    if isinstance(column, array):
        if kinds <= {float if column.typecode == "d" else int}:
            with suppress(OverflowError):
                return column[:count] + array(column.typecode, more)
    elif isinstance(column, _Shared):
        kinds.update(map(type, column.parts))
        if len(kinds & _EQUAL_KINDS) <= 1:
            parts = list(dict.fromkeys([*column.parts, *more]))
            number = dict(zip(parts, range(len(parts))))
            places = [number[part] for part in more]
            return _Shared(parts, _continued(column.places, count, places))
    return packed([*islice(column, count), *more])


def _columns_of(rows: Sequence[Tuple[Any, ...]]) -> Iterator[List[Any]]:
    """Yield the columns of rows, one at a time."""
    for place in range(len(rows[0]) if rows else 0):
        yield list(map(itemgetter(place), rows))


def _rows(columns: Sequence[Sequence[Any]], count: int) -> Iterator[Tuple[Any, ...]]:
    return zip(*columns) if columns else repeat((), count)


def _shared(column: Sequence[Any]) -> Sequence[Any]:
    """Return a column of keys such that parts that repeat take few bytes each."""
    kinds = set(map(type, column))
    if kinds <= {int} or kinds <= {float}:
        return packed(column)
    distinct = list(dict.fromkeys(column))
    mixed = len(kinds & _EQUAL_KINDS) > 1
    if mixed or len(distinct) * _REPEATED > len(column):
        return column
    places = dict(zip(distinct, range(len(distinct))))
    return _Shared(distinct, packed(list(map(places.__getitem__, column))))


def _ascend(column: List[Any]) -> bool:
    """Return whether a column is one of texts in ascending order, each once."""
    return set(map(type, column)) == {str} and all(map(lt, column, islice(column, 1, None)))


def _held(column: Sequence[Any]) -> Sequence[Any]:
    """Return a column of a measure in few bytes each, as far as it is numbers or texts."""
    held = packed(column)
    if held is column and set(map(type, column)) == {str}:
        return _shared(column)
    return held


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
