"""Spreadsheets as plain rows: .xls, .xlsx and .csv, with columns found by name.

Nothing here knows a data set. Files come from strangers and from several hands, so that reading is bounded (a small
file may unpack to gigabytes) and whatever cannot be read ends in one line.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spotlib.datasets.cells import Cell, is_empty, number, plain, text
from spotlib.datasets.sheet_child import from_json
from spotlib.errors import SpotlibError
from spotlib.limits import MAX_TEXT

__all__ = [
    "Cell",
    "Header",
    "Sheet",
    "best_header",
    "find_header",
    "is_empty",
    "number",
    "plain",
    "read_sheets",
    "text",
]

MAX_BYTES = 200 * 2**20  #: of a file, and of all that a .xlsx file unpacks to
MAX_SECONDS = 60  #: to read one; the largest real table takes 0.1 s
MAX_CELLS = 10**7  #: of a CSV table
MAX_COLUMNS = 1000  #: of a CSV row
HEADER_ROWS = 40  #: a header stands within so many rows from the top


@dataclass(frozen=True)
class Sheet:
    """One sheet: rows that hold anything, each with its number as a spreadsheet program shows it (from 1).

    Cells keep their columns: ``cells[0]`` is column A. A row ends with its last used cell.
    """

    name: str
    rows: list[tuple[int, list[Cell]]]


@dataclass(frozen=True)
class Header:
    """Where a sheet's columns are. ``missing``: required ones that it lacks."""

    row: int
    columns: Mapping[str, int]
    missing: tuple[str, ...] = ()

    def cell(self, cells: Sequence[Cell], name: str) -> Cell:
        """A row's cell in the column of that name; empty if there is no such column or the row is shorter."""
        column = self.columns.get(name)
        return cells[column] if column is not None and column < len(cells) else ""


