"""A small deterministic dataset, for when no other is at hand.

It covers ten weeks and has one of everything that the queries can detect: weekdays and weekends,
a slow rise, one burst of an hour, one customer that runs wild for a day, one that leaves, one that
switches its model, and one call that costs far more than it should.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

DAYS = 70
START = datetime(2025, 1, 1)
OVERPRICED_CALL, OVERPRICED = 4000, 25
COLUMNS = (
    "timestamp,call_id,provider,model,input_tokens,output_tokens,cost_usd,latency_ms,"
    "customer_id,subscription_tier,organization_id,product_id,feature_id,task_type,environment,"
    "request_id,trace_id,user_agent,session_id,total_tokens,region,status,error_type,"
    "customer_archetype,tier_price_usd"
)
# Provider, model, USD per 1,000 tokens in and out.
MODELS: Tuple[Tuple[str, str, float, float], ...] = (
    ("openai", "gpt-4o", 0.0025, 0.01),
    ("openai", "gpt-4", 0.03, 0.06),
    ("anthropic", "claude-sonnet-4-6", 0.003, 0.015),
    ("google", "gemini-2.5-flash", 0.0003, 0.0025),
    ("mistral", "ministral-8b", 0.0001, 0.0001),
)
FEATURES = ("chat", "summarization", "translation", "code-generation", "analysis")
TASKS: Dict[str, str] = {"code-generation": "code_generation", "analysis": "reasoning"}
TIERS: Tuple[Tuple[str, float], ...] = (("starter", 49.0), ("pro", 199.0), ("enterprise", 999.0))
REGIONS = ("us-east", "us-west", "eu-west", "ap-southeast")


class Moment(NamedTuple):
    """When and by whom a call is made."""

    when: datetime
    customer: int


def write_sample(path: Path, seed: int = 7, customers: int = 40) -> int:
    """Write the dataset and return its number of calls; the same seed gives the same bytes."""
    chance = random.Random(seed)
    moments = sorted(_moments(chance, customers))
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(COLUMNS + "\n")
        for number, moment in enumerate(moments, 1):
            file.write(_row(number, moment, chance))
    return len(moments)


def _moments(chance: random.Random, customers: int) -> List[Moment]:
    """Draw the moments of all calls."""
    drawn: List[Moment] = []
    for day in range(DAYS):
        weekend = (START + timedelta(days=day)).weekday() >= 5
        calls = int((40 if weekend else 110) * (1 + day / DAYS / 2) * (0.9 + chance.random() / 5))
        for _ in range(calls):
            customer = int(chance.random() ** 1.6 * customers)
            if customer == 1 and day > DAYS - 20:
                continue  # This customer has left.
            drawn.append(_at(day, int(chance.random() * 24), customer, chance))
    drawn += [_at(45, 14, int(chance.random() * customers), chance) for _ in range(300)]
    drawn += [_at(52, int(chance.random() * 24), 3, chance) for _ in range(250)]
    return drawn


def _at(day: int, hour: int, customer: int, chance: random.Random) -> Moment:
    milliseconds = int(chance.random() * 3_600_000)
    return Moment(START + timedelta(days=day, hours=hour, milliseconds=milliseconds), customer)


def _row(number: int, moment: Moment, chance: random.Random) -> str:
    """Return one line of the file."""
    customer, when = moment.customer, moment.when
    switched = customer == 5 and when > START + timedelta(days=DAYS - 14)
    provider, model, price_in, price_out = MODELS[1 if switched else int(chance.random() * 5)]
    tokens_in, tokens_out = 50 + int(chance.random() * 1500), 50 + int(chance.random() * 600)
    failed = chance.random() < 0.05
    factor = OVERPRICED if number == OVERPRICED_CALL else 1
    feature = FEATURES[(customer + number) % len(FEATURES)]
    tier, price = TIERS[customer % 3]
    cells = (
        when.isoformat(timespec="microseconds"),
        f"call_{number:08d}",
        provider,
        model,
        tokens_in,
        tokens_out,
        f"{factor * (tokens_in * price_in + tokens_out * price_out) / 1000:.6f}",
        100 + (tokens_in + tokens_out) // 8 + int(chance.random() * 300),
        f"cust_{customer + 1:04d}",
        tier,
        f"org_{customer % 12 + 1:03d}",
        f"product_{'abc'[customer % 3]}",
        feature,
        TASKS.get(feature, feature),
        ("production", "staging", "development")[0 if chance.random() < 0.9 else number % 2 + 1],
        f"req_{number:08d}",
        f"trace_{number // 3:08d}",
        "web_app_v1.2",
        f"sess_{customer:04d}_{number // 40:05d}",
        tokens_in + tokens_out,
        REGIONS[customer % 4],
        "error" if failed else "success",
        "timeout" if failed else "",
        ("light", "power", "heavy")[customer % 3],
        price,
    )
    return ",".join(map(str, cells)) + "\n"
