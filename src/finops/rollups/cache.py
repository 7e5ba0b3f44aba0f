"""What was read of a file before, kept beside it: only appended bytes are read again.

The parts of a scan add up, so they can be written down (`CSV.state`) and completed later.  They
are used only if nothing can have changed: same definitions and code, same prices, same header,
and the very bytes that they were made from, told by a checksum of all of them (reading bytes is
far cheaper than understanding them), or by a file that the system says is untouched.  Any doubt
means reading everything again.  The file may be deleted at any time, and it is plain data (see
`wire`): reading a foreign one can cost time, not safety.
"""

from __future__ import annotations

import glob
import hashlib
import os
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, List, Optional, Tuple

from finops import config
from finops.business.catalog import PriceTable
from finops.reader.layout import FileLayout
from finops.regular_files import read_regular
from finops.resources import sources
from finops.rollups import serialization
from finops.rollups.part import PartitionResult
from finops.rollups.planner import Plan

# Smaller files are read again faster than anybody notices.
MIN_STATE_BYTES = 4 * config.MEGABYTE
# A last part smaller than this is read again together with what was appended, so that many
# small appends do not make many small parts.
SEALED_PART_BYTES = 32 * config.MEGABYTE
# A file changed this shortly before it was looked at may change again unnoticed: file times
# are not that fine.
_SETTLED_S = 2.0
_STALE_TEMPORARY_S = 60
_CHUNK = config.MEGABYTE
# What decides a figure between the bytes of a file and the tables: all code of these.
_DECIDING = ("business", "reader", "rollups", "config", "schema", "stats", "timestamps", "context")


def state_path(path: str) -> str:
    """Return where the state of a CSV is kept."""
    return path + ".state"


def fingerprint(plan: Plan, prices: PriceTable) -> str:
    """Return a hash of everything but the data that a scan's result depends on."""
    found = hashlib.sha256()
    for name in _DECIDING:
        for source in sources(f"finops.{name}"):
            found.update(source.encode("utf-8"))
    found.update(repr((plan.specs, plan.measures(), list(prices))).encode("utf-8"))
    return found.hexdigest()


def load(survey: FileLayout, stream: BinaryIO, key: str) -> List[PartitionResult]:
    """Return the parts that still hold for the surveyed file, an empty list in doubt."""
    try:
        content = read_regular(state_path(survey.path))
        digest, body = content[:32], content[32:]
        if hashlib.sha256(body).digest() != digest:
            return []
        kept = serialization.load(body)
        parts = [PartitionResult.from_plain(part) for part in kept["parts"]]
        if kept["key"] != key or kept["header"] != survey.header.line.decode("utf-8"):
            return []
        if not _contiguous(parts, survey):
            return []
        untouched = kept["file"] == _identity(stream) and kept["settled"]
        return parts if untouched or _same_bytes(parts, stream) else []
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def without_small_tail(parts: List[PartitionResult]) -> List[PartitionResult]:
    """Return the parts that new bytes are added to; a small last one is to be read again."""
    if parts and parts[-1].span[1] - parts[-1].span[0] < SEALED_PART_BYTES:
        return parts[:-1]
    return parts


def save(survey: FileLayout, stream: BinaryIO, key: str, parts: List[PartitionResult]) -> None:
    """Keep the parts beside the file, where that is worth it and possible."""
    if survey.end < MIN_STATE_BYTES or _depends_on_today(parts):
        return
    seen = _identity(stream)
    body = serialization.dump(
        {
            "key": key,
            "header": survey.header.line.decode("utf-8"),
            "file": seen,
            "settled": time.time() - seen[3] / 1e9 > _SETTLED_S,
            "parts": [part.plain() for part in parts],
        }
    )
    target = Path(state_path(survey.path))
    _remove_left(target)
    aside = f"{target}.{os.getpid()}.tmp"
    try:
        with open(aside, "wb") as out:
            out.write(hashlib.sha256(body).digest() + body)
        os.replace(aside, str(target))
    except OSError:  # a folder that cannot be written to: the next run reads everything again
        _remove(aside)
    except BaseException:  # an interrupt
        _remove(aside)
        raise


def _remove_left(target: Path) -> None:
    """Remove what a killed run was writing; what is fresh may be a running one's."""
    with suppress(OSError):
        for left in target.parent.glob(glob.escape(target.name) + ".*.tmp"):
            if time.time() - left.stat().st_mtime > _STALE_TEMPORARY_S:
                _remove(str(left))


def _identity(stream: BinaryIO) -> List[int]:
    """Return what the system says of the very file that is open."""
    about = os.fstat(stream.fileno())
    return [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def _contiguous(parts: List[PartitionResult], survey: FileLayout) -> bool:
    position = survey.header.data_start
    for part in parts:
        start, end = part.span
        if start != position or end < start:
            return False
        position = end
    return position <= survey.whole_end


def _same_bytes(parts: List[PartitionResult], stream: BinaryIO) -> bool:
    """Return whether the file has the bytes that the parts were made from.

    Neither reading nor counting holds the interpreter up, so all parts are looked at at a time.
    """
    checksums: List[Optional[int]] = [None] * len(parts)

    def look(place: int) -> None:
        with suppress(OSError, ValueError):
            checksums[place] = _checksum(stream, parts[place].span)

    if not hasattr(os, "pread"):  # where there is one position for all
        for place in range(len(parts)):
            look(place)
    else:
        lookers = [threading.Thread(target=look, args=(place,)) for place in range(len(parts))]
        for one in lookers:
            one.start()
        for one in lookers:
            one.join()
    return checksums == [part.checksum for part in parts]


def _checksum(stream: BinaryIO, span: Tuple[int, int]) -> Optional[int]:
    position, end = span
    found = 0
    while position < end:
        chunk = _read_at(stream, position, min(_CHUNK, end - position))
        if not chunk:
            return None
        found = zlib.crc32(chunk, found)
        position += len(chunk)
    return found


def _read_at(stream: BinaryIO, position: int, count: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(stream.fileno(), count, position)
    stream.seek(position)
    return stream.read(count)


def _depends_on_today(parts: List[PartitionResult]) -> bool:
    """Return whether rows were left out that tomorrow may count."""
    return any("timestamp in the future" in part.accounts["skipped"] for part in parts)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.remove(path)
