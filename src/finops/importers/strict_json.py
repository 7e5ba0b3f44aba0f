"""JSON of strangers: read as the standard says, or refused with a reason that quotes nothing.

Numbers with a point become Decimal, so that no amount of money passes through a float.  Refused
are NaN and Infinity, a key that is given twice, numbers of more than 40 digits, and nesting that
the interpreter does not bear.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Dict, List, Tuple

_MOST_DIGITS = 40


class InvalidJsonError(ValueError):
    """A text is not JSON as it is accepted here; the message is the reason."""


class IncompleteJsonError(InvalidJsonError):
    """A text ends before its value does."""


class JsonParser:
    """Parses JSON values, one after the other; a fault belongs to the value in which it is."""

    def __init__(self) -> None:
        self._fault = ""
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._decimal,
            parse_int=self._integer,
            parse_constant=self._constant,
        )

    def parse(self, text: str) -> Any:
        """Return the one value of a text.  Raises InvalidJsonError."""
        text = text.strip(" \t\r\n")
        value, end = self.parse_at(text, 0)
        if end != len(text):
            raise InvalidJsonError("not JSON")
        return value

    def parse_at(self, text: str, start: int) -> Tuple[Any, int]:
        """Return the value that begins at a place, and where it ends.

        Raises IncompleteJsonError where more text could make it whole, else InvalidJsonError.
        """
        self._fault = ""
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise _refusal(error) from None
        except RecursionError:
            raise InvalidJsonError("nested too deeply") from None
        except ValueError:
            raise InvalidJsonError("not JSON") from None
        return value, end

    def fault(self) -> str:
        """Return why the value parsed last is not accepted, "" where it is."""
        return self._fault

    def _object(self, pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            self._fault = "a key is given twice"
        return members

    def _integer(self, text: str) -> int:
        if len(text) > _MOST_DIGITS:
            self._fault = "a number has too many digits"
            return 0
        return int(text)

    def _decimal(self, text: str) -> Decimal:
        if len(text) > 2 * _MOST_DIGITS:
            self._fault = "a number has too many digits"
            return Decimal(0)
        return Decimal(text)

    def _constant(self, text: str) -> None:
        self._fault = "NaN is not JSON"


def _refusal(error: json.JSONDecodeError) -> InvalidJsonError:
    # An escape or a literal that the end cuts off is blamed on its beginning.
    cut_off = error.msg.startswith("Unterminated string") or error.pos >= len(error.doc) - 10
    return IncompleteJsonError("incomplete") if cut_off else InvalidJsonError("not JSON")


def parse(text: str) -> Any:
    """Return the value of a JSON text.  Raises InvalidJsonError."""
    parser = JsonParser()
    value = parser.parse(text)
    if parser.fault():
        raise InvalidJsonError(parser.fault())
    return value