def read_sheets(path: str | Path) -> dict[str, Sheet]:
    """Read all sheets of a spreadsheet, in its order, without its blank rows; a .csv file is one sheet named "".

    What a file is, is seen from its first bytes, not from its name: tables are renamed now and then.

    Raises:
        SpotlibError: one line, if there is no such file, it is empty, locked by a password, damaged, no spreadsheet,
            or larger than MAX_BYTES (also unpacked).
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise SpotlibError(f"{path}: a folder, not a spreadsheet; give the .xlsx, .xls or .csv file in it")
        if size > MAX_BYTES:
            raise SpotlibError(f"{path}: {size / 2**20:.0f} MB is too large for an annotation table; give another file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file; give a spreadsheet (.xlsx, .xls or .csv)") from None
    except OSError as error:
        raise SpotlibError(f"{path}: cannot be read ({error.strerror}); give a spreadsheet") from None
    if not data.strip():
        raise SpotlibError(f"{path}: the file is empty; unpack or download it again")
    if data[:4] == b"PK\x03\x04":
        _check_unpacked(path, data)
        sheets = _spreadsheet(path, data)
    elif data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        if "EncryptedPackage".encode("utf-16-le") in data:  # how a .xlsx with a password is stored
            raise _locked(path)
        sheets = _spreadsheet(path, data)
    elif path.suffix.lower() == ".csv":
        sheets = {"": _csv_sheet(path, data)}
    else:
        raise SpotlibError(f"{path}: not a spreadsheet; give the data set's .xlsx or .xls file, or a .csv file")
    if not any(sheet.rows for sheet in sheets.values()):
        raise SpotlibError(f"{path}: all of its sheets are empty; unpack or download it again")
    return sheets


def _check_unpacked(path: Path, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SpotlibError(f"{path}: not a readable spreadsheet ({error}); download it again") from None
    if unpacked > MAX_BYTES:
        raise SpotlibError(
            f"{path}: unpacks to {unpacked / 2**20:.0f} MB, more than the {MAX_BYTES / 2**20:.0f} MB"
            " that an annotation table may need; give another file"
        )


def _locked(path: Path) -> SpotlibError:
    return SpotlibError(f"{path}: locked by a password; save it without one in a spreadsheet program")


def _spreadsheet(path: Path, data: bytes) -> dict[str, Sheet]:
    """Read in a process of its own, see `sheet_child`."""
    status: str
    answer: Any
    command = [sys.executable, "-P", str(Path(__file__).with_name("sheet_child.py"))]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=MAX_SECONDS, check=False)
        status, answer = json.loads(done.stdout, object_hook=from_json) if done.returncode == 0 else ("died", "")
    except (subprocess.TimeoutExpired, ValueError):
        status, answer = "died", ""
    if status == "locked":
        raise _locked(path)
    if status == "error":
        raise SpotlibError(f"{path}: not a readable spreadsheet ({answer}); download it again")
    if status == "missing":
        raise SpotlibError(f"{path}: python-calamine, which reads spreadsheets, is not installed; pip install it")
    if status == "died":
        raise SpotlibError(
            f"{path}: not a readable spreadsheet (it is damaged, or a cell far from the others makes it huge);"
            " open it in a spreadsheet program and save it again"
        )
    return {name: _sheet(name, *parts) for name, parts in answer}


def _sheet(name: str, start: tuple[int, int], rows: list[list[Cell]], merged: list[Any]) -> Sheet:
    top, left = start
    rows = [[""] * left + cells for cells in rows]
    for (first, column), (last, to_column) in merged:
        first, last = first - top, min(last - top, len(rows) - 1)
        if column == to_column and 0 <= first < len(rows) and column < len(rows[first]):
            for k in range(first + 1, last + 1):  # a subject that is written once beside all of its rows
                rows[k][column] = rows[first][column]
    return Sheet(name, _used(enumerate(rows, start=top + 1)))


def _used(rows: Iterable[tuple[int, list[Cell]]]) -> list[tuple[int, list[Cell]]]:
    """Rows that hold anything, without the empty cells at their ends."""
    used = []
    for row, cells in rows:
        while cells and (cells[-1] == "" or (isinstance(cells[-1], str) and not cells[-1].strip())):
            cells.pop()
        if cells:
            used.append((row, cells))
    return used


def _csv_sheet(path: Path, data: bytes) -> Sheet:
    if len(data) > MAX_TEXT:
        raise SpotlibError(f"{path}: {len(data) >> 20} MB is too large for an annotation table; give another file")
    table = _decoded(data)
    if "\0" in table:
        raise SpotlibError(f"{path}: not a text table; give a spreadsheet (.xlsx, .xls or .csv)")
    head = table[:10_000].splitlines()
    # the separator of most lines; if two are in all of them, the one that is used more
    mark = max(",;\t", key=lambda m: (sum(m in line for line in head), sum(line.count(m) for line in head)))
    rows: list[tuple[int, list[Cell]]] = []
    n_cells = 0
    try:
        for row, cells in enumerate(csv.reader(io.StringIO(table, newline=""), delimiter=mark), start=1):
            n_cells += len(cells)
            if len(cells) > MAX_COLUMNS or n_cells > MAX_CELLS:
                raise SpotlibError(f"{path}, row {row}: too many cells for an annotation table; give another file")
            if cells:
                rows.append((row, list(cells)))
    except csv.Error as error:
        raise SpotlibError(f"{path}: not a CSV table ({error}); save it again as CSV") from None
    return Sheet("", _used(rows))


def _decoded(data: bytes) -> str:
    """UTF-8 or UTF-16 by their marks, else UTF-8, else the encoding of Chinese spreadsheet programs, else Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def best_header(sheet: Sheet, names: Mapping[str, Sequence[str]], *, required: Sequence[str]) -> Header | None:
    """The row among the first HEADER_ROWS that names most of the required columns; None if no row names any."""
    wanted = {name: [plain(alias) for alias in (name, *aliases)] for name, aliases in names.items()}
    best: Header | None = None
    for row, cells in sheet.rows:
        if row > HEADER_ROWS + (sheet.rows[0][0] if sheet.rows else 0):
            break
        labels = [plain(cell) if isinstance(cell, str) else "" for cell in cells]
        columns: dict[str, int] = {}
        for name, aliases in wanted.items():
            found = next((labels.index(alias) for alias in aliases if alias in labels), None)
            if found is not None and found not in columns.values():
                columns[name] = found
        missing = tuple(name for name in required if name not in columns)
        if columns and len(missing) < len(required) and (best is None or len(missing) < len(best.missing)):
            best = Header(row, columns, missing)
    return best


def find_header(
    sheet: Sheet, names: Mapping[str, Sequence[str]], *, required: Sequence[str], where: str = ""
) -> Header:
    """The header row of a sheet: columns by name, anywhere among its first HEADER_ROWS rows; others are ignored.

    Args:
        sheet: where to look.
        names: for each column its other names; case, width, punctuation and spaces do not count.
        required: columns without which the sheet is of no use.
        where: the file, for the error.

    Raises:
        SpotlibError: naming the columns that are missing and the row that comes nearest.
    """
    header = best_header(sheet, names, required=required)
    place = f"{where}, sheet {sheet.name!r}" if sheet.name else where or "sheet"
    if header is None:
        raise SpotlibError(f"{place}: no header row; one with the columns {', '.join(required)} is needed")
    if header.missing:
        raise SpotlibError(
            f"{place}, row {header.row}: column {header.missing[0]!r} is missing;"
            f" the columns {', '.join(required)} are needed"
        )
    return header
