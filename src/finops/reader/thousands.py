"""Columns whose first cells show that commas part thousands.

`1,234` alone may be a little more than one.  Beside `1,234.50` or `1,234,567` in the same column
it is not; beside `12,5` or `0,5` nobody knows.
"""

from __future__ import annotations

import re
from typing import FrozenSet, List, Mapping, Optional

from finops.reader.fields import BadValueError
from finops.reader.records import split_record

_AROUND = b" \t$+-()USDusd"
_GROUPS = re.compile(rb"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?").fullmatch
_LINES = 200
# Numbers that may have decimals; a comma in others can part thousands only, anyway.
_FRACTIONAL = frozenset({"cost_usd", "tier_price_usd", "latency_ms"})


def grouped_columns(rows: bytes, delimiter: bytes, positions: Mapping[str, int]) -> FrozenSet[str]:
    r"""Return the columns whose cells in the first lines of `rows` show thousands separators.

    >>> where = {"tier_price_usd": 0, "cost_usd": 1}
    >>> sorted(grouped_columns(b'"1,234","1,234.5"\n"1,234","1,234"\n', b",", where))
    ['cost_usd']
    """
    if delimiter == b";":  # numbers there have decimal commas
        return frozenset()
    columns = {name: positions[name] for name in _FRACTIONAL if name in positions}
    grouped, decimal = set(), set()
    for cells in _records(rows, delimiter):
        for name, position in columns.items():
            cell = cells[position].strip(_AROUND) if position < len(cells) else b""
            if b"," not in cell:
                continue
            if not _GROUPS(cell):
                decimal.add(name)
            elif b"." in cell or cell.count(b",") > 1:
                grouped.add(name)
    return frozenset(grouped - decimal)


def _records(rows: bytes, delimiter: bytes) -> List[List[bytes]]:
    lines = rows.split(b"\n", _LINES)[:_LINES]
    records = (_record(line.rstrip(b"\r"), delimiter) for line in lines)
    return [record for record in records if record]


def _record(line: bytes, delimiter: bytes) -> Optional[List[bytes]]:
    """Return the cells of a line; None where it is only a part of a record."""
    try:
        return split_record(line, delimiter)
    except BadValueError:
        return None
