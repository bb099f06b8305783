"""The largest over each region as one operator of PyTorch, and its gradient (see `joined`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spotlib.models.fast.joined import GROUPS, kernels


@torch.library.custom_op(
    "spotlib::pool", mutates_args=(), schema="(Tensor x, Tensor scale, Tensor shift, int[] regions) -> Tensor"
)
def pool(x: Tensor, scale: Tensor, shift: Tensor, regions: list[int]) -> Tensor:
    """Largest of scale x + shift over the nodes of each region: (N T V, D) to (N T R, D), no normed tokens written.

    Args:
        x: tokens.
        scale: (D,) float32.
        shift: (D,) float32.
        regions: nodes of each, in their order.
    """
    return kernels().pool(x, scale.contiguous(), shift.contiguous(), regions)


@pool.register_fake
def _(x, scale, shift, regions):
    return x.new_empty(len(x) // sum(regions) * len(regions), x.shape[1])


@torch.library.custom_op(
    "spotlib::pool_backward", mutates_args=(),
    schema="(Tensor grad, Tensor x, Tensor scale, Tensor shift, int[] regions) -> (Tensor, Tensor, Tensor)",
)  # fmt: skip
def pool_backward_op(
    grad: Tensor, x: Tensor, scale: Tensor, shift: Tensor, regions: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `pool` by x, scale and shift; the latter in parts (R, G, D) to be added up."""
    return kernels().pool_back(grad.contiguous(), x, scale.contiguous(), shift.contiguous(), regions)


@pool_backward_op.register_fake
def _(grad, x, scale, shift, regions):
    shape = len(regions), -(-(len(x) // sum(regions)) // GROUPS), x.shape[1]
    return torch.empty_like(x), scale.new_empty(shape), scale.new_empty(shape)


def _remember_pool(ctx: Any, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.regions = inputs
    ctx.save_for_backward(*tensors)


def _pool_gradient(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    to_x, to_scale, to_shift = pool_backward_op(grad, *ctx.saved_tensors, ctx.regions)
    return to_x, to_scale.sum((0, 1)), to_shift.sum((0, 1)), None


pool.register_autograd(_pool_gradient, setup_context=_remember_pool)
