"""The first line of a CSV: is this usage data at all, and where is which column.

Whatever is wrong with the file as a whole is said here, in one line, before any row is read.
"""

from __future__ import annotations

import csv
import os
import unicodedata
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Tuple

from finops import config
from finops.errors import DataError
from finops.locations import is_elsewhere
from finops.regular_files import NotRegularFileError, open_regular
from finops.schema import COLUMN_NAMES, REQUIRED_COLUMNS, WRITTEN_NAMES

_category = unicodedata.ucd_3_2_0.category

_BOM = b"\xef\xbb\xbf"


class Header(NamedTuple):
    """Where the columns are.

    `positions` maps a column name to its index among `width` fields; `line` is the raw first
    line without its end, by which repeated headers are recognised; `data_start` is the offset
    of the first byte after it; `notes` are sentences on what is unusual but harmless.
    """

    positions: Dict[str, int]
    width: int
    line: bytes
    data_start: int
    notes: Tuple[str, ...]


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


def read_header(stream: BinaryIO, name: str) -> Header:
    """Read the header from the start of a stream; raise DataError where there is none to use."""
    raw = stream.read(config.MAX_LINE_BYTES + 1)
    _refuse_foreign_kinds(raw, name)
    end = raw.find(b"\n")
    first = raw if end < 0 else raw[:end]
    notes: List[str] = []
    line = first
    if line.startswith(_BOM):
        line = line[len(_BOM) :]
        notes.append("The file starts with a byte order mark; it was ignored.")
    names = _names(line.rstrip(b"\r"), name)
    if end < 0:
        raise DataError(f"{name}: the header line has no end; is this a CSV with LF line ends?")
    extra = [n for n in names if n not in COLUMN_NAMES]
    if extra:
        notes.append(f"Columns that are not used were ignored: {', '.join(map(_shown, extra))}.")
    missing = [n for n in WRITTEN_NAMES if n not in names]
    if missing:
        notes.append(f"Columns that are not in the file got their defaults: {', '.join(missing)}.")
    positions = {n: i for i, n in enumerate(names) if n in COLUMN_NAMES}
    return Header(positions, len(names), line.rstrip(b"\r"), end + 1, tuple(notes))


def _refuse_foreign_kinds(raw: bytes, name: str) -> None:
    if not raw:
        raise DataError(f"{name} is empty: not even a header line")
    kinds = {b"\x1f\x8b": "gzip-compressed", b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text"}
    kind = kinds.get(raw[:2]) or ("binary" if b"\0" in raw.split(b"\n", 1)[0] else None)
    if kind:
        raise DataError(f"{name} is {kind}, not UTF-8 CSV; convert it first")
    if b"\r" in raw and b"\n" not in raw:
        raise DataError(f"{name} has CR-only line ends; convert them to LF")


def _names(line: bytes, name: str) -> List[str]:
    """Return the column names of a header line, checked."""
    try:
        text = line.decode("utf-8")
        names = [n.strip() for n in next(csv.reader([text], strict=True), [])]
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{name}: the first line is not a UTF-8 CSV header") from None
    known = [n for n in names if n in COLUMN_NAMES]
    twice = next((n for n in known if known.count(n) > 1), None)
    if twice is not None:
        raise DataError(f"{name}: column {twice} is there more than once in the header")
    missing = [n for n in REQUIRED_COLUMNS if n not in names]
    if missing:
        raise DataError(f"{name}: {_why_missing(text, known, missing)}")
    return names


def _why_missing(text: str, known: List[str], missing: List[str]) -> str:
    other = _other_delimiter(text)
    if other:
        return f"the columns are separated by {other}, not by commas; convert it first"
    if not known:
        return f"no header in the first line; it must name {', '.join(REQUIRED_COLUMNS)}"
    return f"required column missing: {', '.join(missing)}"


def _other_delimiter(text: str) -> Optional[str]:
    for delimiter, label in ((";", "semicolons"), ("\t", "tabs")):
        names = [n.strip().strip('"') for n in text.split(delimiter)]
        if len(names) > 1 and any(n in COLUMN_NAMES for n in names):
            return label
    return None


def _shown(name: str) -> str:
    """Return an extra column's name cut to what fits in a sentence, controls replaced.

    What is printable is asked of the one Unicode version that every Python has.
    """
    clean = "".join(c if c == " " or _category(c)[0] not in "CZ" else "?" for c in name)
    return clean if len(clean) <= 40 else clean[:37] + "..."
