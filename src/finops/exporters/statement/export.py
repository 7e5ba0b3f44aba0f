"""`statement --organization ID --month YYYY-MM`: what one organization used, to print or send."""

from __future__ import annotations

import re

from finops.errors import UsageError
from finops.exporters.base import Export, Exporter, Request
from finops.exporters.statement.figures import ALL, of_organization, statement_of
from finops.exporters.statement.page import page_of
from finops.rollups.protocol import CallDataset

_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])").fullmatch
_MONTHS_FROM = "0001-01"


def export(dataset: CallDataset, request: Request) -> Export:
    """Return the statement as a page; its months are those of the reporting time zone.

    Raises UsageError for what is no month, and for an organization that the data does not have.
    """
    if not _MONTH(request.month) or request.month < _MONTHS_FROM:
        raise UsageError(f"--month {request.month!r}: write a month as 2026-04")
    data = dataset.rollups([ALL, of_organization(request.organization)])
    statement = statement_of(data, request.organization, request.month)
    prices = " ".join(filter(None, (data.prices.source, data.prices.date)))
    remarks = () if statement.lines else (f"{request.organization} has no calls in that month",)
    return Export([page_of(statement, data.file.name, prices)], remarks)


EXPORTER = Exporter(
    "statement",
    "what one organization used in a month, a page to print",
    export,
    options=("organization", "month"),
    needs=("organization", "month"),
)
