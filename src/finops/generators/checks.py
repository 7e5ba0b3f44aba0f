"""What was checked and not found, and what could not be checked: never the one for the other."""

from __future__ import annotations

from typing import Collection, List, Mapping, Sequence, Tuple

# Name of the section, its rows, and what they are.
Check = Tuple[str, Collection[object], str]


def not_found(checks: Sequence[Check], unchecked: Mapping[str, str]) -> List[str]:
    """Return a sentence on each section without rows; `unchecked` says why one could not be.

    >>> not_found([("gone", [], "customers who left")], {})
    ['Checked, none found: customers who left.']
    >>> not_found([("gone", [], "customers who left")], {"gone": "it needs more than 30 days"})
    ['Not checked: customers who left; it needs more than 30 days.']
    """
    return [
        f"Not checked: {what}; {unchecked[name]}."
        if name in unchecked
        else f"Checked, none found: {what}."
        for name, rows, what in checks
        if not rows
    ]


def empty(name: str, sentence: str, unchecked: Mapping[str, str]) -> str:
    """Return what an empty section says: `sentence`, or why it was not checked.

    >>> empty("gone", "No customer left.", {"gone": "it needs more than 30 days"})
    'Not checked: it needs more than 30 days.'
    """
    return f"Not checked: {unchecked[name]}." if name in unchecked else sentence
