"""The facial graph: which nodes form a region and which are neighbours (METHOD sections 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spotlib.errors import SpotlibError

#: edges of the ten-node graph: along each brow, inner brow ends to each other and to the upper lip, the mouth
FACE_EDGES = ((1, 2), (0, 1), (4, 3), (5, 4), (8, 6), (8, 7), (6, 9), (7, 9), (0, 3), (3, 8), (0, 8))


@dataclass(frozen=True)
class FaceGraph:
    """Nodes in region order: ``regions`` counts the nodes of each region, ``edges`` joins node indices."""

    regions: tuple[int, ...] = (3, 3, 4)
    edges: tuple[tuple[int, int], ...] = FACE_EDGES

    @property
    def nodes(self) -> int:
        """Number of nodes V."""
        return sum(self.regions)

    def adjacency(self) -> Tensor:
        """(V, V) float32, 1 where two nodes are neighbours, 0 on the diagonal."""
        matrix = torch.zeros(self.nodes, self.nodes)
        for a, b in self.edges:
            matrix[a, b] = matrix[b, a] = 1.0
        return matrix

    def mask(self) -> Tensor:
        """(V, V) bool: a node sees itself and its neighbours."""
        return (self.adjacency() + torch.eye(self.nodes)) > 0

    def laplacian(self) -> Tensor:
        """(V, V) float32: I - D^-1/2 A D^-1/2 (METHOD section 3, SpoT-GCN)."""
        a = self.adjacency()
        degree = a.sum(1)
        scale = torch.where(degree > 0, degree.clamp(min=1).rsqrt(), torch.zeros_like(degree))
        return torch.eye(self.nodes) - scale[:, None] * a * scale[None, :]

    def region_graph(self) -> FaceGraph:
        """One node per region, every two of them joined."""
        count = len(self.regions)
        return FaceGraph((1,) * count, tuple((i, j) for i in range(count) for j in range(i + 1, count)))


#: nose wings 31 and 35 behind the ten: joined to each other, the upper lip and the inner brow of their side
_NOSE = ((10, 11), (10, 8), (11, 8), (10, 0), (11, 3))
#: lower eyelids behind the ten: joined to the middle brow and to the inner brow of their side
_EYELIDS = ((10, 1), (11, 4), (10, 0), (11, 3))

#: node layouts of METHOD section 2, by name; added nodes form a region of their own behind the ten
GRAPHS: dict[str, FaceGraph] = {
    "10": FaceGraph(),
    "nose": FaceGraph((3, 3, 4, 2), FACE_EDGES + _NOSE),
    "eyelids": FaceGraph((3, 3, 4, 2), FACE_EDGES + _EYELIDS),
    "all": FaceGraph(
        (3, 3, 4, 2, 2), FACE_EDGES + _NOSE + tuple((a + 2, b) for a, b in _EYELIDS) + ((12, 10), (13, 11))
    ),
}


def face_graph(layout: str | int) -> FaceGraph:
    """The graph of a node layout by name, or by number of nodes (12 is "nose"); SpotlibError if unknown."""
    name = next((n for n, graph in GRAPHS.items() if graph.nodes == layout), str(layout))
    if name not in GRAPHS:
        raise SpotlibError(f"node layout {layout!r} is unknown; choose one of {', '.join(GRAPHS)}")
    return GRAPHS[name]
