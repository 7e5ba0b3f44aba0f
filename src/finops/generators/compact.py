"""Scripts and styles in fewer bytes: the files are written to be read, and every page carries them.

Only blank space and comments go; names stay, so an error still says where it happened.
"""

from __future__ import annotations

import re
from typing import List

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'("(?:\\.|[^"\\])*")')
# Signs beside which a space means nothing.  Plus and minus are not among them: `a - -b`.
_SCRIPT_SIGNS = re.compile(r" ?([=*<>!&|?:;,(){}\[\]]+) ?")
# A space before a colon, a bracket or a sign of arithmetic means something in a style.
_STYLE_SIGNS = re.compile(r" ?([{};,]) ?|: ")


def compact_script(text: str) -> str:
    """Return a script without indentation, lines of comment and spaces beside signs.

    Lines stay lines.  One with a template, a division or a regular expression keeps its spaces.
    """
    return "\n".join(map(_compact_line, _lines(text)))


def compact_style(text: str) -> str:
    """Return a style without indentation, comments and spaces beside signs."""
    parts = _STRING.split("\n".join(_lines(_COMMENT.sub("", text))))
    parts[::2] = [_STYLE_SIGNS.sub(lambda sign: sign.group(1) or ":", part) for part in parts[::2]]
    return "".join(parts)


def _lines(text: str) -> List[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("//")]


def _compact_line(line: str) -> str:
    if "`" in line or "/" in line or "'" in line:
        return line
    parts = _STRING.split(line)
    parts[::2] = [_SCRIPT_SIGNS.sub(r"\1", part) for part in parts[::2]]
    return "".join(parts)
