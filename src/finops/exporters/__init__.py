"""What other tools and other people take: exports of a dataset in standard formats.

A format is one file here and one line in `_MODULES`; its module offers `EXPORTER`.  Formats are
listed in this order.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Dict, Optional, Tuple, cast

if TYPE_CHECKING:
    from finops.exporters.base import Exporter

_MODULES: Dict[str, str] = {
    "focus": "focus.export",
    "statement": "statement.export",
    "csv": "csv_table",
    "openmetrics": "openmetrics",
}


def exporter_ids() -> Tuple[str, ...]:
    """Return the ids of all formats."""
    return tuple(_MODULES)


@lru_cache(maxsize=None)
def find_exporter(format_id: str) -> Optional[Exporter]:
    """Return the exporter of a format, None where there is none."""
    module = _MODULES.get(format_id)
    if module is None:
        return None
    return cast("Exporter", import_module(f"finops.exporters.{module}").EXPORTER)


def all_exporters() -> Tuple[Exporter, ...]:
    """Return all exporters, in the order of the list."""
    exporters = (find_exporter(format_id) for format_id in _MODULES)
    return tuple(exporter for exporter in exporters if exporter is not None)
