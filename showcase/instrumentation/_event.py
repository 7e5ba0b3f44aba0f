"""The event that every tracker sends: one AI call, in the call record's own names.

Numbers are checked where the event is made, so that one bad value cannot spoil a whole batch
later: JSON has no NaN, and an endpoint refuses negative tokens.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import isfinite
from typing import Any, Dict, Mapping, Optional


def new_call_id() -> str:
    """Return a fresh id.  The endpoint stores an id once, which makes retries safe."""
    return "call_" + uuid.uuid4().hex


def utc_now() -> str:
    """Return the time as `2025-01-01T09:30:00.417000`, in UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class AICallEvent:
    """One AI call: tokens as counts, `cost_usd` in USD, `latency_ms` in milliseconds.

    `metadata` holds the business fields (customer_id, organization_id, …); it is flattened
    into the record when the event is sent.
    """

    call_id: str
    timestamp: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost_usd: float,
        latency_ms: float,
        metadata: Optional[Mapping[str, Any]] = None,
        call_id: Optional[str] = None,
    ) -> AICallEvent:
        """Return a checked event with an id and the current time.

        Raises ValueError for empty names and for negative or non-finite numbers.
        """
        if not provider or not model:
            raise ValueError("provider and model must not be empty")
        for name, value in (
            ("input_tokens", input_tokens),
            ("output_tokens", output_tokens),
            ("cost_usd", cost_usd),
            ("latency_ms", latency_ms),
        ):
            if not _is_amount(value):
                raise ValueError(f"{name} must be a number of at least 0, not {value!r}")
        return cls(
            call_id=call_id or new_call_id(),
            timestamp=utc_now(),
            provider=provider,
            model=model,
            input_tokens=int(input_tokens),
            output_tokens=int(output_tokens),
            cost_usd=float(cost_usd),
            latency_ms=round(latency_ms),
            metadata=_plain(metadata or {}),
        )

    def to_record(self) -> Dict[str, Any]:
        """Return the flat record that goes on the wire.  Metadata never hides a measured field."""
        record: Dict[str, Any] = dict(self.metadata)
        record.update(
            call_id=self.call_id,
            timestamp=self.timestamp,
            provider=self.provider,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
            latency_ms=self.latency_ms,
        )
        return record


def _is_amount(value: Any) -> bool:
    """Whether a value is a finite number of at least 0."""
    try:
        return value >= 0 and isfinite(value)
    except (TypeError, OverflowError):
        return False


def _plain(metadata: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a copy that JSON can hold; later changes by the caller do not reach it."""
    return {
        str(name): value if isinstance(value, (str, int)) or _is_amount(value) else str(value)
        for name, value in metadata.items()
        if value is not None
    }
