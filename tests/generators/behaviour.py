"""Rows in which customers leave, grow, hop, hammer and go viral, and regions differ."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Dict, List

from finops import config
from tests.support.reference import call

START = datetime(2025, 1, 8)
DAYS = 47
EVALUATION = [
    {
        "kind": kind,
        "planted": 10 + number,
        "found": 9 + number,
        "missed": 1,
        "false_alarms": number,
        "precision": 0.9,
        "recall": 0.95,
        "f1": 0.92,
    }
    for number, kind in enumerate(("hour_burst", "viral_customer", "a kind unheard of"))
]


def rows_of_behaviour(customers: int = 24) -> List[Dict[str, str]]:
    """Return 47 days of calls of ordinary customers and of four that are not."""
    draw = random.Random(8)
    rows: List[Dict[str, str]] = []
    for number in range(customers):
        for day in range(2 * (number % 3), DAYS):
            rows += _day(draw, number, day)
    failed = {"status": "error", "error_type": "rate_limit", "cost_usd": "0"}
    rows += [row for i in range(40) for row in _at(10, 14, i, 100, **failed)]
    rows += [row for i in range(9) for row in _at(20, 9, 2 * i, 200, region="us-east")]
    rows += [row for i in range(9) for row in _at(20, 9, 2 * i + 1, 200, region="eu-west")]
    rows += [row for _ in range(400) for row in _day(draw, 5, 30, 1, cost_usd="0.5")]
    return rows


def _day(
    draw: random.Random, number: int, day: int, n: int = 3, **changes: Any
) -> List[Dict[str, str]]:
    if number == 2 and day > 12:  # left
        return []
    if number == 4 and day > 33:  # leaving
        n = 1
    if number == 6 and day > 33:  # growing
        n = 9
    return [row for _ in range(n) for row in _call(draw, number, day, **changes)]


def _call(draw: random.Random, number: int, day: int, **changes: Any) -> List[Dict[str, str]]:
    region = list(config.REGIONS)[number % 4]
    provider = draw.choice(("openai", "google", "cohere"))
    tokens = draw.choice((100, 600, 1400))
    slow = 3 if provider == "cohere" else 1
    latency = round((tokens / 10 + 100) * config.REGIONS[region] * slow * draw.uniform(0.9, 1.1))
    tier = ("starter", "pro", "enterprise")[number % 3]
    values = {
        "region": region,
        "provider": provider,
        "input_tokens": tokens,
        "latency_ms": 2500 if draw.random() < 0.02 else latency,
        "subscription_tier": tier,
        "tier_price_usd": config.SUBSCRIPTION_TIERS[tier],
    }
    hour, minute = draw.randrange(24), draw.randrange(60)
    return _at(day, hour if day < 46 else 9, minute, number, **{**values, **changes})


def _at(day: int, hour: int, minute: int, number: int, **changes: Any) -> List[Dict[str, str]]:
    moment = START + timedelta(days=day, hours=hour, minutes=minute)
    stamp = moment.isoformat(timespec="microseconds")
    return [call(timestamp=stamp, customer_id=f"cust_{number:04d}", **changes)]
