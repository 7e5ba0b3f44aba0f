"""Tasks that two processes share out between them: this one and a forked copy of it.

What the tasks start from may be large: a fork has it at once, where any other process would have
to be sent it.  Whichever process is free takes the next task.  The child reports its results
through a pipe when no task is left; tasks it did not report are run again in the parent, so a
child that is killed costs time and nothing else.  Each task must bear being run twice, and must
not need another's result.

Where this process cannot be forked, the parent runs everything.
"""

from __future__ import annotations

import os
from typing import Iterator, List, Optional, Set

from finops.forked import ForkedCopy, can_fork

_STARTED, _RESULT = b"S", b"R"
_MAX_TASKS = 256  # a ticket is one byte


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
        self._copy = ForkedCopy(self._report)
        # A ticket for each task: only one process can read a byte of a pipe.
        self._tickets, sink = os.pipe()
        os.write(sink, bytes(range(tasks.count)))
        os.close(sink)
        self._waiting_for: Optional[int] = None  # the task that the child started last
        self._child_was_last = False  # and whether it started later than any task here

    def __enter__(self) -> _Fork:
        self._copy.__enter__()
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
        os.close(self._tickets)
        self._copy.__exit__(*raised)

    def _taken(self) -> Iterator[int]:
        while True:
            ticket = os.read(self._tickets, 1)
            if not ticket:
                return
            yield ticket[0]

    def _receive(self, wait: bool) -> Set[int]:
        """Take over what the child has reported by now, or until it ends; return those tasks."""
        reported: Set[int] = set()
        while wait or self._copy.has_reported():
            head = self._copy.read(2)
            if head[:1] == _STARTED:
                self._waiting_for, self._child_was_last = head[1], True
                self._tasks.begin(head[1])
                continue
            result = self._copy.read(int.from_bytes(self._copy.read(8), "little"))
            if not result:
                break
            self._tasks.absorb(head[1], result)
            reported.add(head[1])
        return reported

    def _report(self, writer: int) -> None:
        """Run tasks in the child as long as there are any.

        The results are sent at the end, since nobody reads before.
        """
        done = self._run_here(writer)
        with open(writer, "wb") as stream:
            for number in done:
                result = self._tasks.serialize(number)
                size = len(result).to_bytes(8, "little")
                stream.write(_RESULT + bytes([number]) + size + result)

    def _run_here(self, writer: int) -> List[int]:
        done = []
        for number in self._taken():
            os.write(writer, _STARTED + bytes([number]))
            self._tasks.do(number)
            done.append(number)
        return done
