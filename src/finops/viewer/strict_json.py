"""JSON from strangers: what parsers disagree about, or what costs without bound, is refused.

The standard parser takes NaN, keeps the last of two equal keys, recurses as deep as it is told
and turns long digits into integers in quadratic time.  Nothing here does.

Before anything is parsed, one pass over the bytes follows brackets and strings.  It looks at
each byte once, in blocks, so its time grows with the input and no block holds up the other
threads for long.  What it bounds (depth, number of values, size of an event) bounds what the
parser can then spend.  A batch is parsed event by event as its bytes arrive, so its memory is
that of one event, whatever it inflates to.
"""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple, TypeVar

from finops import config
from finops.viewer.http import RequestRefusedError, refuse

# All bodies are parsed by one thread, one after the other, so that the memory of all requests
# together is that of one, in one of the allocator's arenas.  Parsing holds the interpreter anyway,
# so no time is lost.
_PARSER = ThreadPoolExecutor(1, "parser")
_Result = TypeVar("_Result")

_BLANK = b" \t\r\n"
_STRUCTURE = re.compile(rb'[\[\]{},"]').search
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.S).match
_NUMBER_CHARACTERS = 40
_PIECE_BYTES = 65_536
_INVALID = "The body is not valid JSON."


class JsonError(ValueError):
    """The bytes are not JSON, or break a rule; the text says which, fit for the sender."""


class TooLargeError(JsonError):
    """The JSON holds more than is taken at once."""


def in_turn(work: Callable[[], _Result]) -> _Result:
    """Return what `work` returns, or raise what it raises, after those that asked before.

    `work` parses a body and makes of it the little that is kept; it must not call this itself.
    """
    return _PARSER.submit(work).result()


def decode(body: bytes) -> Any:
    """Return the value of a JSON text.  Raises JsonError."""
    outline = _Outline(config.HTTP_MAX_MARKS)
    for piece in _pieces(body):
        for _ in outline.follow(piece):
            pass
    return _value(body)


def decode_array(pieces: Iterable[bytes], most: int = config.COLLECT_MAX_EVENTS) -> Iterator[Any]:
    """Yield the elements of a JSON array whose text arrives in pieces.

    Raises JsonError as soon as the text can be no such array, and TooLargeError where it has
    more than `most` elements or one is larger than COLLECT_MAX_EVENT_BYTES; elements before
    have then been yielded.
    """
    parts = _split(pieces)
    if next(parts) != (b"", b"["):
        raise JsonError("The body must be a JSON array of events.")
    text, mark = next(parts)
    count = 0
    while (count, text, mark) != (0, b"", b"]"):
        if not text or mark not in (b",", b"]"):
            raise JsonError(_INVALID)
        if count == most:
            raise TooLargeError(f"A batch holds at most {most} events.")
        yield _value(text)
        count += 1
        if mark == b"]":
            break
        text, mark = next(parts)
    if next(parts) != (b"", b""):
        raise JsonError(_INVALID)


def parse_object(body: bytes) -> Dict[str, Any]:
    """Return the value of a body that must be an object; an empty body is an empty one.

    Raises RequestRefusedError (400, or 413 for too many values) with the reason.
    """
    try:
        value = decode(body) if body.strip(_BLANK) else {}
    except JsonError as error:
        raise refusal(error) from None
    if not isinstance(value, dict):
        raise refuse(400, "The body must be a JSON object.")
    return value


def refusal(error: JsonError) -> RequestRefusedError:
    """Return the answer to a body that is not taken."""
    return refuse(413 if isinstance(error, TooLargeError) else 400, str(error))


class _Outline:
    """Follows strings and brackets over the blocks of a text.

    `max_marks` bounds how many brackets open, texts begin and commas separate: no value comes
    without one of these.
    """

    def __init__(self, max_marks: int) -> None:
        self._left = max_marks
        self._depth = 0
        self._in_string = False
        self._escaped = False  # the last block ended in the middle of an escape

    def follow(self, block: bytes) -> Iterator[int]:
        """Yield where the brackets and commas of the outermost level are in the next block.

        Raises JsonError where the text is nested too deeply or closes what was never opened.
        """
        place = 0
        while place < len(block):
            if self._in_string:
                place = self._skip_string(block, place)
                continue
            token = _STRUCTURE(block, place)
            if token is None:
                return
            place = token.end()
            if self._enter(token.group()):
                yield place - 1

    def _enter(self, mark: bytes) -> bool:
        """Take one mark into account; return whether it is one of the outermost level."""
        before = self._depth
        if mark in b"]}":
            self._depth -= 1
            if self._depth < 0:
                raise JsonError(_INVALID)
            return self._depth == 0
        self._left -= 1
        if self._left < 0:
            raise TooLargeError("The JSON holds too many values.")
        if mark == b'"':
            self._in_string = True
            return False
        if mark == b",":
            return before <= 1
        self._depth += 1
        if self._depth > config.COLLECT_MAX_DEPTH:
            raise JsonError("The JSON is nested too deeply.")
        return before == 0

    def _skip_string(self, block: bytes, place: int) -> int:
        """Return the place behind the string that `place` is in, or the end of the block."""
        if self._escaped:
            self._escaped = False
            place += 1
        rest = _REST_OF_STRING(block, place)
        assert rest is not None  # the pattern takes an empty text too
        end = rest.end()
        if end == len(block):
            return end
        self._in_string = block[end : end + 1] != b'"'
        self._escaped = self._in_string  # a backslash that ends the block
        return end + 1


def _split(blocks: Iterable[bytes]) -> Iterator[Tuple[bytes, bytes]]:
    """Yield each outermost mark after the text before it, blanks around it removed.

    The last pair is the text that is left, with no mark.
    """
    outline = _Outline(config.COLLECT_MAX_MARKS)
    text = bytearray()
    for whole in blocks:
        for block in _pieces(whole):
            start = 0
            for place in outline.follow(block):
                text += block[start:place]
                start = place + 1
                yield bytes(text).strip(_BLANK), block[place:start]
                del text[:]
            text += block[start:] if text else block[start:].lstrip(_BLANK)
            if len(text) > config.COLLECT_MAX_EVENT_BYTES:
                raise TooLargeError("An event is too large.")
    yield bytes(text).strip(_BLANK), b""


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[i : i + _PIECE_BYTES] for i in range(0, len(body), _PIECE_BYTES))


def _value(text: bytes) -> Any:
    """Return the value of a text whose depth and number of values are bounded."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise JsonError("The body is not UTF-8.") from None
    try:
        value = json.loads(
            decoded,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        if "\\u" in decoded:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except JsonError:
        raise
    except UnicodeEncodeError:
        raise JsonError("A text holds half a surrogate pair.") from None
    except (ValueError, RecursionError):
        raise JsonError(_INVALID) from None
    return value


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError("A key is given twice.")
    return members


def _integer(text: str) -> int:
    if len(text) > _NUMBER_CHARACTERS:
        raise JsonError("A number has too many digits.")
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= _NUMBER_CHARACTERS else math.inf
    if not math.isfinite(value):
        raise JsonError("A number is too long or too large.")
    return value


def _constant(text: str) -> Any:
    raise JsonError("NaN and Infinity are not JSON.")
