"""Run the live viewer from a fresh checkout, the same as `finops serve`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from finops.cli import entry_point

if __name__ == "__main__":
    entry_point(["serve", *sys.argv[1:]])
