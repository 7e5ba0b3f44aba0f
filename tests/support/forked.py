"""The command line in forks of one process that has everything loaded.

Starting Python and importing takes longer than most of what a test of killed or competing
processes wants to see.  A fork starts in milliseconds and is killed like any other process.
Run as a script this is the process that forks; `Forked` speaks to it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

HERE = Path(__file__).resolve()
SOURCE = str(HERE.parents[2] / "src")


class Child:
    """One run of the command line: `pid`, and the files that its words go to."""

    def __init__(self, parent: Forked, pid: int, out: Path, err: Path) -> None:
        self._parent = parent
        self.pid = pid
        self._out = out
        self._err = err
        self.status: Optional[int] = None

    @property
    def out(self) -> str:
        """What it has said so far."""
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return self._err.read_text(encoding="utf-8")

    def speaks(self, word: str, seconds: float = 60) -> bool:
        """Wait until a word stands on standard error; return False where it ended before."""
        deadline = time.monotonic() + seconds
        while word not in self.err:
            assert time.monotonic() < deadline, f"it never said {word!r}"
            if self.ended():
                return word in self.err
            time.sleep(0.001)
        return True

    def ended(self) -> bool:
        """Whether it has ended by now."""
        if self.status is None:
            self.status = self._parent.ask(poll=self.pid)
        return self.status is not None

    def wait(self) -> int:
        """Wait for the end; return the exit status, negative for a signal."""
        if self.status is None:
            self.status = self._parent.ask(wait=self.pid)
        assert self.status is not None
        return self.status

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        if self.status is None:
            os.kill(self.pid, number)


class Forked:
    """The process that forks.  `setup` is a program that changes it before the first fork."""

    def __init__(self, folder: Path, setup: str = "") -> None:
        self._folder = folder
        self._number = 0
        # Neither what steers the product nor what measures coverage: killed runs tell nothing.
        without = ("FINOPS_", "COV")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(without)}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE), setup],
            env=dict(environment, PYTHONPATH=SOURCE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            universal_newlines=True,
        )

    def ask(self, **question: Any) -> Optional[int]:
        """Send one question and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: Optional[int] = json.loads(self._process.stdout.readline())
        return answer

    def start(self, *words: Any, before: str = "") -> Child:
        """Start the command line with these words, after running the program `before`."""
        self._number += 1
        out, err = (self._folder / f"{self._number}.{name}" for name in ("out", "err"))
        for path in (out, err):
            path.touch()
        question = {"run": [str(word) for word in words], "before": before}
        pid = self.ask(out=str(out), err=str(err), **question)
        assert pid is not None
        return Child(self, pid, out, err)

    def run(self, *words: Any, before: str = "") -> Child:
        """Start the command line and wait for its end."""
        child = self.start(*words, before=before)
        child.wait()
        return child

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._process.communicate(timeout=300)  # the end of its input is its end


def answer(question: Dict[str, Any], running: List[int]) -> Optional[int]:
    """Fork, look or wait, and return a process id or an exit status."""
    if "run" in question:
        pid = os.fork()
        if pid == 0:
            os._exit(carry_out(question))
        running.append(pid)
        return pid
    wait = "wait" in question
    pid, status = os.waitpid(question["wait" if wait else "poll"], 0 if wait else os.WNOHANG)
    if pid == 0:
        return None
    running.remove(pid)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def carry_out(question: Dict[str, Any]) -> int:
    """Be the command line and return the exit status."""
    for descriptor, path in ((0, os.devnull), (1, question["out"]), (2, question["err"])):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, descriptor)
        os.close(opened)
    from finops import cli

    try:
        exec(question["before"], {})
        cli.entry_point(question["run"])
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 99
    return 98


def main() -> None:
    """Load what commands need, change it as asked, and answer until the input ends."""
    exec(sys.argv[1], {})
    from finops import cli, pipeline, registry  # noqa: F401
    from finops.commands import analyze, generate, verify  # noqa: F401
    from finops.simulator import engine  # noqa: F401
    from finops.viewer import app  # noqa: F401

    for one in registry.ANALYZER_REGISTRY.values():
        assert one.analyzer  # this and the next load their modules
        assert callable(one.generator)

    running: List[int] = []
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), running)), flush=True)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
