"""The commands of the command line: adding one is one line in `COMMANDS` and one file.

A command's module offers `add_arguments(parser)` and `run(args, console)`; it is imported
only when that command is called, which keeps `list` and `--help` instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Dict, NamedTuple, Tuple

if TYPE_CHECKING:
    import argparse

    from finops.commands.base import Console


class Command(NamedTuple):
    """One command: its name, what it does in a line, an example, its module below here."""

    name: str
    summary: str
    example: str
    module: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add this command's arguments to its parser."""
        import_module(f"finops.commands.{self.module}").add_arguments(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        """Carry the command out and return its exit status.

        Raises FinOpsError for everything that the user can cause or fix.
        """
        status: int = import_module(f"finops.commands.{self.module}").run(args, console)
        return status


_ALL: Tuple[Command, ...] = (
    Command(
        "generate",
        "simulate AI API calls into a CSV until it has a given size",
        "finops generate --size 500MB --seed 7",
        "generate",
    ),
    Command(
        "analyze",
        "run the analyzers over a dataset and write reports, index and manifest",
        "finops analyze --data my_calls.csv --reports my_reports",
        "analyze",
    ),
    Command(
        "summary",
        "show in one table what calls cost, by day, model, customer, project, …",
        "finops summary --data claude-code --by day,model",
        "summary",
    ),
    Command(
        "serve",
        "show the live dashboard and the reports in a browser",
        "finops serve --port 8000 --open",
        "serve",
    ),
    Command(
        "demo",
        "generate a dataset if there is none, analyze it, serve the result",
        "finops demo",
        "demo",
    ),
    Command(
        "evaluate",
        "measure the detectors against what the simulator planted",
        "finops evaluate --data data/simulated_calls.csv",
        "evaluate",
    ),
    Command(
        "verify",
        "check a dataset: structure, rows, and what would be skipped and why",
        "finops verify my_calls.csv",
        "verify",
    ),
    Command(
        "import",
        "turn usage logs of vendors, gateways and coding agents into the CSV of calls",
        "finops import claude-code",
        "importing",
    ),
    Command(
        "export",
        "write a table for spreadsheets, or what other tools read, in a standard format",
        "finops export --format csv --table understanding.by_customer --out customers.csv",
        "export",
    ),
    Command(
        "sql",
        "print the statements that fill the tables of reports, for any warehouse",
        "finops sql --dialect spark --data table:lake.usage.calls --out sql",
        "sql",
    ),
    Command(
        "list",
        "list scenarios, analyzers, providers, formats of usage logs, or exports",
        "finops list scenarios",
        "listing",
    ),
)
COMMANDS: Dict[str, Command] = {command.name: command for command in _ALL}
