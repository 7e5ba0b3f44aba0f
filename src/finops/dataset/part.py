"""One part of a file, from bytes to packed cubes: what each process of a scan does.

A part's result is plain lists and arrays (see `wire`), so that it travels between processes and
can be kept.  Parts of one file add up in file order.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple

from finops import config
from finops.catalog import PriceTable
from finops.dataset.batch import Batch, Encoder
from finops.dataset.cubes import Run, Shared
from finops.dataset.fold import FilledCube
from finops.dataset.header import Header
from finops.dataset.journeys import JourneyReader, Journeys
from finops.dataset.pieces import Accounts, PieceReader
from finops.dataset.plan import Plan

# Small enough for the caches of the processor, large enough for the overhead of a block.
PIECE_BYTES = 128 * 1024
BytesDone = Callable[[int], None]


def scan_part(
    stream: BinaryIO,
    span: Tuple[int, int],
    header: Header,
    plan: Plan,
    prices: PriceTable,
    latest: bytes,
    progress: Optional[BytesDone] = None,
) -> Dict[str, Any]:
    """Read the lines that start in the bytes [from, to) and return the part's result.

    `span` begins at the start of a line.  A last line without an end is the incomplete tail.
    """
    encoder = Encoder()
    reader = PieceReader(header, encoder, prices, latest)
    cubes = plan.cubes()
    journeys = JourneyReader()
    for batch in batches(stream, span, reader, progress):
        runs = hours_of(batch.times)
        shared: Shared = {}
        for cube in cubes:
            cube.add(batch, runs, encoder, shared)
        journeys.add(batch, encoder)
    for cube in cubes:
        cube.close()
    return {
        "accounts": vars(reader.accounts),
        "customer_keys": encoder.customer_keys,
        "journeys": journeys.finish(encoder).plain(),
        "cubes": [[cube.projection.keys, cube.packed] for cube in cubes],
    }


def batches(
    stream: BinaryIO,
    span: Tuple[int, int],
    reader: PieceReader,
    progress: Optional[BytesDone] = None,
) -> Iterator[Batch]:
    """Yield the calls of a span of bytes, block by block; `progress` gets bytes done so far."""
    for piece in pieces(stream, span, reader.accounts, progress):
        batch = reader.read(piece)
        if batch is not None:
            yield batch


def pieces(
    stream: BinaryIO,
    span: Tuple[int, int],
    accounts: Accounts,
    progress: Optional[BytesDone] = None,
) -> Iterator[bytes]:
    """Yield blocks of whole lines.

    A line longer than is allowed is dropped as it is read, so that memory stays bounded, and
    counted; so is what follows the last line end.
    """
    start, end = span
    stream.seek(start)
    position, rest, dropping = start, b"", False
    while position < end:
        chunk = stream.read(min(PIECE_BYTES, end - position))
        if not chunk:
            break
        position += len(chunk)
        if progress is not None:
            progress(position - start)
        if dropping:
            cut = chunk.find(b"\n")
            if cut < 0:
                continue
            chunk, dropping = chunk[cut + 1 :], False
            accounts.lines += 1
            accounts.skip("line too long", accounts.lines)
        cut = chunk.rfind(b"\n")
        if cut >= 0:
            yield rest + chunk[: cut + 1]
            rest = chunk[cut + 1 :]
        else:
            rest += chunk
        if len(rest) > config.MAX_LINE_BYTES:
            rest, dropping = b"", True
    if rest or dropping:
        accounts.lines += 1
        accounts.incomplete_tail += 1


def hours_of(times: List[bytes]) -> List[Run]:
    """Return the stretches of equal hours of ascending timestamps.

    >>> hours_of([b"2025-01-01T09:30:00", b"2025-01-01T09:31:00", b"2025-01-01T10:00:00"])
    [(b'2025-01-01T09', 0, 2), (b'2025-01-01T10', 2, 3)]
    """
    hour = itemgetter(slice(0, 13))
    runs: List[Run] = []
    start = 0
    for key, group in groupby(times, hour):
        length = sum(1 for _ in group)
        runs.append((key, start, start + length))
        start += length
    return runs


def filled_cubes(parts: List[Dict[str, Any]], plan: Plan, place: int) -> List[FilledCube]:
    """Return one cube of the plan as each part filled it."""
    found = []
    for part in parts:
        call_keys, packed = part["cubes"][place]
        found.append(FilledCube(plan.specs[place], packed, call_keys, part["customer_keys"]))
    return found


def journeys_in(part: Dict[str, Any]) -> Journeys:
    """Return the journeys of a part's result."""
    return Journeys.revived(part["journeys"])
