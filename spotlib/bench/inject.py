"""Known movements put into real video: the frames are warped as a face unit would move the skin.

Where a landmark goes is what the actor's face does (`spotlib.actor`): shape, side and course in time are those of its
micro-expressions. Between the landmarks the motion is interpolated smoothly; it dies out ``REACH`` inter-ocular
distances (IOD) away from them. It rides on the tracked face, turned and scaled with it. Frames outside the movements
are handed on as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spotlib.actor.face import inter_ocular
from spotlib.errors import SpotlibError
from spotlib.spot.source import Timed

if TYPE_CHECKING:
    from spotlib.actor.motion import LandmarkField

#: action units that are injected: brows up, brows down, mouth corners up, down, and drawn in
REPERTOIRE: tuple[tuple[str, ...], ...] = (("1", "2"), ("4",), ("12",), ("15",), ("14",))
#: landmarks that carry the motion: all but the inner rim of the lips, whose two sides touch
CARRIERS = tuple(range(60))
REACH = 0.5  # IOD
#: the field is worked out at this many places per IOD
FINENESS = 48
_IDENTITY = 1  # seed of the actor whose face units are taken
_ROUNDS = 4


@dataclass(frozen=True)
class Movement:
    """One movement, over inclusive frames.

    ``size``: displacement at the apex of the landmark that moves most, share of the IOD. ``side``: the person's own.
    """

    onset: int
    apex: int
    offset: int
    size: float
    aus: tuple[str, ...]
    side: str = "both"

    def __post_init__(self) -> None:
        if not 0 <= self.onset <= self.apex <= self.offset or self.size < 0 or self.side not in _STRENGTHS:
            raise SpotlibError(f"movement {self}: onset, apex and offset must rise, size be 0 or more, side a side")


_STRENGTHS = {"both": (1.0, 1.0), "left": (1.0, 0.0), "right": (0.0, 1.0)}


def course(movement: Movement) -> np.ndarray:
    """Strength, 0 to 1, in each frame from onset to offset, as the actor shows it."""
    from spotlib.actor.motion import event_curve

    return event_curve(movement.onset, movement.apex, movement.offset, movement.offset + 1)[movement.onset :]


@functools.cache
def unit_motion(aus: tuple[str, ...], side: str = "both") -> np.ndarray:
    """Displacement (68, 2) of the landmarks of an upright face; the largest of `CARRIERS` has length 1."""
    from spotlib.actor.action_units import direction

    left, right = _STRENGTHS[side]
    moved = _field().displacement(direction(aus, left=left, right=right))
    moved = moved / np.linalg.norm(moved[list(CARRIERS)], axis=1).max()
    moved.setflags(write=False)
    return moved


@functools.cache
def _field() -> LandmarkField:
    from spotlib.actor.face import Actor
    from spotlib.actor.identity import sample_identity
    from spotlib.actor.motion import LandmarkField

    return LandmarkField.of(Actor(sample_identity(_IDENTITY)))


def displacement(landmarks: np.ndarray, movement: Movement, strength: float) -> np.ndarray:
    """Displacement (68, 2) of ``landmarks`` (68, 2) in px of their picture; it turns and grows with the face."""
    across = landmarks[42:48].mean(0) - landmarks[36:42].mean(0)
    cosine, sine = across / np.linalg.norm(across)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return movement.size * strength * inter_ocular(landmarks) * (unit_motion(movement.aus, movement.side) @ turn)


def warp(grey: np.ndarray, landmarks: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """``grey`` (H, W) uint8 with the skin at ``landmarks`` (68, 2) moved by ``moved`` (68, 2) px.

    Cubic splines, so that parts of a pixel count; what no landmark pulls at is copied.
    """
    import cv2
    from scipy.ndimage import map_coordinates

    if not np.any(moved):
        return grey
    carriers = np.asarray(landmarks, np.float64)[list(CARRIERS)]
    moved = np.asarray(moved, np.float64)[list(CARRIERS)]
    reach = REACH * inter_ocular(landmarks)
    pull = np.linalg.solve(_kernel(carriers, carriers, reach) + 1e-6 * np.eye(len(carriers)), moved)
    pulling = np.abs(pull).max(1) > 1e-4 * np.abs(pull).max()
    low = np.floor(carriers[pulling].min(0) - reach).astype(int).clip(min=0)
    high = np.ceil(carriers[pulling].max(0) + reach).astype(int) + 1
    high = np.minimum(high, [grey.shape[1], grey.shape[0]])
    if (high <= low).any():  # the face is outside the picture
        return grey
    # the field at coarse places, linear in between
    step = max(1.0, inter_ocular(landmarks) / FINENESS)
    xs, ys = (np.arange(a, b + step, step) for a, b in zip(low, high, strict=True))
    places = np.stack(np.meshgrid(xs, ys), -1)
    coarse = (_kernel(places.reshape(-1, 2), carriers[pulling], reach) @ pull[pulling]).reshape(places.shape)
    x, y = np.meshgrid(np.arange(low[0], high[0], dtype=np.float32), np.arange(low[1], high[1], dtype=np.float32))
    field, fine = coarse.astype(np.float32), np.float32(step)
    left, top = np.float32(low[0]), np.float32(low[1])
    # what is now at a place came from where the field, followed backwards, leads
    come_x, come_y = x, y
    for _ in range(_ROUNDS):
        shift = cv2.remap(field, (come_x - left) / fine, (come_y - top) / fine, cv2.INTER_LINEAR)
        come_x, come_y = x - shift[..., 0], y - shift[..., 1]
    margin = int(np.ceil(np.abs(moved).max())) + 12  # of the spline
    begin = np.maximum(low - margin, 0)
    around = grey[begin[1] : high[1] + margin, begin[0] : high[0] + margin].astype(np.float32)
    found = map_coordinates(around, [come_y - begin[1], come_x - begin[0]], order=3, mode="nearest")
    out = grey.copy()
    still = np.abs(shift).max(2) < 1e-3
    inside = out[low[1] : high[1], low[0] : high[0]]
    inside[~still] = np.clip(np.rint(found[~still]), 0, 255).astype(np.uint8)
    return out


def _kernel(a: np.ndarray, b: np.ndarray, reach: float) -> np.ndarray:
    """Wendland's C2 function of the distances between ``a`` (n, 2) and ``b`` (m, 2): 1 at 0, 0 from ``reach`` on."""
    r = np.linalg.norm(a[:, None] - b[None], axis=-1) / reach
    return np.where(r < 1, (1 - np.minimum(r, 1)) ** 4 * (4 * r + 1), 0.0)


