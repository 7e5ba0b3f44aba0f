"""Results of a usage API: pages of buckets, each bucket a period with its results."""

from __future__ import annotations

from typing import Iterator, Sequence

from finops.importers.base import Session
from finops.importers.json_records import Item, json_records
from finops.importers.kinds import is_table
from finops.importers.sources import Source
from finops.importers.table_records import table_records
from finops.importers.values import Fields, RejectedError


def bucket_results(
    source: Source, session: Session, times: Sequence[str], lists: Sequence[str]
) -> Iterator[Item]:
    """Yield each row of a table, or each result of each bucket with the period of its bucket.

    `times` are the names of a bucket's start and end, `lists` those that its results may have.
    A bucket without its page is read as well.  What is neither is rejected in the session's tally.
    """
    if is_table(source):
        yield from table_records(source, session.tally)
        return
    for item in json_records(source, session.tally):
        is_bucket = any(name in item.fields for name in (times[0], *lists))
        try:
            for bucket in [item.fields] if is_bucket else item.fields.parts("data"):
                period = {name: bucket.value(name) for name in times}
                for result in bucket.parts(*lists):
                    yield Item(item.line, Fields({**result.values, **period}), "")
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))
