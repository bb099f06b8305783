"""Expressions in time and in size: minimum-jerk curves, and weights that move the landmarks as far as wanted.

The size of an expression is the peak displacement over all 68 landmarks, lids included, as a share of the
inter-ocular distance (IOD). Measured at the ten nodes alone, AUs 5, 6, 7 and 43 hardly exist, and scaling
them "to a node displacement" would divide by nearly zero (TWIN.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spotlib.actor.action_units import COUPLED_AUS, direction, spread, weight_caps
from spotlib.actor.asset import load_head
from spotlib.actor.face import Actor
from spotlib.actor.pose import Pose
from spotlib.errors import SpotlibError
from spotlib.intervals import Event

NODES = (20, 19, 18, 23, 24, 25, 48, 54, 51, 57)  # METHOD section 2
BROW_NODES = NODES[:6]


def minimum_jerk(tau: np.ndarray | float) -> np.ndarray:
    """Smooth step: 0 up to tau = 0, 1 from tau = 1, no velocity and no acceleration at both ends.

    >>> minimum_jerk(np.array([-1.0, 0.5, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip(np.asarray(tau, dtype=np.float64), 0.0, 1.0)
    return t * t * t * (10.0 + t * (6.0 * t - 15.0))


def event_curve(
    onset: int,
    apex: int,
    offset: int,
    n_frames: int,
    *,
    longest_rise: float = np.inf,
    longest_fall: float = np.inf,
    sag: float = 0.1,
) -> np.ndarray:
    """Strength (n_frames,) of an event: 0 outside [onset, offset], above 0 inside, 1 at the apex only.

    The onset is the first frame in which something has moved. If rise or fall would last longer than
    ``longest_rise`` and ``longest_fall`` (frames), the expression is held instead: fast to 1 - sag, slowly on
    to the apex and back to 1 - sag, fast down. A face that takes two seconds to smile does not rise for two
    seconds.
    """
    if not onset <= apex <= offset:
        raise SpotlibError(f"event [{onset}, {offset}]: apex {apex} outside; correct it")
    knots = [(onset - 1.0, 0.0), (float(apex), 1.0), (offset + 1.0, 0.0)]
    if apex - (onset - 1) > longest_rise + 2:
        knots.insert(1, (onset - 1 + longest_rise, 1.0 - sag))
    if (offset + 1) - apex > longest_fall + 2:
        knots.insert(-1, (offset + 1 - longest_fall, 1.0 - sag))
    frames = np.arange(n_frames, dtype=np.float64)
    curve = np.zeros(n_frames)
    for (start, low), (end, high) in itertools.pairwise(knots):
        inside = (frames >= start) & (frames <= end)
        curve[inside] = low + (high - low) * minimum_jerk((frames[inside] - start) / (end - start))
    return curve


@dataclass(frozen=True)
class LandmarkField:
    """How a face answers to its face units: displacement (52, 68, 2) of the landmarks at weight 1, in IOD."""

    units: np.ndarray
    iod: float

    @classmethod
    def of(cls, actor: Actor) -> LandmarkField:
        """Measure the frontal face of ``actor``, one face unit at a time."""
        eye = np.eye(len(load_head().unit_names))
        rest = actor.landmarks(np.zeros(len(eye)), Pose())
        moved = np.stack([actor.landmarks(row, Pose()) for row in eye])
        return cls((moved - rest) / actor.iod, float(actor.iod))

    def displacement(self, weights: np.ndarray) -> np.ndarray:
        """Landmark displacement (68, 2) in IOD; weights add up linearly, as they do in the renderer."""
        return np.einsum("u,uld->ld", weights, self.units)

    def peak(self, weights: np.ndarray, landmarks: Sequence[int] | None = None) -> float:
        """Largest displacement over the landmarks (default all 68), in IOD."""
        moved = self.displacement(weights)
        return float(np.linalg.norm(moved if landmarks is None else moved[list(landmarks)], axis=1).max())

    def scaled(self, weights: np.ndarray, size: float, landmarks: Sequence[int] | None = None) -> np.ndarray:
        """``weights`` times the factor that makes `peak` equal ``size``; unchanged if they move nothing."""
        peak = self.peak(weights, landmarks)
        return weights * (size / peak) if peak > 1e-9 else weights


@dataclass(frozen=True)
class Expression:
    """One event as one face shows it: weights (52,) at the apex, and how much of it there is to see."""

    event: Event
    weights: np.ndarray
    left: float
    right: float
    face_share: float  # peak displacement over the 68 landmarks, share of IOD
    node_share: float  # the same over the ten nodes


@dataclass(frozen=True)
class Visibility:
    """How visible an event is: its peak displacement at the ten nodes and over all landmarks."""

    event: Event
    node_px: float
    node_share: float
    face_px: float
    face_share: float


def express(
    field: LandmarkField,
    event: Event,
    *,
    size: float,
    left: float = 1.0,
    right: float = 1.0,
    strengths: Sequence[float] | None = None,
    coupling: float = 0.0,
) -> Expression:
    """The weights that show ``event`` with a peak displacement of ``size`` (share of IOD) over all landmarks.

    AUs 6, 7, 43 and 45 pull brow and cheek along by ``coupling`` (share of IOD), but never by more than four
    fifths of the size. No weight exceeds its cap, so the face may stay below the size:
    `Expression.face_share` tells.
    """
    left, right = (left if event.side != "right" else 0.0), (right if event.side != "left" else 0.0)
    main = field.scaled(direction(event.aus, left=left, right=right, strengths=strengths), size)
    caps = weight_caps()
    main = main * np.min(caps[main > 0] / main[main > 0], initial=1.0)
    if COUPLED_AUS.intersection(event.aus) and coupling > 0:
        reached = field.peak(main)
        main = main + coupled(field, min(coupling, 0.8 * reached), left=left, right=right, cheek="6" not in event.aus)
        main = main * min(1.0, size / field.peak(main))
    weights = np.minimum(main, 1.0)
    return Expression(event, weights, left, right, field.peak(weights), field.peak(weights, NODES))


def coupled(
    field: LandmarkField, size: float, *, left: float = 1.0, right: float = 1.0, cheek: bool = True
) -> np.ndarray:
    """Weights (52,) of the brow and cheek motion that goes with a closing eye; ``size`` is a share of IOD."""
    weights = field.scaled(spread("browDown", left, right), size, BROW_NODES)
    if cheek:
        weights = weights + field.scaled(spread("cheekSquint", left, right), 0.7 * size)
    return np.minimum(weights, 1.0)


def event_weights(expressions: Iterable[Expression], n_frames: int, *, fps: float) -> np.ndarray:
    """Face-unit weights (n_frames, 52) of all expressions; overlapping ones add up, no weight exceeds 1.

    Macro-expressions rise within 0.8 s and fall within 1 s; what is longer is held.
    """
    total = np.zeros((n_frames, len(load_head().unit_names)))
    for shown in expressions:
        event = shown.event
        apex = event.apex if event.apex is not None else (event.onset + event.offset) // 2
        curve = event_curve(event.onset, apex, event.offset, n_frames, longest_rise=0.8 * fps, longest_fall=1.0 * fps)
        total += curve[:, None] * shown.weights
    return np.minimum(total, 1.0)


def visibility(shown: Expression, field: LandmarkField) -> Visibility:
    """What the ten nodes and all landmarks see of an expression, in px of the picture and as share of IOD."""
    return Visibility(
        shown.event,
        shown.node_share * field.iod,
        shown.node_share,
        shown.face_share * field.iod,
        shown.face_share,
    )
