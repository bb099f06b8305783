"""The user's own annotated videos: ``ROOT/events.csv`` and ``ROOT/videos/<name>.mp4`` or folders of pictures.

The table is spotlib's (`spotlib.event_table`): ``video,kind,onset,apex,offset`` and, if known, ``subject``, ``fps`` and
the rest. Frames count from 0. A video without a row is kept: it counts for false alarms.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from spotlib.datasets.base import Dataset, natural
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.nearby import MARKER
from spotlib.datasets.pictures import is_synthetic, read_picture
from spotlib.datasets.records import Finding, Origin, Severity
from spotlib.errors import SpotlibError
from spotlib.event_table import EventTable, read_events_csv
from spotlib.intervals import Event
from spotlib.video import IMAGE_SUFFIXES, ImageFolder, VideoSource, open_video

NAME = "own"
TABLE = "events.csv"
VIDEOS = "videos"
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".mts", ".ts", ".flv")
_BLOCKS, _BLOCK = 16, 65536  # a file's digest is over so many spread blocks: a film has gigabytes


@dataclass(frozen=True, kw_only=True)
class OwnVideo:
    """A `spotlib.datasets.base.Video` of a video file or a folder of pictures; frames are (H, W, 3) uint8 RGB."""

    subject: str
    name: str
    place: Path
    n_frames: int
    fps: float
    rate: float | None = None  # as the table gives it; None: the file's own
    events: tuple[Event, ...] = field(default=(), repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _make, (values,)  # without the caches

    @cached_property
    def digest(self) -> str:
        """sha256 over size and spread parts of the file, or names and sizes of the pictures, and the rate."""
        seen = hashlib.sha256(f"{self.n_frames} {self.fps:.6g}".encode())
        if self.place.is_dir():
            for file in _files(self.source):
                seen.update(f"\n{file.name} {file.stat().st_size}".encode())
            return seen.hexdigest()
        length = self.place.stat().st_size
        seen.update(f"\n{length}".encode())
        with self.place.open("rb") as stream:
            for k in range(_BLOCKS):
                stream.seek(max(0, length - _BLOCK) * k // (_BLOCKS - 1))
                seen.update(stream.read(_BLOCK))
        return seen.hexdigest()

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        """The frames from ``start`` on. SpotlibError where the file or a picture is damaged."""
        if self.place.is_dir():
            for index in range(start, self.n_frames):
                yield self.frame(index)
            return
        # from the beginning always: seeking is not exact in every container
        for _, _, frame in itertools.islice(self.source.frames(), start, None):
            yield frame

    def frame(self, index: int) -> np.ndarray:
        """One frame; of a video file all frames before it are decoded too."""
        if not 0 <= index < self.n_frames:
            raise SpotlibError(f"{self.name}: no frame {index}; it has frames 0 to {self.n_frames - 1}")
        if not self.place.is_dir():
            return next(self.frames(index))
        file = _files(self.source)[index]
        picture = read_picture(file, grey=False)
        if isinstance(picture, str):
            raise SpotlibError(f"{file}: {picture}; replace it")
        return picture

    @cached_property
    def source(self) -> VideoSource:
        """The open file or folder."""
        return open_video(self.place, fps=self.rate)


def load(
    root: Path | str, conventions: Conventions, *, part: str = "A", annotations: Path | str | None = None
) -> tuple[Dataset, tuple[Finding, ...]]:
    """The user's data set, and what was found on the way; conventions and ``part`` are of no meaning here.

    Raises SpotlibError, one line, for a missing or wrong table, a missing folder of videos, or a damaged video.
    """
    root = Path(root).expanduser().resolve()
    path = Path(annotations) if annotations is not None else root / TABLE
    folder = root / VIDEOS
    if not folder.is_dir():
        raise SpotlibError(f"{root}: no folder {VIDEOS!r} in it; put your videos there and the table {TABLE} beside it")
    if not path.exists():
        raise SpotlibError(f"{path}: no such table; write one row an event under video,kind,onset,apex,offset")
    table = read_events_csv(path)
    findings: list[Finding] = []
    found = _videos(folder, findings)
    if not found:
        raise SpotlibError(f"{folder}: no video in it; put video files or folders of pictures there")
    rows = {_known(name, found): name for name in table.events}
    videos = []
    for name, place in found.items():
        row = rows.pop(name, None)
        if row is None:  # a row without an event says the same, and whose video it is
            findings.append(_finding("note", "no-annotation", place, "no row of the table; kept, without events"))
        videos.append(_video(name, place, row, table, findings))
    for lost, row in rows.items():
        n = len(table.events[row])
        what = f"no video {lost!r} in {VIDEOS}: its {f'{n} events are' if n > 1 else '1 event is'} not used"
        findings.append(_finding("loses", "no-folder", path, what))
    if not any(video.events for video in videos):
        raise SpotlibError(
            f"{path}: none of its videos is in {folder}; column video must hold the names of the files there,"
            f" such as {next(iter(found))}"
        )
    ordered = sorted(videos, key=lambda video: (natural(video.subject), natural(video.name)))
    rendered = {_is_rendered(video.place) for video in ordered}
    if len(rendered) == 2 and not (root / MARKER).is_file():
        raise SpotlibError(f"{folder}: videos of a synthetic twin lie among others; move them into a root of their own")
    return Dataset(NAME, (root / MARKER).is_file() or True in rendered, tuple(ordered)), tuple(findings)


def _is_rendered(place: Path) -> bool:
    """Whether a folder's pictures say of themselves that they are synthetic."""
    first = next((f for f in sorted(place.iterdir()) if f.suffix.lower() == ".jpg"), None) if place.is_dir() else None
    return first is not None and is_synthetic(first)


