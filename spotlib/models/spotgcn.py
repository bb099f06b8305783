"""SpoT-GCN (METHOD section 3; arXiv 2403.15994): the graph network that SpotFormer replaced."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spotlib.errors import SpotlibError
from spotlib.models.graph import FaceGraph
from spotlib.models.spotformer import CHANNELS, ChannelNorm, SpotFormerOutput

FRAMES = 17  # the four valid convolutions leave exactly one frame of 17
KERNELS = (3, 5, 5, 7)  # T: 17 -> 15 -> 11 -> 7 -> 1


class TemporalConv(nn.Linear):
    """Valid convolution over frames, (N, T, V, C) -> (N, T - kernel + 1, V, D)."""

    def __init__(self, kernel: int, channels: int, dim: int) -> None:
        super().__init__(kernel * channels, dim)
        self.kernel = kernel
        nn.init.kaiming_normal_(self.weight)  # METHOD section 3; as a convolution, fan-in = kernel * channels

    def forward(self, x: Tensor) -> Tensor:
        taps = x.unfold(1, self.kernel, 1)  # (N, T', V, C, kernel), a view
        return super().forward(taps.transpose(-1, -2).flatten(-2))  # (N, T', V, D)


class SpotGCN(nn.Module):
    """Four blocks without residuals: motion mixes along the graph, regions and time shrink to a vector."""

    laplacian1: Tensor
    laplacian2: Tensor

    def __init__(self, graph: FaceGraph, *, dim: int = 64) -> None:
        super().__init__()
        self.graph = graph
        regions = graph.region_graph()
        self.register_buffer("laplacian1", graph.laplacian(), persistent=False)  # (V, V)
        self.register_buffer("laplacian2", regions.laplacian(), persistent=False)  # (R, R)
        # part of the release, but of no computation: kept so that weights and the published count agree
        self.unused_norm = nn.BatchNorm1d(2 * graph.nodes)
        widths = (2, dim, dim, dim)
        self.convs = nn.ModuleList(TemporalConv(k, w, dim) for k, w in zip(KERNELS, widths, strict=True))
        self.norms = nn.ModuleList(ChannelNorm(dim) for _ in KERNELS)
        self.head = nn.Linear(dim, CHANNELS)
        nn.init.kaiming_normal_(self.head.weight)

    def forward(self, x: Tensor) -> SpotFormerOutput:
        """(N, 17, V, 2) motion in px -> logits (N, 10), embedding (N, D). SpotlibError for others."""
        if x.ndim != 4 or tuple(x.shape[1:]) != (FRAMES, self.graph.nodes, 2):
            raise SpotlibError(
                f"SpoT-GCN: windows are {tuple(x.shape)}, expected (N, {FRAMES}, {self.graph.nodes}, 2);"
                " build it for this node layout, and give it windows of 17 frames"
            )
        x = self.norms[0](mix(self.convs[0](x), self.laplacian1))  # (N, 15, V, D)
        parts = x.split(self.graph.regions, dim=2)
        x = torch.stack([part.amax(2) for part in parts], dim=2).relu()  # (N, 15, R, D)
        x = self.norms[1](mix(self.convs[1](x), self.laplacian2))  # (N, 11, R, D)
        x = x.amax(2, keepdim=True).relu()  # (N, 11, 1, D)
        x = self.norms[2](self.convs[2](x)).relu()  # (N, 7, 1, D)
        x = self.norms[3](self.convs[3](x)).relu()  # (N, 1, 1, D)
        embedding = x.flatten(1)  # (N, D)
        return SpotFormerOutput(self.head(embedding), embedding)


def mix(x: Tensor, matrix: Tensor) -> Tensor:
    """Node mixing of (N, T, V, D): each node becomes the sum of all, weighted with a (V, V) matrix."""
    return torch.einsum("vw,ntwd->ntvd", matrix, x)
