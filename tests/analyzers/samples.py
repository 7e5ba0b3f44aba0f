"""Rows that the tests of the FinOps analyses share, and how to run an analysis on rows."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Dict, List

from finops.business.catalog import CATALOG, DEFAULT_PRICES
from finops.registry import ANALYZER_REGISTRY
from tests.support.reference import ReferenceDataset, call

Rows = List[Dict[str, str]]


def run(analyzer: Any, rows: Rows, prices: Any = DEFAULT_PRICES) -> Dict[str, Any]:
    """Run an analyzer class on rows by way of the slow, plain dataset."""
    data = ReferenceDataset(rows, prices).rollups(analyzer.TABLES)
    result: Dict[str, Any] = analyzer(None).compute(data)
    return result


def run_all(rows: Rows) -> Dict[str, Any]:
    """Run every analyzer on rows, which are read once; return the results by id."""
    data = ReferenceDataset(rows)
    return {
        name: each.analyzer("").compute(data.rollups(each.analyzer.TABLES))
        for name, each in ANALYZER_REGISTRY.items()
    }


def at(day: int, hour: int = 9, minute: int = 0) -> str:
    """Return a timestamp so many days after 2025-01-01 (a Wednesday)."""
    moment = datetime(2025, 1, 1, hour, minute) + timedelta(days=day)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000")


def many(count: int = 600, seed: int = 5, days: int = 21) -> Rows:
    """Return random calls of few customers and all models, with errors and gaps in time."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        model = draw.choice(CATALOG)
        status, error = draw.choice([("success", "")] * 8 + [("error", "timeout")])
        if draw.random() < 0.04:
            status, error = "error", "rate_limit"
        inputs, outputs = draw.randrange(50, 2000), draw.randrange(50, 1000)
        free = error == "rate_limit"
        cost = 0.0 if free else model.cost(inputs, outputs)
        customer = draw.randrange(12)
        rows.append(
            call(
                timestamp=at(draw.randrange(days), draw.randrange(24), draw.randrange(60)),
                call_id=f"call_{number:08d}",
                provider=model.provider,
                model=model.name,
                input_tokens=inputs,
                output_tokens=0 if free else outputs,
                cost_usd=f"{cost:.6f}",
                latency_ms=draw.randrange(50, 3000),
                customer_id=f"cust_{customer:04d}",
                organization_id=f"org_{customer % 5:03d}",
                product_id=f"product_{'abc'[customer % 3]}",
                feature_id=draw.choice(["chat", "summarization", "analysis"]),
                task_type=draw.choice(["chat", "reasoning", "extraction"]),
                environment=draw.choice(["production"] * 4 + ["staging"]),
                status=status,
                error_type=error,
                subscription_tier=("starter", "pro")[customer % 2],
                tier_price_usd=("49.0", "199.0")[customer % 2],
            )
        )
    return rows


def edges() -> Dict[str, Rows]:
    """Return datasets at the edges of what an analysis may meet."""
    failed = {"status": "error", "error_type": "server_error"}
    unknown = {"provider": "acme", "model": "mystery-1", "cost_usd": ""}
    nobody = {"organization_id": "", "product_id": ""}
    return {
        "no calls": [],
        "one call": [call()],
        "one hour": [call(timestamp=at(0, 9, minute)) for minute in range(5)],
        "all errors": [call(timestamp=at(day), **failed) for day in range(3)],
        "free failures only": [
            call(timestamp=at(day), cost_usd="0.000000", output_tokens=0, **failed)
            for day in range(3)
        ],
        "all costs zero": [call(timestamp=at(day), cost_usd="0.000000") for day in range(3)],
        "no tokens": [call(timestamp=at(d), input_tokens=0, output_tokens=0) for d in range(3)],
        "no latency": [call(timestamp=at(day), latency_ms=0) for day in range(3)],
        "unpriced": [call(timestamp=at(day), **unknown) for day in range(3)],
        "no owner": [call(timestamp=at(day), **nobody) for day in range(3)],
        "no price": [call(subscription_tier="", tier_price_usd="")],
        "free tier": [call(subscription_tier="free", tier_price_usd="0.0")],
        "mixed": many(),
    }
