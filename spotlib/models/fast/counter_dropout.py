"""Dropout whose random bits are a function of (seed, position) and nothing else.

The same seed gives the same masks on every device, in any order of kernels, on any number of streams and in replayed
CUDA graphs; there is no generator to advance, and a compiler can compute a mask again instead of storing it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: multipliers of the hash (murmur3's finaliser and a golden-ratio step), as int32
GOLDEN, FIRST, SECOND = 0x9E3779B1 - 2**32, 0x85EBCA6B - 2**32, 0xC2B2AE35 - 2**32


def mixed(position: Tensor, seed: Tensor) -> Tensor:
    """Hash of int32 positions with an int32 seed (0-dim or broadcastable); int32, all bits used."""
    h = position * GOLDEN
    h = (h ^ ((h >> 15) & 0x1FFFF) ^ seed) * FIRST  # masked: >> of a negative number fills with ones
    h = (h ^ ((h >> 13) & 0x7FFFF)) * SECOND
    return h ^ ((h >> 16) & 0xFFFF)


def limit(probability: float) -> int:
    """Of the 16 bits that a value gets, as a number, those below this one are kept."""
    return round((1 - probability) * 2**16)


def kept(shape: torch.Size | tuple[int, ...], probability: float, seed: Tensor) -> Tensor:
    """Bool mask of ``shape``, True with ``1 - probability`` (in steps of 2^-16); rows are all axes but the last."""
    *before, width = shape
    rows = torch.arange(math.prod(before), dtype=torch.int32, device=seed.device)
    pairs = torch.arange((width + 1) // 2, dtype=torch.int32, device=seed.device) * GOLDEN
    h = mixed(rows, seed)[:, None] + pairs  # the dear part once a row, one hash for two columns
    h = (h ^ ((h >> 15) & 0x1FFFF)) * FIRST
    h = (h ^ ((h >> 13) & 0x7FFFF)) * SECOND
    h = h ^ ((h >> 16) & 0xFFFF)
    halves = torch.stack([h & 0xFFFF, (h >> 16) & 0xFFFF], -1).flatten(1)[:, :width]
    return (halves < limit(probability)).view(shape)


def dropout(x: Tensor, probability: float, seed: Tensor | None) -> Tensor:
    """``x`` with values dropped and the rest scaled up; unchanged without a seed or with probability 0."""
    if seed is None or not probability:
        return x
    return torch.where(kept(x.shape, probability, seed), x * (1 / (1 - probability)), 0.0)
