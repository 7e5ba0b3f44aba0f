"""The header of a table: is this usage data at all, and where is which column.

Whatever is wrong with the file as a whole is said here, in one line, before any row is read.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from typing import BinaryIO, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from finops import config
from finops.errors import DataError
from finops.locations import is_elsewhere
from finops.reader.column_names import (
    COST,
    ColumnChoice,
    choose,
    folded,
    near_misses,
)
from finops.reader.containers import TextStream
from finops.reader.fields import BadValueError
from finops.reader.options import ReadingOptions
from finops.reader.preamble import HeaderLine, delimiter_of, find_header, split_names
from finops.reader.records import Dialect, split_record
from finops.regular_files import NotRegularFileError, open_regular
from finops.schema import READ_NAMES, REQUIRED_COLUMNS, WRITTEN_NAMES

_category = unicodedata.ucd_3_2_0.category

_SHOWN_NAMES = 8


class NotUsageDataError(DataError):
    """A file is something else than a table of calls."""


class NoSuchColumnError(DataError):
    """A column that the options name is not in a file."""


class Header(NamedTuple):
    """Where the columns are.

    `positions` maps a column name to its index among `width` fields; `line` is the raw header
    without its end, by which repeated headers are recognised; `data_start` is the offset of the
    first byte after it; `notes` are sentences on what is unusual but harmless.  Fields are
    divided by `delimiter`, and `currency` is that of the column `cost_usd`.  `blank` and
    `comments` count the lines before the header, which takes `lines` itself.
    """

    positions: Dict[str, int]
    width: int
    line: bytes
    data_start: int
    notes: Tuple[str, ...]
    delimiter: bytes = b","
    currency: str = "USD"
    blank: int = 0
    comments: int = 0
    lines: int = 1

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma may stand for a decimal point in numbers."""
        return self.delimiter == b";"

    @property
    def dialect(self) -> Dialect:
        """How the fields of a record are divided."""
        return Dialect(self.delimiter, self.width)


def open_csv(path: str) -> BinaryIO:
    """Open a regular file for reading bytes; raises DataError with the remedy where it isn't."""
    if is_elsewhere(path):
        raise DataError(f"{path} is not on this machine; copy it here and give the path of the CSV")
    try:
        return open_regular(path, buffering=0)
    except NotRegularFileError:
        kind = "a folder" if os.path.isdir(path) else "not a regular file"
        raise DataError(f"{path} is {kind}; give the path of a CSV file") from None
    except FileNotFoundError:
        raise DataError(
            f"no such file: {path}; make one with 'python -m finops generate' or give --data"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}") from None


def read_header(
    stream: TextStream, name: str, options: ReadingOptions = ReadingOptions()
) -> Header:
    """Read the header from the start of a stream of UTF-8 text.

    `name` is that of the file, for messages.  Raises DataError where there is none to use.
    """
    text = stream.read(config.MAX_LINE_BYTES + 1)
    _refuse_foreign_kinds(text, name)
    head = find_header(text)
    if head is None:
        raise NotUsageDataError(f"{name} has no header: only blank lines and comments")
    delimiter = delimiter_of(head)
    try:
        names = split_names(head.line, delimiter)
    except (BadValueError, UnicodeDecodeError):
        raise NotUsageDataError(f"{name}: the first line is not a UTF-8 CSV header") from None
    mapping = _mapping(options, name)
    choice = choose(names, mapping)
    _refuse_unclear(names, choice, mapping, options, name)
    end = head.end or len(text)  # a header alone needs no line end
    if end > config.MAX_LINE_BYTES:
        raise NotUsageDataError(f"{name}: the header is longer than 1 MB")
    return Header(
        choice.positions,
        _width(names, text[end:], delimiter),
        head.line,
        end,
        _notes(head, names, choice, delimiter),
        delimiter,
        choice.currency,
        head.blank,
        head.comments,
        1 + head.line.count(b"\n"),
    )


def _refuse_foreign_kinds(text: bytes, name: str) -> None:
    if not text:
        raise NotUsageDataError(f"{name} is empty: not even a header line")
    if b"\0" in text.split(b"\n", 1)[0]:
        raise NotUsageDataError(f"{name} is binary, not CSV; export it as CSV first")
    if b"\r" in text and b"\n" not in text:
        raise DataError(f"{name} has CR-only line ends; convert them to LF")


def _mapping(options: ReadingOptions, name: str) -> Mapping[str, str]:
    mapping = dict(options.columns)
    unknown = next((field for field in mapping if field not in READ_NAMES), None)
    if unknown is not None:
        raise DataError(
            f"{name}: --map {shown_name(unknown)}={shown_name(mapping[unknown])}: there is no field"
            f" {shown_name(unknown)}; fields are {', '.join(READ_NAMES)}"
        )
    return mapping


def _refuse_unclear(
    names: Sequence[str],
    choice: ColumnChoice,
    mapping: Mapping[str, str],
    options: ReadingOptions,
    name: str,
) -> None:
    """Raise DataError where it is not clear which column is one that decides the figures."""
    _refuse_other_tables(names, choice, name)
    for field, column in choice.missing.items():
        raise NoSuchColumnError(
            f"{name}: --map {field}={shown_name(column)}: there is no such column;"
            f" it has {_listed(names)}"
        )
    counts = Counter(map(folded, names))
    for field in READ_NAMES:
        if counts[folded(field)] > 1 and field not in mapping:
            raise DataError(f"{name}: column {field} is there more than once in the header")
    for field, columns in choice.ambiguous.items():
        if field in REQUIRED_COLUMNS or field == COST:
            raise DataError(
                f"{name}: {' or '.join(map(shown_name, columns))} for {field}?"
                f" say which: {_remedy(field, columns[0])}"
            )
    _refuse_unclear_cost(names, choice, options, name)


