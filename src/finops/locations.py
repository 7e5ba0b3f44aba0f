"""Where data is: a path on this machine, or an address elsewhere, kept as it was given.

A path object would turn `s3://bucket/calls` into `s3:/bucket/calls`, so a location stays text
until it is known to be a path.  `table:lake.usage.calls` is a table of a database; a file of such
a name is `./table:…`.
"""

from __future__ import annotations

import os
import re

# The location of what comes in through standard input; a file of this name is `./-`.
STANDARD_INPUT = "-"
TABLE = "table:"
_ADDRESS = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]+://|{TABLE}").match


def is_elsewhere(location: str) -> bool:
    """Return whether this is an address and no path on this machine.

    >>> is_elsewhere("s3://bucket/calls.csv"), is_elsewhere("C:/calls.csv"), is_elsewhere("a//b")
    (True, False, False)
    >>> is_elsewhere("table:lake.usage.calls"), is_elsewhere("tables/calls.csv")
    (True, False)
    """
    return _ADDRESS(location) is not None


def name_of(location: str) -> str:
    """Return what to call the data at a location: the name of its file without folders.

    >>> name_of("/data/calls.csv"), name_of("-")
    ('calls.csv', 'standard input')
    """
    return "standard input" if location == STANDARD_INPUT else os.path.basename(location)
