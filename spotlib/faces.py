"""Faces: where they are, and their 68 landmarks, frame by frame.

The landmark model is run on every frame: landmarks give the box in which the next frame's are looked for. The detector
is shown little more than that box, and only at the end of each block of ``detect_every`` frames. A block counts if it
confirms the tracked face; otherwise tracking is in doubt, and every frame of the block is detected by itself, in wider
surroundings. Frames without a face are marked and never filled.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import Interval

if TYPE_CHECKING:
    from spotlib.landmark_model import LandmarkModel

FaceChoice = Literal["only", "largest"]

#: inner landmarks (without the jaw) -> detector box: its side and the offset of its centre in units of their rms
#: radius; medians over 103 detections on photographs and clips, of which the side varies by 10 % (the detector's steps)
BOX_SIDE = 3.38
BOX_SHIFT = (0.0, 0.068)
#: a second face counts from this share of the largest one's side and this detector score
SECOND_FACE_SHARE = 0.5
SECOND_FACE_SCORE = 0.5
#: frames between two looks at the whole frame for a second face
WHOLE_FRAME_EVERY = 300
#: while no face is known only every so many frames are searched; if there is a face, those before it are, too. A face
#: that comes and goes in between is not seen, and its frames stay without a face
SEARCH_EVERY = 4
#: the detector finds faces of 80 px and more: what it is shown is scaled so that a known face has about this side,
#: and reaches this far from its middle, in sides
KNOWN_FACE_SIDE = 110.0
KNOWN_FACE_REACH = 1.15
#: the same for the check that a tracked face is one, which takes a third of the time; it found 304 of 304 faces in
#: frames of twins and real clips, as the wider look did
CHECK_SIDE = 88.0
CHECK_REACH = 0.7
#: whole frames are shown to it with at most this longer side
WHOLE_FRAME_SIDE = 800.0
#: tracked and detected landmarks may differ by this share of the inter-ocular distance (outer eye corners)
AGREE = 0.12
#: and neighbouring frames of a block by this share
JUMP = 0.25
#: and their pictures must be alike: correlation of 24 x 24 thumbnails (natural: .82 and more, a blank frame: 0)
ALIKE = 0.70


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """The face of one frame: ``landmarks`` (68, 2) float32 in px, or None without a face."""

    index: int
    landmarks: np.ndarray | None
    detected: bool  # the detector itself saw it here (else it was tracked between two such frames)


@dataclass(frozen=True)
class FaceTrack:
    """The face of a whole video.

    ``landmarks`` (T, 68, 2) float32 px (x, y), NaN where there is no face; ``valid`` and ``detected`` (T,) bool.
    """

    landmarks: np.ndarray
    valid: np.ndarray
    detected: np.ndarray
    gaps: list[Interval] = field(default_factory=list)


@cache
def _detector() -> Any:
    """The frontal face detector (dlib: HOG)."""
    import dlib

    return dlib.get_frontal_face_detector()


@cache
def _landmark_model() -> LandmarkModel:
    """The 68-point predictor."""
    from spotlib.landmark_model import LandmarkModel

    return LandmarkModel.load(predictor_file())


def predictor_file() -> Path:
    """The 68-point model of ``face_recognition_models``, found without importing it (it needs pkg_resources)."""
    spec = importlib.util.find_spec("face_recognition_models")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        file = Path(folder) / "models" / "shape_predictor_68_face_landmarks.dat"
        if file.exists():
            return file
    raise SpotlibError("the 68-point landmark model is missing; install it: pip install face-recognition-models")


def face_box(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Centre x, centre y and side (px) of the box that the detector would give for ``landmarks`` (68, 2)."""
    inner = landmarks[17:]
    middle = inner.mean(0)
    radius = float(np.sqrt(((inner - middle) ** 2).sum(1).mean()))
    return (
        float(middle[0] + BOX_SHIFT[0] * radius),
        float(middle[1] + BOX_SHIFT[1] * radius),
        BOX_SIDE * radius,
    )


