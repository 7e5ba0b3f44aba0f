"""Files in parts of some size: several small files, or some lines of a large one."""

from __future__ import annotations

import codecs
from typing import BinaryIO, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops.importers.base import Format
from finops.importers.json_records import is_document
from finops.importers.kinds import first_bytes, is_database, is_table
from finops.importers.sources import READ_ERRORS, Source
from finops.regular_files import open_regular

PART_BYTES = 1 << 18
# A file of this size that cannot be cut is read some records at a time, and not as a part.
_LARGEST_WHOLE_BYTES = 16 << 20
WORTH_SHARING_BYTES = 4 << 20
_SKIPPED_AT_ONCE = 1 << 20
_MARKS = (b"\x1f\x8b", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class SizedSource(NamedTuple):
    """A file and its size in bytes."""

    source: Source
    size: int


class Part(NamedTuple):
    """What is read at a time: files, or lines of one.  Not `is_small`: one large file."""

    sources: Tuple[Source, ...]
    is_small: bool


def is_worth_sharing(format: Format, files: Sequence[SizedSource]) -> bool:
    """Return whether two processes read files in less time than one, by their sizes."""
    sizes = [file.size for file in files if _fits(file) or format.has_independent_lines]
    return sum(sizes) >= WORTH_SHARING_BYTES


def parts_of(format: Format, files: Sequence[SizedSource], most: int) -> Iterator[Part]:
    """Yield files in at most `most` small parts, in their order, and large ones."""
    size = max(PART_BYTES, 2 * sum(file.size for file in files) // most)
    waiting: List[Source] = []
    length = 0
    for file in _cut(format, files, size):
        is_small = _fits(file)
        if waiting and (not is_small or length >= size):
            yield Part(tuple(waiting), True)
            waiting, length = [], 0
        if is_small:
            waiting.append(file.source)
            length += file.size
        else:
            yield Part((file.source,), False)
    if waiting:
        yield Part(tuple(waiting), True)


def _fits(file: SizedSource) -> bool:
    return file.source.is_part or file.size <= _LARGEST_WHOLE_BYTES


def _cut(format: Format, files: Sequence[SizedSource], size: int) -> Iterator[SizedSource]:
    """Yield the files, in place of a large one its parts where it has any."""
    for file in files:
        if format.has_independent_lines and file.size >= 2 * size:
            yield from _parts_of_lines(file, size)
        else:
            yield file


def _parts_of_lines(file: SizedSource, size: int) -> Iterator[SizedSource]:
    source = file.source
    cuts = _cuts(source, size, file.size) if _has_records_in_lines(source) else None
    if not cuts:
        yield file
        return
    starts = [0, *cuts]
    for start, end in zip(starts, cuts):
        yield SizedSource(source._replace(start=start, end=end), end - start)
    # What is written to the file in the meantime belongs to its last part.
    yield SizedSource(source._replace(start=starts[-1]), file.size - starts[-1])


def _has_records_in_lines(source: Source) -> bool:
    try:
        with open_regular(source.path) as stream:
            is_packed = stream.read(2).startswith(_MARKS)
        if is_packed or is_table(source) or is_database(source) or not first_bytes(source).strip():
            return False
        return not is_document(source)
    except READ_ERRORS:
        return False


def _cuts(source: Source, size: int, length: int) -> Optional[List[int]]:
    """Return where parts of about a size begin, each with a line; None where nothing is read."""
    cuts: List[int] = []
    try:
        with open_regular(source.path) as stream:
            place = size
            while place < length:
                stream.seek(place)
                if not _skip_line(stream) or stream.tell() >= length:
                    break
                cuts.append(stream.tell())
                place = cuts[-1] + size
    except OSError:
        return None
    return cuts


def _skip_line(stream: BinaryIO) -> bool:
    """Go to the next line; False where there is none."""
    while True:
        line = stream.readline(_SKIPPED_AT_ONCE)
        if not line:
            return False
        if line.endswith(b"\n"):
            return True
