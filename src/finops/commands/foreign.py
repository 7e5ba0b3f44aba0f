"""Usage logs given as data: every command that reads calls imports them first."""

from __future__ import annotations

import argparse
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

from finops import config
from finops.commands.base import Console
from finops.commands.reading import STANDARD_INPUT, Reading, reading_of
from finops.locations import is_elsewhere

if TYPE_CHECKING:
    from finops.importers.base import ImportOptions


def with_imports(args: argparse.Namespace, console: Console) -> argparse.Namespace:
    """Return the arguments with the CSV of calls in place of usage logs and names of tools.

    What `--map` says is then about the logs, and not about the CSV.  Raises UsageError,
    DataError, LockError and StorageError as an import does.
    """
    given: List[str] = [*getattr(args, "paths", ()), *(args.data or ())]
    words = given or [config.Settings.resolve(port=0).data]
    replaced = _imported(words, args, console)
    if not replaced:
        return args
    data = [replaced.get(word, word) for word in words]
    is_all = set(words) <= set(replaced)
    changed = {**vars(args), "data": data, "map": None if is_all else args.map}
    if "paths" in changed:
        changed["paths"] = []
    return argparse.Namespace(**changed)


def _imported(words: Sequence[str], args: argparse.Namespace, console: Console) -> Dict[str, str]:
    """Return the CSV of each word that stands for usage logs."""
    foreign = [word for word in words if not _is_other(word)]
    if not foreign:
        return {}
    from finops.importers.resolve import is_foreign, resolve
    from finops.importers.summary import lines_of

    reading: Optional[Reading] = None
    replaced = {}
    for word in foreign:
        if not is_foreign(word):
            continue
        reading = reading or reading_of(args)
        options = _options(reading)
        progress = console.progress("importing", getattr(args, "quiet", False))
        try:
            resolved = resolve(
                word,
                reading.prices,
                options,
                os.environ,
                os.path.expanduser("~"),
                progress.update,
                getattr(args, "workers", None) or 0,
            )
        finally:
            progress.finish()
        for line in lines_of(resolved.result):
            console.remark(line)
        replaced[word] = resolved.path
    return replaced


def _options(reading: Reading) -> ImportOptions:
    """Return what the reading options say about logs."""
    from finops.importers.base import ImportOptions

    rates = {currency: Decimal(rate) for currency, rate in reading.options.rates}
    return ImportOptions(columns=dict(reading.options.columns), rates=rates)


def _is_other(word: str) -> bool:
    return word == STANDARD_INPUT or is_elsewhere(word)
