"""The errors a user can cause or fix, each one clear line and an exit status.

Everything foreseen is a `FinOpsError`; the command line prints its text on one line and
returns its status.  Any other exception is a defect and keeps its traceback.
"""

from __future__ import annotations


class FinOpsError(Exception):
    """Base of all foreseen trouble: the text says what, where and what to do."""

    exit_status = 2


class UsageError(FinOpsError):
    """The command was called with words or values that do not fit."""


class DataError(FinOpsError):
    """A file as a whole cannot be read as usage data."""


class StorageError(FinOpsError):
    """The disk refused: full, read-only, or an input/output fault."""


class LockError(FinOpsError):
    """Another process is writing the same dataset."""


class WorkerError(FinOpsError):
    """A process that was started to help ended before its work was done."""


class ReportError(FinOpsError):
    """Some reports could not be made; the others were written."""

    exit_status = 1
