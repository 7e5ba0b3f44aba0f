"""What no input may do: raise what is not documented, take a second, take 256 MB."""

from __future__ import annotations

import time

from scripts.fuzz.targets import Target

# Of the processor, not of the clock: other programs may run beside.
MOST_SECONDS = 1.0
MOST_MEGABYTES = 256


class TooSlowError(Exception):
    """An input took longer than any may."""


def run_within_limits(target: Target, data: bytes) -> None:
    """Run a target on an input.  Raises TooSlowError, and whatever is a defect."""
    begun = time.process_time()
    target.run(data)
    taken = time.process_time() - begun
    if taken > MOST_SECONDS:
        raise TooSlowError(f"{taken:.1f} s for {len(data)} bytes")
