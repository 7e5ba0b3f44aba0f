"""Say how much of src the measured tests went through, and fail below the required share.

Tests marked `unmeasured` run without coverage: what only they go through is missing
here, so the shares are lower than those of all tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict

ROOT = Path(__file__).resolve().parent.parent
REQUIRED_PERCENT = 95.0
LISTED = 12


def measured() -> Dict[str, Any]:
    """Return coverage's own JSON report of the last run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "-q", "-o", str(report)]
        subprocess.run(command, cwd=str(ROOT), check=True)
        result: Dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return result


def branch_percent(totals: Dict[str, Any]) -> float:
    """Return the share of branches taken, 100 where there is none."""
    return (
        100.0 * totals["covered_branches"] / totals["num_branches"]
        if totals["num_branches"]
        else 100.0
    )


def main() -> int:
    """Print the shares and the files that lack most; return 1 below the required share."""
    report = measured()
    totals = report["totals"]
    branches = branch_percent(totals)
    lines = 100.0 * totals["covered_lines"] / totals["num_statements"]
    files = [
        (entry["summary"]["missing_branches"] + entry["summary"]["missing_lines"], name)
        for name, entry in report["files"].items()
    ]
    for missing, name in sorted(files, reverse=True)[:LISTED]:
        if missing:
            print(f"  {missing:4} lines and branches not gone through in {name}")
    print(f"coverage: {branches:.1f} % of branches, {lines:.1f} % of lines")
    if min(branches, lines) >= REQUIRED_PERCENT:
        return 0
    print(f"coverage: below the required {REQUIRED_PERCENT:g} %")
    return 1


if __name__ == "__main__":
    sys.exit(main())
