"""Annotations in and out: spotlib's CSV and the table that this field's code shares.

The field's table is ``subject,video_name,start_frame,apex_frame,end_frame,type_idx,au``: type 1 is macro, 2 micro;
frames count from 0 in some code and from 1 in other, which nothing in the file tells, so it is an argument. An apex of
-1 and an end of 0 mean that there is none.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Literal, get_args

from spotlib.datasets.au_text import format_aus, parse_aus
from spotlib.datasets.conventions import Conventions, MissingOffset, to_events
from spotlib.datasets.records import Finding, FrameMap, Origin, Record
from spotlib.errors import SpotlibError
from spotlib.event_table import MAX_FRAME, EventTable, csv_rows, read_events_csv, write_events_csv
from spotlib.formulas import guarded
from spotlib.intervals import Kind

Format = Literal["spotlib", "field"]
FORMATS: tuple[Format, ...] = get_args(Format)
COLUMNS = ("subject", "video_name", "start_frame", "apex_frame", "end_frame", "type_idx", "au")
REQUIRED = ("video_name", "start_frame", "apex_frame", "end_frame", "type_idx")
TYPES = {Kind.MACRO: 1, Kind.MICRO: 2}


def read_field_csv(
    path: str | Path, *, first_frame: int = 0, missing_offset: MissingOffset = "onset_plus_20"
) -> tuple[EventTable, tuple[Finding, ...]]:
    """Read a table of the field.

    Args:
        path: CSV in UTF-8; other columns than COLUMNS are ignored, ``subject`` and ``au`` may be missing.
        first_frame: number of a video's first frame in the table, 0 or 1.
        missing_offset: what becomes of events whose end is 0 (METHOD section 7).

    Returns:
        Events in file order per video, and what was changed or left out on the way.

    Raises:
        SpotlibError: naming file and row for whatever does not fit.
    """
    path = Path(path)
    records: list[Record] = []
    table = EventTable()
    findings: list[Finding] = []
    for number, row in csv_rows(path, REQUIRED, ("subject", "au")):
        origin = Origin(file=str(path), row=number)
        record = _record(row, origin, first_frame)
        records.append(record)
        subject = table.subjects.setdefault(record.video, record.subject)
        if subject != record.subject:
            raise SpotlibError(
                f"{origin}: video {record.video!r} has subject {record.subject!r} here, {subject!r} above; fix one"
            )
    if not records:
        raise SpotlibError(f"{path}: there is no event below the header; give at least one row")
    table.subjects = {video: subject for video, subject in table.subjects.items() if subject}
    conventions = Conventions(missing_offset=missing_offset)
    for record in records:  # one by one: events stay in file order
        findings.extend(_odd(record, missing_offset))
        # of the data sets, CAS(ME)^2 is the one whose offsets are missing in places
        events, found = to_events(
            [record], conventions, dataset="cas_me2", frame_map=FrameMap(first=first_frame), n_frames=None
        )
        findings.extend(found)
        if events:
            table.events.setdefault(record.video, []).extend(events)
    return table, tuple(findings)


def _odd(record: Record, missing_offset: MissingOffset) -> list[Finding]:
    """What a row leaves to a convention."""
    onset, apex, offset = record.onset, record.apex, record.offset
    if offset is None and missing_offset != "drop":
        message = f"{record.video}: no end_frame; missing_offset = {missing_offset}"
        return [Finding(severity="changes", what="missing-offset", message=message, origin=record.origin)]
    if apex is not None and offset is not None and onset is not None and not onset <= apex <= offset:
        message = f"{record.video}: apex_frame {apex:g} outside of {onset:g} to {offset:g}; the nearest end is used"
        return [Finding(severity="changes", what="apex-outside", message=message, origin=record.origin)]
    return []


def _record(row: dict[str, str], origin: Origin, first_frame: int) -> Record:
    video = row["video_name"]
    if not video:
        raise SpotlibError(f"{origin}: video_name is empty; name the video")
    kinds = {str(index): kind for kind, index in TYPES.items()}
    kind = kinds.get(row["type_idx"].removesuffix(".0"))
    if kind is None:
        raise SpotlibError(f"{origin}: type_idx is {row['type_idx']!r}; write 1 for macro or 2 for micro")
    onset, apex, offset = (_whole(row, name, origin) for name in ("start_frame", "apex_frame", "end_frame"))
    if onset is None or onset < first_frame:
        raise SpotlibError(
            f"{origin}: start_frame is {row['start_frame']!r}, but frames are to count from {first_frame}; correct it,"
            " or tell the number of the first frame"
        )
    if offset is not None and offset <= 0 and offset != onset:
        offset = None
    if offset is not None and offset < onset:
        raise SpotlibError(f"{origin}: end_frame {offset} before start_frame {onset}; swap or correct them")
    if apex is not None and apex <= 0 and apex < onset:
        apex = None
    aus = parse_aus(row.get("au", ""))
    return Record(
        subject=row.get("subject", ""),
        video=video,
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=aus.aus,
        side=aus.side,
        note=f"AUs as written: {row['au']}" if aus.doubtful else "",
        origin=origin,
    )


def _whole(row: dict[str, str], name: str, origin: Origin) -> int | None:
    """A frame number; None where nothing is written."""
    if row[name].lower() in ("", "nan", "none"):
        return None
    try:
        value = float(row[name])
    except ValueError:
        raise SpotlibError(f"{origin}: {name} {row[name]!r} is not a number; write a frame number") from None
    if not math.isfinite(value) or value != int(value) or abs(value) > MAX_FRAME:
        raise SpotlibError(f"{origin}: {name} {row[name]!r} is no whole frame number; round or correct it")
    return int(value)


def write_field_csv(path: str | Path, table: EventTable, *, first_frame: int = 0) -> None:
    """Write a table of the field; an unknown apex is -1, the end of an event that nothing can hit 0."""
    from spotlib.store import atomic

    with atomic(Path(path)) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for video, events in table.events.items():
            for event in events:
                writer.writerow(
                    (
                        guarded(table.subjects.get(video, "")),
                        guarded(video),
                        event.onset + first_frame,
                        -1 if event.apex is None else event.apex + first_frame,
                        event.offset + first_frame if event.reachable else 0,
                        TYPES[event.kind],
                        guarded(format_aus(event.aus, event.side)),
                    )
                )


def _same_file(one: str | Path, other: str | Path) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:  # one of them does not exist
        return False


def convert(
    source: str | Path,
    target: str | Path,
    *,
    from_format: Format,
    to_format: Format,
    first_frame: int = 0,
    missing_offset: MissingOffset = "onset_plus_20",
) -> tuple[EventTable, tuple[Finding, ...]]:
    """Convert a table of events; ``first_frame`` and ``missing_offset`` are about the field's side of it.

    Returns what was written, and findings about what was changed or left out. Raises SpotlibError, one line, if the
    target is the source itself (also by a link), which would be lost.
    """
    if _same_file(source, target):
        raise SpotlibError(f"{target}: is the input itself and would be overwritten; name another file as output")
    if first_frame not in (0, 1):
        raise SpotlibError(f"first frame is {first_frame}; in the field's tables frames count from 0 or from 1")
    findings: tuple[Finding, ...] = ()
    if from_format == "field":
        table, findings = read_field_csv(source, first_frame=first_frame, missing_offset=missing_offset)
    else:
        table = read_events_csv(source)
    if to_format == "field":
        write_field_csv(target, table, first_frame=first_frame)
    else:
        write_events_csv(target, table)
    return table, findings
