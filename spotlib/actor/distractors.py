"""What a face does besides expressions, and what the light does: in no ground truth, but logged (TWIN.md).

Everything is drawn once for a whole video as arrays over time; frames then only look their values up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from spotlib.actor.action_units import spread, unit
from spotlib.actor.asset import load_head
from spotlib.actor.motion import LandmarkField, coupled, minimum_jerk
from spotlib.actor.streams import stream
from spotlib.intervals import Event, Interval, Kind


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How much of each distractor there is. Ranges are (lowest, highest) and drawn evenly."""

    blink_gap: tuple[float, float] = (2.0, 6.0)  # s between two blinks, as people watching films
    blink_coupling: tuple[float, float] = (0.003, 0.006)  # share of IOD that a blink moves brow and cheek
    gaze_gap: tuple[float, float] = (0.7, 3.0)  # s between two gaze shifts; fixations on a screen
    gaze_range: float = 8.0  # degrees to each side; a 24-inch screen at 70 cm spans +-20, most of it unused
    head_rotation: float = 1.5  # degrees; largest yaw of drift and sway. A knob of difficulty
    head_shift: float = 0.04  # share of IOD; largest translation by drift
    turn_gap: tuple[float, float] = (9.0, 25.0)  # s between two turns, by 1.2 to 2.5 times head_rotation
    breathing: float = 0.006  # share of IOD; rise of the head with each breath
    swallow_gap: tuple[float, float] = (15.0, 45.0)  # s between two swallows
    talking: float = 0.08  # share of time spent talking. A knob of difficulty
    light_drift: float = 0.02  # share of the gain; slow change of the light
    flicker: float = 0.004  # share of the gain; mains flicker as the frame rate shows it


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One distractor: kind ("blink", "gaze", "turn", "swallow", "talking") and its frames, inclusive."""

    kind: str
    onset: int
    offset: int


@dataclass(frozen=True)
class Distractors:
    """All distractors of one video of T frames.

    Attributes
    ----------
    weights : (T, 52) float64, face-unit weights to add to those of the expressions
    gaze : (T, 2) float64, radians to the picture's right and up
    head : (T, 6) float64, yaw, pitch, roll (radians), tx, ty (share of IOD), scale
    gain : (T,) float64, factor on the light
    shift : (T, 2) float64, shift of the light's direction, share of its length
    log : what happened when, by onset; drift, sway, breathing and light never stop and are not in it
    """

    weights: np.ndarray
    gaze: np.ndarray
    head: np.ndarray
    gain: np.ndarray
    shift: np.ndarray
    log: tuple[LogEntry, ...]


def make_distractors(
    habits: Habits,
    *,
    seed: int,
    path: tuple[int | str, ...],
    n_frames: int,
    fps: float,
    field: LandmarkField,
    events: Sequence[Event] = (),
) -> Distractors:
    """Draw the distractors of one video, each from its own stream under (seed, path).

    Nobody talks or swallows within half a second of the micro-expressions in ``events`` or in the middle half
    of a macro-expression: a talking mouth hides them, and the truth would claim what nobody can see.
    """
    time = np.arange(n_frames) / fps
    weights = np.zeros((n_frames, len(load_head().unit_names)))
    log: list[LogEntry] = []

    rng = stream(seed, "blinks", *path)
    for start in _moments(rng, habits.blink_gap, time):
        _blink(rng, weights, log, start, fps, field, habits.blink_coupling)
    rng = stream(seed, "gaze", *path)
    gaze = _gaze(rng, habits, time, fps, log)
    _lids_follow(weights, gaze)
    blocked = np.zeros(n_frames, dtype=bool)
    for event in events:
        margin = round(0.5 * fps) if event.kind is Kind.MICRO else -(event.length // 4)
        _block(blocked, event.interval, margin)
    rng = stream(seed, "talking", *path)
    talking = np.zeros(n_frames)
    for burst in _bursts(rng, habits.talking, ~blocked, fps):
        talking += _talk(rng, weights, burst, fps)
        log.append(LogEntry("talking", burst.onset, burst.offset))
        _block(blocked, burst, round(0.3 * fps))
    rng = stream(seed, "swallowing", *path)
    for start in _moments(rng, habits.swallow_gap, time):
        _swallow(rng, weights, log, start, fps, blocked)
    head = _head(stream(seed, "head", *path), habits, time, fps, talking, log)
    rng = stream(seed, "light", *path)
    gain = 1.0 + habits.light_drift * _wander(rng, time, 6.0)
    # 100 or 120 Hz mains flicker seen at the frame rate: a steady beat of a few Hz
    gain += habits.flicker * np.sin(2 * np.pi * (rng.uniform(0.5, 8.0) * time + rng.random()))
    shift = 1.5 * habits.light_drift * np.stack([_wander(rng, time, 8.0), _wander(rng, time, 8.0)], axis=1)
    log.sort(key=lambda entry: (entry.onset, entry.kind))
    return Distractors(np.minimum(weights, 1.0), gaze, head, gain, shift, tuple(log))


def _moments(rng: np.random.Generator, gap: tuple[float, float], time: np.ndarray) -> list[float]:
    """Times in seconds, ``gap`` apart, from anywhere within the first gap on."""
    length = len(time) * (time[1] - time[0]) if len(time) > 1 else 0.0
    at, found = rng.uniform(0.0, gap[1]), []
    while at < length:
        found.append(at)
        at += rng.uniform(*gap)
    return found


def _wander(rng: np.random.Generator, time: np.ndarray, period: float) -> np.ndarray:
    """A smooth random signal (T,) within [-1, 1] that changes its mind about every ``period`` seconds."""
    knots = np.arange(-period, time[-1] + 2.01 * period, period)
    signal = CubicSpline(knots, rng.uniform(-1.0, 1.0, len(knots)))(time)
    return signal / max(1.0, np.abs(signal).max())


def _pulse(n_frames: int, fps: float, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    """Minimum-jerk pulse (T,) of height 1; all times in seconds."""
    time = np.arange(n_frames) / fps
    return np.minimum(minimum_jerk((time - start) / rise), 1 - minimum_jerk((time - start - rise - hold) / fall))


def _entry(kind: str, start: float, end: float, fps: float, n_frames: int) -> LogEntry:
    onset = min(int(np.floor(start * fps)) + 1, n_frames - 1)
    return LogEntry(kind, onset, int(np.clip(np.ceil(end * fps) - 1, onset, n_frames - 1)))


def _block(blocked: np.ndarray, interval: Interval, margin: int) -> None:
    blocked[max(0, interval.onset - margin) : interval.offset + margin + 1] = True


def _blink(
    rng: np.random.Generator,
    weights: np.ndarray,
    log: list[LogEntry],
    start: float,
    fps: float,
    field: LandmarkField,
    coupling: tuple[float, float],
) -> None:
    # lids close in about 0.1 s and open in about 0.2 s
    close, shut, open_ = rng.uniform(0.08, 0.12), rng.uniform(0.02, 0.06), rng.uniform(0.14, 0.24)
    pulse = _pulse(len(weights), fps, start, close, shut, open_)
    left, right = rng.uniform(0.9, 1.0, 2)
    weights += pulse[:, None] * spread("eyeBlink", left, right)
    weights += pulse[:, None] * coupled(field, rng.uniform(*coupling))
    log.append(_entry("blink", start, start + close + shut + open_, fps, len(weights)))


def _gaze(rng: np.random.Generator, habits: Habits, time: np.ndarray, fps: float, log: list[LogEntry]) -> np.ndarray:
    reach = np.deg2rad(habits.gaze_range) * np.array([1.0, 0.6])
    now = reach * rng.uniform(-0.5, 0.5, 2)
    gaze = np.tile(now, (len(time), 1))
    for start in _moments(rng, habits.gaze_gap, time):
        aim = reach * np.clip(0.5 * rng.standard_normal(2), -1, 1)
        takes = 0.03 + 0.2 * float(np.linalg.norm(aim - now))  # saccades: 30 ms and more with their size
        gaze += minimum_jerk((time - start) / takes)[:, None] * (aim - now)
        now = aim
        log.append(_entry("gaze", start, start + takes, fps, len(time)))
    return gaze


def _lids_follow(weights: np.ndarray, gaze: np.ndarray) -> None:
    """Upper lids go with the eyes; the face units for looking are full at about 30 degrees."""
    up = gaze[:, 1] / np.deg2rad(30.0)
    for name, share in (("eyeLookUp", np.maximum(up, 0)), ("eyeLookDown", np.maximum(-up, 0))):
        weights += share[:, None] * spread(name, 1.0, 1.0)


def _bursts(rng: np.random.Generator, share: float, free: np.ndarray, fps: float) -> list[Interval]:
    """Talking bursts of 0.8 to 2.5 s in the ``free`` frames (T,), together about ``share`` of the video."""
    wanted = share * rng.uniform(0.6, 1.4) * len(free)
    free = free.copy()
    found: list[Interval] = []
    shortest = round(0.8 * fps)
    for _ in range(200):
        missing = wanted - sum(len(burst) for burst in found)
        if missing < 0.5 * shortest:
            break
        length = max(shortest, min(round(rng.uniform(0.8, 2.5) * fps), round(missing)))
        inside = np.concatenate([[0], np.cumsum(free)])
        if length > len(free):
            continue
        starts = np.flatnonzero(inside[length:] - inside[:-length] == length)
        if not len(starts):
            continue
        start = int(rng.choice(starts))
        found.append(Interval(start, start + length - 1))
        free[max(0, start - round(0.4 * fps)) : start + length + round(0.4 * fps)] = False
    return sorted(found)


def _talk(rng: np.random.Generator, weights: np.ndarray, burst: Interval, fps: float) -> np.ndarray:
    """Syllables at 3 to 6 Hz between the burst's ends; returns their loudness (T,), for the nods."""
    loud = np.zeros(len(weights))
    start, end = (burst.onset - 1) / fps, (burst.offset + 1) / fps
    rate = rng.uniform(3.0, 6.0)
    while start < end - 0.5 / rate:
        takes = min(rng.uniform(0.8, 1.25) / rate, end - start)
        rise = takes * rng.uniform(0.4, 0.6)
        # neighbouring syllables overlap, or the mouth would shut between any two of them
        tail = min(takes - rise + 0.3 * takes, end - start - rise)
        pulse = _pulse(len(weights), fps, start, rise, 0.0, tail)
        weights[:, unit("jawOpen")] += pulse * rng.uniform(0.03, 0.15)
        for stem, most in _LIPS[int(rng.integers(len(_LIPS)))]:
            weights += pulse[:, None] * spread(stem, 1.0, 1.0, rng.uniform(0.3, 1.0) * most)
        loud += pulse * rng.uniform(-1.0, 1.0)
        start += takes
    return loud


