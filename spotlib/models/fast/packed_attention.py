"""Attention of packed tokens, rows (N, T, V) of [q, k, v]: over the nodes of a frame, the frames of a node, or all.

Three ways to the same numbers: the Triton kernels of `packed_kernel`, PyTorch's fused attention, and plain products.
The kernels are PyTorch operators of their own, so that a compiler takes them as they are.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spotlib.errors import in_a_line
from spotlib.models.fast.counter_dropout import dropout as counter_dropout
from spotlib.models.fast.counter_dropout import limit

Backend = Literal["triton", "fused", "plain"]
Over = Literal["nodes", "frames", "all"]
LONGEST = 128  # tokens of a sequence for which the kernels are meant
BLOCK = 64  # rows of a tile of theirs, if a sequence is not longer


class Tokens(NamedTuple):
    """Windows N, frames T, nodes V: rows of a token matrix (N T V, ...) in this order."""

    windows: int
    frames: int
    nodes: int

    def sequences(self, over: Over) -> tuple[int, int, int, int, int]:
        """Length, number, and where they lie: sequence s begins at row (s // inner) outer + s % inner, then strides.

        Returns:
            length, count, inner, outer, stride.
        """
        n, t, v = self
        if over == "nodes":
            return v, n * t, 1, v, 1
        if over == "frames":
            return t, n * v, v, t * v, v
        return t * v, n, 1, t * v, 1


def attention(
    qkv: Tensor, tokens: Tokens, over: Over, *, heads: int, mask: Tensor | None = None, dropout: float = 0.0,
    seed: Tensor | None = None, backend: Backend = "fused",
) -> Tensor:  # fmt: skip
    """Softmax attention of every head within each sequence.

    Args:
        qkv: (N T V, 3 H d): queries, keys and values, each head by head.
        tokens: how rows lie.
        over: what a sequence is.
        heads: H.
        mask: (L, L) bool, True where the query in a row may see the key in a column.
        dropout: probability of dropping a weight, with the int32 ``seed`` (0-dim, same device); none without a seed.
        backend: which way.

    Returns:
        (N T V, H d).
    """
    width = qkv.shape[1] // (3 * heads)
    length, count, inner, outer, stride = tokens.sequences(over)
    drop = dropout if seed is not None else 0.0
    if backend == "triton" and length <= LONGEST:
        bits = None if mask is None else mask.to(torch.uint8)
        return packed_op(qkv, bits, seed if drop else None, heads, length, count, inner, outer, stride, drop)
    n, t, v = tokens
    x = qkv.view(n, t, v, 3, heads, width)
    if over == "nodes":
        x = x.permute(3, 0, 1, 4, 2, 5).flatten(1, 2)
    elif over == "frames":
        x = x.permute(3, 0, 2, 4, 1, 5).flatten(1, 2)
    else:
        x = x.flatten(1, 2).permute(2, 0, 3, 1, 4)
    q, k, values = x.unbind(0)  # (B, H, L, d) each
    if backend == "plain" or drop:
        scores = (q @ k.transpose(-1, -2)).to(torch.promote_types(q.dtype, torch.float32)) * width**-0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        weights = counter_dropout(scores.softmax(-1), drop, seed)
        y = weights.to(qkv.dtype) @ values
    else:
        y = F.scaled_dot_product_attention(q, k, values, attn_mask=mask)
    if over == "nodes":
        y = y.view(n, t, heads, v, width).transpose(2, 3)
    elif over == "frames":
        y = y.view(n, v, heads, t, width).permute(0, 3, 1, 2, 4)
    else:
        y = y.transpose(1, 2)
    return y.reshape(n * t * v, heads * width)


def triton_agrees(heads: int, width: int, dtype: torch.dtype, device: torch.device) -> str:
    """Why the kernels cannot be used for heads of this width, or nothing: they are tried on few tokens and compared."""
    if width not in (16, 32, 64, 128):
        return f"heads of width {width}; the kernels take 16, 32, 64 or 128"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    tokens = Tokens(5, 17, 10)
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(5 * 17 * 10, 3 * heads * width, generator=generator).to(device, dtype)
    seed = torch.tensor(7, dtype=torch.int32, device=device)
    allowed = 0.05 if dtype == torch.bfloat16 else 5e-3  # products of float32 may be tf32 here
    try:
        for over in ("nodes", "frames"):
            found = []
            for backend in ("plain", "triton"):
                x = qkv.clone().requires_grad_()
                y = attention(x, tokens, over, heads=heads, dropout=0.2, seed=seed, backend=backend)  # type: ignore[arg-type]
                found.append((y.detach().float(), torch.autograd.grad(y.float().square().mean() * 1e3, x)[0].float()))
            for ours, theirs in zip(found[1], found[0], strict=True):
                worst = float((ours - theirs).abs().max() / theirs.abs().max())
                if not worst <= allowed:
                    return f"off by {worst:.1e} over {over}"
    except Exception as error:  # a compiler may fail with anything
        return in_a_line(error)
    return ""


@functools.cache
def attention_kernel() -> Any:
    """The module of the kernels; it needs Triton."""
    from spotlib.models.fast import packed_kernel

    return packed_kernel


def attention_plan(qkv: Tensor, heads: int, dropout: float, where: tuple[int, int, int, int, int]) -> dict[str, Any]:
    """What the kernels want to know; ``where`` as `Tokens.sequences` gives it."""
    length, count, inner, outer, stride = where
    block = max(BLOCK, 1 << (length - 1).bit_length())  # rows of a tile: whole sequences
    packed = block // length
    return {
        "block": block, "packed": packed, "programs": -(-count // packed),
        "heads": heads, "width": qkv.shape[1] // (3 * heads), "length": length, "count": count, "inner": inner,
        "outer_stride": outer, "token_stride": stride, "keep_below": limit(dropout), "gain": 1 / (1 - dropout),
        "exact": qkv.dtype == torch.float32 and torch.get_float32_matmul_precision() == "highest",
    }  # fmt: skip


WHERE = "int heads, int length, int count, int inner, int outer, int stride, float dropout"


@torch.library.custom_op(
    "spotlib::packed_attention", mutates_args=(), schema=f"(Tensor qkv, Tensor? mask, Tensor? seed, {WHERE}) -> Tensor"
)
def packed_op(
    qkv: Tensor, mask: Tensor | None, seed: Tensor | None, heads: int, length: int, count: int, inner: int, outer: int,
    stride: int, dropout: float,
) -> Tensor:  # fmt: skip
    """The kernels as an operator; arguments as `Tokens.sequences` gives them, ``mask`` (L, L) uint8."""
    qkv = qkv.contiguous()
    out = qkv.new_empty(qkv.shape[0], qkv.shape[1] // 3)
    attention_kernel().forward(
        qkv, out, mask, seed, attention_plan(qkv, heads, dropout, (length, count, inner, outer, stride))
    )
    return out


@packed_op.register_fake
def _(qkv, mask, seed, heads, length, count, inner, outer, stride, dropout):
    return qkv.new_empty(qkv.shape[0], qkv.shape[1] // 3)


@torch.library.custom_op(
    "spotlib::packed_attention_backward",
    mutates_args=(),
    schema=f"(Tensor grad, Tensor qkv, Tensor? mask, Tensor? seed, {WHERE}) -> Tensor",
)
def packed_backward_op(
    grad: Tensor, qkv: Tensor, mask: Tensor | None, seed: Tensor | None, heads: int, length: int, count: int,
    inner: int, outer: int, stride: int, dropout: float,
) -> Tensor:  # fmt: skip
    """Gradient of `packed_op` with respect to ``qkv``."""
    qkv, grad = qkv.contiguous(), grad.contiguous()
    to_qkv = torch.empty_like(qkv)
    where = (length, count, inner, outer, stride)
    attention_kernel().backward(qkv, grad, to_qkv, mask, seed, attention_plan(qkv, heads, dropout, where))
    return to_qkv


@packed_backward_op.register_fake
def _(grad, qkv, mask, seed, heads, length, count, inner, outer, stride, dropout):
    return torch.empty_like(qkv, memory_format=torch.contiguous_format)


def _remember(ctx: Any, inputs: tuple, output: Tensor) -> None:
    qkv, mask, seed, *ctx.rest = inputs
    ctx.save_for_backward(qkv, mask, seed)


def _gradient(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    qkv, mask, seed = ctx.saved_tensors
    return packed_backward_op(grad, qkv, mask, seed, *ctx.rest), *(None,) * 9


packed_op.register_autograd(_gradient, setup_context=_remember)
