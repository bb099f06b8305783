"""Twins: rendered long videos with scheduled expressions and everything known about them (TWIN.md).

A `TwinVideo` is a recipe, not a file. Its schedule, its people and each of its frames follow from (spec,
seed, subject, video) alone, so that frames can be made in any order, in any process, and videos thrown away
at no loss.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spotlib.actor.action_units import one_sided
from spotlib.actor.asset import ASSET_SHA256
from spotlib.actor.camera import Camera
from spotlib.actor.distractors import Distractors, LogEntry, make_distractors
from spotlib.actor.face import Actor
from spotlib.actor.identity import Identity, sample_identity
from spotlib.actor.motion import Expression, LandmarkField, Visibility, event_weights, express, visibility
from spotlib.actor.pose import Pose
from spotlib.actor.render import Light
from spotlib.actor.streams import frame_stream, stream
from spotlib.datasets.base import Dataset
from spotlib.datasets.schedule import Slot, draw_aus, sample_events
from spotlib.datasets.script import Cue, Script
from spotlib.datasets.specs import TwinSpec, get_spec
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind

# Part of every video's digest: raise it when the same recipe gives other pictures or events, so that what was
# computed from the old ones is not taken for new.
CONTENT_VERSION = 1
# Fields of a spec that say how many videos there are, not what is in one of them.
_NOT_CONTENT = ("name", "subjects", "videos_per_subject")
# Fields that came later, with the value that stands for how it was before: at it a recipe keeps its old digest.
_LATER: dict[str, Any] = {
    "fewest": 0,
    "statistics": {"gap_spread": 0.8, "micro_tail": None, "macro_tail": None},
}


@functools.lru_cache(maxsize=1024)
def _identity(seed: int, person: int) -> Identity:
    return sample_identity(int(stream(seed, "identity", person).integers(2**31)))


@functools.lru_cache(maxsize=2)  # an actor holds textures and buffers of some 40 MB
def _actor(identity: Identity, size: tuple[int, int], face_width: float | None, grey: bool) -> Actor:
    return Actor(identity, size=size, face_width=face_width, grey=grey)


@functools.lru_cache(maxsize=1024)
def _field(identity: Identity, size: tuple[int, int], face_width: float | None, grey: bool) -> LandmarkField:
    return LandmarkField.of(Actor(identity, size=size, face_width=face_width, grey=grey))


@dataclass(frozen=True)
class TwinVideo:
    """One synthetic video: a `Video` whose frames are rendered on demand, with its truth.

    ``person`` and ``number`` count from 0. A ``script`` says what to play instead of drawing it. Cheap to make, to
    pickle and to forget; whatever is derived is cached.
    """

    spec: TwinSpec
    seed: int
    person: int
    number: int
    script: Script | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return TwinVideo, (self.spec, self.seed, self.person, self.number, self.script)  # without the caches

    # --- Video ---

    @property
    def subject(self) -> str:
        """ "s01" is the first person; a script brings its own name."""
        return self.script.subject if self.script else f"s{self.person + 1:02d}"

    @property
    def name(self) -> str:
        """ "s01_1" is the first person's first video; a script brings its own name."""
        return self.script.video if self.script else f"{self.subject}_{self.number + 1}"

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.spec.fps

    @cached_property
    def n_frames(self) -> int:
        """Number of frames."""
        if self.script:
            return self.script.n_frames
        draw = self._stream("length").normal(0.0, 1.0)
        factor = float(np.exp(self.spec.seconds_spread * np.clip(draw, -2, 2)))
        return round(self.spec.typical_frames * factor)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The expressions, by onset."""
        return tuple(shown.event for shown in self.expressions)

    @cached_property
    def digest(self) -> str:
        """sha256 over all that the video follows from; takes a millisecond and renders nothing."""
        spec = {k: v for k, v in dataclasses.asdict(self.spec).items() if k not in _NOT_CONTENT}
        spec = _as_before(spec, _LATER)
        recipe = {
            "content": CONTENT_VERSION,
            "asset": ASSET_SHA256,
            "spec": spec,
            "identity": dataclasses.asdict(self.identity),
            "schedule": [dataclasses.astuple(slot) for slot in self.slots],
            "seed": self.seed,
            "video": [self.person, self.number],
        }
        if self.script:
            recipe["script"] = self.script.content
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()

    def frame(self, index: int) -> np.ndarray:
        """Frame ``index`` as the camera saw it: (H, W, 3) uint8 RGB, or (H, W) uint8 if grey."""
        return self.camera.shoot(self.render(index), frame_stream(self._frame_key, index))

    def jpeg(self, index: int) -> bytes:
        """Frame ``index`` as the JPEG file whose picture `frame` is. SpotlibError if the camera has no JPEG."""
        return self.camera.encode(self.render(index), frame_stream(self._frame_key, index)).tobytes()

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        """The frames from ``start`` on, each equal to what `frame` gives."""
        for index in range(start, self.n_frames):
            yield self.frame(index)

    # --- truth ---

    def landmarks(self, index: int) -> np.ndarray:
        """The 68 landmarks (68, 2) float64 in px: projected mesh vertices, exact."""
        return self.actor.landmarks(self.weights[index], self.pose(index))

    def node_motion(self, first: int, second: int) -> np.ndarray:
        """Exact motion (68, 2) in px of every landmark from frame ``first`` to frame ``second``."""
        return self.landmarks(second) - self.landmarks(first)

    def pose(self, index: int) -> Pose:
        """Pose of the head."""
        yaw, pitch, roll, tx, ty, scale = self.distractors.head[self._checked(index)].tolist()
        return Pose(yaw=yaw, pitch=pitch, roll=roll, tx=tx, ty=ty, scale=scale)

    def light(self, index: int) -> Light:
        """The light."""
        across, up = self.distractors.shift[self._checked(index)].tolist()
        still = Light()
        x, y, z = still.direction
        return Light(gain=float(self.distractors.gain[index]), direction=(x + across, y + up, z))

    @cached_property
    def weights(self) -> np.ndarray:
        """Face-unit weights (T, 52) float64 of expressions and distractors together, within 0 .. 1."""
        return np.minimum(self.event_weights + self.distractors.weights, 1.0)

    @cached_property
    def event_weights(self) -> np.ndarray:
        """Face-unit weights (T, 52) of the expressions alone: zero outside the events."""
        return event_weights(self.expressions, self.n_frames, fps=self.fps)

    @property
    def distractor_log(self) -> tuple[LogEntry, ...]:
        """Blinks, gaze shifts, turns, swallows and talking, by onset."""
        return self.distractors.log

    @property
    def event_visibility(self) -> tuple[Visibility, ...]:
        """For each of `events`: how far it moves the ten nodes and the whole face."""
        return tuple(visibility(shown, self.field) for shown in self.expressions)

    # --- how it is made ---

    @cached_property
    def identity(self) -> Identity:
        """Who it is; the same for all videos of a person, and for all twins of a seed."""
        return _identity(self.seed, self.person)

    @property
    def actor(self) -> Actor:
        """The face, ready to be rendered (shared with the person's other videos)."""
        return _actor(self.identity, self.spec.size, self.spec.face_width, self.spec.grey)

    @property
    def field(self) -> LandmarkField:
        """How this face answers to its face units."""
        return _field(self.identity, self.spec.size, self.spec.face_width, self.spec.grey)

    @cached_property
    def camera(self) -> Camera:
        """Noise and JPEG."""
        return Camera(noise=self.spec.noise, jpeg_quality=self.spec.jpeg_quality, grey=self.spec.grey)

    def render(self, index: int) -> np.ndarray:
        """The picture before the camera, without noise."""
        index = self._checked(index)
        gaze = (float(self.distractors.gaze[index, 0]), float(self.distractors.gaze[index, 1]))
        return self.actor.render(self.weights[index], self.pose(index), gaze=gaze, light=self.light(index))

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """When something is shown."""
        if self.script:
            return tuple(cue.slot for cue in self.script.cues)
        spec, rng = self.spec, self._stream("schedule")
        share = self.n_frames / spec.mean_frames if spec.seconds_spread else 1.0
        n_micro = _count(rng, spec.micro_per_video, share)
        n_macro = _count(rng, spec.macro_per_video, share)
        for _ in range(spec.fewest - n_micro - n_macro):
            if rng.random() * (_mean(spec.micro_per_video) + _mean(spec.macro_per_video)) < _mean(spec.micro_per_video):
                n_micro += 1
            else:
                n_macro += 1
        while True:
            try:
                return sample_events(
                    rng,
                    spec.statistics,
                    self.n_frames,
                    fps=spec.fps,
                    n_micro=n_micro,
                    n_macro=n_macro,
                    min_gap=spec.min_gap,
                    max_length=spec.max_length,
                )
            except SpotlibError:
                # a Poisson number may be too large for a short video; a number asked for is not changed
                if isinstance(spec.macro_per_video, tuple) or n_macro == 0:
                    raise
                n_macro -= 1

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """What is shown, and how strongly."""
        shown: list[Expression] = []
        for k, slot in enumerate(self.slots):
            others = [e.event.aus for e, s in zip(shown, self.slots, strict=False) if s.meets(slot)]
            cue = self.script.cues[k] if self.script else None
            shown.append(self._cast(self._stream("cast", k), slot, tuple(au for aus in others for au in aus), cue))
        return tuple(shown)

    @cached_property
    def distractors(self) -> Distractors:
        """What else happens."""
        return make_distractors(
            self.spec,
            seed=self.seed,
            path=(self.person, self.number),
            n_frames=self.n_frames,
            fps=self.fps,
            field=self.field,
            events=self.events,
        )

    def _cast(self, rng: np.random.Generator, slot: Slot, avoid: tuple[str, ...], cue: Cue | None = None) -> Expression:
        """Draw what is shown in a slot until the nodes see enough of it; else the best that was drawn.

        What a cue tells is not drawn: its side, and its AUs if it names any.
        """
        spec, micro = self.spec, slot.kind is Kind.MICRO
        low, high = spec.micro_size if micro else spec.macro_size
        enough = spec.min_visible if micro else spec.min_visible_macro
        if rng.random() < spec.invisible:
            enough = 0.0
        best: Expression | None = None
        for attempt in range(60):
            if cue is not None and cue.aus:
                aus = cue.aus
            elif attempt % 3 == 0:  # another size or side first: other AUs change their shares
                aus = draw_aus(rng, spec.statistics.aus(slot.kind), avoid=avoid)
            side = cue.side if cue is not None else "both"
            if cue is None and rng.random() < spec.statistics.one_sided and all(map(one_sided, aus)):
                side = ("left", "right")[int(rng.integers(2))]
            balance = rng.uniform(0.7, 1.0, 2)
            balance /= balance.max()
            strengths = rng.uniform(0.6, 1.0, len(aus))
            size = rng.uniform(low, high) if micro else low * (high / low) ** rng.random()
            shown = express(
                self.field,
                Event(slot.kind, slot.onset, slot.apex, slot.offset, aus, side, note=cue.note if cue else ""),
                size=float(size),
                left=float(balance[0]),
                right=float(balance[1]),
                strengths=(strengths / strengths.max()).tolist(),
                coupling=float(rng.uniform(*spec.coupling)),
            )
            if best is None or shown.node_share > best.node_share:
                best = shown
            if shown.node_share >= enough:
                return shown
        assert best is not None
        return best

    def _stream(self, *path: int | str) -> np.random.Generator:
        return stream(self.seed, path[0], self.person, self.number, *path[1:])

    @cached_property
    def _frame_key(self) -> int:
        return int(self._stream("noise").integers(2**63))

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.n_frames:
            raise SpotlibError(f"{self.name}: no frame {index}; it has frames 0 to {self.n_frames - 1}")
        return index


def _as_before(values: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """``values`` without the fields in ``later`` that have the value given there."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(later.get(name), dict):
            kept[name] = _as_before(value, later[name])
        elif name not in later or value != later[name]:
            kept[name] = value
    return kept


def _count(rng: np.random.Generator, wanted: tuple[int, int] | float, share: float) -> int:
    return int(rng.integers(wanted[0], wanted[1] + 1) if isinstance(wanted, tuple) else rng.poisson(wanted * share))


def _mean(wanted: tuple[int, int] | float) -> float:
    return sum(wanted) / 2 if isinstance(wanted, tuple) else wanted


def make_twin(spec: str | TwinSpec, *, seed: int = 0, **changes: Any) -> Dataset:
    """The twin of a data set: ``spec`` is its name or your own, ``changes`` are fields of `TwinSpec`.

    >>> twin = make_twin("demo", seed=1, subjects=3, talking=0.0)
    >>> len(twin), twin.subjects, twin.synthetic
    (6, ('s01', 's02', 's03'), True)

    Nothing is rendered yet. Raises SpotlibError for an unknown name or field (with the nearest one) and for
    values out of range.
    """
    spec = (get_spec(spec) if isinstance(spec, str) else spec).changed(**changes)
    videos = [TwinVideo(spec, seed, s, v) for s in range(spec.subjects) for v in range(spec.n_videos(s))]
    return Dataset(spec.name, True, tuple(videos))
