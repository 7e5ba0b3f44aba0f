"""The texts that keys are made of: which they are, how rows have them, and their codes.

Where lines are plain, neighbouring texts of one key stay joined as they are in the file: a few
joined texts tell keys apart as well as all texts do, and they are only split once for each key.
"""

from __future__ import annotations

from itertools import compress
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

from finops.reader.row_parser import CALL_TEXTS, CUSTOMER_TEXTS, FURTHER_TEXTS
from finops.reader.row_pattern import Group

CUSTOMER, CALL = "customer", "call"
KEY_OF: Mapping[str, str] = {
    **dict.fromkeys(CUSTOMER_TEXTS, CUSTOMER),
    **dict.fromkeys((*CALL_TEXTS, *FURTHER_TEXTS), CALL),
}
COST_KIND = "cost kind"  # how the cost of a call came about: no column, but part of its key


class KeyTexts:
    """Columns of the texts of keys.

    `columns` are by the names of their texts: one, or several neighbours joined by `delimiter`.
    A text that is in none is empty in every row.
    """

    def __init__(self, columns: Mapping[Group, List[bytes]], delimiter: bytes, rows: int) -> None:
        self.columns = dict(columns)
        self.delimiter = delimiter
        self._rows = rows

    def of_key(self, kind: str) -> Dict[Group, List[bytes]]:
        """Return the columns of one kind of keys, of which there is at least one."""
        columns = {group: c for group, c in self.columns.items() if KEY_OF[group[0]] == kind}
        return columns or {(): [b""] * self._rows}

    def of(self, name: str) -> List[bytes]:
        """Return one text of each row."""
        for group, column in self.columns.items():
            if group == (name,):
                return column
            if name in group:
                place = group.index(name)
                texts = {joined: joined.split(self.delimiter)[place] for joined in set(column)}
                return list(map(texts.__getitem__, column))
        return [b""] * self._rows

    def replace(self, name: str, column: List[bytes]) -> None:
        """Put other texts in the place of one, which leaves its group."""
        for group in [group for group in self.columns if name in group]:
            others = [(other, self.of(other)) for other in group if other != name]
            del self.columns[group]
            for other, texts in others:
                self.columns[other,] = texts
        self.columns[name,] = column

    def kept(self, wanted: Sequence[bool]) -> KeyTexts:
        """Return the texts of some of the rows."""
        columns = {group: list(compress(c, wanted)) for group, c in self.columns.items()}
        return KeyTexts(columns, self.delimiter, sum(wanted))


class KeyCodes:
    """Codes of one kind of keys, which `code_of` gives for its texts in the order of `names`."""

    def __init__(
        self, code_of: Callable[[Tuple[bytes, ...]], int], names: Sequence[str], delimiter: bytes
    ) -> None:
        self._code_of = code_of
        self._names = tuple(names)
        self._delimiter = delimiter
        self._codes: Dict[Tuple[Group, ...], _JoinedCodes] = {}

    def of(self, columns: Mapping[Group, Sequence[bytes]]) -> List[int]:
        """Return the code of each row; raises BadValueError where a text cannot be used.

        `columns` are those of this kind of keys.
        """
        groups = tuple(columns)
        if groups not in self._codes:
            self._codes[groups] = _JoinedCodes(self._raw_code, groups)
        return list(map(self._codes[groups].__getitem__, zip(*columns.values())))

    def _raw_code(self, groups: Sequence[Group], joined: Sequence[bytes]) -> int:
        texts: Dict[str, bytes] = {}
        for group, text in zip(groups, joined):
            cells = text.split(self._delimiter) if len(group) > 1 else [text]
            texts.update(zip(group, cells))
        return self._code_of(tuple(texts.get(name, b"") for name in self._names))


class _JoinedCodes(Dict[Tuple[bytes, ...], int]):
    """A dict that makes the code of a key when it is first asked for."""

    def __init__(
        self,
        code_of: Callable[[Sequence[Group], Sequence[bytes]], int],
        groups: Tuple[Group, ...],
    ) -> None:
        super().__init__()
        self._code_of = code_of
        self._groups = groups

    def __missing__(self, joined: Tuple[bytes, ...]) -> int:
        code = self[joined] = self._code_of(self._groups, joined)
        return code
