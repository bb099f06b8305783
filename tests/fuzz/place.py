"""Where inputs are written for readers that take a path."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """A folder of this process; in memory where the system has such a place."""
    shared = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="spotlib-fuzz-", dir=shared if shared.is_dir() else None))


def file(name: str, data: bytes) -> Path:
    """A file of that content."""
    path = folder() / name
    path.write_bytes(data)
    return path
