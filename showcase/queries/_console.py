"""Framed console output for the examples: title, steps, results, benefits, exit status.

The same small file lies in every showcase folder, so that each folder can be copied alone.
Symbols that a terminal cannot encode become plain letters instead of a crash.
"""

from __future__ import annotations

import codecs
import os
import sys
from typing import Callable, Iterable, Tuple, Type, Union

WIDTH = 60
RULE = "=" * WIDTH
PLAIN = {
    "✓": "[ok]",
    "⏳": ">",
    "📊": "#",
    "•": "*",
    "→": "->",
    "×": "x",
    "≥": ">=",
    "–": "-",
    "…": "...",
    "µ": "u",
    "±": "+-",
}


class DemonstrationError(Exception):
    """What the example set out to show did not come out in this run, or it could not run."""


def _in_plain_letters(error: UnicodeError) -> Tuple[str, int]:
    """Codec error handler: replace what cannot be encoded by a plain look-alike."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(letter, "?") for letter in lost), error.end


def prepare_output() -> None:
    """Make standard output and error degrade symbols instead of raising."""
    codecs.register_error("plain_letters", _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="plain_letters")


def title(text: str) -> None:
    """Print the title between two rules of 60 characters."""
    print(f"{RULE}\n{text}\n{RULE}")


def step(number: int, text: str) -> None:
    """Print the heading of one numbered step."""
    print(f"\n⏳ Step {number}: {text}")


def note(text: str) -> None:
    """Print one indented line below a step."""
    print(f"  {text}")


def results(pairs: Iterable[Tuple[str, str]]) -> None:
    """Print the results block: a line for each (name, figure)."""
    print("\n📊 Results:")
    for name, figure in pairs:
        print(f"   • {name}: {figure}")


def benefits(lines: Iterable[str]) -> None:
    """Print the closing list of what the pattern is good for."""
    print("\nKey Benefits:")
    for line in lines:
        print(f"   • {line}")
    print(RULE)


def require(condition: bool, claim: str) -> None:
    """Print the claim as proven, or raise DemonstrationError if it is not."""
    if not condition:
        raise DemonstrationError(f"not shown in this run: {claim}")
    print(f"  ✓ {claim}")


def run(demonstration: Callable[[], object], *expected: Type[Exception]) -> int:
    """Run a demonstration and return the exit status.

    0 when it went through, 1 when a claim failed, 2 when it could not run at all (one line on
    standard error says why), 130 after Ctrl-C.  `expected` names further kinds of trouble that
    deserve a line instead of a traceback.
    """
    prepare_output()
    trouble: Tuple[Type[Exception], ...] = (OSError, ValueError, *expected)
    try:
        demonstration()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output left (`| head`): point the rest nowhere and end quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except DemonstrationError as error:
        return _fail(error, 1)
    except trouble as error:
        return _fail(error, 2)
    return 0


def _fail(reason: Union[str, Exception], status: int) -> int:
    """Print one line on standard error and return the status."""
    print(f"{os.path.basename(sys.argv[0])}: {reason}", file=sys.stderr)
    return status
