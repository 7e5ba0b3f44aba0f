"""A call as a format reads it, and the record that becomes a row of the CSV.

A `Call` has what logs say in common units: microseconds, tokens of each class, dollars.  A
`Record` is that, priced, as the 35 texts of a row.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import List, NamedTuple, Optional, Tuple

from finops import config, schema, timestamps

BATCH, FLEX, PRIORITY, FAST, FREE = "batch", "flex", "priority", "fast", "free"
STANDARD = "standard"
RESPONSE_CACHE = "response-cache"

FROM_SOURCE, FROM_LIST, FROM_BILL, NO_COST = "source", "list", "bill", "none"
UNKNOWN_MODEL = config.UNKNOWN


class Tokens(NamedTuple):
    """Tokens by class.  `cached`, `written` and `input_audio` are parts of `input`, `written_1h`
    is a part of `written`; `reasoning` and `output_audio` are parts of `output`.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    written_1h: int = 0
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0

    def consistent(self) -> Tokens:
        """Return the tokens with no part larger than its whole."""
        if (
            self.cached + self.written <= self.input
            and self.written_1h <= self.written
            and self.reasoning <= self.output
        ):
            return self
        cached = min(self.cached, self.input)
        written = min(self.written, self.input - cached)
        return self._replace(
            cached=cached,
            written=written,
            written_1h=min(self.written_1h, written),
            reasoning=min(self.reasoning, self.output),
        )

    def plus(self, other: Tokens) -> Tokens:
        """Return the sums by class."""
        return Tokens(*(a + b for a, b in zip(self, other)))


class Call(NamedTuple):
    """One call, or an aggregate of calls, as its source has it; "" and None are not known.

    `id` is the source's and unique within a format.  `time` is in microseconds since 1970 UTC.
    `cost` is what the source says, in `currency`; `latency` is in ms.  `error` is the kind of
    error of a call that failed, None for one that did not.  `calls` is how many calls the row
    stands for, 0 where it is not known; `bucket_s` the seconds that an aggregate covers.
    `bill`: the cost is what a vendor billed.  `geo`, `speed`, `web_searches`, `context_tokens`
    and `samplings` (the tokens of each of several model runs in one call) decide about list
    prices.  `node` names the span that the call is, for formats whose spans may contain others.
    """

    id: str
    time: int
    provider: str
    model: str
    tokens: Tokens
    cost: Optional[Decimal] = None
    latency: Optional[int] = None
    error: Optional[str] = None
    customer: str = ""
    organization: str = ""
    product: str = ""
    feature: str = ""
    environment: str = ""
    session: str = ""
    trace: str = ""
    request: str = ""
    region: str = ""
    user_agent: str = ""
    service_tier: str = STANDARD
    calls: int = 1
    bucket_s: Optional[int] = None
    currency: str = "USD"
    bill: bool = False
    geo: str = ""
    speed: str = ""
    web_searches: int = 0
    context_tokens: Optional[int] = None
    samplings: Tuple[Tokens, ...] = ()
    node: str = ""
    extra: Tuple[Tuple[str, str], ...] = ()


class Record(NamedTuple):
    """A row of the CSV of calls: all columns, as text."""

    timestamp: str
    call_id: str
    provider: str
    model: str
    input_tokens: str
    output_tokens: str
    cost_usd: str
    latency_ms: str
    customer_id: str
    subscription_tier: str
    organization_id: str
    product_id: str
    feature_id: str
    task_type: str
    environment: str
    request_id: str
    trace_id: str
    user_agent: str
    session_id: str
    total_tokens: str
    region: str
    status: str
    error_type: str
    customer_archetype: str
    tier_price_usd: str
    calls: str
    bucket_s: str
    cached_input_tokens: str
    cache_write_tokens: str
    cache_write_1h_tokens: str
    reasoning_tokens: str
    service_tier: str
    cost_source: str
    list_cost_usd: str
    source: str

    @property
    def is_aggregate(self) -> bool:
        """Whether the row stands for all calls of a span of time."""
        return bool(self.bucket_s)


