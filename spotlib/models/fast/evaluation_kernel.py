"""A sub-layer's products and what is around them as one Triton kernel each, for evaluation; only where Triton is.

Without dropout and statistics little is left to do beside the products, and tokens go through memory once. With them
a tile's rows take so many registers and so long that products by cuBLAS and `token_kernel` are faster; so in training.
"""

from __future__ import annotations

import functools

import torch
import triton
import triton.language as tl
from torch import Tensor

from spotlib.models.fast.launching import launch
from spotlib.models.fast.token_kernel import gelu

LARGE = 200_000  # bytes of shared memory that large tiles of the feed-forward take with D = 256; an H100 has them


@triton.jit
def _project(
    a, weight, bias, x, out, rows,
    WIDTH: tl.constexpr, INNER: tl.constexpr, BLOCK: tl.constexpr, CHUNK: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = (row < rows)[:, None]
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    y = tl.zeros((BLOCK, COLUMNS), tl.float32)
    for begin in range(0, INNER, CHUNK):
        inner = begin + tl.arange(0, CHUNK)
        left = tl.load(a + row[:, None] * INNER + inner[None, :], mask=there, other=0.0)
        right = tl.load(weight + column[None, :] * INNER + inner[:, None])  # (CHUNK, COLUMNS)
        y = tl.dot(left, right, y)
    at = row[:, None] * WIDTH + column[None, :]
    y += tl.load(bias + column)[None, :]
    y += tl.load(x + at, mask=there, other=0.0).to(tl.float32)
    tl.store(out + at, y.to(out.dtype.element_ty), mask=there)


@triton.jit
def _feed(
    x, up, up_bias, down, down_bias, out, rows,
    WIDTH: tl.constexpr, MLP: tl.constexpr, BLOCK: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = (row < rows)[:, None]
    column = tl.arange(0, WIDTH)
    at = row[:, None] * WIDTH + column[None, :]
    tokens = tl.load(x + at, mask=there, other=0.0)
    y = tl.zeros((BLOCK, WIDTH), tl.float32)
    for begin in range(0, MLP, CHUNK):
        inner = begin + tl.arange(0, CHUNK)
        hidden = tl.dot(tokens, tl.load(up + inner[None, :] * WIDTH + column[:, None]))  # (BLOCK, CHUNK)
        value, _ = gelu(hidden + tl.load(up_bias + inner)[None, :])
        y = tl.dot(value.to(tokens.dtype), tl.load(down + column[None, :] * MLP + inner[:, None]), y)
    y += tl.load(down_bias + column)[None, :]
    y += tl.load(x + at, mask=there, other=0.0).to(tl.float32)
    tl.store(out + at, y.to(out.dtype.element_ty), mask=there)


def project(a: Tensor, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """x + a weight' + bias; ``a`` (M, I), ``weight`` (D, I), ``x`` (M, D) of one kind, ``bias`` (D,) float32."""
    (rows, width), inner = x.shape, a.shape[1]
    out = x.new_empty(rows, width)
    columns = min(128, width)
    launch(
        _project, (triton.cdiv(rows, 64), width // columns),
        a, weight, bias, x, out, rows,
        WIDTH=width, INNER=inner, BLOCK=64, CHUNK=min(64, inner), COLUMNS=columns, num_warps=8, num_stages=2,
    )  # fmt: skip
    return out


def feed(x: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor) -> Tensor:
    """x + gelu(x up' + up_bias) down' + down_bias; ``up`` (H, D) and ``down`` (D, H) as x, biases float32."""
    (rows, width), mlp = x.shape, len(up)
    out = x.new_empty(rows, width)
    block, chunk, warps = (128, 64, 8) if _shared(x.device) >= LARGE else (64, 32, 4)
    launch(
        _feed, (triton.cdiv(rows, block),),
        x, up, up_bias, down, down_bias, out, rows,
        WIDTH=width, MLP=mlp, BLOCK=block, CHUNK=min(chunk, mlp), num_warps=warps, num_stages=2,
    )  # fmt: skip
    return out


@functools.cache
def _shared(device: torch.device) -> int:
    """Bytes of shared memory that a program may have."""
    if device.type != "cuda":
        return 0
    return getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", 0)
