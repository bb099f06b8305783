"""Tables of events as files: ``video,kind,onset,apex,offset`` and optionally ``subject`` and ``score``.

Frames are 0-based and inclusive. An empty apex means that it was not annotated.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event, Kind

MAX_FRAME = 10**9  # more than a year at 30 frames per second: a typing error
REQUIRED = ("video", "kind", "onset", "apex", "offset")


@dataclass
class EventTable:
    """Events per video in file order, and the subject of each video where the file tells it."""

    events: dict[str, list[Event]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(of_video) for of_video in self.events.values())


def read_events_csv(path: str | Path, *, allow_empty: bool = False) -> EventTable:
    """Read a table of events.

    Args:
        path: a CSV file in UTF-8 with a header; other columns than the known ones are ignored.
        allow_empty: accept a header without rows (predictions may be none).

    Raises:
        SpotlibError: naming file and row (the header is row 1) for whatever does not fit.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file; give a CSV table of events") from None
    except UnicodeDecodeError:
        raise SpotlibError(f"{path}: not UTF-8 text; save the table as CSV in UTF-8") from None
    except OSError as error:
        raise SpotlibError(f"{path}: cannot be read ({error.strerror}); give a CSV table of events") from None
    except csv.Error as error:
        raise SpotlibError(f"{path}: not a CSV table ({error}); save it again as CSV") from None
    if not any(cell.strip() for row in rows for cell in row):
        raise SpotlibError(f"{path}: the file is empty; its first row must be {','.join(REQUIRED)}")
    header = [name.strip().lower() for name in rows[0]]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise SpotlibError(f"{path}, row 1: column {missing[0]!r} is missing; the header must be {','.join(REQUIRED)}")
    twice = [name for name in (*REQUIRED, "subject", "score") if header.count(name) > 1]
    if twice:
        raise SpotlibError(f"{path}, row 1: column {twice[0]!r} is there twice; keep one")
    table = EventTable()
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}, row {number}"
        if len(cells) != len(header):
            raise SpotlibError(f"{where}: {len(cells)} cells under {len(header)} columns; complete or quote them")
        _add(table, dict(zip(header, (cell.strip() for cell in cells), strict=True)), where)
    if not table.events and not allow_empty:
        raise SpotlibError(f"{path}: there is no event below the header; give at least one row")
    return table


def _add(table: EventTable, row: dict[str, str], where: str) -> None:
    video = row["video"]
    if not video:
        raise SpotlibError(f"{where}: video is empty; name the video")
    if row["kind"].lower() not in tuple(KINDS):
        raise SpotlibError(f"{where}: kind {row['kind']!r} is unknown; write macro or micro")
    onset, offset = (_frame(row[name], name, where) for name in ("onset", "offset"))
    apex = _frame(row["apex"], "apex", where) if row["apex"] else None
    if offset < onset:
        raise SpotlibError(f"{where}: offset {offset} before onset {onset}; swap or correct them")
    if apex is not None and not onset <= apex <= offset:
        raise SpotlibError(
            f"{where}: apex {apex} outside of [{onset}, {offset}]; correct it, or leave it empty if unknown"
        )
    score = _score(row["score"], where) if row.get("score") else None
    subject = row.get("subject", "")
    if subject and table.subjects.setdefault(video, subject) != subject:
        raise SpotlibError(
            f"{where}: video {video!r} has subject {subject!r} here, {table.subjects[video]!r} above; fix one"
        )
    table.events.setdefault(video, []).append(Event(Kind(row["kind"].lower()), onset, apex, offset, score=score))


def _frame(text: str, name: str, where: str) -> int:
    try:
        value = float(text)
    except ValueError:
        raise SpotlibError(f"{where}: {name} {text!r} is not a number; write a frame number") from None
    if not math.isfinite(value) or value != int(value):
        raise SpotlibError(f"{where}: {name} {text!r} is no whole frame number; round it")
    if value > MAX_FRAME:
        raise SpotlibError(f"{where}: {name} {text!r} is beyond any video; correct it")
    if value < 0:
        raise SpotlibError(f"{where}: {name} {text!r} is negative; frames start at 0")
    return int(value)


def _score(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SpotlibError(f"{where}: score {text!r} is not a number; write one or leave it empty")
    return value
