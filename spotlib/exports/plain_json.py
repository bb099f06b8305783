"""Everything about spotted videos as one JSON file, for programs of one's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.exports.files import read_json, write_text
from spotlib.exports.imported import Imported, about_of
from spotlib.exports.spotted import SCHEMA, Row, Spotted
from spotlib.intervals import Event, Kind


def write_json(path: Path, results: Sequence[Spotted]) -> None:
    """Write videos with their events: frames, seconds, score, side, action units, region, warnings."""
    videos = [{**spotted.about, "events": [_event(row) for row in spotted.rows]} for spotted in results]
    text = json.dumps({"spotlib": SCHEMA, "videos": videos}, indent=1, ensure_ascii=True, allow_nan=False)
    write_text(path, text + "\n")


def read_json_events(path: Path, content: dict[str, Any] | None = None) -> Imported:
    """Read what `write_json` wrote; the frames count, seconds are not read back.

    Raises:
        SpotlibError: for JSON of another kind, or a video or event that does not fit.
    """
    content = read_json(path) if content is None else content
    videos = content.get("videos")
    if not isinstance(videos, list):
        raise SpotlibError(f"{path}: JSON, but neither a BORIS project nor spotlib's own; give one of those")
    table = Imported()
    for number, video in enumerate(videos):
        about = about_of(video)
        if about is None:
            raise SpotlibError(f"{path}: video {number} lacks its name, fps or n_frames; export it again")
        table.add_video(about.video, about.clock)
        items = video.get("events") or []
        if not isinstance(items, list):
            raise SpotlibError(f"{path}, video {about.video!r}: its events are no list; export it again")
        for place, item in enumerate(items):
            where = f"{path}, video {about.video!r}, event {place}"
            event = _read_event(item, where)
            if event.offset >= (about.clock.n_frames or 0):
                raise SpotlibError(f"{where}: ends beyond the {about.clock.n_frames} frames of the video; correct it")
            table.events[about.video].append(event)
    return table


def _event(row: Row) -> dict[str, Any]:
    event = row.event
    return {
        "kind": str(event.kind),
        "onset": event.onset,
        "apex": event.apex,
        "offset": event.offset,
        "onset_s": row.onset,
        "apex_s": row.apex,
        "offset_s": row.offset,
        "end_s": row.end,
        "score": event.score,
        "side": event.side,
        "aus": list(event.aus),
        "region": row.region or None,
        "warnings": list(row.warnings),
    }


def _read_event(item: Any, where: str) -> Event:
    try:
        apex, score = item.get("apex"), item.get("score")
        return Event(
            Kind(item["kind"]),
            int(item["onset"]),
            None if apex is None else int(apex),
            int(item["offset"]),
            aus=tuple(str(au) for au in item.get("aus") or ()),
            side=str(item.get("side") or "both"),
            score=None if score is None else float(score),
        )
    except SpotlibError as error:
        raise SpotlibError(f"{where}: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise SpotlibError(f"{where}: kind, onset, apex or offset is missing or no number; export it again") from None
