"""What the three annotation tables have in common: kinds, frame numbers, notes, and checks over all records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from spotlib.datasets.au_text import parse_aus
from spotlib.datasets.records import Finding, Origin, Record, Severity
from spotlib.datasets.sheets import Cell, Header, Sheet, is_empty, number, plain, text
from spotlib.intervals import Kind

#: other names of the columns, over all versions of the tables
ALIASES: dict[str, tuple[str, ...]] = {
    "subject": (
        "sub",
        "subj",
        "subjects",
        "subject id",
        "subject no",
        "subject number",
        "participant",
        "participant id",
    ),
    "filename": ("file name", "file", "video", "video name", "videoname", "clip"),
    "onset": ("onset frame", "onsetframe", "onset f", "onsetf", "onset no", "start", "start frame"),
    "apex": ("apex frame", "apexframe", "apex f", "apexf", "apex no"),
    "offset": ("offset frame", "offsetframe", "offset f", "offsetf", "offset no", "end", "end frame"),
    "aus": ("au", "action units", "action unit", "action unit s", "au s", "facs"),
    "type": (
        "expression type",
        "expressiontype",
        "type of expression",
        "type of the expression",
        "kind of expression",
        "expression kind",
        "expression",
        "kind",
        "macro micro",
        "micro macro",
    ),
    "notes": ("note", "comment", "comments", "remark", "remarks"),
    "duration": (),
    "count": (),
}
_BEFORE_KIND = frozenset({"expression", "expressions", "facial", "type", "kind", "of"})  # "Expression: micro"
MAX_NUMBER = 10**9  # more than a year of video: a typing error


@dataclass
class Log:
    """Findings of one sheet, with their rows."""

    file: str
    sheet: str
    findings: list[Finding] = field(default_factory=list)

    def origin(self, row: int | None) -> Origin:
        """The place of a row."""
        return Origin(file=self.file, sheet=self.sheet, row=row)

    def say(self, row: int | None, severity: Severity, what: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(severity=severity, what=what, message=message, origin=self.origin(row)))


@dataclass(frozen=True)
class Frames:
    """Onset, apex, offset of a row as numbers; None: empty."""

    onset: float | None
    apex: float | None
    offset: float | None


def parse_kind(cell: Cell) -> Kind | None:
    """Kind of a type cell; None if it names neither.

    >>> [str(parse_kind(cell)) for cell in ("Macro", "Micro - 1/2", " MACRO-expression", "ＭＥ", "MaE", "blink")]
    ['macro', 'micro', 'macro', 'micro', 'macro', 'None']
    >>> [str(parse_kind(cell)) for cell in ("ME 1/2", "Expression: micro", "Type: MaE", "macro or micro")]
    ['micro', 'micro', 'macro', 'None']
    """
    words = plain(cell).split()
    while words and words[0] in _BEFORE_KIND:
        words = words[1:]
    if not words or {_kind_of(word) for word in words} >= {Kind.MACRO, Kind.MICRO}:
        return None
    return _kind_of(words[0])


def _kind_of(word: str) -> Kind | None:
    if word.startswith("macro") or re.fullmatch("maes?[0-9]*", word):
        return Kind.MACRO
    if word.startswith("micro") or re.fullmatch("(?:mes?|mie)[0-9]*", word):
        return Kind.MICRO
    return None


def is_remark(header: Header, cells: Sequence[Cell]) -> bool:
    """True for a row that is no event: neither onset nor offset nor type is written in it."""
    return all(is_empty(header.cell(cells, name)) for name in ("onset", "offset", "type"))


def read_frames(log: Log, row: int, name: str, header: Header, cells: Sequence[Cell]) -> Frames | None:
    """Numbers of a row; None, with a finding, if onset or offset is written but is no frame number.

    An unreadable apex only leaves the apex unknown. Nothing is decided here about empty cells, 0 and -1.
    """
    values: dict[str, float | None] = {}
    for column in ("onset", "apex", "offset"):
        cell = header.cell(cells, column)
        value = number(cell)
        if value is not None and value > MAX_NUMBER:
            value = None
        if value is None and not is_empty(cell):
            kept = column == "apex"
            log.say(
                row,
                "changes" if kept else "loses",
                "unreadable-number",
                f"{name}: {column} {text(cell)[:40]!r} is no frame number; "
                + ("taken as unknown" if kept else "the event is not used"),
            )
            if not kept:
                return None
        values[column] = value
    return Frames(values["onset"], values["apex"], values["offset"])


def known_apex(
    log: Log, row: int, name: str, frames: Frames, *, first: float | None, last: float | None
) -> float | None:
    """The apex, or None if it is not annotated (empty, -1, or 0 where 0 is not within the event).

    An apex outside of the event is kept in the record, with a finding; it is used as the nearest end.
    """
    apex = frames.apex
    if apex is None or apex < 0 or (apex == 0 and not (first is not None and first <= 0)):
        return None
    if (first is not None and apex < first) or (last is not None and apex > last):
        span = f"{'?' if first is None else f'{first:g}'} to {'?' if last is None else f'{last:g}'}"
        log.say(row, "changes", "apex-outside", f"{name}: apex {apex:g} outside of {span}; the nearest end is used")
    return apex


def read_aus(log: Log, row: int, name: str, cell: Cell, note: Cell) -> tuple[tuple[str, ...], str, str]:
    """AUs, side and note of a row; a doubtful AU text is noted and kept word by word in the note."""
    written = "" if is_empty(cell) else text(cell)
    parsed = parse_aus(written)
    remark = "" if is_empty(note) else text(note)
    as_written = f"AUs as written: {written}" if parsed.doubtful else ""
    if parsed.doubtful:
        log.say(
            row, "note", "doubtful-aus", f"{name}: AUs {written[:60]!r} are taken as {'+'.join(parsed.aus) or 'none'}"
        )
    return parsed.aus, parsed.side, " ".join("; ".join(filter(None, (remark, as_written))).split())


def event_key(record: Record) -> tuple[object, ...]:
    """What two rows of one event share: video, kind, onset and offset, and the apex where one of these is unknown."""
    whole = record.onset is not None and record.offset is not None
    return record.video, record.kind, record.onset, record.offset, None if whole else record.apex


def _place(of: Record, seen_from: Record) -> str:
    """The row of a record, with its sheet and file where they are others."""
    place = f"row {of.origin.row}"
    if of.origin.sheet and (of.origin.file, of.origin.sheet) != (seen_from.origin.file, seen_from.origin.sheet):
        place += f" of sheet {of.origin.sheet!r}"
    return place + (f" of {of.origin.file}" if of.origin.file != seen_from.origin.file else "")


def without_duplicates(log: Log, records: Sequence[Record]) -> list[Record]:
    """Drop a record that is the same event (see `event_key`) as one above it."""
    seen: dict[tuple[object, ...], Record] = {}
    for record in records:
        first = seen.setdefault(event_key(record), record)
        if first is not record:
            message = f"{record.video}: the same {record.kind} event as in {_place(first, record)}; counted once"
            log.findings.append(Finding(severity="changes", what="duplicate", message=message, origin=record.origin))
    return list(seen.values())


def note_overlaps(log: Log, records: Sequence[Record]) -> None:
    """Note events that share frames with one that begins before them in the same video; unknown onsets do not."""
    by_video: dict[str, list[tuple[float, float, Record]]] = {}
    for record in records:
        onset = record.onset
        if onset is None:
            continue
        last = record.offset if record.offset is not None else record.apex
        by_video.setdefault(record.video, []).append((onset, max(onset, last if last is not None else onset), record))
    for video, spans in by_video.items():
        spans.sort(key=lambda span: span[:2])
        longest = spans[0]
        for span in spans[1:]:
            if span[0] <= longest[1]:
                message = (
                    f"{video}: {span[2].kind} from {span[0]:g} begins within the {longest[2].kind} of"
                    f" {_place(longest[2], span[2])} ({longest[0]:g} to {longest[1]:g})"
                )
                log.findings.append(Finding(severity="note", what="overlap", message=message, origin=span[2].origin))
            longest = max(longest, span, key=lambda s: s[1])


def data_rows(sheet: Sheet, header: Header) -> list[tuple[int, list[Cell]]]:
    """Rows below the header; a header repeated further down (pages of a print) is left out."""
    rows = [(row, cells) for row, cells in sheet.rows if row > header.row]
    onset = {plain(alias) for alias in ("onset", *ALIASES["onset"])}
    return [(row, cells) for row, cells in rows if plain(header.cell(cells, "onset")) not in onset]


def sort_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """In the order of their rows."""
    return tuple(sorted(findings, key=lambda f: (f.origin.row is None, f.origin.row or 0)))
