"""Who is who in a charge: who sells, who hosts, who made the model, who sends the invoice."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

from finops import config
from finops.business.names import spellings


class Parties(NamedTuple):
    """The companies of a charge, and the name of the service that was bought."""

    seller: str
    host: str
    maker: str
    issuer: str
    service: str


class _Seller(NamedTuple):
    name: str
    service: str
    host: str = ""  # of a cloud of its own


# Providers whose service or company is not called like their models' API.
_SELLERS: Dict[str, _Seller] = {
    "google": _Seller("Google", "Gemini API", "Google Cloud"),
    "aws-bedrock": _Seller("AWS", "Amazon Bedrock", "AWS"),
    "azure": _Seller("Microsoft", "Azure OpenAI Service", "Microsoft Azure"),
    "xai": _Seller("xAI", "xAI API"),
    "mistral": _Seller("Mistral AI", "Mistral AI API"),
}
# Gateways that sell other providers' models in their own name, by the format of their logs.
RESELLERS: Dict[str, str] = {"openrouter": "OpenRouter"}
# Makers by how the names of their models begin, behind the path, region and maker of a name.
_OPENAI = ("gpt", "azure-gpt", "chatgpt", "codex", "text-embedding", "whisper", "tts", "dall-e")
_REASONERS = tuple(f"o{generation}" for generation in range(1, 10))
_MAKERS: Tuple[Tuple[Tuple[str, ...], str], ...] = (
    (("bedrock-claude", "claude"), "Anthropic"),
    ((*_OPENAI, *_REASONERS), "OpenAI"),
    (("gemini", "gemma", "imagen", "veo", "palm"), "Google"),
    (("nova", "titan"), "Amazon"),
    (
        ("mistral", "ministral", "mixtral", "codestral", "magistral", "devstral", "pixtral"),
        "Mistral AI",
    ),
    (("command", "embed-", "rerank"), "Cohere"),
    (("llama", "meta-llama"), "Meta"),
    (("deepseek",), "DeepSeek"),
    (("grok",), "xAI"),
    (("qwen", "qwq"), "Alibaba"),
)


def parties_of(provider: str, model: str, source: str) -> Parties:
    """Return the parties of calls.

    `source` is the format that they were imported from: of a gateway's log, the gateway bills.

    >>> parties_of("anthropic", "claude-opus-4-8", "")[:4]
    ('Anthropic', 'Anthropic', 'Anthropic', 'Anthropic')
    >>> parties_of("aws-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "").maker
    'Anthropic'
    """
    own = _seller(provider)
    reseller = RESELLERS.get(source, "")
    seller = reseller or own.name
    return Parties(
        seller,
        own.host or own.name,
        _maker(model) or own.name,
        seller,
        f"{reseller} API" if reseller else own.service,
    )


def _seller(provider: str) -> _Seller:
    if provider in _SELLERS:
        return _SELLERS[provider]
    name = config.PROVIDER_NAMES.get(provider, provider)
    return _Seller(name, f"{name} API")


def _maker(model: str) -> str:
    """Return who made a model, "" where its name does not say."""
    for name in spellings(model):
        for beginnings, maker in _MAKERS:
            if name.startswith(beginnings):
                return maker
    return ""
