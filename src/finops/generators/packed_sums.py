"""Daily sums by key, packed into short texts, so that a page can recompute tables for dates.

Each key's row of sums becomes one text of digits in base 88, all of the same width, so that
the browser finds any of them by its place.  Costs are whole numbers of a millionth of a dollar
or less.  Where the texts would be too long for the page, several days share one sum, and a
range is then widened to whole ones, which the page says; where even that is too long, nothing
is packed and what would follow stays with the whole period, which the page says, too.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.generators.recompute import Recompute, measures_of
from finops.results.base import DailySums
from finops.results.performance import PercentileWindow

# Printable characters that need no escape in the page's JSON block.
ALPHABET = "".join(chr(code) for code in range(32, 127) if chr(code) not in "\"\\<>&'`")
HALF = len(ALPHABET) // 2
# Days that may share a sum.
STEPS: Tuple[int, ...] = (1, 7, 14, 28)
# Characters that all sums of a page may take together, so many less for each day, since the
# lines of a page over many days take their room; a few for any number of days.
BUDGET = 40_000
LESS_PER_DAY = 60
LESS_WITHOUT_LINES = 20
LEAST = 8_000
_SCALE = 10**6
_FINE_SCALE = 10**9


class Sums(NamedTuple):
    """Packed sums: name on the page, dimensions, their values key by key, data for the script.

    `days` are the calendar days that they cover, `whole` the numbers that are packed: for each
    measure a row for each key, in units of the measure's scale.
    """

    name: str
    by: Tuple[str, ...]
    keys: Sequence[Tuple[Any, ...]]
    data: Mapping[str, Any]
    days: Sequence[str] = ()
    whole: Mapping[str, Sequence[Sequence[int]]] = MappingProxyType({})

    @property
    def step(self) -> int:
        """How many days share a sum."""
        return int(self.data["step"])

    @property
    def bins(self) -> int:
        """How many sums there are of each key and measure."""
        return int(self.data["bins"])

    def rows_of(
        self, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Optional[List[int]]:
        """Return for each key the place of its row among `rows`, the values of `columns`.

        None where a key has no row or a column is not a dimension.
        """
        if not columns or not set(columns) <= set(self.by):
            return None
        place = {tuple(row): at for at, row in enumerate(rows)}
        parts = [self.by.index(name) for name in columns]
        places = [place.get(tuple(key[part] for part in parts)) for key in self.keys]
        known = [at for at in places if at is not None]
        return known if len(known) == len(places) else None

    def check(self, recompute: Optional[Recompute]) -> None:
        """Raise ValueError where a figure is recomputed from a measure that is not here."""
        for name in measures_of(recompute) if recompute else ():
            if name not in self.data["measures"]:
                raise ValueError(f"the sums {self.name} have no {name} to recompute a figure from")


def pack(
    by_day: Mapping[str, Optional[DailySums]],
    most: int = 0,
    distinct: str = "",
    less_per_day: int = LESS_PER_DAY,
) -> Dict[str, Optional[Sums]]:
    """Return what an analyzer's named sums by key and day are on a page, in `most` characters.

    Without `most` they take what a page has room for, `less_per_day` for what else it has of
    each day.
    The largest share sums over more days until all fit.  `distinct` names a dimension whose
    values a table counts.  None for those that are missing, hold a negative sum, or do not fit.
    """
    grids = {name: _Grid(daily) for name, daily in by_day.items() if daily}
    packed: Dict[str, Optional[Sums]] = {name: None for name in by_day}
    grids = {name: grid for name, grid in grids.items() if grid.rows and not grid.negative}
    steps = {name: 0 for name in grids}
    days = max((grid.days for grid in grids.values()), default=0)
    most = most or max(LEAST, BUDGET - less_per_day * days)
    while grids and sum(grids[name].size(STEPS[at]) for name, at in steps.items()) > most:
        largest = max(steps, key=lambda name: grids[name].size(STEPS[steps[name]]))
        steps[largest] += 1
        if steps[largest] == len(STEPS):
            del steps[largest]
    for name, at in steps.items():
        packed[name] = grids[name].sums(name, STEPS[at], distinct)
    return packed


class _Grid:
    """Sums by key and day as whole numbers, which can be binned."""

    def __init__(self, daily: DailySums) -> None:
        self._by = tuple(daily.by)
        self._keys = [tuple(key) for key in daily.keys]
        self._dates = tuple(daily.days)
        self.days = len(self._dates)
        self._scales = {name: _scale(name, rows) for name, rows in daily.sums.items()}
        self.rows = {
            name: [_whole(row, self._scales[name]) for row in rows]
            for name, rows in daily.sums.items()
            if self._keys
        }
        self.negative = any(min(row) < 0 for rows in self.rows.values() for row in rows)
        self._by_step: Dict[int, Dict[str, List[Sequence[int]]]] = {}

    def binned(self, step: int) -> Dict[str, List[Sequence[int]]]:
        bins = self._by_step.get(step)
        if bins is None:
            bins = {name: [_binned(row, step) for row in rows] for name, rows in self.rows.items()}
            self._by_step[step] = bins
        return bins

    def size(self, step: int) -> int:
        """Return how many characters the sums of so many days take, quotes and commas included."""
        return sum(
            len(row) * _width(row) + 3 for rows in self.binned(step).values() for row in rows
        )

    def sums(self, name: str, step: int, distinct: str) -> Sums:
        measures: Dict[str, Any] = {}
        for measure, rows in self.binned(step).items():
            measures[measure] = {"rows": [packed(row) for row in rows]}
            if self._scales[measure] > 1:
                measures[measure]["scale"] = self._scales[measure]
        bins = -(-self.days // step)
        data = {"step": step, "bins": bins, "keys": len(self._keys), "measures": measures}
        if distinct in self._by:
            values = [key[self._by.index(distinct)] for key in self._keys]
            place = {value: at for at, value in enumerate(dict.fromkeys(values))}
            data["distinct"] = [place[value] for value in values]
        return Sums(name, self._by, self._keys, data, self._dates, self.binned(step))


def pack_window(window: PercentileWindow) -> Dict[str, Any]:
    """Return an analyzer's percentile window as the script reads it.

    What is inside becomes a text for each entry.  A digit of the lower half is the gap to the
    latency before, with one call; one of the upper half is a gap, too, and its calls follow as
    a digit.  The highest digit says of either number that the next digit goes on from there.
    """
    return {
        "share": window.share,
        "step": window.step,
        "from": window.from_ms,
        "bins": len(window.calls),
        "calls": packed(window.calls),
        "below": packed(window.below),
        "inside": [_gaps(pairs) for pairs in window.inside],
    }


def _gaps(pairs: Sequence[Sequence[int]]) -> str:
    text, before = [], 0
    for offset, count in pairs:
        gap = offset - before
        if count == 1 and gap < HALF:
            text.append(ALPHABET[gap])
        else:
            text += [_open_digit(gap, HALF), _open_digit(count, 0)]
        before = offset
    return "".join(text)


def _open_digit(number: int, lowest: int) -> str:
    """Return a number of any size in digits from `lowest` on."""
    top = len(ALPHABET) - 1 - lowest
    return ALPHABET[-1] * (number // top) + ALPHABET[lowest + number % top]


def totals_by_day(daily: Optional[DailySums], measure: str) -> Dict[str, float]:
    """Return {day: sum of a measure over all keys} of an analyzer's sums by key and day."""
    if not daily:
        return {}
    return {day: math.fsum(row) for day, row in zip(daily.days, zip(*daily.sums[measure]))}


