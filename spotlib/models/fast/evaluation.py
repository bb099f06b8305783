"""SpotFormer at evaluation, made of one folded copy of its weights.

Same numbers as the reference to float rounding (tests: 1e-5). What is gained, at D = 256:

* BatchNorm, biases of output layers and 1 / sqrt(d) are part of the matrices; residuals are added by the products.
* Before the first attention every token is a linear map of two motion components plus a constant of its frame and
  region. So are its queries, keys and values, and the first sub-layer with its embedding and positions is a matrix
  product of width 4 (2 + R) + 2 + R = 25 instead of 4 x 256: 27 % of the network's arithmetic less (`first_layer`).
* Chunks of windows stay in the cache and are spread over cores.

Tokens lie as (T V n, D), with the n windows of a chunk inside of frames and nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spotlib.errors import SpotlibError
from spotlib.models.attention import SHORT, over_channels, over_tokens
from spotlib.models.fast import short_attention
from spotlib.models.fast.crew import crew
from spotlib.models.fast.first_layer import embedding_step, first_attention_step
from spotlib.models.fast.folding import running_affine
from spotlib.models.fast.short_attention import Sequences
from spotlib.models.spotformer import (
    KERNEL,
    STRIDE,
    Attention,
    Downsample,
    FeedForward,
    RegionPool,
    SpaceTime,
    SpotFormer,
    SpotFormerOutput,
)

CHUNK = 32  # windows that go through the network together


class Shape(NamedTuple):
    """Frames T, nodes V, windows n."""

    frames: int
    nodes: int
    windows: int


Step = Callable[[Tensor, Shape], tuple[Tensor, Shape]]


class FoldedSpotFormer:
    """A copy of ``model`` as it is now, for evaluation only: windows (N, T, V, 2) to logits and embedding."""

    def __init__(self, model: SpotFormer) -> None:
        c = model.config
        self.config = c
        self.frames = c.frames  # T behind the steps made so far
        # what every token lacks so far: a constant (D,) that the next norm takes in, instead of adding it to each
        self.pending = torch.zeros(c.dim, dtype=torch.float64)
        self.steps: list[Step] = []
        with torch.no_grad():
            self._scale(model.scale1, first=model)
            self._pool_down(model.flgp1, model.down1)
            self._scale(model.scale2)
            self._pool_down(model.flgp2, model.down2)
            for block, down in ((model.time3, model.down3), (model.time4, model.down4)):
                self._block(block.attention, block.ff, "frames", None)
                self._pool_down(None, down)
            self.constant = self.pending.float()
            self.head = None if model.head is None else [p.detach().clone() for p in model.head.parameters()]

    @torch.no_grad()
    def __call__(self, x: Tensor) -> SpotFormerOutput:
        """As `SpotFormer.forward` in evaluation mode, for float32 on the CPU."""
        c = self.config
        if x.ndim != 4 or tuple(x.shape[1:]) != (c.frames, c.nodes, 2):
            raise SpotlibError(
                f"SpotFormer: windows have shape {tuple(x.shape)}, expected (N, {c.frames}, {c.nodes}, 2);"
                " build the network for this window length and node layout"
            )
        chunks = x.split(CHUNK) if len(x) else (x,)
        parts = crew().share(lambda which: [self._embedding(chunks[i]) for i in which], len(chunks))
        embedding = torch.cat([embedding for part in parts for embedding in part])  # (N, D)
        logits = None if self.head is None else F.linear(embedding, *self.head)
        return SpotFormerOutput(logits, embedding)

    def _embedding(self, x: Tensor) -> Tensor:
        shape = Shape(x.shape[1], x.shape[2], len(x))
        y = x.permute(3, 1, 2, 0).contiguous()  # (2, T, V, n)
        for step in self.steps:
            y, shape = step(y, shape)
        return y.view(*shape, -1).mean(0).amax(0) + self.constant  # (n, D)

    def _block(self, attention: Attention, ff: FeedForward, over: str, mask: Tensor | None) -> None:
        step, self.pending = attention_step(attention, self.pending, over, mask)
        self.steps.append(step)
        self._feed_forward(ff)

    def _feed_forward(self, ff: FeedForward) -> None:
        step, self.pending = feed_forward_step(ff, self.pending)
        self.steps.append(step)

    def _scale(self, scale: SpaceTime, first: SpotFormer | None = None) -> None:
        order = scale.order
        if first is not None and order == "space-then-time":
            step, self.pending = first_attention_step(first)
            self.steps.append(step)
            self._feed_forward(scale.space.ff)
            self._block(scale.time.attention, scale.time.ff, "frames", None)
            return
        if first is not None:
            self.steps.append(embedding_step(first))
        space = (scale.space, "all" if order == "joint" else "nodes", scale.mask)
        time = (scale.time, "all", scale.mask) if order == "joint" else (scale.time, "frames", None)
        if order == "parallel":
            self._parallel(space, time)
            return
        for block, over, mask in (time, space) if order == "time-then-space" else (space, time):
            self._block(block.attention, block.ff, over, mask)

    def _parallel(self, *branches: tuple) -> None:
        steps, before = self.steps, self.pending
        sides: list[list[Step]] = []
        pending = -before
        for block, over, mask in branches:
            self.steps, self.pending = [], before
            self._block(block.attention, block.ff, over, mask)
            sides.append(self.steps)
            pending = pending + self.pending
        self.steps, self.pending = steps, pending

        def step(x: Tensor, shape: Shape) -> tuple[Tensor, Shape]:
            total = -x  # each branch adds its own residual to x
            for side in sides:
                y = x.clone()
                for part in side:
                    y, _ = part(y, shape)
                total += y
            return total, shape

        self.steps.append(step)

    def _pool_down(self, pool: torch.nn.Module | None, down: torch.nn.Module) -> None:
        if isinstance(pool, RegionPool):
            step, self.pending = pool_step(pool, self.pending)
            self.steps.append(step)
        if isinstance(down, Downsample):
            step, self.frames = downsample_step(down, self.pending, self.frames)
            self.pending = torch.zeros_like(self.pending)
            self.steps.append(step)


def attention_step(attention: Attention, pending: Tensor, over: str, mask: Tensor | None) -> tuple[Step, Tensor]:
    """x + out(attention(norm(x + pending))) without its constants, which are returned as the new pending."""
    scale, shift = running_affine(attention.norm)
    qkv, heads = attention.qkv.weight.double(), attention.heads
    inner = len(qkv) // 3
    root = (inner // heads) ** -0.5
    bias = qkv @ (shift + scale * pending)
    weight = qkv * scale
    weight[:inner] *= root
    # a constant in the keys shifts all scores of a query alike, one in the values goes through as it is
    query_bias = (bias[:inner] * root).float()[:, None]
    out = attention.out.weight.double()
    pending = pending + attention.out.bias.double() + out @ bias[2 * inner :]
    folded, join = weight.float(), out.t().float().contiguous()

    def step(x: Tensor, shape: Shape) -> tuple[Tensor, Shape]:
        t, v, n = shape
        qkv = folded @ x.t()  # (3 H d, T V n)
        qkv[:inner] += query_bias
        where = Sequences.middle(t, v, n) if over == "nodes" else Sequences.outermost(t, v * n)
        hidden = mask
        if over == "all":  # all tokens of a window; the mask is one of nodes, at any two frames
            where = Sequences.outermost(t * v, n)
            hidden = None if mask is None else mask.repeat(t, t)
        if short_attention.possible(qkv, where.length):
            mixed = short_attention.attended(qkv, heads, where, scale=1.0, mask=hidden).out
        elif over == "nodes":
            qkv = qkv.view(3, heads, -1, t, v, n)
            mixed = attend(qkv.transpose(3, 4).reshape(3, heads, -1, v, t * n), hidden)
            mixed = mixed.view(heads, -1, v, t, n).transpose(2, 3).reshape(inner, -1)
        else:
            mixed = attend(qkv.view(3, heads, -1, where.length, where.inner), hidden).reshape(inner, -1)
        return x.addmm_(mixed.t(), join), shape

    return step, pending


def attend(qkv: Tensor, mask: Tensor | None) -> Tensor:
    """(3, H, d, L, B) with scaled queries -> (H, d, L, B)."""
    q, k, v = qkv
    if q.shape[2] > SHORT:
        q, k, v = qkv.permute(0, 4, 1, 3, 2).contiguous()  # (B, H, L, d)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0).permute(1, 3, 2, 0)
    weights = over_channels(q, k)  # (H, i, j, B)
    if mask is not None:
        weights.masked_fill_(~mask[:, :, None], float("-inf"))
    weights.sub_(weights.amax(2, keepdim=True)).exp_()
    return over_tokens(weights.transpose(1, 2), v).div_(weights.sum(2)[:, None])


def feed_forward_step(ff: FeedForward, pending: Tensor) -> tuple[Step, Tensor]:
    """x + down(gelu(up(norm(x + pending)))) without its constant, which is returned as the new pending."""
    scale, shift = running_affine(ff.norm)
    up = ff.up.weight.double()
    bias = (up @ (shift + scale * pending) + ff.up.bias.double()).float()
    folded, second = (up * scale).float(), ff.down.weight.detach().t().contiguous()

    def step(x: Tensor, shape: Shape) -> tuple[Tensor, Shape]:
        return x.addmm_(F.gelu(F.linear(x, folded, bias)), second), shape

    return step, pending + ff.down.bias.double()


def pool_step(pool: RegionPool, pending: Tensor) -> tuple[Step, Tensor]:
    """One token per region; the sign of the norm's scale decides what is strongest, its shift stays pending."""
    scale, shift = running_affine(pool.norm)
    factor, regions, mean = scale.float(), pool.regions, pool.mean

    def step(x: Tensor, shape: Shape) -> tuple[Tensor, Shape]:
        parts = x.mul_(factor).view(*shape, -1).split(regions, 1)
        pooled = torch.stack([part.mean(1) if mean else part.amax(1) for part in parts], 1)  # (T, R, n, D)
        return pooled.flatten(0, 2), shape._replace(nodes=len(regions))

    return step, shift + scale * pending


