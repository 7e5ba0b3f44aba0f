"""The configuration file: what an organization decides about itself, beside its data.

`finops.toml` or `finops.json` with the reading options under the names of their flags, and

    billing_account = "acme-ai"   # in FOCUS exports
    sla_ms = 1500
    commitment_discount_percent = 30

    [tier_prices]          # USD a month, by the name of the tier
    pro = 149

    [thresholds]           # by the names of `config.LIMITS` and `config.WORD_LISTS`
    HIGH_COST_THRESHOLD_USD = 250
    CLIENT_ERRORS = ["rate_limit", "auth_error"]

    [budgets]              # USD of a calendar month
    total = 5000

    [budgets.organization] # and provider, product, feature, customer
    org_001 = 900

A key that has no effect is an error: a setting that someone wrote is never ignored in silence.
"""

from __future__ import annotations

import json
import math
import os
import re
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.commands.nearest import nearest
from finops.errors import UsageError
from finops.reading_choices import ReadingChoices
from finops.regular_files import read_regular
from finops.typed_json import refuse_constant

NAMES = ("finops.toml", "finops.json")
_WILD = re.compile(r"[*?\[]").search
_MAX_BYTES = config.MEGABYTE
_MAX_TIER_PRICE_USD = 1e9
_MAX_BUDGET_USD = 1e12
_TOTAL, *_BUDGETED = config.BUDGET_SCOPES
_TEXTS = ("timezone", "input_timezone", "since", "until")
# Shorter names of limits that organizations set most.
_SHORT = {
    "sla_ms": "SLA_THRESHOLD_MS",
    "commitment_discount_percent": "COMMITMENT_DISCOUNT_PCT",
}
_MARGINS = (
    "HIGH_MARGIN_THRESHOLD_PCT",
    "MEDIUM_MARGIN_THRESHOLD_PCT",
    "LOW_MARGIN_THRESHOLD_PCT",
)
Table = Mapping[str, object]


class ConfigFile(NamedTuple):
    """What a configuration file says: reading options, limits by the names of `config.LIMITS`
    and lists of words by those of `config.WORD_LISTS`,
    tier prices in USD a month, budgets in the order of their scopes and then of the file, and
    the account that providers bill, "" where it is not said.
    """

    choices: ReadingChoices = ReadingChoices()
    limits: Mapping[str, config.LimitValue] = {}
    tier_prices: Mapping[str, float] = {}
    budgets: Tuple[config.Budget, ...] = ()
    billing_account: str = ""


def beside(data: str) -> str:
    """Return the path of the configuration file in the folder of the data, "" without one.

    `data` is a file, a folder or a pattern.  Raises UsageError where there are two.
    """
    folder = data if os.path.isdir(data) else os.path.dirname(data)
    while has_wildcard(folder):
        folder = os.path.dirname(folder)
    there = [name for name in NAMES if os.path.isfile(os.path.join(folder, name))]
    if len(there) > 1:
        raise UsageError(
            f"{' and '.join(there)} both lie beside the data; keep one of them, or name it by"
            " --config"
        )
    return os.path.join(folder, there[0]) if there else ""


def has_wildcard(path: str) -> bool:
    """Return whether a path may be a pattern."""
    return _WILD(path) is not None


def read_config(path: str) -> ConfigFile:
    """Return what a configuration file says; paths in it are relative to its folder.

    Raises UsageError, which names the file and the key, where it cannot be read, or says what
    is unknown or impossible.
    """
    name = os.path.basename(path)
    try:
        content = _parsed(path)
        return _config_of(content, Path(path).parent)
    except OSError as error:
        raise UsageError(
            f"cannot read the configuration file {path}: {error.strerror or error}"
        ) from None
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _parsed(path: str) -> Table:
    """Return the file's content.  Raises ValueError where it is neither TOML nor JSON."""
    text = read_regular(path, limit=_MAX_BYTES).decode("utf-8-sig")
    if path.endswith(".toml"):
        return _from_toml(text)
    try:
        content = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError("an object is expected at the top")
    return content


def _from_toml(text: str) -> Table:
    try:
        toml = import_module("tomllib")
    except ImportError:
        raise ValueError(
            "TOML needs Python 3.11 or newer; write finops.json, which works everywhere"
        ) from None
    try:
        content: Table = toml.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from None
    return content


def _config_of(content: Table, folder: Path) -> ConfigFile:
    for key in content:
        if key not in _KEYS:
            raise ValueError(f"unknown key {key[:40]!r}{nearest(key, _KEYS)}")
    choices = ReadingChoices(
        columns=_pairs(content, "map"),
        prices=tuple(os.path.join(str(folder), path) for path in _texts(content, "prices")),
        timezone=_text(content, "timezone"),
        input_timezone=_text(content, "input_timezone"),
        since=_text(content, "since"),
        until=_text(content, "until"),
        rates=_pairs(content, "rate"),
    )
    return ConfigFile(
        choices,
        _limits(content),
        _tier_prices(content),
        _budgets(content),
        _text(content, _ACCOUNT),
    )


