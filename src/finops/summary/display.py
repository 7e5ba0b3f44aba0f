"""How wide text is on a terminal, and how names are shortened in their middle.

Characters are not columns: those of East Asian scripts take two, combining marks none, and an
emoji that is joined of several takes two in all.
"""

from __future__ import annotations

import unicodedata
from typing import Iterator, List, Tuple

ELLIPSIS = "…"
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"
_WIDE = frozenset("WF")
_NO_WIDTH = frozenset({"Mn", "Me"})

Cluster = Tuple[str, int]  # characters that stand together, and their columns


def clusters(text: str) -> Iterator[Cluster]:
    """Yield the characters of a text as they stand on a terminal, each with its width.

    >>> [width for _, width in clusters("a\u682a\U0001f469\u200d\U0001f4bbe\u0301")]
    [1, 2, 2, 1]
    """
    waiting, width = "", 0
    for character in text:
        if waiting and _joins(waiting, character):
            waiting += character
            width = 2 if character == _EMOJI_STYLE else width
            continue
        if waiting:
            yield waiting, width
        waiting, width = character, _columns(character)
    if waiting:
        yield waiting, width


def _joins(before: str, character: str) -> bool:
    """Return whether a character is drawn together with the ones before it."""
    if character in (_JOINER, _EMOJI_STYLE) or unicodedata.category(character) in _NO_WIDTH:
        return True
    if _is_skin_tone(character):
        return _columns(before[0]) == 2
    if _is_regional(character):
        return len(before) == 1 and _is_regional(before)
    return before[-1] == _JOINER and _is_pictograph(before[0]) and _is_pictograph(character)


def _columns(character: str) -> int:
    if _is_regional(character):
        return 2
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_skin_tone(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff"


def _is_pictograph(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk")


def width_of(text: str) -> int:
    """Return how many columns a text takes.

    >>> width_of("abc"), width_of("\u682a\u5f0f"), width_of("")
    (3, 4, 0)
    """
    return sum(width for _, width in clusters(text))


def visible(text: str) -> str:
    """Return a text on one line whose control and direction marks are visible escapes.

    What joins an emoji, or chooses its style, stays.

    >>> visible("a\\x1b[2J\u202eb"), width_of(visible("\U0001f469\u200d\U0001f4bb"))
    ('a\\\\x1b[2J\\\\u202eb', 2)
    """
    return "".join(_visible(cluster) for cluster, _ in clusters(text))


def _visible(cluster: str) -> str:
    is_emoji = len(cluster) > 1 and _is_pictograph(cluster[0]) and cluster[-1] != _JOINER
    return "".join(
        c
        if c.isprintable() or (is_emoji and c == _JOINER)
        else c.encode("unicode_escape").decode("ascii")
        for c in cluster
    )


def shortened(text: str, width: int) -> str:
    """Return a text of at most so many columns, its middle left out where it is longer.

    >>> shortened("gpt-5-with-a-long-name-eu-1", 12), shortened("short", 12)
    ('gpt-5-…-eu-1', 'short')
    """
    if width_of(text) <= width:
        return text
    if width < 1:
        return ""
    parts = list(clusters(text))
    tail = _fitting(parts[::-1], (width - 1) // 2)
    head = _fitting(parts, width - 1 - sum(columns for _, columns in tail))
    return "".join(c for c, _ in head) + ELLIPSIS + "".join(c for c, _ in tail[::-1])


def _fitting(parts: List[Cluster], width: int) -> List[Cluster]:
    fitting: List[Cluster] = []
    for part in parts:
        width -= part[1]
        if width < 0:
            break
        fitting.append(part)
    return fitting


def padded(text: str, width: int, right: bool = False) -> str:
    """Return a text filled with blanks up to a width, before it where it stands to the right.

    >>> padded("\u682a", 4), padded("1", 3, right=True)
    ('\u682a  ', '  1')
    """
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def wrapped(text: str, width: int) -> List[str]:
    """Return a sentence in lines of at most so many columns, 0 for any; words go whole if they can.

    >>> wrapped("no price for a-long-model", 12)
    ['no price for', 'a-long-model']
    """
    if not width:
        return [text]
    lines: List[str] = []
    for word in text.split(" "):
        if lines and width_of(lines[-1]) + 1 + width_of(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, width)
    return lines


def _pieces(word: str, width: int) -> List[str]:
    pieces = [""]
    for cluster, columns in clusters(word):
        if pieces[-1] and width_of(pieces[-1]) + columns > width:
            pieces.append("")
        pieces[-1] += cluster
    return pieces
