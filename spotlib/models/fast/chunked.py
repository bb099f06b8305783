"""SpotFormer in training mode on a CPU: the reference's forward pass on chunks of windows.

The parameters and running statistics are those of the reference model, which this only reads and updates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spotlib.models.fast.chunk_attention import Attend
from spotlib.models.fast.chunk_layers import Embed, FeedForward, Pool
from spotlib.models.fast.chunks import Dropout, Layout, batch_stats
from spotlib.models.fast.folding import Stats, update_running
from spotlib.models.spotformer import (
    Block,
    ChannelNorm,
    Downsample,
    RegionPool,
    SpaceTime,
    SpotFormer,
    SpotFormerOutput,
)

#: values of a chunk's tokens: some megabytes, so that one sub-layer of it stays in the last cache
CHUNK_VALUES = 2**20 + 2**19


class ChunkedForward:
    """Windows (N, T, V, 2) to logits and embedding, as ``model`` in training mode; gradients reach its parameters.

    Not for attention over all tokens at once (``joint``), whose cost is elsewhere.
    """

    def __init__(self, model: SpotFormer) -> None:
        self.model = model

    @staticmethod
    def supports(model: torch.nn.Module) -> bool:
        """Whether this computes what ``model`` does."""
        return isinstance(model, SpotFormer) and model.config.attention != "joint"

    def __call__(self, x: Tensor) -> SpotFormerOutput:
        model, c = self.model, self.model.config
        count, frames, nodes, _ = x.shape
        layout = chunked(count, frames, nodes, c.dim)
        motion = x.view(layout.chunks, layout.windows, frames, nodes, 2).permute(0, 2, 3, 1, 4)
        y = self._embed(motion.reshape(layout.chunks, -1, 2), layout)  # (C, T V n, D)
        y = self._scale(model.scale1, y, layout)
        y, layout = self._down(model.down1, *self._pool(model.flgp1, y, layout))
        y = self._scale(model.scale2, y, layout)
        y, layout = self._down(model.down2, *self._pool(model.flgp2, y, layout))
        y, layout = self._down(model.down3, self._block(model.time3, y, layout, "frames"), layout)
        y, layout = self._down(model.down4, self._block(model.time4, y, layout, "frames"), layout)
        embedding = y.view(*layout, -1).mean(1).amax(1).flatten(0, 1)  # (N, D)
        return SpotFormerOutput(model.head(embedding) if model.head is not None else None, embedding)

    def _dropout(self) -> Dropout | None:
        probability = self.model.config.dropout
        return Dropout(probability, int(torch.randint(2**62, ()))) if probability else None

    def _embed(self, motion: Tensor, layout: Layout) -> Tensor:
        # the norm's statistics follow from mean and covariance of the two motion components
        model, norm = self.model, self.model.embed_norm
        flat = motion.reshape(-1, 2)
        mean = flat.mean(0)
        centred = flat - mean
        weight, bias = model.embed.weight, model.embed.bias  # (D, 2), (D,)
        var = (weight @ (centred.t() @ centred / len(flat)) * weight).sum(1)
        stats = Stats(weight @ mean + bias, var, len(flat))
        update_running(norm, stats)
        scale = norm.weight * (var + norm.eps).rsqrt()
        constant = norm.bias + (bias - stats.mean) * scale  # (D,)
        position = model.position() + flat.new_zeros(layout.nodes, layout.frames, 1, 1)  # (V, T, 1, D or 1)
        table = constant + position.squeeze(2).transpose(0, 1)  # (T, V, D)
        return Embed.apply(motion, weight * scale[:, None], table.flatten(0, 1), layout, self._dropout())

    def _norm(self, norm: ChannelNorm, x: Tensor) -> tuple[Stats, float]:
        stats = batch_stats(x.detach())
        update_running(norm, stats)
        return stats, norm.eps

    def _block(self, block: Block, x: Tensor, layout: Layout, over: str, mask: Tensor | None = None) -> Tensor:
        a, f = block.attention, block.ff
        x = Attend.apply(
            x, a.norm.weight, a.norm.bias, a.qkv.weight, a.out.weight, a.out.bias,
            self._norm(a.norm, x), layout, over, a.heads, mask, self._dropout(),
        )  # fmt: skip
        return FeedForward.apply(
            x, f.norm.weight, f.norm.bias, f.up.weight, f.up.bias, f.down.weight, f.down.bias,
            self._norm(f.norm, x), self._dropout(),
        )  # fmt: skip

    def _scale(self, scale: SpaceTime, x: Tensor, layout: Layout) -> Tensor:
        def space(x: Tensor) -> Tensor:
            return self._block(scale.space, x, layout, "nodes", scale.mask)

        def time(x: Tensor) -> Tensor:
            return self._block(scale.time, x, layout, "frames")

        if scale.order == "space-then-time":
            return time(space(x))
        if scale.order == "time-then-space":
            return space(time(x))
        return space(x) + time(x) - x  # parallel

    def _pool(self, pool: torch.nn.Module, x: Tensor, layout: Layout) -> tuple[Tensor, Layout]:
        if not isinstance(pool, RegionPool):
            return x, layout
        after = layout._replace(nodes=len(pool.regions))
        if pool.mean:
            y = pool.norm(x).view(*layout, -1).split(pool.regions, 2)
            return torch.stack([part.mean(2) for part in y], 2).flatten(1, 3), after
        return Pool.apply(x, pool.norm.weight, pool.norm.bias, self._norm(pool.norm, x), layout, pool.regions), after

    def _down(self, down: torch.nn.Module, x: Tensor, layout: Layout) -> tuple[Tensor, Layout]:
        if not isinstance(down, Downsample):
            return x, layout
        # a sixth of the tokens or fewer: the reference's own layer, in its own layout
        y = x.view(*layout, -1).permute(2, 1, 0, 3, 4).flatten(2, 3)  # (V, T, N, D)
        y = down(y)
        nodes, frames, count, dim = y.shape
        after = chunked(count, frames, nodes, dim)
        y = y.view(nodes, frames, after.chunks, after.windows, dim).permute(2, 1, 0, 3, 4)
        return y.reshape(after.chunks, -1, dim), after


def chunked(count: int, frames: int, nodes: int, dim: int) -> Layout:
    """Chunks of ``count`` windows: of equal size, about `CHUNK_VALUES` each, and one for every thread."""
    most = max(1, CHUNK_VALUES // (frames * nodes * dim))
    most = min(most, -(-count // torch.get_num_threads()))
    windows = max(size for size in range(1, most + 1) if count % size == 0)
    return Layout(count // windows, frames, nodes, windows)
