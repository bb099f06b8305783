"""Pictures of a twin on disk: one folder a video, whole or not there at all, so that an interrupted run goes on.

The files are the very bytes that the twin's camera gives, with a comment in the header that says so. Reading them
gives the twin's frames, bit by bit: nothing is compressed twice.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spotlib.datasets.pictures import marked_synthetic
from spotlib.datasets.twin import TwinVideo
from spotlib.errors import SpotlibError
from spotlib.jobs import run_jobs
from spotlib.progress import log

CUT = 0.6  # share of a damaged file that is left


@dataclass(frozen=True, kw_only=True)
class PictureFolder:
    """What one video's folder is to hold.

    ``numbers`` (n,) int: of its pictures, ``pattern`` makes file names of them. Number ``first`` is source frame 0, the
    next one source frame ``step``.
    ``damaged`` pictures are cut off. ``extras`` are other files, by their place as seen from the folder.
    """

    video: TwinVideo
    folder: Path
    pattern: str  # "img{:03d}.jpg"
    numbers: np.ndarray = field(repr=False)
    first: int = 0
    step: int = 1
    damaged: tuple[int, ...] = ()
    extras: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """True if all pictures are there."""
        try:
            with os.scandir(self.folder) as entries:
                there = sum(entry.name.endswith(".jpg") for entry in entries)
        except OSError:
            return False
        return there == len(self.numbers)


@dataclass(frozen=True)
class Written:
    """How much was written, and how much of it was there before."""

    videos: int
    pictures: int
    size: int  # bytes of all pictures
    skipped: int  # videos that were complete already

    def __str__(self) -> str:
        before = f" ({self.skipped} of them were there already)" if self.skipped else ""
        return f"{self.videos} videos{before}, {self.pictures} pictures, {self.size / 1e9:.2f} GB"


def write_pictures(
    folders: Sequence[PictureFolder], *, workers: int | None = None, executor: Executor | None = None
) -> Written:
    """Write all folders that are not complete, in several processes, one video in memory at a time each.

    Raises SpotlibError if the disk is too small or cannot be written; what is complete by then stays.
    """
    todo = [one for one in folders if not one.complete]
    if todo:
        _check_room(todo)
        if len(todo) < len(folders):
            log.info("%d of %d videos are there already", len(folders) - len(todo), len(folders))
        run_jobs(
            _write_job,
            [(one,) for one in todo],
            desc="render pictures",
            unit="frames",
            weights=[len(one.numbers) for one in todo],
            workers=workers,
            executor=executor,
        )
    size = sum(_size(one.folder) for one in folders)
    return Written(len(folders), sum(len(one.numbers) for one in folders), size, len(folders) - len(todo))


def _size(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.name.endswith(".jpg"))


def _check_room(folders: Sequence[PictureFolder]) -> None:
    """One picture tells how much room all need; a disk that is too small is better known now than in three hours."""
    one = folders[0]
    needed = len(one.video.jpeg(0)) * sum(len(folder.numbers) for folder in folders)
    place = next(place for place in (one.folder, *one.folder.parents) if place.exists())
    free = shutil.disk_usage(place).free
    if needed > 0.97 * free:
        raise SpotlibError(
            f"{place}: the pictures need about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free;"
            " free some space, choose another folder or write fewer subjects"
        )


def _write_job(one: PictureFolder, beat: Callable[[float, float], None]) -> None:
    # hidden, so that no loader takes half a video for one; whatever a killed run left there goes first
    part = one.folder.with_name(f".{one.folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for k, number in enumerate(one.numbers.tolist()):
            coded = marked_synthetic(one.video.jpeg((number - one.first) * one.step))
            if number in one.damaged:
                coded = coded[: int(CUT * len(coded))]
            (part / one.pattern.format(number)).write_bytes(coded)
            beat(k + 1, len(one.numbers))
        for place, content in one.extras:
            path = Path(os.path.normpath(part / place))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        shutil.rmtree(one.folder, ignore_errors=True)
        os.replace(part, one.folder)
    except OSError as error:
        what = os.strerror(error.errno).lower() if error.errno else str(error)
        raise SpotlibError(
            f"{one.folder}: cannot be written ({what}); mend that and run the same command again to go on"
        ) from None
