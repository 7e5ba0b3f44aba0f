"""JSON files beside the data and the reports, read as if someone else had written them.

They are ours, but anyone may have edited, cut or replaced them, or put a pipe in their place.
Whatever cannot be passed on as JSON and as UTF-8 is treated as unreadable here, once, so that it
fails nowhere later.
"""

from __future__ import annotations

import json
import math
from typing import Any, Dict, Optional

from finops import config
from finops.regular_files import PathLike, read_regular

MAX_BYTES = 64 * config.MEGABYTE
_MOST_DIGITS = 40


def read_object(path: PathLike, max_bytes: int = MAX_BYTES) -> Optional[Dict[str, Any]]:
    """Return the object in a file; None where there is no usable one.

    Links are not followed.  Refused are everything but regular files, files over `max_bytes`,
    and what `parse_object` refuses.
    """
    try:
        return parse_object(read_regular(path, max_bytes, follow=False))
    except (OSError, ValueError):
        return None


def parse_object(raw: bytes) -> Dict[str, Any]:
    """Return the JSON object in these bytes; raises ValueError for anything else.

    Strict where `json` is not: text that is not UTF-8, numbers that are not finite or have more
    than 40 digits, texts that no encoding can write (half a surrogate pair) and nesting deeper
    than the interpreter bears are refused.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"), parse_constant=_finite, parse_float=_finite, parse_int=_integer
        )
        if b"\\u" in raw:  # only an escape can say half a pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:_MOST_DIGITS]} is not a finite number")
    return number


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(text)
