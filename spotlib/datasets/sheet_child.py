"""Run as a program: a spreadsheet's bytes in, its rows as JSON out.

A process of its own because a damaged file, or one cell far from the others, makes the reading library abort the
process it runs in, or take all memory, where no error could be caught. It imports nothing of spotlib. What it says is
plain data: whoever might take over this process by a damaged file gains nothing in the other.
"""

from __future__ import annotations

import datetime
import io
import json
import sys
from typing import Any

MEMORY = 2 * 2**30  # bytes
CELLS = 10**7  # of all sheets, the empty ones between others too
TEXT = 50 * 2**20  # letters


def read(data: bytes) -> dict[str, tuple[tuple[int, int], list[list[Any]], list[Any]]]:
    """For each sheet: the place of its first cell (row, column, from 0), its rows, its merged ranges."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum

    sheets = {}
    n_cells = n_letters = 0
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        for meta in book.sheets_metadata:
            if meta.typ is SheetTypeEnum.WorkSheet:  # not charts and macros
                table = book.get_sheet_by_name(meta.name)
                start, rows, merged = table.start or (0, 0), table.to_python(), table.merged_cell_ranges or []
                n_cells += len(rows) * start[1] + sum(map(len, rows)) + sum(b[0] - a[0] for a, b in merged)
                n_letters += sum(len(cell) for row in rows for cell in row if isinstance(cell, str))
                if n_cells > CELLS or n_letters > TEXT:
                    raise ValueError(f"more than {CELLS:,} cells, or {TEXT:,} letters")
                sheets[meta.name] = (start, rows, merged)
    return sheets


def as_json(cell: Any) -> dict[str, Any]:
    """What JSON has no word for: {kind: text or number}."""
    if isinstance(cell, datetime.timedelta):
        return {"timedelta": cell.total_seconds()}
    if isinstance(cell, datetime.datetime | datetime.date | datetime.time):
        return {type(cell).__name__: cell.isoformat()}
    raise TypeError(type(cell).__name__)


def from_json(value: dict[str, Any]) -> Any:
    """The reverse of `as_json`; any other JSON object stays as it is."""
    if "timedelta" in value:
        return datetime.timedelta(seconds=value["timedelta"])
    for kind in (datetime.datetime, datetime.date, datetime.time):
        if kind.__name__ in value:
            return kind.fromisoformat(value[kind.__name__])
    return value


def main() -> None:
    """Answer ("sheets", ...), ("locked", ""), ("missing", "") or ("error", reason) on standard output."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not on every system; the size of the file is checked in any case
    answer: tuple[str, Any]
    try:
        answer = "sheets", list(read(sys.stdin.buffer.read()).items())
    except ImportError:
        answer = "missing", ""
    except Exception as error:
        locked = type(error).__name__ == "PasswordError"
        answer = ("locked", "") if locked else ("error", " ".join(str(error).split())[:120])
    # ASCII: a cell may hold half a pair of UTF-16, which no other encoding can carry
    sys.stdout.write(json.dumps(answer, default=as_json))


if __name__ == "__main__":
    main()