# vowels and consonants by their lips: (face unit, largest weight)
_LIPS = (
    (("mouthFunnel", 0.25), ("mouthLowerDown", 0.15)),
    (("mouthPucker", 0.3),),
    (("mouthStretch", 0.15), ("mouthLowerDown", 0.3)),
    (("mouthPress", 0.2), ("mouthRollLower", 0.1)),
    (("mouthUpperUp", 0.15), ("mouthLowerDown", 0.25)),
)


def _swallow(
    rng: np.random.Generator,
    weights: np.ndarray,
    log: list[LogEntry],
    start: float,
    fps: float,
    blocked: np.ndarray,
) -> None:
    rise, hold, fall = rng.uniform(0.25, 0.35), rng.uniform(0.1, 0.25), rng.uniform(0.3, 0.45)
    for delay in (0.0, *rng.uniform(0.0, 8.0, 8)):  # one waits for a quiet moment, or does not swallow
        entry = _entry("swallow", start + delay, start + delay + rise + hold + fall, fps, len(weights))
        if (start + delay) * fps < len(weights) - 2 and not blocked[entry.onset : entry.offset + 1].any():
            break
    else:
        return
    start += delay
    pulse = _pulse(len(weights), fps, start, rise, hold, fall)
    weights += pulse[:, None] * (
        spread("mouthShrugLower", 1, 1, rng.uniform(0.08, 0.2)) + spread("mouthPress", 1, 1, rng.uniform(0.1, 0.25))
    )
    log.append(entry)


