"""Rows as most writers write them: one pattern of a whole line, after which a cast is enough.

Lines that match it need none of the rules for other forms.  Only the rest meets these rules, and
means what it always meant: the pattern decides what a row costs, never what it says.
"""

from __future__ import annotations

from typing import Dict, Iterable, List

from finops import config, schema
from finops.business import names
from finops.reader import words
from finops.reader.header import Header

# What a cell without quotes may have, as the inside of a class: no controls, and of all scripts
# those that have no blanks of their own; blanks stand between, and what a word for "nothing"
# begins with (- N \\ n) may begin a longer word.
_OTHERS = r"\x{a1}-\x{167f}\x{3001}-\x{10ffff}"
_FIRST = rf"!#-+.-MO-\[\]-mo-~{_OTHERS}"
_LAST = rf"!#-+\x2d-~{_OTHERS}"
_OF_NOTHING = r"\x2dN\\n"
_SMALL = "a-z0-9_.-"
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_TIME = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?:[.][0-9]{{1,6}})?Z?"
# So few digits that its pico-dollars are a number of 64 bits.
_AMOUNT = "(?:[0-9]{1,6}(?:[.][0-9]{1,12})?)?"
_TOTAL = "(?:[0-9]{1,12})?"
_LONGEST_EMPTY = max(map(len, words.EMPTY))


def plain_line(header: Header) -> str:
    """Return the pattern of a whole plain line below a header.

    In it each cell is what it stands for: no blanks around it, no word for "nothing", small
    letters where case does not count, no alias, and numbers of digits within their limits.
    """
    known = cells()
    by_place = {place: name for name, place in header.positions.items()}
    places = (by_place.get(place, "") for place in range(header.width))
    return ",".join(known.get(name, f"[ {_LAST}]*") for name in places)


def cells() -> Dict[str, str]:
    """Return the patterns of plain cells by the names of their columns."""
    made = {column.name: _cell(column) for column in schema.COLUMNS}
    made["provider"] = _one_of(("", *_providers()))
    made["environment"] = _longer_than(config.ENVIRONMENT_ALIASES)
    for name in ("subscription_tier", "service_tier", "cost_source"):
        made[name] = f"(?:[a-mo-z0-9][{_SMALL}]*)?"  # words for nothing begin otherwise
    made["status"] = _one_of((schema.STATUS_SUCCESS, schema.STATUS_ERROR))
    made["error_type"] = _one_of(("", *config.ERROR_TYPES))
    made[schema.CURRENCY] = _one_of(("", "USD"))
    return made


def _providers() -> List[str]:
    """Return the ids that stand for themselves: of the catalogue, and what aliases stand for."""
    ids = {*config.PROVIDER_WEIGHTS, *names.PROVIDERS.values()}
    return sorted(each for each in ids if names.fold_provider(each) == each)


def _cell(column: schema.Column) -> str:
    if column.kind == "time":
        return _TIME
    if column.kind == "money":
        return _AMOUNT
    if column.kind == "int":
        number = f"[0-9]{{1,{len(str(column.limit)) - 1}}}" if column.limit else _TOTAL
        return number if column.required else f"(?:{number})?"
    return _text()


def _text() -> str:
    """Return the pattern of a text: one that begins as a word for nothing must be longer."""
    return (
        f"(?:[{_FIRST}](?:[ {_LAST}]*[{_LAST}])?"
        f"|[{_OF_NOTHING}][ {_LAST}]{{{_LONGEST_EMPTY - 1},}}[{_LAST}])?"
    )


def _longer_than(excluded: Iterable[str]) -> str:
    least = max(_LONGEST_EMPTY, *map(len, excluded)) + 1
    return f"(?:[{_SMALL}]{{{least},}})?"


def _one_of(texts: Iterable[str]) -> str:
    return f"(?:{'|'.join(dict.fromkeys(texts))})"
