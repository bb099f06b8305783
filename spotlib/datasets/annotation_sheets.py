"""Events that stand on several sheets of one workbook: which sheets hold any, and their records as one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spotlib.datasets.annotation_rows import (
    ALIASES,
    Log,
    event_key,
    note_overlaps,
    parse_kind,
    sort_findings,
    without_duplicates,
)
from spotlib.datasets.cells import Cell, is_empty, plain, text
from spotlib.datasets.records import Finding, Origin, Record
from spotlib.datasets.sheets import Header, Sheet, best_header
from spotlib.intervals import Kind


@dataclass(frozen=True)
class Found:
    """A sheet of events: its columns, and its kind if the sheet or file holds only one."""

    sheet: Sheet
    header: Header
    kind: Kind | None = None


def kind_by_name(name: str) -> Kind | None:
    """Kind that the name of a file or sheet tells; the ME of "CAS(ME)^3" does not count.

    >>> kind_by_name("cas(me)3_part_A_MaE_label"), kind_by_name("CAS(ME)^3_part_A_v2")
    (<Kind.MACRO: 'macro'>, None)
    """
    words = plain(re.sub(r"cas[\W_]*me[\W_]*[0-9]", " ", text(name), flags=re.IGNORECASE)).split()
    kinds = {kind for word in words if (kind := parse_kind(word)) is not None}
    return kinds.pop() if len(kinds) == 1 else None


def closest_sheet(sheets: Mapping[str, Sheet], required: Sequence[str]) -> Sheet:
    """The sheet whose header lacks fewest columns, to complain about."""

    def lacking(sheet: Sheet) -> int:
        header = best_header(sheet, ALIASES, required=required)
        return len(required) if header is None else len(header.missing)

    return min(sheets.values(), key=lacking)


def fill_subjects(
    log: Log,
    header: Header,
    rows: list[tuple[int, list[Cell]]],
    *,
    agrees: Callable[[Cell, list[Cell]], bool] = lambda subject, cells: True,
) -> list[tuple[int, list[Cell]]]:
    """Rows with the subject written in each: one that is written once stands for the blank cells below it.

    Only rows with an onset or offset are filled, so that remarks between them stay remarks. One finding a run.
    ``agrees`` tells whether a subject fits the rest of a row; it is not filled in where it does not.
    """
    column = header.columns.get("subject")
    if column is None:
        return rows
    filled: list[tuple[int, list[Cell]]] = []
    above: Cell = ""
    blank: list[int] = []
    for row, cells in rows:
        written = header.cell(cells, "subject")
        if not is_empty(written):
            _note_filled(log, above, blank)
            above, blank = written, []
        elif (
            not is_empty(above)
            and not all(is_empty(header.cell(cells, name)) for name in ("onset", "offset"))
            and agrees(above, cells)
        ):
            cells = [*cells, *[""] * (column + 1 - len(cells))]
            cells[column] = above
            blank.append(row)
        filled.append((row, cells))
    _note_filled(log, above, blank)
    return filled


def _note_filled(log: Log, subject: Cell, rows: Sequence[int]) -> None:
    if rows:
        span = f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]} to {rows[-1]}"
        message = f"no subject in {span}; taken as {text(subject)[:40]!r}, which is written above"
        log.say(rows[0], "note", "filled-subject", message)


def join_sheets(tables: Sequence[tuple[Log, Sequence[Record]]]) -> tuple[tuple[Record, ...], tuple[Finding, ...]]:
    """Records of all sheets in their order, each event once, and what was odd about them.

    A sheet all of whose events stand on the others too ("all" beside "macro" and "micro", or a copy) is left out as a
    whole, with a note; other repetitions are duplicates.

    Args:
        tables: for each sheet its log and its records.
    """
    keys = [{event_key(record) for record in records} for _, records in tables]
    kept = list(range(len(tables)))
    # from the smallest, of equal ones the later: parts go rather than the whole, copies rather than the first
    for k in sorted(kept, key=lambda k: (len(keys[k]), -k)):
        if keys[k] and keys[k] <= set[object]().union(*(keys[other] for other in kept if other != k)):
            kept.remove(k)
    findings: list[Finding] = []
    if len(kept) > 1:
        names = [repr(tables[k][0].sheet) for k in kept]
        message = f"events are read from {len(kept)} sheets: {', '.join(names)}"
        findings.append(_about(tables[kept[0]][0], "several-sheets", message))
    known = {(f.what, f.message) for k in kept for f in tables[k][0].findings}
    for k, (log, _) in enumerate(tables):
        if k in kept:
            findings += log.findings
            continue
        message = f"its {len(keys[k])} events stand on sheet {' and '.join(repr(tables[o][0].sheet) for o in kept)} too"
        findings.append(_about(log, "repeated-sheet", f"{message}; the sheet is left out"))
        # what only this sheet has lost would otherwise be told nowhere
        findings += [f for f in log.findings if f.severity == "loses" and (f.what, f.message) not in known]
    log = Log(tables[0][0].file, tables[0][0].sheet)
    joined = without_duplicates(log, [record for k in kept for record in tables[k][1]])
    note_overlaps(log, joined)
    findings += log.findings
    in_order = [
        finding for log, _ in tables for finding in sort_findings([f for f in findings if f.origin.sheet == log.sheet])
    ]
    return tuple(joined), tuple(in_order)


def _about(log: Log, what: str, message: str) -> Finding:
    return Finding(severity="note", what=what, message=message, origin=Origin(file=log.file, sheet=log.sheet))
