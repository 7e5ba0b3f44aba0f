"""Words that mean the same however they are written: statuses, tiers, environments.

They are compared without case and surrounding blanks, and by alias.  Files and collected events
share what is said here.  Names of providers are folded in `business.names`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, FrozenSet, NamedTuple

from finops import config, schema

# What stands where a value is missing, in small letters.
EMPTY: FrozenSet[str] = frozenset({"", "null", "none", "nan", "n/a", "-", "\\n"})
SUCCESS: FrozenSet[str] = frozenset({"success", "ok", "succeeded", "completed"})
# Words of failure, and the kind of error that each names; "" where it names none.
FAILURES: Dict[str, str] = {
    "error": "",
    "failure": "",
    "failed": "",
    "timeout": "timeout",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "rate_limit": schema.RATE_LIMIT,
    "rate_limited": schema.RATE_LIMIT,
}
_HTTP_CODE = re.compile(r"([1-5][0-9]{2})(?:\.0+)?").fullmatch
HTTP_ERRORS: Dict[int, str] = {
    401: "auth_error",
    403: "auth_error",
    408: "timeout",
    429: schema.RATE_LIMIT,
}
OTHER_ERROR = "other"
SERVER_ERROR = "server_error"
_MOST_WORDS = 1024  # that are remembered: most files have a dozen
_BETWEEN_WORDS = re.compile(r"[\s_-]+")


class Status(NamedTuple):
    """How a call ended: success, error or unknown, and the kind of error, "" where none is said."""

    status: str
    error_type: str


def is_empty(text: str) -> bool:
    """Return whether a text stands for no value.

    >>> is_empty(" NULL "), is_empty("N/A"), is_empty("0")
    (True, True, False)
    """
    return text.strip().lower() in EMPTY


@lru_cache(maxsize=_MOST_WORDS)
def status_of(word: str) -> Status:
    """Return what a word or an HTTP code says of how a call ended.

    >>> status_of(" Succeeded"), status_of("429"), status_of("Rate limited")
    (Status(status='success', error_type=''), Status(status='error', error_type='rate_limit'),
     Status(status='error', error_type='rate_limit'))
    >>> status_of("maybe")
    Status(status='unknown', error_type='')
    """
    plain = _plain(word)
    code = _HTTP_CODE(plain)
    if code:
        return _status_of_code(int(code.group(1)))
    if plain in SUCCESS:
        return Status(schema.STATUS_SUCCESS, "")
    if plain in FAILURES:
        return Status(schema.STATUS_ERROR, FAILURES[plain])
    return Status(config.UNKNOWN, "")


def error_of_code(code: int) -> str:
    """Return the kind of error that an HTTP code stands for."""
    return HTTP_ERRORS.get(code, SERVER_ERROR if code >= 500 else OTHER_ERROR)


@lru_cache(maxsize=_MOST_WORDS)
def error_type_of(word: str) -> str:
    """Return a kind of error in our spelling where it is known, else as it is written.

    >>> error_type_of("Rate-Limit"), error_type_of("503"), error_type_of("Content filter")
    ('rate_limit', 'server_error', 'Content filter')
    """
    if is_empty(word):
        return ""
    plain = _plain(word)
    known = plain if plain in config.ERROR_TYPES else status_of(plain).error_type
    return known or word.strip()


def tier_of(text: str) -> str:
    """Return a subscription tier in small letters.

    >>> tier_of("PRO ")
    'pro'
    """
    return text.strip().lower()


@lru_cache(maxsize=_MOST_WORDS)
def environment_of(text: str) -> str:
    """Return an environment in small letters, its short names in full.

    >>> environment_of("Prod"), environment_of("QA")
    ('production', 'qa')
    """
    plain = text.strip().lower()
    return config.ENVIRONMENT_ALIASES.get(plain, plain)


def _status_of_code(code: int) -> Status:
    if 200 <= code < 300:
        return Status(schema.STATUS_SUCCESS, "")
    if code >= 400:
        return Status(schema.STATUS_ERROR, error_of_code(code))
    return Status(config.UNKNOWN, "")


def _plain(word: str) -> str:
    return _BETWEEN_WORDS.sub("_", word.strip().lower())
