"""Attention with its products and residual as one operator of PyTorch, and its gradient (see `joined`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spotlib.models.fast.joined import TILE, Stream, back, dropping, kernels, whole
from spotlib.models.fast.packed_attention import WHERE, Over, Tokens, attention_kernel, attention_plan


def attend(
    x: Stream, weight: Tensor, bias: Tensor, out_weight: Tensor, out_bias: Tensor, tokens: Tokens, over: Over, *,
    heads: int, mask: Tensor | None, dropout: float, seeds: tuple[Tensor | None, Tensor | None], training: bool,
) -> Stream:  # fmt: skip
    """x + dropout(attention(x weight' + bias) out_weight' + out_bias).

    Args:
        x: tokens (M, D).
        weight: (3 H d, D), the BatchNorm before it folded in.
        bias: (3 H d,) of the same kind.
        out_weight: (D, H d).
        out_bias: (D,) float32.
        tokens: how rows lie.
        over: what a sequence is.
        heads: H.
        mask: (L, L) bool, True where the query in a row may see the key in a column.
        dropout: of attention weights and of the result.
        seeds: int32, of both; None: nothing is dropped.
        training: whether there will be a gradient and the statistics are wanted.
    """
    bits = None if mask is None else mask.to(torch.uint8)
    out, mean, var, *_ = attend_op(
        x.tokens, weight, bias, out_weight, out_bias, bits, *seeds, heads, *tokens.sequences(over), dropout, training
    )
    return Stream(out, mean, var) if training else Stream(out)


@torch.library.custom_op(
    "spotlib::attend", mutates_args=(),
    schema=f"(Tensor x, Tensor weight, Tensor bias, Tensor out_weight, Tensor out_bias, Tensor? mask, Tensor? seed, "
    f"Tensor? out_seed, {WHERE}, bool training) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def attend_op(
    x: Tensor, weight: Tensor, bias: Tensor, out_weight: Tensor, out_bias: Tensor, mask: Tensor | None,
    seed: Tensor | None, out_seed: Tensor | None, heads: int, length: int, count: int, inner: int, outer: int,
    stride: int, dropout: float, training: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """`attend` as an operator: the result, its mean and variance; queries, keys and values, and what they gave."""
    qkv = torch.addmm(bias, x, weight.t())  # (M, 3 H d)
    y = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
    plan = attention_plan(qkv, heads, dropout if seed is not None else 0.0, (length, count, inner, outer, stride))
    attention_kernel().forward(qkv, y, mask, seed, plan)
    if not training:
        out = whole().project(y, out_weight.contiguous(), out_bias, x)
        return out, out_bias.new_empty(0), out_bias.new_empty(0), qkv, y
    out = y @ out_weight.t()
    mean, var = kernels().residual(out, out_bias, x, dropping(out_seed, dropout))
    return out, mean, var, qkv, y


@attend_op.register_fake
def _(x, weight, bias, out_weight, out_bias, mask, seed, out_seed, heads, length, count, inner, outer, stride, dropout,
      training):  # fmt: skip
    size = x.shape[1] if training else 0
    qkv = x.new_empty(len(x), len(weight))
    return (
        torch.empty_like(x),
        out_bias.new_empty(size),
        out_bias.new_empty(size),
        qkv,
        x.new_empty(len(x), len(weight) // 3),
    )


@torch.library.custom_op(
    "spotlib::attend_backward", mutates_args=(),
    schema=f"(Tensor grad, Tensor constant, Tensor slope, Tensor x, Tensor weight, Tensor out_weight, Tensor? mask, "
    f"Tensor? seed, Tensor? out_seed, Tensor out, Tensor qkv, Tensor y, {WHERE}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def attend_backward_op(
    grad: Tensor, constant: Tensor, slope: Tensor, x: Tensor, weight: Tensor, out_weight: Tensor, mask: Tensor | None,
    seed: Tensor | None, out_seed: Tensor | None, out: Tensor, qkv: Tensor, y: Tensor, heads: int, length: int,
    count: int, inner: int, outer: int, stride: int, dropout: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of `attend` by x, weight, bias, out_weight, out_bias; those of biases in parts, to be added up."""
    drop = dropping(out_seed, dropout)
    to_x, passed, to_out_bias = kernels().residual_back(grad.contiguous(), out, constant, slope, drop)
    to_y = passed @ out_weight
    plan = attention_plan(qkv, heads, dropout if seed is not None else 0.0, (length, count, inner, outer, stride))
    to_qkv = torch.empty_like(qkv)
    to_bias = attention_kernel().backward(qkv, to_y, to_qkv, mask, seed, plan, sums=True)
    torch.addmm(to_x, to_qkv, weight, out=to_x)  # the residual's gradient stands there already
    return to_x, to_qkv.t() @ x, to_bias, passed.t() @ y, to_out_bias


@attend_backward_op.register_fake
def _(grad, constant, slope, x, weight, out_weight, mask, seed, out_seed, out, qkv, y, heads, length, count, inner,
      outer, stride, dropout):  # fmt: skip
    packed = attention_plan(qkv, heads, dropout, (length, count, inner, outer, stride))["programs"]
    return (
        torch.empty_like(x), x.new_empty(weight.shape), constant.new_empty(packed, len(weight)),
        x.new_empty(out_weight.shape), constant.new_empty(-(-len(x) // TILE), x.shape[1]),
    )  # fmt: skip


def _remember_attend(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
    x, weight, bias, out_weight, _, mask, seed, out_seed, *where, _ = inputs
    out, mean, _, qkv, y = output
    ctx.where, ctx.kind = where, bias.dtype
    ctx.save_for_backward(x, weight, out_weight, mask, seed, out_seed, out, mean, qkv, y)


def _attend_gradient(
    ctx: Any, grad: Tensor, to_mean: Tensor | None, to_var: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    x, weight, out_weight, mask, seed, out_seed, out, mean, qkv, y = ctx.saved_tensors
    constant, slope = back(out, mean, to_mean, to_var)
    to_x, to_weight, to_bias, to_out_weight, to_out_bias = attend_backward_op(
        grad, constant, slope, x, weight, out_weight, mask, seed, out_seed, out, qkv, y, *ctx.where
    )
    return to_x, to_weight, to_bias.sum(0).to(ctx.kind), to_out_weight, to_out_bias.sum(0), *(None,) * 11


attend_op.register_autograd(_attend_gradient, setup_context=_remember_attend)
