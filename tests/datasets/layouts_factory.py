"""Spreadsheets in the shapes in which the data sets are handed out, for the tests of loaders and doctor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import openpyxl
import xlwt

SAMM_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units", "Notes",
)  # fmt: skip
CAS3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class")
CAS2_NAMES = {
    "0101": "disgust1", "0102": "disgust2", "0401": "anger1", "0402": "anger2",
    "0502": "happy1", "0503": "happy2", "0505": "happy3", "0507": "happy4", "0508": "happy5",
}  # fmt: skip
CAS2_SUBJECTS = (15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40)


def write_xlsx(path: Path, sheets: dict[str, Iterable[Sequence[object]]]) -> Path:
    """One sheet a name, rows as given; an empty row is a blank one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def write_xls(path: Path, sheets: dict[str, Iterable[Sequence[object]]]) -> Path:
    """The same as an old .xls file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlwt.Workbook()
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                sheet.write(r, c, value)
    book.save(str(path))
    return path


def samm_table(path: Path, rows: Iterable[tuple[str, float, float, float, str]]) -> Path:
    """Rows of (event name, onset, apex, offset, "Macro" or "Micro"); the header stands in row 10."""
    filled = [
        (
            name.split("_")[0], name, 1, onset, apex, offset, offset - onset + 1,
            "Macro" if kind == "Macro" else "Micro - 1/2", "4+7", "",
        )
        for name, onset, apex, offset, kind in rows
    ]  # fmt: skip
    return write_xlsx(path, {"FACS_Movement_Only": [["A title"], *[[] for _ in range(8)], SAMM_HEADER, *filled]})


def cas2_table(path: Path, rows: Iterable[tuple[str, float, float, float, str]]) -> Path:
    """Rows of (video such as "15_0101", onset, apex, offset, "macro" or "micro")."""
    events = []
    for n, (video, onset, apex, offset, kind) in enumerate(rows, start=1):
        subject, code = video.split("_")
        number = CAS2_SUBJECTS.index(int(subject)) + 1
        name = f"{CAS2_NAMES[code]}_{n}"
        events.append((number, name, onset, apex, offset, "4+7", "negative", f"{kind}-expression", "anger"))
    return write_xlsx(
        path,
        {
            "CASFEcode_final": events,
            "naming rule1": [(s, f"s{s}", n) for n, s in enumerate(CAS2_SUBJECTS, start=1)],
            "naming rule2": list(CAS2_NAMES.items()),
        },
    )


def cas3_table(path: Path, rows: Iterable[tuple[str, str, int, int, int, str]]) -> Path:
    """Rows of (subject, letter, onset, apex, offset, "Macro" or "Micro"), numbers as text in an .xls file."""
    filled = [
        (subject, letter, str(onset), str(apex), str(offset), "4", f"{kind}-expression", "I")
        for subject, letter, onset, apex, offset, kind in rows
    ]
    blinks = [("Subject", "Filename", "Onset", "Offset"), ("spNO.1", "a", "57", "69")]
    return write_xls(path, {"AU+Emotion": [CAS3_HEADER, *filled], "eye blink": blinks})


def cas3_table_c(path: Path, rows: Iterable[tuple[int, int, int]]) -> Path:
    """Rows of (subject, onset, offset)."""
    filled = [(subject, n, onset, offset, "4", "negative") for n, (subject, onset, offset) in enumerate(rows, start=1)]
    return write_xlsx(path, {"mockCrimeME": [("sub", "count", "onset", "offset", "au", "emotion"), *filled]})