COLUMNS: Tuple[str, ...] = Record._fields
# Columns of a call's surroundings that `--map` may fill from any place of a source's record.
DESCRIBING: Tuple[str, ...] = (
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
    "region",
    "customer_archetype",
)


class Cost(NamedTuple):
    """What a call costs in USD: `amount` and where it is from, `listed` by the price table."""

    amount: Optional[Decimal]
    source: str
    listed: Optional[Decimal]


def record_of(call: Call, cost: Cost, format_id: str) -> Record:
    """Return the row of a call."""
    tokens = call.tokens
    is_credit = cost.amount is not None and cost.amount < 0
    if is_credit:
        tokens = Tokens()
    # By place, in the order of the fields: naming them takes longer than all the rest.
    record = Record(
        time_text(call.time),
        f"{format_id}:{call.id}",
        call.provider or config.UNKNOWN,
        call.model or UNKNOWN_MODEL,
        str(tokens.input),
        str(tokens.output),
        money_text(cost.amount),
        "" if call.latency is None else str(call.latency),
        call.customer,
        config.UNKNOWN,  # the subscription tier
        call.organization or config.UNKNOWN,
        call.product or config.UNKNOWN,
        call.feature or config.UNKNOWN,
        config.UNKNOWN,  # the type of task
        call.environment or config.UNKNOWN,
        call.request,
        call.trace,
        call.user_agent,
        call.session,
        str(tokens.input + tokens.output),
        call.region or config.UNKNOWN,
        _status(call),
        call.error or "",
        config.UNKNOWN,  # the customer's archetype
        "",  # and the price of its tier
        "0" if is_credit else str(call.calls),
        "" if call.bucket_s is None else str(call.bucket_s),
        str(tokens.cached),
        str(tokens.written),
        str(tokens.written_1h),
        str(tokens.reasoning),
        call.service_tier,
        cost.source,
        money_text(cost.listed),
        format_id,
    )
    return record._replace(**dict(call.extra)) if call.extra else record


_SEPARATOR = "\x1f"
_SESSION = COLUMNS.index("session_id")


def text_of(record: Record) -> str:
    """Return a record as one text; texts sort as their times do, and as their ids in a moment."""
    return _SEPARATOR.join(record)


def record_of_text(text: str) -> Record:
    """Return the record of a text."""
    return Record(*text.split(_SEPARATOR))


def cells_of(text: str, most: int = -1) -> List[str]:
    """Return the cells of a record's text; with `most` the first ones, and the rest as one."""
    return text.split(_SEPARATOR, most)


def session_of(text: str) -> str:
    """Return the session of a record's text."""
    return text.split(_SEPARATOR, _SESSION + 1)[_SESSION]


def _status(call: Call) -> str:
    if call.error is not None:
        return schema.STATUS_ERROR
    return "" if call.bucket_s is not None else schema.STATUS_SUCCESS


def time_text(instant: int) -> str:
    """Return an instant as a timestamp.

    >>> time_text(1_500_000)
    '1970-01-01T00:00:01.500000'
    """
    seconds, microseconds = divmod(instant, 10**6)
    return f"{_second_text(seconds)}.{microseconds:06d}"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return (timestamps.EPOCH + timedelta(seconds=seconds)).isoformat()


_TWELVE_DECIMALS = Decimal("0.000000000001")
_LONGEST_FRACTION = 13  # with its point


def money_text(amount: Optional[Decimal]) -> str:
    """Return USD with up to twelve decimals and no exponent, "" for an unknown amount.

    >>> money_text(Decimal("3E-7")), money_text(Decimal("1.500")), money_text(None)
    ('0.0000003', '1.5', '')
    """
    if not amount:
        return "" if amount is None else "0"
    text = str(amount)
    point = text.find(".")
    if point < 0 or "E" in text or len(text) - point > _LONGEST_FRACTION:
        text = format(amount.quantize(_TWELVE_DECIMALS), "f")
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
