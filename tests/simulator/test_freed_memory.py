"""Memory that one batch frees is there for the next."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
ROUNDS, BLOCK = 20, 2 << 20
PROGRAM = f"""
import resource, sys
from finops.simulator.freed_memory import keep_freed_memory
usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = usage()
if "keep" in sys.argv:
    keep_freed_memory()
if "itself" not in sys.argv:
    before = usage()
for _ in range(0 if "itself" in sys.argv else {ROUNDS}):
    [b"x" * ({BLOCK} // 20) for _ in range(20)]
print(usage() - before)
"""


def fresh_pages(*words: str) -> int:
    """Return how many pages the system had to clear while blocks were made and freed.

    With "itself" none are made: then it is what keeping freed memory takes.
    """
    command = [sys.executable, "-c", PROGRAM, *words]
    return int(subprocess.check_output(command, cwd=str(SRC), universal_newlines=True))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other systems decide themselves")
def test_freed_memory_is_used_again() -> None:
    resource = pytest.importorskip("resource")
    all_pages = ROUNDS * BLOCK // resource.getpagesize()
    assert fresh_pages("keep") < all_pages / 5
    assert fresh_pages() > all_pages / 2, "nothing is left for it to do: remove it"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other systems decide themselves")
def test_keeping_it_takes_no_memory() -> None:
    pytest.importorskip("resource")
    assert fresh_pages("keep", "itself") < 100
