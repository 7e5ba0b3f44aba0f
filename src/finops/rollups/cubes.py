"""Cubes: the finest tables that the pass over the file fills, and how they are kept small.

A cube groups calls by codes (see `encoding.KeyEncoder`) within a time grain.  Every declared table
is aggregated from one cube afterwards.  While a stretch of time is being read its cells are a
plain dict; when the next one begins they are appended to arrays, a fraction of the size.  Packed
cells of the same key may occur more than once (an hour cut in two by parts of the file, or met
again in unordered data): aggregation adds them up, so nothing ever has to be looked up again
while reading.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import repeat
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.cells import (
    KEY_BITS,
    KEY_SPACE,
    CubeSpec,
    PackedCells,
    customer_codes,
    key_codes,
)
from finops.rollups.row_loop import CUSTOMER, RowLoop
from finops.timestamps import time_key

KeyPart = Any  # text, number or None: what a dimension is
Getter = Callable[[Any], KeyPart]
GroupKey = Tuple[KeyPart, ...]


class Projection:
    """Call codes to codes of fewer dimensions, extended as new call codes appear."""

    def __init__(self, getters: Sequence[Getter]) -> None:
        self.by_code: List[int] = []
        self._getters = getters
        self._numbered = _Numbered()

    @property
    def keys(self) -> List[GroupKey]:
        """The keys of the codes of fewer dimensions."""
        return self._numbered.in_order

    def extend(self, call_keys: Sequence[GroupKey]) -> None:
        """Make room for call keys not seen yet."""
        if len(call_keys) == len(self.by_code):
            return
        fresh = call_keys[len(self.by_code) :]
        columns = [map(getter, fresh) for getter in self._getters]
        parts = zip(*columns) if columns else repeat((), len(fresh))
        self.by_code.extend(map(self._numbered.__getitem__, parts))


class Cube:
    """The cells of one spec for one part of the file: sums.

    `words` are those of the packed sums that anybody wants of it, and `words_in_use` those that
    have been anything but 0 so far; the others are dropped when cells are packed.  What keeps
    something else than sums is a subclass.

    A cube with a `source` is not filled call by call: it takes the cells of the finer source,
    which are fewer, whenever these are complete.
    """

    def __init__(
        self,
        spec: CubeSpec,
        projection: Projection,
        words: Sequence[bool] = (),
        words_in_use: AbstractSet[int] = frozenset(),
        source: Optional[Cube] = None,
    ) -> None:
        self.spec = spec
        self.source = source
        self.packed = PackedCells.empty(len(words))
        self._words = [place for place, wanted in enumerate(words) if wanted]
        self._words_in_use = words_in_use
        self._projection = projection
        self._joint = _Numbered()
        self._rollups: List[Cube] = []
        self._time = ""
        self._cells: Dict[int, Any] = self._empty()
        self._waiting: Dict[str, Dict[int, Any]] = {}
        if source is not None:
            source._rollups.append(self)

    @property
    def keys(self) -> List[GroupKey]:
        """The keys of the codes below the customer's, in the order of `spec.dimensions`."""
        if not self.spec.rows:
            return self._projection.keys
        return [
            (*self._projection.keys[key[0]], *key[1:]) if self.spec.calls else key
            for key in self._joint.in_order
        ]

    # --- row by row ------------------------------------------------------------------------------

    def statements(self, loop: RowLoop, names: Sequence[str]) -> List[str]:
        """Return what the loop does with a row that enters; `names` are those of `open_cells`.

        What the row adds is named `sums`.
        """
        cells = names[0]
        if self._is_nested:
            call = loop.from_table(self._projection)
            return [f"{cells}[{call}][{loop.column(CUSTOMER)}] += sums"]
        return [f"{cells}[{self._code(loop)}] += sums"]

    def open_cells(self) -> List[Any]:
        """Return what the loop fills."""
        return [self._cells]

    def advance_to(self, time: str) -> None:
        """Make the cells of a time value the current ones.

        Time moves on, so what was current is packed; but hours of the day come round again.
        """
        if time == self._time:
            return
        if self.spec.time == "hour_of_day":
            self._waiting[self._time] = self._cells
            self._cells = self._waiting.get(time) or self._empty()
        else:
            self._pack()
        self._time = time

    def _code(self, loop: RowLoop) -> str:
        """Return the source of the code of a row's cell, or of what `_codes` makes it of."""
        spec = self.spec
        call = loop.from_table(self._projection) if spec.calls else ""
        customer = loop.column(CUSTOMER) if spec.customers else ""
        if spec.rows:
            values = [loop.inline(loop.shape.remaining(d.value)) for d in spec.rows]
            return f"({', '.join(filter(None, (customer, call, *values)))},)"
        if customer and call:
            return f"({customer} << {KEY_BITS}) + {call}"
        return customer or call or "0"

    @property
    def _is_nested(self) -> bool:
        """Whether open cells are by customer within those of a call's code.

        They are found faster so, which pays where they stay open for long.
        """
        spec = self.spec
        stays = spec.time in ("", "week") and self.source is None
        return stays and spec.customers and bool(spec.calls) and not (spec.rows or spec.listed)

    def _flat(self, cells: Mapping[int, Any]) -> Mapping[int, Any]:
        """Return open cells as they are found by one key each."""
        if not self._is_nested:
            return cells
        return {
            customer * KEY_SPACE + call: cell
            for call, of_customers in cells.items()
            for customer, cell in of_customers.items()
        }

    def _codes(self, cells: Iterable[Any]) -> Iterable[int]:
        """Return the codes of cells: those by what follows from each row are numbered here."""
        if not self.spec.rows:
            return cells
        if not self.spec.customers:
            return map(self._joint.__getitem__, cells)
        return [customer * KEY_SPACE + self._joint[tuple(key)] for customer, *key in cells]

    # --- from a source ---------------------------------------------------------------------------

    def _roll_up_from(self, source: Cube, time: str, cells: Mapping[int, Any]) -> None:
        """Add the complete cells that a source has for one of its time values."""
        grain = self.spec.time
        self.advance_to(time if grain == source.spec.time else time_key(time, grain))
        self._take_over(self._codes_from(source, cells), cells)

    def _codes_from(self, source: Cube, fine_codes: Iterable[int]) -> Iterable[int]:
        """Return for cell codes of a source those of the cells here that they belong to."""
        spec, fine = self.spec, source.spec
        codes = list(fine_codes)
        customers = customer_codes(codes, fine) if spec.customers else ()
        if not spec.calls:
            return customers if spec.customers else repeat(0)
        self._projection.extend(source._projection.keys)
        keys = key_codes(codes) if fine.customers else codes
        projected = map(self._projection.by_code.__getitem__, keys)
        if spec.customers:
            return [c * KEY_SPACE + k for c, k in zip(customers, projected)]
        return projected

    def _take_over(self, codes: Iterable[int], cells: Mapping[int, Any]) -> None:
        """Add cells of a source to the cells of some codes here."""
        own = self._cells
        for code, sums in zip(codes, cells.values()):
            own[code] += sums

    # --- packing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Pack what is still open."""
        self._waiting[self._time] = self._cells
        for time, cells in sorted(self._waiting.items()):
            self._time, self._cells = time, cells
            self._pack()
        self._waiting = {}
        self._time = ""

    def _empty(self) -> Dict[int, Any]:
        return defaultdict(partial(defaultdict, int) if self._is_nested else int)

    def _pack(self) -> None:
        cells = self._flat(self._cells)
        if not cells:
            return
        self._cells = self._empty()
        for cube in self._rollups:
            cube._roll_up_from(self, self._time, cells)
        self._append(cells)

    def _append(self, cells: Mapping[int, Any]) -> None:
        """Append cells to the arrays."""
        packed = self.packed
        packed.times.append(self._time)
        packed.lengths.append(len(cells))
        packed.codes.extend(self._codes(cells))
        self._append_content(cells)

    def _append_content(self, cells: Mapping[int, Any]) -> None:
        """Append what cells hold, their codes being there."""
        packed = self.packed
        before = len(packed.codes) - len(cells)
        count = 1 + max(self._words_in_use, default=0)
        blob = b"".join([sums.to_bytes(count * 4, "little") for sums in cells.values()])
        words = memoryview(blob).cast("I")
        for place in self._words:
            if place in self._words_in_use:
                packed.word(place, before).frombytes(words[place::count].tobytes())


class _Numbered(Dict[GroupKey, int]):
    """A dict that numbers keys in the order in which they are first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.in_order: List[GroupKey] = []

    def __missing__(self, key: GroupKey) -> int:
        code = self[key] = len(self)
        self.in_order.append(key)
        return code
