"""Keys of findings about the same calls, whichever report makes them.

A list that shows findings of many reports takes one of each key, the largest, so that no dollar
is counted twice.
"""

from __future__ import annotations

UNPROFITABLE_CUSTOMERS = "unprofitable_customers"
ENDANGERED_CUSTOMERS = "endangered_customers"
GONE_CUSTOMERS = "gone_customers"
UNUSUAL_USAGE = "unusual_usage"


def model_key(provider: str, model: str) -> str:
    """Return the key of findings about what runs on one model.

    >>> model_key("openai", "gpt-4")
    'model:openai/gpt-4'
    """
    return f"model:{provider}/{model}"


def further_key(provider: str, model: str) -> str:
    """Return the key of what goes further than the first step for what runs on one model.

    It takes from what that step leaves, so both count; lists show it after the first step.

    >>> further_key("openai", "gpt-4")
    'model:openai/gpt-4|further'
    """
    return f"{model_key(provider, model)}|further"
