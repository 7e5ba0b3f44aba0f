"""Seeded metadata for measuring a validator: clean sets, and sets corrupted in known ways.

The corruptions are those that really happen: fields that are missing, empty, misspelt, padded,
of the wrong type or case, templates that were never filled in, ids in the wrong field.  One
kind, a valid id of somebody else, cannot be seen by any check of formats; it is in the corpus
so that the measured rate is an honest one.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

Metadata = Dict[str, Any]
FEATURES = ("chat", "summarization", "translation", "code-generation", "analysis")
TASKS = ("chat", "summarization", "translation", "code_generation", "classification")
TIERS = ("starter", "pro", "enterprise")
ENVIRONMENTS = ("production", "staging", "development")
IDS = ("customer_id", "organization_id", "product_id", "feature_id")
CLOSED = ("subscription_tier", "environment", "task_type")
REQUIRED = (*IDS, *CLOSED)
CYRILLIC = {"a": "а", "c": "с", "e": "е", "o": "о", "p": "р"}


class Corrupted(NamedTuple):
    """One corrupted set, and the kind of corruption."""

    kind: str
    metadata: Metadata


def clean(chance: random.Random) -> Metadata:
    """Return one valid set: all required fields, some optional ones."""
    customer = int(chance.random() * 5000) + 1
    metadata: Metadata = {
        "customer_id": f"cust_{customer:04d}",
        "organization_id": organization_of(f"cust_{customer:04d}"),
        "product_id": f"product_{_pick(chance, 'abc')}",
        "feature_id": _pick(chance, FEATURES),
        "subscription_tier": _pick(chance, TIERS),
        "environment": _pick(chance, ENVIRONMENTS),
        "task_type": _pick(chance, TASKS),
    }
    optional = {
        "user_id": f"user_{_hex(chance, 8)}",
        "component_id": _pick(chance, ("search-box", "sidebar", "batch_worker")),
        "subscription_id": f"sub_{_hex(chance, 10)}",
        "session_id": f"sess_{_hex(chance, 12)}",
        "request_id": f"req_{_hex(chance, 12)}",
        "trace_id": _pick(chance, (f"trace_{_hex(chance, 12)}", _hex(chance, 32))),
        "user_agent": _pick(chance, ("web_app_v1.2", "ios_app_v3.0.1 (iPhone)", "api/2.4")),
    }
    metadata.update({k: v for k, v in optional.items() if chance.random() < 0.6})
    return metadata


def organization_of(customer_id: str) -> str:
    """Return the organization that a customer of the corpus belongs to."""
    return f"org_{int(customer_id[5:]) % 50 + 1:03d}"


def clean_corpus(count: int, seed: int) -> List[Metadata]:
    """Return `count` valid sets; the same seed gives the same sets."""
    chance = random.Random(seed)
    return [clean(chance) for _ in range(count)]


def corrupted_corpus(count: int, seed: int, required: Sequence[str] = REQUIRED) -> List[Corrupted]:
    """Return `count` sets, each corrupted in one way; the kinds take turns.

    A field that is missing or null is one of the `required` ones: to lack another is no fault.
    """
    chance = random.Random(seed)
    kinds = [*KINDS, ("missing field", _missing(required)), ("null value", _on(required, _null))]
    corpus = []
    for number in range(count):
        kind, corrupt = kinds[number % len(kinds)]
        metadata = clean(chance)
        corrupt(metadata, chance)
        corpus.append(Corrupted(kind, metadata))
    return corpus


def _pick(chance: random.Random, choices: Sequence[str]) -> str:
    return choices[int(chance.random() * len(choices))]


def _hex(chance: random.Random, length: int) -> str:
    return f"{chance.getrandbits(4 * length):0{length}x}"


def _on(fields: Sequence[str], change: Callable[[str, random.Random], Any]) -> Corruption:
    """Return a corruption that changes one of these fields."""

    def corrupt(metadata: Metadata, chance: random.Random) -> None:
        name = _pick(chance, fields)
        metadata[name] = change(str(metadata[name]), chance)

    return corrupt


def _missing(required: Sequence[str]) -> Corruption:
    """Return a corruption that removes one of these fields."""

    def corrupt(metadata: Metadata, chance: random.Random) -> None:
        del metadata[_pick(chance, required)]

    return corrupt


def _null(text: str, chance: random.Random) -> None:
    """Put null in the place of a value."""


def _misspelt_name(metadata: Metadata, chance: random.Random) -> None:
    name = _pick(chance, REQUIRED)
    place = 1 + int(chance.random() * (len(name) - 2))
    metadata[name[:place] + name[place + 1 :]] = metadata.pop(name)


def _swapped(metadata: Metadata, chance: random.Random) -> None:
    first, other = _pick(chance, ("customer_id", "product_id")), "organization_id"
    metadata[first], metadata[other] = metadata[other], metadata[first]


def _somebody_elses(metadata: Metadata, chance: random.Random) -> None:
    number = (int(metadata["customer_id"][5:]) + int(chance.random() * 48) + 1) % 5000
    metadata["customer_id"] = f"cust_{number:04d}"


def _typo(text: str, chance: random.Random) -> str:
    place = int(chance.random() * (len(text) - 1))
    return text[:place] + text[place + 1 :]


def _letter_for_digit(text: str, chance: random.Random) -> str:
    return text[:-1] + _pick(chance, "OlIS")


Corruption = Callable[[Metadata, random.Random], None]


def _one_of(*values: str) -> Callable[[str, random.Random], str]:
    """Return a change that puts one of these values in the place of the right one."""
    return lambda text, chance: _pick(chance, values)


KINDS: Tuple[Tuple[str, Corruption], ...] = (
    ("misspelt field name", _misspelt_name),
    ("ids in each other's field", _swapped),
    ("empty", _on(REQUIRED, lambda text, chance: "")),
    ("blank", _on(REQUIRED, lambda text, chance: "   ")),
    ("padded", _on(REQUIRED, lambda text, chance: f" {text}")),
    ("trailing newline", _on(REQUIRED, lambda text, chance: text + "\n")),
    ("control character", _on(REQUIRED, lambda text, chance: text[:2] + "\x00" + text[2:])),
    ("upper case", _on(REQUIRED, lambda text, chance: text.upper())),
    ("number instead of text", _on(REQUIRED, lambda text, chance: chance.getrandbits(16))),
    ("list instead of text", _on(REQUIRED, lambda text, chance: [text])),
    ("word for null", _on(IDS, _one_of("null", "None", "undefined", "N/A"))),
    ("template not filled in", _on(IDS, _one_of("{id}", "${ID}", "%s"))),
    ("prefix lost", _on(IDS[:3], lambda text, chance: text.split("_", 1)[1])),
    ("letter for digit", _on(IDS[:2], _letter_for_digit)),
    ("typo in a closed set", _on(CLOSED, _typo)),
    ("environment by nickname", _on(("environment",), _one_of("prod", "dev", "live"))),
    ("tier of another product", _on(("subscription_tier",), _one_of("free", "gold", "basic"))),
    ("look-alike letter", _on(IDS, lambda t, chance: "".join(CYRILLIC.get(c, c) for c in t))),
    ("e-mail address as id", _on(IDS[:1], lambda t, chance: f"{_hex(chance, 5)}@example.com")),
    ("markup or code", _on(IDS, _one_of("<b>x</b>", "'; drop table", "../../etc"))),
    ("far too long", _on(IDS, lambda text, chance: text + "9" * 300)),
    ("space inside", _on(IDS, lambda text, chance: text[:3] + " " + text[3:])),
    ("valid id of somebody else", _somebody_elses),
)