def _scale(measure: str, rows: Sequence[Sequence[Any]]) -> int:
    if measure != "cost":
        return 1
    return _SCALE if math.fsum(map(math.fsum, rows)) >= 1 else _FINE_SCALE


def _whole(row: Sequence[Any], scale: int) -> Sequence[int]:
    return row if scale == 1 else [round(amount * scale) for amount in row]


def _binned(row: Sequence[int], step: int) -> Sequence[int]:
    """Return sums of `step` days; the last one ends with the last day."""
    if step == 1:
        return row
    short = len(row) % step
    starts = ([0] if short else []) + list(range(short, len(row), step))
    return [sum(row[start:end]) for start, end in zip(starts, [*starts[1:], len(row)])]


def _width(numbers: Sequence[int]) -> int:
    width, largest = 0, max(numbers, default=0)
    while largest:
        width += 1
        largest //= len(ALPHABET)
    return width


def packed(numbers: Sequence[int]) -> str:
    """Return whole numbers as digits of one width each; nothing where all are 0.

    >>> packed([0, 1, 88]), packed([0, 0])
    ('   !! ', '')
    """
    base, left = len(ALPHABET), numbers
    columns: List[List[str]] = []
    for _ in range(_width(numbers)):
        columns.append([ALPHABET[number % base] for number in left])
        left = [number // base for number in left]
    return "".join(map("".join, zip(*reversed(columns))))
