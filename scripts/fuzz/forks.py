"""Fuzz targets in forks of this process, which has everything loaded and instrumented.

    .venv-fuzz/bin/python -m scripts.fuzz.forks JOBS LIMIT_S

JOBS is a file with a JSON list of `[NAME, PRINTED, OPTION...]`: a target, the file that all
output goes to, and the options of libFuzzer with the folders of inputs.  As many run at once
as there are cores.  A line `NAME STATUS` says that a target has ended, with 0 where no input
broke it; after LIMIT_S seconds it is killed.  Instrumenting takes as long as a smoke run of a
target, so it is done once for all of them.

Needs atheris, which `make setup` puts into an environment of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["finops"]):
    from scripts.fuzz.limits import run_within_limits
    from scripts.fuzz.targets import TARGETS

_LOOK_AGAIN_S = 0.05


def start(name: str, printed: str, options: List[str]) -> int:
    """Fuzz one target in a fork of this process and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    target = TARGETS[name]

    def run(data: bytes) -> None:
        run_within_limits(target, data)

    atheris.Setup([name, *options], run)
    atheris.Fuzz()
    os._exit(1)  # libFuzzer does not return


def ended(running: Dict[int, Tuple[str, float]]) -> Tuple[str, int]:
    """Wait until one of the processes has ended; return its target and its status."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            return running.pop(pid)[0], status
        for late in [pid for pid, (_, limit) in running.items() if time.monotonic() > limit]:
            os.kill(late, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN_S)


def main() -> None:
    """Run all jobs, some at once."""
    waiting: List[List[str]] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    limit_s = float(sys.argv[2])
    running: Dict[int, Tuple[str, float]] = {}
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            name, printed, *options = waiting.pop(0)
            running[start(name, printed, options)] = name, time.monotonic() + limit_s
        print(*ended(running), flush=True)


if __name__ == "__main__":
    main()
