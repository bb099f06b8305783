"""Many videos into one folder: each by itself, none of them the end of the others, and none done twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.exports import FORMATS
from spotlib.faces import FaceChoice
from spotlib.intervals import KINDS, Kind
from spotlib.jobs import Meter
from spotlib.progress import log
from spotlib.provenance import code_digest
from spotlib.spot.folder import (
    REPORT,
    RESULT,
    folder_for,
    forget,
    load_result,
    locked,
    made_of,
    save_result,
    write_summary,
)
from spotlib.spot.result import Result
from spotlib.spot.spotting import choose_rules, known_limits, settings, spot
from spotlib.spot.weights import Weights
from spotlib.store import canonical, digest
from spotlib.video import IMAGE_SUFFIXES, natural_key

VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".mts", ".m2ts", ".3gp", ".ogv", ".flv",
)  # fmt: skip
#: what people call formats -> what `spotlib.exports` calls them
ALIASES = {"webvtt": "vtt", "elan": "eaf", "praat": "textgrid"}

SUMMARY = (
    "path", "status", "folder", "frames", "fps", "seconds", "macro", "micro", "warnings", "notes", "took_s", "error",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Job:
    """How videos are spotted and what is written; the fields are those of `spotlib.spot.spot`."""

    weights: Weights
    kinds: tuple[Kind, ...] = KINDS
    min_score: float | None = None
    fps: float | None = None
    face: FaceChoice = "only"
    pictures: bool = True
    formats: tuple[str, ...] = ()
    force: bool = False


def videos_in(given: Iterable[Path]) -> list[Path]:
    """The videos that are meant: files, folders of images, and all videos in and below other folders.

    Raises SpotlibError for a folder with neither.
    """
    found: list[Path] = []
    for path in given:
        try:
            found += _below(path) if path.is_dir() else [path]
        except PermissionError:
            raise SpotlibError(f"{path}: no permission to read it; change its permissions") from None
    kept: dict[str, Path] = {}
    for path in found:
        kept.setdefault(os.path.realpath(path), path)
    return list(kept.values())


def _below(folder: Path) -> list[Path]:
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda p: natural_key(p.name))
    if any(path.suffix.lower() in IMAGE_SUFFIXES for path in files):
        videos = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            return [folder]
    found = []
    for root, names, in_root in os.walk(folder):
        names[:] = sorted((name for name in names if not name.startswith(".")), key=natural_key)
        if RESULT in in_root:  # our own
            names[:] = []
            continue
        for name in sorted(in_root, key=natural_key):
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                found.append(Path(root) / name)
    if not found:
        raise SpotlibError(f"{folder}: no videos or images in this folder; known: {', '.join(VIDEO_SUFFIXES[:6])} ...")
    return found


def formats_of(text: str) -> tuple[str, ...]:
    """Names of formats from "csv,eaf"; SpotlibError names the known ones."""
    names = [ALIASES.get(name.strip().lower(), name.strip().lower()) for name in text.split(",") if name.strip()]
    for name in names:
        if name not in FORMATS:
            known = ", ".join("webvtt" if known == "vtt" else known for known in FORMATS)
            raise SpotlibError(f"--formats {name}: unknown; choose from {known}")
    return tuple(dict.fromkeys(names))


def spot_all(videos: Sequence[Path], out: Path, job: Job) -> list[dict[str, Any]]:
    """Spot every video into a folder of its own below ``out``; return a row of ``summary.csv`` for each.

    A video that fails is a row that says why. One that was done before, from the same file under the same settings, is
    not done again.
    """
    prepare(out)
    for limit in known_limits(job.weights):
        log.info("mind: %s", limit)
    rows = []
    for number, path in enumerate(videos, 1):
        where = f"{number} of {len(videos)}, " if len(videos) > 1 else ""
        start = time.monotonic()
        row: dict[str, Any] = {"path": plain(path)}
        try:
            row |= spot_one(path, out, job, where=where)
        except SpotlibError as error:
            row |= {"status": "failed", "error": plain(str(error))}
            if len(videos) > 1:  # the caller tells of a single one
                log.warning("%s%s", where, plain(str(error)))
        row["took_s"] = round(time.monotonic() - start, 1)
        rows.append(row)
        write_summary(out, rows, SUMMARY)
    return rows


def spot_one(path: Path, out: Path, job: Job, *, where: str = "") -> dict[str, Any]:
    """Spot one video into its folder below ``out``, unless that was done; return its row of the summary."""
    if not path.exists():
        raise SpotlibError(f"{path}: no such file or folder; check the name")
    key = key_of(path, job)
    folder = folder_for(out, path)
    with locked(folder):
        known = made_of(folder)
        if known == key and not job.force:
            result = load_result(folder)
            log.info("%s%s: done before, in %s", where, plain(path), plain(folder))
            _complete(folder, result, job.formats)
            return {**describe(result, folder), "status": "done before"}
        if known is not None:
            log.info("%s%s: again, %s", where, plain(path), "as asked" if known == key else _why(known, key))
        with contextlib.ExitStack() as stack:
            meters: list[Meter] = []  # made when the video is open and its length known

            def show(done: int, total: int) -> None:
                if not meters:
                    meters.append(stack.enter_context(Meter(f"{where}{plain(path.name)}", "frames", total)))
                meters[0].show(done)

            try:
                result = spot(
                    path, weights=job.weights, kinds=job.kinds, min_score=job.min_score, fps=job.fps, face=job.face,
                    pictures=job.pictures, on_progress=show,
                )  # fmt: skip
            except SpotlibError:
                forget(folder)
                raise
        for note in result.settings["notes"]:
            if note in known_limits(job.weights):
                continue
            log.info("%s%s: %s", where, plain(path.name), note)
        save_result(folder, result, key=key, formats=job.formats)
    return {**describe(result, folder), "status": "done"}


def prepare(out: Path) -> None:
    """Make the folder for results; SpotlibError if it cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = (error.strerror or "not writable").lower()
        raise SpotlibError(f"{out}: cannot be written ({said}); choose another folder with --out") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise SpotlibError(f"{out}: cannot be written (permission denied); choose another folder with --out")


