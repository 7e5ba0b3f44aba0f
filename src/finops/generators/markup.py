"""The one door between data and HTML: escaping, templates, and the JSON block.

Text becomes markup only through `escape`, directly or by `fill`.  A template may hold a data
value in element content or in a quoted `title` attribute and nowhere else; any other
attribute takes a `Token`, which is checked to be harmless, and `fill` refuses the rest.
Numbers and names for scripts travel in one block made by `json_block`.
"""

from __future__ import annotations

import html
import json
import math
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from string import Template
from typing import Any, FrozenSet, Iterable, Match, NamedTuple, Set


class Markup(str):
    """Finished markup: made from templates and escaped values, never escaped again."""

    __slots__ = ()


class Token(Markup):
    """A name of the product's own making that may stand in any attribute."""

    __slots__ = ()


# Characters that act on the text around them instead of being seen: controls, direction
# marks and overrides, line separators, byte order marks, halves of surrogate pairs.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ufeff\ud800-\udfff\ufffe\uffff]"
)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.#%-]*\Z")
_OUTLINE = re.compile(r"[MLHVhvlz0-9 .-]*\Z")
_TAG = re.compile(r"<[^<>]*>")
_PLACEHOLDER = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')
_RAW = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)


def inert(value: Any) -> str:
    """Return the text of a value with characters that act unseen written as `\\uXXXX`."""
    return _ACTIVE.sub(_visible, str(value))


def _visible(match: Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def escape(value: Any) -> Markup:
    """Return a value as text for element content or a quoted attribute; Markup stays as it is."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(inert(value), quote=True))


def token(value: Any) -> Token:
    """Return a name for use in an attribute.

    Raises ValueError for anything but letters, digits and `_ . # % -`; that is a mistake in
    the program, since no text from the data is ever made a token.
    """
    text = str(value)
    if not _TOKEN.match(text):
        raise ValueError(f"not a plain name: {text!r}")
    return Token(text)


def outline(text: str) -> Token:
    """Return the drawing instructions of an SVG path for its attribute.

    Raises ValueError for anything but the letters of instructions and numbers.
    """
    if not _OUTLINE.match(text):
        raise ValueError(f"not the outline of a drawing: {text[:40]!r}")
    return Token(text)


class _Parsed(NamedTuple):
    template: Template
    guarded: FrozenSet[str]  # names in attributes other than title
    raw: FrozenSet[str]  # names inside script and style elements


@lru_cache(maxsize=None)
def _parsed(template: str) -> _Parsed:
    guarded: Set[str] = set()
    for tag in _TAG.findall(template):
        bare = tag
        for name, value in _ATTRIBUTE.findall(tag):
            bare = bare.replace(f'{name}="{value}"', "")
            if name != "title":
                guarded.update(_names(value))
        if _PLACEHOLDER.search(bare):
            raise ValueError(f"placeholder outside a quoted attribute: {tag}")
    raw = {name for _, body in _RAW.findall(template) for name in _names(body)}
    return _Parsed(Template(template), frozenset(guarded), frozenset(raw))


def _names(text: str) -> FrozenSet[str]:
    return frozenset(braced or plain for braced, plain in _PLACEHOLDER.findall(text))


def fill(template: str, **values: Any) -> Markup:
    """Return a `string.Template` with every value escaped where it is not Markup already.

    Raises ValueError where a value that is not a Token stands in an attribute other than
    `title`, or one that is not Markup in a script or style element; KeyError where a value
    is missing.
    """
    parsed = _parsed(template)
    for name in parsed.guarded:
        if not isinstance(values[name], Token):
            raise ValueError(f"only a token may stand in an attribute: ${name}")
    for name in parsed.raw:
        if not isinstance(values[name], Markup):
            raise ValueError(f"only markup may stand in script and style: ${name}")
    filled = {name: escape(value) for name, value in values.items()}
    return Markup(parsed.template.substitute(filled))


def join(parts: Iterable[Any], separator: str = "\n") -> Markup:
    """Return parts, escaped where they are not Markup, one after the other."""
    return Markup(separator.join(escape(part) for part in parts))


def json_number(value: Any, digits: int = 10) -> Any:
    """Return a float with so many significant digits and no fewer than two decimals.

    Whole numbers become int, what is not finite None, text inert text.  Where the script rounds
    the number for display, it rounds it to what the whole number rounds to.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return inert(value)
    if not math.isfinite(value):
        return None
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    rounded = float(_rounded(Decimal(repr(value)), max(2, digits - 1 - magnitude)))
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def _rounded(number: Decimal, decimals: int) -> Decimal:
    """Return a number with so many decimals, more where it ends in 5.

    What ends in 5 may be rounded once more, up, though the number itself is less: 1.2496 is 1.2,
    but 1.25 is 1.3.  So it keeps the digits that decide.
    """
    _, _, exponent = number.as_tuple()
    for places in range(decimals, -int(exponent)):
        rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if rounded.normalize().as_tuple().digits[-1] != 5:
            return rounded
    return number


def json_block(value: Any) -> Markup:
    """Return JSON that may stand inside a script element of type application/json.

    ASCII only, with `<`, `>` and `&` as escapes, so that no text can end the element or
    begin a comment.  Raises ValueError for NaN and infinities.
    """
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
