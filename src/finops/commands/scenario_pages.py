"""The pages of the showcase's business scenarios, made beside the reports.

A checkout has the scenarios; an installation has none, and then there is nothing to make.  Each
is a program of its own that writes its page and a description, by which the index lists it.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import List

from finops import config
from finops.processes import script_command_line


def make_scenario_pages(
    reports: Path, showcase: Path = config.PROJECT_ROOT / "showcase"
) -> List[str]:
    """Run every scenario at once; return the names of those that made no page.

    A scenario has `config.EXAMPLE_TIME_LIMIT_S`, and ends where this process does.
    """
    scripts = sorted((showcase / "scenarios").glob("scenario_*.py"))
    running = [_start(script, reports) for script in scripts]
    try:
        ended = [_ends_well(process) for process in running]
    finally:
        for process in running:
            _end(process)
    return [script.stem for script, well in zip(scripts, ended) if not well]


def _start(script: Path, reports: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        script_command_line(str(script), "--out", str(reports)),
        stdin=subprocess.PIPE,  # held as long as the child may live
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _ends_well(process: subprocess.Popen[bytes]) -> bool:
    try:
        return process.wait(config.EXAMPLE_TIME_LIMIT_S) == 0
    except subprocess.TimeoutExpired:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