def _refuse_other_tables(names: Sequence[str], choice: ColumnChoice, name: str) -> None:
    """Raise DataError where required columns are missing, with the names that are close to them."""
    settled = {*choice.positions, *choice.ambiguous, *choice.missing}
    missing = [field for field in REQUIRED_COLUMNS if field not in settled]
    if not missing:
        return
    if not choice.positions:
        raise NotUsageDataError(
            f"{name}: no header; its line must name {', '.join(REQUIRED_COLUMNS)},"
            f" and the first line is {_listed(names)}"
        )
    lacks = f"{name}: required column missing: {', '.join(missing)}"
    near = {miss.field: miss for miss in near_misses(names, choice)}
    remedies = [_remedy(field, near[field].column) for field in missing if field in near]
    if remedies:
        raise DataError(f"{lacks}; did you mean {' '.join(remedies)}?")
    raise NotUsageDataError(
        f"{lacks}; it has {_listed(names)}; name the right one with --map {missing[0]}=COLUMN"
    )


def _refuse_unclear_cost(
    names: Sequence[str], choice: ColumnChoice, options: ReadingOptions, name: str
) -> None:
    """Raise DataError where a recorded cost would be replaced by list prices in silence."""
    if choice.currency != "USD" and choice.currency not in dict(options.rates):
        raise DataError(
            f"{name}: column {shown_name(choice.aliases[COST])} is in {choice.currency};"
            f" give its price in USD with --rate {choice.currency}=RATE"
        )
    if COST in choice.positions or COST in dict(options.columns):
        return
    for miss in near_misses(names, choice):
        if miss.field == COST:
            raise DataError(
                f"{name}: column {shown_name(miss.column)}: did you mean {COST}?"
                f" add {_remedy(COST, miss.column)}, or --map {COST}= to use list prices"
            )


def _width(names: Sequence[str], rows: bytes, delimiter: bytes) -> int:
    """Return how many fields a record has.

    That is the number of names, but a delimiter may end every line but that of the header, or
    that of the header only.
    """
    first = next((line for line in rows.split(b"\n", 20)[:20] if line.strip()), b"")
    try:
        fields = split_record(first.rstrip(b"\r"), delimiter)
    except BadValueError:
        return len(names)
    if len(fields) == len(names) + 1 and not fields[-1]:
        return len(fields)
    if len(fields) == len(names) - 1 and not names[-1]:
        return len(fields)
    return len(names)


def _notes(
    head: HeaderLine, names: Sequence[str], choice: ColumnChoice, delimiter: bytes
) -> Tuple[str, ...]:
    """Return sentences on what is unusual in a header but harmless."""
    notes: List[str] = []
    if head.has_bom:
        notes.append("The file starts with a byte order mark; it was ignored.")
    if delimiter != b",":
        kind = {b";": "semicolons", b"\t": "tabs", b"|": "vertical bars"}[delimiter]
        notes.append(f"Fields are separated by {kind}.")
    if choice.aliases:
        taken = ", ".join(f"{shown_name(column)} as {f}" for f, column in choice.aliases.items())
        notes.append(f"Columns were taken by another name: {taken}.")
    close = near_misses(names, choice)
    notes += [
        f"Column {shown_name(miss.column)} was not used; if it is {miss.field},"
        f" add {_remedy(miss.field, miss.column)}."
        for miss in close
    ]
    notes += [
        f"Columns {', '.join(map(shown_name, columns))} were not used, since any may be {field};"
        f" add --map {field}=COLUMN."
        for field, columns in choice.ambiguous.items()
    ]
    mentioned = {miss.column for miss in close}.union(*choice.ambiguous.values())
    used = set(choice.positions.values())
    extra = [n for k, n in enumerate(names) if n and k not in used and n not in mentioned]
    if extra:
        notes.append(
            f"Columns that are not used were ignored: {', '.join(map(shown_name, extra))}."
        )
    missing = [n for n in WRITTEN_NAMES if n not in choice.positions]
    if missing:
        notes.append(f"Columns that are not in the file got their defaults: {', '.join(missing)}.")
    return tuple(notes)


def _remedy(field: str, column: str) -> str:
    """Return the option that says which column a field is."""
    return f"--map {field}={shown_name(column)}"


def _listed(names: Sequence[str]) -> str:
    """Return the first names of a header for a sentence."""
    shown = ", ".join(map(shown_name, names[:_SHOWN_NAMES]))
    return f"{shown}, ..." if len(names) > _SHOWN_NAMES else shown


def shown_name(name: str) -> str:
    """Return a name out of the data cut to what fits in a sentence, controls replaced.

    What is printable is asked of the one Unicode version that every Python has.
    """
    clean = "".join(c if c == " " or _category(c)[0] not in "CZ" else "?" for c in name)
    return clean if len(clean) <= 40 else clean[:37] + "..."
