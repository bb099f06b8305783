"""Attention on chunks, with its gradient written out; the sequences are the innermost axis.

The same function as `Attention` of `spotlib.models.spotformer` with its residual, the BatchNorm in front folded in
(`spotlib.models.fast.folding`). In shapes, i stands for queries and j for keys.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from spotlib.models.attention import over_channels, over_tokens
from spotlib.models.fast import short_attention
from spotlib.models.fast.chunks import Dropout, Layout, summed, through_stats
from spotlib.models.fast.crew import crew
from spotlib.models.fast.folding import Folded, Stats
from spotlib.models.fast.short_attention import Sequences


class Attend(Function):
    """x + dropout(out(attention(norm(x)))) over nodes or frames (METHOD section 3.2)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, qkv: Tensor, out_weight: Tensor, out_bias: Tensor,
        norm: tuple[Stats, float], layout: Layout, over: str, heads: int, mask: Tensor | None, dropout: Dropout | None,
    ) -> Tensor:  # fmt: skip
        folded = Folded.of(gamma, beta, *norm)
        inner = out_weight.shape[1]
        root = 1 / math.sqrt(inner // heads)
        weight, bias = folded.into(qkv)
        weight[:inner] *= root
        bias[:inner] *= root
        gain = dropout.gain if dropout else 1.0
        join, offset = out_weight.t() * gain, out_bias * gain
        sides = _Sides(layout, heads, over, x)
        # what the gradient needs: [q, k, v] and the attention's result of all chunks, weights and masks of each
        all_qkv = x.new_empty(layout.chunks, 3 * inner, x.shape[1])
        all_mixed = x.new_empty(layout.chunks, inner, x.shape[1])
        saved: list[Any] = [None] * layout.chunks
        result = torch.empty_like(x)

        def of(chunks: range) -> None:
            for c in chunks:
                draw = dropout.of_chunk(c) if dropout else None
                torch.mm(weight, x[c].t(), out=all_qkv[c]).add_(bias[:, None])
                keep = draw(sides.scores) if draw else None
                weights = sides.attend(all_qkv[c], all_mixed[c], mask, keep, gain)
                y = torch.addmm(offset, all_mixed[c].t(), join)  # (m, D)
                keep_out = draw(y.shape) if draw else None
                if keep_out is not None:
                    y.mul_(keep_out)
                torch.add(x[c], y, out=result[c])
                saved[c] = weights, keep, keep_out

        crew().share(of, layout.chunks)
        ctx.save_for_backward(x, qkv, weight, join)
        ctx.rest = folded, sides, all_qkv, all_mixed, saved, inner, root, gain
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, qkv, weight, join = ctx.saved_tensors
        folded, sides, all_qkv, all_mixed, saved, inner, root, gain = ctx.rest
        to_x = torch.empty_like(x)

        def of(chunks: range) -> tuple[Tensor, ...]:
            to_weight, to_bias = torch.zeros_like(weight), weight.new_zeros(len(weight))
            to_join, to_offset = torch.zeros_like(join), join.new_zeros(join.shape[1])
            to_qkv = torch.empty_like(all_qkv[0])
            for c in chunks:
                weights, keep, keep_out = saved[c]
                to_y = grad[c] if keep_out is None else grad[c] * keep_out
                to_join.addmm_(all_mixed[c], to_y)
                to_offset += to_y.sum(0)
                sides.gradient(join @ to_y.t(), all_qkv[c], all_mixed[c], weights, keep, gain, to_qkv)
                to_weight.addmm_(to_qkv, x[c])
                to_bias += to_qkv.sum(1)
                torch.addmm(grad[c], to_qkv.t(), weight, out=to_x[c])
            return to_weight, to_bias, to_join, to_offset

        to_weight, to_bias, to_join, to_offset = summed(crew().share(of, len(x)))
        to_weight[:inner] *= root
        to_bias[:inner] *= root
        to_qkv, to_scale, to_shift = folded.out_of(qkv, to_weight, to_bias)
        to_gamma, to_beta, constant, slope = folded.gradient(to_scale, to_shift)
        through_stats(to_x, x, constant, slope)
        return to_x, to_gamma, to_beta, to_qkv, to_join.t() * gain, to_offset * gain, *(None,) * 6


class _Sides:
    """A chunk's (H d, T V n) seen as (H, d, L, B): tokens attended over, sequences innermost."""

    def __init__(self, layout: Layout, heads: int, over: str, like: Tensor) -> None:
        _, self.t, self.v, self.n = layout
        self.heads, self.frames = heads, over == "frames"
        length, count = (self.t, self.v * self.n) if self.frames else (self.v, self.t * self.n)
        self.scores = heads, length, length, count  # (H, i, j, B)
        self.where = Sequences.outermost(length, count) if self.frames else Sequences.middle(self.t, self.v, self.n)
        self.compiled = short_attention.possible(like, length)

    def attend(self, qkv: Tensor, mixed: Tensor, mask: Tensor | None, keep: Tensor | None, gain: float) -> Any:
        """Attention (3 H d, T V n) -> ``mixed`` (H d, T V n); returns what `gradient` needs of the weights."""
        if self.compiled:
            options: dict[str, Any] = {"scale": 1.0, "mask": mask, "keep": keep, "gain": gain}
            return short_attention.attended(qkv, self.heads, self.where, save=True, out=mixed, **options).weights
        q, k, v = self.split(qkv)  # (H, d, L, B)
        weights = over_channels(q, k)  # (H, i, j, B)
        if mask is not None:
            weights.masked_fill_(~mask[:, :, None], -math.inf)
        weights.sub_(weights.amax(2, keepdim=True)).exp_()
        total = weights.sum(2)[:, None].div_(gain)  # (H, 1, i, B)
        used = weights if keep is None else weights * keep
        self.mix(used.transpose(1, 2), v, mixed, total)
        return weights, total

    def gradient(
        self, grad: Tensor, qkv: Tensor, mixed: Tensor, saved: Any, keep: Tensor | None, gain: float, out: Tensor
    ) -> None:
        """From the gradient of ``mixed`` to that of ``qkv``, written to ``out``."""
        if self.compiled:
            options: dict[str, Any] = {"scale": 1.0, "keep": keep, "gain": gain}
            short_attention.gradient(grad, qkv, saved, self.heads, self.where, out=out, **options)
            return
        weights, total = saved
        q, k, v = self.split(qkv)  # (H, d, L, B)
        to_mixed = self.view(grad) / total  # (H, d, L, B)
        # softmax: w (g - sum over keys of w g), and that sum is the one over channels of output x gradient
        shared = (to_mixed * self.view(mixed)).sum(1)[:, :, None].div_(gain)  # (H, i, 1, B)
        to_scores = over_channels(to_mixed, v)  # (H, i, j, B)
        if keep is not None:
            to_scores.mul_(keep)
        to_scores.sub_(shared).mul_(weights)
        used = weights if keep is None else weights * keep
        to_q, to_k, to_v = out.chunk(3)
        self.mix(to_scores.transpose(1, 2), k, to_q)
        self.mix(to_scores, q, to_k)
        self.mix(used, to_mixed, to_v)

    def view(self, x: Tensor) -> Tensor:
        """(H d, T V n) -> (H, d, L, B), a copy over nodes."""
        if self.frames:
            return x.view(self.heads, -1, self.t, self.v * self.n)
        return x.view(self.heads, -1, self.t, self.v, self.n).transpose(2, 3).reshape(
            self.heads, -1, self.v, self.t * self.n
        )  # fmt: skip

    def split(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(3 H d, T V n) -> q, k, v."""
        q, k, v = qkv.chunk(3)
        return self.view(q), self.view(k), self.view(v)

    def mix(self, a: Tensor, b: Tensor, out: Tensor, divisor: Tensor | None = None) -> None:
        """`over_tokens`, divided, into a chunk's (H d, T V n)."""
        if self.frames:
            result = over_tokens(a, b, out=out.view(b.shape))
            if divisor is not None:
                result.div_(divisor)
            return
        result = over_tokens(a, b)
        if divisor is not None:
            result.div_(divisor)
        back = result.view(self.heads, -1, self.v, self.t, self.n).transpose(2, 3)
        out.view(back.shape).copy_(back)
