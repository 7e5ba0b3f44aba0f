"""A table that fits a width: names give way first, then whole columns; figures are never cut."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

from finops.summary.display import padded, shortened, width_of

_GAP = "  "
# Names are shortened to this before a column is left out, further only when none is left.
_NARROW_NAME = 12


class Column(NamedTuple):
    """A column: its heading and its cells, the last of which is the total.

    `dropped` is when it is left out of a narrow table, the lowest first; 0 for never.  `is_name`:
    its cells stand to the left and may be shortened.
    """

    heading: str
    cells: Tuple[str, ...]
    dropped: int = 0
    is_name: bool = False

    @property
    def width(self) -> int:
        """The columns of a terminal that it takes whole."""
        return max(map(width_of, (self.heading, *self.cells)))


class Layout(NamedTuple):
    """Lines of equal width, the heading first and the total last, and the columns left out."""

    lines: List[str]
    left_out: List[str]


def lay_out(columns: Sequence[Column], width: int = 0) -> Layout:
    """Return the table in lines no wider than `width` columns, 0 for any."""
    shown = list(columns)
    left_out: List[str] = []
    for column in sorted((c for c in columns if c.dropped), key=lambda c: c.dropped):
        if _fits(shown, width):
            break
        shown.remove(column)
        left_out.append(column.heading)
    sizes = _sizes(shown, width)
    rows = zip(*((column.heading, *column.cells) for column in shown))
    return Layout([_line(shown, row, sizes) for row in rows], left_out)


def _fits(columns: Sequence[Column], width: int) -> bool:
    needed = [min(c.width, _NARROW_NAME) if c.is_name else c.width for c in columns]
    return not width or _together(needed) <= width


def _together(sizes: Sequence[int]) -> int:
    return sum(sizes) + len(_GAP) * (len(sizes) - 1)


def _sizes(columns: Sequence[Column], width: int) -> List[int]:
    """Return the widths of columns; the widest name gives way, a column at a time."""
    sizes = [column.width for column in columns]
    names = [place for place, column in enumerate(columns) if column.is_name]
    while width and _together(sizes) > width:
        widest = max(names, key=lambda place: sizes[place])
        if sizes[widest] <= 1:
            break
        sizes[widest] -= 1
    return sizes


def _line(columns: Sequence[Column], row: Sequence[str], sizes: Sequence[int]) -> str:
    cells = [
        padded(shortened(cell, size) if column.is_name else cell, size, right=not column.is_name)
        for column, cell, size in zip(columns, row, sizes)
    ]
    return _GAP.join(cells)
