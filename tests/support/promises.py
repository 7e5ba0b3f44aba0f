"""The promises of docs/promises.md and the tests that each of them names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import List, Set, Tuple

from tests.support.tools import ROOT


@lru_cache(maxsize=None)
def promises() -> Tuple[Tuple[str, Tuple[str, ...]], ...]:
    """Return every promise with the names of its tests."""
    text = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    rows: List[Tuple[str, str]] = re.findall(r"^\| (.+) \| (.+) \|$", text, re.M)[1:]
    return tuple((promise, tuple(re.findall("`([^`]+)`", proofs))) for promise, proofs in rows)


@lru_cache(maxsize=None)
def promised_tests() -> Set[str]:
    """Return the names of all tests that a promise rests on."""
    return {name for _, names in promises() for name in names}
