"""What a data set is to the rest of spotlib: named videos of named people, with events."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import Event

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("subject", "video", "kind", "onset", "apex", "offset", "aus", "side", "note", "n_frames", "fps")


@runtime_checkable
class Video(Protocol):
    """One video: who, which, how long, what happens in it, and its frames in order."""

    @property
    def subject(self) -> str:
        """Who is seen. Videos of one subject never stand on two sides of a split."""
        ...

    @property
    def name(self) -> str:
        """Name of the video, unique in its data set."""
        ...

    @property
    def n_frames(self) -> int:
        """Number of frames; events lie within 0 .. n_frames - 1."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second of `frames` and of the events."""
        ...

    @property
    def events(self) -> tuple[Event, ...]:
        """The annotated expressions, by onset."""
        ...

    @property
    def digest(self) -> str:
        """Identifies the content (pictures and events) without reading or rendering all of it."""
        ...

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        """Frames from ``start`` on: (H, W, 3) uint8 RGB, or (H, W) uint8 for a grey data set."""
        ...

    def frame(self, index: int) -> np.ndarray:
        """One frame."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Videos with a name. ``synthetic`` is shown on everything that is made from them."""

    name: str
    synthetic: bool
    videos: tuple[Video, ...]

    def __post_init__(self) -> None:
        names = [video.name for video in self.videos]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SpotlibError(f"{self.name}: two videos are called {twice[0]!r}; rename one of them")

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everybody in it, in natural order."""
        return tuple(sorted({video.subject for video in self.videos}, key=natural))

    @property
    def digest(self) -> str:
        """Changes with the content of any video."""
        joined = "\n".join(f"{video.subject} {video.name} {video.digest}" for video in self.videos)
        return hashlib.sha256(joined.encode()).hexdigest()

    def video(self, name: str) -> Video:
        """The video of that name; raises SpotlibError if there is none."""
        for video in self.videos:
            if video.name == name:
                return video
        known = ", ".join(video.name for video in self.videos[:3])
        raise SpotlibError(f"{self.name} has no video {name!r}; its {len(self.videos)} begin with {known}")

    def of(self, subjects: Collection[str]) -> tuple[Video, ...]:
        """All videos of some subjects, in the order of the data set."""
        return tuple(video for video in self.videos if video.subject in subjects)

    def __len__(self) -> int:
        return len(self.videos)


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that reads numbers as numbers.

    >>> sorted(["s10", "s2", "a1"], key=natural)
    ['a1', 's2', 's10']
    """
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", text)]


def events_table(dataset: Dataset) -> pd.DataFrame:
    """All events of a data set, one a row, with the columns COLUMNS; ``aus`` joined by "+".

    The same table comes from the loaders of real data and from twins. An apex that was not annotated is <NA>.
    """
    import pandas as pd

    rows: list[Sequence[object]] = [
        (
            video.subject,
            video.name,
            str(event.kind),
            event.onset,
            event.apex,
            event.offset,
            "+".join(event.aus),
            event.side,
            event.note,
            video.n_frames,
            video.fps,
        )
        for video in dataset.videos
        for event in video.events
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"apex": "Int64"})
