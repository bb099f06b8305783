"""Attention over many short sequences on a CPU, computed by compiled kernels where numba is installed.

Without them the same is written as operations of PyTorch on whole arrays (`spotlib.models.attention`), whose scores go
through memory once for every channel: about four times the time of a training step's attention.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spotlib.models.fast.crew import crew

LONGEST = 32  # tokens of a sequence; a head's scores of a block of sequences then fit the nearest caches
_NONE = np.zeros(0, np.int8)
_NO_FLOATS = np.zeros(0, np.float32)
#: multiplications below which threads cost more than they save
_WORTH_SHARING = 2_000_000


class Sequences(NamedTuple):
    """Where sequences lie among M tokens: token i of the s-th of a group's at group x group_stride + i x stride + s."""

    length: int  # L
    inner: int  # sequences of a group, side by side
    groups: int
    stride: int
    group_stride: int

    @classmethod
    def outermost(cls, length: int, count: int) -> Sequences:
        """Tokens as (L, B)."""
        return cls(length, count, 1, count, 0)

    @classmethod
    def middle(cls, groups: int, length: int, inner: int) -> Sequences:
        """Tokens as (groups, L, inner), attended over the axis in the middle."""
        return cls(length, inner, groups, inner, length * inner)

    @property
    def tokens(self) -> int:
        """M."""
        return self.length * self.inner * self.groups

    @property
    def sequences(self) -> int:
        """How many in all groups."""
        return self.inner * self.groups


@functools.cache
def _kernels() -> Any:
    """The compiled functions, or None on a machine without numba."""
    try:
        from spotlib.models.fast import short_kernel
    except ImportError:
        return None
    return short_kernel


def possible(x: Tensor, length: int) -> bool:
    """Whether the kernels compute attention over sequences of ``length`` tokens for tensors like ``x``."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and length <= LONGEST and _kernels() is not None


class Attended(NamedTuple):
    """The result (H d, M) and the softmax weights as the gradient reads them, if asked for."""

    out: Tensor
    weights: Tensor | None


def attended(
    qkv: Tensor, heads: int, where: Sequences, *, scale: float, mask: Tensor | None = None, keep: Tensor | None = None,
    gain: float = 1.0, save: bool = False, out: Tensor | None = None,
) -> Attended:  # fmt: skip
    """softmax(scale q k^T) v of every head and sequence (METHOD section 3.2).

    Args:
        qkv: (3 H d, M) float32, contiguous: queries, keys and values, each head by head.
        heads: H.
        where: which of the M tokens form a sequence.
        scale: of the scores.
        mask: (L, L) bool, True where the query in a row may see the key in a column.
        keep: (H, L, L, sequences) int8, 1 where dropout keeps a weight, which is then multiplied with ``gain``.
        save: whether a gradient will be asked for.
        out: (H d, M) contiguous, to be filled.
    """
    kernels, lanes = _kernels(), _kernels().LANES
    plan = _plan(qkv, heads, where)
    out = qkv.new_empty(qkv.shape[0] // 3, qkv.shape[1]) if out is None else out
    blocks = where.groups * -(-where.inner // lanes)
    side = (where.length + 1) // 2 * 2
    weights = qkv.new_empty(blocks * heads * side * side * lanes) if save else None
    args = (
        _flat(qkv), _flat(out), _NO_FLOATS if weights is None else weights.numpy(),
        _NONE if mask is None else _flat(mask.to(torch.int8).contiguous()),
        _NONE if keep is None else _flat(keep.contiguous()),
        np.float32(scale), np.float32(gain), plan,
    )  # fmt: skip
    _shared(kernels.forward, args, blocks, plan)
    return Attended(out, weights)


def gradient(
    grad: Tensor, qkv: Tensor, weights: Tensor, heads: int, where: Sequences, *, scale: float,
    keep: Tensor | None = None, gain: float = 1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Gradient (3 H d, M) of `attended` with respect to ``qkv``, from that (H d, M) with respect to its result.

    ``grad`` may be the transpose of a contiguous tensor; ``weights`` as saved; the rest as given to `attended`.
    """
    kernels = _kernels()
    plan = _plan(qkv, heads, where)
    out = torch.empty_like(qkv) if out is None else out
    if grad.t().is_contiguous():
        flat, steps = _flat(grad.t()), (1, grad.shape[0])
    else:
        grad = grad.contiguous()
        flat, steps = _flat(grad), (grad.shape[1], 1)
    args = (
        _flat(qkv), flat, steps, _flat(out), weights.numpy(), _NONE if keep is None else _flat(keep.contiguous()),
        np.float32(scale), np.float32(gain), plan,
    )  # fmt: skip
    _shared(kernels.backward, args, where.groups * -(-where.inner // kernels.LANES), plan)
    return out


def _plan(qkv: Tensor, heads: int, where: Sequences) -> tuple[int, ...]:
    width = qkv.shape[0] // (3 * heads)
    assert qkv.is_contiguous()
    assert qkv.shape == (3 * heads * width, where.tokens)
    return heads, width, where.length, where.inner, where.stride, where.group_stride, where.tokens


def _flat(x: Tensor) -> np.ndarray:
    return x.detach().view(-1).numpy()  # never a copy: results are written here


def _shared(kernel: Callable[..., None], args: tuple[Any, ...], blocks: int, plan: tuple[int, ...]) -> None:
    heads, width, length, _, _, _, tokens = plan
    if torch.get_num_threads() == 1 or heads * width * length * tokens < _WORTH_SHARING:
        kernel(*args, 0, blocks)
    else:
        crew().share(lambda part: kernel(*args, part.start, part.stop), blocks)
