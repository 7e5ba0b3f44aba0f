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
