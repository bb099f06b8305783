"""Second reference: Farneback flow on the regions around nodes and nose only, instead of the whole crop."""

from __future__ import annotations

import numpy as np

from spotlib.flow import FarnebackExtractor, farneback, top_mean
from spotlib.points import NODES, POINT_NAMES

#: the regions of the graph: two brows and the mouth
REGIONS = (NODES[:3], NODES[3:6], NODES[6:10])
#: px of the crop between a node and the rim of its region: its 20 x 20 px patch, and what Farneback's windows look at
MARGIN = 26


class PatchFarneback(FarnebackExtractor):
    """As :class:`spotlib.flow.FarnebackExtractor`, for the ten nodes; the motion of other points is NaN.

    The nose region alone is shifted until head motion is found; then every region is computed once.
    """

    name = "farneback on regions"

    def _pair(
        self, first: np.ndarray, later: np.ndarray, box: np.ndarray, nodes: np.ndarray, nose: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        scale = self.crop.size / (box[2] - box[0])
        shift = np.zeros(2)
        for round_ in range(4):
            moved = self._cut(later, box, shift / scale)
            flow, origin = _region(first, moved, nose, 13 + 12)
            head = top_mean(_inside(flow, nose.min(0) - 13 - origin, nose.max(0) + 13 - origin), 0.7)
            if float(head @ head) <= 1 or round_ == 3:
                break
            shift += head
        motion = np.full((len(nodes), 2), np.nan)
        for names in REGIONS:
            points = [POINT_NAMES.index(name) for name in names]
            flow, origin = _region(first, moved, nodes[points], MARGIN)
            for p in points:
                at = nodes[p] - origin
                motion[p] = top_mean(_inside(flow, at - 10, at + 9), self.top_share) + shift
        return motion, head + shift

    def _cut(self, later: np.ndarray, box: np.ndarray, shift: np.ndarray) -> np.ndarray:
        from spotlib.flow import cut

        return cut(later, box + np.tile(shift, 2), self.crop.size)


def _region(first: np.ndarray, later: np.ndarray, points: np.ndarray, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """Flow (h, w, 2) of the part of two crops around ``points``, and where its first pixel is (2,)."""
    size = len(first)
    x0, y0 = np.clip(np.floor(points.min(0)).astype(int) - margin, 0, size - 1)
    x1, y1 = np.clip(np.ceil(points.max(0)).astype(int) + margin, 1, size)
    parts = (np.ascontiguousarray(crop[y0:y1, x0:x1]) for crop in (first, later))
    return farneback(*parts), np.array([x0, y0])


def _inside(flow: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Vectors between two corners (x, y), both included, clipped to the region."""
    height, width = flow.shape[:2]
    x0, x1 = np.clip(np.round([low[0], high[0]]).astype(int), 0, width - 1)
    y0, y1 = np.clip(np.round([low[1], high[1]]).astype(int), 0, height - 1)
    return flow[y0 : y1 + 1, x0 : x1 + 1]
