"""What was spotted in one video: what `spotlib spot` fills and every export writes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.exports.clock import Clock
from spotlib.intervals import Event

SCHEMA = 1


class Row(NamedTuple):
    """One event with its times: seconds at which its frames begin, and ``end`` at which its last frame ends."""

    event: Event
    onset: float
    apex: float | None
    offset: float
    end: float
    region: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Spotted:
    """The result for one video.

    Args:
        video: its name, any text; bytes of a file name that are no text become U+FFFD.
        source: file name of the video without its folder, for programs that play it.
        fps: frames per second of the events' frames.
        n_frames: number of these frames.
        events: spotted expressions within 0 .. n_frames - 1.
        seconds: (n_frames,) instant at which each frame is shown, not decreasing, or None: frame / fps.
        regions: per event the region that moved most, or None; () if unknown for all.
        warnings: per event what to mind; () if there is nothing to mind at all.
        synthetic: the video was rendered, no real person is seen.
        weights: name or digest of the weights that spotted.
    """

    video: str
    source: str
    fps: float
    n_frames: int
    events: tuple[Event, ...] = ()
    seconds: np.ndarray | None = field(default=None, compare=False, repr=False)
    regions: tuple[str | None, ...] = ()
    warnings: tuple[tuple[str, ...], ...] = ()
    synthetic: bool = False
    weights: str = ""

    def __post_init__(self) -> None:
        for name in ("video", "source"):
            text: str = getattr(self, name)
            object.__setattr__(self, name, text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        if not self.video:
            raise SpotlibError("a spotted video has no name; name it")
        if not (math.isfinite(self.fps) and self.fps > 0 and self.n_frames > 0):
            raise SpotlibError(f"{self.video}: {self.n_frames} frames at {self.fps:g}/s; both must be above 0")
        for event in self.events:
            if event.offset >= self.n_frames:
                raise SpotlibError(f"{self.video}: event [{event.onset}, {event.offset}] of {self.n_frames} frames")
        for name in ("regions", "warnings"):
            if getattr(self, name) and len(getattr(self, name)) != len(self.events):
                raise SpotlibError(f"{self.video}: {len(getattr(self, name))} {name} for {len(self.events)} events")
        if self.seconds is not None:
            fits = self.seconds.shape == (self.n_frames,) and bool(np.isfinite(self.seconds).all())
            if not fits or self.seconds[0] < 0 or bool((np.diff(self.seconds) < 0).any()):
                raise SpotlibError(f"{self.video}: seconds must be {self.n_frames} instants from 0 on, in order")

    @cached_property
    def clock(self) -> Clock:
        """The times of the frames in a form that files can carry."""
        return Clock.of(self.fps, self.n_frames, self.seconds)

    def start(self, frame: int) -> float:
        """Seconds at which ``frame`` (0 .. n_frames) begins; frame n_frames is the end of the video."""
        if self.seconds is None:
            return frame / self.fps
        if frame < self.n_frames:
            return float(self.seconds[frame])
        return float(self.seconds[-1]) + 1 / self.fps

    @property
    def duration(self) -> float:
        """Seconds at which the last frame ends."""
        return self.start(self.n_frames)

    @property
    def rows(self) -> Iterator[Row]:
        """The events by onset, with times, region and warnings."""
        for index in sorted(range(len(self.events)), key=lambda i: (self.events[i].onset, self.events[i].offset, i)):
            event = self.events[index]
            yield Row(
                event,
                self.start(event.onset),
                None if event.apex is None else self.start(event.apex),
                self.start(event.offset),
                self.start(event.offset + 1),
                (self.regions[index] or "") if self.regions else "",
                self.warnings[index] if self.warnings else (),
            )

    @property
    def about(self) -> dict[str, Any]:
        """Everything but the events, as plain JSON; most formats carry it, so that reading them needs no video."""
        regular = self.clock.knots == ((0, 0.0),)
        return {
            "spotlib": SCHEMA,
            "video": self.video,
            "source": self.source,
            "fps": self.fps,
            "n_frames": self.n_frames,
            "synthetic": self.synthetic,
            "weights": self.weights,
            **({} if regular else {"knots": [list(knot) for knot in self.clock.knots]}),
        }
