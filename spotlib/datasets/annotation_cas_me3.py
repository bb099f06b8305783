"""The annotation tables of CAS(ME)^3, parts A and C (METHOD section 7).

Part A: a sheet with Subject (spNO.1), Filename (a to m, some upper case), Onset, Apex, Offset, AU, Expression type, and
a sheet of eye blinks. Part C (mock crime): sub, count, onset, offset, au; one video each, ME only, no apex. Numbers are
those of the picture files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from spotlib.datasets.annotation_rows import (
    ALIASES,
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
from spotlib.datasets.sheets import Cell, Header, Sheet, best_header, find_header, number, plain, text
from spotlib.intervals import Kind

REQUIRED_A = ("subject", "filename", "onset", "offset")
REQUIRED_C = ("subject", "onset", "offset")
_SUBJECT = re.compile(r"(?:sp)?[ ._-]*(?:no)?[ ._-]*([0-9]{1,4})", re.IGNORECASE)
_VIDEO = re.compile(r"[a-z]{1,2}")


def find_part_a(sheets: Mapping[str, Sheet], file: str = "") -> list[Found]:
    """All sheets of part A: file names are single letters, and there is a type (or the name tells it)."""
    found = []
    for sheet in sheets.values():
        header = best_header(sheet, ALIASES, required=REQUIRED_A)
        if header is None or header.missing or "blink" in plain(sheet.name):
            continue
        kind = None if "type" in header.columns else kind_by_name(sheet.name) or kind_by_name(file)
        names = [plain(header.cell(cells, "filename")) for _, cells in data_rows(sheet, header)]
        fitting = sum(bool(_VIDEO.fullmatch(name)) for name in names)
        if ("type" in header.columns or kind is not None) and 2 * fitting > sum(map(bool, names)):
            found.append(Found(sheet, header, kind))
    return found


def find_part_c(sheets: Mapping[str, Sheet], file: str = "") -> list[Found]:
    """All sheets of part C: subjects, no file names; all are ME unless there is a type or a name that tells it."""
    found = []
    for sheet in sheets.values():
        header = best_header(sheet, ALIASES, required=REQUIRED_C)
        if header is None or header.missing or "filename" in header.columns or "blink" in plain(sheet.name):
            continue
        rows = data_rows(sheet, header)
        if any(number(header.cell(cells, "onset")) is not None for _, cells in rows):
            named = kind_by_name(sheet.name) or kind_by_name(file)
            found.append(Found(sheet, header, None if "type" in header.columns else named or Kind.MICRO))
    return found


def read(sheets: Mapping[str, Sheet], path: Path, part: str) -> Annotations:
    """Records of part "A" or "C", of all its sheets; raises SpotlibError if no sheet has its columns."""
    find, required = (find_part_a, (*REQUIRED_A, "type")) if part == "A" else (find_part_c, REQUIRED_C)
    found = find(sheets, path.name)
    if not found:
        best = closest_sheet(sheets, required)
        found = [Found(best, find_header(best, ALIASES, required=required, where=str(path)))]
    tables = [_table(Log(path.name, one.sheet.name), one, part) for one in found]
    records, findings = join_sheets(tables)
    blinks = [blink for sheet in sheets.values() if part == "A" for blink in _blinks(path.name, sheet)]
    return Annotations(dataset="cas_me3", version=part, records=records, findings=findings, blinks=tuple(blinks))


def _table(log: Log, found: Found, part: str) -> tuple[Log, list[Record]]:
    rows = fill_subjects(log, found.header, data_rows(found.sheet, found.header))
    records = [record for row, cells in rows if (record := _record(log, row, cells, found, part)) is not None]
    if records and "apex" not in found.header.columns:
        log.say(found.header.row, "note", "missing-apex", "there is no column of apexes; all are unknown")
    return log, records


def _names(log: Log, row: int, cells: list[Cell], header: Header, part: str) -> tuple[str, str] | None:
    """Subject and video of a row; None, with a finding, if they cannot be told."""
    written = text(header.cell(cells, "subject"))
    subject = _SUBJECT.fullmatch(written)
    if subject is None:
        what = f"subject {written[:40]!r} is not of the form spNO.1" if written else "no subject"
        log.say(row, "loses", "no-video", f"{what}; the event is not used")
        return None
    if part == "C":
        return f"C{int(subject[1])}", f"C{int(subject[1])}"
    name = f"spNO.{int(subject[1])}"
    video = text(header.cell(cells, "filename"))
    if not _VIDEO.fullmatch(video.casefold()):
        what = f"file name {video[:40]!r} is not a letter" if video else "no file name"
        log.say(row, "loses", "no-video", f"{name}: {what}; the event is not used")
        return None
    if video != video.casefold():
        log.say(row, "note", "upper-case", f"{name}: video {video} is taken as {video.casefold()}")
    return name, f"{name}_{video.casefold()}"


def _record(log: Log, row: int, cells: list[Cell], found: Found, part: str) -> Record | None:
    header = found.header
    written_type = header.cell(cells, "type")
    if is_remark(header, cells):
        log.say(row, "note", "remark", f"no event, but text: {' '.join(map(text, cells)).strip()[:60]!r}")
        return None
    names = _names(log, row, cells, header, part)
    if names is None:
        return None
    subject, video = names
    kind = found.kind or parse_kind(written_type)
    if kind is None:
        what = f"type {text(written_type)[:40]!r} is neither macro nor micro"
        log.say(row, "loses", "unknown-type", f"{video}: {what}; not used")
        return None
    frames = read_frames(log, row, video, header, cells)
    if frames is None:
        return None
    onset, offset = frames.onset, frames.offset
    if onset is None or onset < 0:  # 0 exists: files may count from 0
        log.say(row, "loses", "missing-onset", f"{video}: no onset; the event is not used")
        return None
    if offset is None or offset <= 0:
        log.say(row, "loses", "missing-offset", f"{video}: no offset; the event is not used")
        return None
    if offset < onset:
        message = f"{video}: offset {offset:g} before onset {onset:g}; the event is not used"
        log.say(row, "loses", "offset-before-onset", message)
        return None
    apex = known_apex(log, row, video, frames, first=onset, last=offset)
    if apex is None and "apex" in header.columns:
        log.say(row, "note", "missing-apex", f"{video}: the apex is not annotated")
    aus, side, note = read_aus(log, row, video, header.cell(cells, "aus"), header.cell(cells, "notes"))
    return Record(
        subject=subject,
        video=video,
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=aus,
        side=side,
        note=note,
        origin=log.origin(row),
    )


def _blinks(file: str, sheet: Sheet) -> list[Record]:
    """The sheet of eye blinks, as records without a meaning of their kind; rows that cannot be read are left out."""
    header = best_header(sheet, ALIASES, required=REQUIRED_A)
    if header is None or header.missing or "blink" not in plain(sheet.name):
        return []
    here = Log(file, sheet.name)
    blinks = []
    for row, cells in fill_subjects(here, header, data_rows(sheet, header)):
        onset, offset = number(header.cell(cells, "onset")), number(header.cell(cells, "offset"))
        names = _names(here, row, cells, header, "A")
        if names is None or onset is None or offset is None or offset < onset:
            continue
        blinks.append(
            Record(
                subject=names[0],
                video=names[1],
                kind=Kind.MICRO,
                onset=onset,
                apex=None,
                offset=offset,
                note="eye blink",
                origin=here.origin(row),
            )
        )
    return blinks
