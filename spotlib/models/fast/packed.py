"""SpotFormer on matrices of tokens, for GPUs: every operation sees rows (N, T, V), nothing is ever rearranged.

The same network as the reference in both modes, on the reference model's own parameters and statistics. Made for a
compiler and for CUDA graphs: no Python decides anything by the data, dropout bits follow from a seed on the device,
gradients of positions need no scatter (so that all of it is deterministic). Tokens may be bfloat16; parameters,
statistics, folded weights, head and losses stay float32.
"""

from __future__ import annotations

import copy
import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from spotlib.errors import in_a_line
from spotlib.models.fast.counter_dropout import dropout, mixed
from spotlib.models.fast.folding import Stats, update_all_running
from spotlib.models.fast.joined import Stream, joined_problem
from spotlib.models.fast.joined_attention import attend
from spotlib.models.fast.joined_embedding import embed
from spotlib.models.fast.joined_feed import feed
from spotlib.models.fast.joined_regions import pool as regions_max
from spotlib.models.fast.launching import side_by_side
from spotlib.models.fast.packed_attention import LONGEST, Backend, Over, Tokens, attention
from spotlib.models.spotformer import (
    KERNEL,
    STRIDE,
    Block,
    ChannelNorm,
    Downsample,
    RegionPool,
    SpaceTime,
    SpotFormer,
    SpotFormerConfig,
    SpotFormerOutput,
)

SITES = 32  # places in the network that drop something: 1 + 6 blocks of 4, rounded up

Seeds = list[Tensor | None]


def site_seeds(seed: Tensor, step: Tensor) -> Tensor:
    """Seeds (SITES,) int32 of one step's dropouts, from a run's seed and the number of the step (int32, 0-dim)."""
    return mixed(step * SITES + torch.arange(SITES, dtype=torch.int32, device=seed.device), seed)


