"""The embedding as one operator of PyTorch, and its gradient (see `joined`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spotlib.models.fast.joined import WINDOWS, Stream, back, dropping, kernels


def embed(
    x: Tensor, weight: Tensor, table: Tensor, *, dropout: float, seed: Tensor | None, kind: torch.dtype, training: bool
) -> Stream:
    """dropout(x weight' + table), tokens of ``kind``.

    ``x`` (N P, 2), ``weight`` (D, 2), ``table`` (P, D), float32, for P places of a window; the rest as in `attend`.
    There is no gradient by ``x``.
    """
    y, mean, var = embed_op(x, weight, table, seed, dropout, kind, training)
    return Stream(y, mean, var) if training else Stream(y)


@torch.library.custom_op(
    "spotlib::embed", mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor table, Tensor? seed, float dropout, ScalarType kind, bool training) "
    "-> (Tensor, Tensor, Tensor)",
)  # fmt: skip
def embed_op(
    x: Tensor, weight: Tensor, table: Tensor, seed: Tensor | None, dropout: float, kind: torch.dtype, training: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """`embed` as an operator: tokens, and their mean and variance."""
    y = torch.empty(len(x), table.shape[1], dtype=kind, device=x.device)
    drop = dropping(seed, dropout)
    mean, var = kernels().embed(x.contiguous(), weight.contiguous(), table.contiguous(), y, drop, statistics=training)
    return y, mean, var


@embed_op.register_fake
def _(x, weight, table, seed, dropout, kind, training):
    size = table.shape[1] if training else 0
    return x.new_empty(len(x), table.shape[1], dtype=kind), table.new_empty(size), table.new_empty(size)


@torch.library.custom_op(
    "spotlib::embed_backward", mutates_args=(),
    schema="(Tensor grad, Tensor constant, Tensor slope, Tensor x, Tensor y, Tensor? seed, int places, float dropout) "
    "-> (Tensor, Tensor, Tensor)",
)  # fmt: skip
def embed_backward_op(
    grad: Tensor, constant: Tensor, slope: Tensor, x: Tensor, y: Tensor, seed: Tensor | None, places: int,
    dropout: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of `embed` by both columns of the weight and by the table, in parts (G, P, D) to be added up."""
    drop = dropping(seed, dropout)
    return kernels().embed_back(grad.contiguous(), y, constant, slope, x.contiguous(), places, drop)


@embed_backward_op.register_fake
def _(grad, constant, slope, x, y, seed, places, dropout):
    shape = -(-(len(x) // places) // WINDOWS), places, y.shape[1]
    return constant.new_empty(shape), constant.new_empty(shape), constant.new_empty(shape)


def _remember_embed(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
    x, _, table, seed, ctx.dropout, *_ = inputs
    ctx.places = len(table)
    ctx.save_for_backward(x, seed, *output[:2])


def _embed_gradient(ctx: Any, grad: Tensor, to_mean: Tensor | None, to_var: Tensor | None) -> tuple[Tensor | None, ...]:
    x, seed, y, mean = ctx.saved_tensors
    constant, slope = back(y, mean, to_mean, to_var)
    across, down, table = embed_backward_op(grad, constant, slope, x, y, seed, ctx.places, ctx.dropout)
    return None, torch.stack([across.sum((0, 1)), down.sum((0, 1))], 1), table.sum(0), *(None,) * 4


embed_op.register_autograd(_embed_gradient, setup_context=_remember_embed)
