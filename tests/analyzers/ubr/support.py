"""Rows for the revenue analyses: exactly 30 covered days, so that monthly is as summed."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Dict, Iterable, List

from hypothesis import strategies as st

from tests.support.reference import ReferenceDataset, call

START = "2025-01-01T00:00:00.000000"
END = "2025-01-30T23:00:00.000000"


def month(*rows: Dict[str, str]) -> List[Dict[str, str]]:
    """Return the rows, the first moved to the start and the last to the last hour of 30 days."""
    if len(rows) > 1:
        rows[0]["timestamp"], rows[-1]["timestamp"] = START, END
    return list(rows)


def run(analyzer: Any, rows: Iterable[Dict[str, str]], **options: Any) -> Dict[str, Any]:
    """Return an analyzer's result for rows, having made sure that it is strict JSON."""
    data = ReferenceDataset(list(rows), **options).rollups(analyzer.TABLES)
    result: Dict[str, Any] = analyzer("").compute(data)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def price_of(row: Any) -> Any:
    known = {"starter": "49", "pro": "199", "enterprise": "999"}
    return row["tier_price_usd"] or known.get(row["subscription_tier"])


def order_of_calls(row: Any) -> Any:
    """By time; at one instant by what the row says of its customer."""
    price = price_of(row)
    columns = ("subscription_tier", "organization_id", "product_id", "customer_archetype")
    return (
        datetime.fromisoformat(row["timestamp"]),
        [row[name] or "unknown" for name in columns],
        (price is not None, Decimal(price or 0)),
    )


def some_call(draw: Any) -> Dict[str, str]:
    return call(
        timestamp=f"2025-{draw(st.integers(1, 3)):02d}-{draw(st.integers(1, 28)):02d}T"
        f"{draw(st.integers(0, 23)):02d}:00:00",
        customer_id=f"cust_{draw(st.integers(1, 6))}",
        subscription_tier=draw(st.sampled_from(["starter", "pro", "gold"])),
        tier_price_usd=draw(st.sampled_from(["", "0", "0.01", "49", "999.0"])),
        customer_archetype=draw(st.sampled_from(["light", "heavy"])),
        feature_id=draw(st.sampled_from(["chat", "analysis", "x"])),
        provider=draw(st.sampled_from(["openai", "nobody"])),
        model=draw(st.sampled_from(["gpt-4", "gpt-4o", "claude-instant", "mystery"])),
        cost_usd=draw(st.sampled_from(["", "0", "0.000001", "0.5", "1000"])),
        status=draw(st.sampled_from(["success", "error"])),
        task_type=draw(st.sampled_from(["chat", "reasoning"])),
        input_tokens=draw(st.sampled_from([0, 1, 150, 1001, 5000])),
        output_tokens=draw(st.sampled_from([0, 1, 40, 99, 3000])),
    )


calls = st.composite(some_call)
EDGES: Dict[str, List[Dict[str, str]]] = {
    "no call": [],
    "one call": [call()],
    "one hour": [call(timestamp=f"2025-01-01T09:{m:02d}:00") for m in range(0, 60, 10)],
    "all errors": [
        call(status="error", error_type="timeout", customer_id=f"c{n}") for n in range(3)
    ],
    "all free": month(*(call(cost_usd="0", customer_id=f"c{n}") for n in range(3))),
    "unpriced": month(call(model="mystery", cost_usd=""), call(model="mystery", cost_usd="")),
    "no price": month(
        *(call(subscription_tier="gold", tier_price_usd="", customer_id=f"c{n}") for n in range(3))
    ),
    "price 0": month(
        *(call(subscription_tier="free", tier_price_usd="0", customer_id=f"c{n}") for n in range(3))
    ),
}