class PackedForward:
    """Windows (N, T, V, 2) to logits and embedding, both float32 (or wider), as ``model`` would.

    Args:
        model: the reference; its parameters receive the gradients, its norms the running statistics.
        dtype: of tokens and products (bfloat16 or float32).
        backend: of the attention.
        fold: take BatchNorm into the weights behind it instead of writing normalised tokens. Evaluation always does.
        joined: each sub-layer with its residual as one operator (`spotlib.models.fast.joined`).
    """

    def __init__(
        self, model: SpotFormer, *, dtype: torch.dtype = torch.float32, backend: Backend = "fused", fold: bool = True,
        joined: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.dtype, self.backend, self.fold, self.joined = model, dtype, backend, fold, joined
        if joined and (problem := joined_problem(model.config)):
            raise ValueError(problem)
        self.training = True
        self._seen: list[tuple[ChannelNorm, Stats]] = []  # norms of a pass, with the statistics of its batch
        self.wide = torch.promote_types(dtype, torch.float32)  # of everything but tokens and products

    @staticmethod
    def supports(model: torch.nn.Module) -> bool:
        """Whether this computes what ``model`` does."""
        return isinstance(model, SpotFormer)

    def __call__(self, x: Tensor, seeds: Tensor | None = None, *, training: bool = True) -> SpotFormerOutput:
        """``seeds`` of `site_seeds` switch dropout on; ``training`` chooses the batch's or the running statistics."""
        model = self.model
        self.training = training
        self._seen = []
        s: Seeds = [None] * SITES if seeds is None else list(seeds.unbind())
        tokens = Tokens(*x.shape[:3])
        y = self._embed(x.to(self.wide), tokens, s[0])  # (N T V, D)
        y = self._scale(model.scale1, y, tokens, s[1:9])
        y, tokens = self._down(model.down1, *self._pool(model.flgp1, y, tokens))
        y = self._scale(model.scale2, y, tokens, s[9:17])
        y, tokens = self._down(model.down2, *self._pool(model.flgp2, y, tokens))
        y, tokens = self._down(model.down3, self._block(model.time3, y, tokens, "frames", s[17:21]), tokens)
        y, tokens = self._down(model.down4, self._block(model.time4, y, tokens, "frames", s[21:25]), tokens)
        if training:
            update_all_running(self._seen)
            self._seen = []  # nothing of a pass stays
        embedding = y.tokens.view(*tokens, -1).to(self.wide).mean(1).amax(1)  # (N, D)
        return SpotFormerOutput(model.head(embedding) if model.head is not None else None, embedding)

    def _drop(self, x: Tensor, seed: Tensor | None) -> Tensor:
        return dropout(x, self.model.config.dropout, seed)

    def _embed(self, x: Tensor, tokens: Tokens, seed: Tensor | None) -> Stream:
        # the norm's statistics follow from mean and covariance of the two motion components
        model, norm = self.model, self.model.embed_norm
        weight, bias = model.embed.weight, model.embed.bias  # (D, 2), (D,)
        if self.training:
            flat = x.reshape(-1, 2)
            mean = flat.mean(0)
            centred = flat - mean
            a, b, c = (centred[:, 0] ** 2).mean(), (centred[:, 0] * centred[:, 1]).mean(), (centred[:, 1] ** 2).mean()
            w0, w1 = weight.unbind(1)
            var = w0 * w0 * a + 2 * w0 * w1 * b + w1 * w1 * c
            stats = Stats(w0 * mean[0] + w1 * mean[1] + bias, var.clamp(min=0), len(flat))
            self._seen.append((norm, stats))
        else:
            stats = self._running(norm)
        scale = norm.weight * (stats.var + norm.eps).rsqrt()
        weight = weight * scale[:, None]
        table = (norm.bias + (bias - stats.mean) * scale).expand(tokens.frames, tokens.nodes, -1)
        if model.config.temporal_position:
            table = table + model.temporal_position[: tokens.frames, None]
        if model.config.spatial_position:
            rows = zip(model.spatial_position.unbind(), model.config.regions, strict=True)
            table = table + torch.cat([row.expand(nodes, -1) for row, nodes in rows])
        if self.joined:
            return embed(
                x.flatten(0, 2), weight, table.flatten(0, 1), dropout=model.config.dropout, seed=seed, kind=self.dtype,
                training=self.training,
            )  # fmt: skip
        y = x[..., :1] * weight[:, 0] + x[..., 1:] * weight[:, 1] + table  # (N, T, V, D)
        return Stream(self._drop(y.to(self.dtype), seed).flatten(0, 2))

    @staticmethod
    def _running(norm: ChannelNorm) -> Stats:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        return Stats(norm.running_mean, norm.running_var, 0)

    def _affine(self, norm: ChannelNorm, x: Stream) -> tuple[Tensor, Tensor]:
        """(s, z) with norm(x) = s x + z."""
        if self.training:
            mean, var = x.mean, x.var
            if mean is None or var is None:
                var, mean = torch.var_mean(x.tokens.to(self.wide), 0, correction=0)
            stats = Stats(mean, var, len(x.tokens))
            self._seen.append((norm, stats))
        else:
            stats = self._running(norm)
        scale = norm.weight * (stats.var + norm.eps).rsqrt()
        return scale, norm.bias - stats.mean * scale

    def _normed(self, norm: ChannelNorm, x: Stream) -> Tensor:
        scale, shift = self._affine(norm, x)
        return (x.tokens.to(self.wide) * scale + shift).to(self.dtype)

    def _folded(self, norm: ChannelNorm, x: Stream, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weight and bias that do to x what ``weight`` and ``bias`` do to norm(x); as wide as they are."""
        scale, shift = self._affine(norm, x)
        folded = weight @ shift
        return weight * scale, folded if bias is None else folded + bias

    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(x, weight.to(self.dtype), None if bias is None else bias.to(self.dtype))

    def _normed_linear(self, norm: ChannelNorm, x: Stream, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not self.fold and self.training:
            return self._linear(self._normed(norm, x), weight, bias)
        return self._linear(x.tokens, *self._folded(norm, x, weight, bias))

    def _block(
        self, block: Block, x: Stream, tokens: Tokens, over: Over, seeds: Seeds, mask: Tensor | None = None
    ) -> Stream:
        if self.joined and tokens.sequences(over)[0] <= LONGEST:
            return self._joined_block(block, x, tokens, over, seeds, mask)
        a, f = block.attention, block.ff
        y = self._normed_linear(a.norm, x, a.qkv.weight, None)  # (M, 3 H d)
        y = attention(
            y, tokens, over, heads=a.heads, mask=mask, dropout=self.model.config.dropout, seed=seeds[0],
            backend=self.backend,
        )  # fmt: skip
        x = Stream(x.tokens + self._drop(self._linear(y, a.out.weight, a.out.bias), seeds[1]))  # (M, D)
        y = self._drop(F.gelu(self._normed_linear(f.norm, x, f.up.weight, f.up.bias)), seeds[2])  # (M, mlp)
        return Stream(x.tokens + self._drop(self._linear(y, f.down.weight, f.down.bias), seeds[3]))  # (M, D)

    def _joined_block(
        self, block: Block, x: Stream, tokens: Tokens, over: Over, seeds: Seeds, mask: Tensor | None
    ) -> Stream:
        a, f, dropout = block.attention, block.ff, self.model.config.dropout
        weight, bias = (value.to(self.dtype) for value in self._folded(a.norm, x, a.qkv.weight, None))
        x = attend(
            x, weight, bias, a.out.weight.to(self.dtype), a.out.bias, tokens, over, heads=a.heads, mask=mask,
            dropout=dropout, seeds=(seeds[0], seeds[1]), training=self.training,
        )  # fmt: skip
        weight, bias = self._folded(f.norm, x, f.up.weight, f.up.bias)
        return feed(
            x, weight.to(self.dtype), bias, f.down.weight.to(self.dtype), f.down.bias,
            dropout=dropout, seeds=(seeds[2], seeds[3]), training=self.training,
        )  # fmt: skip

    def _scale(self, scale: SpaceTime, x: Stream, tokens: Tokens, seeds: Seeds) -> Stream:
        over: tuple[Over, Over] = ("nodes", "frames")
        masks: tuple[Tensor | None, Tensor | None] = (scale.mask, None)
        if scale.order == "joint":
            over = ("all", "all")
            mask = None if scale.mask is None else scale.mask.repeat(tokens.frames, tokens.frames)
            masks = (mask, mask)

        def space(x: Stream) -> Stream:
            return self._block(scale.space, x, tokens, over[0], seeds[:4], masks[0])

        def time(x: Stream) -> Stream:
            return self._block(scale.time, x, tokens, over[1], seeds[4:], masks[1])

        if scale.order == "time-then-space":
            return space(time(x))
        if scale.order == "parallel":
            return Stream(space(x).tokens + time(x).tokens - x.tokens)
        return time(space(x))

    def _pool(self, pool: torch.nn.Module, x: Stream, tokens: Tokens) -> tuple[Stream, Tokens]:
        if not isinstance(pool, RegionPool):
            return x, tokens
        there = tokens._replace(nodes=len(pool.regions))
        if self.joined and not pool.mean:
            return Stream(regions_max(x.tokens, *self._affine(pool.norm, x), list(pool.regions))), there
        parts = self._normed(pool.norm, x).view(*tokens, -1).split(pool.regions, 2)  # (N, T, nodes of a region, D)
        pooled = torch.stack([part.mean(2) if pool.mean else part.amax(2) for part in parts], 2)
        return Stream(pooled.flatten(0, 2)), there

    def _down(self, down: torch.nn.Module, x: Stream, tokens: Tokens) -> tuple[Stream, Tokens]:
        if not isinstance(down, Downsample):
            return x, tokens
        y = self._normed(down.norm, x).view(*tokens, -1)  # (N, T, V, D)
        border = down.padding
        if border:
            y = F.pad(y, (0, 0, 0, 0, border, border), value=float("-inf") if down.kind == "max" else 0.0)
        taps = [y[:, k : k + STRIDE * down.frames - 1 : STRIDE] for k in range(KERNEL)]  # (N, T', V, D) each
        if down.conv is not None:
            y = self._linear(torch.cat(taps, -1), down.conv.weight, None)
        elif down.kind == "max":
            y = torch.stack(taps).amax(0)
        else:
            there = y.new_zeros(tokens.frames + 2 * border)
            there[border : border + tokens.frames] = 1.0
            y = torch.stack(taps).sum(0) / there.unfold(0, KERNEL, STRIDE).sum(-1)[:, None, None]
        return Stream(y.flatten(0, 2)), tokens._replace(frames=down.frames)


@functools.cache
def joined_agrees(config: SpotFormerConfig, dtype: torch.dtype, device: torch.device) -> str:
    """Why a network cannot have joined sub-layers there, or nothing: tried on few windows and compared, once.

    They have to come about as near to float32 as plain operations of that type do. All their kernels are compiled on
    the way, side by side; with a number of windows that 16 divides, as batches have, or Triton would compile anew.
    """
    if dtype != torch.bfloat16:
        return "they are made for bfloat16"
    if problem := joined_problem(config):
        return problem
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = SpotFormer(config).to(device)
            x = torch.randn(16, config.frames, config.nodes, 2).to(device)
        with side_by_side(device) as compiled:
            if compiled:
                _tried(PackedForward(copy.deepcopy(model), dtype=dtype, backend="triton", joined=True), x)
        ways: tuple[tuple[torch.dtype, Backend], ...] = ((torch.float32, "plain"), (dtype, "plain"), (dtype, "triton"))
        found = [
            _tried(PackedForward(copy.deepcopy(model), dtype=kind, backend=backend, joined=backend == "triton"), x)
            for kind, backend in ways
        ]
        for exact, plain, ours in zip(*found, strict=True):
            off, allowed = (float((value - exact).norm() / exact.norm()) for value in (ours, plain))
            if not off <= 2 * allowed:
                return f"off by {off:.1e}, plain operations by {allowed:.1e}"
    except Exception as error:  # a compiler may fail with anything
        return in_a_line(error)
    return ""


def _tried(packed: PackedForward, x: Tensor) -> list[Tensor]:
    """Embedding and gradient of a training pass, and the embedding at evaluation."""
    step = torch.zeros((), dtype=torch.int32, device=x.device)
    embedding = packed(x, site_seeds(step + 7, step) if packed.model.config.dropout else None).embedding
    embedding.square().sum().backward()
    gradient = torch.cat([p.grad.flatten() for p in packed.model.parameters() if p.grad is not None])
    with torch.no_grad():
        return [embedding.detach(), gradient, packed(x, training=False).embedding]
