"""Names of providers and models as clients write them, folded to the catalogue's.

`OPENAI`, `azure openai` and `vertex_ai` are providers of ours; `openai/gpt-4o-2024-08-06` and
`us.anthropic.claude-sonnet-4-5-20250929-v1:0` are models of ours with a path, a region or a
date around the name.  A name that folds to nothing known is kept as it came: unpriced calls
are counted and listed, never guessed at.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Tuple

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable

_PROVIDERS = {
    "open-ai": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "google-ai": "google",
    "google-genai": "google",
    "google-vertex": "google",
    "vertex": "google",
    "vertex-ai": "google",
    "vertexai": "google",
    "aws": "aws-bedrock",
    "amazon": "aws-bedrock",
    "amazon-bedrock": "aws-bedrock",
    "azure-openai": "azure",
    "azure-ai": "azure",
    "microsoft": "azure",
    "mistralai": "mistral",
    "mistral-ai": "mistral",
    "cohere-chat": "cohere",
    **config.PROVIDER_ALIASES,
}
# They stand between the application and the provider, so they are not who is paid.
_GATEWAYS = frozenset({"litellm", "openrouter", "langchain", "griptape"})
_PREFIX = {"azure": "azure-", "aws-bedrock": "bedrock-"}
_NOISE = re.compile(
    r"(?:-\d{4}-\d{2}-\d{2}|[-@]\d{8}|-v\d+(?::\d+)?|:\d+|-latest|-00\d)$", re.IGNORECASE
)
_REGION_OR_VENDOR = re.compile(r"(?:(?:us|eu|apac|global|anthropic|amazon)\.)+").match


def fold_provider(text: str) -> str:
    """Return a provider's id; an unknown one in lower case, words joined by hyphens.

    >>> fold_provider("Azure OpenAI"), fold_provider("VERTEX_AI"), fold_provider("xAI")
    ('azure', 'google', 'xai')
    """
    plain = re.sub(r"[\s_]+", "-", text.strip().lower())
    return _PROVIDERS.get(plain, plain)


def fold(
    provider: str, model: str, source: str = "", prices: PriceTable = DEFAULT_PRICES
) -> Tuple[str, str]:
    """Return provider and model as the catalogue names them, as far as it knows them.

    `source` is who made the model, where a gateway served it.

    >>> fold("OPENAI", "gpt-4o-2024-08-06")
    ('openai', 'gpt-4o')
    >>> fold("LITELLM", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    ('aws-bedrock', 'bedrock-claude-sonnet-4-5')
    """
    paid = fold_provider(provider)
    if paid in _GATEWAYS:
        paid = _behind_gateway(model, source) or paid
    names = _candidates(paid, model)
    for name in names:
        known = prices.find(paid, name)
        if known is not None and known.provider == paid:
            return paid, known.name
    for name in names:
        known = prices.find(paid, name)
        if known is not None:
            return (known.provider if paid in _GATEWAYS else paid), known.name
    return paid, model.strip()


def _behind_gateway(model: str, source: str) -> str:
    for text in (model.partition("/")[0] if "/" in model else "", source):
        name = fold_provider(text)
        if name in config.PROVIDER_WEIGHTS:
            return name
    return ""


def _candidates(provider: str, model: str) -> List[str]:
    """Return the names that a model may have in the catalogue, the likeliest first."""
    prefix = _PREFIX.get(provider, "")
    names = []
    for name in _shorter(model.strip().lower()):
        names += [name, prefix + name] if prefix else [name]
    return names


def _shorter(name: str) -> Iterator[str]:
    """Yield the name, then without path, region or vendor, then without dates and versions."""
    yield name
    name = name.rsplit("/", 1)[-1]
    before = _REGION_OR_VENDOR(name)
    name = name[before.end() :] if before else name
    yield name
    while True:
        shorter = _NOISE.sub("", name)
        if shorter == name:
            return
        name = shorter
        yield name
