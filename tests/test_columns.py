"""Rows that grow: the right numbers, however they come, and their own pages."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest

from spotlib.columns import FIRST, Column


def test_rows_come_out_as_they_went_in() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3 * FIRST, 7)).astype(np.float32)
    column = Column(np.float32, 7)
    at = 0
    while at < len(rows):
        size = int(rng.integers(0, 900))
        if size == 1:
            column.append(rows[at])
        column.extend(rows[at + (size == 1) : at + size])
        at += size
    np.testing.assert_array_equal(column.array, rows)
    assert (len(column), column.array.dtype) == (len(rows), np.float32)
    assert column.nbytes == rows.nbytes
    np.testing.assert_array_equal(column[-1], rows[-1])


def test_single_numbers() -> None:
    column = Column(np.int64)
    for number in range(FIRST + 1):
        column.append(number)
    column.extend([-5])
    assert (column[FIRST], column[-1], len(column), column.nbytes) == (FIRST, -5, FIRST + 2, 8 * (FIRST + 2))
    with pytest.raises(IndexError):
        column[FIRST + 2]


def test_what_was_given_out_stays() -> None:
    column = Column(np.float64)
    column.extend(np.arange(5.0))
    before = column.array
    column.extend(np.arange(10.0 * FIRST))
    np.testing.assert_array_equal(before, np.arange(5.0))
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1


def test_more_at_once_than_twice_as_many() -> None:
    column = Column(np.uint8, 3)
    column.append((1, 2, 3))
    column.extend(np.ones((5 * FIRST, 3)))
    assert column.array.sum() == 6 + 15 * FIRST


def test_rows_take_nothing_from_the_heap() -> None:
    heap = _heap()
    column = Column(np.float64, 16)
    for _ in range(64):
        column.extend(np.ones((256, 16)))
    assert column.nbytes == 2 * 2**20
    if sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallinfo2"):
        assert heap > 0
    assert _heap() - heap < 2**18


def _heap() -> int:
    """Bytes in use that the C library handed out."""
    from tests.heap import heap_bytes

    return heap_bytes()
