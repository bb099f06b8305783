"""What the joined operators share: the embedding, a block's two sub-layers and the regions' largest, one file each.

Each is one operator with a gradient of its own (`joined_embedding`, `joined_attention`, `joined_feed`,
`joined_regions`). Products are cuBLAS's, what happens between two of them is one way through memory (`token_kernel`),
and the gradient of the residual is where the last product adds its own. The next BatchNorm's statistics come out with
the tokens, and what it asks of them goes back in here as a constant and a slope per channel. Operators of PyTorch, so
that a compiler takes them as they are. Tokens (M, D) of M rows (N, T, V); everything of one kind but biases and
statistics, float32.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from spotlib.models.fast.counter_dropout import limit

if TYPE_CHECKING:
    from spotlib.models.spotformer import SpotFormerConfig

TILE = 128  # rows of a tile of `token_kernel`, for which sums are written
WINDOWS = 128  # of a tile of the embedding, which has one node and frame of so many windows
GROUPS = 32  # of nodes, of a tile of the regions' largest
WIDTHS = (16, 32, 64, 128, 256)  # of tokens, heads together and hidden tokens: tiles hold whole rows


class Stream(NamedTuple):
    """Tokens (M, D) between two sub-layers, with mean and biased variance (D,) of their channels if they are known."""

    tokens: Tensor
    mean: Tensor | None = None
    var: Tensor | None = None


def joined_problem(config: SpotFormerConfig) -> str:
    """Why a network of this shape has no joined sub-layers, or nothing."""
    for name, width in {
        "dim": config.dim, "mlp": config.mlp or config.dim, "heads x head_dim": config.heads * config.head_dim
    }.items():  # fmt: skip
        if width not in WIDTHS:
            return f"{name} is {width}; whole tokens are taken of {', '.join(map(str, WIDTHS))}"
    return ""


@functools.cache
def kernels() -> Any:
    """The module of the kernels between two products; it needs Triton."""
    from spotlib.models.fast import token_kernel

    return token_kernel


@functools.cache
def whole() -> Any:
    """The module of whole sub-layers for evaluation; it needs Triton."""
    from spotlib.models.fast import evaluation_kernel

    return evaluation_kernel


def dropping(seed: Tensor | None, dropout: float) -> Any:
    """What the kernels want to know of a dropout; without a ``seed`` there is none."""
    return kernels().Drop(seed, limit(dropout), 1 / (1 - dropout))


def back(out: Tensor, mean: Tensor, to_mean: Tensor | None, to_var: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the gradients of mean and variance add to that of every row: constant + slope row."""
    assert mean.numel(), "there is a gradient only of what was called with training=True"
    zero = torch.zeros_like(mean)
    slope = 2 / len(out) * (zero if to_var is None else to_var)
    return (zero if to_mean is None else to_mean) / len(out) - slope * mean, slope
