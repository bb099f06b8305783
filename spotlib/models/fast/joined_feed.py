"""The feed-forward with its residual as one operator of PyTorch, and its gradient (see `joined`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spotlib.models.fast.joined import TILE, Stream, back, dropping, kernels, whole


def feed(
    x: Stream, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor, *, dropout: float,
    seeds: tuple[Tensor | None, Tensor | None], training: bool,
) -> Stream:  # fmt: skip
    """x + dropout(dropout(gelu(x up' + up_bias)) down' + down_bias).

    ``up`` (H, D) with the BatchNorm before it folded in, ``down`` (D, H), biases float32; the rest as in `attend`.
    """
    out, mean, var, *_ = feed_op(x.tokens, up, up_bias, down, down_bias, *seeds, dropout, training)
    return Stream(out, mean, var) if training else Stream(out)


@torch.library.custom_op(
    "spotlib::feed", mutates_args=(),
    schema="(Tensor x, Tensor up, Tensor up_bias, Tensor down, Tensor down_bias, Tensor? hidden_seed, Tensor? seed, "
    "float dropout, bool training) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def feed_op(
    x: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor, hidden_seed: Tensor | None,
    seed: Tensor | None, dropout: float, training: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """`feed` as an operator: the result, its mean and variance; the derivative at hidden tokens, and these."""
    if not training:
        out = whole().feed(x, up.contiguous(), up_bias, down.contiguous(), down_bias)
        return out, up_bias.new_empty(0), up_bias.new_empty(0), x.new_empty(0), x.new_empty(0)
    steep = x @ up.t()  # (M, H)
    active = kernels().activate(steep, up_bias, dropping(hidden_seed, dropout))
    out = active @ down.t()
    mean, var = kernels().residual(out, down_bias, x, dropping(seed, dropout))
    return out, mean, var, steep, active


@feed_op.register_fake
def _(x, up, up_bias, down, down_bias, hidden_seed, seed, dropout, training):
    size = x.shape[1] if training else 0
    steep, active = (x.new_empty((len(x), len(up)) if training else 0) for _ in range(2))
    return torch.empty_like(x), up_bias.new_empty(size), up_bias.new_empty(size), steep, active


@torch.library.custom_op(
    "spotlib::feed_backward", mutates_args=(),
    schema="(Tensor grad, Tensor constant, Tensor slope, Tensor x, Tensor up, Tensor down, Tensor? seed, "
    "Tensor out, Tensor steep, Tensor active, float dropout) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def feed_backward_op(
    grad: Tensor, constant: Tensor, slope: Tensor, x: Tensor, up: Tensor, down: Tensor, seed: Tensor | None,
    out: Tensor, steep: Tensor, active: Tensor, dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of `feed` by x, up, up_bias, down, down_bias; those of biases for each tile, to be added up."""
    drop = dropping(seed, dropout)
    to_x, passed, to_down_bias = kernels().residual_back(grad.contiguous(), out, constant, slope, drop)
    to_hidden = passed @ down
    to_up_bias = kernels().activate_back(to_hidden, steep)
    torch.addmm(to_x, to_hidden, up, out=to_x)
    return to_x, to_hidden.t() @ x, to_up_bias, passed.t() @ active, to_down_bias


@feed_backward_op.register_fake
def _(grad, constant, slope, x, up, down, seed, out, steep, active, dropout):
    tiles = -(-len(x) // TILE)
    return (
        torch.empty_like(x), x.new_empty(up.shape), constant.new_empty(tiles, len(up)), x.new_empty(down.shape),
        constant.new_empty(tiles, x.shape[1]),
    )  # fmt: skip


def _remember_feed(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
    x, up, _, down, _, _, seed, ctx.dropout, _ = inputs
    out, mean, _, steep, active = output
    ctx.save_for_backward(x, up, down, seed, out, mean, steep, active)


def _feed_gradient(
    ctx: Any, grad: Tensor, to_mean: Tensor | None, to_var: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    x, up, down, seed, out, mean, steep, active = ctx.saved_tensors
    constant, slope = back(out, mean, to_mean, to_var)
    to_x, to_up, to_up_bias, to_down, to_down_bias = feed_backward_op(
        grad, constant, slope, x, up, down, seed, out, steep, active, ctx.dropout
    )
    return to_x, to_up, to_up_bias.sum(0), to_down, to_down_bias.sum(0), *(None,) * 4


feed_op.register_autograd(_feed_gradient, setup_context=_remember_feed)
