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
    closest_sheet,
    data_rows,
    is_remark,
    known_apex,
    note_overlaps,
    parse_kind,
    read_aus,
    read_frames,
    sort_findings,
    without_duplicates,
)
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


def find_sheet(sheets: Mapping[str, Sheet]) -> tuple[Sheet, Header] | None:
    """The sheet with the events: one with the columns, whose file names are of the form 006_1_2."""
    for sheet in sheets.values():
        header = best_header(sheet, ALIASES, required=REQUIRED)
        if header is None or header.missing:
            continue
        names = [text(header.cell(cells, "filename")) for _, cells in data_rows(sheet, header)]
        if 2 * sum(bool(_FILENAME.fullmatch(name)) for name in names if name) > sum(map(bool, names)):
            return sheet, header
    return None


def read(sheets: Mapping[str, Sheet], path: Path) -> Annotations:
    """Records of a SAMM-LV table; raises SpotlibError if no sheet has its columns."""
    found = find_sheet(sheets)
    if found is None:
        best = closest_sheet(sheets, REQUIRED)
        found = best, find_header(best, ALIASES, required=REQUIRED, where=str(path))
    sheet, header = found
    log = Log(path.name, sheet.name)
    rows = _rows(log, sheet, header)
    first_version = any(_is_v1(row.frames) for row in rows)
    records = [r for row in rows if (r := _record(log, row, first_version, "apex" in header.columns)) is not None]
    _note_repeated_names(log, rows)
    if rows and "apex" not in header.columns:
        log.say(header.row, "note", "missing-apex", "there is no column of apexes; all are unknown")
    records = without_duplicates(log, records)
    note_overlaps(log, records)
    return Annotations(
        dataset="samm_lv",
        version="V1" if first_version else "V2/V3",
        records=tuple(records),
        findings=sort_findings(log.findings),
    )


def _rows(log: Log, sheet: Sheet, header: Header) -> list[_Row]:
    rows = []
    for row, cells in data_rows(sheet, header):
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
        kind = parse_kind(header.cell(cells, "type"))
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
