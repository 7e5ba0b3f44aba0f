"""NamedTuples to JSON and back, checked by the types of their fields.

What comes from a file or another process may be anything, so `from_json` takes a value only
where every field has exactly its declared type.  Keys that a class does not have are ignored,
so that a newer writer can add some; a missing field takes its default or is an error.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Dict, Mapping, NamedTuple, Type, TypeVar, Union, cast, get_type_hints

_LARGEST = 2**63
_Record = TypeVar("_Record", bound=NamedTuple)


def to_json(value: object) -> object:
    """Return NamedTuples as dicts by field and other tuples as lists, at any depth."""
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return {name: to_json(item) for name, item in zip(value._fields, value)}
        return [to_json(item) for item in value]
    return value


def from_json(kind: Type[_Record], value: object) -> _Record:
    """Return the NamedTuple `kind` made from a JSON object.

    Fields are str, int, float (finite), NamedTuples, Optional and Tuple[…, ...] of these.
    Raises ValueError, which names the field, for anything else.
    """
    return cast(_Record, _record(kind, value, kind.__name__))


def refuse_constant(constant: str) -> float:
    """Raise ValueError; for `json.loads`, which takes NaN and Infinity by itself."""
    raise ValueError(f"{constant} is not JSON")


@lru_cache(maxsize=None)
def _types(kind: Any) -> Mapping[str, object]:
    return get_type_hints(kind)


def _record(kind: Any, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    fields: Dict[str, object] = {}
    for name, field in _types(kind).items():
        if name in value:
            fields[name] = _value(field, value[name], f"{where}.{name}")
        elif name not in kind._field_defaults:
            raise ValueError(f"{where}.{name} is missing")
    return kind(**fields)


def _value(kind: Any, value: object, where: str) -> object:
    origin = getattr(kind, "__origin__", None)
    if origin is Union:  # Optional is the only one
        return None if value is None else _value(kind.__args__[0], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        return tuple(_value(kind.__args__[0], item, where) for item in value)
    if hasattr(kind, "_fields"):
        return _record(kind, value, where)
    if not _is_a(value, kind):
        raise ValueError(f"{where} is not {kind.__name__}")
    return value


def _is_a(value: object, kind: object) -> bool:
    """Return whether a value of JSON is a str, an int or a finite float, as `kind` says."""
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < _LARGEST
