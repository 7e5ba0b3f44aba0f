"""Suggest the known word that is closest to a mistyped one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the closest known word, "" where none is close.

    >>> nearest("analyse", ["analyze", "serve"]), nearest("xyz", ["analyze"])
    ("; did you mean 'analyze'?", '')
    """
    words = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(word.lower(), words, n=1)
    return f"; did you mean {words[close[0]]!r}?" if close else ""
