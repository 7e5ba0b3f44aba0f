"""What was read of a file before, kept beside it: only appended bytes are read again.

The parts of a scan add up, so they can be written down (`CSV.cache`) and completed later.  They
are used only if nothing can have changed: same code, constants, Python, definitions, prices and
header, and the very bytes that they were made from.  That is proved by SHA-256 of all of them
(reading bytes is far cheaper than understanding them), made of what was parsed as it was parsed.
It is taken for granted where the system says that the file is the one that was opened then, and
untouched since well before.  Any doubt means reading everything again.  The cache may be
deleted at any time, and it is plain data (see `serialization`): reading a foreign one can cost
time, not safety; one that another user wrote is not used.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from contextlib import suppress
from typing import Any, BinaryIO, Dict, List, NamedTuple, Sequence, Tuple

from finops import config
from finops.reader.layout import FileLayout
from finops.reader.options import ReadingRules
from finops.resources import sources
from finops.rollups import serialization
from finops.rollups.digests import all_match
from finops.rollups.part import PartitionResult
from finops.rollups.planner import Plan
from finops.rollups.readings import Reading
from finops.storage.file_operations import FILES
from finops.storage.sidecars import read_own, sidecar

# Smaller files are read again faster than anybody notices.
MIN_STATE_BYTES = 4 * config.MEGABYTE
# A last part smaller than this is read again together with what was appended if that is as much,
# so that many small appends do not make many small parts.
SEALED_PART_BYTES = 32 * config.MEGABYTE
# A file changed this shortly before it was opened may change again with no other time to show:
# file times have a grain, and of a file that is mapped into memory they say what was changed
# only as often as the system writes its pages back, which is every half minute.
_SETTLED_S = 120.0
_STALE_TEMPORARY_S = 60
_MOST_BYTES = 1 << 32
# What decides a figure between the bytes of a file and the tables: the code of all of these,
# which is everything that the reading of a dataset imports.
_DECIDING = (
    *("atomic", "business", "config", "context", "errors", "json_files", "locations", "processes"),
    *("reader", "regular_files", "resources", "rollups", "schema", "stats", "storage"),
    "timestamps",
)


class Identity(NamedTuple):
    """What the system says of an open file; all of it changes with its bytes, on POSIX systems.

    Times are in nanoseconds.  That of the last change can be set by nobody; that of the last
    modification can.
    """

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, stream: BinaryIO) -> Identity:
        """Return the identity of the very file that is open."""
        about = os.fstat(stream.fileno())
        return cls(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)

    @property
    def is_settled(self) -> bool:
        """Whether any later change would show; Windows has no time of change."""
        age = time.time() - max(self.modified, self.changed) / 1e9
        return os.name == "posix" and age > _SETTLED_S

    def is_continued_by(self, later: Identity) -> bool:
        """Return whether the same file is untouched, or has at most grown."""
        grown = self[:2] == later[:2] and later.size > self.size
        return later == self or grown


class Kept(NamedTuple):
    """What still holds: a reading of the parts that bytes to come do not change, and `tail`, what
    followed them, if it is as it was.

    `is_complete` says that both are of all there is now, and `seal_again` that writing them down
    anew saves a check.
    """

    reading: Reading
    tail: Sequence[PartitionResult] = ()
    is_complete: bool = False
    seal_again: bool = False

    @property
    def whole(self) -> Reading:
        """The reading of all parts."""
        return self.reading._replace(parts=[*self.reading.parts, *self.tail])


def cache_path(path: str) -> str:
    """Return where what was read of a CSV is kept."""
    return str(sidecar(path, ".cache"))


def fingerprint(plan: Plan, rules: ReadingRules) -> str:
    """Return a hash of everything but the data that a scan's result depends on.

    Returns "" where the code cannot be read: nothing can be kept then.
    """
    digest = hashlib.sha256()
    for name in _DECIDING:
        for source in sources(f"finops.{name}"):
            if not source:
                return ""
            digest.update(source.encode("utf-8"))
    about = (platform.python_implementation(), platform.python_version(), _constants())
    asked = (plan.specs, plan.measures(), plan.follows_calls, plan.followed)
    read_by = (rules.prices.content, rules.options)
    digest.update(repr((asked, read_by, about)).encode("utf-8"))
    return digest.hexdigest()


def _constants() -> List[Tuple[str, str]]:
    """Return the configuration as it is now, which settings may have changed.

    Budgets are not in it: what may be spent decides nothing of what was.
    """
    return [
        (name, repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value))
        for name, value in sorted(vars(config).items())
        if name.isupper() and name != "BUDGETS"
    ]


def load(layout: FileLayout, stream: BinaryIO, key: str, rules: ReadingRules) -> Kept:
    """Return what still holds of the file that was inspected, no part in doubt.

    `rules` are those of now.  As long as a file is unchanged the limits of plausible times are
    those with which it was first read.
    """
    nothing = Kept(Reading([], rules))
    try:
        kept = _read(layout.path)
        if not key or kept["key"] != key or kept["header"] != layout.header.line.decode("utf-8"):
            return nothing
        body, tail = _parts_of(kept["parts"]), _parts_of(kept["tail"])
        start = layout.header.data_start
        if not body or not _are_contiguous(body, start, layout.whole_end):
            return nothing
        seen = Identity.of(stream)
        untouched = kept["settled"] is True and seen == tuple(kept["file"])
        if not untouched and not _match(stream, body):
            return nothing
        parts = [*body, *tail]
        is_whole = parts[-1].span[1] == layout.end and _are_contiguous(parts, start, layout.end)
        same = is_whole and kept["clock"] == layout.clock
        is_complete = same and (untouched or _match(stream, tail))
        reading = _revived(kept, body, rules, is_complete)
        if not is_complete:
            return Kept(reading)
        settled = not untouched and seen == Identity.of(stream) and seen.is_settled
        return Kept(reading, tail, is_complete, settled)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return nothing


def _parts_of(plain: List[Dict[str, Any]]) -> List[PartitionResult]:
    return [PartitionResult.from_plain(part) for part in plain]


def _match(stream: BinaryIO, parts: Sequence[PartitionResult]) -> bool:
    """Return whether the file still has the bytes that parts were made from."""
    return not parts or all_match(stream, [(*part.span, part.digests) for part in parts])


def _revived(
    kept: Dict[str, Any], body: List[PartitionResult], rules: ReadingRules, is_complete: bool
) -> Reading:
    """Return the reading that was kept.

    Where it is not of all there is it has no parts if what follows may change what they are.
    """
    if not is_complete and (kept["has_repeats"] or not as_plausible(body, rules.latest)):
        return Reading([], rules)
    latest = str(kept["latest"]).encode("ascii") if is_complete else rules.latest
    rules = rules._replace(latest=latest, implausible_used=bool(kept["implausible_used"]))
    return Reading(body, rules, bool(kept["has_repeats"]))


def _read(path: str) -> Dict[str, Any]:
    """Return what is kept; raises ValueError or OSError where it cannot be read."""
    content = read_own(cache_path(path), _MOST_BYTES, only_mine=True)
    digest, body = content[:32], content[32:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("damaged")
    kept = serialization.load(body)
    if not isinstance(kept, dict):
        raise ValueError("not a cache")
    return kept


def without_small_tail(parts: Sequence[PartitionResult], end: int) -> List[PartitionResult]:
    """Return the parts that the bytes up to `end` are added to; small last ones are to be read
    again.

    A small part is one that is no larger than all that follows it.  So there are few of them,
    and of many appends each byte is read again only a few times: as often as parts double until
    they are sealed.
    """
    left = list(parts)
    while left:
        start, stop = left[-1].span
        if stop - start >= SEALED_PART_BYTES or stop - start > end - stop:
            break
        left.pop()
    return left


def save(
    layout: FileLayout,
    stream: BinaryIO,
    seen: Identity,
    key: str,
    reading: Reading,
    tail: Sequence[PartitionResult] = (),
) -> None:
    """Keep a reading beside the file, where that is worth it, possible and beyond doubt.

    `tail` are the last parts of it if bytes to come may change them, which its own are not.
    `seen` is the file's identity before anything was read.  A file that has grown since keeps
    what was read of it, since that is held against the bytes when it is used; one that was
    changed otherwise or replaced keeps nothing.
    """
    if not key or layout.end < MIN_STATE_BYTES:
        return
    if not seen.is_continued_by(Identity.of(stream)) or not _is_still_there(layout.path, seen):
        return
    body = serialization.dump(
        {
            "key": key,
            "header": layout.header.line.decode("utf-8"),
            "file": list(seen),
            "settled": seen.is_settled,
            "latest": reading.rules.latest.decode("ascii"),
            "clock": layout.clock,
            "implausible_used": reading.rules.implausible_used,
            "has_repeats": reading.has_repeats,
            "parts": [part.plain() for part in reading.parts],
            "tail": [part.plain() for part in tail],
        }
    )
    target = cache_path(layout.path)
    FILES.remove_left(target, _STALE_TEMPORARY_S)
    # A folder that cannot be written to: the next run reads everything again.
    with suppress(OSError):
        FILES.put(target, hashlib.sha256(body).digest() + body)
    _remove_former(layout.path)


def _remove_former(path: str) -> None:
    """Remove what a version before kept, under another name, if that is what it is."""
    former = str(sidecar(path, ".state"))
    with suppress(OSError, ValueError):
        content = read_own(former, _MOST_BYTES, only_mine=True)
        body = memoryview(content)[32:]
        ours = bytes(body[: len(serialization.MAGIC)]) == serialization.MAGIC
        if ours and hashlib.sha256(body).digest() == content[:32]:
            os.unlink(former)


def _is_still_there(path: str, seen: Identity) -> bool:
    """Return whether the path still names the file that was read."""
    try:
        about = os.stat(path)
    except OSError:
        return False
    return (about.st_dev, about.st_ino) == seen[:2]


def _are_contiguous(parts: Sequence[PartitionResult], start: int, most: int) -> bool:
    """Return whether parts follow each other from an offset on, and go no farther than another."""
    position = start
    for part in parts:
        begin, end = part.span
        if begin != position or end < begin:
            return False
        position = end
    return position <= most


def as_plausible(parts: List[PartitionResult], latest: bytes) -> bool:
    """Return whether each time is as plausible as when the parts were read: none lay ahead then,
    and none does now.
    """
    last = latest.decode("ascii")
    return all(not part.accounts["ahead"] and max(part.ends, default="") <= last for part in parts)
