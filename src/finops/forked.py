"""A forked copy of this process that does some work, reports through a pipe, and never stays.

The copy has everything at once that this process has; any other process would have to be sent
it.  A fork copies one thread, with the locks of all: with other threads, and on systems that
cannot fork, there is none.  The copy never outlives this process, whose locks it holds.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Callable, NoReturn, Optional

from finops.processes import end_when_closed

if sys.platform == "linux":
    import fcntl

_GRACE_S = 1.0
_POLL_S = 0.01
# F_SETPIPE_SZ of Linux, which Python knows since 3.10; and the most that any user may ask for.
_SET_PIPE_SIZE, _PIPE_BYTES = 1031, 1 << 20


def can_fork() -> bool:
    """Return whether this process may be forked."""
    return hasattr(os, "fork") and threading.active_count() == 1


class ForkedCopy:
    """A copy of this process that calls `work` with a descriptor to write its report to.

    Use it as a context: however that is left, the copy has ended.  Where the system refuses a
    copy there is none, and its report is empty.
    """

    def __init__(self, work: Callable[[int], None]) -> None:
        self._work = work
        self._child: Optional[int] = None
        self._reader, self._writer = os.pipe()
        self._lifeline, self._held = os.pipe()

    def __enter__(self) -> ForkedCopy:
        with suppress(OSError):  # no memory, too many processes: this process does everything
            self._child = os.fork()
        if self._child == 0:
            self._be_the_copy()
        os.close(self._writer)
        os.close(self._lifeline)
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self._reader)
        if self._child:
            _end(self._child, gently=raised[0] is None)
        os.close(self._held)

    def widen(self) -> None:
        """Let the report run far ahead of its reader, where the system can."""
        if sys.platform == "linux":
            with suppress(OSError):
                fcntl.fcntl(self._reader, _SET_PIPE_SIZE, _PIPE_BYTES)

    def has_reported(self) -> bool:
        """Return whether `read` would not wait: there is something to read, or the copy ended."""
        return bool(select.select([self._reader], [], [], 0)[0])

    def read(self, count: int) -> bytes:
        """Return so many bytes of the report, none where the copy ended before."""
        content = bytearray()
        while len(content) < count:
            more = os.read(self._reader, count - len(content))
            if not more:
                return b""
            content += more
        return bytes(content)

    def _be_the_copy(self) -> NoReturn:
        """Do the work and end at once.

        Nothing of what this process would do at its end may happen in the copy as well.
        """
        status = 1
        try:
            os.close(self._reader)
            os.close(self._held)
            end_when_closed(self._lifeline)
            self._work(self._writer)
            status = 0
        except BaseException:  # whatever it is, what is missing is done again and fails there
            pass
        finally:
            os._exit(status)


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
