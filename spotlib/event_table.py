"""Tables of events as files: ``video,kind,onset,apex,offset``, and optionally what else is known.

The optional columns are ``subject``, ``score``, ``aus`` (joined by "+"), ``side``, ``note``, and the video's
``n_frames`` and ``fps``. Frames are 0-based and inclusive. An empty apex means that it was not annotated; a row with
nothing in kind, onset, apex and offset says of a video that it has no event.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spotlib.errors import SpotlibError
from spotlib.formulas import guarded, unguarded
from spotlib.intervals import KINDS, Event, Kind

MAX_BYTES = 32 * 2**20  # of a table: a hundred thousand events take a fifth
MAX_CELLS = 5_000_000
MAX_FRAME = 10**9  # more than a year at 30 frames per second: a typing error
REQUIRED = ("video", "kind", "onset", "apex", "offset")
OPTIONAL = ("subject", "aus", "side", "note", "n_frames", "fps", "score")
#: the columns that `write_events_csv` writes, in the order of `datasets.base.COLUMNS`; score where there is one
WRITTEN = ("subject", *REQUIRED, "aus", "side", "note", "n_frames", "fps")
SIDES = ("left", "right", "both")


@dataclass
class EventTable:
    """Events per video in file order, and the subject, length and frame rate of each video where the file tells it."""

    events: dict[str, list[Event]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)  # frames
    rates: dict[str, float] = field(default_factory=dict)  # frames per second

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
    table = EventTable()
    for number, row in csv_rows(path, REQUIRED, OPTIONAL):
        _add(table, row, f"{path}, row {number}")
    if not len(table) and not allow_empty:
        raise SpotlibError(f"{path}: there is no event below the header; give at least one row")
    return table


def csv_rows(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file in UTF-8 by the names in its header, each with its number (the header is row 1).

    Raises SpotlibError for a file that is no such table, a missing or doubled column, or a row of another length.
    """
    from spotlib.limits import read_bytes

    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8-sig")
        rows = _filled(csv.reader(io.StringIO(text, newline=""), strict=True))
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file; give a CSV table of events") from None
    except UnicodeDecodeError:
        raise SpotlibError(f"{path}: not UTF-8 text; save the table as CSV in UTF-8") from None
    except OSError as error:
        raise SpotlibError(f"{path}: cannot be read ({error.strerror}); give a CSV table of events") from None
    except csv.Error as error:
        raise SpotlibError(f"{path}: not a CSV table ({error}); save it again as CSV") from None
    except ValueError as error:  # after its relative UnicodeDecodeError
        raise SpotlibError(f"{path}: {error}; this is no table of events, give another file") from None
    if not rows:
        raise SpotlibError(f"{path}: the file is empty; its first row must be {','.join(required)}")
    # an empty first row is a header without the columns
    header = [name.strip().lower() for name in (rows.pop(0)[1] if rows[0][0] == 1 else ())]
    missing = [name for name in required if name not in header]
    if missing:
        for mark, called in ((";", "semicolons"), ("\t", "tabs")):
            if all(name in [cell.strip(' "') for cell in ",".join(header).split(mark)] for name in required):
                raise SpotlibError(f"{path}: the columns are separated by {called}; save it as CSV with commas")
        raise SpotlibError(f"{path}, row 1: column {missing[0]!r} is missing; the header must be {','.join(required)}")
    twice = [name for name in (*required, *optional) if header.count(name) > 1]
    if twice:
        raise SpotlibError(f"{path}, row 1: column {twice[0]!r} is there twice; keep one")
    for number, cells in rows:
        if len(cells) != len(header):
            raise SpotlibError(
                f"{path}, row {number}: {len(cells)} cells under {len(header)} columns; complete or quote them"
            )
        yield number, dict(zip(header, (unguarded(cell.strip()) for cell in cells), strict=True))


def _filled(rows: Iterable[list[str]]) -> list[tuple[int, list[str]]]:
    """Rows that hold anything, with their numbers; ValueError for more cells than any table of events has."""
    found, n_cells = [], 0
    for number, cells in enumerate(rows, start=1):
        if any(cell.strip() for cell in cells):
            found.append((number, cells))
            n_cells += len(cells)
            if n_cells > MAX_CELLS:
                raise ValueError(f"more than {MAX_CELLS:,} cells")
    return found


