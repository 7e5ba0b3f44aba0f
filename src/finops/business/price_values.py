"""Checks that all price files share: what is a price, a name, a day."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from finops import config
from finops.errors import DataError

_SHOWN_CHARACTERS = 200
_SHOWN_OF_A_VALUE = 40
_DECIMAL = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?").fullmatch


def is_number(value: Any) -> bool:
    """Return whether a value is a number, or one as text."""
    if isinstance(value, str):
        return _DECIMAL(value.strip()) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def price(value: Any, where: str, name: str) -> float:
    """Return a price in USD; raise DataError unless it is a number from 0 up, or one as text."""
    number = float(value) if isinstance(value, str) and is_number(value) else value
    if not is_number(number) or not 0 <= number <= config.MAX_COST_USD:
        raise DataError(
            f"{where}: {name} is not a price in USD: {shown(value)[:_SHOWN_OF_A_VALUE]}"
        )
    return float(number)


def is_name(value: Any) -> bool:
    """Return whether a value can be the name of a provider or a model."""
    return (
        isinstance(value, str) and 0 < len(value) <= config.COLLECT_MAX_TEXT and value.isprintable()
    )


def is_day(value: Any) -> bool:
    """Return whether a value is a day such as 2026-08-01."""
    try:
        return isinstance(value, str) and value == str(datetime.strptime(value, "%Y-%m-%d").date())
    except ValueError:
        return False


def shown(value: Any) -> str:
    """Return a value as it may stand in a sentence: on one line, cut."""
    return "".join(c if c.isprintable() else "?" for c in str(value))[:_SHOWN_CHARACTERS]
