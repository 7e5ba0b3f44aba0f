"""See where AI spend goes: every model call by customer, product and feature.

The names in `__all__` are the public interface of the package; `docs/library.md` shows them at
work.  Each is imported when it is first used, so that `import finops` costs nothing and a
worker process loads only what it runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "1.0.0"

__all__ = [
    "Analyzer",
    "FinOpsError",
    "Table",
    "__version__",
    "analyze",
    "generate",
    "import_usage",
    "load_prices",
    "open_dataset",
]

if TYPE_CHECKING:
    from finops.analyzers.base import Analyzer
    from finops.api import analyze, generate, import_usage, open_dataset
    from finops.business.prices import load_prices
    from finops.errors import FinOpsError
    from finops.rollups.spec import Table
else:
    # Where each name is defined.  A type checker reads the imports above instead, and reports
    # a name that is in neither.
    _HOMES = {
        "Analyzer": "finops.analyzers.base",
        "FinOpsError": "finops.errors",
        "Table": "finops.rollups.spec",
        "analyze": "finops.api",
        "generate": "finops.api",
        "import_usage": "finops.api",
        "load_prices": "finops.business.prices",
        "open_dataset": "finops.api",
    }

    def __getattr__(name):
        """Import a public name when it is first asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value

    def __dir__():
        """Return the names that exist or can be imported."""
        return sorted({*globals(), *__all__})