def downsample_step(down: Downsample, pending: Tensor, frames: int) -> tuple[Step, int]:
    """Every second frame from three; returns the number of frames left, and leaves nothing pending."""
    scale, shift = running_affine(down.norm)
    shift = shift + scale * pending
    after, border, dim = down.frames, down.padding, len(shift)
    there = torch.zeros(frames + 2 * border, dtype=torch.float64)
    there[border : border + frames] = 1.0
    taps = there.unfold(0, KERNEL, STRIDE)  # (T', 3), 1 where a frame exists
    if down.conv is not None:
        weight = down.conv.weight.double().view(-1, KERNEL, dim)  # (D', 3, D)
        bias = torch.einsum("tk,okd,d->to", taps, weight, shift).float()[:, None]  # (T', 1, D')
        folded = (weight * scale).flatten(1).float()
    factor, offset, counts = scale.float(), shift.float(), taps.sum(1).float()[:, None, None]
    fill = float("-inf") if down.kind == "max" else 0.0

    def step(x: Tensor, shape: Shape) -> tuple[Tensor, Shape]:
        y = x.view(shape.frames, -1, dim)  # (T, V n, D)
        if down.conv is None:
            y = y * factor + offset
        if border:
            y = F.pad(y, (0, 0, 0, 0, border, border), value=fill)
        parts = [y[k : k + STRIDE * after - 1 : STRIDE] for k in range(KERNEL)]  # (T', V n, D) each
        if down.conv is not None:
            y = F.linear(torch.cat(parts, 2), folded).add_(bias)
        elif down.kind == "max":
            y = torch.stack(parts).amax(0)
        else:
            y = torch.stack(parts).sum(0) / counts
        return y.flatten(0, 1), shape._replace(frames=after)

    return step, after
