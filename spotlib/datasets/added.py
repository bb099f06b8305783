"""Movements and unrest added to tracked motion of rendered people.

Rendering and tracking cost 20 ms a frame, adding costs next to nothing: from one video come many, with other
micro-expressions at other times (over speech, turns and macro-expressions too, which the schedule of a twin keeps
apart) and with as much unrest as tracked real faces show.

What is added is a path: where every tracked point (`spotlib.points`) is drawn to in every frame. The motion between
two frames grows by the difference of the path, before head motion is removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spotlib.actor.action_units import direction, one_sided
from spotlib.actor.motion import NODES, Expression, LandmarkField, event_curve, express
from spotlib.datasets.schedule import draw_aus, draw_length
from spotlib.intervals import Event, Kind
from spotlib.points import POINT_NAMES, point_positions
from spotlib.swmro import PairMotion

if TYPE_CHECKING:
    from spotlib.datasets.specs import TwinSpec
    from spotlib.datasets.twin import TwinVideo

#: fewest and most micro-expressions added to a video
COUNT = (3, 8)
#: their size, share of the inter-ocular distance (IOD), drawn evenly
SIZES = (0.005, 0.04)
#: no added movement of the ten nodes is smaller, share of the IOD
LEAST = 0.004
#: the same of macro-expressions: their size is drawn evenly in its logarithm. Real laughter moves mouth corners by 15 %
#: and more, and where it begins is no micro-expression
MACRO_COUNT = (1, 4)
MACRO_SIZES = (0.015, 0.3)
MACRO_LEAST = 0.012
#: s that a macro-expression takes to rise, and to fall
RISE = (0.2, 0.9)
#: share of macro-expressions with which the mouth opens
OPEN = 0.4
#: typical step of the unrest from frame to frame, share of the IOD, drawn evenly in its logarithm. Walks of
#: .2 % are as restless as a tracked smile, of .4 % as weeping; .05 % is more than a sharp rendered face shows
STEP = (0.0002, 0.004)
#: share of videos without added unrest
STILL = 0.15
#: a movement counts as seen if the nodes go so many steps far; in unrest, added ones are larger, smaller ones unknown
SEEN, CLEAR = 3.0, 4.5
SEEN_MACRO = 8.0
_HEAD = [POINT_NAMES.index("29"), POINT_NAMES.index("30")]  # METHOD's nose tip
_APART = 0.35  # s between two expressions of a kind


def with_path(motion: PairMotion, path: np.ndarray) -> PairMotion:
    """``motion`` with ``path`` (T, P, 2), px of the crop, on top."""
    flow, head = motion.flow.astype(np.float32), motion.head.astype(np.float32)  # copies, whatever they were
    for gap in range(1, motion.max_gap + 1):
        step = (path[gap:] - path[:-gap]).astype(np.float32)
        flow[:-gap, gap] += step
        head[:-gap, gap] += step[:, _HEAD].mean(1)
    return dataclasses.replace(motion, flow=flow, head=head)


def ocular(motion: PairMotion) -> float:
    """Median inter-ocular distance, px of the crop."""
    marks = motion.landmarks
    px = np.linalg.norm(marks[:, 42:48].mean(1) - marks[:, 36:42].mean(1), axis=1)
    return float(np.nanmedian(px * motion.crop.size / (motion.box[:, 2] - motion.box[:, 0])))


class _Room:
    """Frames in which expressions of a kind may lie: some way from those in ``busy``, and from each other."""

    def __init__(self, kind: Kind, busy: Sequence[Event], *, n_frames: int, fps: float) -> None:
        self._gap = round(_APART * fps)
        self._taken = np.zeros(n_frames, bool)
        for event in busy:
            if event.kind is kind:
                self.take(event.onset, event.length)

    def free(self, onset: int, length: int) -> bool:
        return not self._taken[onset : onset + length].any()

    def take(self, onset: int, length: int) -> None:
        self._taken[max(0, onset - self._gap) : onset + length + self._gap] = True


def movements(
    rng: np.random.Generator,
    spec: TwinSpec,
    field: LandmarkField,
    *,
    n_frames: int,
    fps: float,
    busy: Sequence[Event],
    count: int,
    least: float = LEAST,
) -> list[Expression]:
    """At most ``count`` micro-expressions away from the micro-expressions in ``busy``, the nodes seeing ``least``."""
    room = _Room(Kind.MICRO, busy, n_frames=n_frames, fps=fps)
    found: list[Expression] = []
    for _ in range(4 * count):
        if len(found) == count:
            break
        length = max(5, round(draw_length(rng, spec.statistics.micro_lengths) * fps / 30))
        onset = int(rng.integers(4, n_frames - length - 4))
        if not room.free(onset, length):
            continue
        apex = onset + int(np.clip(round(length * rng.normal(0.43, 0.08)), 1, length - 2))
        shown = _cast(rng, spec, field, (onset, apex, onset + length - 1), least)
        if shown is not None:
            room.take(onset, length)
            found.append(shown)
    return found


def _cast(
    rng: np.random.Generator, spec: TwinSpec, field: LandmarkField, frames: tuple[int, int, int], least: float
) -> Expression | None:
    for _ in range(20):
        aus = draw_aus(rng, spec.statistics.micro_aus)
        side = "both"
        if rng.random() < 0.33 and all(map(one_sided, aus)):
            side = ("left", "right")[int(rng.integers(2))]
        balance = rng.uniform(0.7, 1.0, 2)
        balance /= balance.max()
        shown = express(
            field,
            Event(Kind.MICRO, *frames, aus, side),
            size=float(rng.uniform(*SIZES)),
            left=float(balance[0]),
            right=float(balance[1]),
            coupling=float(rng.uniform(*spec.coupling)),
        )
        if shown.node_share >= least:
            return shown
    return None


def large(
    rng: np.random.Generator,
    spec: TwinSpec,
    field: LandmarkField,
    *,
    n_frames: int,
    fps: float,
    busy: Sequence[Event],
    count: int,
    least: float = MACRO_LEAST,
) -> tuple[list[Event], np.ndarray]:
    """At most ``count`` macro-expressions away from those in ``busy``, and their path (n_frames, P, 2), IOD.

    They may be larger than a rendered face can show, rise and fall at speeds of their own, and go on over anything.
    """
    room = _Room(Kind.MACRO, busy, n_frames=n_frames, fps=fps)
    found: list[Event] = []
    path = np.zeros((n_frames, len(POINT_NAMES), 2))
    for _ in range(4 * count):
        if len(found) == count:
            break
        length = round(draw_length(rng, spec.statistics.macro_lengths) * fps / 30)
        onset = int(rng.integers(4, max(5, n_frames - length - 4)))
        aus = draw_aus(rng, spec.statistics.macro_aus)
        if rng.random() < OPEN:
            aus = (*aus, "25")
        left, right = rng.uniform(0.5, 1.0, 2)
        weights = direction(aus, left=left, right=right, strengths=rng.uniform(0.4, 1.0, len(aus)).tolist())
        weights = field.scaled(weights, float(np.exp(rng.uniform(*np.log(MACRO_SIZES)))))
        apex = onset + int(np.clip(round(length * rng.normal(0.4, 0.1)), 1, length - 2))
        rise, fall = rng.uniform(*RISE, 2) * fps
        if onset + length > n_frames - 2 or not room.free(onset, length) or field.peak(weights, NODES) < least:
            continue
        room.take(onset, length)
        curve = event_curve(
            onset, apex, onset + length - 1, n_frames, longest_rise=rise, longest_fall=fall, sag=rng.uniform(0.05, 0.4)
        )
        path += _drawn(field, weights, curve)
        found.append(Event(Kind.MACRO, onset, apex, onset + length - 1, aus))
    return found, path


def path_of(shown: Sequence[Expression], field: LandmarkField, n_frames: int) -> np.ndarray:
    """Path (n_frames, P, 2), IOD, of expressions that are shown by a frontal face."""
    path = np.zeros((n_frames, len(POINT_NAMES), 2))
    for one in shown:
        event = one.event
        apex = event.apex if event.apex is not None else (event.onset + event.offset) // 2
        curve = event_curve(event.onset, apex, event.offset, n_frames)
        path += _drawn(field, one.weights, curve)
    return path


def _drawn(field: LandmarkField, weights: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Path (n_frames, P, 2), IOD, of face units that follow ``curve`` (n_frames,)."""
    return curve[:, None, None] * point_positions(field.displacement(weights))


