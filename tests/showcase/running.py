"""Run showcase files as processes, and load them as modules, the way a reader would."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Dict, List, NamedTuple, Optional, Sequence

ROOT = Path(__file__).resolve().parents[2]
SHOWCASE = ROOT / "showcase"
FOLDERS = ("instrumentation", "queries", "metadata", "scenarios")
EXAMPLES = sorted(path for folder in FOLDERS for path in (SHOWCASE / folder).glob("[!_]*.py"))
OLDEST = ROOT / ".venv37" / "bin" / "python"


def interpreters() -> List[str]:
    """Return this Python, and the oldest supported one where it is installed."""
    pythons = [sys.executable]
    if OLDEST.exists():
        pythons.append(str(OLDEST))
    return pythons


class Ran(NamedTuple):
    """The outcome of a process."""

    status: int
    out: str
    err: str
    seconds: float

    def figure(self, label: str) -> str:
        """Return the figure behind a label, or the first words of one, in the results block."""
        for line in self.out.splitlines():
            if line.strip().startswith(f"• {label}"):
                return line.split(": ", 1)[1].strip()
        raise AssertionError(f"no line {label!r} in\n{self.out}")


def run_example(
    path: Path,
    *arguments: str,
    cwd: Optional[Path] = None,
    python: str = sys.executable,
    env: Optional[Dict[str, str]] = None,
    stdin: Optional[str] = None,
) -> Ran:
    """Run an example in an environment that holds only `env`, which is empty by default."""
    begin = time.monotonic()
    done = subprocess.run(
        [python, str(path), *arguments],
        cwd=str(cwd or ROOT),
        env=dict(env or {}),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def load(folder: str, names: Sequence[str]) -> List[ModuleType]:
    """Import modules of one showcase folder as its files see each other.

    Folders use the same names for their helpers, so nothing stays behind in `sys.modules`.
    """
    own = {path.stem for path in (SHOWCASE / folder).glob("*.py")}
    shadowed = {name: sys.modules.pop(name) for name in own & set(sys.modules)}
    sys.path.insert(0, str(SHOWCASE / folder))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(SHOWCASE / folder))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(shadowed)
