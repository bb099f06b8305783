"""The annotation table of CAS(ME)^2 (METHOD section 7).

Three sheets without headers: the events (subject 1 to 22, "anger1_1" = event 1 of the film anger1, onset, apex,
offset, AUs, polarity, type, emotion), naming rule 1 (subject 1 is folder s15), naming rule 2 (film 0101 is disgust1).
The two rules lead to the folders, which begin with subject and film: "15_0101". An offset of 0 is missing, and so is an
apex of 0. Frames are 1-based at 30 per second. Tables with a header are read by its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from spotlib.datasets.annotation_columns import columns_by_content
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
from spotlib.datasets.annotation_sheets import Found, fill_subjects, join_sheets, kind_by_name
from spotlib.datasets.records import Annotations, Record
from spotlib.datasets.sheets import Cell, Header, Sheet, best_header, number, plain, text
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

REQUIRED = ("subject", "filename", "onset", "offset", "type")
_EVENT = re.compile(r"([a-z]+[0-9]{1,2})[ _-]([0-9]{1,3})")
_FILM = re.compile(r"[a-z]+[0-9]{1,2}")
_NO_FRAMES = (
    "the columns of onset, apex and offset cannot be told;"
    " add a header row (Subject, Filename, Onset, Apex, Offset, AU, Type)"
)
_FOLDER = re.compile(r"s([0-9]{1,3})")


def _match(pattern: re.Pattern[str], cell: Cell) -> re.Match[str] | None:
    return pattern.fullmatch(text(cell).casefold())


def find_sheets(sheets: Mapping[str, Sheet]) -> list[Found]:
    """All sheets with events: their columns by their names, or by what stands in them if there is no header.

    ``missing`` of a header is not empty where the events' names are there but the columns of frames cannot be told.
    """
    found = []
    for sheet in sheets.values():
        named = kind_by_name(sheet.name)
        header = best_header(sheet, ALIASES, required=REQUIRED)
        if header is not None and header.missing == ("type",) and named is not None:
            header = Header(header.row, header.columns)
        if header is None or header.missing:
            header = columns_by_content(
                sheet,
                lambda cell: _match(_EVENT, cell) is not None,
                lambda cell: _subject_key(cell) != "",
                typed=named is None,
            )
        if header is not None and _is_filled(sheet, header):
            found.append(Found(sheet, header, None if "type" in header.columns else named))
    return found


def _is_filled(sheet: Sheet, header: Header) -> bool:
    names = [header.cell(cells, "filename") for _, cells in data_rows(sheet, header)]
    return any(_match(_EVENT, name) for name in names)


def _subject_key(cell: Cell) -> str:
    """ "1" for the number 1, "s15" for a folder name, "" for anything else."""
    folder = _match(_FOLDER, cell)
    if folder:
        return f"s{int(folder[1])}"
    value = number(cell)
    return str(int(value)) if value is not None and value == int(value) and 0 < value < 1000 else ""


def read(sheets: Mapping[str, Sheet], path: Path) -> Annotations:
    """Records of a CAS(ME)^2 table; raises SpotlibError if its events or naming rules are not found."""
    seen = find_sheets(sheets)
    if not seen:
        raise SpotlibError(
            f"{path}: no sheet of CAS(ME)^2 events (subject, anger1_1, onset, apex, offset, AUs, polarity, type);"
            " give the data set's own table"
        )
    found = [one for one in seen if not one.header.missing]
    if not found:
        raise SpotlibError(f"{path}, sheet {seen[0].sheet.name!r}: {_NO_FRAMES}")
    others = [other for other in sheets.values() if all(other is not one.sheet for one in seen)]
    subjects, films = _subjects(others), _films(others)
    rules = (("'naming rule1' (15, s15, 1)", subjects), ("'naming rule2' (0101, disgust1)", films))
    missing = [name for name, rule in rules if not rule]
    if missing:
        raise SpotlibError(
            f"{path}: sheet {' and '.join(missing)} not found; give the whole table, folders are named by these"
        )
    tables: list[tuple[Log, list[Record]]] = []
    for one in seen:
        log = Log(path.name, one.sheet.name)
        if one.header.missing:
            log.say(None, "loses", "unclear-columns", f"{_NO_FRAMES}; the sheet is not used")
            tables.append((log, []))
        else:
            tables.append((log, _table(log, one, subjects, films)))
    records, findings = join_sheets(tables)
    return Annotations(dataset="cas_me2", version="", records=records, findings=findings)


def _table(log: Log, found: Found, subjects: Mapping[str, str], films: Mapping[str, str]) -> list[Record]:
    names: dict[tuple[str, str], tuple[int, Kind, Frames]] = {}
    rows = fill_subjects(log, found.header, data_rows(found.sheet, found.header))
    records = (_record(log, row, cells, found, subjects, films, names) for row, cells in rows)
    return [record for record in records if record is not None]


def _subjects(sheets: Iterable[Sheet]) -> dict[str, str]:
    """Naming rule 1: from the table's number to the folder's, {"1": "15"}."""
    for sheet in sheets:
        rule: dict[str, str] = {}
        for _, cells in sheet.rows:
            folder = next((m for cell in cells if (m := _match(_FOLDER, cell))), None)
            numbers = [int(n) for cell in cells if (n := number(cell)) is not None and n == int(n)]
            if folder is None or not numbers:
                continue
            # of (15, s15, 1) the number that is not the folder's own; (1, s1, 1) and (s15, 1) exist as well
            own = int(folder[1])
            key = next((n for n in reversed(numbers) if n != own), numbers[-1])
            rule.setdefault(str(key), folder[1])
        if rule:
            return rule
    return {}


def _films(sheets: Iterable[Sheet]) -> dict[str, str]:
    """Naming rule 2: from the film to the folder's code, {"disgust1": "0101"}."""
    for sheet in sheets:
        rule: dict[str, str] = {}
        for _, cells in sheet.rows:
            film = next(
                (text(cell).casefold() for cell in cells if _match(_FILM, cell) and not _match(_FOLDER, cell)), ""
            )
            codes = [text(cell) for cell in cells if re.fullmatch(r"[0-9]{3,4}", text(cell))]
            if film and codes:
                rule.setdefault(film, codes[0].zfill(4))
        if rule:
            return rule
    return {}