def unrest(rng: np.random.Generator, places: np.ndarray, *, n_frames: int, fps: float, step: float) -> np.ndarray:
    """A random walk (n_frames, P, 2) of points at ``places`` (P, 2); all in IOD.

    Measured on tracked real faces: what is left after head motion is removed grows with the root of time, goes alike
    where points are near each other (the two brows by .7 to .8), lasts some frames and comes in bursts. How much of
    each is drawn for every video. ``step``: median standard deviation from frame to frame.
    """
    reach, own, last = rng.uniform(0.4, 1.5), rng.uniform(0.05, 0.4), rng.uniform(0.0, 0.6)
    square = ((places[:, None] - places[None]) ** 2).sum(-1)
    alike = (1 - own) * np.exp(-square / (2 * reach**2)) + own * np.eye(len(places))
    root = np.linalg.cholesky(alike + 1e-9 * np.eye(len(places)))
    steps = np.einsum("pq,nqd->npd", root, rng.normal(size=(n_frames, len(places), 2)))
    for frame in range(1, n_frames):
        steps[frame] = last * steps[frame - 1] + np.sqrt(1 - last**2) * steps[frame]
    knots = np.arange(0, n_frames + fps, fps * 0.7)
    loud = np.exp(np.interp(np.arange(n_frames), knots, rng.normal(0, 0.6, len(knots))))
    return np.cumsum(step * loud[:, None, None] * steps, 0)