_ACCOUNT = "billing_account"
_KEYS = (
    *(*_TEXTS, "map", "prices", "rate", _ACCOUNT),
    *(*_SHORT, "tier_prices", "thresholds", "budgets"),
)


def _text(content: Table, key: str) -> str:
    """Return a text; TOML has dates and times of its own."""
    value = content.get(key, "")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if not isinstance(value, str):
        raise ValueError(f"{key} must be text in quotes")
    return value


def _texts(content: Table, key: str) -> Tuple[str, ...]:
    value = content.get(key, ())
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(v, str) for v in listed):
        raise ValueError(f"{key} must be text or a list of texts")
    return tuple(listed)


def _pairs(content: Table, key: str) -> Tuple[str, ...]:
    """Return a table of names and values as `NAME=VALUE`."""
    return tuple(f"{name}={value}" for name, value in _table(content, key).items())


def _table(content: Table, key: str) -> Dict[str, object]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} must be a table of names and values")
    return value


def _limits(content: Table) -> Dict[str, config.LimitValue]:
    given = _table(content, "thresholds")
    known = (*config.LIMITS, *config.WORD_LISTS)
    for key in given:
        if key not in known:
            raise ValueError(f"unknown threshold {key[:40]!r}{nearest(key, known)}")
    for short, name in _SHORT.items():
        if short in content and name in given:
            raise ValueError(f"{short} and thresholds.{name} are the same; give one")
        if short in content:
            given = dict(given, **{name: content[short]})
    words = {name: _words(name, given[name]) for name in config.WORD_LISTS if name in given}
    limits = {name: _limit(name, given[name]) for name in config.LIMITS if name in given}
    if _out_of_order(limits, _MARGINS[::-1]):
        raise ValueError(f"the margins must fall: {', '.join(_MARGINS)}")
    for names in config.RISING_LIMITS:
        if _out_of_order(limits, names):
            raise ValueError(f"these must not fall: {', '.join(names)}")
    return {**limits, **words}


def _out_of_order(limits: Mapping[str, float], names: Sequence[str]) -> bool:
    """Return whether limits, or their defaults, are out of their ascending order."""
    values = [limits.get(name, config.LIMITS[name].default) for name in names]
    return values != sorted(values)


def _words(name: str, value: object) -> FrozenSet[str]:
    """Return a list of words, as a set.  Raises ValueError for anything else."""
    if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
        raise ValueError(f"{name} ({config.WORD_LISTS[name]}) must be a list of words")
    return frozenset(value)


def _limit(name: str, value: object) -> float:
    limit = config.LIMITS[name]
    number = _number(value)
    if number is None or not limit.least <= number <= limit.most:
        raise ValueError(
            f"{name} ({limit.label}) must be a number of {limit.unit} from {limit.least:g} to"
            f" {limit.most:g}"
        )
    if limit.is_whole and number != int(number):
        raise ValueError(f"{name} ({limit.label}) must be a whole number of {limit.unit}")
    return int(number) if number == int(number) else number


def _tier_prices(content: Table) -> Dict[str, float]:
    prices = {}
    for tier, value in _table(content, "tier_prices").items():
        number = _number(value)
        if not tier.strip() or number is None or not 0 <= number <= _MAX_TIER_PRICE_USD:
            raise ValueError(f"tier_prices.{tier[:40]} must be a price in USD a month")
        prices[tier] = float(number)
    return prices


def _budgets(content: Table) -> Tuple[config.Budget, ...]:
    given = _table(content, "budgets")
    for scope in given:
        if scope not in config.BUDGET_SCOPES:
            raise ValueError(f"unknown budget {scope[:40]!r}{nearest(scope, config.BUDGET_SCOPES)}")
    budgets = [_budget(_TOTAL, "", given[_TOTAL])] if _TOTAL in given else []
    for scope in _BUDGETED:
        subjects = given.get(scope, {})
        if not isinstance(subjects, dict):
            raise ValueError(f"budgets.{scope} must be a table of names and values")
        budgets += [_budget(scope, subject, value) for subject, value in subjects.items()]
    return tuple(budgets)


def _budget(scope: str, subject: str, value: object) -> config.Budget:
    number = _number(value)
    if number is None or not 0 < number <= _MAX_BUDGET_USD or (scope != _TOTAL and not subject):
        name = f"{scope}.{subject[:40]}" if scope != _TOTAL else scope
        raise ValueError(f"budgets.{name} must be an amount in USD a month above 0")
    return config.Budget(scope, subject, float(number))


def _number(value: object) -> Optional[float]:
    """Return a finite number as it is, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None