def _record(
    log: Log,
    row: int,
    cells: list[Cell],
    found: Found,
    subjects: Mapping[str, str],
    films: Mapping[str, str],
    names: dict[tuple[str, str], tuple[int, Kind, Frames]],
) -> Record | None:
    header = found.header
    event = _match(_EVENT, header.cell(cells, "filename"))
    if event is None and (is_remark(header, cells) or plain(header.cell(cells, "filename")) == "filename"):
        log.say(row, "note", "remark", f"no event, but text: {' '.join(map(text, cells)).strip()[:60]!r}")
        return None
    if event is None:
        written = text(header.cell(cells, "filename"))[:40]
        what = f"file name {written!r} is not of the form anger1_1" if written else "no file name"
        log.say(row, "loses", "no-video", f"{what}; the event is not used")
        return None
    key = _subject_key(header.cell(cells, "subject"))
    subject = key.removeprefix("s") if key.startswith("s") else subjects.get(key)
    film = films.get(event[1])
    if subject is None or film is None:
        what = (
            f"film {event[1]!r} is not in naming rule 2"
            if subject is not None
            else f"subject {text(header.cell(cells, 'subject'))[:40]!r} is not in naming rule 1"
        )
        log.say(row, "loses", "no-video", f"{event[0]}: {what}; the event is not used")
        return None
    name = f"s{subject} {event[0]}"
    kind = found.kind or parse_kind(header.cell(cells, "type"))
    if kind is None:
        written = text(header.cell(cells, "type"))[:40]
        log.say(row, "loses", "unknown-type", f"{name}: type {written!r} is neither macro nor micro; not used")
        return None
    frames = read_frames(log, row, name, header, cells)
    if frames is None:
        return None
    before = names.setdefault((subject, event[0]), (row, kind, frames))
    if before[1:] != (kind, frames):
        log.say(row, "note", "repeated-name", f"{name}: the name of another event, in row {before[0]}; both are used")
    onset, offset = frames.onset, frames.offset
    if onset is None or onset <= 0:
        log.say(row, "loses", "missing-onset", f"{name}: no onset; the event is not used")
        return None
    if offset is None or offset <= 0:
        written = "empty" if offset is None else f"{offset:g}"
        log.say(row, "changes", "missing-offset", f"{name}: offset is {written}, that is missing")
        offset = None
    elif offset < onset:
        message = f"{name}: offset {offset:g} before onset {onset:g}; the event is not used"
        log.say(row, "loses", "offset-before-onset", message)
        return None
    apex = known_apex(log, row, name, frames, first=onset, last=offset)
    if apex is None:
        log.say(row, "note", "missing-apex", f"{name}: the apex is not annotated")
    aus, side, note = read_aus(log, row, name, header.cell(cells, "aus"), "")
    return Record(
        subject=f"s{subject}",
        video=f"{subject}_{film}",
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        aus=aus,
        side=side,
        note=note,
        origin=log.origin(row),
    )
