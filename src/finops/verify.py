"""Checking a dataset: structure, rows, what is not used and why, the money, the commit record.

The data is read exactly as the analyses read it, so what is said here holds for the reports.
Nothing is changed; what an interrupted writer left is repaired by the next `generate`.
"""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple

from finops import schema
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.locations import is_elsewhere
from finops.reader.options import UTC, ReadingOptions
from finops.rollups.dataset import open_dataset
from finops.rollups.expressions import all_of, negated, one_of
from finops.rollups.file_set import Progress
from finops.rollups.protocol import Source
from finops.rollups.spec import Accounting, Place, Rollups, Table
from finops.storage.commit import CommitRecord, commit_path, read_commit

SHOWN_LINES = 5
CREDITS = Table((), ("credit_rows", "credits"))
# Calls with a status that is neither success nor error.
ODD_STATUS = Table(
    (),
    ("calls",),
    all_of(
        negated(one_of("status", schema.STATUS_SUCCESS, schema.STATUS_ERROR)),
        negated(one_of("status_given", "")),
    ),
)


class Verification(NamedTuple):
    """What is in a dataset, line by line, and what is wrong with it: no `faults`, no trouble.

    `rows` are all records, `used_rows` those that count, `skipped_rows` those that cannot be
    read, `repeated_rows` those that were there before, `outside_rows` those outside of the range
    that was asked for; `blanked_values` are left out of rows that count.
    """

    lines: List[str]
    faults: List[str]
    rows: int = 0
    used_rows: int = 0
    skipped_rows: int = 0
    blanked_values: int = 0
    repeated_rows: int = 0
    outside_rows: int = 0

    @property
    def skipped_percent(self) -> float:
        """The share of rows that are skipped, 0 to 100."""
        return self.skipped_rows / self.rows * 100 if self.rows else 0.0

    @property
    def verdict(self) -> str:
        """How much of the data is usable, in one line."""
        wanted = self.rows - self.outside_rows
        rows = _counted(wanted, "row") + (" in the range" if self.outside_rows else "")
        said = [f"{rows} usable" if wanted == 1 else f"all {rows} usable"]
        if self.used_rows != wanted:
            said = [f"{self.used_rows:,} of {rows} usable"]
        if self.repeated_rows:
            said.append(f"{_counted(self.repeated_rows, 'repeated record')} left out")
        if self.blanked_values:
            said.append(f"{_counted(self.blanked_values, 'value')} left out")
        return "OK: " + ", ".join(said)


def verify(
    source: Source,
    workers: Optional[int] = None,
    progress: Optional[Progress] = None,
    prices: PriceTable = DEFAULT_PRICES,
    options: ReadingOptions = ReadingOptions(),
) -> Verification:
    """Read all of the data and return what is in it.

    Raises DataError where it cannot be read as a whole.
    """
    path = _written_by_us(source)
    before = read_commit(path) if path else None
    data = open_dataset(
        source, workers=workers, prices=prices, progress=progress, options=options
    ).rollups((CREDITS, ODD_STATUS))
    after = read_commit(path) if path else None
    said, faults = _of_record(path, data, after) if path else ([], [])
    if before is None or before != after:
        faults = [f for f in faults if f is not _ROWS_DIFFER]  # somebody is writing just now
    accounting = data.accounting
    if not accounting.balanced:
        faults.append("the lines do not add up (a bug in finops)")
    return Verification(
        [*_of_rows(data, options), *said],
        faults,
        rows=accounting.used
        + accounting.skipped_rows
        + accounting.repeated_records
        + accounting.outside,
        used_rows=accounting.used,
        skipped_rows=accounting.skipped_rows,
        blanked_values=sum(blanked.values for blanked in accounting.blanked),
        repeated_rows=accounting.repeated_records,
        outside_rows=accounting.outside,
    )


def _written_by_us(source: Source) -> str:
    """Return the path of a single file, which may have a commit record; "" of anything else."""
    if not isinstance(source, (str, os.PathLike)):
        return ""
    path = os.fspath(source)
    return "" if is_elsewhere(path) or not os.path.isfile(path) else path


def _of_rows(data: Rollups, options: ReadingOptions) -> List[str]:
    accounting, totals = data.accounting, data.totals
    lines = [
        f"{data.file.name}: {_size_of(data)}{_counted(totals.calls, 'call')}",
        f"period: {data.period.start or 'no calls'}"
        + (f" to {data.period.end}" if data.period.end else ""),
        sum_of(accounting),
    ]
    for skipped in accounting.skipped:
        lines.append(
            f"  skipped {skipped.rows:,}: {skipped.reason} ({_where(skipped.places, skipped.rows)})"
        )
    for blanked in accounting.blanked:
        where = _where(blanked.places, blanked.values)
        lines.append(
            f"  left out {_counted(blanked.values, 'value')} of {blanked.column}:"
            f" {blanked.reason} ({where})"
        )
    if totals.unpriced:
        have = "has" if totals.unpriced == 1 else "have"
        unpriced = _counted(totals.unpriced, "call")
        lines.append(f"  {unpriced} {have} neither a cost nor a known price")
    (odd,) = data[ODD_STATUS].get((), (0,))
    if odd:
        lines.append(f"  {_counted(odd, 'call')} with a status that is neither success nor error")
    lines += [_money_of(data), *_credits(data)]
    return [*lines, *_read_as(options), *(f"note: {note}" for note in accounting.notes)]


