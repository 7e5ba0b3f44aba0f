"""The call record: the columns of the CSV, their kinds, what is required, what is assumed.

A row is one AI API call, or an aggregate of several.  `COLUMNS` is what readers understand, by
name and in any order; `WRITTEN_NAMES` is what writers put into a file, in this order.  A column
that is read need not be written: files of others may say more than ours.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from finops import config

# Money is summed as whole pico-dollars: exact for 12 decimals, so that sums do not depend on
# the order of rows or on how a file was cut into parts.
PICO_PER_USD = 10**12
MAX_COST_PICO = int(config.MAX_COST_USD) * PICO_PER_USD


class Column(NamedTuple):
    """One column.  `kind`: time, id, text, int or money.  `required`: no value, no row.

    Whole numbers from 0 to a `limit`, of money pico-dollars, can be added up; `default` is what
    an empty value and a missing column then stand for, None being "not known".
    """

    name: str
    kind: str
    required: bool = False
    limit: int = 0
    default: Optional[int] = None


COLUMNS: Tuple[Column, ...] = (
    Column("timestamp", "time", True),
    Column("call_id", "id"),
    Column("provider", "text"),
    Column("model", "text", True),
    Column("input_tokens", "int", True, config.MAX_TOKENS),
    Column("output_tokens", "int", True, config.MAX_TOKENS),
    Column("cost_usd", "money"),
    Column("latency_ms", "int", limit=config.MAX_LATENCY_MS),
    Column("customer_id", "id"),
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
    Column("calls", "int", limit=config.MAX_CALLS, default=1),  # 0: how many is not known
    Column("bucket_s", "int", limit=config.MAX_BUCKET_S),  # of an aggregate: what time it covers
    Column("cached_input_tokens", "int", limit=config.MAX_TOKENS, default=0),  # of input_tokens
    Column("cache_write_tokens", "int", limit=config.MAX_TOKENS, default=0),  # of input_tokens
    Column("cache_write_1h_tokens", "int", limit=config.MAX_TOKENS, default=0),  # of the former
    Column("reasoning_tokens", "int", limit=config.MAX_TOKENS, default=0),  # of output_tokens
    Column("service_tier", "text"),
    Column("cost_source", "text"),
    Column("list_cost_usd", "money", limit=MAX_COST_PICO),
    Column("source", "text"),
)
COLUMN_NAMES: Tuple[str, ...] = tuple(column.name for column in COLUMNS)
# Not part of a call record: what the amounts of a row are in, where a file has such a column.
CURRENCY = "currency"
READ_NAMES: Tuple[str, ...] = (*COLUMN_NAMES, CURRENCY)
REQUIRED_COLUMNS: Tuple[str, ...] = tuple(c.name for c in COLUMNS if c.required)
# The columns that the scan adds up.
NUMBERS: Tuple[Column, ...] = tuple(column for column in COLUMNS if column.limit)

# A file with these is complete; further columns that are read have defaults that say nothing.
WRITTEN_NAMES: Tuple[str, ...] = (
    "timestamp",
    "call_id",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "customer_id",
    "subscription_tier",
    "organization_id",
    "product_id",
    "feature_id",
    "task_type",
    "environment",
    "request_id",
    "trace_id",
    "user_agent",
    "session_id",
    "total_tokens",
    "region",
    "status",
    "error_type",
    "customer_archetype",
    "tier_price_usd",
)
HEADER_LINE = ",".join(WRITTEN_NAMES) + "\n"
# Writers that know more of a call write these behind them.
FURTHER_NAMES: Tuple[str, ...] = (
    "calls",
    "bucket_s",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "service_tier",
    "cost_source",
    "list_cost_usd",
    "source",
)
# The simulator has something to say in one of them.
SIMULATED_HEADER_LINE = ",".join((*WRITTEN_NAMES, "cached_input_tokens")) + "\n"
FULL_NAMES: Tuple[str, ...] = WRITTEN_NAMES + FURTHER_NAMES
FULL_HEADER_LINE = ",".join(FULL_NAMES) + "\n"


STATUS_SUCCESS = "success"
STATUS_ERROR = "error"
RATE_LIMIT = "rate_limit"
