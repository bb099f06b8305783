"""The fast extractor: the points of all open windows are followed from frame to frame (METHOD section 2).

Each frame is brought to a standard scale once. Per frame t: a coarse-to-fine search gives the motion of every point
from t - 1 to t; the motion from each earlier frame r to t starts from its motion to t - 1 plus that step and is
refined against the patch of frame r itself, so errors do not add up. A point is several patches; their median counts.
A track that loses its patch is searched again from the landmarks, and replaced by its neighbours' motion (quality 0)
if that fails too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from spotlib.flow import CropSpec, FrameMotion
from spotlib.patch_tracker import FLAT, GREY, advance, coarse_steps, fill_templates, place_patches
from spotlib.points import LAYOUTS, POINT_NAMES, point_positions

#: half the distance between the inner eye corners at the scale of tracking, px (that of a 256 px crop)
TRACK_D = 32.0
#: offsets of the patches of a point, px at TRACK_D: a cross for what may become a node, less for the others
CROSS = ((-10, 0), (10, 0), (0, -10), (0, 10))
TRIPLE = ((-6, -4), (6, -4), (0, 7))
#: points around which skin is stretched: corners of the mouth and lower lip
STRETCHED = ("48", "54", "57")
#: patches on the nose (METHOD's head motion): columns and rows of a grid between the rims of the nose-tip patch
NOSE_GRID = (2, 4)
NOSE_REACH = 13.0
NOSE_TOP_SHARE = 0.7
#: Gaussian blur of a frame before tracking, px
BLUR = 0.6
#: largest distance of a track from what the landmarks say, in units of d
LEASH = 0.5
#: room around the points in a tracked image, px
ROOM = 64
LEVELS = 3


@dataclass(slots=True)
class _Open:
    """A frame whose later frames are still coming."""

    slot: int
    points: np.ndarray  # (P, 2) float64, px of the frame
    tips: np.ndarray  # landmarks 29 and 30 (2, 2) float64
    scale: float  # crop px per px of the frame
    motion: FrameMotion
    done: int = 0  # gaps filled


@dataclass(slots=True)
class _Shape:
    """Sizes that hold as long as the face keeps its size: tracking scale (px per frame px) and image side."""

    scale: float
    side: tuple[int, int] = field(default=(0, 0))


class SparseExtractor:
    """Patch tracks of all points, several patches each, over all gaps at once; see the module's text.

    ``names``: the points to follow (default: all); the motion of the others is NaN.
    """

    name = "lk"

    def __init__(
        self, *, max_gap: int = 16, crop: CropSpec | None = None, names: tuple[str, ...] = POINT_NAMES
    ) -> None:
        self.max_gap = max_gap
        self.crop = crop or CropSpec()
        self.names = names
        self._chosen: slice | list[int] = slice(None)
        if names != POINT_NAMES:
            self._chosen = [POINT_NAMES.index(name) for name in names]
        self._queue: list[_Open | None] = []
        self._reset()

    def _reset(self) -> None:
        """Forget all images (the face was lost, or has changed its size)."""
        self._shape: _Shape | None = None
        self._greys: list[tuple[np.ndarray, _Open]] = []

    def push(self, grey: np.ndarray, landmarks: np.ndarray | None) -> list[FrameMotion]:
        """Take the next frame; returns the motion of the frame ``max_gap`` before it."""
        if landmarks is None:
            self._reset()
            self._queue.append(None)
        else:
            self._queue.append(self._take(grey, landmarks))
        return [self._pop()] if len(self._queue) > self.max_gap else []

    def finish(self) -> list[FrameMotion]:
        """The frames that were waiting for later ones."""
        rest = [self._pop() for _ in range(len(self._queue))]
        self._reset()
        return rest

    def _pop(self) -> FrameMotion:
        opened = self._queue.pop(0)
        return FrameMotion.empty(self.max_gap) if opened is None else opened.motion

    def _take(self, grey: np.ndarray, landmarks: np.ndarray) -> _Open:
        box = self.crop.box(landmarks)
        crop_scale = self.crop.size / (box[2] - box[0])
        self._greys = self._greys[-self.max_gap :]
        points = point_positions(landmarks)[self._chosen].astype(np.float64)
        shape = self._fit_shape(landmarks, points)
        if self._shape is None or shape is not self._shape:
            self._shape = shape
            self._allocate()
            for old_grey, old in self._greys:
                self._show(old_grey, old)
                # tracks are kept in frame px, so a change of scale does not interrupt them
        opened = _Open(
            self._free_slot(), points, landmarks[29:31].astype(np.float64), crop_scale, FrameMotion.empty(self.max_gap)
        )
        self._show(grey, opened)
        opened.motion.flow[0, self._chosen] = 0
        opened.motion.head[0] = 0
        opened.motion.quality[0, self._chosen] = 1
        if self._greys:
            self._track(opened)
        self._greys.append((grey, opened))
        return opened

    def _free_slot(self) -> int:
        used = {opened.slot for _, opened in self._greys}
        return next(s for s in range(self.max_gap + 1) if s not in used)

    def _fit_shape(self, landmarks: np.ndarray, points: np.ndarray) -> _Shape:
        """The present shape if the face still fits it, else a new one."""
        d = 0.5 * float(np.hypot(*(landmarks[42].astype(float) - landmarks[39])))
        extent = points.max(0) - points.min(0)
        now = self._shape
        if now is not None and 0.6 <= d * now.scale / TRACK_D <= 1.7:
            need = extent * now.scale + 2 * ROOM
            if need[0] <= now.side[0] and need[1] <= now.side[1]:
                return now
        # whole factors only: resampling between pixels would blur by place and so bend sub-pixel motion
        factor = d / TRACK_D
        scale = (
            1.0 / max(1, round(2 ** (round(2 * math.log2(factor)) / 2)))
            if factor >= 0.7
            else min(4.0, round(1 / factor))
        )
        side = np.ceil((1.25 * extent * scale + 2 * ROOM) / 16) * 16
        return _Shape(scale, (int(side[0]), int(side[1])))

    def _allocate(self) -> None:
        assert self._shape is not None
        n = self.max_gap + 1
        width, height = self._shape.side
        self._images = [np.zeros((n, height >> k, width >> k), np.int16) for k in range(LEVELS)]
        self._origins = np.zeros((n, 2), np.int64)
        columns, rows = NOSE_GRID
        per_point = [len(_offsets(name)) for name in self.names]
        self._starts = np.cumsum([0, *per_point, columns * rows]).astype(np.int64)
        total = int(self._starts[-1])
        self._positions = np.zeros((n, total, 2), np.int64)
        self._patch_greys = np.zeros((n, total, FLAT), np.int16)
        self._patch_slopes = np.zeros((n, total, 2, FLAT), np.int8)
        self._hessians = np.zeros((n, total, 5), np.float32)
        self._usable = np.zeros((n, total), np.bool_)
        self._places = np.zeros((n, len(self.names) + 1, 2))
        self._track_px = getattr(self, "_track_px", np.zeros((n, len(self.names) + 1, 2)))  # px of the frame
        self._offsets = np.concatenate([_offsets(name) for name in self.names])
        self._stretched = np.array([name in STRETCHED for name in self.names] + [False])
        self._owner = np.repeat(np.arange(len(self.names)), per_point)

    def _show(self, grey: np.ndarray, opened: _Open) -> None:
        """Bring a frame into its slot: pyramid, patch positions, templates."""
        import cv2

        assert self._shape is not None
        scale, slot = self._shape.scale, opened.slot
        places = self._places[slot]
        place_patches(
            opened.points, opened.tips, scale, self._owner, self._offsets, *NOSE_GRID,
            NOSE_REACH * scale / opened.scale, places, self._positions[slot],
        )  # fmt: skip
        middle = 0.5 * (places[:-1].max(0) + places[:-1].min(0))
        origin = np.floor((middle - 0.5 * np.array(self._shape.side)) / 4).astype(np.int64) * 4
        image = _blurred(_region(grey, scale, origin, self._shape.side))
        for level in range(LEVELS):
            if level:
                height, width = image.shape
                image = cv2.pyrDown(image, dstsize=(width // 2, height // 2))
            self._images[level][slot] = image
        self._origins[slot] = origin
        fill_templates(
            self._images[0][slot], origin, self._positions[slot], self._patch_greys[slot],
            self._patch_slopes[slot], self._hessians[slot], self._usable[slot],
        )  # fmt: skip

    def _track(self, newest: _Open) -> None:
        assert self._shape is not None
        scale = self._shape.scale
        open_frames = [opened for _, opened in self._greys]
        previous = open_frames[-1]
        step = np.zeros((len(self.names) + 1, 2))
        coarse_steps(
            tuple(image[previous.slot] for image in self._images),
            tuple(image[newest.slot] for image in self._images),
            self._origins[previous.slot], self._origins[newest.slot], self._places[previous.slot],
            self._places[newest.slot] - self._places[previous.slot], step,
        )  # fmt: skip
        track = self._track_px * scale
        quality = np.zeros(track.shape[:2])
        heads = np.zeros((len(track), 2))
        leash = LEASH * scale / newest.scale * self.crop.size / (2 * self.crop.side)
        advance(
            self._images[0][newest.slot], self._origins[newest.slot],
            np.array([*(opened.slot for opened in open_frames), newest.slot]), self._starts, self._stretched,
            self._positions, self._patch_greys, self._patch_slopes, self._hessians, self._usable, self._places,
            previous.slot, step, leash, NOSE_TOP_SHARE, track, quality, heads,
        )  # fmt: skip
        self._track_px = track / scale
        for opened in open_frames:
            opened.done += 1
            unit = opened.scale / scale
            opened.motion.flow[opened.done, self._chosen] = track[opened.slot, :-1] * unit
            opened.motion.head[opened.done] = heads[opened.slot] * unit
            opened.motion.quality[opened.done, self._chosen] = quality[opened.slot, :-1]


def patch_count(names: Iterable[str]) -> int:
    """How many patches the points of these names are followed by, without those on the nose."""
    return sum(len(_offsets(name)) for name in names)


def _offsets(name: str) -> np.ndarray:
    """Offsets (n, 2) of the patches of the point called ``name``, px at TRACK_D."""
    return np.array(CROSS if name in LAYOUTS["all"] else TRIPLE, np.float64)


def _region(grey: np.ndarray, scale: float, origin: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """(height, width) region of the frame scaled by 1/n (uint8) or n (float32); its rim is repeated outside."""
    import cv2

    if scale < 1:
        n = round(1 / scale)
        pixels = _window(grey, origin * n, (side[0] * n, side[1] * n))
        return cv2.resize(pixels, side, interpolation=cv2.INTER_AREA)
    if scale == 1:
        return _window(grey, origin, side)
    n = round(scale)
    matrix = np.array([[1 / n, 0, (origin[0] + 0.5) / n - 0.5], [0, 1 / n, (origin[1] + 0.5) / n - 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey.astype(np.float32), matrix, side, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _blurred(image: np.ndarray) -> np.ndarray:
    """``image`` (uint8 or float32), blurred, as int16 in steps of 1 / GREY."""
    import cv2

    kernel = cv2.getGaussianKernel(7, BLUR, cv2.CV_32F) * math.sqrt(GREY)
    if image.dtype == np.uint8:
        return cv2.sepFilter2D(image, cv2.CV_16S, kernel, kernel)
    # cubic interpolation overshoots
    return np.rint(np.clip(cv2.sepFilter2D(image, cv2.CV_32F, kernel, kernel), 0, 255 * GREY)).astype(np.int16)


def _window(grey: np.ndarray, origin: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    height, width = grey.shape
    x, y = int(origin[0]), int(origin[1])
    if x >= 0 and y >= 0 and x + side[0] <= width and y + side[1] <= height:
        return grey[y : y + side[1], x : x + side[0]]
    xs = np.clip(np.arange(x, x + side[0]), 0, width - 1)
    ys = np.clip(np.arange(y, y + side[1]), 0, height - 1)
    return grey[ys[:, None], xs]
