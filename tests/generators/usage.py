"""What the tests of the five pages on usage, speed, hours, rates and organizations share."""

from __future__ import annotations

import math
import random
from typing import Any, Dict, List

from finops import config
from finops.business.catalog import CATALOG
from tests.support.reference import call

PROVIDERS = len(config.PROVIDER_WEIGHTS)


def rows_of_a_season(calls: int = 1500, days: int = 45) -> List[Dict[str, str]]:
    """Return calls with a weekly rhythm, a dear hour, a slow hour, failures and a hot customer."""
    draw = random.Random(11)
    rows = [_call(draw, draw.randrange(days), draw.randrange(24)) for _ in range(calls)]
    rows += [_call(draw, 20, 9, cost_usd="80", customer_id="cust_07") for _ in range(4)]
    for hour in range(24):
        late = 4900 if hour == 6 else 300
        rows += [
            _call(draw, 30, hour, provider="openai", model="gpt-4o", latency_ms=late + i)
            for i in range(12)
        ]
    return rows


def _call(draw: random.Random, day: int, hour: int, **changes: Any) -> Dict[str, str]:
    model = draw.choice(CATALOG)
    tokens = (draw.randrange(50, 2000), draw.randrange(50, 1000))
    customer = draw.randrange(30)
    failed = draw.random() < 0.06
    fields: Dict[str, Any] = {
        "timestamp": f"2025-{1 + day // 28:02d}-{1 + day % 28:02d}T{hour:02d}:10:00",
        "provider": model.provider,
        "model": model.name,
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "cost_usd": f"{(1 + math.sin(day)) * model.cost(*tokens):.6f}",
        "latency_ms": 200 + sum(tokens) // 10,
        "customer_id": f"cust_{customer:02d}",
        "organization_id": f"org_{customer % 9:02d}" if customer else "",
        "product_id": f"product_{'abc'[customer % 3]}",
        "feature_id": draw.choice(["chat", "summarization", "analysis"]),
        "task_type": draw.choice(["chat", "reasoning", "extraction"]),
        "environment": draw.choice(["production", "production", "staging"]),
        "status": "error" if failed else "success",
        "error_type": "timeout" if failed else "",
    }
    return call(**{**fields, **changes})
