"""Engines that fill the declared tables where a scan on one machine does not reach.

Adding an engine is one line here and one file.  Its module is imported when it is chosen, and
alone imports what the engine needs: nothing of that is part of this product.
"""

from __future__ import annotations

from importlib import import_module
from typing import Dict, NamedTuple, Type

from finops.engines.engine import Engine, EngineOptions


class EngineEntry(NamedTuple):
    """One engine: `where` is "module:Class" below this package."""

    where: str
    summary: str

    def open(self, options: EngineOptions) -> Engine:
        """Return the engine, ready; raises UsageError where it is not installed."""
        module, name = self.where.split(":")
        engine: Type[Engine] = getattr(import_module(f"finops.engines.{module}"), name)
        return engine(options)


ENGINES: Dict[str, EngineEntry] = {
    "duckdb": EngineEntry("duckdb:DuckDB", "one machine, in bounded memory"),
    "spark": EngineEntry("spark:Spark", "a cluster, or this machine"),
}
