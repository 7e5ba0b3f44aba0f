"""Writing files so that a reader sees the old content or the new, never half of it.

Files that belong together change together: `replacing` writes all of them aside first, which is
where a disk fills up, and takes back the moves that were made where one fails.  Only a process
that is killed between two moves, an instant, leaves one file new and the other old.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple, Union

_WINDOWS = os.name == "nt"
_RETRY_FOR_S = 2.5
_RETRY_EVERY_S = 0.05
# Names of temporary files, those of earlier versions included, which had a process id.
_ENDING = re.compile(r"\.(?:[0-9a-f]{16}|[0-9]{1,10})\.tmp\Z")


def aside_of(path: Union[str, Path]) -> str:
    """Return a name beside `path` for a file that will take its place; nobody can guess it."""
    return f"{path}.{os.urandom(8).hex()}.tmp"


def is_aside(name: str) -> bool:
    """Return whether a file name is one of `aside_of`.

    >>> is_aside("pricing.html.0123456789abcdef.tmp"), is_aside("notes.tmp")
    (True, False)
    """
    return target_name(name) != name


def target_name(name: str) -> str:
    """Return the name that a file is to have, given it or the one it has while it is written.

    >>> target_name("pricing.html.0123456789abcdef.tmp")
    'pricing.html'
    """
    ending = _ENDING.search(name)
    while ending and ending.start():
        name = name[: ending.start()]
        ending = _ENDING.search(name)
    return name


def write_aside(path: Union[str, Path], content: Union[str, bytes]) -> None:
    """Write bytes, or text as UTF-8, beside `path`, flush it and move it into place.

    Missing folders are made.  Raises OSError where that cannot be done; what was at `path`
    is then untouched and no temporary file is left.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(aside_of(target))
    try:
        with open(str(aside), "xb") as out:  # never opens what is there, be it a link
            out.write(content.encode("utf-8") if isinstance(content, str) else content)
            out.flush()
            os.fsync(out.fileno())
        replace(aside, target)
    except BaseException:
        if aside.exists():
            aside.unlink()
        raise


def replace(source: Union[str, Path], target: Union[str, Path]) -> None:
    """Rename a file over the target.

    Windows refuses while a reader or a scanner holds the target open for a moment, so there it is
    tried for 2.5 s.  Raises OSError where it cannot be done; PermissionError is what Windows says
    of a target that stays open.
    """
    give_up = time.monotonic() + _RETRY_FOR_S
    while True:
        try:
            os.replace(str(source), str(target))
            return
        except PermissionError:
            if not _WINDOWS or time.monotonic() >= give_up:
                raise
            time.sleep(_RETRY_EVERY_S)


@contextmanager
def replacing(*targets: Union[str, Path]) -> Iterator[List[Path]]:
    """Give a path to write to for each target, and move all into place when the block ends.

    All targets change or none does, also where the block or a move raises: OSError where a
    target cannot be replaced.  No temporary file is left.
    """
    asides = [Path(aside_of(target)) for target in targets]
    try:
        yield asides
        _move_all(list(zip(asides, map(Path, targets))))
    finally:
        for aside in asides:
            _remove(aside)


def _move_all(moves: Sequence[Tuple[Path, Path]]) -> None:
    before: List[Tuple[Path, Optional[Path]]] = []
    try:
        for aside, target in moves[:-1]:
            before.append((target, _second_name(target)))
            replace(aside, target)
        replace(*moves[-1])
    except BaseException:
        for target, kept in reversed(before):
            with suppress(OSError):
                target.unlink() if kept is None else os.replace(str(kept), str(target))
        raise
    finally:
        for _, kept in before:
            if kept is not None:
                _remove(kept)


def _second_name(target: Path) -> Optional[Path]:
    """Give what is at the target a second name, which takes no room; None where nothing is."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    kept = Path(aside_of(target))
    try:
        os.link(str(target), str(kept))
    except FileNotFoundError:
        return None
    except OSError:  # a file system without hard links
        shutil.copyfile(str(target), str(kept))
    return kept


def _remove(aside: Path) -> None:
    with suppress(OSError):
        aside.unlink()
