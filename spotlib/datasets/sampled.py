"""A twin as the pipeline meets the real data set: annotated events under conventions, and only the frames used.

`AnnotatedTwin` is to a `TwinVideo` what a loaded folder of pictures is to the recording: every 7th picture of SAMM-LV,
the last readable picture in place of a missing one, events from an annotator's table. It gives what the loader of the
real data set gives for the twin written to disk (`layout`), and knows the truth besides.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from spotlib.actor.distractors import LogEntry
from spotlib.actor.identity import Identity
from spotlib.actor.motion import Visibility
from spotlib.actor.pose import Pose
from spotlib.actor.render import Light
from spotlib.datasets.annotator import records
from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions, to_events
from spotlib.datasets.records import SAMPLINGS, Finding, FrameMap
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_files import FilePlan, check_size, file_plan, subject_code, video_code
from spotlib.errors import SpotlibError
from spotlib.intervals import Event


@dataclass(frozen=True)
class AnnotatedTwin:
    """A `spotlib.datasets.base.Video` over a `TwinVideo`. Cheap to make and to pickle.

    Frames count as in `events`; ``twin`` is the recording in its own, source frames. ``dataset`` is the real data set
    whose names, table and files are played.
    """

    twin: TwinVideo
    dataset: str
    conventions: Conventions = field(default_factory=Conventions)
    part: str = "A"

    def __reduce__(self) -> tuple[Any, ...]:
        return AnnotatedTwin, (self.twin, self.dataset, self.conventions, self.part)  # without the caches

    # --- Video ---

    @property
    def subject(self) -> str:
        """As the real data set would call the person."""
        return subject_code(self.twin, self.dataset, self.part)

    @property
    def name(self) -> str:
        """As the loader of the real data set would call the video."""
        return video_code(self.twin, self.dataset, self.part)

    @property
    def fps(self) -> float:
        """Frames per second after sampling: 28.57 or 25 for SAMM-LV."""
        return self.twin.fps / self.frame_map.step

    @cached_property
    def n_frames(self) -> int:
        """Number of frames used."""
        return self.frame_map.length(self.files.last)

    @property
    def events(self) -> tuple[Event, ...]:
        """What the conventions make of the annotator's table."""
        return self._annotated[0]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What happened to records on the way to events."""
        return self._annotated[1]

    @cached_property
    def digest(self) -> str:
        """sha256 over the twin's recipe, the frame map and the pictures held; not over events."""
        held = hashlib.sha256(self.sources.astype("<i8").tobytes()).hexdigest()
        content = [self.twin.digest, self.dataset, str(self.frame_map), held]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def frame(self, index: int) -> np.ndarray:
        """One frame, the only one that is rendered: (H, W) uint8 for SAMM-LV, else (H, W, 3) uint8 RGB."""
        return self.twin.frame(self.source_frame(index))

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        """The frames from ``start`` on, each equal to what `frame` gives."""
        before, picture = -1, None
        for source in self.sources[start:].tolist():
            if picture is None or source != before:
                before, picture = source, self.twin.frame(source)
            yield picture

    # --- which pictures ---

    @cached_property
    def frame_map(self) -> FrameMap:
        """From picture numbers to frames."""
        if self.dataset == "samm_lv":
            return SAMPLINGS[self.conventions.sampling]
        return FrameMap(first=self.files.first)

    @cached_property
    def files(self) -> FilePlan:
        """The picture files there would be."""
        return file_plan(self.twin, self.dataset)

    @cached_property
    def sources(self) -> np.ndarray:
        """(T,) int64: the source frame that is shown as each frame. Missing and damaged pictures are held."""
        numbers = self.frame_map.first + self.frame_map.step * np.arange(self.n_frames, dtype=np.int64)
        there = np.isin(numbers, self.files.numbers) & ~np.isin(numbers, self.files.damaged)
        # the first frame is always there (`file_plan`)
        shown = np.maximum.accumulate(np.where(there, np.arange(len(numbers)), 0))
        return numbers[shown] - self.files.first

    def source_frame(self, index: int) -> int:
        """Source frame that is shown as frame ``index``; SpotlibError if there is no such frame."""
        if not 0 <= index < self.n_frames:
            raise SpotlibError(f"{self.name}: no frame {index}; it has frames 0 to {self.n_frames - 1}")
        return int(self.sources[index])

    @cached_property
    def _annotated(self) -> tuple[tuple[Event, ...], tuple[Finding, ...]]:
        return to_events(
            records(self.twin, self.dataset, self.part),
            self.conventions,
            dataset=self.dataset,
            frame_map=self.frame_map,
            n_frames=self.n_frames,
        )

    # --- truth ---

    @cached_property
    def true_events(self) -> tuple[Event, ...]:
        """The twin's own events in frames, complete and exact."""
        near = self._near
        return tuple(
            dataclasses.replace(
                event,
                onset=near(event.onset),
                apex=None if event.apex is None else near(event.apex),
                offset=near(event.offset),
            )
            for event in self.twin.events
        )

    def landmarks(self, index: int) -> np.ndarray:
        """The 68 landmarks (68, 2) float64 in px of the picture shown as frame ``index``."""
        return self.twin.landmarks(self.source_frame(index))

    def node_motion(self, first: int, second: int) -> np.ndarray:
        """Exact motion (68, 2) in px of every landmark from frame ``first`` to frame ``second``."""
        return self.twin.node_motion(self.source_frame(first), self.source_frame(second))

    def pose(self, index: int) -> Pose:
        """Pose of the head."""
        return self.twin.pose(self.source_frame(index))

    def light(self, index: int) -> Light:
        """The light."""
        return self.twin.light(self.source_frame(index))

    @property
    def weights(self) -> np.ndarray:
        """Face-unit weights (T, 52) float64 of expressions and distractors together."""
        return self.twin.weights[self.sources]

    @property
    def event_weights(self) -> np.ndarray:
        """Face-unit weights (T, 52) float64 of the expressions alone."""
        return self.twin.event_weights[self.sources]

    @property
    def identity(self) -> Identity:
        """Who it is."""
        return self.twin.identity

    @cached_property
    def distractor_log(self) -> tuple[LogEntry, ...]:
        """Blinks, gaze shifts, turns, swallows and talking in frames, by onset; short ones last one frame."""
        return tuple(LogEntry(e.kind, self._near(e.onset), self._near(e.offset)) for e in self.twin.distractor_log)

    @cached_property
    def event_visibility(self) -> tuple[Visibility, ...]:
        """For each of `events`: how far the expression behind it moves the ten nodes and the whole face."""
        shown = self.twin.event_visibility
        return tuple(dataclasses.replace(shown[self._behind(event)], event=event) for event in self.events)

    def _behind(self, event: Event) -> int:
        """Number of the true event that an annotated one stands for: of its kind, the one it covers best."""
        fits = [
            (true.kind is event.kind, true.interval.iou(event.interval), -abs(true.onset - event.onset))
            for true in self.true_events
        ]
        return max(range(len(fits)), key=fits.__getitem__)

    def _near(self, source: int) -> int:
        """Frame of a source frame, within the video."""
        return min(max(self.frame_map.frame(source + self.files.first), 0), self.n_frames - 1)


def annotated(
    videos: Sequence[TwinVideo], dataset: str, conventions: Conventions | None = None, *, part: str = "A"
) -> Dataset:
    """Twin videos as the data set that a loader would make of them."""
    check_size(dataset, part, videos)
    conventions = conventions or Conventions()
    return Dataset(dataset, True, tuple(AnnotatedTwin(video, dataset, conventions, part) for video in videos))