def write_events_csv(path: str | Path, table: EventTable) -> None:
    """Write a table with all columns, so that `read_events_csv` gives the same table back; replaces a file at once.

    Raises SpotlibError if the file cannot be written, or for an event that nothing can hit, which has no text form.
    """
    from spotlib.store import atomic

    scored = any(event.score is not None for of_video in table.events.values() for event in of_video)
    with atomic(Path(path)) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*WRITTEN, "score") if scored else WRITTEN)
        for video, events in table.events.items():
            about = (table.lengths.get(video, ""), f"{table.rates[video]:.12g}" if video in table.rates else "")
            if not events:
                row = (guarded(table.subjects.get(video, "")), guarded(video), *[""] * 7, *about)
                writer.writerow((*row, "") if scored else row)
            for event in events:
                if not event.reachable:
                    raise SpotlibError(
                        f"{video}: the {event.kind} event at {event.onset} has no offset (missing_offset = keep_zero);"
                        " choose another convention to write it"
                    )
                row = (
                    guarded(table.subjects.get(video, "")),
                    guarded(video),
                    str(event.kind),
                    event.onset,
                    "" if event.apex is None else event.apex,
                    event.offset,
                    "+".join(event.aus),
                    event.side,
                    guarded(event.note),
                    *about,
                )
                writer.writerow((*row, "" if event.score is None else repr(event.score)) if scored else row)


def _add(table: EventTable, row: dict[str, str], where: str) -> None:
    video = row["video"]
    if not video:
        raise SpotlibError(f"{where}: video is empty; name the video")
    subject = row.get("subject", "")
    if subject and table.subjects.setdefault(video, subject) != subject:
        raise SpotlibError(
            f"{where}: video {video!r} has subject {subject!r} here, {table.subjects[video]!r} above; fix one"
        )
    if not any(row[name] for name in ("kind", "onset", "apex", "offset")):
        _about_video(table, video, row, where)
        table.events.setdefault(video, [])
        return
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
    _about_video(table, video, row, where)
    if video in table.lengths and offset >= table.lengths[video]:
        raise SpotlibError(
            f"{where}: offset {offset} is past the last frame, {table.lengths[video] - 1}; correct offset or n_frames"
        )
    side = (row.get("side") or "both").lower()
    if side not in SIDES:
        raise SpotlibError(f"{where}: side {row['side']!r} is unknown; write left, right, both or nothing")
    event = Event(
        Kind(row["kind"].lower()), onset, apex, offset, _aus(row, where), side, score=score, note=row.get("note", "")
    )
    table.events.setdefault(video, []).append(event)


def _about_video(table: EventTable, video: str, row: dict[str, str], where: str) -> None:
    """Length and rate of the video, which must be the same in all of its rows."""
    if row.get("n_frames"):
        n_frames = _frame(row["n_frames"], "n_frames", where)
        if n_frames < 1:
            raise SpotlibError(f"{where}: n_frames is 0; write the number of frames or leave it empty")
        if table.lengths.setdefault(video, n_frames) != n_frames:
            raise SpotlibError(
                f"{where}: video {video!r} has {n_frames} frames here, {table.lengths[video]} above; fix one"
            )
    if row.get("fps"):
        try:
            fps = float(row["fps"])
        except ValueError:
            fps = math.nan
        if not 0 < fps <= 100_000:
            raise SpotlibError(f"{where}: fps {row['fps']!r} is no frame rate; write frames per second")
        if table.rates.setdefault(video, fps) != fps:
            raise SpotlibError(f"{where}: video {video!r} has {fps:g} fps here, {table.rates[video]:g} above; fix one")


def _aus(row: dict[str, str], where: str) -> tuple[str, ...]:
    """Plain AU numbers joined by "+"."""
    aus = tuple(au.strip() for au in row.get("aus", "").split("+") if au.strip())
    for au in aus:
        if not (au.isascii() and au.isdigit()):
            raise SpotlibError(f"{where}: aus {row['aus']!r}: {au!r} is no AU number; write them like 4+12")
    return tuple(dict.fromkeys(aus))


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
