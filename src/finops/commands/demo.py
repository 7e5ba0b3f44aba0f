"""`finops demo`: from nothing to a dashboard with one command."""

from __future__ import annotations

import argparse
from pathlib import Path

from finops.commands import analyze, generate, serve
from finops.commands.base import (
    Console,
    add_quiet,
    add_workers,
    check_writable,
    settings_of,
)
from finops.commands.foreign import with_imports
from finops.commands.reading import reading_of
from finops.commands.scenario_pages import make_scenario_pages
from finops.errors import UsageError
from finops.reader.sources import Locations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: those of `serve`, and what generating and analyzing need."""
    serve.add_server(parser)
    generate.add_size(parser)
    generate.add_seed(parser)
    add_workers(parser)
    add_quiet(parser, "show no progress, log no requests")


def run(args: argparse.Namespace, console: Console) -> int:
    """Generate a dataset if there is none, analyze it, then serve until interrupted.

    The pages of the showcase's scenarios are made before, so that the index has them.
    """
    args = with_imports(args, console)
    locations = reading_of(args).lasting
    data = Path(locations[0])
    _check_places(args, data)
    everything = argparse.Namespace(
        **{**_DEFAULTS, **{k: v for k, v in vars(args).items() if v is not None}}
    )
    if Locations(locations).is_single_file and not data.exists():
        generate.run(argparse.Namespace(**{**vars(everything), "data": str(data)}), console)
    for name in make_scenario_pages(settings_of(args).reports):
        console.remark(f"showcase/scenarios/{name}.py made no page; run it to see why")
    analyze.run(everything, console)
    return serve.run(args, console)


def _check_places(args: argparse.Namespace, data: Path) -> None:
    """Raise UsageError where the port or a folder would stop the demo half-way."""
    from finops.viewer.app import port_problem

    settings = settings_of(args)
    problem = port_problem(settings.port)
    if problem:
        raise UsageError(problem)
    check_writable(data.parent, "--data")
    check_writable(settings.reports, "--reports")


# What the options of `generate` and `analyze` are that the demo does not offer.
_DEFAULTS = {
    "start": None,
    "scenario": None,
    "no_incidents": False,
    "fresh": False,
    "only": None,
    "json": None,
    "seed": None,
    "workers": None,
    "data": None,
    "map": None,
    "prices": None,
    "timezone": None,
    "input_timezone": None,
    "since": None,
    "until": None,
    "rate": None,
    "config": None,
    "reports": None,
}
