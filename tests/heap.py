"""What this process holds, counted exactly: memory of the C library, and of Python's objects."""

from __future__ import annotations

import ctypes
import sys

_NAMES = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _NAMES]


def heap_bytes() -> int:
    """Bytes that the C library has handed out and not got back, of all threads; 0 where it does not tell (glibc)."""
    if not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallinfo2"):
        return 0
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Info
    info = ask()
    return int(info.uordblks) + int(info.hblkhd)


def python_blocks() -> int:
    """Objects, and parts of such, that Python holds."""
    return sys.getallocatedblocks()
