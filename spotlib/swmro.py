"""SW-MRO: sliding-window multi-temporal-resolution optical flow (METHOD section 2).

Motion is computed once per video, as pair motions from every frame r to r + g (:func:`extract`); every kind of
window is then a cheap gather (:func:`windows`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.faces import FaceChoice, FaceFrame, FaceTracker, LandmarkSmoother, gaps, to_grey
from spotlib.flow import CropSpec, Extractor, FarnebackExtractor, FrameMotion
from spotlib.head_motion import robust_head_motion
from spotlib.intervals import Interval
from spotlib.points import POINT_NAMES, Layout, layout_indices

ExtractorName = Literal["lk", "farneback"]
Alignment = Literal["centred", "causal"]
Border = Literal["clamp", "zero"]
Feature = Literal["swmro", "adjacent", "fixed_gap"]
HeadMotion = Literal["nose", "none", "robust"]

#: frames of one window of the method; a shorter video has no window of its own
SHORTEST = 17


@dataclass(frozen=True)
class PairMotion:
    """Motion between all pairs of near frames of one video.

    ``flow`` (T, G+1, P, 2): from frame r to r + g, px of the crop aligned at r, head motion included; NaN where a
    frame has no face or lies past the end. ``head`` (T, G+1, 2): head motion by METHOD's nose-tip rule. ``quality``
    (T, G+1, P): 0 = lost, replaced by its neighbours. ``box`` (T, 4): the crop, px of the frame. ``landmarks``
    (T, 68, 2): smoothed, they place crop and points; ``raw_landmarks`` as found. All float32. ``valid`` and
    ``detected`` (T,) bool: there is a face; the detector itself saw it.
    """

    flow: np.ndarray
    head: np.ndarray
    quality: np.ndarray
    valid: np.ndarray
    detected: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    raw_landmarks: np.ndarray
    point_names: tuple[str, ...]
    extractor: str
    fps: float
    crop: CropSpec
    name: str = "video"

    @property
    def n_frames(self) -> int:
        """T."""
        return len(self.valid)

    @property
    def max_gap(self) -> int:
        """G, the longest motion in frames."""
        return self.flow.shape[1] - 1

    @property
    def gaps(self) -> list[Interval]:
        """Runs of frames without a face."""
        return gaps(self.valid)

    @property
    def nodes(self) -> np.ndarray:
        """(T, P, 2) positions of the points in the crop of their frame, px."""
        from spotlib.points import point_positions

        scale = self.crop.size / (self.box[:, 2] - self.box[:, 0])
        return (point_positions(self.landmarks) - self.box[:, None, :2]) * scale[:, None, None]

    @classmethod
    def blank(cls, n_frames: int, *, extractor: str, fps: float, crop: CropSpec, max_gap: int, name: str) -> PairMotion:
        """A video of which no frame could be used: all NaN, no frame valid."""
        nothing = FrameMotion.empty(max_gap)
        results = [FrameResult(i, None, None, False, nothing) for i in range(n_frames)]
        return collect(results, extractor=extractor, fps=fps, crop=crop, name=name)


@dataclass(frozen=True)
class FrameResult:
    """Everything known of one frame; what :class:`MotionStream` gives out."""

    index: int
    landmarks: np.ndarray | None  # (68, 2) smoothed
    raw_landmarks: np.ndarray | None
    detected: bool
    motion: FrameMotion


class MotionFollower:
    """What comes after face tracking: frames and their settled faces in, pair motions out, in order.

    Apart from :class:`MotionStream` so that faces can be tracked in another thread (:mod:`spotlib.pipeline`).
    """

    def __init__(self, *, extractor: ExtractorName = "lk", max_gap: int = 16, crop: CropSpec | None = None) -> None:
        self._smoother = LandmarkSmoother()
        self._extractor = make_extractor(extractor, max_gap=max_gap, crop=crop)
        self._greys: deque[np.ndarray] = deque()  # frames whose smoothed landmarks are still to come
        self._pending: deque[tuple[np.ndarray | None, bool]] = deque()  # raw landmarks of the same frames
        #: frames in the extractor: smoothed and raw landmarks, and whether detected
        self._results: deque[tuple[np.ndarray | None, np.ndarray | None, bool]] = deque()
        self._given = 0

    def push(self, grey: np.ndarray, settled: Iterable[FaceFrame]) -> list[FrameResult]:
        """Take the next frame, and the faces that were settled by it; return the frames that are complete."""
        self._greys.append(grey)
        return self._give(self._settle(settled))

    def finish(self, settled: Iterable[FaceFrame]) -> list[FrameResult]:
        """Take the faces settled by the end; return the rest."""
        motions = self._settle(settled)
        motions += self._feed(self._smoother.finish())
        return self._give(motions + self._extractor.finish())

    def _settle(self, settled: Iterable[FaceFrame]) -> list[FrameMotion]:
        motions = []
        for face in settled:
            self._pending.append((face.landmarks, face.detected))
            motions += self._feed(self._smoother.push(face.landmarks))
        return motions

    def _feed(self, smoothed: list[np.ndarray | None]) -> list[FrameMotion]:
        motions = []
        for landmarks in smoothed:
            raw, detected = self._pending.popleft()
            self._results.append((landmarks, raw, detected))
            motions += self._extractor.push(self._greys.popleft(), landmarks)
        return motions

    def _give(self, motions: list[FrameMotion]) -> list[FrameResult]:
        results = []
        for motion in motions:
            landmarks, raw, detected = self._results.popleft()
            results.append(FrameResult(self._given, landmarks, raw, detected, motion))
            self._given += 1
        return results


class MotionStream:
    """Frames in, pair motions out, in order, with a look-ahead of ``detect_every`` + 4 + ``max_gap`` frames.

    Memory is bounded, and what comes out does not depend on how the stream is cut into pieces.
    """

    def __init__(
        self,
        *,
        extractor: ExtractorName = "lk",
        max_gap: int = 16,
        crop: CropSpec | None = None,
        detect_every: int = 8,
        face: FaceChoice = "only",
        name: str = "video",
    ) -> None:
        self._faces = FaceTracker(detect_every=detect_every, face=face, name=name)
        self._follower = MotionFollower(extractor=extractor, max_gap=max_gap, crop=crop)

    def push(self, frame: np.ndarray) -> list[FrameResult]:
        """Take the next frame, grey or RGB uint8; return the frames that are complete."""
        grey = to_grey(frame)
        return self._follower.push(grey, self._faces.push(grey))

    def finish(self) -> list[FrameResult]:
        """The rest; raises SpotlibError if no frame showed a face."""
        return self._follower.finish(self._faces.finish())


def make_extractor(name: ExtractorName, *, max_gap: int = 16, crop: CropSpec | None = None) -> Extractor:
    """The extractor called ``name``: "lk" (fast, default) or "farneback" (the reference)."""
    if name == "farneback":
        return FarnebackExtractor(max_gap=max_gap, crop=crop)
    if name == "lk":
        from spotlib.sparse_flow import SparseExtractor

        return SparseExtractor(max_gap=max_gap, crop=crop)
    raise SpotlibError(f"unknown extractor {name!r}; use lk or farneback")


def extract(
    source: object,
    *,
    extractor: ExtractorName = "lk",
    max_gap: int = 16,
    crop: CropSpec | None = None,
    detect_every: int = 8,
    face: FaceChoice = "only",
    on_frame: Callable[[int, int], None] | None = None,
) -> PairMotion:
    """Pair motions of a whole video: a :class:`spotlib.video.VideoSource` or a :class:`spotlib.datasets.base.Video`.

    ``on_frame(done, total)`` is told of every frame read. Raises SpotlibError for a video shorter than one window
    (17 frames), without a face, or with two.
    """
    name = str(getattr(source, "name", None) or getattr(source, "path", "video"))
    total = int(source.n_frames)  # type: ignore[attr-defined]
    if total < SHORTEST:
        raise SpotlibError(f"{name}: {total} frames, but one window needs {SHORTEST}; give a longer video")
    stream = MotionStream(
        extractor=extractor, max_gap=max_gap, crop=crop, detect_every=detect_every, face=face, name=name
    )
    results: list[FrameResult] = []
    done = 0
    for frame in grey_frames(source):
        results += stream.push(frame)
        done += 1
        if on_frame is not None:
            on_frame(done, max(total, done))
    if done < SHORTEST:
        raise SpotlibError(f"{name}: {done} frames, but one window needs {SHORTEST}; give a longer video")
    results += stream.finish()
    return collect(results, extractor=extractor, fps=float(source.fps), crop=crop, name=name)  # type: ignore[attr-defined]


def grey_frames(source: object) -> Iterator[np.ndarray]:
    """Frames (H, W) or (H, W, 3) uint8 of a VideoSource (grey where it can) or of a data set's Video."""
    from spotlib.video import ImageFolder, VideoFile

    if isinstance(source, VideoFile | ImageFolder):
        for _, _, frame in source.frames(format="grey"):
            yield frame
    else:
        yield from source.frames()  # type: ignore[attr-defined]


