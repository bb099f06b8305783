"""Raw motion of the face points between frames, and the reference extractor (METHOD section 2).

An extractor takes grey frames with landmarks one by one and gives, for every frame r, the motion of all points from
r to r + g, g = 0 .. ``max_gap``, in px of the crop aligned at r. Head motion is measured beside it, not subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spotlib.points import N_POINTS, point_positions


@dataclass(frozen=True, slots=True)
class CropSpec:
    """The aligned crop: margins in units of d (half the distance between the inner eye corners), side in px.

    The default is that of the CAS family; SAMM-LV: ``CropSpec(320, 3.5, 5.5, 4.5)``. Points above.
    """

    size: int = 256
    up: float = 3.0
    down: float = 5.0
    side: float = 4.0  # to the left, and to the right

    def box(self, landmarks: np.ndarray) -> np.ndarray:
        """(x0, y0, x1, y1) in px of the frame for landmarks (68, 2): the crop's outer pixel centres plus one step."""
        a, b = landmarks[39].astype(np.float64), landmarks[42].astype(np.float64)
        d = 0.5 * float(np.hypot(*(b - a)))
        x, y = 0.5 * (a + b)
        return np.array([x - self.side * d, y - self.up * d, x + self.side * d, y + self.down * d])


#: the crops of METHOD section 2, by the name that parameters give them
CROPS = {"cas": CropSpec(), "samm": CropSpec(320, 3.5, 5.5, 4.5)}


@dataclass(frozen=True, slots=True)
class FrameMotion:
    """Motion from one frame r to the frames after it; NaN where r or r + g has no face or lies past the end.

    ``flow`` (G+1, P, 2) and ``head`` (G+1, 2) float32, px of the crop at r; ``quality`` (G+1, P) float32, 0 (replaced
    by what its neighbours do) to 1.
    """

    flow: np.ndarray
    head: np.ndarray
    quality: np.ndarray

    @classmethod
    def empty(cls, max_gap: int) -> FrameMotion:
        """All NaN: the motion of a frame without a face."""
        n = max_gap + 1
        return cls(
            np.full((n, N_POINTS, 2), np.nan, np.float32),
            np.full((n, 2), np.nan, np.float32),
            np.zeros((n, N_POINTS), np.float32),
        )


class Extractor(Protocol):
    """Turns grey frames and (smoothed) landmarks into :class:`FrameMotion`, in order, each once it is complete."""

    def push(self, grey: np.ndarray, landmarks: np.ndarray | None) -> list[FrameMotion]: ...

    def finish(self) -> list[FrameMotion]: ...


def top_mean(vectors: np.ndarray, share: float) -> np.ndarray:
    """Mean of the ``share`` of ``vectors`` (N, 2) that are longest; (2,) float64."""
    vectors = vectors.reshape(-1, 2).astype(np.float64)
    keep = max(1, round(share * len(vectors)))
    length = (vectors**2).sum(1)
    longest = np.argpartition(-length, keep - 1)[:keep]
    return vectors[longest].mean(0)


class FarnebackExtractor:
    """The reference: dense Farneback flow between crops, patch means of the longest vectors (METHOD section 2).

    ``top_share``: share of the longest vectors in the 20 x 20 px patch of a node that are averaged (20 to 30 %).
    """

    name = "farneback"

    def __init__(self, *, max_gap: int = 16, crop: CropSpec | None = None, top_share: float = 0.25) -> None:
        self.max_gap = max_gap
        self.crop = crop or CropSpec()
        self.top_share = top_share
        self._run: list[tuple[np.ndarray, np.ndarray | None]] = []

    def push(self, grey: np.ndarray, landmarks: np.ndarray | None) -> list[FrameMotion]:
        """Take the next frame; returns the motion of the frame ``max_gap`` before it."""
        self._run.append((grey, landmarks))
        return [self._pop()] if len(self._run) > self.max_gap else []

    def finish(self) -> list[FrameMotion]:
        """The frames that were waiting for later ones."""
        return [self._pop() for _ in range(len(self._run))]

    def _pop(self) -> FrameMotion:
        motion = FrameMotion.empty(self.max_gap)
        grey, landmarks = self._run[0]
        if landmarks is not None:
            box = self.crop.box(landmarks)
            scale = self.crop.size / (box[2] - box[0])
            first = cut(grey, box, self.crop.size)
            nodes = (point_positions(landmarks) - box[:2]) * scale
            nose = (landmarks[[29, 30]] - box[:2]) * scale
            for gap, (later, marks) in enumerate(self._run):
                if marks is None:
                    break
                flow, head = self._pair(first, later, box, nodes, nose)
                motion.flow[gap], motion.head[gap], motion.quality[gap] = flow, head, 1.0
        del self._run[0]
        return motion

    def _pair(
        self, first: np.ndarray, later: np.ndarray, box: np.ndarray, nodes: np.ndarray, nose: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Raw motion of the nodes (P, 2) and of the head (2,) from ``first``, a crop, to the frame ``later``."""
        scale = self.crop.size / (box[2] - box[0])
        shift = np.zeros(2)
        for round_ in range(4):
            moved = box + np.tile(shift / scale, 2)
            flow = farneback(first, cut(later, moved, self.crop.size))
            head = top_mean(_patch(flow, nose.min(0) - 13, nose.max(0) + 13), 0.7)
            if float(head @ head) <= 1 or round_ == 3:
                break
            shift += head
        # a patch has 20 px a side, its landmark in the middle
        means = [top_mean(_patch(flow, p - 10, p + 9), self.top_share) for p in nodes]
        return np.stack(means) + shift, head + shift


def farneback(first: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Dense flow (H, W, 2) float32 between two grey crops, with the parameters of METHOD section 2."""
    import cv2

    if np.array_equal(first, later):  # the solver would leave rounding errors, and up to .4 px at the rim
        return np.zeros((*first.shape, 2), np.float32)
    return cv2.calcOpticalFlowFarneback(
        first,
        later,
        None,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=5,
        poly_n=7,
        poly_sigma=1.5,
        flags=0,
    )  # type: ignore[call-overload]


def cut(grey: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """The part of ``grey`` inside ``box`` (x0, y0, x1, y1), resampled to (size, size) uint8; the rim is repeated."""
    import cv2

    step = (box[2] - box[0]) / size
    if step > 1.5:  # much larger than the crop: average, or fine texture turns into noise
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * step)
    matrix = np.array([[step, 0, box[0]], [0, step, box[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _patch(flow: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Vectors of ``flow`` between two corners (x, y), both included, clipped to the crop."""
    x0, y0 = np.clip(np.round(low).astype(int), 0, flow.shape[0] - 1)
    x1, y1 = np.clip(np.round(high).astype(int), 0, flow.shape[0] - 1)
    return flow[y0 : y1 + 1, x0 : x1 + 1]
