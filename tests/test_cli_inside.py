"""The command line from inside: trouble that a process can hardly be brought into."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, Tuple, Type

import pytest

from finops import cli, commands
from finops.cli import main
from finops.commands.base import Console, inert, parse_count, parse_port, parse_size, table
from finops.errors import DataError, FinOpsError, LockError, ReportError, StorageError, UsageError


def run_raising(monkeypatch: pytest.MonkeyPatch, error: BaseException, *words: str) -> int:
    """Run `list analyzers` as a command that raises this."""

    class Raising(commands.Command):
        def run(self, args: argparse.Namespace, console: Console) -> int:
            raise error

    raising = Raising(*commands.COMMANDS["list"])
    monkeypatch.setitem(commands.COMMANDS, "list", raising)
    return main(["list", "analyzers", *words])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FinOpsError("a"), 2),
        (UsageError("b"), 2),
        (DataError("c"), 2),
        (StorageError("d"), 2),
        (LockError("e"), 2),
        (ReportError("f"), 1),
    ],
)
def test_foreseen_trouble_is_its_text_and_its_status(
    error: FinOpsError,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_raising(monkeypatch, error) == status
    assert capsys.readouterr().err == f"finops: {error}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EROFS, "Read-only file system", "x.csv"), "Read-only file system: x.csv"),
        (OSError("strange"), "strange"),
        (MemoryError(), "not enough memory"),
        (
            ZeroDivisionError("by zero"),
            "internal error (a bug in finops): ZeroDivisionError: by zero",
        ),
        (RuntimeError("two\nlines"), "internal error (a bug in finops): RuntimeError: two lines;"),
    ],
)
def test_other_trouble_is_a_line_too(
    error: BaseException,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_raising(monkeypatch, error) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"finops: {line}")
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said


def test_a_defect_tells_to_use_debug_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_raising(monkeypatch, KeyError("lost"))
    assert "--debug" in capsys.readouterr().err
    run_raising(monkeypatch, KeyError("lost"), "--debug")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (cli.Terminated(), 143)], ids=["int", "term"]
)
def test_interrupts_have_their_own_statuses(
    error: BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_raising(monkeypatch, error) == status
    assert capsys.readouterr().err == "finops: stopped\n"


@pytest.mark.parametrize(("number", "kind"), [(15, cli.Terminated), (2, KeyboardInterrupt)])
def test_a_signal_becomes_an_interrupt_and_the_next_is_ignored(
    number: int, kind: Type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: Dict[int, object] = {}
    monkeypatch.setattr(signal, "signal", handled.__setitem__)
    with pytest.raises(kind):
        cli._on_signal(number, None)
    assert handled[signal.SIGTERM] == handled[signal.SIGINT] == signal.SIG_IGN


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_signal_inside_of_the_import_system_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised there, it would be printed and lost."""
    frames: List[FrameType] = []
    code = compile("note(sys._getframe())", "<frozen importlib._bootstrap>", "exec")
    exec(code, {"sys": sys, "note": frames.append})
    sent: List[Tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    cli._on_signal(2, frames[0])
    deadline = time.monotonic() + 300
    while not sent and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sent == [(os.getpid(), 2)]


class QueueFullError(io.StringIO):
    """A stream whose device is full, at the write or only when it is flushed."""

    def __init__(self, at_flush: bool, number: int = errno.ENOSPC) -> None:
        super().__init__()
        self.at_flush = at_flush
        self.number = number

    def write(self, text: str) -> int:
        if not self.at_flush:
            raise OSError(self.number, "No space left on device")
        return len(text)

    def flush(self) -> None:
        if self.at_flush:
            raise OSError(self.number, "No space left on device")


@pytest.mark.parametrize("at_flush", [False, True])
def test_standard_output_that_is_full_is_one_line(
    at_flush: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", QueueFullError(at_flush))
    assert main(["list", "providers"]) == 2
    assert capsys.readouterr().err == "finops: standard output: No space left on device\n"


def test_standard_output_that_nobody_reads_is_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", QueueFullError(False, errno.EPIPE))
    assert main(["list", "providers"]) == 2
    assert capsys.readouterr().err == ""


def test_without_standard_streams_there_is_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["list", "providers"]) == 2


def test_standard_error_that_is_full_keeps_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", QueueFullError(False))
    assert main(["frobnicate"]) == 2


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def listed(**environment: str) -> str:
        stream = Terminal()
        monkeypatch.setattr(sys, "stdout", stream)
        for name in ("NO_COLOR", "TERM"):
            monkeypatch.setenv(name, environment.get(name, ""))
        assert main(["list", "providers"]) == 0
        return stream.getvalue()

    assert "\033[1m" in listed(TERM="xterm")
    assert "\033" not in listed(TERM="xterm", NO_COLOR="1")
    assert "\033" not in listed(TERM="dumb")
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, listed(NO_COLOR="1").splitlines())) <= 60


def test_a_failed_report_is_red_in_the_table() -> None:
    from finops.commands.analyze import summary
    from finops.pipeline import Outcome
    from finops.publishing import Made
    from finops.registry import ANALYZER_REGISTRY
    from finops.rollups.spec import Rollups

    pricing, features = ANALYZER_REGISTRY["pricing"], ANALYZER_REGISTRY["features"]
    made = [
        Made(pricing, 0.5, 2048, "fine"),
        Made(features, reason="ValueError: \x1b[2J"),
    ]
    shown = summary(
        Outcome({}, made, Path("r") / "index.html", lambda: Rollups({})),
        Console(print, print, colour=True),
    ).splitlines()
    assert shown[1] == "Pricing Strategy   fine                         2 KB     0.50"
    assert shown[2].startswith("\033[31mFeature Economics  failed: ValueError: \\x1b[2J")
    assert shown[2].endswith("\033[0m")


def test_tables_give_way_in_the_widest_column() -> None:
    rows = [("id", "text", "no"), ("a", "x" * 50, "1"), ("b", "y", "22")]
    lines = table(rows, right=(2,), width=30)
    assert max(map(len, lines)) == 30
    assert lines[1] == "a   " + "x" * 21 + "…   1"
    assert table(rows, right=(2,))[1] == "a   " + "x" * 50 + "   1"


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    assert inert("Größe\n€") == "Größe\n€"
    assert inert("a\x1b[31m\u202eb\x07") == "a\\x1b[31m\\u202eb\\x07"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 524_288_000),
        ("2GB", 2_147_483_648),
        ("750KB", 768_000),
        ("50", 52_428_800),
        ("0.5mb", 524_288),
        ("1 GB", 1_073_741_824),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "5TB", "0.0000001KB", "1e3", "٣MB", "9" * 30, "1_0"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


def test_counts_and_ports() -> None:
    assert (parse_count("8"), parse_port("0"), parse_port("65535")) == (8, 0, 65535)
    for text in ("0", "-1", "x", "1.5", "99999"):
        with pytest.raises(UsageError):
            parse_count(text)
    for text in ("65536", "-1", "http"):
        with pytest.raises(UsageError):
            parse_port(text)


def test_the_result_folder_must_be_writable(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["--data", str(small_csv), "--reports", str(tmp_path / "r"), "--only", "pricing"]
    assert main(["analyze", *words, "--quiet", "--json", str(tmp_path / "file" / "json")]) == 2


def test_arguments_of_a_call_are_no_globals(capsys: pytest.CaptureFixture[str]) -> None:
    shown: Dict[str, Any] = {}
    for what in ("scenarios", "providers", "scenarios"):
        assert main(["list", what]) == 0
        shown.setdefault(what, capsys.readouterr().out)
    assert shown["scenarios"] != shown["providers"]
