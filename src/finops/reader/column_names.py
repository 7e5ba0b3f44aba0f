"""Which column of a file is which field of the call record, by its name.

Case, blanks and separators do not count.  The names that other tools use for a field are taken
and mentioned, where their unit is clear; a name that is merely close to one that matters is
never ignored in silence; and what a user says goes before all of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from finops.schema import READ_NAMES

COST = "cost_usd"
# What others call a field.  `latency` and `duration` are not there: their unit is not known.
ALIASES: Mapping[str, Tuple[str, ...]] = {
    "timestamp": (
        *("time", "date", "datetime", "ts", "timestamp_utc", "created", "created_at"),
        *("start_time", "started_at", "request_time", "request_created_at", "event_time"),
    ),
    "call_id": ("generation_id",),
    "provider": ("provider_name", "model_provider", "custom_llm_provider", "llm_provider"),
    "model": ("model_name", "model_id", "llm_model", "model_permaslug"),
    "input_tokens": (
        *("prompt_tokens", "tokens_in", "in_tokens", "tokens_input", "tokens_prompt"),
        *("input_token_count", "prompt_token_count", "num_input_tokens", "num_prompt_tokens"),
    ),
    "output_tokens": (
        *("completion_tokens", "tokens_out", "out_tokens", "tokens_output", "tokens_completion"),
        *("output_token_count", "completion_token_count", "candidates_token_count"),
        *("num_output_tokens", "num_completion_tokens", "generated_tokens"),
    ),
    COST: (
        *("cost", "total_cost", "cost_total", "spend", "usd", "total_cost_usd", "cost_in_usd"),
        *("request_cost", "response_cost", "usage_cost", "price_usd", "amount_usd", "spend_usd"),
    ),
    "latency_ms": (
        *("duration_ms", "response_time_ms", "request_duration_ms", "generation_time_ms"),
        *("elapsed_ms", "delay_ms", "response_ms", "latency_millis", "latency_milliseconds"),
    ),
    "customer_id": (
        *("customer", "customer_name", "user", "user_id", "end_user", "end_user_id"),
        *("request_user_id",),
    ),
    "subscription_tier": ("subscription", "subscription_plan", "plan"),
    "organization_id": (
        *("organization", "organisation", "organisation_id", "organization_name"),
        *("org", "org_id", "team", "team_id", "workspace", "workspace_id"),
    ),
    "product_id": ("product", "product_name"),
    "feature_id": ("feature", "feature_name"),
    "task_type": ("task",),
    "environment": ("env",),
    "session_id": ("session", "conversation_id"),
    "total_tokens": ("tokens_total", "total_token_count"),
    "status": ("status_code", "http_status", "http_status_code", "response_status"),
    "calls": ("requests", "num_requests", "num_model_requests", "request_count", "call_count"),
    "cached_input_tokens": ("input_cached_tokens", "cached_tokens", "tokens_cached"),
    "reasoning_tokens": ("tokens_reasoning", "reasoning_output_tokens"),
}
# Taken where there is no better name: in some exports they are the texts, not their lengths.
WEAK_ALIASES: Mapping[str, str] = {"input_tokens": "input", "output_tokens": "output"}
# Names close to a field in meaning, whose unit or content is not clear.
_CLOSE: Mapping[str, Tuple[str, ...]] = {
    "latency_ms": (
        *("latency", "duration", "response_time", "elapsed", "latency_s", "duration_s"),
        *("latency_seconds", "duration_seconds", "response_time_s"),
    ),
    "cached_input_tokens": ("cache_read_tokens", "cache_read_input_tokens"),
    "cache_write_tokens": ("cache_creation_tokens", "cache_creation_input_tokens"),
}
_CURRENCIES: FrozenSet[str] = frozenset(
    {
        *("aed", "ars", "aud", "brl", "cad", "chf", "clp", "cny", "cop", "czk", "dkk", "eur"),
        *("gbp", "hkd", "huf", "idr", "ils", "inr", "jpy", "krw", "mxn", "myr", "ngn", "nok"),
        *("nzd", "php", "pkr", "pln", "ron", "rub", "sar", "sek", "sgd", "thb", "try", "twd"),
        *("uah", "vnd", "zar"),
    }
)
# A column with one of these words is money, unless another word says that it is no call's cost.
_MONEY_WORDS = frozenset({"cost", "costs", "spend", "charge", "charges", "cents", "amount", "usd"})
_OTHER_WORDS = frozenset(
    {
        *("center", "centre", "source", "code", "type", "category", "currency", "list", "id"),
        *("name", "per", "unit", "rate", "saved", "saving", "savings", "budget", "limit", "max"),
        *("min", "tier", "price", "basis", "model", "group", "key"),
    }
)
_NEAR = 2  # letters that a slip of the pen may add, leave out, change or swap
_SEPARATORS = re.compile(r"[\s_./-]+").sub
_NEW_WORD = re.compile("([a-z])([A-Z])").sub


class NearMiss(NamedTuple):
    """A column that is not used, and the field that it may have been meant for."""

    field: str
    column: str


_MOST_NAMES = 1024  # that are remembered: a header has a few dozen, compared with every field


class ColumnChoice(NamedTuple):
    """Which column is taken for which field.

    `positions` maps fields to indexes among the columns; `aliases` maps those fields that have
    another name to it; `currency` is that of the column taken for the cost; `ambiguous` maps a
    field to several names, of which none was taken; `missing` holds mapped fields whose column
    is not there, with its name.
    """

    positions: Dict[str, int]
    aliases: Dict[str, str]
    currency: str
    ambiguous: Dict[str, List[str]]
    missing: Dict[str, str]


@lru_cache(maxsize=_MOST_NAMES)
def folded(name: str) -> str:
    """Return a column's name as it is compared: without case, blanks and separators.

    >>> folded(" Input Tokens"), folded("inputTokens"), folded("input_tokens")
    ('inputtokens', 'inputtokens', 'inputtokens')
    """
    return _SEPARATORS("", name).lower()


_FIELDS = {folded(name): name for name in READ_NAMES}
_ALIASES = {folded(alias): field for field, names in ALIASES.items() for alias in names}
_WEAK = {alias: field for field, alias in WEAK_ALIASES.items()}


def known(names: Iterable[str]) -> int:
    """Return how many names stand for fields."""
    known_names = (_FIELDS, _ALIASES, _WEAK)
    return sum(any(folded(name) in those for those in known_names) for name in names)


def choose(names: Sequence[str], mapping: Mapping[str, str]) -> ColumnChoice:
    """Return which of a file's columns is which field.

    `mapping` is the user's word: the column of a field, "" for a field that the file has not.
    """
    choice = ColumnChoice({}, {}, "USD", {}, {})
    for field, column in mapping.items():
        _take_mapped(choice, names, field, column)
    by_field = _candidates(names, _FIELDS)
    for field in READ_NAMES:
        if field not in mapping and field in by_field:
            choice.positions[field] = by_field[field][0]
    for aliases in (_ALIASES, _WEAK):
        for field, places in _candidates(names, aliases).items():
            if field in mapping or field in choice.positions or field not in READ_NAMES:
                continue
            if len(places) > 1:
                choice.ambiguous[field] = [names[place].strip() for place in places]
            elif field not in choice.ambiguous:
                choice.positions[field] = places[0]
                choice.aliases[field] = names[places[0]].strip()
    return choice if COST in {*mapping, *choice.positions} else _with_currency(choice, names)


def _take_mapped(choice: ColumnChoice, names: Sequence[str], field: str, column: str) -> None:
    if not column:
        return
    stripped = [name.strip() for name in names]
    same = [place for place, name in enumerate(stripped) if name == column.strip()]
    alike = [place for place, name in enumerate(names) if folded(name) == folded(column)]
    if same or alike:
        choice.positions[field] = (same or alike)[0]
    else:
        choice.missing[field] = column


def _candidates(names: Sequence[str], fields: Mapping[str, str]) -> Dict[str, List[int]]:
    """Return the places of all columns that stand for a field by these names."""
    places: Dict[str, List[int]] = {}
    for place, name in enumerate(names):
        field = fields.get(folded(name))
        if field is not None:
            places.setdefault(field, []).append(place)
    return places


def _with_currency(choice: ColumnChoice, names: Sequence[str]) -> ColumnChoice:
    """Take a column such as `cost_eur` for the cost, in that currency."""
    stems = {folded(alias) for alias in ("cost", "total_cost", "cost_total", "spend", "cost_in")}
    places = [
        place
        for place, name in enumerate(names)
        if folded(name)[:-3] in stems and folded(name)[-3:] in _CURRENCIES
    ]
    if len(places) > 1:
        choice.ambiguous[COST] = [names[place].strip() for place in places]
    if len(places) != 1 or COST in choice.ambiguous:
        return choice
    name = names[places[0]].strip()
    choice.positions[COST] = places[0]
    choice.aliases[COST] = name
    return choice._replace(currency=name[-3:].upper())


def near_misses(names: Sequence[str], choice: ColumnChoice) -> List[NearMiss]:
    """Return which unused columns may have been meant for a field that the file does not have.

    Fields that were mapped by the user, or ambiguous, are settled.
    """
    used = set(choice.positions.values())
    unused = [name.strip() for place, name in enumerate(names) if place not in used]
    wanted = [f for f in READ_NAMES if f not in {*choice.positions, *choice.ambiguous}]
    return [
        NearMiss(field, name)
        for name in unused
        for field in _nearest(name, wanted)[:1]
        if folded(name) not in _FIELDS
    ]


def _nearest(name: str, wanted: Sequence[str]) -> List[str]:
    """Return the fields that a name is close to."""
    if COST in wanted and _is_money(name):
        return [COST]
    return [field for field in wanted if _is_near(folded(name), field)]


def _is_money(name: str) -> bool:
    words = set(_SEPARATORS(" ", _NEW_WORD(r"\1 \2", name)).lower().split())
    return bool(words & _MONEY_WORDS) and not words & _OTHER_WORDS


def _is_near(name: str, field: str) -> bool:
    if name in map(folded, _CLOSE.get(field, ())):
        return True
    target = folded(field)
    if min(len(name), len(target)) < 5:
        return False
    return sorted(name) == sorted(target) or _distance(name, target, _NEAR) <= _NEAR


def _distance(one: str, other: str, limit: int) -> int:
    """Return by how many letters added, left out or changed two words differ.

    More than `limit` may come out as anything above it.
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    row = list(range(len(other) + 1))
    for k, letter in enumerate(one, 1):
        above, row = row, [k]
        for m, wanted in enumerate(other, 1):
            changed = above[m - 1] + (letter != wanted)
            row.append(min(changed, above[m] + 1, row[-1] + 1))
    return row[-1]
