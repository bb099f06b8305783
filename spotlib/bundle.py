"""Everything that training needs, as a folder of compact files that travels to a machine with a GPU.

``bundle.json`` lists the units of work, the true events and the videos; ``part-<n>.npz`` hold the pair motions as
float16, head motion removed, no longer ones than some unit's windows need, each part small enough to be sent by
itself. No pickles; every part has a checksum.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from spotlib import limits
from spotlib.clip import Clip
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind
from spotlib.splits import Fold
from spotlib.store import RowStore, digest, write_arrays, write_text
from spotlib.swmro import gather, window_gap
from spotlib.units import Unit, window_options

FORMAT, VERSION = "spotlib-bundle", 1
PART_BYTES = 40 * 2**20  # of arrays before compression
_PART = re.compile(r"part-[0-9]{1,6}\.npz", re.ASCII)


class Source(Protocol):
    """What a bundle is written from; `spotlib.runner.Run` is one."""

    @property
    def videos(self) -> Sequence[Any]:
        """`spotlib.datasets.base.Video` objects."""
        ...

    def feature_path(self, index: int) -> Path:
        """Names the features of a video."""
        ...

    def relative(self, index: int, head: str, layout: str) -> np.ndarray:
        """Pair motions (T, G+1, V, 2) of a video for a head-motion removal and a node layout."""
        ...


def write_bundle(folder: Path, work: Sequence[tuple[Source, Unit]], *, part_bytes: int = PART_BYTES) -> list[Path]:
    """Write units of work and what they need into ``folder``; return the files.

    Sources may differ in their true events (other conventions): motions that several share are written once.
    """
    if not work:
        raise SpotlibError("nothing to pack: every row that was asked for exists")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("part-*.npz"):
        old.unlink()
    truths: dict[str, dict[str, Any]] = {}
    wanted: dict[str, tuple[Source, int, str, str]] = {}  # name of the array -> where it comes from
    gaps: dict[str, int] = {}
    units = []
    for source, unit in work:
        head, layout = str(unit.params.head_motion), str(unit.params.nodes)
        gap = window_gap(**window_options(unit.params))
        videos = []
        for index, video in enumerate(source.videos):
            name = f"{source.feature_path(index).stem}/{head}/{layout}"
            wanted.setdefault(name, (source, index, head, layout))
            gaps[name] = max(gaps.get(name, 0), gap)
            videos.append(
                [video.subject, video.name, video.fps, name.partition("/")[0], list(map(_event, video.events))]
            )
        truth = digest(videos)[:12]
        truths.setdefault(truth, {"videos": videos})
        units.append(
            {
                "variant": unit.variant,
                "key": unit.key,
                "params": unit.params.model_dump(mode="json"),
                "fold": [unit.fold.index, unit.fold.train, unit.fold.inner, unit.fold.test],
                "head": unit.head,
                "truth": truth,
            }
        )
    parts: list[dict[str, Any]] = []
    waiting: dict[str, np.ndarray] = {}
    for number, (name, (source, index, head, layout)) in enumerate(wanted.items(), 1):
        waiting[name] = source.relative(index, head, layout)[:, : gaps[name] + 1].astype(np.float16)
        if number == len(wanted) or sum(array.nbytes for array in waiting.values()) >= part_bytes:
            path = folder / f"part-{len(parts):03d}.npz"
            write_arrays(path, waiting)
            parts.append({"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
            waiting = {}
    content = {"format": FORMAT, "version": VERSION, "truths": truths, "units": units, "parts": parts}
    write_text(folder / "bundle.json", json.dumps({**content, "checksum": digest(content)}) + "\n")
    return [folder / "bundle.json", *(folder / part["file"] for part in parts)]


class Bundle:
    """A bundle as it arrived; SpotlibError, in one line, for one that is incomplete, damaged or of another kind."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        path = self.folder / "bundle.json"
        try:
            content = limits.read_json(path)
            checksum = content.pop("checksum")
        except FileNotFoundError:
            raise SpotlibError(f"{path}: not found; give the folder that `spotlib pack` wrote") from None
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            raise SpotlibError(f"{path}: not a bundle, or damaged; send it again") from None
        if content.get("format") != FORMAT or content.get("version") != VERSION:
            raise SpotlibError(f"{path}: not a bundle of version {VERSION}; pack it with this version of spotlib")
        try:
            whole = digest(content) == checksum
        except (ValueError, RecursionError):  # numbers beyond all, lists in lists
            whole = False
        if not whole:
            raise SpotlibError(f"{path}: damaged (checksum); send it again")
        try:  # what a checksum does not tell: whether spotlib wrote it
            _check(content)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, SpotlibError):
            raise SpotlibError(f"{path}: not as spotlib writes a bundle; pack it again") from None
        self._content = content

    @cached_property
    def units(self) -> list[Unit]:
        """The work, in the order in which it was packed."""
        return list(map(_unit, self._content["units"]))

    @cached_property
    def _motions(self) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        for part in self._content["parts"]:
            path = self.folder / part["file"]
            if not path.is_file():
                raise SpotlibError(f"{path}: this part of the bundle is missing; send it too")
            if hashlib.sha256(path.read_bytes()).hexdigest() != part["sha256"]:
                raise SpotlibError(f"{path}: damaged (checksum); send this part again")
            try:
                arrays |= limits.read_arrays(path)
            except (OSError, ValueError):
                raise SpotlibError(f"{path}: not a part of a bundle; send it again") from None
        return arrays

    def clips(self, number: int, subjects: Iterable[str]) -> list[Clip]:
        """The videos of ``subjects`` as unit ``number`` sees them, as `spotlib.runner.load_clips` gives them."""
        wanted, params, clips = set(subjects), self.units[number].params, []
        for subject, name, fps, features, events in self._content["truths"][self._content["units"][number]["truth"]][
            "videos"
        ]:
            if subject in wanted:
                motion = self._motions[f"{features}/{params.head_motion}/{params.nodes}"]
                gathered, valid = gather(motion, **window_options(params), name=name)
                clips.append(Clip(subject, name, fps, gathered, valid, tuple(map(_made, events))))
        return clips


def _check(content: dict[str, Any]) -> None:
    """Raise some error unless all of a bundle's JSON is as it should be, names of files above all."""
    for part in content["parts"]:
        if not _PART.fullmatch(part["file"]) or not isinstance(part["sha256"], str):
            raise ValueError
    for truth in content["truths"].values():
        for subject, name, fps, features, events in truth["videos"]:
            texts = isinstance(subject, str) and isinstance(name, str) and isinstance(features, str)
            if not texts or not 0 < fps <= 100_000:
                raise ValueError
            for event in events:
                _made(event)
    store = RowStore(Path())
    for value in content["units"]:
        unit = _unit(value)
        store.path(unit.variant, unit.key)  # knows which names lead out of a folder
        window_options(unit.params)
        if value["truth"] not in content["truths"] or not isinstance(unit.head, dict):
            raise ValueError


def _unit(value: dict[str, Any]) -> Unit:
    return Unit(value["variant"], value["key"], SimpleNamespace(**value["params"]), _fold(value["fold"]), value["head"])


def _event(event: Event) -> list[Any]:
    return [str(event.kind), event.onset, event.apex, event.offset, list(event.aus), event.side, event.reachable]


def _made(value: list[Any]) -> Event:
    kind, onset, apex, offset, aus, side, reachable = value
    return Event(Kind(kind), onset, apex, offset, aus=tuple(aus), side=side, reachable=reachable)


def _fold(value: list[Any]) -> Fold:
    index, train, inner, test = value
    return Fold(index, tuple(train), tuple(inner), tuple(test))
