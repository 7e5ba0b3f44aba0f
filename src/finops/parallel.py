"""Tasks that two processes share out between them: this one and a forked copy of it.

What the tasks start from may be large: a fork has it at once, where any other process would have
to be sent it.  Whichever process is free takes the next task.  The child reports its results
through a pipe when no task is left; tasks it did not report are run again in the parent, so a
child that is killed costs time and nothing else.  Each task must bear being run twice, and must
not need another's result.

A fork copies one thread, with the locks of all: with other threads, and on systems that cannot
fork, the parent runs everything.  The child never outlives the parent, whose locks it holds.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import suppress
from typing import Iterator, List, NoReturn, Optional, Set

from finops.processes import end_when_closed

_STARTED, _RESULT = b"S", b"R"
_MAX_TASKS = 256  # a ticket is one byte
_GRACE_S = 1.0
_POLL_S = 0.01


class TaskSet:
    """Tasks by number, from 0 to `count` - 1."""

    count = 0

    def begin(self, number: int) -> None:
        """Note that a task has begun; called in the parent, wherever the task runs.

        Called again for one that is being waited for, when there is nothing else to do.
        """

    def do(self, number: int) -> None:
        """Run a task."""
        raise NotImplementedError

    def serialize(self, number: int) -> bytes:
        """Return the result of a task, at least a byte; called in the process that ran it."""
        raise NotImplementedError

    def absorb(self, number: int, report: bytes) -> None:
        """Take over the result of a task that the child ran; called in the parent."""
        raise NotImplementedError


def can_fork() -> bool:
    """Return whether this process may be forked."""
    return hasattr(os, "fork") and threading.active_count() == 1


def run_in_two_processes(tasks: TaskSet, together: bool = True) -> None:
    """Run all tasks, `together` with a fork of this process where there can be one.

    Raises what a task raises in this process; the child has ended then.
    """
    left = list(range(tasks.count))
    if together and can_fork() and 1 < tasks.count <= _MAX_TASKS:
        with _Fork(tasks) as fork:
            done = fork.run()
        left = [number for number in left if number not in done]
    for number in left:
        tasks.begin(number)
        tasks.do(number)


class _Fork:
    """The parent's side and the child's; however it is left, the child has ended."""

    def __init__(self, tasks: TaskSet) -> None:
        self._tasks = tasks
        self._child: Optional[int] = None
        # A ticket for each task: only one process can read a byte of a pipe.
        self._tickets, sink = os.pipe()
        os.write(sink, bytes(range(tasks.count)))
        os.close(sink)
        self._reader, self._writer = os.pipe()
        self._lifeline, self._held = os.pipe()
        self._waiting_for: Optional[int] = None  # the task that the child started last
        self._child_was_last = False  # and whether it started later than any task here

    def __enter__(self) -> _Fork:
        with suppress(OSError):  # no memory, too many processes: the parent runs everything
            self._child = os.fork()
        if self._child == 0:
            self._be_the_child()
        os.close(self._writer)
        os.close(self._lifeline)
        return self

    def run(self) -> Set[int]:
        """Run what the child leaves; return the tasks that were done, here or there."""
        done: Set[int] = set()
        for number in self._taken():
            done |= self._receive(wait=False)
            self._child_was_last = False
            self._tasks.begin(number)
            self._tasks.do(number)
            done.add(number)
        done |= self._receive(wait=False)
        if self._waiting_for is not None and not self._child_was_last:
            self._tasks.begin(self._waiting_for)
        return done | self._receive(wait=True)

    def __exit__(self, *raised: object) -> None:
        for descriptor in (self._reader, self._tickets):
            os.close(descriptor)
        if self._child:
            _end(self._child, gently=raised[0] is None)
        os.close(self._held)

    def _taken(self) -> Iterator[int]:
        while True:
            ticket = os.read(self._tickets, 1)
            if not ticket:
                return
            yield ticket[0]

    def _receive(self, wait: bool) -> Set[int]:
        """Take over what the child has reported by now, or until it ends; return those tasks."""
        reported: Set[int] = set()
        while wait or select.select([self._reader], [], [], 0)[0]:
            head = self._read(2)
            if head[:1] == _STARTED:
                self._waiting_for, self._child_was_last = head[1], True
                self._tasks.begin(head[1])
                continue
            result = self._read(int.from_bytes(self._read(8), "little"))
            if not result:
                break
            self._tasks.absorb(head[1], result)
            reported.add(head[1])
        return reported

    def _read(self, count: int) -> bytes:
        """Return so many bytes of the child's report, none where it ended before."""
        content = b""
        while len(content) < count:
            more = os.read(self._reader, count - len(content))
            if not more:
                return b""
            content += more
        return content

    def _be_the_child(self) -> NoReturn:
        """Run tasks as long as there are any, report them, and end at once.

        Nothing of what the parent would do at its end may happen here as well.
        """
        status = 1
        try:
            os.close(self._reader)
            os.close(self._held)
            end_when_closed(self._lifeline)
            self._report(self._run_here())
            status = 0
        except BaseException:  # whatever it is, the parent runs the tasks itself and sees it, too
            pass
        finally:
            os._exit(status)

    def _run_here(self) -> List[int]:
        done = []
        for number in self._taken():
            os.write(self._writer, _STARTED + bytes([number]))
            self._tasks.do(number)
            done.append(number)
        return done

    def _report(self, done: List[int]) -> None:
        """Send the results: only now, since nobody reads before."""
        with open(self._writer, "wb") as writer:
            for number in done:
                result = self._tasks.serialize(number)
                size = len(result).to_bytes(8, "little")
                writer.write(_RESULT + bytes([number]) + size + result)


def _end(child: int, gently: bool) -> None:
    """Wait for the child; one that is not wanted any more is asked to stop, and then made to."""
    if not gently:
        give_up = time.monotonic() + _GRACE_S
        os.kill(child, signal.SIGINT)
        while time.monotonic() < give_up:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
            time.sleep(_POLL_S)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