def predict(grey: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """The 68 landmarks (68, 2) float32 px of the face in ``box`` (centre x, centre y, side)."""
    x, y, side = box[:3]
    half = side / 2
    return _landmark_model().predict(grey, x - half, y - half, x + half, y + half)


def _detect(grey: np.ndarray, scale: float, left: int = 0, top: int = 0) -> list[tuple[float, float, float, float]]:
    """(centre x, centre y, side, score) of the faces in ``grey`` scaled by ``scale``, largest first."""
    import cv2

    if scale != 1:
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=kind)
    boxes, scores, _ = _detector().run(np.ascontiguousarray(grey), 0, 0.0)
    found = []
    for box, score in zip(boxes, scores, strict=True):
        x = (box.left() + box.right()) / 2 / scale + left
        y = (box.top() + box.bottom()) / 2 / scale + top
        found.append((x, y, (box.right() - box.left() + 1) / scale, float(score)))
    return sorted(found, key=lambda f: (-f[2], -f[3], f[0], f[1]))


def detect_whole(grey: np.ndarray) -> list[tuple[float, float, float, float]]:
    """All faces of a frame as (centre x, centre y, side, score), largest first; px."""
    longer = max(grey.shape)
    scale = WHOLE_FRAME_SIDE / longer if longer > WHOLE_FRAME_SIDE else 2.0 if longer < WHOLE_FRAME_SIDE / 2 else 1.0
    return _detect(grey, scale)


def detect_near(
    grey: np.ndarray, landmarks: np.ndarray, *, reach: float = KNOWN_FACE_REACH, shown: float = KNOWN_FACE_SIDE
) -> list[tuple[float, float, float, float]]:
    """Faces in the surroundings of a known one (landmarks (68, 2)), nearest first.

    ``reach``: how far from its middle to look, in sides of the face; ``shown``: the side that the detector sees, px.
    """
    x, y, side = face_box(landmarks)
    reach *= side
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    crop = grey[top : max(0, int(y + reach)), left : max(0, int(x + reach))]
    if min(crop.shape) < 16:
        return []
    found = _detect(crop, shown / side, left, top)
    return sorted(found, key=lambda f: (f[0] - x) ** 2 + (f[1] - y) ** 2)


