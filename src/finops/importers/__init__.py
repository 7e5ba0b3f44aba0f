"""Usage logs of vendors, gateways and coding agents, imported into a CSV of calls.

A format is one file in `formats` and one line in `_MODULES`; its module offers `FORMAT`.  Formats
are listed in this order.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Dict, Optional, Tuple, cast

if TYPE_CHECKING:
    from finops.importers.base import Format

_MODULES: Dict[str, str] = {
    "claude-code": "claude_code",
    "codex": "codex",
    "openai-usage": "openai_usage",
    "anthropic-usage": "anthropic_usage",
    "litellm": "litellm",
    "openrouter": "openrouter",
    "langfuse": "langfuse",
    "otel": "otel",
    "csv": "csv_file",
    "bedrock": "bedrock",
    "gemini-cli": "gemini_cli",
    "opencode": "opencode",
    "helicone": "helicone",
    "focus": "focus",
}
# Formats of tools that keep files in places of their own on a machine.
_OF_TOOLS = ("claude-code", "codex", "gemini-cli", "opencode")


def format_ids() -> Tuple[str, ...]:
    """Return the ids of all formats."""
    return tuple(_MODULES)


@lru_cache(maxsize=None)
def find_format(format_id: str) -> Optional[Format]:
    """Return the format with this id, None where there is none."""
    module = _MODULES.get(format_id)
    if module is None:
        return None
    return cast("Format", import_module(f"finops.importers.formats.{module}").FORMAT)


def tool_formats() -> Tuple[Format, ...]:
    """Return the formats of tools that keep files in places of their own on a machine."""
    formats = (find_format(format_id) for format_id in _OF_TOOLS)
    return tuple(format for format in formats if format is not None)


def all_formats() -> Tuple[Format, ...]:
    """Return all formats, in the order of the list."""
    formats = (find_format(format_id) for format_id in _MODULES)
    return tuple(format for format in formats if format is not None)
