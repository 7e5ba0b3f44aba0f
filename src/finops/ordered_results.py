"""Results of tasks in the order of the tasks, computed by this process and a forked copy of it.

Whichever process is free takes the next task.  A result is handed out as soon as all before it
were, so that few of them are held at a time, however many there are.  Tasks that the copy does
not report are computed here: a copy that is killed costs time and nothing else.  Each task must
bear being computed twice, and must not need another's result.

Where this process cannot be forked, it computes everything.
"""

from __future__ import annotations

import os
import struct
from typing import Callable, Dict, Generator, Iterator, Optional

from finops.forked import ForkedCopy, can_fork

# What the tickets of so many tasks take is less than any pipe holds.
MAX_TASKS = 8000
_MAX_HELD = 8
_TICKET = struct.Struct("<H")
_HEAD = struct.Struct("<HQ")
Compute = Callable[[int], bytes]


def in_order(count: int, compute: Compute, together: bool = True) -> Generator[bytes, None, None]:
    """Yield the results of the tasks 0 to `count` - 1, each at least a byte.

    `together` uses a copy of this process where there can be one.  Raises what `compute` raises
    here; however this is left, the copy has ended.
    """
    if together and can_fork() and 1 < count <= MAX_TASKS:
        with _Sharing(count, compute) as sharing:
            yield from sharing.results()
        return
    for number in range(count):
        yield compute(number)


class _Sharing:
    """The tasks of a process and its copy."""

    def __init__(self, count: int, compute: Compute) -> None:
        self._count = count
        self._compute = compute
        self._held: Dict[int, bytes] = {}
        self._copy = ForkedCopy(self._report)
        # Only one process can read the bytes of a ticket.
        self._tickets, sink = os.pipe()
        os.write(sink, b"".join(map(_TICKET.pack, range(count))))
        os.close(sink)

    def __enter__(self) -> _Sharing:
        self._copy.__enter__()
        self._copy.widen()
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self._tickets)
        self._copy.__exit__(*raised)

    def results(self) -> Iterator[bytes]:
        """Yield the results in their order."""
        for number in range(self._count):
            while number not in self._held:
                self._advance(number)
            yield self._held.pop(number)

    def _advance(self, needed: int) -> None:
        """Take a result of the copy, or else compute one, or else wait for one of the copy."""
        if self._receive(wait=False):
            return
        ticket = self._take() if len(self._held) < _MAX_HELD else None
        if ticket is not None:
            self._held[ticket] = self._compute(ticket)
        elif not self._receive(wait=True):  # the copy has ended, and did not report it
            self._held[needed] = self._compute(needed)

    def _take(self) -> Optional[int]:
        ticket = os.read(self._tickets, _TICKET.size)
        return int(_TICKET.unpack(ticket)[0]) if ticket else None

    def _receive(self, wait: bool) -> bool:
        """Hold the next result of the copy; False where there is none."""
        if not wait and not self._copy.has_reported():
            return False
        head = self._copy.read(_HEAD.size)
        if not head:
            return False
        number, size = _HEAD.unpack(head)
        result = self._copy.read(size)
        if result:
            self._held[number] = result
        return bool(result)

    def _report(self, writer: int) -> None:
        """Compute in the copy as long as there are tasks, and send each result at once."""
        with open(writer, "wb") as stream:
            while True:
                number = self._take()
                if number is None:
                    return
                result = self._compute(number)
                stream.write(_HEAD.pack(number, len(result)) + result)
                stream.flush()
