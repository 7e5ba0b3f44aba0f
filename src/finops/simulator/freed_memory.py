"""Memory that batches of rows leave behind, for the next one to use."""

from __future__ import annotations

# Above what one batch needs at a time, and within what glibc learns from (32 MiB).
_LARGE_BYTES = 16 << 20


def keep_freed_memory() -> None:
    """Let this process use its freed memory again instead of returning it to the system.

    A batch takes some megabytes and frees them.  glibc would return each piece above 128 KiB at
    once, so the next batch would wait for the system to clear fresh pages: a tenth of its time.
    When a larger piece has been freed, glibc keeps all up to that size.  This one takes neither
    memory nor time: the system gives `bytes` pages that are clear already, and nobody writes to
    them (a `bytearray` would be cleared once more, page by page).  Other systems decide for
    themselves; nothing breaks.
    """
    bytes(_LARGE_BYTES)