def _head(
    rng: np.random.Generator,
    habits: Habits,
    time: np.ndarray,
    fps: float,
    talking: np.ndarray,
    log: list[LogEntry],
) -> np.ndarray:
    largest = np.deg2rad(habits.head_rotation)
    head = np.zeros((len(time), 6))
    head[:, 5] = 1.0
    for axis, share in ((0, 1.0), (1, 0.7), (2, 0.5)):  # yaw most, roll least
        sway = np.sin(2 * np.pi * (rng.uniform(0.12, 0.25) * time + rng.random())) * _wander(rng, time, 3.0)
        head[:, axis] = share * largest * (0.8 * _wander(rng, time, 5.5) + 0.2 * sway)
    for axis, share in ((3, 1.0), (4, 0.7)):
        head[:, axis] = share * habits.head_shift * _wander(rng, time, 5.0)
    head[:, 5] += 0.3 * habits.head_shift * _wander(rng, time, 6.0)
    # a turn: there in about a second, a while, and back
    for start in _moments(rng, habits.turn_gap, time):
        rise, hold, fall = rng.uniform(0.7, 1.3), rng.uniform(0.4, 2.5), rng.uniform(0.7, 1.4)
        aim = largest * rng.uniform(1.2, 2.5) * rng.choice([-1.0, 1.0], 3) * np.array([1.0, 0.5, 0.3])
        aim *= rng.permuted([1.0, rng.uniform(0.2, 1.0), rng.uniform(0.2, 1.0)])
        head[:, :3] += _pulse(len(time), fps, start, rise, hold, fall)[:, None] * aim
        log.append(_entry("turn", start, start + rise, fps, len(time)))
        if start + rise + hold < time[-1]:
            log.append(_entry("turn", start + rise + hold, start + rise + hold + fall, fps, len(time)))
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * (rng.uniform(0.2, 0.3) * time + rng.random()))
    head[:, 4] -= habits.breathing * breath  # the picture's y grows downwards
    head[:, 1] += 0.1 * largest * breath
    head[:, 1] += 0.2 * largest * talking  # people nod with their words
    return head
