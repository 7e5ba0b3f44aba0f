"""Start Python children: they run the package that their parent runs, and end when it ends.

A child is `python -c BOOTSTRAP ROOT KIND TARGET WORD…`.  The bootstrap imports `finops` from the
folder or archive that the parent's copy came from, so that neither the current folder nor the
environment nor a switch of the interpreter decides what runs.

The child's standard input is its lifeline: a pipe whose other end only the parent holds.  When
that closes, for whatever reason, the child ends itself, and its whole group where it leads one.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from importlib import import_module
from types import TracebackType
from typing import IO, Iterator, List, Optional, Sequence, Tuple, Type

from finops.errors import FinOpsError, WorkerError

if sys.platform != "win32":
    import fcntl

# What holds the package.  Taken when this module is imported: the current folder may change later.
PACKAGE_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The empty entry that `-c` puts first would let the current folder shadow the standard library; our
# own place stays no longer than it takes to find the package, or what lies beside it would.
_BOOTSTRAP = """\
import sys
sys.path[:] = [sys.argv[1], *filter(None, sys.path)]
import finops
del sys.path[0]
from finops.processes import run_child
run_child(*sys.argv[2:])
"""
_COMMAND, _WORKER = "command", "worker"
_ISOLATING_FLAGS = (
    ("ignore_environment", "-E"),
    ("no_user_site", "-s"),
    ("safe_path", "-P"),  # since Python 3.11
)
_MORE_FLAGS = (("no_site", "-S"), ("dont_write_bytecode", "-B"))
_LENGTH = struct.Struct("<Q")
_TAIL_BYTES = 4096
_WORDS_SHOWN = 200


# --- in the parent -------------------------------------------------------------------------------


def command_line(target: str, *words: str) -> List[str]:
    """Return the command that calls `target`, a "module:function" of this package.

    The function finds `words` in `sys.argv[1:]`.  What it prints is UTF-8, line by line.
    The parent gives the command a pipe as standard input and holds the other end for as
    long as the child may live; the child itself reads an empty standard input.

    >>> command_line("finops.cli:entry_point", "list")[-2:]
    ['finops.cli:entry_point', 'list']
    """
    return _python(_COMMAND, target, *words)


def script_command_line(path: str, *words: str) -> List[str]:
    """Return the command that runs a Python file as `python FILE WORD…` does; else as above."""
    return command_line("finops.processes:run_script", path, *words)


def interpreter_flags() -> List[str]:
    """Return the switches of this interpreter that decide what a child finds and how it reads."""
    isolating = ["-I"] if sys.flags.isolated else _set(_ISOLATING_FLAGS)
    utf8 = ["-X", "utf8"] if sys.flags.utf8_mode else []
    return [*isolating, *_set(_MORE_FLAGS), *(["-O"] * sys.flags.optimize), *utf8]


def _set(flags: Sequence[Tuple[str, str]]) -> List[str]:
    return [switch for name, switch in flags if getattr(sys.flags, name, False)]


def _python(kind: str, target: str, *words: str) -> List[str]:
    start = [sys.executable, *interpreter_flags(), "-c", _BOOTSTRAP]
    return [*start, PACKAGE_ROOT, kind, target, *words]


class Worker:
    """A child that calls `target`, a "module:function", with one message, and answers in bytes.

    `output` is what it writes to standard output.  Use it as a context: however that is left,
    the process has ended.  A Ctrl-C at the terminal is the parent's to deal with, from the first
    moment of the child on.
    """

    def __init__(self, target: str, message: bytes) -> None:
        self._errors = _temporary_file()
        with _signals_held():
            self._process = subprocess.Popen(
                _python(_WORKER, target),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if self._errors is None else self._errors,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._lifeline: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout
        with suppress(OSError):  # it has died; `failure` will say of what
            self._lifeline.write(_LENGTH.pack(len(message)) + message)
            self._lifeline.flush()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.end()

    def finish(self) -> None:
        """Wait for its end.  Raises WorkerError unless that is an orderly one."""
        if self._process.wait() != 0:
            raise self.failure()

    def failure(self) -> WorkerError:
        """Return, after its end, the error that says how it died and its last words."""
        status = self._process.wait()
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        words = self._last_words()
        last_words = f": {words}" if words else ""
        return WorkerError(f"a worker process ended {how}{last_words}; try again with --workers 1")

    def end(self) -> None:
        """Kill it where it still runs, and close what this process holds of it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._lifeline, self.output, self._errors):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _last_words(self) -> str:
        """Return the last line that it wrote to standard error, cut and fit to be shown."""
        if self._errors is None or self._errors.closed:
            return ""
        end = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, end - _TAIL_BYTES))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        shown = "".join(c for c in lines[-1] if c.isprintable()) if lines else ""
        return shown[:_WORDS_SHOWN]


def _temporary_file() -> Optional[IO[bytes]]:
    """Return a file without a name for a child's errors; None where there is no room for one.

    Not a pipe: nobody reads before the end, and a child that says much must not wait.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return None


@contextmanager
def _signals_held() -> Iterator[None]:
    """Start a child in here: it never gets the signals that a terminal sends to all at once."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- in the child --------------------------------------------------------------------------------


def run_child(kind: str, target: str, *words: str) -> None:
    """Be the child: the bootstrap calls this and nobody else."""
    lifeline = _take_lifeline()
    message = _receive(lifeline) if kind == _WORKER else b""
    end_when_closed(lifeline)
    sys.argv[:] = ["finops", *words]
    module, _, name = target.partition(":")
    if kind == _COMMAND:
        _print_utf8()
        getattr(import_module(module), name)()
        return
    try:
        getattr(import_module(module), name)(message)
    except FinOpsError as error:
        sys.exit(str(error))


def run_script() -> None:
    """Run the Python file that the first word names, with the other words as its own."""
    from runpy import run_path

    del sys.argv[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
    run_path(sys.argv[0], run_name="__main__")


def _take_lifeline() -> int:
    """Move the lifeline away from standard input, which is empty from now on."""
    lifeline = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return lifeline


def _receive(lifeline: int) -> bytes:
    (length,) = _LENGTH.unpack(_read(lifeline, _LENGTH.size))
    return _read(lifeline, length)


def _read(lifeline: int, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        block = os.read(lifeline, min(count - len(content), 1 << 20))
        if not block:
            os._exit(1)  # the parent has gone already
        content += block
    return bytes(content)


def end_when_closed(lifeline: int) -> None:
    """End this process when the other end of a pipe closes; with its group, where it leads one."""
    threading.Thread(
        target=_end_with_parent, args=(lifeline,), name="lifeline", daemon=True
    ).start()
    # A thread waits for the interpreter's lock, which one long C call may keep.  Where the system
    # can, it sends the signal by itself.
    if sys.platform == "linux":
        owner = -os.getpid() if os.getpgrp() == os.getpid() else os.getpid()
        with suppress(OSError):
            fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, owner)
            flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
            fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
        if select.select([lifeline], [], [], 0)[0]:  # the parent went before that
            _end_with_parent(lifeline)


def _end_with_parent(lifeline: int) -> None:
    with suppress(OSError):
        while os.read(lifeline, 1):
            pass
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _print_utf8() -> None:
    """Let what this process prints be read as it comes, whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
