"""Embedding, feed-forward and region pooling on chunks, with their gradients written out.

Each is one function of `spotlib.models.spotformer`, with the BatchNorm in front of it folded in
(`spotlib.models.fast.folding`).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from spotlib.models.fast.chunks import Dropout, Layout, summed, through_stats
from spotlib.models.fast.crew import crew
from spotlib.models.fast.folding import Folded, Stats


class Embed(Function):
    """dropout(motion A^T + table): (C, T V n, 2), (D, 2), (T V, D) -> (C, T V n, D)."""

    @staticmethod
    def forward(
        ctx: Any, motion: Tensor, weight: Tensor, table: Tensor, layout: Layout, dropout: Dropout | None
    ) -> Tensor:
        gain = dropout.gain if dropout else 1.0
        weight, table = weight.t() * gain, table[:, None] * gain
        out = motion.new_empty(*motion.shape[:2], weight.shape[1])
        kept: list[Tensor | None] = [None] * layout.chunks

        def of(chunks: range) -> None:
            for c in chunks:
                torch.mm(motion[c], weight, out=out[c]).view(-1, layout.windows, out.shape[2]).add_(table)
                if dropout:
                    keep = dropout.of_chunk(c)(out[c].shape)
                    out[c].mul_(keep)
                    kept[c] = keep

        crew().share(of, layout.chunks)
        ctx.save_for_backward(motion)
        ctx.rest = layout, kept, gain
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (motion,) = ctx.saved_tensors
        layout, kept, gain = ctx.rest
        dim = grad.shape[2]

        def of(chunks: range) -> tuple[Tensor, Tensor]:
            to_weight, to_table = grad.new_zeros(dim, 2), grad.new_zeros(layout.frames * layout.nodes, dim)
            for c in chunks:
                to_out = grad[c] if kept[c] is None else grad[c] * kept[c]
                to_weight.addmm_(to_out.t(), motion[c])
                to_table += to_out.reshape(-1, layout.windows, dim).sum(1)
            return to_weight, to_table

        to_weight, to_table = summed(crew().share(of, layout.chunks))
        return None, to_weight * gain, to_table * gain, None, None


class FeedForward(Function):
    """x + dropout(down(dropout(gelu(up(norm(x)))))) (METHOD section 3.2)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor,
        norm: tuple[Stats, float], dropout: Dropout | None,
    ) -> Tensor:  # fmt: skip
        folded = Folded.of(gamma, beta, *norm)
        weight, bias = folded.into(up)
        bias += up_bias
        gain = dropout.gain if dropout else 1.0
        second, offset = down.t() * gain**2, down_bias * gain
        hidden = x.new_empty(*x.shape[:2], len(up))
        saved: list[Any] = [(None, None)] * len(x)
        result = torch.empty_like(x)

        def of(chunks: range) -> None:
            for c in chunks:
                active = F.gelu(torch.addmm(bias, x[c], weight.t(), out=hidden[c]))  # (m, mlp)
                if dropout:
                    draw = dropout.of_chunk(c)
                    keep, keep_out = draw(active.shape), draw(x[c].shape)
                    y = torch.addmm(offset, active.mul_(keep), second).mul_(keep_out)  # (m, D)
                    saved[c] = keep, keep_out
                else:
                    y = torch.addmm(offset, active, second)
                torch.add(x[c], y, out=result[c])

        crew().share(of, len(x))
        ctx.save_for_backward(x, up, weight, second)
        ctx.rest = folded, hidden, saved, gain
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, up, weight, second = ctx.saved_tensors
        folded, hidden, saved, gain = ctx.rest
        to_x = torch.empty_like(x)

        def of(chunks: range) -> tuple[Tensor, ...]:
            to_weight, to_bias = torch.zeros_like(weight), weight.new_zeros(len(weight))
            to_second, to_offset = torch.zeros_like(second), second.new_zeros(second.shape[1])
            for c in chunks:
                active, to_y = F.gelu(hidden[c]), grad[c]
                keep, keep_out = saved[c]
                if keep is not None:
                    active.mul_(keep)
                    to_y = to_y * keep_out
                to_second.addmm_(active.t(), to_y)
                to_offset += to_y.sum(0)
                to_active = torch.mm(to_y, second.t(), out=active)
                if keep is not None:
                    to_active.mul_(keep)
                to_hidden = torch.ops.aten.gelu_backward(to_active, hidden[c])
                to_weight.addmm_(to_hidden.t(), x[c])
                to_bias += to_hidden.sum(0)
                torch.addmm(grad[c], to_hidden, weight, out=to_x[c])
            return to_weight, to_bias, to_second, to_offset

        to_weight, to_bias, to_second, to_offset = summed(crew().share(of, len(x)))
        to_up, to_scale, to_shift = folded.out_of(up, to_weight, to_bias)
        to_gamma, to_beta, constant, slope = folded.gradient(to_scale, to_shift)
        through_stats(to_x, x, constant, slope)
        return to_x, to_gamma, to_beta, to_up, to_bias, to_second.t() * gain**2, to_offset * gain, None, None


class Pool(Function):
    """Strongest node of each region after the norm: (C, T V n, D) -> (C, T R n, D) (METHOD section 3.3)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, norm: tuple[Stats, float], layout: Layout,
        regions: tuple[int, ...],
    ) -> Tensor:  # fmt: skip
        folded = Folded.of(gamma, beta, *norm)
        _, t, v, n = layout
        out = x.new_empty(layout.chunks, t, len(regions), n, x.shape[2])

        def of(chunks: range) -> None:
            for c in chunks:
                scaled = (x[c] * folded.scale).view(t, v, n, -1)
                for r, part in enumerate(scaled.split(regions, 1)):
                    torch.add(part.amax(1), folded.shift, out=out[c, :, r])

        crew().share(of, layout.chunks)
        ctx.save_for_backward(x)
        ctx.rest = folded, layout, regions
        return out.view(layout.chunks, -1, x.shape[2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        folded, (count, t, v, n), regions = ctx.rest
        grad = grad.reshape(count, t, len(regions), n, -1)
        to_x = torch.empty_like(x)

        def of(chunks: range) -> tuple[Tensor, ...]:
            to_scale = torch.zeros_like(folded.scale)
            for c in chunks:
                scaled = (x[c] * folded.scale).view(t, v, n, -1)
                target = to_x[c].view(scaled.shape)
                parts = zip(scaled.split(regions, 1), target.split(regions, 1), strict=True)
                for r, (part, to_part) in enumerate(parts):
                    best = (part == part.amax(1, keepdim=True)).to(x.dtype)  # nodes in a tie share the gradient
                    torch.mul(best, (grad[c, :, r] / best.sum(1))[:, None], out=to_part)
                to_scale += (to_x[c] * x[c]).sum(0)
                to_x[c].mul_(folded.scale)
            return (to_scale,)

        (to_scale,) = summed(crew().share(of, count))
        to_gamma, to_beta, constant, slope = folded.gradient(to_scale, grad.sum((0, 1, 2, 3)))
        through_stats(to_x, x, constant, slope)
        return to_x, to_gamma, to_beta, None, None, None