def _videos(folder: Path, findings: list[Finding]) -> dict[str, Path]:
    """Names and places of video files and picture folders."""
    found: dict[str, Path] = {}
    stray = []
    for place in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if place.name.startswith("."):
            continue
        if place.is_dir():
            name = place.name
            fits = any(file.suffix.lower() in IMAGE_SUFFIXES for file in place.iterdir())
        else:
            name = place.stem
            fits = place.suffix.lower() in VIDEO_SUFFIXES
        if not fits:
            stray.append(place.name)
        elif name in found:
            raise SpotlibError(f"{place}: {found[name].name} has the same name; rename one of them")
        else:
            found[name] = place
    if stray:
        what = f"not a video, ignored: {', '.join(stray[:3])}{f' and {len(stray) - 3} more' if stray[3:] else ''}"
        findings.append(_finding("note", "stray-files", folder, what))
    return found


def _known(name: str, found: dict[str, Path]) -> str:
    """The video that a row means; people write ``interview.mp4`` too."""
    if name in found:
        return name
    return next((known for known, place in found.items() if place.name == name), name)


def _video(name: str, place: Path, row: str | None, table: EventTable, findings: list[Finding]) -> OwnVideo:
    rate = table.rates.get(row) if row else None
    try:
        source = open_video(place, fps=rate)
    except SpotlibError as error:
        if "variable frame rate" in str(error):
            raise SpotlibError(f"{str(error).partition(';')[0]}; give its rows in {TABLE} an fps, such as 30") from None
        raise
    promised = table.lengths.get(row) if row else None
    if promised is not None and promised != source.n_frames:
        what = f"{source.n_frames} frames, but n_frames in the table is {promised}: its frames may mean others"
        findings.append(_finding("changes", "other-length", place, what))
    if not 24 <= source.fps <= 40:
        what = f"{source.fps:.4g} frames per second; windows are made for about 30: count frames at 30, say fps 30"
        findings.append(_finding("note", "frame-rate", place, what))
    events = []
    for event in table.events[row] if row else ():
        kept = _within(event, source.n_frames, place, findings)
        if kept is not None:
            events.append(kept)
    return OwnVideo(
        subject=table.subjects.get(row, name) if row else name,  # alone in it, as far as anybody told
        name=name,
        place=place,
        n_frames=source.n_frames,
        fps=source.fps,
        rate=rate,
        events=tuple(sorted(events, key=lambda event: (event.onset, event.offset))),
    )


def _within(event: Event, n_frames: int, place: Path, findings: list[Finding]) -> Event | None:
    end = n_frames - 1
    if event.offset <= end:
        return event
    what = f"{event.kind} event {event.onset} to {event.offset}"
    if event.onset > end:
        findings.append(_finding("loses", "past-end", place, f"{what} is past the last frame, {end}; not used"))
        return None
    findings.append(_finding("changes", "past-end", place, f"{what} ends past the last frame and now at {end}"))
    apex = None if event.apex is None else min(event.apex, end)
    return dataclasses.replace(event, offset=end, apex=apex)


def _finding(severity: Severity, what: str, place: Path, message: str) -> Finding:
    parent = f"{place.parent.name}/" if place.parent.name == VIDEOS else ""
    return Finding(severity=severity, what=what, message=message, origin=Origin(file=f"{parent}{place.name}"))


def _files(source: VideoSource) -> list[Path]:
    assert isinstance(source, ImageFolder)
    return source.files


def _make(values: dict) -> OwnVideo:
    return OwnVideo(**values)
