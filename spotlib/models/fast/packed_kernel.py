"""Attention over many short sequences as Triton kernels; imported only where Triton is.

A tensor core multiplies tiles of 64 rows, a sequence has 2 to 17. One program therefore packs as many whole sequences
as fit into a tile and hides from each other what does not belong together: more arithmetic, but the kernels only
read q, k, v and write the result once, which is what their time goes into. Rows of a sequence may lie anywhere
(first row + token x stride), so that attention over nodes and over frames needs no rearrangement of tokens.
Softmax weights are never stored: the gradient computes them again, dropout bits included.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from spotlib.models.fast.hash_kernel import kept, of_rows
from spotlib.models.fast.launching import launch

WARPS = 4


@triton.jit
def _rows(LENGTH: tl.constexpr, PACKED: tl.constexpr, BLOCK: tl.constexpr, count, inner, outer_stride, token_stride):
    """Of a tile's rows: sequence within the tile, token, sequence, row of the tensors, whether there is one."""
    index = tl.arange(0, BLOCK)
    local = index // LENGTH
    token = index % LENGTH
    sequence = tl.program_id(0) * PACKED + local
    there = (local < PACKED) & (sequence < count)
    row = (sequence // inner).to(tl.int64) * outer_stride + sequence % inner + token * token_stride
    return local, token, sequence, row, there


@triton.jit
def _weights(
    q, k, local, token, sequence, there, mask, seed, scale, keep_below, gain,
    HEADS: tl.constexpr, LENGTH: tl.constexpr, MASKED: tl.constexpr, DROPOUT: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    """Softmax weights (BLOCK, BLOCK) float32, and what dropout multiplies them with."""
    if EXACT:
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    else:
        scores = tl.dot(q, tl.trans(k)) * scale
    seen = (local[:, None] == local[None, :]) & there[:, None] & there[None, :]
    if MASKED:
        seen = seen & (tl.load(mask + token[:, None] * LENGTH + token[None, :]) != 0)
    scores = tl.where(seen, scores, -1e30)
    weights = tl.where(seen, tl.exp(scores - tl.max(scores, 1)[:, None]), 0.0)
    total = tl.sum(weights, 1)
    weights = weights / tl.where(total > 0, total, 1.0)[:, None]
    factor = tl.where(seen, 1.0, 0.0)
    if DROPOUT:
        query = of_rows((sequence * HEADS + tl.program_id(1)) * LENGTH + token, seed)
        factor = tl.where(kept(query, token, keep_below), gain, 0.0)
    return weights, factor


@triton.jit
def _forward(
    qkv, out, mask, seed, count, inner, outer_stride, token_stride, scale, keep_below, gain,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, LENGTH: tl.constexpr, PACKED: tl.constexpr, BLOCK: tl.constexpr,
    MASKED: tl.constexpr, DROPOUT: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    local, token, sequence, row, there = _rows(LENGTH, PACKED, BLOCK, count, inner, outer_stride, token_stride)
    channel = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    at = qkv + row[:, None] * (3 * HEADS * WIDTH) + channel[None, :]
    q = tl.load(at, mask=there[:, None], other=0.0)
    k = tl.load(at + HEADS * WIDTH, mask=there[:, None], other=0.0)
    v = tl.load(at + 2 * HEADS * WIDTH, mask=there[:, None], other=0.0)
    weights, factor = _weights(
        q, k, local, token, sequence, there, mask, seed, scale, keep_below, gain,
        HEADS, LENGTH, MASKED, DROPOUT, EXACT,
    )  # fmt: skip
    used = (weights * factor).to(v.dtype)
    if EXACT:
        result = tl.dot(used, v, input_precision="ieee")
    else:
        result = tl.dot(used, v)
    to = out + row[:, None] * (HEADS * WIDTH) + channel[None, :]
    tl.store(to, result.to(out.dtype.element_ty), mask=there[:, None])


@triton.jit
def _backward(
    qkv, grad, to_qkv, sums, mask, seed, count, inner, outer_stride, token_stride, scale, keep_below, gain,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, LENGTH: tl.constexpr, PACKED: tl.constexpr, BLOCK: tl.constexpr,
    MASKED: tl.constexpr, DROPOUT: tl.constexpr, EXACT: tl.constexpr, SUMS: tl.constexpr,
):  # fmt: skip
    local, token, sequence, row, there = _rows(LENGTH, PACKED, BLOCK, count, inner, outer_stride, token_stride)
    channel = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    offset = row[:, None] * (3 * HEADS * WIDTH) + channel[None, :]
    q = tl.load(qkv + offset, mask=there[:, None], other=0.0)
    k = tl.load(qkv + offset + HEADS * WIDTH, mask=there[:, None], other=0.0)
    v = tl.load(qkv + offset + 2 * HEADS * WIDTH, mask=there[:, None], other=0.0)
    g = tl.load(grad + row[:, None] * (HEADS * WIDTH) + channel[None, :], mask=there[:, None], other=0.0)
    weights, factor = _weights(
        q, k, local, token, sequence, there, mask, seed, scale, keep_below, gain,
        HEADS, LENGTH, MASKED, DROPOUT, EXACT,
    )  # fmt: skip
    used = (weights * factor).to(v.dtype)
    if EXACT:
        to_v = tl.dot(tl.trans(used), g, input_precision="ieee")
        to_weights = tl.dot(g, tl.trans(v), input_precision="ieee") * factor
    else:
        to_v = tl.dot(tl.trans(used), g)
        to_weights = tl.dot(g, tl.trans(v)) * factor
    to_scores = weights * (to_weights - tl.sum(to_weights * weights, 1)[:, None]) * scale
    to_scores = to_scores.to(k.dtype)
    if EXACT:
        to_q = tl.dot(to_scores, k, input_precision="ieee")
        to_k = tl.dot(tl.trans(to_scores), q, input_precision="ieee")
    else:
        to_q = tl.dot(to_scores, k)
        to_k = tl.dot(tl.trans(to_scores), q)
    if SUMS:  # over the tile's rows, for the gradient of a bias
        at = sums + tl.program_id(0) * (3 * HEADS * WIDTH) + channel
        tl.store(at, tl.sum(to_q, 0))
        tl.store(at + HEADS * WIDTH, tl.sum(to_k, 0))
        tl.store(at + 2 * HEADS * WIDTH, tl.sum(to_v, 0))
    kind = to_qkv.dtype.element_ty
    tl.store(to_qkv + offset, to_q.to(kind), mask=there[:, None])
    tl.store(to_qkv + offset + HEADS * WIDTH, to_k.to(kind), mask=there[:, None])
    tl.store(to_qkv + offset + 2 * HEADS * WIDTH, to_v.to(kind), mask=there[:, None])


def _launch(
    kernel, tensors: tuple[Tensor, ...], mask: Tensor | None, seed: Tensor | None, plan: dict, **flags: bool
) -> None:
    length, heads, width = plan["length"], plan["heads"], plan["width"]
    first = tensors[0]
    launch(
        kernel, (plan["programs"], heads),
        *tensors, first if mask is None else mask, first if seed is None else seed,
        plan["count"], plan["inner"], plan["outer_stride"], plan["token_stride"],
        width**-0.5, plan["keep_below"], plan["gain"],
        HEADS=heads, WIDTH=width, LENGTH=length, PACKED=plan["packed"], BLOCK=plan["block"],
        MASKED=mask is not None, DROPOUT=seed is not None, EXACT=plan["exact"], **flags,
        num_warps=WARPS,
    )  # fmt: skip


def forward(qkv: Tensor, out: Tensor, mask: Tensor | None, seed: Tensor | None, plan: dict) -> None:
    """Write the attention of ``qkv`` (M, 3 H d) into ``out`` (M, H d); contiguous, on one device."""
    _launch(_forward, (qkv, out), mask, seed, plan)


def backward(
    qkv: Tensor, grad: Tensor, to_qkv: Tensor, mask: Tensor | None, seed: Tensor | None, plan: dict,
    *, sums: bool = False,
) -> Tensor:  # fmt: skip
    """Write the gradient of ``qkv`` into ``to_qkv``, given that of the result.

    Returns:
        Its sum over each tile's rows (G, 3 H d) if ``sums``, float32; else nothing.
    """
    each = qkv.new_empty(plan["programs"] if sums else 0, qkv.shape[1], dtype=torch.float32)
    _launch(_backward, (qkv, grad, to_qkv, each), mask, seed, plan, SUMS=sums)
    return each
