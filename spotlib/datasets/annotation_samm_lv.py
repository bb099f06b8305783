"""The annotation table of SAMM-LV, versions 1 to 3 (METHOD section 7).

One sheet, header in row 10: Subject, Filename (006_1_2 is event 2 of video 006_1), Inducement Code, Onset, Apex,
Offset, Duration, Type, Action Units, Notes. Frames are 1-based at 200 per second; in V1 some are fractional and an
onset of 0 is unknown, in V2 and V3 all are whole and an unknown onset is 1. Apex -1: not annotated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spotlib.datasets.annotation_rows import (
    ALIASES,
    Frames,
    Log,
    data_rows,
    is_remark,
    known_apex,
    parse_kind,
    read_aus,
    read_frames,
)
from spotlib.datasets.annotation_sheets import Found, closest_sheet, fill_subjects, join_sheets, kind_by_name
from spotlib.datasets.records import Annotations, Record
from spotlib.datasets.sheets import Cell, Header, Sheet, best_header, find_header, is_empty, number, text
from spotlib.intervals import Kind

REQUIRED = ("filename", "onset", "offset", "type")
_FILENAME = re.compile(r"([0-9]{1,4})[ _-]+([0-9]{1,2})(?:[ _-]+([0-9]{1,3}))?(?:\.[a-z0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Row:
    number: int
    name: str  # of the event
    subject: str
    video: str
    kind: Kind
    frames: Frames
    aus: Cell
    note: Cell


def find_sheets(sheets: Mapping[str, Sheet]) -> list[Found]:
    """All sheets with events: they have the columns (or their name tells the type), and file names like 006_1_2."""
    found = []
    for sheet in sheets.values():
        header = best_header(sheet, ALIASES, required=REQUIRED)
        kind = kind_by_name(sheet.name) if header is not None and header.missing == ("type",) else None
        if header is None or (header.missing and kind is None):
            continue
        names = [text(header.cell(cells, "filename")) for _, cells in data_rows(sheet, header)]
        if 2 * sum(bool(_FILENAME.fullmatch(name)) for name in names if name) > sum(map(bool, names)):
            found.append(Found(sheet, header, kind))
    return found


def read(sheets: Mapping[str, Sheet], path: Path) -> Annotations:
    """Records of a SAMM-LV table, of all its sheets; raises SpotlibError if no sheet has its columns."""
    found = find_sheets(sheets)
    if not found:
        best = closest_sheet(sheets, REQUIRED)
        found = [Found(best, find_header(best, ALIASES, required=REQUIRED, where=str(path)))]
    logs = [Log(path.name, one.sheet.name) for one in found]
    rows = [_rows(log, one) for log, one in zip(logs, found, strict=True)]
    # of the table as a whole: the micro-expressions alone may be whole numbers in V1 too
    first_version = any(_is_v1(row.frames) for of_sheet in rows for row in of_sheet)
    tables = []
    for log, one, of_sheet in zip(logs, found, rows, strict=True):
        has_apex = "apex" in one.header.columns
        tables.append((log, [r for row in of_sheet if (r := _record(log, row, first_version, has_apex)) is not None]))
        _note_repeated_names(log, of_sheet)
        if of_sheet and not has_apex:
            log.say(one.header.row, "note", "missing-apex", "there is no column of apexes; all are unknown")
    records, findings = join_sheets(tables)
    return Annotations(
        dataset="samm_lv", version="V1" if first_version else "V2/V3", records=records, findings=findings
    )


def _rows(log: Log, found: Found) -> list[_Row]:
    header = found.header

    def agrees(subject: Cell, cells: list[Cell]) -> bool:
        match = _FILENAME.fullmatch(text(header.cell(cells, "filename")))
        return match is not None and match[1].zfill(3) == text(subject).zfill(3)

    rows = []
    for row, cells in fill_subjects(log, header, data_rows(found.sheet, header), agrees=agrees):
        name = text(header.cell(cells, "filename"))
        match = _FILENAME.fullmatch(name)
        if is_remark(header, cells) and match is None:
            log.say(row, "note", "remark", f"no event, but text: {' '.join(map(text, cells)).strip()[:60]!r}")
            continue
        if match is None:
            what = f"file name {name[:40]!r} is not of the form 006_1_2" if name else "no file name"
            log.say(row, "loses", "no-video", f"{what}; the event is not used")
            continue
        subject = match[1].zfill(3)
        event = f"{subject}_{match[2]}" + (f"_{match[3]}" if match[3] else "")
        kind = found.kind or parse_kind(header.cell(cells, "type"))
        if kind is None:
            written = text(header.cell(cells, "type"))[:40]
            log.say(row, "loses", "unknown-type", f"{event}: type {written!r} is neither macro nor micro; not used")
            continue
        frames = read_frames(log, row, event, header, cells)
        if frames is None:
            continue
        _check_row(log, row, event, subject, frames, header, cells)
        aus, note = header.cell(cells, "aus"), header.cell(cells, "notes")
        rows.append(_Row(row, event, subject, f"{subject}_{match[2]}", kind, frames, aus, note))
    return rows


def _check_row(log: Log, row: int, event: str, subject: str, frames: Frames, header: Header, cells: list[Cell]) -> None:
    """Compare the file name and the frames with what the row says once more elsewhere."""
    written = header.cell(cells, "subject")
    if not is_empty(written) and text(written).zfill(3) != subject:
        log.say(row, "note", "other-subject", f"{event}: subject is {text(written)[:40]!r} here; the file name counts")
    duration = number(header.cell(cells, "duration"))
    if duration is None or frames.onset is None or frames.offset is None or frames.offset < frames.onset:
        return
    if abs(duration - (frames.offset - frames.onset + 1)) > 1:
        length = frames.offset - frames.onset + 1
        log.say(row, "note", "other-duration", f"{event}: duration is {duration:g}, its frames make {length:g}")


def _is_v1(frames: Frames) -> bool:
    numbers = [n for n in (frames.onset, frames.apex, frames.offset) if n is not None]
    return frames.onset == 0 or any(n != int(n) for n in numbers)


def _record(log: Log, row: _Row, first_version: bool, has_apex: bool) -> Record | None:
    onset, offset = row.frames.onset, row.frames.offset
    if offset is None or offset <= 0:
        log.say(row.number, "loses", "missing-offset", f"{row.name}: no offset; the event is not used")
        return None
    if onset is None or onset <= 0 or (onset == 1 and not first_version):
        written = "empty" if onset is None else f"{onset:g}"
        log.say(row.number, "changes", "missing-onset", f"{row.name}: onset is {written}, that is unknown")
        onset = None
    elif offset < onset:
        message = f"{row.name}: offset {offset:g} before onset {onset:g}; the event is not used"
        log.say(row.number, "loses", "offset-before-onset", message)
        return None
    apex = known_apex(log, row.number, row.name, row.frames, first=onset, last=offset)
    if apex is None and has_apex:
        log.say(row.number, "note", "missing-apex", f"{row.name}: the apex is not annotated")
    aus, side, note = read_aus(log, row.number, row.name, row.aus, row.note)
    return Record(
        subject=row.subject,
        video=row.video,
        kind=row.kind,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=aus,
        side=side,
        note=note,
        origin=log.origin(row.number),
    )


def _note_repeated_names(log: Log, rows: list[_Row]) -> None:
    """Two rows with one event name and other frames (037_4_1) are two events; their names alone do not tell them."""
    first: dict[str, _Row] = {}
    for row in rows:
        before = first.setdefault(row.name, row)
        if before is not row and (row.kind, row.frames) != (before.kind, before.frames):
            message = f"{row.name}: the name of another event, in row {before.number}; both are used"
            log.say(row.number, "note", "repeated-name", message)
