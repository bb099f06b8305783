"""Rows of numbers that grow while a video is read, kept apart from the memory that everything else uses.

A few bytes a frame, kept for hours between blocks of megabytes that come and go, would each split a free block in two:
the next large one finds no place, and the process grows by several times what it keeps. So rows have pages of their own
from the operating system, which take no memory before something is written to them.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

#: rows at first; then twice as many whenever they are full
FIRST = 4096


class Column:
    """Rows of one kind, in the order in which they came.

    Args:
        dtype: of the numbers.
        width: numbers in a row; 0: one, without an axis of its own.
    """

    def __init__(self, dtype: npt.DTypeLike, width: int = 0) -> None:
        self._shape: tuple[int, ...] = (width,) if width else ()
        self._rows = _empty(FIRST, self._shape, np.dtype(dtype))
        self._count = 0

    def append(self, row: Any) -> None:
        """Take one row."""
        if self._count == len(self._rows):
            self._grow(self._count + 1)
        self._rows[self._count] = row
        self._count += 1  # last, so that another thread sees whole rows only

    def extend(self, rows: npt.ArrayLike) -> None:
        """Take the rows (n,) or (n, width)."""
        given = np.asarray(rows)
        end = self._count + len(given)
        if end > len(self._rows):
            self._grow(end)
        self._rows[self._count : end] = given
        self._count = end

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        """The row with this number, from the end if it is negative; IndexError if there is none."""
        return self.array[index]

    @property
    def array(self) -> np.ndarray:
        """All rows so far, (n,) or (n, width): not a copy, and not to be written to."""
        found = self._rows[: self._count]
        found.flags.writeable = False
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of the rows so far."""
        return self._rows[: self._count].nbytes

    def _grow(self, needed: int) -> None:
        rows = _empty(max(needed, 2 * len(self._rows)), self._shape, self._rows.dtype)
        rows[: self._count] = self._rows[: self._count]
        self._rows = rows  # the old pages go back at once, unless somebody still holds `array`


def _empty(count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    size = count * int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    # private where there is a choice: shared pages would be one with those of child processes
    options = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    return np.frombuffer(mmap.mmap(-1, size, **options), dtype).reshape(count, *shape)
