"""Keeping freed memory instead of giving it back: on the CPU half of a training step is otherwise spent on it.

A training step allocates and frees some gigabytes in blocks of up to 300 MB. The C library of Linux (glibc) maps
every block above 32 MB anew and the kernel then clears it page by page, which takes longer than most operations
that write it.
"""

from __future__ import annotations

import ctypes
import functools
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # names in malloc.h


@functools.cache
def keep_freed_memory() -> bool:
    """From now on blocks freed in this process are used again by it; True if that could be arranged.

    The process keeps the most memory it ever used. Elsewhere than on glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
