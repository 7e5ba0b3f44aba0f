"""`--redact`: reports without the names of customers and organizations, to be shared."""

from __future__ import annotations

import argparse
import os
import secrets
from typing import TYPE_CHECKING, Optional, Tuple

from finops.commands.base import Console
from finops.config import Budget
from finops.errors import UsageError

if TYPE_CHECKING:
    from finops.rollups.protocol import CallDataset
    from finops.rollups.redaction import Redactor

KEY_VARIABLE = "FINOPS_REDACT_KEY"
_KEY_BYTES = 16
# A shorter one could be tried out, and with it every name.
_SHORTEST_KEY = 16


def add_redact(parser: argparse._ActionsContainer) -> None:
    """Add `--redact`."""
    parser.add_argument(
        "--redact",
        action="store_true",
        help="replace the names of customers, users and organizations, the same name always by the"
        f" same text; the key is printed once, and {KEY_VARIABLE} sets that of an earlier run",
    )


def redactor_of(args: argparse.Namespace, console: Console) -> Optional[Redactor]:
    """Return what replaces names, where that was asked for; note a key that was made.

    Raises UsageError for a key that is too short.
    """
    if not getattr(args, "redact", False):
        return None
    from finops.rollups.redaction import Redactor

    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        key = secrets.token_hex(_KEY_BYTES)
        console.remark(
            f"finops: names are replaced; {KEY_VARIABLE}={key} replaces them the same way again"
        )
    if len(key) < _SHORTEST_KEY:
        raise UsageError(
            f"{KEY_VARIABLE} is too short to hide names; give {_SHORTEST_KEY} characters or more"
        )
    return Redactor(key)


def redacted(dataset: CallDataset, redactor: Optional[Redactor]) -> CallDataset:
    """Return a dataset without names, or as it is where nothing replaces them."""
    if redactor is None:
        return dataset
    from finops.rollups.redaction import RedactedDataset

    return RedactedDataset(dataset, redactor)


def without_names(budgets: Tuple[Budget, ...], redactor: Optional[Redactor]) -> Tuple[Budget, ...]:
    """Return budgets of subjects as the data has them: named, or replaced where that is done."""
    if redactor is None:
        return budgets
    return tuple(
        budget._replace(subject=redactor.name(f"{budget.scope}_id", budget.subject))
        if budget.scope in ("customer", "organization")
        else budget
        for budget in budgets
    )
