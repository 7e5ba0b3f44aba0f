"""Write the command reference, `docs/cli.md`, from `--help`, or check that it is up to date.

`reference.py` writes, `reference.py --check` only compares and returns 1 where they differ.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cli.md"
BEGIN = "<!-- commands: written by `make reference` -->"
END = "<!-- end of commands -->"


def help_of(*words: str) -> str:
    """Return what a command's `--help` prints."""
    command = [sys.executable, "-m", "finops", *words, "--help"]
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8").replace("\r\n", "\n").rstrip()


def commands() -> List[str]:
    """Return the names of the commands in the order of the overview."""
    listed = help_of().split("commands:\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^  ([a-z]+)", listed, re.MULTILINE)


def reference() -> str:
    """Return the reference as Markdown."""
    parts = [f"### `finops {name}`\n\n```text\n{help_of(name)}\n```" for name in commands()]
    return "\n\n".join(parts)


def renewed(text: str) -> str:
    """Return the page with the present reference.  Raises ValueError without its marks."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


def main() -> int:
    """Write or check; return 1 where the page is not up to date."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = renewed(text)
    if "--check" in sys.argv[1:]:
        if text == wanted:
            return 0
        print("docs/cli.md: the command reference is not what --help says; run 'make reference'")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
