"""Spotted events as files that other programs read, and back again after people corrected them (docs/exports.md).

One front door: `write_events` and `write_all` for results, `read_events` for what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from spotlib.errors import SpotlibError
from spotlib.exports.bids import write_bids
from spotlib.exports.boris import read_boris, write_boris
from spotlib.exports.clock import Clock
from spotlib.exports.eaf import read_eaf, write_eaf
from spotlib.exports.events_csv import read_csv, write_csv
from spotlib.exports.files import read_json
from spotlib.exports.imported import Imported, UnknownRate
from spotlib.exports.megc import write_megc
from spotlib.exports.plain_json import read_json_events, write_json
from spotlib.exports.spotted import Row, Spotted
from spotlib.exports.textgrid import read_textgrid, write_textgrid
from spotlib.exports.webvtt import write_webvtt

__all__ = [
    "FORMATS", "Clock", "Format", "Imported", "Row", "Spotted", "UnknownRate", "read_events", "write_all",
    "write_events",
]  # fmt: skip


class Format(NamedTuple):
    """A format: its usual file name, the suffixes that stand for it, and how to write one or several videos."""

    file: str
    suffixes: tuple[str, ...]
    one: Callable[[Path, Spotted], None] | None = None
    many: Callable[[Path, Sequence[Spotted]], None] | None = None


FORMATS: dict[str, Format] = {
    "csv": Format("events.csv", (".csv",), many=write_csv),
    "eaf": Format("events.eaf", (".eaf",), one=write_eaf),
    "textgrid": Format("events.TextGrid", (".textgrid",), one=write_textgrid),
    "boris": Format("events.boris", (".boris",), many=write_boris),
    "vtt": Format("events.vtt", (".vtt",), one=write_webvtt),
    "bids": Format("events.tsv", (".tsv",), one=write_bids),
    "megc": Format("megc.csv", (), many=write_megc),
    "json": Format("spotted.json", (".json",), many=write_json),
}


def write_events(path: str | Path, results: Spotted | Sequence[Spotted], *, format: str | None = None) -> Path:
    """Write one video, or several where the format can hold them.

    Args:
        path: the file; it is written whole or not at all.
        results: what was spotted.
        format: a name of FORMATS; None: by the suffix of the file.

    Returns:
        ``path``.

    Raises:
        SpotlibError: for an unknown format, several videos in a format for one, a file that cannot be written.
    """
    path = Path(path)
    videos = [results] if isinstance(results, Spotted) else list(results)
    if format is None:
        suffix = path.suffix.lower()
        format = next((name for name, known in FORMATS.items() if suffix in known.suffixes), None)
        if format is None:
            known = ", ".join(suffix for one in FORMATS.values() for suffix in one.suffixes)
            raise SpotlibError(f"{path}: no format has the suffix {path.suffix!r}; use one of {known}")
    if format not in FORMATS:
        raise SpotlibError(f"format {format!r} is unknown; choose from {', '.join(FORMATS)}")
    one, many = FORMATS[format].one, FORMATS[format].many
    if many is not None:
        many(path, videos)
    elif one is not None:
        if len(videos) != 1:
            raise SpotlibError(f"{path}: {format} holds one video, not {len(videos)}; write a file for each")
        one(path, videos[0])
    return path


def write_all(folder: str | Path, spotted: Spotted, formats: Iterable[str] = tuple(FORMATS)) -> list[Path]:
    """Write one video in several formats under their usual names; returns the files."""
    return [write_events(Path(folder) / FORMATS[name].file, spotted, format=name) for name in formats]


def read_events(
    path: str | Path, *, fps: float | None = None, video: str | None = None, allow_empty: bool = True
) -> Imported:
    """Read events from .csv, .eaf, .TextGrid, a BORIS project (.boris, .json) or spotlib's own JSON.

    Args:
        path: the file, written by spotlib or not, corrected by people or not.
        fps: frames per second, for a file with seconds that does not tell; overrules one that does.
        video: the one video to take of several; for a single one, its name.
        allow_empty: accept a file without any event.

    Returns:
        An `EventTable` (0-based inclusive frames) that also knows lengths and frame rates as far as the file does.

    Raises:
        UnknownRate: if frames cannot be told from seconds.
        SpotlibError: one line, for whatever does not fit.
    """
    path = Path(path)
    if fps is not None:
        Clock(fps)  # says what is wrong with it
    suffix = path.suffix.lower()
    if suffix == ".csv":
        table = read_csv(path, fps=fps, allow_empty=allow_empty)
    elif suffix == ".eaf":
        table = read_eaf(path, fps=fps)
    elif suffix == ".textgrid":
        table = read_textgrid(path, fps=fps)
    elif suffix in (".boris", ".json"):
        content = read_json(path)
        table = read_json_events(path, content) if "videos" in content else read_boris(path, content, fps=fps)
    else:
        raise SpotlibError(f"{path}: events are read from .csv, .eaf, .TextGrid, .boris and .json; export one of those")
    table = table.of(video, str(path))
    if not allow_empty and not len(table):
        raise SpotlibError(f"{path}: no event is in it; give at least one")
    return table
