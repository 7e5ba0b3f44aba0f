"""Every defence of data and reports is needed: with it switched off, the test of it fails."""

from __future__ import annotations

import fcntl
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import pytest

from finops.errors import LockError
from finops.generators.markup import json_block
from finops.storage.appender import Appender
from finops.storage.commit import read_commit, readable_end, write_commit
from finops.storage.file_operations import APPEND, Files
from finops.storage.lock import lock_path, writer_lock
from finops.storage.pending import Pending, Tail
from finops.viewer.event_store import EventStore
from finops.viewer.file_watcher import FileState, FileWatcher
from tests import test_fault_sweep
from tests.generators import test_hostile_text
from tests.reader.test_malformed import of_kind
from tests.storage import test_appender
from tests.storage.batches import (
    QUICK,
    ROWS,
    FaultyFiles,
    Unflushed,
    batch,
    fill,
    memory_folder,
    whole,
)
from tests.support.malformed import Case, outcome
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locks and limits of POSIX")
Attack = Callable[[Path, pytest.MonkeyPatch], None]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


def nothing(*words: Any, **more: Any) -> None:
    """Do nothing, as a defence that is switched off."""


# --- appending ------------------------------------------------------------------------------------


def crashes(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_appender.test_fault_sweep(folder, "crash", True)


def unannounced(self: Appender, data: bytes, rows: int, clock: str) -> None:
    """Append without saying so first, and without a mark afterwards."""
    self._files.write_all(self._fd, data)
    self._mark = self._mark._replace(end=self._mark.end + len(data), rows=self._mark.rows + rows)


def short_writes(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A write that takes half is gone on with, and is no failure."""

    class Half(Unflushed):
        def write(self, fd: int, data: memoryview) -> int:
            return super().write(fd, data[: len(data) // 2 or 1])

    fill(folder / "calls.csv", 3, Half())
    assert (folder / "calls.csv").read_bytes() == whole(3)


def once(self: Any, fd: int, data: bytes) -> None:
    self.write(fd, memoryview(data))


def refusals(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_appender.test_fault_sweep(folder, "half", False)


def give_up(self: Appender, before: Any) -> None:
    self._broken = True
    self._mark = before


def damaged_batches(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A batch that was announced and is there in full length, but not in its own bytes."""
    path = folder / "calls.csv"
    fill(path, 2, QUICK)
    mark = read_commit(path)
    assert mark is not None
    write_commit(path, mark._replace(pending=Pending(len(batch(2)), 12345, ROWS)))
    with open(str(path), "ab") as out:
        out.write(batch(3))
    with Appender(path, simulation={"seed": 1}, files=QUICK):
        assert path.read_bytes() == whole(2)


def power_cuts(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_appender.test_unflushed_rows_full_of_nuls_are_given_up(folder / "calls.csv")


def lines_of_others(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_appender.test_lines_of_another_program_are_adopted_and_never_cut(folder / "calls.csv")


def nothing_counts(path: Any, committed: int, *words: Any) -> Tail:
    return Tail(False, committed, 0, committed)


def lines_behind_a_torn_batch(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_appender.test_lines_behind_an_unfinished_batch_count(folder / "calls.csv", 2, 5, 1)


def same_aside(path: str, files: Files) -> Tuple[str, int]:
    return f"{path}.torn-1", files.open(f"{path}.torn-1", APPEND)


def torn_tails(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_appender.test_torn_bytes_are_kept_aside_and_never_overwritten(folder / "calls.csv")


def partial_reads(folder: Path, patch: pytest.MonkeyPatch) -> None:
    path = folder / "calls.csv"
    fill(path, 2, QUICK)
    mark = read_commit(path)
    assert mark is not None
    write_commit(path, mark._replace(pending=Pending(len(batch(2)), 1, ROWS)))
    with open(str(path), "ab") as out:
        out.write(batch(2)[:100] + b"\n")
    case = outcome(path)
    assert case.get("account", {}).get("lines", 2 * ROWS + 1) == 2 * ROWS + 1
    assert readable_end(path) == len(whole(2))


def two_writers(folder: Path, patch: pytest.MonkeyPatch) -> None:
    path = folder / "calls.csv"
    with open(str(lock_path(path)), "w") as other:  # as another process would
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LockError), writer_lock(path):
            pass


def acknowledged_too_early(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Events must have been flushed when they are answered."""
    files = FaultyFiles(10**9, "refuse")
    test_fault_sweep.use_files(patch, files)
    EventStore(folder / "collected.csv").add(test_fault_sweep.events(1))
    assert files.log.count("fsync") >= 2


# --- reading --------------------------------------------------------------------------------------


def kind(number: int) -> Attack:
    """Return the test that files of a kind are judged as they should be."""

    def judged(folder: Path, patch: pytest.MonkeyPatch) -> None:
        for case in of_kind(number):
            (folder / "case.csv").write_bytes(case.content)
            check(case, outcome(folder / "case.csv"))

    judged.__name__ = f"kind_{number}"
    return judged


def check(case: Case, found: Any) -> None:
    account = found["account"]
    assert {reason: rows for reason, rows, _ in account["skipped"]} == case.skipped, case.name
    assert {column: reason for column, reason, _, _ in account["blanked"]} == case.blanked


def easy_number(text: bytes, limit: int, *how: bool) -> int:
    return int(text.decode())


def easy_split(record: bytes, delimiter: bytes) -> List[bytes]:
    return record.split(delimiter)


def replaced_files(folder: Path, patch: pytest.MonkeyPatch) -> None:
    path = folder / "calls.csv"
    path.write_bytes(b"header\n" + b"one\n" * 50)
    follower = FileWatcher(path)
    first = follower.poll()
    (folder / "other").write_bytes(b"header\n" + b"two\n" * 70)
    os.replace(str(folder / "other"), str(path))
    assert follower.poll().generation > first.generation


def trusting(self: FileWatcher, stream: Any, status: Any, state: FileState) -> bool:
    return state.exists


# --- reports --------------------------------------------------------------------------------------


def half_pages(folder: Path, patch: pytest.MonkeyPatch) -> None:
    test_fault_sweep.test_fault_sweep_reports("crash", True, folder, patch)


def in_place(aside: Any) -> Any:
    return type(aside)(str(aside).rsplit(".", 2)[0])


def one_analyzer_fails(folder: Path, patch: pytest.MonkeyPatch) -> None:
    from finops.pipeline import Job, analyze
    from tests.test_pipeline import failing, with_analyzer

    with_analyzer(patch, "pricing", failing(lambda: ZeroDivisionError("planted")))
    job = Job(ReferenceDataset(varied_rows(30)), folder, only=("pricing", "features"))
    assert [one.analysis.id for one in analyze(job).failed] == ["pricing"]


def unguarded(self: Any, analysis: Any, work: Any) -> Any:
    return work()


def markup_in_names(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(test_hostile_text, "ROWS", test_hostile_text.ROWS[:40])
    test_hostile_text.harmless_pages.cache_clear()
    try:
        test_hostile_text.test_xss_corpus_all_reports("<img src=x onerror=alert(1)>", folder)
    finally:
        test_hostile_text.harmless_pages.cache_clear()


def markup_in_data(folder: Path, patch: pytest.MonkeyPatch) -> None:
    assert "<" not in json_block(["</script><script>alert(1)</script>"])


class PlainJson:
    """A json module whose texts keep what an element's end looks like."""

    @staticmethod
    def dumps(value: Any, **how: Any) -> Any:
        import json

        class Unchanged(str):
            def replace(self, *words: Any) -> str:
                return self

        return Unchanged(json.dumps(value, **how))


DEFENCES: List[Tuple[str, Any, Attack]] = [
    ("finops.storage.appender.Appender._put_batch", unannounced, crashes),
    ("finops.storage.file_operations.Files.write_all", once, short_writes),
    ("finops.storage.appender.Appender._cut_back", give_up, refusals),
    ("finops.storage.pending._crc32", lambda path, start, stop: 12345, damaged_batches),
    ("finops.storage.recovery._check_unsynced", lambda path, mark, strict: (mark, []), power_cuts),
    ("finops.storage.recovery.examine_tail", nothing_counts, lines_of_others),
    ("finops.storage.pending._is_only_torn", lambda *words: True, lines_behind_a_torn_batch),
    ("finops.storage.recovery._open_aside", same_aside, torn_tails),
    ("tests.test_data_mutation.readable_end", os.path.getsize, partial_reads),
    ("finops.storage.lock._try_lock", lambda fd, shared=False: True, two_writers),
    ("finops.storage.appender.Appender.sync", nothing, acknowledged_too_early),
    ("finops.reader.block_reader._NUL_BYTE", b"no such byte", kind(18)),
    ("finops.reader.fields._CONTROL", nothing, kind(20)),
    ("finops.reader.block_reader.split_record", easy_split, kind(17)),
    ("finops.reader.numbers.parse_whole", easy_number, kind(25)),
    ("finops.schema.MAX_COST_PICO", Decimal("1e400"), kind(23)),
    ("finops.config.FUTURE_TOLERANCE_HOURS", 24 * 365 * 3000, kind(27)),
    ("finops.config.MAX_LINE_BYTES", 10**9, kind(35)),
    ("finops.viewer.file_watcher.FileWatcher._continues", trusting, replaced_files),
    ("finops.atomic.replace", nothing, half_pages),
    ("finops.pipeline._Run._guard", unguarded, one_analyzer_fails),
    ("finops.generators.markup.html.escape", lambda text, quote: text, markup_in_names),
    ("finops.generators.markup.json", PlainJson, markup_in_data),
]


@pytest.mark.once
@pytest.mark.parametrize(
    ("target", "weak", "attack"),
    DEFENCES,
    ids=[target.split(".", 1)[1] for target, _, _ in DEFENCES],
)
def test_defences_have_teeth(
    target: str, weak: Any, attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("strong", "weak"):
        (tmp_path / name).mkdir()
    with monkeypatch.context() as patch:
        attack(tmp_path / "strong", patch)
    with monkeypatch.context() as patch:
        patch.setattr(target, weak)
        with pytest.raises((Exception, pytest.fail.Exception)):
            attack(tmp_path / "weak", patch)
