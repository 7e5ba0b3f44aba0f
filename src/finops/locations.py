"""Where data is: a path on this machine, or an address elsewhere, kept as it was given.

A path object would turn `s3://bucket/calls` into `s3:/bucket/calls`, so a location stays text
until it is known to be a path.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://").match


def is_elsewhere(location: str) -> bool:
    """Return whether this is an address and no path on this machine.

    >>> is_elsewhere("s3://bucket/calls.csv"), is_elsewhere("C:/calls.csv"), is_elsewhere("a//b")
    (True, False, False)
    """
    return _ADDRESS(location) is not None
