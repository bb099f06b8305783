"""BatchNorm as part of the matrix behind it.

A BatchNorm in front of a Linear layer is no operation of its own: with s = gamma / sqrt(var + eps) and
z = beta - mean s it turns W (norm(x)) into (W s) x + W z. Training does this with the batch's statistics, evaluation
with the running ones, and neither ever writes the normalised tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn


class Stats(NamedTuple):
    """Mean and biased variance of every channel, (D,) each, over a number of tokens."""

    mean: Tensor
    var: Tensor
    tokens: int


def update_running(norm: nn.BatchNorm1d, stats: Stats) -> None:
    """What BatchNorm does to its running statistics in training mode."""
    update_all_running([(norm, stats)])


def update_all_running(seen: Sequence[tuple[nn.BatchNorm1d, Stats]]) -> None:
    """The same for several norms, together: on a GPU each by itself would be three kernels for 256 numbers."""
    norms = [cast(Any, norm) for norm, _ in seen]
    momentum, kind = norms[0].momentum, norms[0].running_mean.dtype
    assert all(norm.momentum == momentum for norm in norms)
    with torch.no_grad():
        means = [stats.mean.detach().to(kind) for _, stats in seen]
        unbiased = [stats.var.detach() * (stats.tokens / max(1, stats.tokens - 1)) for _, stats in seen]
        torch._foreach_add_([norm.num_batches_tracked for norm in norms], 1)
        torch._foreach_lerp_([norm.running_mean for norm in norms], means, momentum)
        torch._foreach_lerp_([norm.running_var for norm in norms], [var.to(kind) for var in unbiased], momentum)


def running_affine(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """(s, z) of a BatchNorm at evaluation, so that norm(x) = s x + z; float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.detach().double() - norm.running_mean.double() * scale


class Folded(NamedTuple):
    """A BatchNorm with the statistics of one batch, as scale and shift of x, and what its gradient needs."""

    gamma: Tensor  # (D,)
    stats: Stats
    inverse: Tensor  # (D,) 1 / sqrt(var + eps)
    scale: Tensor  # (D,) s
    shift: Tensor  # (D,) z

    @classmethod
    def of(cls, gamma: Tensor, beta: Tensor, stats: Stats, eps: float) -> Folded:
        """Fold gamma, beta (D,) with the statistics."""
        inverse = (stats.var + eps).rsqrt()
        scale = gamma * inverse
        return cls(gamma, stats, inverse, scale, beta - stats.mean * scale)

    def gradient(self, to_scale: Tensor, to_shift: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From the gradients (D,) of s and z to those of gamma and beta, and of x through the statistics.

        Returns:
            Gradients of gamma and beta, and (constant, slope) such that every token x of the batch receives
            constant + slope x on top of what reaches it directly.
        """
        to_scale = to_scale - self.stats.mean * to_shift
        to_var = -0.5 * self.inverse**3 * self.gamma * to_scale
        slope = 2 * to_var / self.stats.tokens
        constant = -self.scale * to_shift / self.stats.tokens - self.stats.mean * slope
        return to_scale * self.inverse, to_shift, constant, slope

    def into(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """W s and W z for a weight W (O, D)."""
        return weight * self.scale, weight @ self.shift

    def out_of(self, weight: Tensor, to_folded: Tensor, to_bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the gradients of W s (O, D) and W z (O,) to those of W, s and z."""
        to_weight = to_folded * self.scale + torch.outer(to_bias, self.shift)
        return to_weight, (to_folded * weight).sum(0), to_bias @ weight
