"""Writing files so that a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Union

_RETRY_FOR_S = 2.5
_RETRY_EVERY_S = 0.05
# Names of temporary files, those of earlier versions included, which had a process id.
_ASIDE = re.compile(r".+\.(?:[0-9a-f]{16}|[0-9]{1,10})\.tmp")


def aside_of(path: Union[str, Path]) -> str:
    """Return a name beside `path` for a file that will take its place; nobody can guess it."""
    return f"{path}.{os.urandom(8).hex()}.tmp"


def is_aside(name: str) -> bool:
    """Return whether a file name is one of `aside_of`.

    >>> is_aside("pricing.html.0123456789abcdef.tmp"), is_aside("notes.tmp")
    (True, False)
    """
    return _ASIDE.fullmatch(name) is not None


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
        _move(aside, target)
    except BaseException:
        if aside.exists():
            aside.unlink()
        raise


def _move(aside: Path, target: Path) -> None:
    # Windows refuses while a scanner or a reader holds the target open for a moment.
    give_up = time.monotonic() + (_RETRY_FOR_S if os.name == "nt" else 0)
    while True:
        try:
            os.replace(str(aside), str(target))
            return
        except PermissionError:
            if time.monotonic() >= give_up:
                raise
            time.sleep(_RETRY_EVERY_S)
