"""What the commands share: the console they speak through, and options that many have."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Sequence, TextIO

from finops import config
from finops.config import Settings
from finops.errors import UsageError
from finops.locations import is_elsewhere
from finops.progress import EventProgress, Progress
from finops.progress_events import Event, EventWriter, NoteEvent

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(KB|MB|GB|)", re.IGNORECASE)
_OFFSET = re.compile("-[0-9]").match
_WEB_ADDRESS = re.compile(r"(https?://)(?:[^/\s'\"@]*@)?([^/\s'\"?#]+)[^\s'\"]*", re.IGNORECASE)
_ZONES = ("--timezone", "--input-timezone")
EVENTS = "json"
_UNITS = {"KB": 1024, "": config.MEGABYTE, "MB": config.MEGABYTE, "GB": 1024 * config.MEGABYTE}


class Console(NamedTuple):
    """Where a command's words go; the command line fills it in.

    `say` writes results to standard output, `note` remarks to standard error.  `stream` is
    where progress shows, None where it should not.  `colour` tells whether results may be
    coloured, `width` how many characters fit on a line of results, 0 for any number.
    `events` is there where a program reads standard error: it gets events and no text.
    """

    say: Callable[[str], None]
    note: Callable[[str], None]
    stream: Optional[TextIO] = None
    colour: bool = False
    width: int = 0
    events: Optional[EventWriter] = None

    def progress(self, label: str, quiet: bool = False) -> Progress:
        """Return a fresh progress display for one phase of work, named by the label."""
        if self.events is not None:
            return EventProgress(self.events, label)
        return Progress(None if quiet else self.stream, label)

    def tell(self, event: Event) -> None:
        """Write an event, where a program reads them."""
        if self.events is not None:
            self.events.write(event)

    def remark(self, text: str) -> None:
        """Write a sentence, or a traceback, to standard error: as a line or as an event."""
        if self.events is not None:
            self.events.write(NoteEvent(text))
        else:
            self.note(inert(text))

    def paint(self, text: str, code: str) -> str:
        """Return the text in an ANSI colour or style, or as it is without colour."""
        return f"\033[{code}m{text}\033[0m" if self.colour else text


def inert(text: str) -> str:
    """Return text that is safe to show: control and direction marks as visible escapes.

    Customer ids and file names come from anywhere and may carry terminal sequences.

    >>> inert("a\\x1b[2Jb\\u202ec")
    'a\\\\x1b[2Jb\\\\u202ec'
    """
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def without_secrets(text: str) -> str:
    """Return a text in which addresses are no longer than their servers' names: what follows may
    be a secret, as in those of webhooks.

    >>> without_secrets("unrecognized arguments: --webhok https://hooks.example/T1/secret")
    'unrecognized arguments: --webhok https://hooks.example/…'
    """
    return _WEB_ADDRESS.sub(r"\1\2/…", text)


def parse_size(text: str) -> int:
    """Return a size in bytes: `500MB`, `2GB`, `750KB`; a bare number is megabytes.

    Raises UsageError for anything else, and for 0.

    >>> parse_size("750KB"), parse_size("2"), parse_size("1.5mb")
    (768000, 2097152, 1572864)
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match.group(1)) * _UNITS[match.group(2).upper()]) if match else 0
    if size <= 0 or size > 2**63:
        raise UsageError(f"'{text}' is not a size; write 500MB, 2GB, 750KB, or a number of MB")
    return size


def parse_count(text: str) -> int:
    """Return a positive whole number.  Raises UsageError for anything else.

    >>> parse_count("2")
    2
    """
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) < 1:
        raise UsageError(f"'{text}' is not a number of processes; write 1, 2, …")
    return int(text)


