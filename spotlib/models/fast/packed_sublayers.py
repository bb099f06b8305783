"""The embedding and a block's two sub-layers on packed tokens, each as one operator with a gradient of its own.

Products are cuBLAS's, what happens between two of them is one way through memory (`token_kernel`), and the gradient of
the residual is where the last product adds its own. The next BatchNorm's statistics come out with the tokens, and
what it asks of them goes back in here as a constant and a slope per channel. Operators of PyTorch, so that a compiler
takes them as they are. Tokens (M, D) of M rows (N, T, V); everything of one kind but biases and statistics, float32.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from spotlib.models.fast.counter_dropout import limit
from spotlib.models.fast.packed_attention import WHERE, Over, Tokens, attention_kernel, attention_plan

if TYPE_CHECKING:
    from spotlib.models.spotformer import SpotFormerConfig

TILE = 128  # rows of a tile of `token_kernel`, for which sums are written
WINDOWS = 128  # of a tile of the embedding, which has one node and frame of so many windows
GROUPS = 32  # of nodes, of a tile of the regions' largest
WIDTHS = (16, 32, 64, 128, 256)  # of tokens, heads together and hidden tokens: tiles hold whole rows


class Stream(NamedTuple):
    """Tokens (M, D) between two sub-layers, with mean and biased variance (D,) of their channels if they are known."""

    tokens: Tensor
    mean: Tensor | None = None
    var: Tensor | None = None


def joined_problem(config: SpotFormerConfig) -> str:
    """Why a network of this shape has no joined sub-layers, or nothing."""
    for name, width in {
        "dim": config.dim, "mlp": config.mlp or config.dim, "heads x head_dim": config.heads * config.head_dim
    }.items():  # fmt: skip
        if width not in WIDTHS:
            return f"{name} is {width}; whole tokens are taken of {', '.join(map(str, WIDTHS))}"
    return ""


@functools.cache
def _kernels() -> Any:
    from spotlib.models.fast import token_kernel

    return token_kernel


@functools.cache
def _whole() -> Any:
    from spotlib.models.fast import evaluation_kernel

    return evaluation_kernel


def _drop(seed: Tensor | None, dropout: float) -> Any:
    return _kernels().Drop(seed, limit(dropout), 1 / (1 - dropout))


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


def feed(
    x: Stream, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor, *, dropout: float,
    seeds: tuple[Tensor | None, Tensor | None], training: bool,
) -> Stream:  # fmt: skip
    """x + dropout(dropout(gelu(x up' + up_bias)) down' + down_bias).

    ``up`` (H, D) with the BatchNorm before it folded in, ``down`` (D, H), biases float32; the rest as in `attend`.
    """
    out, mean, var, *_ = feed_op(x.tokens, up, up_bias, down, down_bias, *seeds, dropout, training)
    return Stream(out, mean, var) if training else Stream(out)


def embed(
    x: Tensor, weight: Tensor, table: Tensor, *, dropout: float, seed: Tensor | None, kind: torch.dtype, training: bool
) -> Stream:
    """dropout(x weight' + table), tokens of ``kind``.

    ``x`` (N P, 2), ``weight`` (D, 2), ``table`` (P, D), float32, for P places of a window; the rest as in `attend`.
    There is no gradient by ``x``.
    """
    y, mean, var = embed_op(x, weight, table, seed, dropout, kind, training)
    return Stream(y, mean, var) if training else Stream(y)


def _back(out: Tensor, mean: Tensor, to_mean: Tensor | None, to_var: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the gradients of mean and variance add to that of every row: constant + slope row."""
    assert mean.numel(), "there is a gradient only of what was called with training=True"
    zero = torch.zeros_like(mean)
    slope = 2 / len(out) * (zero if to_var is None else to_var)
    return (zero if to_mean is None else to_mean) / len(out) - slope * mean, slope


# -- attention --


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
        out = _whole().project(y, out_weight.contiguous(), out_bias, x)
        return out, out_bias.new_empty(0), out_bias.new_empty(0), qkv, y
    out = y @ out_weight.t()
    mean, var = _kernels().residual(out, out_bias, x, _drop(out_seed, dropout))
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
    drop = _drop(out_seed, dropout)
    to_x, passed, to_out_bias = _kernels().residual_back(grad.contiguous(), out, constant, slope, drop)
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
    constant, slope = _back(out, mean, to_mean, to_var)
    to_x, to_weight, to_bias, to_out_weight, to_out_bias = attend_backward_op(
        grad, constant, slope, x, weight, out_weight, mask, seed, out_seed, out, qkv, y, *ctx.where
    )
    return to_x, to_weight, to_bias.sum(0).to(ctx.kind), to_out_weight, to_out_bias.sum(0), *(None,) * 11


attend_op.register_autograd(_attend_gradient, setup_context=_remember_attend)


# -- feed-forward --


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
        out = _whole().feed(x, up.contiguous(), up_bias, down.contiguous(), down_bias)
        return out, up_bias.new_empty(0), up_bias.new_empty(0), x.new_empty(0), x.new_empty(0)
    steep = x @ up.t()  # (M, H)
    active = _kernels().activate(steep, up_bias, _drop(hidden_seed, dropout))
    out = active @ down.t()
    mean, var = _kernels().residual(out, down_bias, x, _drop(seed, dropout))
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
    drop = _drop(seed, dropout)
    to_x, passed, to_down_bias = _kernels().residual_back(grad.contiguous(), out, constant, slope, drop)
    to_hidden = passed @ down
    to_up_bias = _kernels().activate_back(to_hidden, steep)
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
    constant, slope = _back(out, mean, to_mean, to_var)
    to_x, to_up, to_up_bias, to_down, to_down_bias = feed_backward_op(
        grad, constant, slope, x, up, down, seed, out, steep, active, ctx.dropout
    )
    return to_x, to_up, to_up_bias.sum(0), to_down, to_down_bias.sum(0), *(None,) * 4


feed_op.register_autograd(_feed_gradient, setup_context=_remember_feed)


# -- embedding --


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
    drop = _drop(seed, dropout)
    mean, var = _kernels().embed(x.contiguous(), weight.contiguous(), table.contiguous(), y, drop, statistics=training)
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
    drop = _drop(seed, dropout)
    return _kernels().embed_back(grad.contiguous(), y, constant, slope, x.contiguous(), places, drop)


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
    constant, slope = _back(y, mean, to_mean, to_var)
    across, down, table = embed_backward_op(grad, constant, slope, x, y, seed, ctx.places, ctx.dropout)
    return None, torch.stack([across.sum((0, 1)), down.sum((0, 1))], 1), table.sum(0), *(None,) * 4


embed_op.register_autograd(_embed_gradient, setup_context=_remember_embed)


# -- regions --


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
    return _kernels().pool(x, scale.contiguous(), shift.contiguous(), regions)


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
    return _kernels().pool_back(grad.contiguous(), x, scale.contiguous(), shift.contiguous(), regions)


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