def inject(
    frames: Iterable[Timed[np.ndarray]], landmarks: np.ndarray, movements: Sequence[Movement]
) -> Iterator[Timed[np.ndarray]]:
    """``frames`` (number, seconds, (H, W) uint8) with ``movements``, which must not overlap.

    ``landmarks``: (T, 68, 2) of the frames as they come, NaN without a face; such frames stay as they are.
    """
    strength: dict[int, tuple[Movement, float]] = {}
    for movement in movements:
        if movement.size:
            for frame, value in enumerate(course(movement), start=movement.onset):
                if frame in strength:
                    raise SpotlibError(f"movements overlap in frame {frame}; plan them apart")
                strength[frame] = (movement, float(value))
    for index, (number, seconds, grey) in enumerate(frames):
        if index in strength and np.isfinite(landmarks[index]).all():
            marks = landmarks[index]
            grey = warp(grey, marks, displacement(marks, *strength[index]))
        yield number, seconds, grey


def plan(
    n_frames: int,
    fps: float,
    sizes: Sequence[float],
    *,
    seed: int,
    spacing: float = 2.0,
    forbidden: np.ndarray | None = None,
) -> list[Movement]:
    """Movements at random times, every size as often as another, in random order.

    Lengths are those of the micro-expressions of CAS(ME)^2 (METHOD section 7), brought to ``fps``; a third of the
    movements is one-sided.

    Args:
        n_frames: of the video.
        fps: frames per second.
        sizes: shares of the IOD; 0: a movement that is none, for chance.
        seed: of times, lengths, sizes, units and sides.
        spacing: seconds from one movement to the next at least; half of that more at most, if nothing is forbidden.
        forbidden: (n_frames,) bool, frames that no movement may touch.
    """
    from spotlib.datasets.schedule import CAS_ME2, draw_length

    rng = np.random.default_rng([seed, 60])
    forbidden = np.zeros(n_frames, bool) if forbidden is None else forbidden
    step = round(spacing * fps / 2)
    slots: list[tuple[int, int, int]] = []
    at = step
    while True:
        length = max(5, round(draw_length(rng, CAS_ME2.micro_lengths) * fps / CAS_ME2.fps))
        apex = int(np.clip(round(length * rng.normal(CAS_ME2.micro_apex, 0.06)), 2, length - 3))
        begin = _free(forbidden, at + int(rng.integers(step, 2 * step + 1)), length)
        if begin is None or begin + length + step > n_frames:
            break
        slots.append((begin, begin + apex, begin + length - 1))
        at = begin + step
    per_size = len(slots) // len(sizes)
    of_slots = rng.permutation(np.repeat(np.arange(len(sizes)), per_size))
    chosen = np.sort(rng.permutation(len(slots))[: len(of_slots)])
    movements = []
    for slot, size in zip(chosen, of_slots, strict=True):
        aus = REPERTOIRE[int(rng.integers(len(REPERTOIRE)))]
        side = "both" if rng.random() < 2 / 3 else ("left", "right")[int(rng.integers(2))]
        onset, apex, offset = slots[slot]
        movements.append(Movement(onset, apex, offset, size=float(sizes[size]), aus=aus, side=side))
    return movements


def _free(forbidden: np.ndarray, first: int, length: int) -> int | None:
    """The first place from ``first`` on where ``length`` frames are not forbidden; None: nowhere."""
    for begin in range(first, len(forbidden) - length + 1):
        if not forbidden[begin : begin + length].any():
            return begin
    return None
