"""Columns of numbers: converted as a whole where all cells are plain, else cell by cell."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, cast

from finops import config, schema
from finops.reader.digits import micros, whole_numbers
from finops.reader.fields import BadValueError, parse_money, parse_whole

Numbers = List[Optional[int]]
_PICO_PER_MICRO = 10**6
# Cells that recur are converted once, but not without end.
_MOST_CELLS = 100_000
TOTAL = schema.Column("total_tokens", "int", limit=2 * config.MAX_TOKENS)
TIER_PRICE = schema.Column("tier_price_usd", "money", limit=schema.MAX_COST_PICO)
# Fractions of a millisecond are noise; a fraction of anything else is a mistake.
_ROUNDED = frozenset({"latency_ms"})


class NumberColumn:
    """Reads the cells of one column of whole numbers or of amounts that are never negative."""

    def __init__(self, column: schema.Column, decimal_comma: bool) -> None:
        self.column = column
        self._digits = len(str(column.limit)) - 1
        self._is_whole = column.kind == "int"
        parse = _whole_parser if self._is_whole else _amount_parser
        self._memo = CellMemo(parse(column, decimal_comma))

    def read(self, cells: List[bytes], bad: Dict[int, str]) -> Numbers:
        """Return the numbers of a block, None where there is none; `bad` takes the reason by row
        where a cell cannot be read.
        """
        numbers = self._all_plain(cells) if self._is_whole else None
        return self._memo.read(cells, bad) if numbers is None else numbers

    def _all_plain(self, cells: List[bytes]) -> Optional[Numbers]:
        """Return the numbers where every cell is empty or a few digits, else None."""
        numbers = whole_numbers(cells)
        if numbers is not None and max(numbers) <= self.column.limit:
            return cast(Numbers, numbers)
        joined = b"".join(cells)
        if not joined:
            return [None] * len(cells)
        lengths = set(map(len, cells))
        if not joined.isdigit() or max(lengths) > self._digits:
            return None
        if 0 in lengths:
            return [int(cell) if cell else None for cell in cells]
        return list(map(int, cells))


class AmountColumn:
    """Reads the cells of a column of amounts of money, as pico-dollars."""

    def __init__(self, decimal_comma: bool) -> None:
        self._memo = CellMemo(lambda cell: parse_money(cell, decimal_comma))

    def read(self, cells: List[bytes], bad: Dict[int, str]) -> Numbers:
        """Return the amounts of a block as `NumberColumn.read` does; they may be negative."""
        amounts = micros(cells, _PICO_PER_MICRO)
        return self._memo.read(cells, bad) if amounts is None else cast(Numbers, amounts)


class CellMemo(Dict[bytes, Optional[int]]):
    """What cells mean, each distinct one parsed once; None for those without a value."""

    def __init__(self, parse: Callable[[bytes], Optional[int]]) -> None:
        super().__init__()
        self._parse = parse
        self._reasons: Dict[bytes, str] = {}

    def __missing__(self, cell: bytes) -> Optional[int]:
        try:
            value = self[cell] = self._parse(cell)
        except BadValueError as error:
            value = self[cell] = None
            self._reasons[cell] = str(error)
        return value

    def read(self, cells: List[bytes], bad: Dict[int, str]) -> Numbers:
        """Return the values of cells; `bad` takes the reason by row where one has none."""
        if len(self) >= _MOST_CELLS:
            self.clear()
            self._reasons.clear()
        values = list(map(self.__getitem__, cells))
        reasons = self._reasons
        if reasons and not reasons.keys().isdisjoint(cells):
            bad.update((row, reasons[cell]) for row, cell in enumerate(cells) if cell in reasons)
        return values


def _whole_parser(column: schema.Column, decimal_comma: bool) -> Callable[[bytes], Optional[int]]:
    rounded = column.name in _ROUNDED
    return lambda cell: parse_whole(cell, column.limit, decimal_comma, rounded)


def _amount_parser(column: schema.Column, decimal_comma: bool) -> Callable[[bytes], Optional[int]]:
    def parse(cell: bytes) -> Optional[int]:
        amount = parse_money(cell, decimal_comma)
        if amount is not None and amount < 0:
            raise BadValueError("negative")
        return amount

    return parse
