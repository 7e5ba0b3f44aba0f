"""The command line: parse, call, print, return a status.

Together with `viewer.app` the only module that prints.  Foreseen trouble becomes one line on
standard error and an exit status; everything else is a defect and is called one.

Exit status: 0 all done; 1 some analyzers failed, or more rows are skipped than is allowed; 2
wrong usage, unreadable file, disk or lock trouble; 3 a budget is exceeded, or there is a finding
that was asked for; 130 and 143 for interrupts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import traceback
from types import FrameType
from typing import Any, Callable, List, NoReturn, Optional, Sequence, TextIO

from finops import __version__
from finops.commands import COMMANDS, Command
from finops.commands.base import (
    Console,
    asks_for_events,
    inert,
    with_offsets_joined,
    without_secrets,
)
from finops.commands.nearest import nearest
from finops.errors import FinOpsError, StorageError, UsageError
from finops.progress import is_terminal
from finops.progress_events import FAILED, OK, ErrorEvent, EventWriter, FinishedEvent, NoteEvent

INTERRUPTED = 130
TERMINATED = 143
TROUBLE = 2
_HELP_WIDTH = 88
Complain = Callable[[str], None]
_AGAIN_S = 0.002


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived; unwinds like Ctrl-C, so that the same code cleans up."""


class _Once(argparse.Action):
    """Stores a value, and refuses a second one: it would not be clear which one counts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: Optional[str] = None,
    ) -> None:
        """Store the value.  Raises UsageError where there is one already."""
        if option_string is not None and getattr(self, "given", False):
            parser.error(f"{option_string} was given twice; give it once")
        self.given = True
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, and whose help looks the same on
    every Python version and terminal.  It parses one command line.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            add_help=False, allow_abbrev=False, formatter_class=_help_formatter, **options
        )
        self.register("action", None, _Once)
        self.register("action", "store", _Once)
        self._optionals.title = "options"  # "optional arguments" before Python 3.10
        self._positionals.title = "arguments"
        self.add_argument("--help", "-h", action="help", help="show this help and exit")
        self.flags: List[str] = []  # those of the selected command

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{without_secrets(message)} (see {self.prog} --help)")


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=24, width=_HELP_WIDTH)


def build_parser(selected: Optional[str] = None) -> Parser:
    """Return the parser; only the selected command gets its arguments, and is imported."""
    lines = [f"  {c.name:<10} {c.summary}" for c in COMMANDS.values()]
    parser = Parser(
        prog="finops",
        usage="finops COMMAND [options]",
        description="See where AI spend goes.\n\ncommands:\n" + "\n".join(lines),
        epilog="example:\n  finops demo\n\n'finops COMMAND --help' explains one command.",
    )
    parser.add_argument("--version", action="version", version=f"finops {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks on errors")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    for command in COMMANDS.values():
        child = commands.add_parser(
            command.name,
            prog=f"finops {command.name}",
            description=command.summary[0].upper() + command.summary[1:] + ".",
            epilog=f"example:\n  {command.example}",
        )
        if command.name == selected:
            _complete(child, command)
            parser.flags = sorted(child._option_string_actions)
    return parser


def _complete(parser: Parser, command: Command) -> None:
    command.add_arguments(parser)
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show tracebacks on errors",
    )


def main(
    argv: Optional[Sequence[str]] = None, before_run: Callable[[], None] = lambda: None
) -> int:
    """Run one command and return its exit status; never raises but on a broken interpreter.

    `argv` are the words after the program's name, by default those of this process.
    `before_run` is called when they are understood and the command is about to begin.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    events = EventWriter(sys.stderr) if asks_for_events(words) else None
    complain = _as_line if events is None else _as_event(events)
    status = _guarded(words, events, complain, before_run)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        status = _standard_output_failed(error, complain)
    if events is not None:
        events.write(FinishedEvent(FAILED if status else OK, status))
    return status


def entry_point(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command line as this process: handle signals, exit with the status.

    Until a command begins, signals do what they did before: the launcher has Ctrl-C end the
    process at once (see `finops.__main__`).
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        status = main(argv, _handle_signals)
        _ignore_signals()
    except KeyboardInterrupt as interrupt:  # it came when the command had ended already
        status = _status_of(interrupt)
    sys.exit(status)


_WEAK_REFERENCES = ("weakref.py", "_weakrefset.py")
_INTERRUPTING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def _handle_signals() -> None:
    """Let signals unwind what runs; those that the starter has us ignore stay ignored."""
    for number in _numbers():
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)


def _ignore_signals() -> None:
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


def _numbers() -> List[int]:
    return [getattr(signal, name) for name in _INTERRUPTING if hasattr(signal, name)]