def collect(
    results: Iterable[FrameResult],
    *,
    extractor: str,
    fps: float,
    crop: CropSpec | None = None,
    name: str = "video",
) -> PairMotion:
    """Put frame results together to one :class:`PairMotion`."""
    results = list(results)
    crop = crop or CropSpec()
    nothing = np.full((68, 2), np.nan, np.float32)
    landmarks = np.stack([nothing if r.landmarks is None else r.landmarks for r in results])
    raw = np.stack([nothing if r.raw_landmarks is None else r.raw_landmarks for r in results])
    return PairMotion(
        flow=np.stack([r.motion.flow for r in results]),
        head=np.stack([r.motion.head for r in results]),
        quality=np.stack([r.motion.quality for r in results]),
        valid=np.array([r.landmarks is not None for r in results]),
        detected=np.array([r.detected for r in results]),
        box=np.stack([crop.box(marks) for marks in landmarks]).astype(np.float32),
        landmarks=landmarks,
        raw_landmarks=raw,
        point_names=POINT_NAMES,
        extractor=extractor,
        fps=fps,
        crop=crop,
        name=name,
    )


def window_pairs(
    n_frames: int,
    *,
    K: int = 17,
    alignment: Alignment = "centred",
    feature: Feature = "swmro",
    fixed_gap: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Frames between which each row of each window measures, before clamping: (first, later), each (T, K) int.

    Window of frame i: [i - K//2, i + K//2] (``centred``) or [i - K + 1, i] (``causal``). Row k, at frame j = start + k:
    ``swmro``: start to j; ``adjacent``: j - 1 to j; ``fixed_gap``: j - ceil(gap/2) to j + floor(gap/2).
    """
    if K < 2 or (alignment == "centred" and K % 2 == 0):
        raise SpotlibError(
            f"K = {K}; a {alignment} window needs {'an odd' if alignment == 'centred' else 'any'} K of 2 or more"
        )
    if alignment not in ("centred", "causal"):
        raise SpotlibError(f"unknown window alignment {alignment!r}; use centred or causal")
    back = K // 2 if alignment == "centred" else K - 1
    start = np.arange(n_frames)[:, None] - back
    later = start + np.arange(K)
    if feature == "swmro":
        first = np.broadcast_to(start, later.shape)
    elif feature == "adjacent":
        first = later - 1
    elif feature == "fixed_gap":
        first = later - (fixed_gap + 1) // 2
        later = first + fixed_gap
    else:
        raise SpotlibError(f"unknown motion feature {feature!r}; use swmro, adjacent or fixed_gap")
    return first, later


def window_gap(
    *, K: int = 17, alignment: Alignment = "centred", feature: Feature = "swmro", fixed_gap: int = 8, **_: object
) -> int:
    """The longest motion, in frames, that windows are made of (other options of :func:`gather` do not count).

    >>> window_gap(K=17), window_gap(K=17, feature="adjacent")
    (16, 1)
    """
    first, later = window_pairs(1, K=K, alignment=alignment, feature=feature, fixed_gap=fixed_gap)
    return int((later - first).max())


def relative_motion(motion: PairMotion, *, layout: Layout = "10", head: HeadMotion = "nose") -> np.ndarray:
    """Pair motions (T, G+1, V, 2) float32 of the nodes of ``layout``, head motion removed; NaN where there is none.

    ``head``: "nose" subtracts METHOD's nose-tip motion, "robust" ours
    (:func:`spotlib.head_motion.robust_head_motion`), "none" nothing. All windows are gathered from these.
    """
    nodes = layout_indices(layout, motion.point_names)
    relative = motion.flow[:, :, nodes].astype(np.float32)
    if head == "nose":
        return relative - motion.head[:, :, None].astype(np.float32)
    if head == "robust":
        return relative - robust_head_motion(motion, nodes)
    if head != "none":
        raise SpotlibError(f"unknown head motion {head!r}; use nose, robust or none")
    return relative


def gather(
    relative: np.ndarray,
    *,
    K: int = 17,
    alignment: Alignment = "centred",
    border: Border = "clamp",
    keep_zero_row: bool = True,
    feature: Feature = "swmro",
    fixed_gap: int = 8,
    name: str = "video",
) -> tuple[np.ndarray, np.ndarray]:
    """All windows (T, K, V, 2) of ``relative`` (T, G+1, V, 2), and which are whole (T,): see :func:`windows`."""
    n = len(relative)
    first, later = window_pairs(n, K=K, alignment=alignment, feature=feature, fixed_gap=fixed_gap)
    longest, held = int((later - first).max()), relative.shape[1] - 1
    if longest > held:
        raise SpotlibError(
            f"{name}: motion of {longest} frames is needed but features hold {held};"
            f" compute them again with max_gap={longest}"
        )
    inside = (first >= 0) & (later < n)
    first, later = np.clip(first, 0, n - 1), np.clip(later, 0, n - 1)
    rows = relative[first, later - first].astype(np.float32, copy=False)  # (T, K, V, 2)
    broken = np.isnan(rows).any((2, 3))
    rows[broken] = 0
    if border == "zero":
        rows[~inside] = 0
    elif border != "clamp":
        raise SpotlibError(f"unknown window border {border!r}; use clamp or zero")
    whole = ~broken.any(1)
    return (rows if keep_zero_row else rows[:, 1:]), whole


def windows(
    motion: PairMotion,
    *,
    layout: Layout = "10",
    head: HeadMotion = "nose",
    K: int = 17,
    alignment: Alignment = "centred",
    border: Border = "clamp",
    keep_zero_row: bool = True,
    feature: Feature = "swmro",
    fixed_gap: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a video: (T, K, V, 2) float32, (dx, dy) px of the crop, and which are whole: (T,) bool.

    ``keep_zero_row=False`` drops row 0 (K - 1 rows). ``border``: frame numbers outside the video are clamped, or
    their rows zero. ``head``, ``layout``: see :func:`relative_motion`. Motion that touches a frame without a face is
    0 and its windows are not whole. Raises SpotlibError if the motion was computed for shorter gaps than K needs.
    """
    return gather(
        relative_motion(motion, layout=layout, head=head),
        K=K,
        alignment=alignment,
        border=border,
        keep_zero_row=keep_zero_row,
        feature=feature,
        fixed_gap=fixed_gap,
        name=motion.name,
    )
