"""`counter_dropout` inside of Triton kernels: the same hash on unsigned numbers; imported only where Triton is."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def of_rows(row, seed):
    """Hash (R,) of rows with the seed at a pointer: `spotlib.models.fast.counter_dropout.mixed`."""
    h = row.to(tl.uint32) * 0x9E3779B1
    h = (h ^ (h >> 15) ^ tl.load(seed).to(tl.uint32, bitcast=True)) * 0x85EBCA6B
    h = (h ^ (h >> 13)) * 0xC2B2AE35
    return h ^ (h >> 16)


@triton.jit
def _of_pairs(rows, pair):
    h = rows[:, None] + (pair.to(tl.uint32) * 0x9E3779B1)[None, :]
    h = (h ^ (h >> 15)) * 0x85EBCA6B
    h = (h ^ (h >> 13)) * 0xC2B2AE35
    return h ^ (h >> 16)


@triton.jit
def kept(rows, column, keep_below):
    """Whether dropout keeps values (R, C) at ``column`` (C,) of rows with the hash ``rows`` (R,)."""
    h = _of_pairs(rows, column // 2) >> (16 * (column % 2)).to(tl.uint32)[None, :]
    return (h & 0xFFFF).to(tl.int32) < keep_below


@triton.jit
def kept_rows(rows, WIDTH: tl.constexpr, keep_below):
    """Whether it keeps values of whole rows (R, WIDTH): as `kept`, with half as many hashes."""
    h = _of_pairs(rows, tl.arange(0, WIDTH // 2))
    halves = tl.join((h & 0xFFFF).to(tl.int32), (h >> 16).to(tl.int32))  # (R, WIDTH / 2, 2)
    return tl.reshape(halves, (rows.shape[0], WIDTH)) < keep_below
