"""Memory that batches of rows leave behind, for the next one to use."""

from __future__ import annotations

# Above what one batch needs at a time, and within what glibc learns from (32 MiB).
_LARGE_BYTES = 16 << 20


def keep_freed_memory() -> None:
    """Let this process use its freed memory again instead of returning it to the system.

    A batch takes some megabytes and frees them.  glibc would return each piece above 128 KiB at
    once, so the next batch would wait for the system to clear fresh pages: a tenth of its time.
    When a larger piece has been freed, glibc keeps all up to that size.  This one is never
    written to, so it takes no memory.  Other systems decide for themselves; nothing breaks.
    """
    bytearray(_LARGE_BYTES)
