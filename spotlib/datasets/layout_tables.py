"""A twin's annotations as the spreadsheet of the real data set, with all that is odd about it (METHOD section 7).

The rows are the annotator's (`annotator.rows`); here they only get the form in which the publishers hand them out:
headers in row 10 or nowhere, numbers as text, zeros for what is missing, blank rows, trailing spaces.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from spotlib.datasets.annotator import Row, rows
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_files import FILMS, first_number
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

Cells = list[Any]
SHEETS_XLS = 65_536  # rows of an .xls sheet
WRITTEN = (2000, 1, 1, 0, 0, 0)  # the date that a .xlsx bears: the same twin is the same file whenever it is written


def table_path(dataset: str, part: str = "A") -> PurePosixPath:
    """Where the table stands below the root."""
    if dataset == "samm_lv":
        return PurePosixPath("SAMM_LongVideos_V1_Release.xlsx")
    if dataset == "cas_me2":
        return PurePosixPath("CAS(ME)^2", "CAS(ME)^2code_final.xlsx")
    if part == "C":
        return PurePosixPath("part_C", "annotation", "cas(me)3_part_C_ME.xlsx")
    return PurePosixPath("part_A", "annotation", "cas(me)3_part_A_v2.xls")


def write_table(path: Path, videos: Sequence[TwinVideo], dataset: str, part: str = "A") -> None:
    """Write the annotation table of ``videos``; .xls for part A of CAS(ME)^3, else .xlsx. Same videos, same bytes."""
    if dataset == "samm_lv":
        _save_xlsx(path, {"FACS_Movement_Only": samm_sheet(videos)})
    elif dataset == "cas_me2":
        _save_xlsx(path, cas_me2_sheets(videos))
    elif part == "C":
        _save_xlsx(path, {"mockCrimeME": part_c_sheet(videos)})
    else:
        _save_xls(path, {"AU+Emotion": part_a_sheet(videos), "eye blink": blink_sheet(videos)})


def _save_xlsx(path: Path, sheets: dict[str, list[Cells]]) -> None:
    import openpyxl
    from openpyxl.writer.excel import ExcelWriter

    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = datetime(*WRITTEN)
    book.remove(book.worksheets[0])
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for cells in lines:
            sheet.append(cells)
    # `book.save` stamps the time of day into the file, and so does every member of the archive
    buffer = io.BytesIO()
    ExcelWriter(book, zipfile.ZipFile(buffer, "w")).save()
    with zipfile.ZipFile(buffer) as stamped, zipfile.ZipFile(path, "w") as archive:
        for name in stamped.namelist():
            member = zipfile.ZipInfo(name, WRITTEN)
            archive.writestr(member, stamped.read(name), zipfile.ZIP_DEFLATED)


def _save_xls(path: Path, sheets: dict[str, list[Cells]]) -> None:
    import xlwt

    book = xlwt.Workbook()
    for name, lines in sheets.items():
        if len(lines) > SHEETS_XLS:
            raise SpotlibError(f"{path}: {len(lines)} rows do not fit into an .xls sheet; write fewer videos")
        sheet = book.add_sheet(name)
        for row, cells in enumerate(lines):
            for column, cell in enumerate(cells):
                if cell is not None:
                    sheet.write(row, column, cell)
    book.save(str(path))


def _note(row: Row) -> str:
    """The note of a row without what a reader adds to it."""
    return row.record.note.partition("AUs as written: ")[0].rstrip("; ")


def _au_cell(text: str) -> Any:
    """A single plain AU becomes a number as soon as somebody types it into a spreadsheet."""
    return int(text) if text.isdecimal() else text


def _known(number: float | None, unknown: int) -> Any:
    """A frame number as a cell; whole ones are whole."""
    if number is None:
        return unknown
    return int(number) if number == int(number) else number


def samm_sheet(videos: Sequence[TwinVideo]) -> list[Cells]:
    """Header in row 10; unknown onsets are 0 and unknown apexes -1; one event name occurs twice."""
    lines: list[Cells] = [
        ["SAMM Long Videos Dataset - FACS Codes (synthetic twin)"],
        [],
        ["Symbol Key:"],
        ['"/" = or'],
        [],
        ["AU Help:"],
        ['"L2 or R2" = one side only', None, None, None, None, "NOTE: an apex that is not annotated is -1."],
        ['"A2" = stronger on one side'],
        [],
        [
            "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units",
            "Notes",
        ],
    ]  # fmt: skip
    repeated = False
    for k, video in enumerate(videos):
        own = rows(video, "samm_lv")
        for number, row in enumerate(own, start=1):
            record = row.record
            onset, offset = _known(record.onset, 0), _known(record.offset, 0)
            if number == 2 and not repeated:
                number, repeated = 1, True  # two events of one name, as 037_4_1
            name = f"{record.video}_{number}"
            subject: Any = record.subject
            if k % 5 == 3:  # a spreadsheet takes the zeros away, and people leave spaces behind
                subject, name = int(record.subject), name + " "
            if k % 7 == 4:
                onset = str(onset)
            kind = "Macro" if record.kind is Kind.MACRO else "Micro - 1/2"
            lines.append(
                [subject, name, int(record.video.split("_")[1]), onset, _known(record.apex, -1), offset,
                 (record.offset or 0) - (record.onset or 0) + 1, kind, _au_cell(row.aus), _note(row)]
            )  # fmt: skip
        if k % 25 == 10:
            lines.append([])
    return lines


def cas_me2_sheets(videos: Sequence[TwinVideo]) -> dict[str, list[Cells]]:
    """Three sheets without headers; missing offsets and apexes are 0."""
    films = {code: name for code, name, _ in FILMS}
    people: dict[str, int] = {}
    events: list[Cells] = []
    rule: list[Cells] = []
    for k, video in enumerate(videos):
        own = rows(video, "cas_me2")
        subject, _, code = (own[0].record.video if own else "").partition("_")
        if not own:
            continue
        if code not in films:
            raise SpotlibError(f"{video.name}: no film of CAS(ME)^2 has the number {code}; drop the video")
        number = people.setdefault(subject, len(people) + 1)
        for count, row in enumerate(own, start=1):
            record = row.record
            happy = "12" in record.aus
            events.append(
                [number, f"{films[code]}_{count}", _known(record.onset, 0), _known(record.apex, 0),
                 _known(record.offset, 0), _au_cell(row.aus), "positive" if happy else "negative",
                 f"{record.kind}-expression" + (" " if k % 6 == 5 else ""), "happiness" if happy else films[code][:-1]]
            )  # fmt: skip
            rule.append([int(subject), f"s{subject}", number])
    codes: list[Cells] = [[int(code), name] for code, name, _ in FILMS]
    return {"CASFEcode_final": events, "naming rule1": rule, "naming rule2": codes}


def part_a_sheet(videos: Sequence[TwinVideo]) -> list[Cells]:
    """All cells are text; the letters of some videos are capitals."""
    lines: list[Cells] = [
        ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class"]
    ]
    for k, video in enumerate(videos):
        for row in rows(video, "cas_me3"):
            record = row.record
            subject, _, letter = record.video.rpartition("_")
            numbers = [str(_known(x, 0)) for x in (record.onset, record.apex, record.offset)]
            kind = f"{str(record.kind).capitalize()}-expression"
            lines.append([subject, letter.upper() if k % 9 == 1 else letter, *numbers, row.aus, kind, "VII"])
        if k % 40 == 20:
            lines.append([])
    return lines


def blink_sheet(videos: Sequence[TwinVideo]) -> list[Cells]:
    """Eye blinks of every sixth video, in file numbers; nobody annotated the others."""
    lines: list[Cells] = [["Subject", "Filename", "Onset", "Offset"]]
    for video in videos[::6]:
        own = rows(video, "cas_me3")
        if not own:
            continue
        subject, _, letter = own[0].record.video.rpartition("_")
        first = first_number(video, "cas_me3")
        for entry in video.distractor_log:
            if entry.kind == "blink":
                lines.append([subject, letter, str(entry.onset + first), str(entry.offset + first)])
    return lines


def part_c_sheet(videos: Sequence[TwinVideo]) -> list[Cells]:
    """Micro-expressions with onset and offset only."""
    lines: list[Cells] = [["sub", "count", "onset", "offset", "au", "emotion"]]
    for video in videos:
        for count, row in enumerate(rows(video, "cas_me3", "C"), start=1):
            record = row.record
            emotion = "positive" if "12" in record.aus else "negative"
            lines.append(
                [int(record.subject[1:]), count, _known(record.onset, 0), _known(record.offset, 0), _au_cell(row.aus),
                 emotion]
            )  # fmt: skip
    return lines
