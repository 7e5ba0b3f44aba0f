"""How providers are written in sentences."""

from __future__ import annotations

from finops import config


def provider_name(provider: str) -> str:
    """Return a provider as its owner writes it; an unknown one by its id."""
    return config.PROVIDER_NAMES.get(provider, provider)