def _thumbnail(grey: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face at 24 x 24 px, mean 0 and norm 1 (less for a face without contrast)."""
    import cv2

    x, y, side = face_box(landmarks)
    left, top = max(0, int(x - side / 2)), max(0, int(y - side / 2))
    crop = grey[top : max(0, int(y + side / 2)), left : max(0, int(x + side / 2))]
    if min(crop.shape) < 8:
        return np.zeros((24, 24), np.float32)
    step = max(1, math.floor(side / 72))  # three pixels of a cell's each way are enough
    crop = np.ascontiguousarray(crop[::step, ::step])
    small = cv2.resize(crop, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return small / (np.linalg.norm(small) + 24)


def _box_iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    height = min(a[1] + a[2] / 2, b[1] + b[2] / 2) - max(a[1] - a[2] / 2, b[1] - b[2] / 2)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a[2] ** 2 + b[2] ** 2 - shared)


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean landmark distance as a share of the inter-ocular distance of ``a``."""
    iod = float(np.linalg.norm(a[36] - a[45])) or 1.0
    return float(np.linalg.norm(a - b, axis=1).mean()) / iod


class FaceTracker:
    """Tracks one face through a stream of grey frames with a look-ahead of at most ``detect_every`` frames.

    ``push`` and ``finish`` return the frames that are settled, in order; what they return does not depend on how the
    stream is cut. ``face="largest"`` keeps the largest face (later: the one nearest to it) where there are several.
    """

    def __init__(self, *, detect_every: int = 8, face: FaceChoice = "only", name: str = "video") -> None:
        self.detect_every = detect_every
        self.face = face
        self.name = name
        self.found = 0
        self._next = 0
        self._last: np.ndarray | None = None  # landmarks of the last settled frame with a face
        self._thumbnail = np.zeros((24, 24), np.float32)  # of the last frame of the stream with a face
        self._lost = True
        self._alike = True
        self._block: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._unsearched: list[tuple[int, np.ndarray]] = []
        self._since_whole = 0

    def push(self, grey: np.ndarray) -> list[FaceFrame]:
        """Take the next frame, (H, W) uint8; raises SpotlibError at a second face (unless ``face="largest"``)."""
        index, self._next = self._next, self._next + 1
        if self._lost:
            self._unsearched.append((index, grey))
            return self._look() if index == 0 or len(self._unsearched) == SEARCH_EVERY else []
        before = self._block[-1][2] if self._block else self._last
        assert before is not None
        landmarks = predict(grey, face_box(before))
        thumbnail = _thumbnail(grey, landmarks)
        self._alike &= bool((thumbnail * self._thumbnail).sum() >= ALIKE)
        self._thumbnail = thumbnail
        self._block.append((index, grey, landmarks))
        return self._close() if len(self._block) == self.detect_every else []

    def finish(self) -> list[FaceFrame]:
        """The rest; raises SpotlibError if no frame of the stream showed a face."""
        rest = self._close() if self._block else self._look() if self._unsearched else []
        if self.found == 0:
            raise SpotlibError(
                f"{self.name}: no face in any of {self._next} frames; a frontal face of at least 80 px is needed"
            )
        return rest

    def _look(self) -> list[FaceFrame]:
        """Settle the frames since the face was lost, unless the newest of them shows one."""
        frames, self._unsearched = self._unsearched, []
        if not detect_whole(frames[-1][1]):
            return [FaceFrame(index, None, False) for index, _ in frames]
        return [self._anew(index, grey) for index, grey in frames]

    def _anew(self, index: int, grey: np.ndarray) -> FaceFrame:
        """Detect the face of one frame, near the last one if that is not lost."""
        near = detect_near(grey, self._last) if not self._lost and self._last is not None else []
        settled = self._settle_detection(index, grey, near[0]) if near else self._search(index, grey)
        self._lost = settled.landmarks is None
        return settled

    def _search(self, index: int, grey: np.ndarray) -> FaceFrame:
        """Look at the whole frame."""
        faces = detect_whole(grey)
        self._since_whole = 0
        self._refuse_second(index, faces)
        if not faces:
            return FaceFrame(index, None, False)
        return self._settle_detection(index, grey, faces[0])

    def _refuse_second(self, index: int, faces: list[tuple[float, float, float, float]]) -> None:
        if self.face == "largest" or len(faces) < 2:
            return
        if any(f[2] >= SECOND_FACE_SHARE * faces[0][2] and f[3] >= SECOND_FACE_SCORE for f in faces[1:]):
            raise SpotlibError(
                f"{self.name}: {len(faces)} faces in frame {index}; crop the video to one person,"
                ' or pass face="largest" (command line: --face largest)'
            )

    def _settle_detection(self, index: int, grey: np.ndarray, box: tuple[float, ...]) -> FaceFrame:
        # the second pass starts from the landmarks' own box, which does not jump in the detector's steps of 20 %
        first = predict(grey, (box[0], box[1], box[2]))
        self._last = predict(grey, face_box(first))
        self._thumbnail = _thumbnail(grey, self._last)
        self._lost = False
        self.found += 1
        return FaceFrame(index, self._last, True)

    def _close(self) -> list[FaceFrame]:
        """Settle the frames of the block."""
        block, self._block = self._block, []
        self._since_whole += len(block)
        if self._since_whole >= WHOLE_FRAME_EVERY:
            self._since_whole = 0
            self._refuse_second(block[-1][0], detect_whole(block[-1][1]))
        alike, self._alike = self._alike, True
        if alike and self._confirmed(block):
            self._last = block[-1][2]
            self.found += len(block)
            return [FaceFrame(i, marks, i == block[-1][0]) for i, _, marks in block]
        return [self._anew(index, grey) for index, grey, _ in block]

    def _confirmed(self, block: list[tuple[int, np.ndarray, np.ndarray]]) -> bool:
        """Does the detector find the tracked face at the end of the block, and did the landmarks never jump?"""
        marks = [m for _, _, m in block]
        assert self._last is not None
        if any(_distance(a, b) > JUMP for a, b in zip([self._last, *marks], marks, strict=False)):
            return False
        _, grey, tracked = block[-1]
        near = detect_near(grey, tracked, reach=CHECK_REACH, shown=CHECK_SIDE)
        if not near or _box_iou(near[0], face_box(tracked)) < 0.5:
            return False
        return _distance(predict(grey, near[0][:3]), tracked) <= AGREE


def gaps(valid: np.ndarray) -> list[Interval]:
    """Runs of frames that are not valid.

    >>> gaps(np.array([True, False, False, True]))
    [Interval(onset=1, offset=2)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~np.asarray(valid, bool), [False]]).astype(np.int8)))
    return [Interval(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def track(
    frames: Iterable[np.ndarray], *, detect_every: int = 8, face: FaceChoice = "only", name: str = "video"
) -> FaceTrack:
    """Track the face through ``frames``, (H, W) grey or (H, W, 3) RGB uint8; see :class:`FaceTracker`."""
    tracker = FaceTracker(detect_every=detect_every, face=face, name=name)
    settled: list[FaceFrame] = []
    for frame in frames:
        settled += tracker.push(to_grey(frame))
    settled += tracker.finish()
    nothing = np.full((68, 2), np.nan, np.float32)
    valid = np.array([f.landmarks is not None for f in settled])
    marks = np.stack([nothing if f.landmarks is None else f.landmarks for f in settled])
    return FaceTrack(marks, valid, np.array([f.detected for f in settled]), gaps(valid))


def to_grey(frame: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of a grey or RGB frame."""
    import cv2

    return frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


class LandmarkSmoother:
    """Centred mean of the landmarks over +-``reach`` frames of one unbroken run, as a stream.

    The landmarks of a still, noisy face jitter by 1.2 to 1.4 px rms (TWIN.md): they place boxes and nodes, and are
    never the motion; the mean keeps boxes and nodes from jittering with them.
    """

    def __init__(self, *, reach: int = 4) -> None:
        self.reach = reach
        self._run: list[np.ndarray | None] = []  # the last 2 * reach + 1 frames and those ahead
        self._emitted = 0  # how many of the frames in _run have been given out

    def push(self, landmarks: np.ndarray | None) -> list[np.ndarray | None]:
        """Take the next frame's landmarks; return the smoothed ones (or None) that are settled by it, in order."""
        self._run.append(landmarks)
        ready = len(self._run) if landmarks is None else len(self._run) - self.reach
        settled = self._settle(ready)
        drop = self._emitted - self.reach
        if drop > 0:
            del self._run[:drop]
            self._emitted -= drop
        return settled

    def finish(self) -> list[np.ndarray | None]:
        """The frames that were waiting for later ones."""
        return self._settle(len(self._run))

    def _settle(self, ready: int) -> list[np.ndarray | None]:
        settled = []
        while self._emitted < ready:
            settled.append(self._mean(self._emitted))
            self._emitted += 1
        return settled

    def _mean(self, at: int) -> np.ndarray | None:
        if self._run[at] is None:
            return None
        first = last = at
        while first > max(0, at - self.reach) and self._run[first - 1] is not None:
            first -= 1
        while last < min(len(self._run) - 1, at + self.reach) and self._run[last + 1] is not None:
            last += 1
        run = [m for m in self._run[first : last + 1] if m is not None]
        return np.stack(run).mean(0, dtype=np.float64).astype(np.float32)
