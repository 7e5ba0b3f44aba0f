"""Which calls a rate of failures is based on: those that say whether they succeeded."""

from __future__ import annotations

from typing import Container, Optional

from finops.generators import formatting

# The measure that a page has beside its calls where not all of them say whether they succeeded.
STATUS_KNOWN = "status_known"


def of_calls(calls: Optional[int], unknown: Optional[int]) -> str:
    """Return which calls a rate is based on, for a note; `unknown` of them do not say whether they
    succeeded.

    >>> of_calls(20, 0), of_calls(20, 19)
    ('of all calls', 'of 1 call with a known status')
    """
    if not unknown:
        return "of all calls"
    known = (calls or 0) - unknown
    noun = "call" if known == 1 else "calls"
    return f"of {formatting.count(known)} {noun} with a known status"


def rate_lead(calls: Optional[int], unknown: Optional[int]) -> str:
    """Return the sentence above a table of rates that are of a part of the calls, else ""."""
    return f"Failures are given {of_calls(calls, unknown)}." if unknown else ""


def denominator(measures: Container[str], calls: str) -> str:
    """Return the measure that a rate of failures is divided by, of those that a page has.

    >>> denominator({"calls", "status_known"}, "calls"), denominator({"calls"}, "calls")
    ('status_known', 'calls')
    """
    return STATUS_KNOWN if STATUS_KNOWN in measures else calls
