"""JSON files as records: one a line, the elements of an array, or objects over several lines.

Memory is that of the longest record, which may have 256 MiB.  Records that cannot be read are
counted and skipped; a record that the end of the file cuts off is incomplete.
"""

from __future__ import annotations

import codecs
from typing import Any, BinaryIO, Iterator, NamedTuple, Sequence, Tuple

from finops.importers.sources import READ_ERRORS, Source
from finops.importers.strict_json import IncompleteJsonError, InvalidJsonError, JsonParser
from finops.importers.tally import Tally
from finops.importers.values import Fields

MAX_RECORD_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 20
_BLANK = " \t\r\n"
_BLANKS = frozenset(_BLANK)


class Item(NamedTuple):
    """One record: the line where it begins, its fields, and its text for an id."""

    line: int
    fields: Fields
    text: str


def json_records(source: Source, tally: Tally, marks: Sequence[bytes] = ()) -> Iterator[Item]:
    """Yield the objects of a JSON file in their order.

    With `marks`, lines without any of them are no records of interest and are not parsed.
    Raises OSError where the file cannot be opened.
    """
    try:
        if not source.is_part and is_document(source):
            yield from _objects(_document_values(source, tally), source, tally)
        else:
            yield from _objects(_line_values(source, tally, marks), source, tally)
    except READ_ERRORS:
        tally.reject(source.label, 0, "cannot be read to its end")


def _objects(
    values: Iterator[Tuple[int, Any, str]], source: Source, tally: Tally
) -> Iterator[Item]:
    for line, value, text in values:
        if isinstance(value, dict):
            yield Item(line, Fields(value), text)
        elif isinstance(value, list):
            for element in value:
                if isinstance(element, dict):
                    yield Item(line, Fields(element), text)
                else:
                    tally.skipped["not an object"] += 1
        else:
            tally.skipped["not an object"] += 1


def is_document(source: Source) -> bool:
    """Return whether the first value goes over several lines.  Raises OSError and READ_ERRORS."""
    with source.open() as stream:
        line = _first_line(stream)
        text = line.decode("utf-8", "replace").strip(_BLANK)
        if text[:1] not in ("{", "["):
            return False
        try:
            JsonParser().parse(text)
        except IncompleteJsonError:
            return _continues(stream, text)
        except InvalidJsonError:
            return False
        return False


def _continues(stream: BinaryIO, first: str) -> bool:
    """Return whether the next line goes on with the value, rather than begins another."""
    second = _first_line(stream).decode("utf-8", "replace").strip(_BLANK)
    if not second:
        return False
    try:
        JsonParser().parse_at(f"{first}\n{second}", 0)
    except IncompleteJsonError:
        return True
    except InvalidJsonError:
        return False
    return True


def _first_line(stream: BinaryIO) -> bytes:
    line = stream.readline(MAX_RECORD_BYTES)
    while line and not line.strip():
        line = stream.readline(MAX_RECORD_BYTES)
    return line


def _line_values(
    source: Source, tally: Tally, marks: Sequence[bytes]
) -> Iterator[Tuple[int, Any, str]]:
    parser = JsonParser()
    number = 0
    with source.open() as stream:
        while True:
            raw = stream.readline(MAX_RECORD_BYTES + 1)
            if not raw:
                return
            number += 1
            whole = raw.endswith(b"\n")
            if not whole and len(raw) > MAX_RECORD_BYTES:
                _skip_line(stream)
                tally.reject(source.label, number, "longer than 256 MiB")
                continue
            if marks and whole and not any(mark in raw for mark in marks):
                tally.skipped["other records"] += bool(raw.strip())
                continue
            try:
                text = raw.decode("utf-8").strip(_BLANK)
                for value, its_text in _values_in(parser, text):
                    if parser.fault():
                        tally.reject(source.label, number, parser.fault())
                    else:
                        yield number, value, its_text
            except (UnicodeDecodeError, InvalidJsonError) as error:
                _refuse(tally, source, number, error, torn=not whole)


def _values_in(parser: JsonParser, text: str) -> Iterator[Tuple[Any, str]]:
    """Yield the value of a line; some writers put several objects on one.

    Raises InvalidJsonError.
    """
    place = 0
    while place < len(text):
        value, end = parser.parse_at(text, place)
        if end == len(text) and not place:
            yield value, text
            return
        if text[place] != "{":
            raise InvalidJsonError("not JSON")
        yield value, text[place:end]
        place = end
        while text[place : place + 1] in _BLANKS:
            place += 1


def _refuse(tally: Tally, source: Source, line: int, error: Exception, torn: bool) -> None:
    if torn:
        tally.incomplete += 1
    elif isinstance(error, UnicodeDecodeError):
        tally.reject(source.label, line, "not UTF-8")
    else:
        tally.reject(
            source.label, line, "not JSON" if isinstance(error, IncompleteJsonError) else str(error)
        )


def _skip_line(stream: BinaryIO) -> None:
    while True:
        rest = stream.readline(_CHUNK_BYTES)
        if not rest or rest.endswith(b"\n"):
            return


def _document_values(source: Source, tally: Tally) -> Iterator[Tuple[int, Any, str]]:
    parser = JsonParser()
    with source.open() as stream:
        text = _Window(stream)
        in_array = text.next_character() == "["
        if in_array:
            text.advance_to(text.place + 1)
        while text.next_character(but="," if in_array else "") not in ("", "]"):
            line = text.line
            try:
                value, raw = _next_value(parser, text)
            except IncompleteJsonError:
                tally.incomplete += 1
                return
            except InvalidJsonError as error:
                tally.reject(source.label, line, str(error))
                return  # where the next value begins cannot be known
            if parser.fault():
                tally.reject(source.label, line, parser.fault())
            else:
                yield line, value, raw


def _next_value(parser: JsonParser, text: _Window) -> Tuple[Any, str]:
    while True:
        try:
            value, end = parser.parse_at(text.buffer, text.place)
        except IncompleteJsonError:
            if len(text.buffer) - text.place > MAX_RECORD_BYTES:
                raise InvalidJsonError("longer than 256 MiB") from None
            if not text.read_more():
                raise
            continue
        raw = text.buffer[text.place : end]
        text.advance_to(end)
        return value, raw


class _Window:
    """The text of a stream around a place, read as far as was needed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._size = _CHUNK_BYTES
        self.buffer = ""
        self.place = 0
        self.line = 1

    def read_more(self) -> bool:
        """Read on, each time as much as was read for this value before; False at the end."""
        raw = self._stream.read(self._size)
        self._size *= 2
        self.buffer = self.buffer[self.place :] + self._decoder.decode(raw, final=not raw)
        self.place = 0
        return bool(raw)

    def advance_to(self, place: int) -> None:
        """Leave what is before a place of the buffer behind."""
        self.line += self.buffer.count("\n", self.place, place)
        self.place = place
        self._size = _CHUNK_BYTES

    def next_character(self, but: str = "") -> str:
        """Skip blanks, and `but`, and return the character that follows, "" at the end."""
        while True:
            text, place = self.buffer, self.place
            while place < len(text) and text[place] in _BLANK + but:
                place += 1
            self.advance_to(place)
            if place < len(text):
                return text[place]
            if not self.read_more():
                return ""
