"""The showcase page: every example with its text and source, highlighted, and one button.

Examples are found by listing the folders once at the start; an id from a request is only
ever compared with what was found.  A source is read when it is asked for, shown escaped, and
never executed to be shown.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import tokenize
from html import escape
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

from finops.regular_files import open_regular, read_regular

ROOMS = (
    ("instrumentation", "Instrumentation", "Track AI calls from an application."),
    ("queries", "Queries", "Ask questions of the recorded calls."),
    ("metadata", "Metadata", "Build, check and organise what is recorded with a call."),
    ("scenarios", "Scenarios", "Business cases with figures computed as they run."),
)
_BUILTINS = frozenset(dir(builtins))
_SOURCE_BYTES = 1 << 20


class Example(NamedTuple):
    """One example: `id` is room.file.

    The first line of its text is "TITLE: LEAD", or a title alone; `text` is the rest.
    """

    id: str
    room: str
    title: str
    lead: str
    text: str
    path: Path


def find_examples(folder: Path) -> Dict[str, Example]:
    """Return the examples below a showcase folder by id, rooms in order, files by name."""
    examples = {}
    for room, _, _ in ROOMS:
        for path in sorted((folder / room).glob("*.py")):
            if path.name.startswith("_") or path.is_symlink():
                continue
            docstring = _docstring(path)
            if docstring:
                example = _example(room, path, docstring)
                examples[example.id] = example
    return examples


def _example(room: str, path: Path, docstring: str) -> Example:
    first, _, rest = docstring.partition("\n")
    title, _, lead = " ".join(first.split()).partition(": ")
    return Example(
        f"{room}.{path.stem}", room, title, lead[:1].upper() + lead[1:], rest.strip(), path
    )


def source_of(example: Example) -> str:
    """Return the source of an example; a sentence where it cannot be read."""
    try:
        with open_regular(example.path) as stream:
            return stream.read(_SOURCE_BYTES).decode("utf-8", "replace")
    except OSError:
        return "# This file cannot be read any more."


def _docstring(path: Path) -> str:
    try:
        return ast.get_docstring(ast.parse(read_regular(path).decode("utf-8"))) or ""
    except (OSError, ValueError, SyntaxError):
        return ""


def highlight(source: str) -> str:
    """Return Python source as HTML, escaped, with comments, strings, words and numbers marked.

    Source that cannot be tokenized to its end is returned escaped and otherwise plain.
    """
    try:
        pieces = list(_pieces(source))
    except (tokenize.TokenError, SyntaxError, IndexError):
        return escape(source)
    return "".join(
        f'<span class="{style}">{escape(text)}</span>' if style else escape(text)
        for style, text in pieces
    )


def _pieces(source: str) -> Iterator[Tuple[str, str]]:
    """Yield the source in order as (style, text); all texts together are the source."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    position = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        style = _style(token)
        begin = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        if not style or end <= position:
            continue
        if begin > position:
            yield "", source[position:begin]
        yield style, source[begin:end]
        position = end
    yield "", source[position:]


def _style(token: tokenize.TokenInfo) -> str:
    kind = tokenize.tok_name[token.type]
    if kind == "COMMENT":
        return "comment"
    if kind == "STRING" or kind.startswith("FSTRING"):
        return "string"
    if kind == "NUMBER":
        return "number"
    if kind == "NAME" and keyword.iskeyword(token.string):
        return "word"
    return "builtin" if kind == "NAME" and token.string in _BUILTINS else ""


def by_room(examples: Dict[str, Example]) -> List[Tuple[str, str, List[Example]]]:
    """Return (title, sentence, examples) of each room that has any."""
    rooms = []
    for room, title, sentence in ROOMS:
        inside = [example for example in examples.values() if example.room == room]
        if inside:
            rooms.append((title, sentence, inside))
    return rooms