def _size_of(data: Rollups) -> str:
    return "" if data.file.size_bytes is None else f"{data.file.size_bytes:,} bytes, "


def _where(places: Sequence[Place], rows: int) -> str:
    """Return the first lines of the rows of one reason; of a source without lines, the rows."""
    shown = places[:SHOWN_LINES]
    more = ", …" if rows > SHOWN_LINES else ""
    if any(place.line is None for place in shown):
        return "; ".join(f"{place.file}: {place.text}" for place in shown) + more
    return "line " + ", ".join(str(place.line) for place in shown) + more


def sum_of(accounting: Accounting) -> str:
    """Return where every line went; kinds of lines that most files lack only where there are any.

    >>> sum_of(Accounting(lines=4, header=1, used=2, comments=1))
    'lines: 4 = 1 header + 2 used + 0 skipped + 1 comments'
    """
    terms = [
        f"{accounting.header} header",
        f"{accounting.used:,} used",
        f"{accounting.skipped_rows:,} skipped",
    ]
    rare = (
        ("repeated headers", accounting.repeated_headers),
        ("blank", accounting.blank),
        ("repeated records", accounting.repeated_records),
        ("outside the range", accounting.outside),
        ("comments", accounting.comments),
        ("continuation lines", accounting.continuation),
        ("incomplete tail", accounting.incomplete_tail),
    )
    terms += [f"{count:,} {kind}" for kind, count in rare if count]
    return f"lines: {accounting.lines:,} = " + " + ".join(terms)


def _money_of(data: Rollups) -> str:
    """Return the cost of the rows that are used, and of those that are not."""
    cost, unused = data.totals.cost, data.accounting.unused_cost
    said = f"cost: ${cost:,.2f}"
    if not data.accounting.skipped_rows:
        return said
    share = f" ({unused / (cost + unused):.1%} of the whole)" if unused and cost + unused else ""
    return f"{said}, and ${unused:,.2f}{share} in skipped rows"


def _credits(data: Rollups) -> List[str]:
    """Return how much rows of negative cost take off, which is in the cost already."""
    rows, amount = data[CREDITS].get((), (0, 0.0))
    return [f"credits: ${amount:,.2f} in {_counted(rows, 'row')}, netted"] if rows else []


def _read_as(options: ReadingOptions) -> List[str]:
    """Return the options that change what the figures mean."""
    lines = []
    if options.timezone != UTC:
        lines.append(f"time zone of days and hours: {options.timezone}")
    if options.input_timezone != UTC:
        lines.append(f"time zone of times that name none: {options.input_timezone}")
    if options.since or options.until:
        first, end = options.since or "the beginning", options.until or "the end"
        lines.append(f"range: {first} to {end} (UTC)")
    lines += [f"exchange rate: 1 {currency} = {rate} USD" for currency, rate in options.rates]
    return lines


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")


_ROWS_DIFFER = "the commit record counts other rows than the file holds"


def _of_record(
    path: str, data: Rollups, record: Optional[CommitRecord]
) -> Tuple[List[str], List[str]]:
    """Return what the commit record says, and where the file contradicts it."""
    if record is None:
        return _without_record(path)
    size = os.stat(path).st_size
    if size < record.end:
        lost = record.end - size
        return [], [f"{lost:,} committed bytes are missing at the end; 'generate' repairs the file"]
    are = "is" if record.rows == 1 else "are"
    rows_of_record = _counted(record.rows, "row")
    said = [f"commit record: {rows_of_record} in {record.end:,} bytes {are} committed"]
    if record.pending is not None:
        said.append(
            f"  a batch of {_counted(record.pending.rows, 'row')} is being written, or its writer"
            " was killed;"
            " the next 'generate' keeps it if it is whole, else moves it aside"
        )
    elif size > record.end:
        said.append(f"  {size - record.end:,} bytes after it were appended by another program")
    accounting = data.accounting
    rows = accounting.lines - accounting.header - accounting.incomplete_tail
    if data.file.size_bytes == record.end and rows != record.rows:
        return said, [_ROWS_DIFFER]
    return said, []


def _without_record(path: str) -> Tuple[List[str], List[str]]:
    beside = commit_path(path)
    if not beside.exists():
        return ["commit record: none; the file was not written by this program"], []
    return [], [f"{beside.name} is damaged or belongs to another file; delete it to continue"]
