"""Tools that a test needs and a machine may lack: skip locally, fail where nothing may lack."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pytest

from scripts.chromium import program

ROOT = Path(__file__).resolve().parents[2]
OLDEST = sys.version_info < (3, 10)
STRICT = bool(os.environ.get("CI")) and not OLDEST


def need(tool: str) -> Any:
    """Return a module by its name, or the path of a program; skip the test without it.

    `chromium` and the names with a slash (files below the project, such as
    `node_modules/axe-core/axe.min.js`) are paths.  Under CI on the newest Python a missing
    tool fails the test instead: there the machine must be complete.
    """
    found = _find(tool)
    if found is None:
        missing(f"needs {tool}, which 'make setup' installs")
    return found


def missing(reason: str) -> None:
    """Skip the test, or fail it under CI on the newest Python."""
    if STRICT:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _find(tool: str) -> Any:
    if tool == "chromium":
        return program()
    if tool == "node":
        return shutil.which("node")
    if "/" in tool:
        path = ROOT / tool
        return str(path) if path.is_file() else None
    try:
        return importlib.import_module(tool)
    except ImportError:
        return None


def run_finops(
    *words: Any,
    env: Optional[Dict[str, str]] = None,
    cwd: Optional[Path] = None,
    timeout: float = 120,
    launcher: Sequence[str] = ("-m", "finops"),
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process from the project's root and return what came out."""
    command: List[str] = [sys.executable, *launcher, *(str(word) for word in words)]
    return subprocess.run(
        command,
        cwd=str(cwd or ROOT),
        env={**clean_environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        encoding="utf-8",
    )


def clean_environment() -> Dict[str, str]:
    """Return this process's environment without what steers the product."""
    return {k: v for k, v in os.environ.items() if not k.startswith("FINOPS_") and k != "NO_COLOR"}
