"""Small annotation tables of the shape of the real ones, with invented rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Sequence[Any]]

SAMM_HEADER = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset",
    "Apex",
    "Offset",
    "Duration",
    "Type",
    "Action Units",
    "Notes",
)
CAS3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class")
RULE1 = [(51, "s51", 1), (52, "s52", 2)]
RULE2 = [("0101", "disgust1"), ("0402", "anger2")]


def write_xlsx(path: Path, sheets: Mapping[str, Rows], *, top: int = 1, left: int = 1) -> Path:
    """Sheets with the first cell in row ``top``, column ``left``; None leaves a cell empty."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for i, row in enumerate(rows, start=top):
            for j, value in enumerate(row, start=left):
                if value is not None:
                    sheet.cell(i, j).value = value
    book.save(path)
    return path


def write_xls(path: Path, sheets: Mapping[str, Rows]) -> Path:
    import xlwt

    book = xlwt.Workbook()
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                if value is not None:
                    sheet.write(i, j, value)
    book.save(str(path))
    return path


def samm_sheet(rows: Rows, *, header: Sequence[Any] = SAMM_HEADER) -> list[Sequence[Any]]:
    """A title, explanations and blank rows, the header in row 10."""
    top = [["Some Long Videos - Codes"], [], ["Key:"], ['"/" = or'], [], ["Help:"], ["L2"], ["A2"], []]
    return [*top, header, *rows]


def samm_row(
    name: str, onset: Any, apex: Any, offset: Any, kind: str = "Macro", aus: Any = "12B", note: str | None = None
) -> list[Any]:
    length = offset - onset + 1 if isinstance(onset, int | float) and isinstance(offset, int | float) else None
    return [name.split("_")[0], name, 1, onset, apex, offset, length, kind, aus, note]


def cas2_row(
    subject: Any, name: str, onset: Any, apex: Any, offset: Any, kind: str = "macro-expression", aus: Any = 12
) -> list[Any]:
    return [subject, name, onset, apex, offset, aus, "negative", kind, "anger"]


def cas2_sheets(rows: Rows) -> dict[str, Rows]:
    return {"CASFEcode_final": rows, "naming rule1": RULE1, "naming rule2": RULE2}


def cas3_row(
    subject: str, video: str, onset: Any, apex: Any, offset: Any, kind: str = "Macro-expression", aus: str = "4"
) -> list[Any]:
    return [subject, video, onset, apex, offset, aus, kind, "VII"]
