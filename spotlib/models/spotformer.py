"""SpotFormer (METHOD section 3): a multi-scale spatio-temporal transformer on the motion of facial nodes.

Read from the bottom: `SpotFormer.forward` follows the paper's figure. Letters in shape comments: N windows, T
frames, V nodes, R regions, D channels, B sequences. Tokens lie as (V, T, N, D), windows inside of nodes and
frames: Linear and BatchNorm see one matrix (V T N, D), the axis that a block attends over comes first, and
pooling nodes or frames takes whole blocks of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spotlib.errors import SpotlibError
from spotlib.models.attention import self_attention
from spotlib.models.graph import FACE_EDGES, FaceGraph

KERNEL, STRIDE = 3, 2  # of all four temporal downsamplings
CHANNELS = 10  # METHOD section 3.6


@dataclass(frozen=True)
class SpotFormerConfig:
    """Shape and variant of a SpotFormer. The defaults are the paper's; other choices are rows of table T6."""

    dim: int = 256  # D, channels of a token
    heads: int = 4  # attention heads
    head_dim: int = 64  # width of one head; the inner width heads * head_dim does not follow D
    mlp: int | None = None  # hidden width of the feed-forward layers; None: D
    dropout: float = 0.1  # on embeddings, attention weights, attention outputs and twice in each feed-forward
    frames: int = 17  # T, 3 or more; positions are learned for max(18, T) frames
    regions: tuple[int, ...] = (3, 3, 4)  # nodes per facial region, in node order; V is their sum
    edges: tuple[tuple[int, int], ...] = FACE_EDGES  # neighbouring nodes, read only with graph_mask
    paddings: tuple[int, int, int, int] = (0, 0, 1, 1)  # of the four downsamplings; gim: (1, 1, 1, 0)
    head: bool = True  # False: embedding only, as the release of the gim variant

    # "time-then-space": does it matter that nodes are compared before frames?
    # "joint": is the factorisation needed? Both sub-layers attend over all V T tokens, same parameters.
    # "parallel": need the two be in sequence? Both read the same input and their residuals are added.
    attention: Literal["space-then-time", "time-then-space", "joint", "parallel"] = "space-then-time"
    # "mean": is the strongest node the right summary of a region? "none": are regions needed? (a global max)
    flgp: Literal["max", "mean", "none"] = "max"
    # "single": are several scales needed? All blocks at full resolution, pooled once at the end.
    scales: Literal["multi", "single"] = "multi"
    # "max", "mean": must the downsampling be learned, or does pooling over the same three frames do?
    downsample: Literal["conv", "max", "mean"] = "conv"
    spatial_position: bool = True  # False: need the network be told which region a node belongs to?
    temporal_position: bool = True  # False: need it be told the order of frames, which the gaps betray already?
    graph_mask: bool = False  # True: does attention gain from seeing only neighbours in the facial graph?

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SpotlibError(f"SpotFormer: {name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        if self.frames < KERNEL:
            raise SpotlibError(f"SpotFormer: {self.frames} frames in a window; {KERNEL} or more are needed")
        if min(self.dim, self.heads, self.head_dim, *self.regions) < 1 or not 0 <= self.dropout < 1:
            raise SpotlibError("SpotFormer: dim, heads, head_dim and regions must be positive, dropout in [0, 1)")

    @property
    def nodes(self) -> int:
        """V."""
        return sum(self.regions)


_CHOICES = {
    "attention": ("space-then-time", "time-then-space", "joint", "parallel"),
    "flgp": ("max", "mean", "none"),
    "scales": ("multi", "single"),
    "downsample": ("conv", "max", "mean"),
}


class SpotFormerOutput(NamedTuple):
    """What a window says about its frame."""

    logits: Tensor | None  # (N, 10), channels of METHOD section 3.6; None without a head
    embedding: Tensor  # (N, D), for the contrastive loss


class ChannelNorm(nn.BatchNorm1d):
    """BatchNorm over channels, statistics over windows, nodes and frames: (..., D) -> (..., D)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(-1, x.shape[-1])).view(x.shape)


class Attention(nn.Module):
    """BatchNorm, multi-head self-attention, output projection (METHOD section 3.2)."""

    def __init__(self, c: SpotFormerConfig) -> None:
        super().__init__()
        inner = c.heads * c.head_dim
        self.heads, self.dropout = c.heads, c.dropout
        self.norm = ChannelNorm(c.dim)
        self.qkv = nn.Linear(c.dim, 3 * inner, bias=False)  # rows: queries, keys, values; each head by head
        self.out = nn.Linear(inner, c.dim)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        x = self_attention(self.norm(x), self.qkv.weight, heads=self.heads, mask=mask, dropout=dropout)
        return F.dropout(self.out(x), self.dropout, self.training)  # (L, B, D)


class FeedForward(nn.Module):
    """BatchNorm, Linear, GELU, Linear (METHOD section 3.2)."""

    def __init__(self, c: SpotFormerConfig) -> None:
        super().__init__()
        self.dropout = c.dropout
        self.norm = ChannelNorm(c.dim)
        self.up = nn.Linear(c.dim, c.mlp or c.dim)
        self.down = nn.Linear(c.mlp or c.dim, c.dim)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(F.gelu(self.up(self.norm(x))), self.dropout, self.training)  # (L, B, mlp)
        return F.dropout(self.down(x), self.dropout, self.training)  # (L, B, D)


class Block(nn.Module):
    """Attention and feed-forward with residuals, over the first axis."""

    def __init__(self, c: SpotFormerConfig) -> None:
        super().__init__()
        self.attention = Attention(c)
        self.ff = FeedForward(c)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(x, mask)  # (L, B, D)
        return x + self.ff(x)  # (L, B, D)


class SpaceTime(nn.Module):
    """One scale: a block over nodes and a block over frames, in the configured order."""

    mask: Tensor | None

    def __init__(self, c: SpotFormerConfig, *, masked: bool) -> None:
        super().__init__()
        self.order = c.attention
        self.space, self.time = Block(c), Block(c)
        self.register_buffer("mask", FaceGraph(c.regions, c.edges).mask() if masked else None, persistent=False)

    def over_space(self, x: Tensor) -> Tensor:
        return self.space(x.flatten(1, 2), self.mask).view(x.shape)  # T N sequences of V tokens

    def over_time(self, x: Tensor) -> Tensor:
        return over_frames(self.time, x)

    def over_all(self, x: Tensor) -> Tensor:
        mask = self.mask
        if mask is not None:  # neighbours at any two frames
            frames = x.shape[1]
            mask = mask.repeat_interleave(frames, 0).repeat_interleave(frames, 1)  # (V T, V T)
        tokens = x.flatten(0, 1)  # (V T, N, D)
        return self.time(self.space(tokens, mask), mask).view(x.shape)

    def forward(self, x: Tensor) -> Tensor:
        if self.order == "space-then-time":
            return self.over_time(self.over_space(x))
        if self.order == "time-then-space":
            return self.over_space(self.over_time(x))
        if self.order == "joint":
            return self.over_all(x)
        return self.over_space(x) + self.over_time(x) - x  # each block adds its own residual to x


class RegionPool(nn.Module):
    """FLGP, facial local graph pooling: BatchNorm, then one token per facial region (METHOD section 3.3)."""

    def __init__(self, c: SpotFormerConfig, regions: tuple[int, ...]) -> None:
        super().__init__()
        self.regions, self.mean = regions, c.flgp == "mean"
        self.norm = ChannelNorm(c.dim)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.norm(x).split(self.regions)  # each (nodes of the region, T, N, D)
        return torch.stack([part.mean(0) if self.mean else part.amax(0) for part in parts])  # (R, T, N, D)


class Downsample(nn.Module):
    """BatchNorm, then every second frame from three (METHOD section 3.3)."""

    def __init__(self, c: SpotFormerConfig, frames: int, padding: int) -> None:
        super().__init__()
        self.kind = c.downsample
        # one or two frames are left where windows are short: they need a border to be convolved at all
        self.padding = padding if frames + 2 * padding >= KERNEL else 1
        self.frames = (frames + 2 * self.padding - KERNEL) // STRIDE + 1
        self.norm = ChannelNorm(c.dim)
        # a convolution without bias, as Linear on three frames side by side: same function and initialisation
        self.conv = nn.Linear(KERNEL * c.dim, c.dim, bias=False) if c.downsample == "conv" else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)  # (V, T, N, D)
        fill = float("-inf") if self.kind == "max" else 0.0
        if self.padding:
            x = F.pad(x, (0, 0, 0, 0, self.padding, self.padding), value=fill)
        taps = x.unfold(1, KERNEL, STRIDE)  # (V, T', N, D, 3), a view
        if self.conv is not None:
            return self.conv(taps.transpose(-1, -2).flatten(-2))  # (V, T', N, D)
        if self.kind == "max":
            return taps.amax(-1)  # (V, T', N, D)
        there = x.new_zeros(x.shape[1])
        there[self.padding : x.shape[1] - self.padding] = 1.0
        return taps.sum(-1) / there.unfold(0, KERNEL, STRIDE).sum(-1)[:, None, None]  # mean over true frames


class SpotFormer(nn.Module):
    """SpotFormer: windows of node motion in, ten frame scores and an embedding out."""

    region: Tensor

    def __init__(self, config: SpotFormerConfig = SpotFormerConfig()) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.Linear(2, c.dim)
        self.embed_norm = ChannelNorm(c.dim)
        if c.temporal_position:
            self.temporal_position = nn.Parameter(torch.randn(max(18, c.frames), c.dim))
        if c.spatial_position:
            self.spatial_position = nn.Parameter(torch.randn(len(c.regions), c.dim))
        self.register_buffer("region", _region_of_node(c.regions), persistent=False)

        pooled = c.flgp != "none" and c.scales == "multi"
        self.scale1 = SpaceTime(c, masked=c.graph_mask)
        self.flgp1 = RegionPool(c, c.regions) if pooled else nn.Identity()
        self.scale2 = SpaceTime(c, masked=c.graph_mask and not pooled)  # three regions: every two are neighbours
        self.flgp2 = RegionPool(c, (len(c.regions),)) if pooled else nn.Identity()
        self.time3, self.time4 = Block(c), Block(c)
        frames, downs = c.frames, []
        for padding in c.paddings:
            down = Downsample(c, frames, padding) if c.scales == "multi" else nn.Identity()
            frames = down.frames if isinstance(down, Downsample) else frames
            downs.append(down)
        self.down1, self.down2, self.down3, self.down4 = downs
        self.head = nn.Linear(c.dim, CHANNELS) if c.head else None

    def forward(self, x: Tensor) -> SpotFormerOutput:
        """Score windows of node motion.

        Args:
            x: (N, T, V, 2) motion (dx, dy) in px of the aligned crop.

        Raises:
            SpotlibError: if T, V or the last axis are not the configured ones.
        """
        c = self.config
        if x.ndim != 4 or tuple(x.shape[1:]) != (c.frames, c.nodes, 2):
            raise SpotlibError(
                f"SpotFormer: windows have shape {tuple(x.shape)}, expected (N, {c.frames}, {c.nodes}, 2);"
                " build the network for this window length and node layout"
            )
        # 3.1 embedding and positions
        x = self.embed_norm(self.embed(x.transpose(0, 2)))  # (V, T, N, D)
        x = F.dropout(x + self.position(), c.dropout, self.training)
        # 3.2 to 3.3 scale 1: nodes, then regions at half the frame rate
        x = self.down1(self.flgp1(self.scale1(x)))  # (R, T/2, N, D)
        # 3.4 scale 2: regions, then the face
        x = self.down2(self.flgp2(self.scale2(x)))  # (1, T/4, N, D)
        # 3.5 scale 3: the face over time
        x = self.down3(over_frames(self.time3, x))  # (1, T/8, N, D)
        x = self.down4(over_frames(self.time4, x))  # (1, T/16, N, D)
        # nothing is left to pool in the paper's shape; variants and long windows leave nodes and frames
        embedding = x.mean(1).amax(0)  # (N, D)
        # 3.6 head
        return SpotFormerOutput(self.head(embedding) if self.head is not None else None, embedding)

    def position(self) -> Tensor | float:
        """Learned position of each token, (V, T, 1, D), or 0 where both are off."""
        c = self.config
        position: Tensor | float = 0.0
        if c.temporal_position:
            position = position + self.temporal_position[: c.frames, None]  # (T, 1, D)
        if c.spatial_position:
            position = position + self.spatial_position[self.region][:, None, None]  # (V, 1, 1, D)
        return position


def over_frames(block: Block, x: Tensor) -> Tensor:
    """Temporal block on (V, T, N, D): V N sequences of T tokens."""
    v, t, n, d = x.shape
    out = block(x.transpose(0, 1).reshape(t, v * n, d))  # (T, V N, D)
    return out.view(t, v, n, d).transpose(0, 1)


def _region_of_node(regions: tuple[int, ...]) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(regions)), torch.tensor(regions))  # (V,)
