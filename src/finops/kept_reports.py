"""Reports of an earlier run, kept where nothing that decides them has changed since.

What an analysis of all reports is made of has one key: the code of this package and the Python
that runs it, what was read of the data and by which rules, prices, constants, the options of the
run, and the day.  A run that would have the key of the one before leaves its pages as they are,
with their own time, if each of them still has the bytes that were written.

The note of key and bytes lies beside the pages, so it is foreign input: one that another user
wrote, or that is not exactly what `keep` writes, counts as none, and everything is made again.
Digests are those of what a run has written, taken before it is moved into place: another run may
write into the same folder at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.atomic import write_aside
from finops.config import MEGABYTE
from finops.regular_files import read_regular
from finops.storage.sidecars import read_own
from finops.typed_json import from_json, refuse_constant, to_json

KEPT = ".kept.json"
_MAX_NOTE_BYTES = MEGABYTE
_MAX_FILE_BYTES = 256 * MEGABYTE
_COMPILED = "__pycache__"


class KeptReport(NamedTuple):
    """How one report was made, as `publishing.Made` has it, with the digests of both files."""

    id: str
    seconds: float
    size_bytes: int
    headline: str
    page: str
    result: str


class FileDigest(NamedTuple):
    """The name of a file in the folder and the SHA-256 of its bytes."""

    name: str
    digest: str

    @classmethod
    def of(cls, path: Path, name: str) -> FileDigest:
        """Return that of a file that will have this name; raises OSError."""
        return cls(name, hashlib.sha256(read_regular(path)).hexdigest())


class _Note(NamedTuple):
    key: str
    reports: Tuple[KeptReport, ...]
    files: Tuple[FileDigest, ...]


class KeptRun(NamedTuple):
    """The reports of the run before, in their order, and their results by id."""

    reports: Sequence[KeptReport]
    results: Dict[str, Dict[str, Any]]


def key_of(content_key: str, about: Mapping[str, object]) -> str:
    """Return the key of a run of which `about`, as JSON, is what is known beside the data.

    Returns "" where nothing can be kept: without `content_key`, and where the code of this
    package is no folder of files.
    """
    code = _code_digest() if content_key else ""
    if not code:
        return ""
    python = (platform.python_implementation(), platform.python_version())
    text = json.dumps([content_key, code, python, about], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def kept(folder: Path, key: str, ids: Sequence[str], others: Sequence[str]) -> Optional[KeptRun]:
    """Return what the run before left in a folder, None where it is not what a run would make.

    `ids` are those of its reports, `others` the names of the files that it writes beside them.
    """
    if not key:
        return None
    try:
        note = _note(folder)
        made = ([report.id for report in note.reports], [file.name for file in note.files])
        if note.key != key or made != (list(ids), list(others)):
            return None
        for file in note.files:
            _checked(folder / file.name, file.digest)
        results = {report.id: _checked_result(folder, report) for report in note.reports}
    except (OSError, ValueError, RecursionError):
        return None
    return KeptRun(note.reports, results)


def keep(
    folder: Path, key: str, reports: Sequence[KeptReport], others: Sequence[FileDigest]
) -> None:
    """Note what a run has written; where that cannot be done, the next one makes it again."""
    if key:
        note = _Note(key, tuple(reports), tuple(others))
        with suppress(OSError):
            write_aside(folder / KEPT, json.dumps(to_json(note), allow_nan=False))


def _note(folder: Path) -> _Note:
    """Return the note in a folder; raises OSError or ValueError where there is none."""
    content = read_own(folder / KEPT, _MAX_NOTE_BYTES, only_mine=True)
    return from_json(_Note, json.loads(content.decode("utf-8"), parse_constant=refuse_constant))


def _checked_result(folder: Path, report: KeptReport) -> Dict[str, Any]:
    """Return the result of a report of which both files are unchanged."""
    _checked(folder / f"{report.id}.html", report.page)
    content = _checked(folder / f"{report.id}.json", report.result)
    result = json.loads(content.decode("utf-8"), parse_constant=refuse_constant)
    if not isinstance(result, dict):
        raise ValueError(f"{report.id} is no result")
    return result


def _checked(path: Path, digest: str) -> bytes:
    """Return the bytes of a file that has this digest; raises OSError or ValueError."""
    content = read_own(path, _MAX_FILE_BYTES, only_mine=True)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{path.name} was changed")
    return content


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Return a hash of the package's files, "" where it is no folder of files."""
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    try:
        for path in _package_files(root):
            content = read_regular(path)
            digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    except OSError:
        return ""
    return digest.hexdigest() if root.is_dir() else ""


def _package_files(root: Path) -> List[Path]:
    """Return the files of a package in order, without those that Python makes of them."""
    paths: List[Path] = []
    for folder, folders, names in os.walk(str(root)):
        folders[:] = [name for name in folders if name != _COMPILED]
        paths += [Path(folder, name) for name in names]
    return sorted(paths)