def key_of(path: Path, job: Job) -> dict[str, Any]:
    """All that a result depends on: the file's content, settings, weights and code."""
    rules = choose_rules(job.weights, job.kinds, job.min_score)
    found = settings(job.weights, rules, fps=job.fps, face=job.face, pictures=job.pictures)
    return {
        "file": content_digest(path),
        "settings": digest(found),
        "code": digest(code_digest(["spotlib.spot.spotting"])),
    }


def content_digest(path: Path) -> str:
    """sha256 of a file; of a folder of images, over names, sizes and times of change."""
    found = hashlib.sha256()
    try:
        if path.is_dir():
            listed = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(path.iterdir()) if f.is_file()]
            found.update(canonical([[os.fsencode(name).hex(), *rest] for name, *rest in listed]).encode())
        else:
            with open(path, "rb") as file:
                while part := file.read(2**22):
                    found.update(part)
    except OSError as error:
        said = (
            "no permission to read it" if isinstance(error, PermissionError) else f"cannot be read ({error.strerror})"
        )
        raise SpotlibError(f"{path}: {said}; change its permissions, or copy it") from None
    return found.hexdigest()


def describe(result: Result, folder: Path) -> dict[str, Any]:
    """What the summary says about a result."""
    spotted = result.spotted
    return {
        "folder": plain(folder.name),
        "frames": spotted.n_frames,
        "fps": round(spotted.fps, 4),
        "seconds": round(spotted.duration, 2),
        **{str(kind): sum(event.kind == kind for event in spotted.events) for kind in KINDS},
        "warnings": sum(map(bool, spotted.warnings)),
        "notes": "; ".join(result.settings.get("notes", ())),
        "error": "",
    }


def plain(value: Path | str) -> str:
    """A path as text that every terminal and file can hold."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _complete(folder: Path, result: Result, formats: Sequence[str]) -> None:
    """Write formats, and the report, that an earlier run did not."""
    from spotlib.exports import write_events

    for name in formats:
        if not (folder / FORMATS[name].file).exists():
            write_events(folder / FORMATS[name].file, result.spotted, format=name)
    if not (folder / REPORT).exists():
        from spotlib.spot.folder import write_report

        write_report(folder, result)


def _why(known: dict[str, Any], key: dict[str, Any]) -> str:
    names = {"file": "the file", "settings": "settings or weights", "code": "spotlib itself"}
    changed = [said for name, said in names.items() if known.get(name) != key[name]]
    return f"{' and '.join(changed)} changed"
