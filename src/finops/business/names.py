"""Names of providers and models as people write them, folded for look-ups.

`OPENAI`, `azure openai` and `vertex_ai` are providers of ours; `openai/gpt-4o-2024-08-06` and
`us.anthropic.claude-sonnet-4-5-20250929-v1:0` are models with a path, a region or a date around
the name.  Only look-ups fold models: a row keeps the spelling of its source.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, Iterator, NamedTuple

from finops import config

PROVIDERS: Dict[str, str] = {
    "open-ai": "openai",
    "text-completion-openai": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "gcp.gemini": "google",
    "gcp.gen-ai": "google",
    "gcp.vertex-ai": "google",
    "google-ai": "google",
    "google-ai-studio": "google",
    "google-genai": "google",
    "google-generative-ai": "google",
    "google.generative-ai": "google",
    "google-vertex": "google",
    "vertex": "google",
    "vertexai": "google",
    "aws": "aws-bedrock",
    "aws.bedrock": "aws-bedrock",
    "amazon": "aws-bedrock",
    "amazon-bedrock": "aws-bedrock",
    "bedrock-converse": "aws-bedrock",
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure-openai": "azure",
    "azure-ai": "azure",
    "azure-text": "azure",
    "microsoft": "azure",
    "mistralai": "mistral",
    "mistral-ai": "mistral",
    "cohere-chat": "cohere",
    "x-ai": "xai",
    "fireworks-ai-embedding-models": "fireworks-ai",
    **config.PROVIDER_ALIASES,
}
VERTEX = "vertex-ai"
_GEMINI = "gemini"
# Providers that sell the same models at two doors, each with its own prices.
_CHANNELS: Dict[str, str] = {
    "gemini": _GEMINI,
    "gcp.gemini": _GEMINI,
    "google-ai-studio": _GEMINI,
    "gcp.vertex-ai": VERTEX,
    "google-vertex": VERTEX,
    "vertex": VERTEX,
    "vertexai": VERTEX,
    "azure-ai": "azure-ai",
}
# They stand between the application and the provider, so they are not who is paid.
GATEWAYS = frozenset({"litellm", "langchain", "griptape"})
# The catalogue's names of models say who serves them.
SERVED_BY: Dict[str, str] = {"azure": "azure-", "aws-bedrock": "bedrock-"}

_NOT_GIVEN = frozenset({"", config.UNKNOWN})
_SPACE = re.compile(r"[\s_]+")
_REGION = re.compile(r"(?:us|eu|apac|global|jp|au)\.").match
_MAKER = re.compile(
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|writer)\."
    r"(.+?)(?:-v\d+(?::\d+)?)?"
).fullmatch
# A date or a variant at the end of a name.  `-mini` or a version is another model.
_SUFFIX = re.compile(
    r"(?:-\d{4}-\d{2}-\d{2}|-\d{8}|@\d{8}|@default|:[^:/\[\]]*|\[1m\]|-latest)$"
).search
_VERSION_DOT = re.compile(r"(?<=\d)\.(?=\d)")


class Seller(NamedTuple):
    """Who is paid: a provider's id, and the door where it sells (its id if it has one only)."""

    provider: str
    channel: str

    @property
    def is_known(self) -> bool:
        """Whether a source said who is paid."""
        return self.provider not in _NOT_GIVEN


def fold_provider(text: str) -> str:
    """Return a provider's id; an unknown one in lower case, words joined by hyphens.

    >>> fold_provider("Azure OpenAI"), fold_provider("VERTEX_AI"), fold_provider("xAI")
    ('azure', 'google', 'xai')
    """
    return seller_of(text).provider


@lru_cache(maxsize=1024)
def seller_of(text: str) -> Seller:
    """Return who is paid, by any of its names.

    >>> seller_of("vertex_ai-language-models"), seller_of("Google")
    (Seller(provider='google', channel='vertex-ai'), Seller(provider='google', channel='google'))
    """
    plain = _SPACE.sub("-", text.strip().lower())
    if plain.startswith(VERTEX):
        return Seller("google", VERTEX)
    provider = PROVIDERS.get(plain, plain)
    return Seller(provider, _CHANNELS.get(plain, provider))


def behind_gateway(model: str, source: str = "") -> str:
    """Return the provider behind a gateway, "" where nothing says so.

    A gateway's name for a model begins with the provider; `source` is who made the model.

    >>> behind_gateway("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    'aws-bedrock'
    """
    for text in (model.partition("/")[0] if "/" in model else "", source):
        provider = fold_provider(text)
        if provider in config.PROVIDER_WEIGHTS:
            return provider
    return ""


def spellings(model: str) -> Iterator[str]:
    """Yield the names under which a price of `model` may be listed, the surest first.

    The name itself, then without its path, its region, and dates and variants at its end.

    >>> list(spellings("us.amazon.nova-lite-v1:0"))
    ['us.amazon.nova-lite-v1:0', 'amazon.nova-lite-v1:0', 'amazon.nova-lite-v1', 'nova-lite']
    >>> list(spellings("openai/GPT-4o-2024-08-06"))
    ['openai/gpt-4o-2024-08-06', 'gpt-4o-2024-08-06', 'gpt-4o']
    """
    name = model.strip().lower()
    yield name
    if "/" in name:
        name = name.rsplit("/", 1)[1]
        yield name
    region = _REGION(name)
    if region:
        name = name[region.end() :]
        yield name
    made = _MAKER(name)
    yield from _shorter(name)
    if made:
        name = made.group(1)
        yield name
        yield from _shorter(name)
    shortest = _shortest(name)
    hyphenated = _VERSION_DOT.sub("-", shortest)
    if hyphenated != shortest:
        yield hyphenated


def _shorter(name: str) -> Iterator[str]:
    """Yield a name without one suffix, without two, and so on."""
    end = _SUFFIX(name)
    while end and end.start():
        name = name[: end.start()]
        yield name
        end = _SUFFIX(name)


def _shortest(name: str) -> str:
    return ([name, *_shorter(name)])[-1]
