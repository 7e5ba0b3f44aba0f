"""JSON from strangers: what parsers disagree about, or what costs without bound, is refused.

The standard parser takes NaN, keeps the last of two equal keys, recurses as deep as it is told
and turns long digits into integers in quadratic time.  Nothing here does.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Dict, List, Tuple

from finops import config
from finops.viewer.http import refuse

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
_NUMBER_CHARACTERS = 40


class _Bad(ValueError):
    """The text breaks one of the rules above; says which."""


def parse(body: bytes) -> Any:
    """Return the value of a JSON body.  Raises Refused (400) with the reason."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise refuse(400, "The body is not UTF-8.") from None
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _Bad as error:
        raise refuse(400, str(error)) from None
    except UnicodeEncodeError:
        raise refuse(400, "A text holds half a surrogate pair.") from None
    except (ValueError, RecursionError):
        raise refuse(400, "The body is not valid JSON.") from None
    return value


def parse_object(body: bytes) -> Dict[str, Any]:
    """Return the value of a body that must be an object; an empty body is an empty one."""
    value = parse(body) if body.strip(b" \t\r\n") else {}
    if not isinstance(value, dict):
        raise refuse(400, "The body must be a JSON object.")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > config.COLLECT_MAX_DEPTH:
            raise refuse(400, "The JSON is nested too deeply.")


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Bad("A key is given twice.")
    return found


def _integer(text: str) -> int:
    if len(text) > _NUMBER_CHARACTERS:
        raise _Bad("A number has too many digits.")
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= _NUMBER_CHARACTERS else math.inf
    if not math.isfinite(value):
        raise _Bad("A number is too long or too large.")
    return value


def _constant(text: str) -> Any:
    raise _Bad("NaN and Infinity are not JSON.")
