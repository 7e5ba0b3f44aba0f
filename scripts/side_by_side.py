"""Run targets of the Makefile at the same time, each line of output behind its target's name.

    python scripts/side_by_side.py TARGET…

Exits with 1 if one of them fails; the others run to their end all the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, List

ROOT = Path(__file__).resolve().parent.parent
MAKE = os.environ.get("MAKE", "make")


def relay(name: str, output: IO[str], lock: threading.Lock) -> None:
    """Print each line as it comes, whole, behind the name."""
    for line in output:
        with lock:
            print(f"{name} | {line.rstrip()}", flush=True)


def run(targets: List[str]) -> int:
    """Run the targets and return how many failed."""
    lock = threading.Lock()
    begun = time.monotonic()
    width = max(len(target) for target in targets)
    # Each is a make of its own, not a part of the one that runs this.
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    processes = [
        subprocess.Popen(
            [MAKE, "--no-print-directory", target],
            cwd=str(ROOT),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        for target in targets
    ]
    relays = []
    for target, process in zip(targets, processes):
        assert process.stdout is not None
        arguments = (target.ljust(width), process.stdout, lock)
        relays.append(threading.Thread(target=relay, args=arguments))
        relays[-1].start()
    failed = 0
    for target, process, thread in zip(targets, processes, relays):
        thread.join()
        status = process.wait()
        failed += status != 0
        words = "done" if status == 0 else f"FAILED with status {status}"
        with lock:
            print(f"{target}: {words}, {time.monotonic() - begun:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(1 if run(sys.argv[1:]) else 0)
