"""Free memory is returned after a large scan, where the system can be asked."""

from __future__ import annotations

import builtins
import os
import sys
from pathlib import Path
from typing import Any, List

import pytest

from finops.rollups import dataset
from finops.rollups.dataset import Dataset
from finops.rollups.free_memory import return_free_memory
from finops.rollups.spec import Table
from tests.support.rows import varied_rows, write_csv

BY_DAY = Table(("day",), ("calls",))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the allocator of glibc")
def test_what_lies_free_below_something_in_use_is_returned() -> None:
    """Blocks too small for a mapping of their own; the last one keeps the others from going."""
    blocks = [b"x" * 60_000 for _ in range(2000)]
    last = blocks.pop()
    full = resident_bytes()
    blocks.clear()
    if not return_free_memory():
        pytest.skip("another allocator")
    assert resident_bytes() < full - 60_000 * 1000
    assert len(last) == 60_000


def test_without_ctypes_nothing_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    normal = builtins.__import__

    def refusing(name: str, *args: Any) -> Any:
        if name == "ctypes":
            raise ImportError(name)
        return normal(name, *args)

    monkeypatch.setattr(builtins, "__import__", refusing)
    assert return_free_memory() is False


@pytest.mark.parametrize(("least", "times"), [(1 << 40, 0), (1, 1)])
def test_it_is_returned_after_a_scan_that_is_worth_it(
    least: int, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: List[bool] = []
    monkeypatch.setattr(dataset, "MUCH_READ_BYTES", least)
    monkeypatch.setattr(dataset, "return_free_memory", lambda: asked.append(True))
    Dataset(write_csv(tmp_path / "calls.csv", varied_rows(9)), workers=1).rollups([BY_DAY])
    assert len(asked) == times
