"""Run as a program: a spreadsheet's bytes in, its rows as a pickle out.

A process of its own because a damaged file, or one cell far from the others, makes the reading library abort the
process it runs in, or take all memory, where no error could be caught. It imports nothing of spotlib.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

MEMORY = 2 * 2**30  # bytes


def read(data: bytes) -> dict[str, tuple[tuple[int, int], list[list[Any]], list[Any]]]:
    """For each sheet: the place of its first cell (row, column, from 0), its rows, its merged ranges."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum

    sheets = {}
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        for meta in book.sheets_metadata:
            if meta.typ is SheetTypeEnum.WorkSheet:  # not charts and macros
                table = book.get_sheet_by_name(meta.name)
                sheets[meta.name] = (table.start or (0, 0), table.to_python(), table.merged_cell_ranges or [])
    return sheets


def main() -> None:
    """Answer ("sheets", ...), ("locked", ""), ("missing", "") or ("error", reason) on standard output."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not on every system; the size of the file is checked in any case
    answer: tuple[str, Any]
    try:
        answer = "sheets", read(sys.stdin.buffer.read())
    except ImportError:
        answer = "missing", ""
    except Exception as error:
        locked = type(error).__name__ == "PasswordError"
        answer = ("locked", "") if locked else ("error", " ".join(str(error).split())[:120])
    sys.stdout.buffer.write(pickle.dumps(answer))


if __name__ == "__main__":
    main()
