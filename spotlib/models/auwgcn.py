"""A comparison system after the idea of AUW-GCN (Yin et al., ICME 2023): a graph network on adjacent-frame flow.

Published idea: the optical flow between neighbouring frames, averaged in regions of interest of the face, goes through
graph convolutions whose edge weights come from which action units (AUs) occur together, then through temporal
convolutions, to boundary and apex scores of every frame.

What differs from the original, so that only the network is compared: nodes are the ten of METHOD section 2 instead of
its own regions, with the head motion removed as everywhere here; a window of K frames scores its middle frame instead
of one pass over a long clip; head, losses (without the contrastive one), labels, spotting rule and optimiser are
SpotFormer's. The AU prior is made of the published AU shares of the data sets (METHOD section 7) and of which nodes an
AU moves by its FACS definition, not counted on the data set at hand, so that no annotation of a test subject enters; a
learned part is added to it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spotlib.errors import SpotlibError
from spotlib.models.graph import FaceGraph
from spotlib.models.spotformer import CHANNELS, ChannelNorm, SpotFormerOutput

#: nodes that an AU moves, as points of the 68-landmark scheme
AU_POINTS: dict[str, tuple[str, ...]] = {
    "1": ("20", "23"), "2": ("18", "19", "24", "25"), "4": ("20", "19", "23", "24"),
    "6": ("40+41", "46+47"), "7": ("40+41", "46+47"), "9": ("31", "35", "20", "23", "51"), "10": ("51", "31", "35"),
    "12": ("48", "54"), "14": ("48", "54"), "15": ("48", "54"), "17": ("57",), "20": ("48", "54"),
    "23": ("51", "57"), "24": ("51", "57"), "25": ("51", "57"), "26": ("57",),
}  # fmt: skip
#: how often an AU takes part in an expression: means of the shares that METHOD section 7 lists per data set and kind
AU_SHARES: dict[str, float] = {
    "1": 0.16, "2": 0.14, "4": 0.26, "6": 0.12, "7": 0.21, "12": 0.23, "14": 0.22, "24": 0.10, "25": 0.10,
}  # fmt: skip
#: AUs that form one expression by FACS: smile, raised brows, sad brows, frown, disgust, pressed lips
AU_TOGETHER = (("6", "12"), ("1", "2"), ("1", "4"), ("4", "7"), ("9", "10"), ("12", "25"), ("17", "24"), ("14", "24"))
_RARE = 0.05  # share of an AU that the tables do not list


def au_prior(points: tuple[str, ...]) -> Tensor:
    """Edge weights (V, V) float32 between ``points``: how often AUs move both, symmetric, 1 on the diagonal, in 0..1.

    Two nodes are joined by every AU that moves both, with its share, and by every pair of AUs that belong together,
    with the smaller of their shares.
    """
    weight = torch.eye(len(points))
    groups = [(au, au) for au in AU_POINTS] + list(AU_TOGETHER)
    for first, second in groups:
        share = min(AU_SHARES.get(first, _RARE), AU_SHARES.get(second, _RARE))
        for i, a in enumerate(points):
            for j, b in enumerate(points):
                joined = (a in AU_POINTS[first] and b in AU_POINTS[second]) or (
                    b in AU_POINTS[first] and a in AU_POINTS[second]
                )
                if i != j and joined:
                    weight[i, j] += share
    return weight.clamp(max=1.0)


class GraphConv(nn.Module):
    """Node mixing by the prior plus a learned part, Linear, BatchNorm, ReLU: (N, T, V, C) -> (N, T, V, D)."""

    prior: Tensor

    def __init__(self, prior: Tensor, channels: int, dim: int) -> None:
        super().__init__()
        scale = prior.sum(1).rsqrt()
        self.register_buffer("prior", scale[:, None] * prior * scale[None, :], persistent=False)  # (V, V)
        self.learned = nn.Parameter(torch.zeros_like(prior))  # (V, V)
        self.linear = nn.Linear(channels, dim)
        self.norm = ChannelNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.einsum("vw,ntwc->ntvc", self.prior + self.learned, x)  # (N, T, V, C)
        return self.norm(self.linear(mixed)).relu()  # (N, T, V, D)


class TemporalBlock(nn.Module):
    """Dilated convolution over frames with a residual, length kept: (N, D, T) -> (N, D, T)."""

    def __init__(self, dim: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.norm(self.conv(x)).relu())  # (N, D, T)


class AuwGCN(nn.Module):
    """Two graph convolutions per frame, nodes side by side, four dilated temporal convolutions, the middle frame."""

    def __init__(
        self, graph: FaceGraph, points: tuple[str, ...], *, frames: int = 17, dim: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if len(points) != graph.nodes:
            raise SpotlibError(f"AUW-GCN: {len(points)} points for {graph.nodes} nodes; give one name per node")
        self.frames, self.nodes = frames, graph.nodes
        prior = au_prior(points)
        self.graph1, self.graph2 = GraphConv(prior, 2, dim // 4), GraphConv(prior, dim // 4, dim // 4)
        self.join = nn.Linear(graph.nodes * (dim // 4), dim)
        self.time = nn.Sequential(*(TemporalBlock(dim, dilation, dropout) for dilation in (1, 2, 4, 8)))
        self.head = nn.Linear(dim, CHANNELS)

    def forward(self, x: Tensor) -> SpotFormerOutput:
        """(N, T, V, 2) motion in px -> logits (N, 10), embedding (N, D). SpotlibError for other shapes."""
        if x.ndim != 4 or tuple(x.shape[1:]) != (self.frames, self.nodes, 2):
            raise SpotlibError(
                f"AUW-GCN: windows are {tuple(x.shape)}, expected (N, {self.frames}, {self.nodes}, 2);"
                " build it for this window length and node layout"
            )
        x = self.graph2(self.graph1(x))  # (N, T, V, D/4)
        x = self.join(x.flatten(2)).transpose(1, 2)  # (N, D, T)
        # the frame that a centred window is about, with and without the row for its first frame
        embedding = self.time(x)[:, :, (self.frames - 1) // 2]  # (N, D)
        return SpotFormerOutput(self.head(embedding), embedding)
