"""Running a command that may hang, crash or fork: it ends at its limit, with all its children.

Commands run as processes, not threads, because only a process can really be ended.  Each is
the leader of a session of its own, so that one signal reaches whatever it has started.  Its
standard input is a pipe that only this process holds, by which it notices our death (see
`finops.processes`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional

from finops import config
from finops.viewer.job_output import Output

COMPLETE = "complete"
ERROR = "error"
TIMEOUT = "timeout"
CANCELLED = "cancelled"

_STEP_S = 0.05
_OUTPUT_LIMIT_BYTES = 16 * config.MEGABYTE


class Command(NamedTuple):
    """What to run: words, working directory (None is ours), variables added to the environment.

    The words are those of `finops.processes.command_line`, so that the command ends with us.
    """

    argv: List[str]
    cwd: Optional[str]
    environ: Mapping[str, str] = {}


class Outcome(NamedTuple):
    """How a command ended: COMPLETE (exit status 0), ERROR, TIMEOUT or CANCELLED.

    `code` is the exit status, negative for a signal, None where it could not be started.
    """

    kind: str
    code: Optional[int]


def run_limited(
    command: Command,
    output: Output,
    limit_s: Optional[float],
    cancel: threading.Event,
    watch: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run a command to its end, its limit or its cancellation, whichever comes first.

    `output` receives what it prints.  `limit_s` counts on the monotonic clock from the start,
    or from the last time that `watch` returned True; None is no limit.  No process of the
    command's session is left when this returns.
    """
    try:
        process = _start(command, output)
    except OSError:
        return Outcome(ERROR, None)
    try:
        reason = _wait(process, output, limit_s, cancel, watch)
    finally:
        _end(process)
        _let_go(process)
    if reason is not None:
        return Outcome(reason, process.returncode)
    return Outcome(COMPLETE if process.returncode == 0 else ERROR, process.returncode)


def _start(command: Command, output: Output) -> subprocess.Popen[bytes]:
    environ: Dict[str, str] = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    environ.update(command.environ)
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=output.sink(),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait(
    process: subprocess.Popen[bytes],
    output: Output,
    limit_s: Optional[float],
    cancel: threading.Event,
    watch: Callable[[], bool],
) -> Optional[str]:
    """Wait for the end; return why it has to be ended, None where it ended by itself."""
    started = time.monotonic()
    while True:
        try:
            process.wait(_STEP_S)
            return None
        except subprocess.TimeoutExpired:
            pass
        if cancel.is_set():
            return CANCELLED
        if watch():
            started = time.monotonic()
        if limit_s is not None and time.monotonic() - started >= limit_s:
            return TIMEOUT
        if output.size() > _OUTPUT_LIMIT_BYTES:
            return ERROR


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process politely, then its whole session by force."""
    if process.poll() is None:
        if os.name == "nt":
            _kill_tree_on_windows(process)
        else:
            _signal_group(process, signal.SIGTERM)
        try:
            process.wait(config.JOB_TERMINATE_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
    if os.name != "nt":
        _signal_group(process, signal.SIGKILL)
    process.wait()


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return  # all of them have ended


def _kill_tree_on_windows(process: subprocess.Popen[bytes]) -> None:
    subprocess.call(
        ["taskkill", "/T", "/F", "/PID", str(process.pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
