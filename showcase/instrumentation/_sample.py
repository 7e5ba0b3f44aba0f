"""Deterministic sample traffic for the examples: business metadata, models with prices, calls."""

from __future__ import annotations

import math
import random
from typing import Any, Dict, Iterator, NamedTuple, Sequence

from _prices import PRICES, cost

MODELS = tuple(PRICES)
FEATURES = ("chat", "summarization", "translation", "code-generation", "analysis")
TIERS = ("starter", "pro", "enterprise")


class SampleCall(NamedTuple):
    """What an application knows after one AI call; the names are a tracker's parameters."""

    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: int
    metadata: Dict[str, Any]


def sample_calls(count: int, seed: int = 1) -> Iterator[SampleCall]:
    """Yield calls of 200 customers; the same seed gives the same calls on every Python."""
    chance = random.Random(seed)
    for number in range(count):
        provider, model = MODELS[int(chance.random() * len(MODELS))]
        tokens_in = 50 + int(chance.random() * 1950)
        tokens_out = 50 + int(chance.random() * 950)
        yield SampleCall(
            provider,
            model,
            tokens_in,
            tokens_out,
            cost(provider, model, tokens_in, tokens_out),
            150 + (tokens_in + tokens_out) // 10,
            sample_metadata(int(chance.random() * 200), number),
        )


def sample_metadata(customer: int, request: int) -> Dict[str, Any]:
    """Return complete business metadata for a customer number and a request number."""
    feature = FEATURES[request % len(FEATURES)]
    return {
        "customer_id": f"cust_{customer + 1:04d}",
        "organization_id": f"org_{customer % 50 + 1:03d}",
        "product_id": f"product_{'abc'[customer % 3]}",
        "feature_id": feature,
        "subscription_tier": TIERS[customer % 3],
        "environment": "production",
        "task_type": {"code-generation": "code_generation", "analysis": "reasoning"}.get(
            feature, feature
        ),
        "request_id": f"req_{request:08d}",
        "trace_id": f"trace_{request // 3:08d}",
        "session_id": f"sess_{customer:04d}_{request // 500:03d}",
        "user_agent": "web_app_v1.2",
        "region": "us-east",
    }


def nearest_rank(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of at least one value, `share` from 0 to 1."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]
