"""Batches as chunks of windows: how tokens lie, their statistics, random bits for dropout, sums of gradients.

Tokens lie as (C, T V n, D): C chunks of n windows; frames, nodes, windows of the chunk; channels. A chunk goes through
a whole sub-layer while it is in the cache. With windows inside of nodes and frames the attention over frames needs no
rearrangement at all, and that over nodes a small one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spotlib.models.fast.crew import crew
from spotlib.models.fast.folding import Stats

_TINY = 1e-12  # keeps the inverse deviation of a constant channel finite


class Layout(NamedTuple):
    """How tokens lie: chunks C, frames T, nodes V, windows n of a chunk."""

    chunks: int
    frames: int
    nodes: int
    windows: int

    @property
    def tokens(self) -> int:
        """Tokens of all windows."""
        return math.prod(self)


def batch_stats(x: Tensor) -> Stats:
    """Statistics of (C, m, D) over all tokens; every chunk by itself, then joined in float64."""

    def of(chunks: range) -> list[tuple[Tensor, Tensor]]:
        found = []
        for c in chunks:
            _, mean, inverse = torch.native_batch_norm(x[c], None, None, None, None, True, 0.0, _TINY)
            found.append((mean.double(), inverse.double().pow(-2) - _TINY))
        return found

    rows = [row for part in crew().share(of, len(x)) for row in part]
    means, variances = (torch.stack(column) for column in zip(*rows, strict=True))  # (C, D) each
    mean = means.mean(0)
    var = (variances + (means - mean).square()).mean(0)
    return Stats(mean.to(x.dtype), var.to(x.dtype), x.shape[0] * x.shape[1])


class Dropout:
    """Which values of a sub-layer's chunk are kept; the same for the same seed and chunk."""

    def __init__(self, probability: float, seed: int) -> None:
        self.probability, self.seed = probability, seed
        self.limit = round((1 - probability) * 65536)

    @property
    def gain(self) -> float:
        """What kept values are multiplied with."""
        return 1 / (1 - self.probability)

    def of_chunk(self, chunk: int) -> Callable[[Sequence[int]], Tensor]:
        """Draws masks of given shapes, one after the other: int8, 1 where a value is kept."""
        generator = np.random.Generator(np.random.SFC64([self.seed, chunk]))

        def draw(shape: Sequence[int]) -> Tensor:
            count = math.prod(shape)
            bits = generator.integers(0, 2**64 - 1, size=-(-count // 4), dtype=np.uint64, endpoint=True)
            keep = bits.view(np.uint16)[:count] < self.limit
            return torch.from_numpy(keep.view(np.int8)).view(*shape)

        return draw


def summed(parts: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Gradients of weights, added up over the threads in their order."""
    return tuple(torch.stack(column).sum(0) for column in zip(*parts, strict=True))


def through_stats(to_x: Tensor, x: Tensor, constant: Tensor, slope: Tensor) -> None:
    """Add to the gradient of every token what it does to the statistics."""

    def of(chunks: range) -> None:
        for c in chunks:
            to_x[c].addcmul_(x[c], slope).add_(constant)

    crew().share(of, len(x))
