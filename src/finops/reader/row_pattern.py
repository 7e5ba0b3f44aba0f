"""A block of plain lines into columns, by one pattern that is made from the header.

Neighbouring columns that belong to one key are one group of the pattern, and what nobody reads is
in no group: slicing and hashing each cell of a row on its own takes longer than finding all of
them.  Where the pattern matches as often as there are lines, each match is one line and has as
many cells as the header: it begins and ends like a line, and each takes at least one newline.

The first cell of a line ends at a newline, so that looking for a match takes time that grows with
the block and not faster, whatever is in it.
"""

from __future__ import annotations

import re
import sys
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

# Any number of characters; where Python can be told that giving some of them back never helps
# (from 3.11 on) it need not note where it could.
_ANY = b"*+" if sys.version_info >= (3, 11) else b"*"

Group = Tuple[str, ...]  # the names of one column, or of several neighbours


class RowPattern:
    """Finds the groups of columns in lines that have a cell for each column of a header.

    `places` are those of the columns that are read; `kinds` say of some which key they belong to.
    `groups` are the columns, or joined neighbours of one kind, in the order of the header; there
    are at least two of them.
    """

    def __init__(
        self, places: Mapping[str, int], width: int, delimiter: bytes, kinds: Mapping[str, str]
    ) -> None:
        self.groups: List[Group] = _groups(places, kinds)
        line_pattern = _pattern(self.groups, places, width, delimiter)
        self._rows = re.compile(line_pattern, re.MULTILINE).findall

    def columns(self, block: bytes, lines: int) -> Optional[List[List[bytes]]]:
        """Return a column for each group, None where some line has other than `width` cells."""
        rows = self._rows(block)
        return list(map(list, zip(*rows))) if len(rows) == lines else None


def _groups(places: Mapping[str, int], kinds: Mapping[str, str]) -> List[Group]:
    """Return the columns in order, neighbours of one kind together."""
    groups: List[Group] = []
    for name in sorted(places, key=places.__getitem__):
        before = groups[-1][-1] if groups else ""
        joins = kinds.get(name, "") and kinds.get(name) == kinds.get(before)
        if joins and places[before] == places[name] - 1:
            groups[-1] += (name,)
        else:
            groups.append((name,))
    return groups


def _pattern(
    groups: Sequence[Group], places: Mapping[str, int], width: int, delimiter: bytes
) -> bytes:
    """Return the pattern of a line; a cell in the middle of one may be any text between
    delimiters, which is found much faster than text without newlines.
    """
    mark = re.escape(delimiter)
    cells: Dict[int, bytes] = {place: b"[^%b]%b" % (mark, _ANY) for place in range(width)}
    for end in (0, width - 1):
        cells[end] = b"[^%b\\n]%b" % (mark, _ANY)
    for group in groups:
        cells[places[group[0]]] = b"(" + cells[places[group[0]]]
        cells[places[group[-1]]] += b")"
    return b"^" + mark.join(cells[place] for place in range(width)) + b"\\n"
