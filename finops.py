"""Launcher: run or import the package in `src/finops` from a checkout, nothing installed.

`python -m finops`, `python finops.py` and `import finops` in the project's root all find this
module first.  Run, it hands over to the command line.  Imported, it becomes the package: its
`__path__` leads to the sources, so that no second folder bears the name.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SOURCE = Path(__file__).resolve().parent / "src"

if __name__ == "__main__":
    sys.path.insert(0, str(_SOURCE))
    from finops.cli import entry_point

    entry_point()
else:
    __path__ = [str(_SOURCE / "finops")]
    if __spec__ is not None:
        __spec__.submodule_search_locations = __path__
    __file__ = str(_SOURCE / "finops" / "__init__.py")
    exec(compile(Path(__file__).read_bytes(), __file__, "exec"))
