"""Run `python -m finops` from a fresh checkout: find `src` and hand over to the real package.

The launcher package bears the same name as the real one, so it leaves `sys.modules` first
and the real one takes its place.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
sys.modules.pop("finops", None)

from finops.cli import entry_point  # noqa: E402

if __name__ == "__main__":
    entry_point()
