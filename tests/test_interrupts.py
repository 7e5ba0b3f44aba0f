"""Ctrl-C at any moment of a start: no traceback, and the status of an interrupt."""

from __future__ import annotations

import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Tuple

import pytest

from tests.support.tools import ROOT, clean_environment

# What measures coverage starts within the interpreter's own start: an interrupt there leaves
# modules half imported, about which no program can do anything.
pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.skipif(os.name == "nt", reason="POSIX signals"),
]

SOURCE = ROOT / "src"
INSTANTS = int(os.environ.get("INTERRUPT_INSTANTS", "12"))

# Runs a launcher and writes a byte when the first line of `watched` is reached: what comes before
# is the interpreter's own start, about which no program can do anything.
HARNESS = """
import os, sys
path, watched, before, words = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
exec(before)
with open(path) as file:
    code = compile(file.read(), path, "exec")
def tracer(frame, event, argument):
    if frame.f_code.co_filename == watched:
        sys.settrace(None)
        os.write(1, b"!")
sys.argv = [path, *words]
sys.settrace(tracer)
exec(code, {"__name__": "__main__", "__file__": path})
"""
MODULE = SOURCE / "finops" / "__main__.py"
IMPORTED = f"sys.path.insert(0, {str(SOURCE)!r}); import finops"
CONSOLE_SCRIPT = """\
import sys
from finops.__main__ import entry_point
sys.exit(entry_point())
"""


def launchers(folder: Path) -> List[Tuple[Path, Path, str, List[str]]]:
    """Return path, first file of ours, what is done before, and words, of every way to start."""
    script = folder / "finops"
    script.write_text(CONSOLE_SCRIPT)
    data = ["--data", str(folder / "calls.csv")]
    generate = ["generate", "--size", "200MB", "--fresh", "--workers", "2", *data]
    serve = ["--port", "0", "--reports", str(folder / "reports"), *data]
    server = ROOT / "viewer" / "server.py"
    return [
        (ROOT / "finops.py", ROOT / "finops.py", "", generate),
        (MODULE, MODULE, IMPORTED, generate),
        (server, server, "", serve),
        (script, MODULE, IMPORTED, ["list", "scenarios"]),
    ]


def interrupted(command: List[str], delay: float, wait_for_start: bool) -> Tuple[int, str]:
    """Start a command, interrupt it after so many seconds, return its status and complaints."""
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    if wait_for_start:
        assert process.stdout.read(1) == b"!"
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    return process.returncode, said.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "path", [ROOT / "finops.py", ROOT / "viewer" / "server.py", MODULE], ids=str
)
def test_a_launcher_does_nothing_before_it_catches_ctrl_c(path: Path) -> None:
    """An interrupt between two lines cannot be timed; so no line may stand outside of the try."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    first = next(at for at, statement in enumerate(body) if isinstance(statement, ast.Try))
    for statement in body[:first]:  # the docstring, and constants
        assert isinstance(statement, (ast.Expr, ast.Assign)), ast.dump(statement)
        # What is a Constant has other names before Python 3.8.
        assert type(statement.value).__name__ in ("Constant", "Str", "Num"), ast.dump(statement)
    caught = [handler.type for handler in body[first].handlers]  # type: ignore[attr-defined]
    assert [getattr(name, "id", None) for name in caught] == ["KeyboardInterrupt"]


@pytest.mark.parametrize("number", range(4), ids=["finops.py", "-m", "server.py", "script"])
def test_ctrl_c_is_silent_from_the_first_line_on(number: int, tmp_path: Path) -> None:
    launcher, watched, before, words = launchers(tmp_path)[number]
    draw = random.Random(f"{number}")
    # Most of a start happens early, so half of the instants do.
    instants = [draw.uniform(0, 0.05 if k % 2 else 0.3) for k in range(INSTANTS)]
    for delay in [0.0, 0.0002, 0.0005, *instants]:
        command = [sys.executable, "-c", HARNESS, str(launcher), str(watched), before, *words]
        status, said = interrupted(command, delay, wait_for_start=True)
        if "in tracer" in said:
            continue  # it came before the first line
        assert status in (130, 0), (delay, status, said)
        complaints = [line for line in said.splitlines() if not line.startswith("generating ")]
        allowed = {"finops: stopped", "finops: stopping"}
        assert set(complaints) <= allowed, (delay, status, said)


# It came while the launcher was read and compiled, and was raised at its docstring.
TOO_EARLY = re.compile(
    r'Traceback .*\n  File ".*finops\.py", line (?:[0-9]|1[0-2]), in <module>\n'
    r"(?:(?!  File).*\n)*KeyboardInterrupt\n"
)


def test_ctrl_c_at_any_instant_shows_nothing_of_ours(tmp_path: Path) -> None:
    """From outside, with the interpreter's own start, which may complain of itself."""
    words = ["list", "scenarios"]
    draw = random.Random(7)
    for _ in range(INSTANTS):
        delay = draw.uniform(0, 0.12)
        status, said = interrupted([sys.executable, str(ROOT / "finops.py"), *words], delay, False)
        if TOO_EARLY.fullmatch(said):
            continue
        assert str(ROOT / "finops.py") not in said, (delay, said)
        assert str(SOURCE) not in said, (delay, said)
        if not said or said == "finops: stopped\n":
            assert status in (130, 0, -signal.SIGINT), (delay, status)


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    """As for what a shell runs in the background."""
    program = f'"{sys.executable}" "{ROOT / "finops.py"}" list scenarios'
    process = subprocess.Popen(
        ["sh", "-c", f'trap "" INT; echo ready; {program}'],
        bufsize=0,  # so that reading a line takes no more than the line
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, b"")
    assert b"base_traffic" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_hangup_unwinds_as_a_termination_does(number: int, tmp_path: Path) -> None:
    data = tmp_path / "calls.csv"
    words = ["generate", "--size", "500MB", "--workers", "2", "--data", str(data)]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "finops.py"), *words],
        env=clean_environment(),
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 300
    while not (data.exists() and data.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 143
    assert said.decode().splitlines()[-1] == "finops: stopped"
    assert not list(tmp_path.glob("*.tmp"))
