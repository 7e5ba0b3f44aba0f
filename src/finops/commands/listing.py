"""`finops list`: scenarios, analyzers, providers, formats, exports, from the registries."""

from __future__ import annotations

import argparse
from typing import Callable, Dict, List, Tuple

from finops import config
from finops.commands.base import Console, table

Rows = List[Tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be listed."""
    parser.add_argument("what", choices=sorted(_LISTS), help="what to list")


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the list and return 0."""
    heading, *rows = table(_LISTS[args.what](), width=console.width)
    console.say("\n".join([console.paint(heading, "1"), *rows]))
    return 0


def _scenarios() -> Rows:
    from finops.simulator.scenarios import SCENARIOS

    rows = [
        (s.id, f"{s.shape.hours} h" if s.shape.hours else "always", s.shape.title)
        for s in SCENARIOS.values()
    ]
    return [("scenario", "lasts", "title"), *rows]


def _analyzers() -> Rows:
    from finops.registry import ANALYZER_REGISTRY

    rows = [(a.id, a.domain, a.title, a.purpose) for a in ANALYZER_REGISTRY.values()]
    return [("analyzer", "domain", "title", "answers"), *rows]


def _providers() -> Rows:
    from finops.business.catalog import CATALOG

    models = {p: [m.name for m in CATALOG if m.provider == p] for p in config.PROVIDER_WEIGHTS}
    rows = [
        (provider, config.PROVIDER_NAMES.get(provider, provider), ", ".join(names))
        for provider, names in models.items()
    ]
    return [("provider", "name", "models"), *rows]


def _formats() -> Rows:
    from finops.importers import all_formats, tool_formats

    rows = [(f.id, f.title, "yes" if f in tool_formats() else "") for f in all_formats()]
    return [("format", "what it is", "found by name"), *rows]


def _exports() -> Rows:
    from finops.exporters import all_exporters
    from finops.exporters.base import flag_of

    rows = [(e.id, e.title, " ".join(map(flag_of, e.options))) for e in all_exporters()]
    return [("export", "what it is", "options"), *rows]


_LISTS: Dict[str, Callable[[], Rows]] = {
    "scenarios": _scenarios,
    "analyzers": _analyzers,
    "providers": _providers,
    "formats": _formats,
    "exports": _exports,
}
