"""Keep what the showcase's examples share the same in each of them.

An example is meant to be copied alone, so it cannot import its client or its reader: these stand
in it, between two lines that name the file which they are a copy of:

    # --- the same as in _client.py -----------------------------------------------------------
    ...
    # --- end of _client.py -------------------------------------------------------------------

This script copies what follows the imports of those files into every example that has the lines.
With --check it changes nothing and fails where a copy differs.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Iterator, Match, Tuple

SHOWCASE = Path(__file__).resolve().parents[1] / "showcase"
WIDTH = 100
SECTION = re.compile(
    r"^# --- the same as in (?P<name>_\w+\.py) -+\n.*?^# --- end of (?P=name) -+\n", re.M | re.S
)


def section(source: Path) -> str:
    """Return the section of a file: its text behind the imports, between the two lines."""
    text = source.read_text(encoding="utf-8")
    imports = [
        node for node in ast.parse(text).body if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    # Python 3.7 does not know where a statement ends; imports in parentheses end with one.
    lines = text.splitlines()
    last = imports[-1].lineno - 1
    if lines[last].rstrip().endswith("("):
        last = lines.index(")", last)
    body = "\n".join(lines[last + 1 :]).strip("\n")
    begin = f"# --- the same as in {source.name} ".ljust(WIDTH, "-")
    end = f"# --- end of {source.name} ".ljust(WIDTH, "-")
    return f"{begin}\n\n\n{body}\n\n\n{end}\n"


def renewed(example: Path) -> str:
    """Return the text of an example with the sections as their files have them now."""

    def current(match: Match[str]) -> str:
        return section(example.with_name(match.group("name")))

    return SECTION.sub(current, example.read_text(encoding="utf-8"))


def without_sections(text: str) -> str:
    """Return what is an example's own."""
    return SECTION.sub("", text)


def outdated() -> Iterator[Tuple[Path, str]]:
    """Yield the examples in which a section differs, with the text that they should have."""
    for example in sorted(SHOWCASE.glob("*/[!_]*.py")):
        text = renewed(example)
        if text != example.read_text(encoding="utf-8"):
            yield example, text


def main() -> int:
    """Renew the sections, or say with --check which differ; return the exit status."""
    checks = "--check" in sys.argv[1:]
    count = 0
    for example, text in outdated():
        count += 1
        print(f"{example.relative_to(SHOWCASE)} {'differs' if checks else 'renewed'}")
        if not checks:
            example.write_text(text, encoding="utf-8")
    return 1 if checks and count else 0


if __name__ == "__main__":
    sys.exit(main())
