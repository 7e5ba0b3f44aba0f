"""A scenario's inputs as a dataclass, and each of them as a command-line flag.

Every figure that a scenario prints follows from its inputs; change one and see.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import field, fields
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Tuple, Type, TypeVar

InputsType = TypeVar("InputsType")


def given(default: float, meaning: str, least: float = 0.0, most: float = math.inf) -> Any:
    """Declare an input: its default, what it means (with its unit), and its bounds."""
    bounds = {"help": f"{meaning} (default {default:g})", "least": least, "most": most}
    return field(default=default, metadata=bounds)


def from_flags(
    kind: Type[InputsType], description: str, argv: Optional[Sequence[str]] = None
) -> Tuple[InputsType, Optional[Path]]:
    """Return the inputs and the directory of `--out`, None where it was not given.

    Wrong usage ends the program with status 2 and a message, as argparse does.
    """
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--out", metavar="DIR", help="where the page is written")
    declared = fields(kind)  # type: ignore[arg-type]
    for declaration in declared:
        whole = isinstance(declaration.default, int)
        flag = "--" + declaration.name.replace("_", "-")
        check = _checked(
            int if whole else float, declaration.metadata["least"], declaration.metadata["most"]
        )
        text = declaration.metadata["help"].replace("%", "%%")
        parser.add_argument(flag, type=check, default=declaration.default, metavar="N", help=text)
    arguments = parser.parse_args(argv)
    values = {declaration.name: getattr(arguments, declaration.name) for declaration in declared}
    return kind(**values), Path(arguments.out) if arguments.out else None


def _checked(parse: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    """Return a parser of numbers that refuses what lies outside the bounds."""

    def number(text: str) -> float:
        try:
            value = parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not (math.isfinite(value) and least <= value <= most):
            raise argparse.ArgumentTypeError(f"must be between {least:g} and {most:g}")
        return value

    return number
