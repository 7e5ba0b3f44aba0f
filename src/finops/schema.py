"""The call record: the columns of the CSV, their kinds, what is required, what is assumed.

A call is one AI API call and one row.  Readers go by column name; writers keep this order.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Column(NamedTuple):
    """One column.  `kind`: time, id, text, int or money.  `required`: no value, no row."""

    name: str
    kind: str
    required: bool = False


COLUMNS: Tuple[Column, ...] = (
    Column("timestamp", "time", True),
    Column("call_id", "id"),
    Column("provider", "text", True),
    Column("model", "text", True),
    Column("input_tokens", "int", True),
    Column("output_tokens", "int", True),
    Column("cost_usd", "money"),
    Column("latency_ms", "int"),
    Column("customer_id", "id", True),
    Column("subscription_tier", "text"),
    Column("organization_id", "id"),
    Column("product_id", "id"),
    Column("feature_id", "text"),
    Column("task_type", "text"),
    Column("environment", "text"),
    Column("request_id", "id"),
    Column("trace_id", "id"),
    Column("user_agent", "text"),
    Column("session_id", "id"),
    Column("total_tokens", "int"),
    Column("region", "text"),
    Column("status", "text"),
    Column("error_type", "text"),
    Column("customer_archetype", "text"),
    Column("tier_price_usd", "money"),
)
COLUMN_NAMES: Tuple[str, ...] = tuple(column.name for column in COLUMNS)
REQUIRED_COLUMNS: Tuple[str, ...] = tuple(c.name for c in COLUMNS if c.required)
HEADER_LINE = ",".join(COLUMN_NAMES) + "\n"

STATUS_SUCCESS = "success"
STATUS_ERROR = "error"
RATE_LIMIT = "rate_limit"
