"""A video that lies on disk as a folder of numbered pictures, as all three data sets are handed out.

Time is what the file numbers say: an annotation that names picture 1234 means the file with that number. So a picture
that is missing, damaged or of another size never shortens the video. The last readable picture stands in for it
(*held*), and before the first readable one that one does.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from spotlib.datasets.frame_names import FrameNames, runs
from spotlib.datasets.pictures import glance, read_picture
from spotlib.datasets.records import FrameMap
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Interval
from spotlib.progress import log

PROBES = 8  # pictures of a video that its digest reads


@dataclass(frozen=True, kw_only=True)
class FrameFolder:
    """A `spotlib.datasets.base.Video` of picture files. Nothing is read before the first frame is asked for.

    Args:
        folder: where the pictures are; ``names`` has their numbers.
        fps: rate of the frames used, after the sampling that ``frame_map`` does.
        frame_map: which picture number is which frame; only those pictures are ever read.
        grey: give (H, W) instead of (H, W, 3).

    Pickles to about a kilobyte.
    """

    subject: str
    name: str
    folder: Path
    names: FrameNames = field(repr=False)
    fps: float
    frame_map: FrameMap
    events: tuple[Event, ...] = field(default=(), repr=False)
    grey: bool = False

    def __reduce__(self) -> tuple[object, ...]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _make, (values,)  # without the caches

    # --- Video ---

    @cached_property
    def n_frames(self) -> int:
        """Number of frames, up to the last picture number there is."""
        return self.frame_map.length(int(self.names.numbers[-1])) if len(self.names) else 0

    @cached_property
    def digest(self) -> str:
        """sha256 over names and sizes of the files used, the content of a few, and the frame map; not dates."""
        seen = hashlib.sha256(f"{self.frame_map} {self.n_frames} {self.fps:g} {self.grey}".encode())
        for index in np.flatnonzero(self.present).tolist():
            file = self.file(index)
            try:
                size = file.stat().st_size
            except OSError:  # it vanished: it will be held
                size = -1
            seen.update(f"\n{file.name} {size}".encode())
        used = np.flatnonzero(self.present)
        for index in used[np.linspace(0, len(used) - 1, min(len(used), PROBES)).astype(int)].tolist():
            try:  # some files have one size whatever they show
                seen.update(hashlib.sha256(self.file(index).read_bytes()).digest())
            except OSError:
                seen.update(b"unreadable")
        return seen.hexdigest()

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        """The frames from ``start`` on, each equal to what `frame` gives.

        Pictures that turn out damaged are logged in one line a video. Raises SpotlibError if none can be read.
        """
        known = len(self._damaged)
        last: np.ndarray | None = None
        try:
            for index in range(start, self.n_frames):
                picture = self._read(index)
                if picture is None:
                    picture = last.copy() if last is not None else self.frame(index)
                last = picture
                yield picture
        finally:
            if len(self._damaged) > known:
                number, why = min(self._damaged.items())
                bad = len(self._damaged)
                said = "1 picture cannot be used," if bad == 1 else f"{bad} pictures cannot be used, the first is"
                log.warning(
                    "%s: %s %s (%s); the last readable one stands in", self.name, said, self.file(number).name, why
                )

    def frame(self, index: int) -> np.ndarray:
        """One frame: (H, W) uint8 if grey, else (H, W, 3) uint8 RGB.

        Raises SpotlibError for an index outside of the video, and if no picture at all can be read.
        """
        if not 0 <= index < self.n_frames:
            raise SpotlibError(f"{self.name}: no frame {index}; it has frames 0 to {self.n_frames - 1}")
        for source in chain(range(index, -1, -1), range(index + 1, self.n_frames)):
            picture = self._read(source)
            if picture is not None:
                return picture
        raise SpotlibError(f"{self.folder}: none of its pictures can be read; unpack or copy the folder again")

    # --- what is on disk ---

    @cached_property
    def present(self) -> np.ndarray:
        """(T,) bool: the frame has a picture of its own (readable or not)."""
        numbers = self.frame_map.first + self.frame_map.step * np.arange(self.n_frames)
        return np.isin(numbers, self.names.numbers)

    @property
    def held(self) -> tuple[Interval, ...]:
        """Frames whose picture number does not exist."""
        return runs(~self.present)

    @property
    def damaged(self) -> dict[int, str]:
        """Frames whose picture was found unusable while reading, and why."""
        return dict(self._damaged)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) in px that most of its pictures have; the others are held.

        Raises SpotlibError if no picture can be read.
        """
        used = np.flatnonzero(self.present)
        spread = used[np.linspace(0, len(used) - 1, min(len(used), 15)).astype(int)] if len(used) else used
        sizes = Counter(seen.size for i in spread if not (seen := glance(self.file(int(i)))).problem and seen.size)
        if sizes:
            return sizes.most_common(1)[0][0]
        for i in used.tolist():  # TIFF, or very much is damaged
            picture = read_picture(self.file(i), grey=True)
            if not isinstance(picture, str):
                return picture.shape[0], picture.shape[1]
        raise SpotlibError(f"{self.folder}: none of its pictures can be read; unpack or copy the folder again")

    def file(self, index: int) -> Path:
        """The picture file of frame ``index``; KeyError if the frame has none."""
        return self.folder / self.names.name(self.frame_map.number(index))

    @cached_property
    def _damaged(self) -> dict[int, str]:
        return {}

    def _read(self, index: int) -> np.ndarray | None:
        if not self.present[index] or index in self._damaged:
            return None
        picture = read_picture(self.file(index), grey=self.grey)
        if not isinstance(picture, str):
            height, width = picture.shape[:2]
            if (height, width) == self.size:
                return picture
            picture = f"{width}x{height} px instead of {self.size[1]}x{self.size[0]}"
        self._damaged[index] = picture
        return None


def _make(values: dict) -> FrameFolder:
    return FrameFolder(**values)
