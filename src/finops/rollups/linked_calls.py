"""Calls that share an id: the sums of sessions, and the retries of traces.

What is known of them is plain data in the result of each part, under the column of the ids; a
part without that column has nothing there.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Sequence

from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.header import Header
from finops.rollups.measures import Activity
from finops.rollups.part import PartitionResult
from finops.rollups.retries import TRACE_ID, RetryLog, RetryReader
from finops.rollups.sessions import SESSION_ID, SessionSums, joined
from finops.rollups.spec import Key, Values


class LinkedCalls:
    """Follows ids through the batches of one part; `columns` are those that the file has."""

    def __init__(self, followed: Iterable[str], header: Header) -> None:
        self.columns = tuple(name for name in followed if name in header.positions)
        self._sessions = SessionSums() if SESSION_ID in self.columns else None
        self._retries = RetryReader() if TRACE_ID in self.columns else None

    def add(self, batch: Batch, encoder: KeyEncoder) -> None:
        """Take in a batch in time order."""
        if self._sessions is not None:
            self._sessions.add(batch)
        if self._retries is not None:
            self._retries.add(batch, encoder)

    def plain(self) -> Dict[str, Any]:
        """Return what there is by the column of its ids, as plain data."""
        plain: Dict[str, Any] = {}
        if self._sessions is not None:
            plain[SESSION_ID] = self._sessions.plain()
        if self._retries is not None:
            plain[TRACE_ID] = self._retries.log.plain()
        return plain


class LinkedFacts:
    """What all parts say together.

    `is_disordered`: the retries take all calls once more, in an `UnorderedRetries`.
    """

    def __init__(self, parts: Sequence[PartitionResult] = ()) -> None:
        linked = [part.linked for part in parts]
        self._sessions = [each[SESSION_ID] for each in linked if SESSION_ID in each]
        self._retries = RetryLog()
        for each in linked:
            if TRACE_ID in each:
                self._retries.join(RetryLog.revived(each[TRACE_ID]))

    @property
    def is_disordered(self) -> bool:
        """Whether some calls are not in the order of time."""
        return self._retries.disordered and self._retries.has_traces

    def settle(self, retries: RetryLog) -> None:
        """Take the retries of all calls in the order of time."""
        self._retries = retries

    def table(self, activity: Activity) -> Dict[Key, Values]:
        """Return the table of a measure: one row, none where no call has such an id."""
        if activity.column == TRACE_ID:
            return self._retries.table()
        return joined(self._sessions) if self._sessions else {}
