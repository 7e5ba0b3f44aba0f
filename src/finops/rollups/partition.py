"""One part of a file, from bytes to packed cubes: what each process of a scan does.

A part's result is plain lists and arrays (see `wire`), so that it travels between processes and
can be kept.  Parts of one file add up in file order.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Callable, Dict, Iterator, Optional

from finops import config
from finops.business.catalog import PriceTable
from finops.reader.block_reader import LINE_START_BYTES, Accounts, BlockReader
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.header import Header
from finops.reader.layout import Span
from finops.reader.row_parser import TOO_LONG
from finops.rollups.cubes import Shared, hours_of
from finops.rollups.customer_activity import ActivityReader
from finops.rollups.digests import BlockDigests
from finops.rollups.planner import Plan, closing_order

# Small enough for the caches of the processor, large enough for the overhead of a block.
BLOCK_BYTES = 128 * 1024
BytesDone = Callable[[int], None]


def scan_partition(
    stream: BinaryIO,
    span: Span,
    header: Header,
    plan: Plan,
    prices: PriceTable,
    latest: bytes,
    progress: Optional[BytesDone] = None,
) -> Dict[str, Any]:
    """Read the whole lines in the bytes [from, to) and return the part's result.

    Both ends of `span` are line starts.  The result has plain lists and arrays only.
    """
    encoder = KeyEncoder()
    reader = BlockReader(header, encoder, prices, latest)
    cubes = plan.cubes()
    direct = [cube for cube in cubes if cube.source is None]
    journeys = ActivityReader()
    source = Blocks(stream, span, reader.accounts, progress)
    for batch in batches(source, reader):
        runs = hours_of(batch.times)
        shared: Shared = {}
        for cube in direct:
            cube.add(batch, runs, encoder, shared)
        journeys.add(batch, encoder)
    for cube in closing_order(cubes):
        cube.close()
    return {
        "span": list(span),
        "digests": source.digests.blocks(),
        "accounts": vars(reader.accounts),
        "customer_keys": encoder.customer_keys,
        "journeys": journeys.finish(encoder).plain(),
        "cubes": [[cube.projection.keys, cube.packed] for cube in cubes if cube.kept],
    }


def batches(source: Blocks, reader: BlockReader) -> Iterator[Batch]:
    """Yield the calls of blocks of lines."""
    for piece in source:
        batch = reader.read(piece)
        if batch is not None:
            yield batch


class Blocks:
    """The whole lines of a span in blocks; `digests` are those of all bytes read so far.

    A line longer than is allowed is dropped as it is read, so that memory stays bounded, and
    counted in `accounts`.
    """

    def __init__(
        self,
        stream: BinaryIO,
        span: Span,
        accounts: Accounts,
        progress: Optional[BytesDone] = None,
    ) -> None:
        self.digests = BlockDigests()
        self._stream = stream
        self._span = span
        self._accounts = accounts
        self._progress = progress

    def __iter__(self) -> Iterator[bytes]:
        rest, dropping = b"", b""
        for chunk in self._chunks():
            if dropping:
                cut = chunk.find(b"\n")
                if cut < 0:
                    continue
                self._drop_line(dropping)
                chunk, dropping = chunk[cut + 1 :], b""
            cut = chunk.rfind(b"\n")
            if cut >= 0:
                yield rest + chunk[: cut + 1]
                rest = chunk[cut + 1 :]
            else:
                rest += chunk
            if len(rest) > config.MAX_LINE_BYTES + 1:  # one more may be the CR of its end
                rest, dropping = b"", rest[:LINE_START_BYTES]

    def _chunks(self) -> Iterator[bytes]:
        start, end = self._span
        self._stream.seek(start)
        position = start
        while position < end:
            chunk = self._stream.read(min(BLOCK_BYTES, end - position))
            if not chunk:
                break
            position += len(chunk)
            self.digests.update(chunk)
            if self._progress is not None:
                self._progress(position - start)
            yield chunk

    def _drop_line(self, start: bytes) -> None:
        self._accounts.lines += 1
        self._accounts.skip(TOO_LONG, self._accounts.lines, start)
