"""Any video as frames at about 30 per second, each with its true time.

The networks were trained at 28.6 to 30 frames per second. A regular video from 24 frames per second on is brought near
that by taking every n-th frame; what cannot be (variable, slow or odd rates) is resampled to the nearest timestamps.
Either way it is said, and a frame keeps the time at which it was filmed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.video import (
    OFF_BEAT_SHARE,
    ImageFolder,
    VideoFile,
    decoding,
    open_container,
    read_image,
    upright,
    video_stream,
)

T = TypeVar("T")

#: frames per second that networks were trained at
USUAL = 30.0
#: rates that are as good; any rate from 48 on (and 47.95) has a whole part in here. 23.976 is called 24
LOWEST, HIGHEST = 23.9, 36.0

#: transfer functions of HDR video (ITU-T H.273)
_HDR = {16: "PQ", 18: "HLG"}

#: how the comment begins of files that spotlib itself rendered (spotlib.tables.caption)
RENDERED = "SYNTHETIC DATA"

#: frames that are rather decoded than jumped over: about as many lie between key frames
FAR = 300
#: s: of one frame when it is read twice
SAME = 1e-6

Timed = tuple[int, float, T]  # number in the source, seconds, the frame


@dataclass(frozen=True)
class Rate:
    """How frames were taken from a source.

    Args:
        source: frames per second of the source (of a variable one: the mean).
        used: frames per second of what was taken.
        every: every how many-th frame was taken; 0: the nearest to instants at ``used`` per second.
        variable: the source has a variable frame rate.
    """

    source: float
    used: float
    every: int
    variable: bool = False

    @property
    def factor(self) -> float:
        """Frames of the source per frame used."""
        return self.source / self.used

    def __str__(self) -> str:
        beat = f"{'variable, on average ' if self.variable else ''}{self.source:.5g} frames/s"
        if self.every == 1:
            return f"{beat}, all of them used"
        if self.every > 1:
            return f"{beat}, every {self.every}{_ordinal(self.every)} used: {self.used:.5g} frames/s"
        how = f"factor {self.factor:.4g}, nearest timestamps"
        return f"{beat}, resampled to {self.used:.5g} frames/s ({how})"


def choose_rate(source: float, *, variable: bool = False, wanted: float | None = None) -> Rate:
    """How to bring ``source`` frames per second near 30, or to ``wanted``.

    >>> str(choose_rate(59.94))
    '59.94 frames/s, every 2nd used: 29.97 frames/s'
    >>> choose_rate(240.0).every, choose_rate(25.0).every, choose_rate(15.0).used
    (8, 1, 30.0)
    """
    if wanted is not None:
        every = round(source / wanted)
        whole = not variable and every >= 1 and abs(source / wanted / every - 1) < 0.005
        return Rate(source, source / every if whole else wanted, every if whole else 0, variable)
    if variable:
        return Rate(source, USUAL, 0, True)
    near = [n for n in {math.floor(source / USUAL), math.ceil(source / USUAL)} if n and LOWEST <= source / n <= HIGHEST]
    if not near:
        return Rate(source, USUAL, 0)
    every = min(near, key=lambda n: abs(math.log(source / n / USUAL)))
    return Rate(source, source / every, every)


def taken(frames: Iterable[Timed[T]], rate: Rate) -> Iterator[Timed[T]]:
    """Those of ``frames``, in order of their times, that ``rate`` takes.

    Where the nearest are taken, a frame keeps its own time if that is less than half a step from its instant; one that
    has to stand for a longer time gets the instants. So times rise, whatever the source does.
    """
    if rate.every:
        yield from (item for count, item in enumerate(frames) if count % rate.every == 0)
        return
    step = 1 / rate.used
    items = iter(frames)
    before = next(items, None)
    if before is None:
        return
    after = next(items, None)
    k = 0
    while True:
        instant = k * step
        while after is not None and after[1] - instant < instant - before[1]:
            before, after = after, next(items, None)
        if after is None and instant > before[1] + 1e-9 and k:
            return
        own = math.floor(before[1] / step + 0.5) == k  # of two instants as near, for one only
        yield before[0], before[1] if own else instant, before[2]
        k += 1


class Footage:
    """A video file or a folder of images, opened to be spotted in.

    Args:
        path: of the file or folder.
        fps: of a file: bring it to this rate; of a folder: its images are so many per second (default 30).

    Raises:
        SpotlibError: one line, for whatever cannot be read.
    """

    def __init__(self, path: Path | str, *, fps: float | None = None) -> None:
        self.path = path = Path(path)
        if fps is not None and not 1 <= fps <= 1000:
            raise SpotlibError(f"{path}: fps is {fps:g}; give a number from 1 to 1000")
        self.notes: list[str] = []
        self._source: VideoFile | ImageFolder
        try:
            if path.is_dir():
                self._source = ImageFolder(path, fps=fps)
                self.rate = choose_rate(self._source.fps)
                if fps is None:
                    self.notes.append(f"a folder of images, taken as {self._source.fps:g} frames/s")
            elif not path.exists():
                raise SpotlibError(f"{path}: no such file or folder; check the name")
            elif path.stat().st_size == 0:
                raise SpotlibError(f"{path}: the file is empty; copy or export it again")
            else:
                source = _OwnBeat(path)
                self._source = source
                self.rate = choose_rate(round(source.fps, 6), variable=source.variable, wanted=fps)
                self.notes += source.notes
        except PermissionError:
            raise SpotlibError(f"{path}: no permission to read it; change its permissions") from None
        except OSError as error:
            said = (error.strerror or "unreadable").lower()
            raise SpotlibError(f"{path}: cannot be read ({said}); check the name and the disk") from None
        if self.rate.every != 1:
            self.notes.append(str(self.rate))
        elif abs(self.rate.used / USUAL - 1) > 0.05:
            self.notes.append(f"{self.rate}; about 30 are what the network knows")
        if self.rate.source < LOWEST:
            self.notes.append("fewer than 24 frames/s: micro-expressions last a few frames and are easily missed")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as shown, px."""
        return self._source.size

    @property
    def synthetic(self) -> bool:
        """The video says of itself that it was rendered: no real person is seen."""
        return isinstance(self._source, _OwnBeat) and self._source.rendered

    @property
    def n_frames(self) -> int:
        """About how many frames `frames` gives."""
        return max(1, round(self._source.n_frames / self.rate.factor))

    def frames(self) -> Iterator[Timed[np.ndarray]]:
        """Number in the source, seconds, and (H, W) uint8 brightness of the frames taken."""
        return taken(_rising(self._source.frames(format="grey")), self.rate)

    def pictures(
        self, numbers: Iterable[int], seconds: Mapping[int, float] | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(H, W, 3) uint8 RGB of the frames with some numbers in the source, in order; reads no further than needed.

        seconds: of all these numbers, as `frames` gave them, where no two frames have the same. With them a file is not
        read where nothing is wanted for long.
        """
        wanted = sorted(set(numbers))
        if seconds is not None and isinstance(self._source, _OwnBeat):
            for number, make in self._source.some([(number, seconds[number]) for number in wanted]):
                yield number, make()
            return
        yield from ((number, make()) for number, make in _of(wanted, self._lazily()))

    def _lazily(self) -> Iterator[tuple[int, Any]]:
        """Number of each frame, and what makes its picture."""
        if isinstance(self._source, _OwnBeat):
            yield from self._source.lazily()
            return
        source = self._source
        assert isinstance(source, ImageFolder)
        for number, file in enumerate(source.files):
            yield number, functools.partial(read_image, file, "rgb")


def _of(wanted: Iterable[int], frames: Iterable[tuple[int, T]]) -> Iterator[tuple[int, T]]:
    """Those of the numbered ``frames`` that are wanted, both rising; nothing behind the last one is asked for."""
    left = iter(wanted)
    following = next(left, None)
    if following is None:
        return
    for number, frame in frames:
        if number == following:
            yield number, frame
            following = next(left, None)
            if following is None:
                return


def _rising(frames: Iterable[Timed[T]]) -> Iterator[Timed[T]]:
    """``frames`` with times that never fall, whatever the container says."""
    last = 0.0
    for number, seconds, frame in frames:
        last = max(last, seconds)
        yield number, last, frame


class _OwnBeat(VideoFile):
    """A video file with all its frames at their own times, however irregular."""

    def __init__(self, path: Path) -> None:
        # not the base's own: it refuses a variable rate or resamples it, and forgets the frames' times
        self.path = path
        beat, self.size = self._scan()
        self.fps = beat.fps
        self.n_frames = self._n_coded = len(beat.seconds)
        self._resample = False
        self.variable = beat.off_beat > OFF_BEAT_SHARE
        self.notes: list[str] = []
        if self.variable:
            low, high = beat.range_fps
            self.notes.append(f"variable frame rate, {low:.3g} to {high:.3g} frames/s")
            self.fps = max(len(beat.seconds) - 1, 1) / max(float(beat.seconds[-1]), 1e-6)
        with open_container(path) as container:
            stream = video_stream(path, container)
            hdr = _HDR.get(int(getattr(stream.codec_context, "color_trc", 0) or 0))
            self.rendered = str(container.metadata.get("comment", "")).startswith(RENDERED)
        if hdr:
            self.notes.append(f"HDR video ({hdr}): its brightness is used as coded")

    def lazily(self) -> Iterator[tuple[int, Any]]:
        """Number of each frame, and what makes its upright RGB picture."""
        for number, frame in enumerate(self._raw_frames()):
            yield number, functools.partial(upright, frame)

    def some(self, wanted: Sequence[tuple[int, float]]) -> Iterator[tuple[int, Any]]:
        """As `lazily`, of frames with some numbers and seconds, both rising.

        What lies between two that are far from each other is not decoded: reading goes on at the last key frame before
        the next. A file in which a frame does not come back with its own time is read from its beginning instead.
        """
        import av

        done = 0
        try:
            for number, frame in self._jumping(wanted):
                yield number, functools.partial(upright, frame)
                done += 1
        except (_Lost, av.error.FFmpegError):
            yield from _of([number for number, _ in wanted[done:]], self.lazily())

    def _jumping(self, wanted: Sequence[tuple[int, float]]) -> Iterator[tuple[int, Any]]:
        with decoding(self.path) as (container, stream):
            decoded = container.decode(stream)
            start, last = None, -1
            for number, seconds in wanted:
                if start is not None and number - last > FAR:
                    before = int((start + seconds - SAME) / float(stream.time_base or 1))
                    container.seek(before, stream=stream, backward=True)
                    decoded = container.decode(stream)
                for frame in decoded:
                    if frame.time is None or frame.is_corrupt:
                        raise _Lost
                    start = frame.time if start is None else start
                    behind = frame.time - start - seconds
                    if behind > -SAME:
                        break
                else:
                    raise _Lost
                if behind > SAME:
                    raise _Lost
                last = number
                yield number, frame


class _Lost(Exception):
    """A frame does not come back at its own time."""


def _ordinal(number: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
