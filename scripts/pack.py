"""Pack the whole product into one file, `dist/finops.pyz`, that any Python from 3.7 runs.

`pack.py` writes there, `pack.py PATH` somewhere else.  Only the package and its licence go in: an
archive has no checkout, so data and reports are below the current folder by default.
"""

from __future__ import annotations

import os
import sys
import zipapp
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = "finops"
INTERPRETER = "/usr/bin/env python3"


def belongs(path: Path) -> bool:
    """Return whether a path, relative to the sources, is part of the product."""
    return path.parts[0] == PACKAGE and "__pycache__" not in path.parts


def pack(target: Path) -> None:
    """Write the archive; what was there before stays until it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        zipapp.create_archive(
            SOURCE,
            aside,
            interpreter=INTERPRETER,
            main="finops.cli:entry_point",
            filter=belongs,
            compressed=True,
        )
        with zipfile.ZipFile(str(aside), "a") as archive:
            archive.write(str(ROOT / "LICENSE"), "LICENSE")
        os.replace(str(aside), str(target))
    finally:
        if aside.exists():
            aside.unlink()


def main() -> None:
    """Pack, and say where."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "finops.pyz"
    pack(target)
    print(f"{target} ({target.stat().st_size / 1024:.0f} KB): python3 {target.name} --help")


if __name__ == "__main__":
    main()
