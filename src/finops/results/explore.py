"""What the Explore page filters: sums of all calls by everything that they can be filtered by."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

# Sums of a cell in their order.  `unknown_status` counts calls that may have failed or
# not, `uncounted` rows that do not say for how many calls they stand.  Those beginning with
# `free` are tokens of calls that failed and cost nothing, which are part of the sums without it.
CELL_MEASURES: Tuple[str, ...] = (
    "cost",
    "calls",
    "errors",
    "unpriced",
    "unknown_status",
    "uncounted",
    "input",
    "output",
    "read",
    "write",
    "write_1h",
    "reasoning",
    "free_input",
    "free_output",
    "free_read",
    "free_write",
    "free_write_1h",
    "free_reasoning",
)
FIRST_TOKENS = CELL_MEASURES.index("input")
FIRST_FREE = CELL_MEASURES.index("free_input")


class Bucket(NamedTuple):
    """Days that share their cells: the first one, and how many they are."""

    first: str
    days: int


class Account(NamedTuple):
    """Whom calls are for; a name is None where it stands for all that were grouped, here and in
    the other lists of a cube.
    """

    customer: Optional[str]
    organization: Optional[str]
    product: Optional[str]


class Model(NamedTuple):
    """A model with its list prices in USD per token.

    `rates` are in the order of `business.usage.TokenClasses`, None where a price is not known;
    the whole is None where the model has no price for certain.
    """

    provider: Optional[str]
    name: Optional[str]
    rates: Optional[Sequence[Optional[float]]]


class Work(NamedTuple):
    """What calls are made for."""

    feature: Optional[str]
    task: Optional[str]


class ExploreCube(NamedTuple):
    """All calls, in cells: `keys` ascending, and as many `sums` for each of `CELL_MEASURES`.

    A key is the places of a cell in the lists as one number, digit by digit: account, work,
    environment, model, bucket; each digit counts from 0 below the length of its list.  Costs are
    whole numbers of 10**-`decimals` USD, `rounded` where that is not exact.  `whole_days` is the
    first and the last day that the data covers from midnight to midnight, both "" where there is
    none.  `cache_is_known` says that all sources report what was read from a cache.  `customers`
    and `organizations` are how many there are in the data; `grouped` are sentences on what was
    grouped.
    """

    buckets: Sequence[Bucket]
    accounts: Sequence[Account]
    work: Sequence[Work]
    environments: Sequence[Optional[str]]
    models: Sequence[Model]
    keys: Sequence[int]
    sums: Sequence[Sequence[int]]
    decimals: int
    rounded: bool
    whole_days: Tuple[str, str]
    cache_is_known: bool
    customers: int
    organizations: int
    grouped: Sequence[str]