def seen(video: TwinVideo, step: float = 0.0) -> tuple[Event, ...]:
    """The rendered expressions without those that nobody can tell from unrest of such steps."""
    least = {Kind.MICRO: SEEN * step, Kind.MACRO: max(MACRO_LEAST, SEEN_MACRO * step)}
    return tuple(shown.event for shown in video.expressions if shown.node_share >= least[shown.event.kind])


def changed(motion: PairMotion, video: TwinVideo, rng: np.random.Generator) -> tuple[PairMotion, tuple[Event, ...]]:
    """Another video of the same person: with movements and unrest on top, and all its events by onset.

    Rendered expressions that drown in the unrest are left out of the events: nobody could know of them.
    """
    field, n_frames = video.field, motion.n_frames
    step = 0.0 if rng.random() < STILL else float(np.exp(rng.uniform(*np.log(STEP))))
    count, macros = int(rng.integers(COUNT[0], COUNT[1] + 1)), int(rng.integers(MACRO_COUNT[0], MACRO_COUNT[1] + 1))
    fewest = video.spec.micro_per_video
    if isinstance(fewest, tuple) and fewest[0] == 0 and rng.random() < 0.5:  # some calm videos stay calm
        count = macros = 0
    where: dict[str, Any] = {"n_frames": n_frames, "fps": motion.fps, "busy": video.events}
    new = movements(rng, video.spec, field, count=count, least=max(LEAST, CLEAR * step), **where)
    slow, path = large(rng, video.spec, field, count=macros, least=max(MACRO_LEAST, SEEN_MACRO * step), **where)
    path += path_of(new, field, n_frames)
    iod = ocular(motion)
    if step:
        places = np.nanmedian(motion.nodes, axis=0) / iod
        path += unrest(rng, places, n_frames=n_frames, fps=motion.fps, step=step)
    events = [*seen(video, step), *slow, *(shown.event for shown in new)]
    return with_path(motion, path * iod), tuple(sorted(events, key=lambda event: event.onset))
