"""Events as they come back from other programs: a table of events that also knows lengths and frame rates."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from spotlib.errors import SpotlibError
from spotlib.event_table import MAX_FRAME, EventTable
from spotlib.exports.clock import Clock
from spotlib.exports.label import Label
from spotlib.intervals import Event, Kind

V = TypeVar("V")


class UnknownRate(SpotlibError):
    """The file gives seconds, and nothing tells how many frames a second has."""


@dataclass
class Imported(EventTable):
    """Events per video, with lengths and rates as far as the file tells; a video without events is there, with none.

    ``named`` is False if the name of the video was made from the name of the file. ``notes`` are for the user.
    """

    notes: list[str] = field(default_factory=list)
    named: bool = True

    def add_video(self, name: str, clock: Clock) -> None:
        """A video, still without events; raises SpotlibError if it is there already."""
        if name in self.events:
            raise SpotlibError(f"two videos are called {name!r}; rename one of them")
        self.events[name] = []
        self.rates[name] = clock.fps
        if clock.n_frames is not None:
            self.lengths[name] = clock.n_frames

    def rename(self, old: str, new: str) -> None:
        """Call a video by another name, if that is free."""
        if new in self.events:
            return
        self.events = _renamed(self.events, old, new)
        self.subjects = _renamed(self.subjects, old, new)
        self.lengths = _renamed(self.lengths, old, new)
        self.rates = _renamed(self.rates, old, new)

    def of(self, video: str | None, where: str) -> Imported:
        """The table with only ``video`` in it; a single video takes that name. None: the table itself.

        Raises SpotlibError, beginning with ``where``, if there are several and none is called so.
        """
        if video is None:
            return self
        if len(self.events) == 1:
            self.rename(next(iter(self.events)), video)
        elif video not in self.events:
            found = ", ".join(repr(name) for name in list(self.events)[:8]) or "none"
            raise SpotlibError(f"{where}: no video {video!r} in it; give one of those found: {found}")
        return Imported(
            events={video: self.events[video]},
            subjects=_only(self.subjects, video),
            lengths=_only(self.lengths, video),
            rates=_only(self.rates, video),
            notes=self.notes,
        )


def _renamed(part: dict[str, V], old: str, new: str) -> dict[str, V]:
    return {new if name == old else name: value for name, value in part.items()}  # in the order of the file


def _only(part: dict[str, V], video: str) -> dict[str, V]:
    return {video: part[video]} if video in part else {}


class About(NamedTuple):
    """What spotlib wrote into a file about the video."""

    video: str
    source: str
    clock: Clock


def read_about(text: str) -> About | None:
    """About a video from the JSON of `Spotted.about`; None if it is not that, or was damaged."""
    try:
        return about_of(json.loads(text))
    except (ValueError, RecursionError):
        return None


def about_of(value: Any) -> About | None:
    """`read_about` of parsed JSON."""
    try:
        knots = tuple((int(frame), float(seconds)) for frame, seconds in value.get("knots", [[0, 0.0]]))
        n_frames = int(value["n_frames"])
        if not 0 < n_frames <= MAX_FRAME or not value["video"]:
            return None
        return About(str(value["video"]), str(value.get("source", "")), Clock(float(value["fps"]), n_frames, knots))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, SpotlibError):
        return None


def clock_for(about: About | None, fps: float | None, where: str) -> Clock:
    """The clock to read times by: ``fps`` if the user gave it, else what spotlib wrote into the file."""
    if fps is not None and (about is None or about.clock.fps != fps):
        return Clock(fps)
    if about is None:
        raise UnknownRate(f"{where}: the frame rate is not in it; pass fps (command line: --fps 30)")
    return about.clock


def video_name(about: About | None, media: str, path: Path) -> tuple[str, bool]:
    """Name of the video (spotlib's, else that of the linked media file, else the file's), and if it is a guess."""
    if about is not None:
        return about.video, True
    stem = media.replace("\\", "/").rpartition("/")[2]
    stem = stem.rpartition(".")[0] or stem
    return (stem, True) if stem else (path.stem, False)


def to_event(kind: Kind, begin: float, end: float, label: Label, clock: Clock, where: str) -> Event:
    """The event of an annotation from ``begin`` to ``end`` seconds.

    It is cut off at the end of the video; an apex that moved borders leave outside is dropped.

    Raises:
        SpotlibError: beginning with ``where``, for times that no event can have.
    """
    if not (math.isfinite(begin) and math.isfinite(end)):
        raise SpotlibError(f"{where}: its times are no numbers; correct them")
    if end < begin:
        raise SpotlibError(f"{where}: ends at {end:.3f} s before it begins at {begin:.3f} s; swap or correct them")
    if max(abs(begin), abs(end)) * clock.fps > MAX_FRAME:
        raise SpotlibError(f"{where}: {begin:.3f} to {end:.3f} s is beyond any video; correct it")
    if clock.n_frames is not None and begin >= clock.start(clock.n_frames):
        raise SpotlibError(
            f"{where}: begins at {begin:.3f} s, but the video ends at {clock.start(clock.n_frames):.3f} s; correct it"
        )
    if end < 0:
        raise SpotlibError(f"{where}: ends at {end:.3f} s, before the video begins; correct it")
    onset, offset = clock.interval(begin, end)
    apex = None if label.apex is None or label.apex * clock.fps > MAX_FRAME else clock.frame(label.apex)
    if apex is not None and not onset <= apex <= offset:
        apex = None
    return Event(kind, onset, apex, offset, aus=label.aus, side=label.side, score=label.score)
