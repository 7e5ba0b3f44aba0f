"""Three businesses small enough to work out by hand: their calls, day after day alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Dict, List, Sequence

from tests.support.reference import call

Row = Dict[str, str]
_START = datetime(2025, 1, 1)


def at(day: int, hour: int) -> str:
    """Return a moment so many days after the first of January 2025."""
    return (_START + timedelta(days=day, hours=hour)).isoformat() + ".000000"


def _calls(day: int, hours: Sequence[int], number: int, each: float, **row: Any) -> List[Row]:
    """Return a row in each hour of a day for so many calls; tokens of `row` are those of one."""
    tokens = {name: value * number for name, value in row.items() if name.endswith("_tokens")}
    return [
        call(
            **{**row, **tokens},
            timestamp=at(day, hour),
            calls=number,
            cost_usd=f"{each * number:.9f}",
        )
        for hour in hours
    ]


NO_CUSTOMER = {
    **{"customer_id": "", "organization_id": "", "product_id": ""},
    **{"subscription_tier": "", "tier_price_usd": "", "customer_archetype": ""},
}


def small_company() -> List[Row]:
    """40,000 calls in 90 days on three models, in working hours, of no customers.

    A day has 80 answers of the support chat on gpt-4 (1,000 tokens in, 200 out: 0.042 USD each),
    120 analyses on gpt-4o (2,000 and 500: 0.01) and 244 labels on gpt-4o-mini (400 and 20:
    0.000072); the first day has 40 labels more.
    """
    hours = (9, 12, 15, 18)
    label: Dict[str, Any] = {
        **{"model": "gpt-4o-mini", "input_tokens": 400, "output_tokens": 20},
        **{"feature_id": "labels", "task_type": "classification", **NO_CUSTOMER},
    }
    chat: Dict[str, Any] = {
        **{"model": "gpt-4", "input_tokens": 1000, "output_tokens": 200},
        **{"feature_id": "support", "task_type": "chat", **NO_CUSTOMER},
    }
    analysis: Dict[str, Any] = {
        **{"model": "gpt-4o", "input_tokens": 2000, "output_tokens": 500},
        **{"feature_id": "analysis", "task_type": "reasoning", **NO_CUSTOMER},
    }
    rows = _calls(0, (9,), 40, 0.000072, **label)
    for day in range(90):
        rows += _calls(day, hours, 20, 0.042, **chat)
        rows += _calls(day, hours, 30, 0.01, **analysis)
        rows += _calls(day, hours, 61, 0.000072, **label)
    return rows


def coding_agent() -> List[Row]:
    """One developer's month with a coding agent: most of the input is read from a cache.

    A call reads 45,000 of 50,000 tokens from the cache, writes 3,000 to it, and answers with
    1,000.  It costs 0.04575 USD on claude-sonnet-4-6, of which there are 60 a day, and 0.22875 on
    claude-opus-4-1, of which there are 20.  Nobody pays for it.
    """
    tokens: Dict[str, Any] = {
        **{"input_tokens": 50_000, "cached_input_tokens": 45_000, "cache_write_tokens": 3000},
        **{"output_tokens": 1000, "provider": "anthropic", "task_type": "code_generation"},
    }
    who = {**NO_CUSTOMER, "customer_id": "developer", "feature_id": "coding-agent"}
    rows = []
    for day in range(30):
        rows += _calls(
            day, range(10, 14), 15, 0.04575, model="claude-sonnet-4-6", **{**tokens, **who}
        )
        rows += _calls(day, range(14, 18), 5, 0.22875, model="claude-opus-4-1", **{**tokens, **who})
    return rows


def growing_saas() -> List[Row]:
    """200 customers of a service in 90 days: 120 stay, 40 leave, 40 join, one call each noon.

    Of those who stay, 100 pay 199 USD a month and cost 0.20 a day, and 20 pay 49 and cost 3; those
    who leave after 40 days and those who join after 45 pay 199 and cost 0.20 a day.
    """
    pro = {"subscription_tier": "pro", "tier_price_usd": "199.0"}
    starter = {"subscription_tier": "starter", "tier_price_usd": "49.0"}
    rows: List[Row] = []
    for number in range(200):
        first, last = (45 if number >= 160 else 0), (40 if 120 <= number < 160 else 90)
        heavy = number < 20
        rows += [
            call(
                timestamp=at(day, 12),
                customer_id=f"customer-{number:03d}",
                provider="acme",
                model="own",
                cost_usd="3" if heavy else "0.2",
                **(starter if heavy else pro),
            )
            for day in range(first, last)
        ]
    return rows
