"""Jobs that two processes share out between them: this one and a copy of it.

What the jobs start from may be large.  A copy made by `fork` has it at once, and the two hold it
together.  Who is free takes the next job; what came of those that the copy did it tells through
a pipe at its end, and what it did not live to tell is done here again.  So a copy that is
killed costs time and nothing else; but each job must bear being done twice, and must not need
what came of another.

A fork copies one thread, with the locks of all: where there are other threads, and on systems
that cannot fork, all is done here.  Nor may it outlive this process, or it would keep its locks.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import suppress
from typing import Iterator, List, NoReturn, Optional, Set

_BEGUN, _TOLD = b"B", b"T"
_MOST = 256  # a ticket is one byte
_GRACE_S = 1.0
_LOOK_EVERY_S = 0.01


class Jobs:
    """Jobs by number, from 0 to `count` - 1."""

    count = 0

    def begin(self, number: int) -> None:
        """Note that a job has begun; called in this process, wherever the job is done.

        Called again for one that is being waited for, when there is nothing else to do.
        """

    def do(self, number: int) -> None:
        """Do a job."""
        raise NotImplementedError

    def told(self, number: int) -> bytes:
        """Return what came of a job; called in the copy, where `do` was."""
        raise NotImplementedError

    def hear(self, number: int, found: bytes) -> None:
        """Take over what came of a job that the copy did; called in this process."""
        raise NotImplementedError


def can_share() -> bool:
    """Return whether this process may be copied."""
    return hasattr(os, "fork") and threading.active_count() == 1


def share(jobs: Jobs, together: bool = True) -> None:
    """Do all jobs, `together` with a copy of this process where there can be one.

    Raises what a job raises here; the copy has ended then.
    """
    left = list(range(jobs.count))
    if together and can_share() and 1 < jobs.count <= _MOST:
        with _Shared(jobs) as shared:
            done = shared.run()
        left = [number for number in left if number not in done]
    for number in left:
        jobs.begin(number)
        jobs.do(number)


class _Shared:
    """One sharing out; however it is left, the copy has ended."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._copy: Optional[int] = None
        # A ticket for each job: reading a byte of a pipe is something only one can do.
        self._tickets, sink = os.pipe()
        os.write(sink, bytes(range(jobs.count)))
        os.close(sink)
        self._ear, self._mouth = os.pipe()
        self._there: Optional[int] = None  # what the copy began last
        self._there_last = False  # and whether that was begun later than anything here

    def __enter__(self) -> _Shared:
        origin = os.getpid()
        with suppress(OSError):  # no memory, too many processes: all is done here
            self._copy = os.fork()
        if self._copy == 0:
            self._be_the_copy(origin)
        os.close(self._mouth)
        return self

    def run(self) -> Set[int]:
        """Do what the copy leaves; return the jobs that were done, here or there."""
        done: Set[int] = set()
        for number in self._taken():
            done |= self._listen(wait=False)
            self._there_last = False
            self._jobs.begin(number)
            self._jobs.do(number)
            done.add(number)
        done |= self._listen(wait=False)
        if self._there is not None and not self._there_last:
            self._jobs.begin(self._there)
        return done | self._listen(wait=True)

    def __exit__(self, *raised: object) -> None:
        os.close(self._ear)
        os.close(self._tickets)
        if self._copy:
            _end(self._copy, gently=raised[0] is None)

    def _taken(self) -> Iterator[int]:
        while True:
            ticket = os.read(self._tickets, 1)
            if not ticket:
                return
            yield ticket[0]

    def _listen(self, wait: bool) -> Set[int]:
        """Take over what the copy has told by now, or until it ends; return those jobs."""
        heard: Set[int] = set()
        while wait or select.select([self._ear], [], [], 0)[0]:
            word = self._heard(2)
            if word[:1] == _BEGUN:
                self._there, self._there_last = word[1], True
                self._jobs.begin(word[1])
                continue
            found = self._heard(int.from_bytes(self._heard(8), "little"))
            if not found:
                break
            self._jobs.hear(word[1], found)
            heard.add(word[1])
        return heard

    def _heard(self, count: int) -> bytes:
        """Return so many bytes of the copy's words, none where it ended before."""
        found = b""
        while len(found) < count:
            more = os.read(self._ear, count - len(found))
            if not more:
                return b""
            found += more
        return found

    def _be_the_copy(self, origin: int) -> NoReturn:
        """Do jobs as long as there are any and the origin lives, tell of them, and end at once.

        Nothing of what the origin would do at its end may happen here as well.
        """
        status = 1
        try:
            os.close(self._ear)
            self._tell(self._done_here(origin))
            status = 0
        except BaseException:  # whatever it is, the origin does the jobs itself and sees it, too
            pass
        finally:
            os._exit(status)

    def _done_here(self, origin: int) -> List[int]:
        done = []
        for number in self._taken():
            if os.getppid() != origin:
                break
            os.write(self._mouth, _BEGUN + bytes([number]))
            self._jobs.do(number)
            done.append(number)
        return done

    def _tell(self, done: List[int]) -> None:
        """Say what came of the jobs: only now, since nobody listens before."""
        with open(self._mouth, "wb") as mouth:
            for number in done:
                found = self._jobs.told(number)
                mouth.write(_TOLD + bytes([number]) + len(found).to_bytes(8, "little") + found)


def _end(copy: int, gently: bool) -> None:
    """Wait for the copy; one that is not wanted any more is asked to stop, and then made to."""
    if not gently:
        give_up = time.monotonic() + _GRACE_S
        os.kill(copy, signal.SIGINT)
        while time.monotonic() < give_up:
            if os.waitpid(copy, os.WNOHANG)[0]:
                return
            time.sleep(_LOOK_EVERY_S)
        os.kill(copy, signal.SIGKILL)
    os.waitpid(copy, 0)
