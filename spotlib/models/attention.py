"""Softmax attention over short sequences: 10 nodes or 17 frames, thousands of sequences at once.

General attention kernels are built for long sequences. With 10 tokens, moving the heads about, calling a
matrix product per sequence and a softmax over rows shorter than a vector register cost far more than the
arithmetic. On the CPU the *sequences* are therefore the innermost axis, so that every step is a vector operation
over many of them, forward and backward: compiled (`spotlib.models.fast.short_attention`) or, where numba is missing
and in other precisions, written as operations on whole arrays. Elsewhere it is `scaled_dot_product_attention`; the
tests compare all three.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

SHORT = 32  # longest sequence for which vector operations token by token beat matrix products


def self_attention(
    x: Tensor, weight: Tensor, *, heads: int, mask: Tensor | None = None, dropout: float = 0.0
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v of every head, with [q, k, v] = weight x (METHOD section 3.2).

    Args:
        x: (L, B, D): tokens, sequences, channels.
        weight: (3 H d, D): rows of queries, keys and values, each head by head.
        heads: H.
        mask: (L, L) bool, True where the query in a row may see the key in a column; None = everything.
        dropout: probability of dropping an attention weight (0 at evaluation).

    Returns:
        (L, B, H d), the heads side by side.
    """
    from spotlib.models.fast import short_attention  # which imports the network that imports this

    length, b, dim = x.shape
    if x.device.type == "cpu" and length <= SHORT:
        qkv = weight @ x.reshape(-1, dim).t()  # (3 H d, L B)
        if short_attention.possible(qkv, length):
            out = _CompiledAttention.apply(qkv, heads, length, mask, dropout)  # (H d, L B)
        else:
            out = _ShortAttention.apply(qkv.view(3, heads, -1, length, b), mask, dropout)  # (H, d, L, B)
        return out.view(-1, length * b).t().view(length, b, -1)  # a view: the next product takes it transposed
    q, k, v = F.linear(x, weight).view(length, b, 3, heads, -1).permute(2, 1, 3, 0, 4)  # each (B, H, L, d)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)  # (B, H, L, d)
    return out.permute(2, 0, 1, 3).flatten(2)  # (L, B, H d)


class _CompiledAttention(torch.autograd.Function):
    """Attention by compiled kernels: (3 H d, L B) -> (H d, L B)."""

    @staticmethod
    def forward(ctx, qkv: Tensor, heads: int, length: int, mask: Tensor | None, dropout: float) -> Tensor:
        from spotlib.models.fast import short_attention

        where = short_attention.Sequences.outermost(length, qkv.shape[1] // length)
        options: dict[str, Any] = {"scale": (qkv.shape[0] // (3 * heads)) ** -0.5}
        if dropout:
            drawn = qkv.new_empty(heads, length, length, where.sequences).bernoulli_(1 - dropout)
            options |= {"keep": drawn.to(torch.int8), "gain": 1 / (1 - dropout)}
        result = short_attention.attended(qkv, heads, where, mask=mask, save=ctx.needs_input_grad[0], **options)
        ctx.save_for_backward(qkv, result.weights)
        ctx.rest = heads, where, options
        return result.out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        from spotlib.models.fast import short_attention

        qkv, weights = ctx.saved_tensors
        heads, where, options = ctx.rest
        return short_attention.gradient(grad, qkv, weights, heads, where, **options), *(None,) * 4


class _ShortAttention(torch.autograd.Function):
    """Attention with the sequences innermost: (3, H, d, L, B) -> (H, d, L, B), and its gradient written out.

    In shapes, i stands for queries and j for keys.
    """

    @staticmethod
    def forward(ctx, qkv: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
        q, k, v = qkv.unbind(0)  # (H, d, L, B)
        q = q * (1 / math.sqrt(q.shape[1]))
        scores = over_channels(q, k)  # (H, i, j, B)
        if mask is not None:
            scores.masked_fill_(~mask[:, :, None], -math.inf)
        weights = scores.sub_(scores.amax(2, keepdim=True)).exp_()
        total = weights.sum(2)[:, None]  # (H, 1, i, B)
        keep = torch.empty_like(weights).bernoulli_(1 - dropout).div_(1 - dropout) if dropout else None
        kept = weights if keep is None else weights * keep
        out = over_tokens(kept.transpose(1, 2), v).div_(total)  # (H, d, i, B)
        ctx.save_for_backward(q, k, v, weights, keep, total, out)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        q, k, v, weights, keep, total, out = ctx.saved_tensors
        grad = grad / total  # (H, d, i, B), as the weights saved are not normalised
        # softmax: w (g - sum over keys of w g), and that sum is the one over channels of output x gradient
        shared = (grad * out).sum(1)[:, :, None]  # (H, i, 1, B)
        grad_scores = over_channels(grad, v)  # (H, i, j, B)
        if keep is not None:
            grad_scores.mul_(keep)
        grad_scores.sub_(shared).mul_(weights)
        result = grad.new_empty(3, *grad.shape)
        over_tokens(grad_scores.transpose(1, 2), k, out=result[0]).mul_(1 / math.sqrt(q.shape[1]))
        over_tokens(grad_scores, q, out=result[1])
        over_tokens(weights if keep is None else weights * keep, grad, out=result[2])
        return result, None, None


def over_channels(a: Tensor, b: Tensor) -> Tensor:
    """(H, d, i, B), (H, d, j, B) -> (H, i, j, B): sum over channels of a[i] b[j]."""
    result = a[:, 0, :, None] * b[:, 0, None]
    for c in range(1, a.shape[1]):
        result.addcmul_(a[:, c, :, None], b[:, c, None])
    return result


def over_tokens(a: Tensor, b: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(H, i, j, B), (H, d, i, B) -> (H, d, j, B): sum over tokens i of a[i] b[i]."""
    out = torch.mul(a[:, None, 0], b[:, :, 0, None], out=out)
    for i in range(1, a.shape[1]):
        out.addcmul_(a[:, None, i], b[:, :, i, None])
    return out
