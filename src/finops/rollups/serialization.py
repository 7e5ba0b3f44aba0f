"""Plain structures with large arrays as bytes, and back: between processes and into files.

A JSON text that describes the structure, then the raw arrays.  Unlike a pickle it cannot run
anything, so it may be read from a folder that somebody else can write to.  A text that is not
of this form raises ValueError, whatever is in it.
"""

from __future__ import annotations

import json
import sys
from array import array
from typing import Any, List

MAGIC = b"finops-wire-1\n"
_ARRAY = "array"
_TYPES = ("B", "H", "I", "Q", "b", "h", "i", "q", "d")


def dump(structure: Any) -> bytes:
    """Return lists, dicts with text keys, texts, numbers, None and arrays as bytes.

    Tuples become lists.
    """
    arrays: List[array[int]] = []

    def plain(value: Any) -> Any:
        if isinstance(value, array):
            arrays.append(value)
            return {_ARRAY: [value.typecode, len(value)]}
        raise TypeError(f"cannot be sent: {type(value)}")

    text = json.dumps(
        {"order": sys.byteorder, "content": structure}, default=plain, separators=(",", ":")
    )
    head = text.encode("utf-8")
    parts = [MAGIC, len(head).to_bytes(8, "little"), head]
    return b"".join(parts + [a.tobytes() for a in arrays])


def load(data: bytes) -> Any:
    """Return the structure of `dump`; raises ValueError where `data` is not one."""
    start = len(MAGIC) + 8
    if data[: len(MAGIC)] != MAGIC or len(data) < start:
        raise ValueError("not serialized data")
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    view = memoryview(data)
    offset = end

    def revive(found: Any) -> Any:
        nonlocal offset
        described = found.get(_ARRAY)
        if described is None:
            return found
        kind, length = described
        if kind not in _TYPES or not isinstance(length, int) or length < 0:
            raise ValueError("not an array")
        revived = array(kind)
        size = length * revived.itemsize
        if offset + size > len(data):
            raise ValueError("an array is cut off")
        revived.frombytes(view[offset : offset + size])
        offset += size
        return revived

    try:
        whole = json.loads(data[start:end].decode("utf-8"), object_hook=revive)
        if whole["order"] != sys.byteorder:
            raise ValueError("made on a machine of another byte order")
        content = whole["content"]
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("not serialized data") from error
    if offset != len(data):
        raise ValueError("there is more than the arrays")
    return content