def _on_signal(number: int, frame: Optional[FrameType]) -> None:
    if os.name != "nt" and frame is not None and _would_be_lost(frame):
        again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return
    _ignore_signals()  # what unwinds now is not to be interrupted by the next one
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _would_be_lost(frame: FrameType) -> bool:
    """Return whether an exception raised in this frame would be printed and go no further.

    So it is in callbacks of the import system and of weak references, and in finalizers.
    """
    if frame.f_code.co_filename.startswith("<frozen importlib"):
        return True
    caller: Optional[FrameType] = frame
    while caller is not None:
        code = caller.f_code
        if code.co_name == "__del__" or code.co_filename.endswith(_WEAK_REFERENCES):
            return True
        caller = caller.f_back
    return False


def _status_of(interrupt: KeyboardInterrupt) -> int:
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


def _guarded(
    words: List[str],
    events: Optional[EventWriter],
    complain: Complain,
    before_run: Callable[[], None],
) -> int:
    """Carry out and turn whatever is raised into a line, or an event, and a status."""
    try:
        return _dispatch(words, events, before_run)
    except SystemExit as finished:  # --help and --version
        return finished.code if isinstance(finished.code, int) else 0
    except KeyboardInterrupt as interrupt:
        complain("stopped")
        return _status_of(interrupt)
    except BaseException as error:
        if "--debug" in words:
            _noter(events)(traceback.format_exc())
        return _report(error, complain)


def _dispatch(
    words: List[str], events: Optional[EventWriter], before_run: Callable[[], None]
) -> int:
    selected = next((word for word in words if not word.startswith("-")), None)
    if selected is not None and selected not in COMMANDS:
        raise UsageError(
            f"there is no command {without_secrets(repr(selected))}{nearest(selected, COMMANDS)}"
            " (see finops --help)"
        )
    parser = build_parser(selected)
    args, unknown = parser.parse_known_args(with_offsets_joined(words))
    if unknown:
        parser.error(_unrecognized(unknown, parser.flags))
    if args.command is None:
        raise UsageError("no command given; see 'finops --help'")
    before_run()
    return COMMANDS[args.command].run(args, _console(events))


def _unrecognized(words: Sequence[str], flags: Sequence[str]) -> str:
    """Return what is wrong with words that no option takes, and which flag is nearest."""
    wrong = next((word.split("=")[0] for word in words if word.startswith("-")), "")
    return f"unrecognized arguments: {' '.join(words)}{nearest(wrong, flags)}"


def _report(error: BaseException, complain: Complain) -> int:
    """Say in one line what went wrong and return the status for it."""
    if isinstance(error, FinOpsError):
        complain(str(error))
        return error.exit_status
    if isinstance(error, StandardOutputError):
        return _standard_output_failed(error.cause, complain)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename is not None else ""
        complain(f"{error.strerror or error}{where}")
    elif isinstance(error, MemoryError):
        complain("not enough memory; close other programs or take a smaller dataset")
    else:
        name = type(error).__name__
        what = f"internal error (a bug in finops): {name}: {error}"
        complain(f"{what}; run it again with --debug and report what it prints")
    return TROUBLE


def _as_line(text: str) -> None:
    """Print an error as the one line that it gets."""
    _note(f"finops: {inert(_joined(text))}")


def _as_event(events: EventWriter) -> Complain:
    return lambda text: events.write(ErrorEvent(_joined(text)))


def _joined(text: str) -> str:
    return " ".join(text.splitlines())


class StandardOutputError(Exception):
    """Standard output refused; `cause` is what the system said."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _standard_output_failed(error: OSError, complain: Complain) -> int:
    """Say so, unless the reader simply left, and keep the interpreter from trying again."""
    if not isinstance(error, BrokenPipeError):
        complain(f"standard output: {error.strerror or error}")
    _silence(sys.stdout)
    return TROUBLE


def _silence(stream: Optional[TextIO]) -> None:
    """Let what is still buffered run into the void, where the stream is a real one."""
    try:
        if stream is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def _console(events: Optional[EventWriter]) -> Console:
    terminal = sys.stdout is not None and is_terminal(sys.stdout)
    return Console(
        say=_say,
        note=_noter(events),
        stream=sys.stderr if events is None else None,
        colour=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        width=shutil.get_terminal_size().columns if terminal else 0,
        events=events,
    )


def _say(text: str) -> None:
    """Print to standard output."""
    if sys.stdout is None:
        raise StorageError("standard output is closed; redirect it to a file or /dev/null")
    try:
        print(text)
    except OSError as error:
        raise StandardOutputError(error) from error


def _noter(events: Optional[EventWriter]) -> Complain:
    """Return what writes a remark of several lines to standard error."""
    return _note if events is None else lambda text: events.write(NoteEvent(text))


def _note(text: str) -> None:
    """Print to standard error; an unwritable one is ignored."""
    if sys.stderr is None:
        return
    try:
        print(text.rstrip("\n"), file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)
