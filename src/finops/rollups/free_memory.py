"""Memory that is free within this process, returned to the system.

Dozens of columns grow side by side while a file is read, and each time that one is moved to where
it has room, what it leaves is free.  The allocator of glibc keeps that, which is more than what
was read, for later; nothing later is as large.
"""

from __future__ import annotations


def return_free_memory() -> bool:
    """Return free memory to the system, and whether there was any.

    Other allocators cannot be asked, or do so by themselves.
    """
    try:
        import ctypes

        trim = ctypes.CDLL(None).malloc_trim
    except (ImportError, OSError, AttributeError, TypeError):  # not glibc, or no ctypes
        return False
    return bool(trim(ctypes.c_size_t(0)))
