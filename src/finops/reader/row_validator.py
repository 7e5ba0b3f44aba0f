"""One line judged as a file of it would be, for those who write rows."""

from __future__ import annotations

from finops.reader.block_reader import BlockReader
from finops.reader.encoding import KeyEncoder
from finops.reader.fields import BadValueError
from finops.reader.header import Header
from finops.reader.options import ReadingRules


class RowValidator:
    """Refuses lines of which a reader would not use all."""

    def __init__(self, header: Header, rules: ReadingRules) -> None:
        self._header = header
        self._rules = rules

    def validate(self, line: bytes) -> None:
        """Raise BadValueError where a line without its end is no call, or a value is blanked."""
        reader = BlockReader(self._header, KeyEncoder(self._rules), self._rules)
        batch = reader.read(line + b"\n")
        accounts = reader.accounts
        for reason in accounts.skipped:
            raise BadValueError(reason)
        for column, reasons in accounts.blanked.items():
            raise BadValueError(f"{column}: {min(reasons)}")
        if batch is None:
            raise BadValueError("no call")
