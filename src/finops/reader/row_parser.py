"""Why a record is no call, the texts that describe a call, and how its cost came about."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

TOO_LONG = "line too long"
WRONG_WIDTH = "wrong number of fields"


class CostKind(NamedTuple):
    """Whether the cost of a call is a sum, zero or unknown, and where that is from."""

    cost: str
    source: str


# How a call's cost came about: the row names it, or the price table gives it.
PAID, FREE, LISTED, LISTED_FREE, UNPRICED = b"paid", b"free", b"listed", b"listed free", b"unpriced"
COST_KINDS: Dict[bytes, CostKind] = {
    PAID: CostKind("paid", "source"),
    FREE: CostKind("free", "source"),
    LISTED: CostKind("paid", "list"),
    LISTED_FREE: CostKind("free", "list"),
    UNPRICED: CostKind("unpriced", "none"),
}

CALL_TEXTS: Tuple[str, ...] = (
    "provider",
    "model",
    "feature_id",
    "task_type",
    "environment",
    "region",
    "status",
    "error_type",
)
# Those that only some files have: where one has none of them the key of a call is shorter.
FURTHER_TEXTS: Tuple[str, ...] = ("service_tier", "cost_source", "source")
CUSTOMER_TEXTS: Tuple[str, ...] = (
    "customer_id",
    "subscription_tier",
    "organization_id",
    "product_id",
    "customer_archetype",
    "tier_price_usd",
)
