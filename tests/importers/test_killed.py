"""An import that is killed leaves a whole CSV, and the next one makes of it what it should be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Sequence

import pytest

from finops.importers import format_ids, run
from finops.importers.index import CallIndex
from finops.importers.state import State
from tests.importers.test_vendors import SOME, logs
from tests.support.imports import import_files
from tests.support.vendor_logs import VENDORS

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here"),
]

KILLED = 9


def die(*anything: Any) -> bool:
    os._exit(KILLED)


def while_reading() -> None:
    """Die when the first call is kept."""
    for name in ("add_all", "stage_all"):
        setattr(CallIndex, name, _dying(getattr(CallIndex, name)))


def _dying(keep: Callable[..., int]) -> Callable[..., int]:
    def kept_one_or_dead(index: CallIndex, rows: Sequence[Any]) -> int:
        kept = keep(index, rows[:1])
        return die() if rows else kept

    return kept_one_or_dead


def while_writing() -> None:
    """Die when a part of the new CSV is on the disk."""

    def write_one(records: Iterable[Any], stream: Any) -> None:
        write([next(iter(records))], stream)
        stream.flush()
        die()

    patched = vars(run)
    write = patched["write_calls"]
    patched["write_calls"] = write_one


def before_it_is_remembered() -> None:
    """Die when the CSV has its new content and the state its old one."""
    for name in ("commit",):
        setattr(State, name, die)


MOMENTS: Dict[str, Callable[[], None]] = {
    "reading": while_reading,
    "writing": while_writing,
    "renamed": before_it_is_remembered,
}


def killed(prepare: Callable[[], None], format_id: str, paths: List[Path], out: Path) -> int:
    """Import in a process that dies at a moment, and return its status."""
    process = os.fork()
    if process == 0:
        try:
            prepare()
            import_files(format_id, paths, out)
        finally:
            os._exit(0)
    return os.waitpid(process, 0)[1] >> 8


@pytest.mark.sampled
@pytest.mark.parametrize("format_id", format_ids())
@pytest.mark.parametrize("moment", sorted(MOMENTS))
def test_killed_and_run_again_it_is_as_if_it_had_not_been_killed(
    format_id: str, moment: str, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    paths = logs(format_id, SOME, tmp_path / "logs")
    import_files(format_id, paths, whole)
    assert killed(MOMENTS[moment], format_id, paths, out) == KILLED
    if moment == "renamed":
        assert out.read_bytes() == whole.read_bytes()
    else:
        assert not out.exists()
    import_files(format_id, paths, out)
    assert out.read_bytes() == whole.read_bytes()
    assert import_files(format_id, paths, out).added == 0
    assert not list(tmp_path.glob("*.tmp*"))


@pytest.mark.sampled
@pytest.mark.parametrize("format_id", [name for name in format_ids() if VENDORS[name].splits])
@pytest.mark.parametrize("moment", sorted(MOMENTS))
def test_killed_while_extending_it_leaves_what_was_there(
    format_id: str, moment: str, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    paths = logs(format_id, SOME, tmp_path / "logs")
    first = logs(format_id, SOME[:1], tmp_path / "first")
    import_files(format_id, [*first, *paths], whole)
    import_files(format_id, first, out)
    before = out.read_bytes()
    assert killed(MOMENTS[moment], format_id, paths, out) == KILLED
    assert out.read_bytes() == (whole.read_bytes() if moment == "renamed" else before)
    import_files(format_id, paths, out)
    assert out.read_bytes() == whole.read_bytes()
