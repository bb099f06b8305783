"""Softmax attention over short sequences: 10 nodes or 17 frames, thousands of sequences at once.

General attention kernels are built for long sequences. Here a score matrix is 10 x 10, so moving the heads
about and a softmax over rows shorter than a vector register cost ten times the arithmetic. `attend` therefore
takes queries, keys and values of a head as one chunk (one copy instead of three) and, on the CPU, does
softmax and its gradient by hand; everywhere else it is `scaled_dot_product_attention`, which stays the
reference in the tests.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(qkv: Tensor, *, mask: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    """softmax(q k^T / sqrt(d)) v of every head (METHOD section 3.2).

    Args:
        qkv: (B, L, H, 3 d): for every sequence, token and head the query, key and value behind each other.
        mask: (L, L) bool, True where query row may see key column; None = everything.
        dropout: probability of dropping an attention weight (0 at evaluation).

    Returns:
        (B, L, H d), the heads side by side.
    """
    sequences, length, heads, width = qkv.shape
    if qkv.device.type == "cpu" and dropout == 0.0 and qkv.dtype in (torch.float32, torch.float64):
        return _ShortAttention.apply(qkv, mask)
    q, k, v = qkv.transpose(1, 2).split(width // 3, dim=-1)  # each (B, H, L, d)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)  # (B, H, L, d)
    return out.transpose(1, 2).reshape(sequences, length, heads * (width // 3))


class _ShortAttention(torch.autograd.Function):
    """`attend` in batched matrix products, with its gradient written out."""

    @staticmethod
    def forward(ctx, qkv: Tensor, mask: Tensor | None) -> Tensor:
        b, length, heads, width = qkv.shape
        d = width // 3
        chunk = qkv.transpose(1, 2).reshape(b * heads, length, width)  # (B H, L, 3 d), one copy
        q, k, v = chunk.split(d, dim=-1)  # (B H, L, d) views
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(1 / math.sqrt(d))  # (B H, L, L)
        if mask is not None:
            scores.masked_fill_(~mask, -math.inf)
        # torch.softmax needs five times as long on rows shorter than a vector register
        weights = scores.sub_(scores.amax(-1, keepdim=True)).exp_()
        weights /= weights.sum(-1, keepdim=True)
        out = torch.bmm(weights, v)  # (B H, L, d)
        ctx.save_for_backward(chunk, weights)
        ctx.heads = heads
        return out.view(b, heads, length, d).transpose(1, 2).reshape(b, length, heads * d)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        chunk, weights = ctx.saved_tensors
        rows, length, width = chunk.shape
        d, heads = width // 3, ctx.heads
        q, k, v = chunk.split(d, dim=-1)
        grad = grad.view(-1, length, heads, d).transpose(1, 2).reshape(rows, length, d)
        grad_v = torch.bmm(weights.transpose(1, 2), grad)
        grad_scores = torch.bmm(grad, v.transpose(1, 2)).mul_(weights)  # softmax: w (g - sum(w g))
        grad_scores.sub_(weights * grad_scores.sum(-1, keepdim=True)).mul_(1 / math.sqrt(d))
        grad_chunk = torch.cat(
            [torch.bmm(grad_scores, k), torch.bmm(grad_scores.transpose(1, 2), q), grad_v], dim=-1
        )
        return grad_chunk.view(-1, heads, length, width).transpose(1, 2), None