def parse_port(text: str) -> int:
    """Return a port number, 0 for any free one.  Raises UsageError for anything else."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        raise UsageError(f"'{text}' is not a port; write a number from 0 to 65535")
    return int(text)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="the CSV of calls (default: FINOPS_DATA, else data/simulated_calls.csv)",
    )


def add_reports(parser: argparse.ArgumentParser) -> None:
    """Add `--reports`."""
    parser.add_argument(
        "--reports",
        metavar="DIR",
        help="the folder of the reports (default: FINOPS_REPORTS, else reports/html)",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add `--workers`."""
    parser.add_argument(
        "--workers",
        metavar="N",
        type=parse_count,
        help="number of processes (default: one for each processor)",
    )


def add_quiet(parser: argparse.ArgumentParser, meaning: str = "show no progress") -> None:
    """Add `--quiet`."""
    parser.add_argument("--quiet", action="store_true", help=meaning)


def add_progress(parser: argparse.ArgumentParser) -> None:
    """Add `--progress`."""
    parser.add_argument(
        "--progress",
        metavar="FORMAT",
        choices=["text", EVENTS],
        default="text",
        help="how to show progress and errors: text, or json for programs, one event a line on"
        " standard error",
    )


def asks_for_events(words: Sequence[str]) -> bool:
    """Return whether the words of a command line ask for events, also where they are wrong.

    >>> asks_for_events(["analyze", "--progress", "json", "--frobnicate"])
    True
    """
    pairs = zip(words, words[1:])
    return f"--progress={EVENTS}" in words or ("--progress", EVENTS) in pairs


def with_offsets_joined(words: Sequence[str]) -> List[str]:
    """Return the words of a command line with `--timezone -05:00` as one word, which no parser
    takes for two flags.

    >>> with_offsets_joined(["analyze", "--timezone", "-05:00", "--since", "2026-01-01"])
    ['analyze', '--timezone=-05:00', '--since', '2026-01-01']
    """
    joined: List[str] = []
    for word in words:
        if joined and joined[-1] in _ZONES and _OFFSET(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def settings_of(args: argparse.Namespace) -> Settings:
    """Return where this command reads and writes: flags, else environment, else defaults.

    Raises UsageError where FINOPS_PORT is no port.
    """
    # Only a command that serves cares for the port in the environment.
    port = args.port if hasattr(args, "port") else config.VIEWER_PORT
    data = getattr(args, "data", None)
    first = data[0] if isinstance(data, list) else data
    try:
        settings = Settings.resolve(first, getattr(args, "reports", None), port)
    except ValueError:
        raise UsageError("FINOPS_PORT is not a number; unset it or give --port") from None
    return settings._replace(port=parse_port(str(settings.port)))


def local_path(location: str) -> Path:
    """Return a dataset's location as a path, for commands that write beside it or watch it.

    Raises UsageError where it is not on this machine.
    """
    if is_elsewhere(location):
        raise UsageError(f"{location} is not on this machine; give a path to --data")
    return Path(location)


def check_writable(folder: Path, flag: str) -> None:
    """Raise UsageError, which names the flag, where files cannot be made in a folder, or the
    folder not be made.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise UsageError(f"cannot write to {folder}: {there} is not a folder; give another {flag}")
    if not os.access(str(there), os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to {folder}: no permission; give another {flag}")


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = (), width: int = 0) -> List[str]:
    """Return rows (the first is the heading) as aligned lines; `right` columns to the right.

    `width` is the length of a line that fits, 0 for any.  The widest column gives way.
    """
    sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    excess = sum(sizes) + 2 * (len(sizes) - 1) - width
    if width and excess > 0:
        widest = sizes.index(max(sizes))
        sizes[widest] = max(8, sizes[widest] - excess)
    return [_line(row, sizes, right) for row in rows]


def _line(row: Sequence[str], sizes: Sequence[int], right: Sequence[int]) -> str:
    cells = []
    for i, (cell, size) in enumerate(zip(row, sizes)):
        text = cell if len(cell) <= size else cell[: size - 1] + "…"
        cells.append(text.rjust(size) if i in right else text.ljust(size))
    return "  ".join(cells).rstrip()
