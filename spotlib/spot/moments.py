"""A second look at the events only: pictures of the face at onset, apex and offset, a magnified loop, and arrows.

The video is read once more, in order, from the last key frame before an event that is far from the one before, and no
further than the last event; of each event a few small pictures are held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spotlib.flow import CropSpec
from spotlib.head_motion import robust_head_motion
from spotlib.intervals import Event, Kind
from spotlib.points import LAYOUTS, POINT_NAMES, layout_indices, point_positions
from spotlib.spot.engine import Analysis
from spotlib.spot.result import Moment
from spotlib.spot.source import Footage
from spotlib.swmro import PairMotion

SIDE = 192  # px of the pictures
WIDTH = 10.0  # of the part of the face that is shown, in halves of the distance between the inner eye corners
LOOP = 24  # pictures of a loop at most
#: how much longer motion is shown in a loop than it was, at most, and how long (px) it becomes by that, at most
MAGNIFIED: Mapping[Kind, float] = {Kind.MICRO: 5.0, Kind.MACRO: 2.0}
LONGEST = SIDE / 14
#: events with pictures at most: a report with more is too large to be opened
MOST = 80
QUALITY = 78  # of the JPEGs


@dataclass
class _Open:
    """An event whose pictures are being gathered."""

    event: Event
    frames: list[int]  # the loop's, onset first
    crops: dict[int, np.ndarray] = field(default_factory=dict)  # (SIDE, SIDE, 3) RGB
    points: np.ndarray | None = None  # (68, 2) landmarks at the onset, px of the crop

    @property
    def needed(self) -> set[int]:
        event = self.event
        return {*self.frames, event.onset, event.offset, event.onset if event.apex is None else event.apex}

    @property
    def complete(self) -> bool:
        return self.needed <= self.crops.keys()


def moments(footage: Footage, analysis: Analysis, events: Sequence[Event], *, layout: str) -> tuple[Moment | None, ...]:
    """A `Moment` for each event, the best-scored MOST of them; None for the others, and where a face is lost.

    ``layout``: the nodes that arrows are drawn at.
    """
    made: dict[int, Moment | None] = {}
    best = sorted(range(len(events)), key=lambda i: (-(events[i].score or 0.0), i))[:MOST]
    open_ = {i: _Open(events[i], _spread(events[i])) for i in best if _seen(analysis, events[i])}
    wanted: dict[int, list[int]] = {}
    for i, one in open_.items():
        for frame in one.needed:
            wanted.setdefault(frame, []).append(i)
    frame_of: dict[int, list[int]] = {}  # one picture of the source may stand for several frames
    for frame in wanted:
        frame_of.setdefault(int(analysis.numbers[frame]), []).append(frame)
    seconds = None
    if bool((np.diff(analysis.seconds) > 0).all()):
        seconds = {number: float(analysis.seconds[frames[0]]) for number, frames in frame_of.items()}
    for number, picture in footage.pictures(frame_of, seconds):
        for frame in sorted(frame_of[number]):
            for i in wanted[frame]:
                one = open_[i]
                _take(one, frame, picture, analysis)
                if one.complete:
                    made[i] = _moment(one, layout)
                    one.crops.clear()
    return tuple(made.get(i) for i in range(len(events)))


def _spread(event: Event) -> list[int]:
    count = min(LOOP, event.length)
    return sorted({round(float(x)) for x in np.linspace(event.onset, event.offset, count)})


def _seen(analysis: Analysis, event: Event) -> bool:
    return bool(np.isfinite(analysis.faces[event.onset : event.offset + 1]).all())


def _take(one: _Open, frame: int, picture: np.ndarray, analysis: Analysis) -> None:
    import cv2

    from spotlib.faces import predict, to_grey

    first, face = analysis.faces[one.event.onset], analysis.faces[frame]
    matrix = _placement(face, size=float(first[5]))
    step = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    soft = cv2.GaussianBlur(picture, (0, 0), 0.4 * step) if step > 1.5 else picture
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    one.crops[frame] = cv2.warpAffine(soft, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if frame == one.event.onset:
        landmarks = predict(to_grey(picture), tuple(float(v) for v in face[:3]))
        back = np.linalg.inv(matrix[:, :2])
        one.points = (landmarks - matrix[:, 2]) @ back.T


def _placement(face: np.ndarray, *, size: float) -> np.ndarray:
    """(2, 3), px of the crop to px of the frame: the head upright, WIDTH ``size`` wide, eyes at 3/8 of its height."""
    step = WIDTH * size / SIDE
    c, s = step * np.cos(float(face[6])), step * np.sin(float(face[6]))
    turn = np.array([[c, -s], [s, c]])
    middle = turn @ np.array([SIDE / 2, 3 * SIDE / 8])
    return np.column_stack([turn, face[3:5].astype(np.float64) - middle])


def _moment(one: _Open, layout: str) -> Moment:
    import cv2

    event, points = one.event, one.points
    assert points is not None
    apex = event.onset if event.apex is None else event.apex
    frames = sorted({*one.frames, apex})
    greys = {frame: cv2.cvtColor(one.crops[frame], cv2.COLOR_RGB2GRAY) for frame in frames}
    solver: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dense = np.stack([solver.calc(greys[event.onset], greys[f], None) for f in frames])  # (n, SIDE, SIDE, 2)
    dense[0] = 0
    motion = _pair_motion(dense, points)
    everywhere = layout_indices("all")
    head = robust_head_motion(motion, everywhere)[0]  # (n, 14, 2)
    places = motion.nodes[0]  # (P, 2)
    chosen = [everywhere.index(i) for i in layout_indices(layout)]  # type: ignore[arg-type]
    at = frames.index(apex)
    nodes = layout_indices(layout)  # type: ignore[arg-type]
    relative = motion.flow[0, at][nodes] - head[at][chosen]  # (V, 2)
    arrows = np.concatenate([places[nodes], relative], axis=1).astype(np.float32)
    arrows[(places[nodes] < 0).any(1) | (places[nodes] > SIDE - 1).any(1)] = np.nan
    shown = [index for index, frame in enumerate(frames) if frame in one.frames]
    fields = {index: _head_field(places[everywhere], head[index]) for index in shown}
    own = {index: cv2.GaussianBlur(dense[index] - fields[index], (0, 0), SIDE / 48) for index in shown}
    inner = np.s_[SIDE // 6 : -SIDE // 6, SIDE // 6 : -SIDE // 6]
    longest = max(float(np.quantile(np.linalg.norm(own[index][inner], axis=2), 0.99)) for index in shown)
    # large motions are seen as they are; five times as large they would tear the face
    times = min(MAGNIFIED[event.kind], max(1.0, LONGEST / max(longest, 1e-6)))
    loop = [_jpeg(_magnified(one.crops[frames[i]], own[i], fields[i], times)) for i in shown]
    strip = tuple(_jpeg(one.crops[frame]) for frame in (event.onset, apex, event.offset))
    return Moment(strip, tuple(loop), SIDE, arrows)  # type: ignore[arg-type]


def _pair_motion(dense: np.ndarray, landmarks: np.ndarray) -> PairMotion:
    """Dense motion from the onset to some frames as that of the tracked points, in px of the crop."""
    places = point_positions(landmarks)  # (P, 2)
    reach = round(0.2 * SIDE / WIDTH)
    low = np.clip(np.round(places).astype(int) - reach, 0, SIDE - 1)
    high = np.clip(np.round(places).astype(int) + reach + 1, 1, SIDE)
    high = np.maximum(high, low + 1)
    patches = [dense[:, y0:y1, x0:x1].mean((1, 2)) for (x0, y0), (x1, y1) in zip(low, high, strict=True)]
    flow = np.stack(patches, axis=1).astype(np.float32)[None]  # (1, n, P, 2)
    count = flow.shape[1]
    marks = landmarks.astype(np.float32)[None]
    here = np.ones(1, bool)
    return PairMotion(
        flow=flow, head=np.zeros((1, count, 2), np.float32), quality=np.ones((1, count, len(POINT_NAMES)), np.float32),
        valid=here, detected=here, box=np.array([[0, 0, SIDE, SIDE]], np.float32), landmarks=marks,
        raw_landmarks=marks, point_names=POINT_NAMES, extractor="dense", fps=30.0, crop=CropSpec(SIDE),
    )  # fmt: skip


def _head_field(places: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, 2): the head's motion (14, 2) at some places (14, 2), continued to all pixels as a plane."""
    design = np.column_stack([np.ones(len(places)), places])
    plane, *_ = np.linalg.lstsq(design, motion.astype(np.float64), rcond=None)
    y, x = np.mgrid[:SIDE, :SIDE]
    return (plane[0] + x[..., None] * plane[1] + y[..., None] * plane[2]).astype(np.float32)


def _magnified(crop: np.ndarray, own: np.ndarray, head: np.ndarray, times: float) -> np.ndarray:
    """The picture with the head held still and the face's own motion ``times`` as long."""
    import cv2

    more = own * (times - 1)
    more *= np.minimum(1, LONGEST / np.maximum(np.linalg.norm(more, axis=2, keepdims=True), 1e-6))
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return cv2.remap(
        crop,
        x + head[..., 0] - more[..., 0],
        y + head[..., 1] - more[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _jpeg(picture: np.ndarray) -> bytes:
    import cv2

    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return data.tobytes()


def names_of(layout: str) -> tuple[str, ...]:
    """Names of the nodes that the rows of `Moment.arrows` stand for."""
    return LAYOUTS[layout]  # type: ignore[index]
