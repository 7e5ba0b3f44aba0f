"""JSON files beside the data and the reports, read as if somebody else had written them.

They are ours, but anybody may have edited, cut or replaced them, or put a pipe in their place.
Whatever cannot be passed on as JSON and as UTF-8 is treated as unreadable here, once, so that it
fails nowhere later.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, Dict, Optional

from finops import config

MAX_BYTES = 64 * config.MEGABYTE


def read_object(path: Path, max_bytes: int = MAX_BYTES) -> Optional[Dict[str, Any]]:
    """Return the object in a file; None where there is none, or none that can be used.

    Refused are links, everything but regular files, files over `max_bytes`, text that is not
    UTF-8, NaN and infinite numbers, half surrogate pairs, and nesting beyond the parser's depth.
    """
    raw = _read(path, max_bytes)
    return None if raw is None else parse_object(raw)


def parse_object(raw: bytes) -> Optional[Dict[str, Any]]:
    """Return the object of a JSON text under the same rules; None where it is none."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read(path: Path, max_bytes: int) -> Optional[bytes]:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(str(path), flags | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return None
            raw = stream.read(max_bytes + 1)
    except (OSError, ValueError):
        return None
    return raw if len(raw) <= max_bytes else None


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value
