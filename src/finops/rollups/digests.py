"""SHA-256 of a file's bytes in blocks: made while they are parsed, checked by all cores.

A checksum such as CRC-32 is no proof: an edit can keep it, and by chance one of four billion
does.  Blocks let several threads check one part, for hashing holds no lock of the interpreter.
"""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import BinaryIO, List, Sequence, Tuple

from finops import config

BLOCK_BYTES = 4 * config.MEGABYTE
_CHUNK = config.MEGABYTE

# Bytes [from, to) of the file, and the digests of their blocks.
Hashed = Tuple[int, int, Sequence[str]]


class BlockDigests:
    """Digests of what is given to `update`, block by block."""

    def __init__(self) -> None:
        self._done: List[str] = []
        self._block = hashlib.sha256()
        self._left = BLOCK_BYTES

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        while len(data) >= self._left:
            self._block.update(data[: self._left])
            self._done.append(self._block.hexdigest())
            data = data[self._left :]
            self._block, self._left = hashlib.sha256(), BLOCK_BYTES
        self._block.update(data)
        self._left -= len(data)

    def blocks(self) -> List[str]:
        """Return the digests of all whole blocks so far and of what follows them, if any."""
        rest = [self._block.hexdigest()] if self._left < BLOCK_BYTES else []
        return [*self._done, *rest]


def all_match(stream: BinaryIO, hashed: Sequence[Hashed]) -> bool:
    """Return whether the file still has the bytes that all these digests were made of.

    Ends early where a block differs; one that cannot be read does.
    """
    blocks = [
        (begin, min(begin + BLOCK_BYTES, end), digest)
        for start, end, digests in hashed
        for begin, digest in zip_longest(range(start, end, BLOCK_BYTES), digests)
        if begin is not None
    ]
    if len(blocks) != sum(len(digests) for _, _, digests in hashed):
        return False
    differs = threading.Event()

    def check(block: Tuple[int, int, str]) -> bool:
        if differs.is_set() or _digest(stream, *block[:2]) != block[2]:
            differs.set()
        return not differs.is_set()

    # Where there is one position in the file for all, one thread reads.
    threads = (os.cpu_count() or 1) if hasattr(os, "pread") else 1
    with ThreadPoolExecutor(threads) as pool:
        return all(pool.map(check, blocks))


def _digest(stream: BinaryIO, position: int, end: int) -> str:
    """Return the digest of the bytes between two offsets, "" where they cannot be read."""
    block = hashlib.sha256()
    try:
        while position < end:
            chunk = _read_at(stream, position, min(_CHUNK, end - position))
            if not chunk:
                return ""
            block.update(chunk)
            position += len(chunk)
    except OSError:
        return ""
    return block.hexdigest()


def _read_at(stream: BinaryIO, position: int, count: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(stream.fileno(), count, position)
    stream.seek(position)
    return stream.read(count)
