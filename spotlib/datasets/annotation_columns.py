"""Columns of a CAS(ME)^2 sheet without a header, told by what stands in them (METHOD section 7).

A column may have been added anywhere (a duration, a running number), so places mean nothing here. Onset, apex and
offset are the three columns of numbers that are in order within nearly all rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, pairwise
from statistics import median

from spotlib.datasets.annotation_rows import parse_kind
from spotlib.datasets.au_text import parse_aus
from spotlib.datasets.cells import Cell, is_empty, number, text
from spotlib.datasets.sheets import Header, Sheet

FRAMES = ("onset", "apex", "offset")
CONVINCING = 0.95  # of the rows are in order; the real table has 3 of 357 that are not
SMALL = 100  # numbers below it are durations, counts and AUs rather than frames of a whole table
FEW = 20  # rows, of which all may be that early in their videos
MAX_AU = 64
_AUS = re.compile(r"(?:[\sLRABCDETXUORF0-9+,;/&()?.\-]|OR|REF|AND|AU)*", re.IGNORECASE)
Column = Sequence[Cell]


def columns_by_content(
    sheet: Sheet, is_event: Callable[[Cell], bool], is_subject: Callable[[Cell], bool], *, typed: bool = True
) -> Header | None:
    """Columns of the events; None if the sheet holds none.

    Args:
        sheet: rows from the first on.
        is_event: whether a cell is an event's name.
        is_subject: whether a cell may be a subject.
        typed: whether a column of types is needed; not where the sheet's name tells.

    Returns:
        ``missing`` of the header names onset, apex and offset if no three columns are convincing.
    """
    width = max((len(cells) for _, cells in sheet.rows), default=0)
    columns = [[row[c] if c < len(row) else "" for _, row in sheet.rows] for c in range(width)]
    filename = _best(columns, is_event, range(width))
    kind = _best(columns, lambda cell: parse_kind(cell) is not None, range(width))
    if filename is None or (kind is None and typed):
        return None
    events = [k for k, cell in enumerate(columns[filename]) if is_event(cell)]
    first = sheet.rows[events[0]][0]
    columns = [[column[k] for k in events] for column in columns]
    left = [c for c in range(filename - 1, -1, -1) if _share(columns[c], is_subject) >= 0.5]
    left = [c for c in left if not _is_running(columns[c])] or left
    numeric = [
        c for c in range(filename + 1, width) if _share(columns[c], lambda cell: number(cell) is not None) >= 0.5
    ]
    if len(numeric) < 3 or not left:
        return None
    found = {"subject": left[0], "filename": filename} | ({} if kind is None else {"type": kind})
    frames = _published(columns, filename) or _frames(columns, numeric)
    if frames is None:
        return Header(first - 1, found, FRAMES)
    found |= dict(zip(FRAMES, frames, strict=True))
    aus = _aus(columns, [c for c in range(filename + 1, width) if c not in found.values()], frames)
    if aus is not None:
        found["aus"] = aus
    return Header(first - 1, found)


def _share(column: Column, fits: Callable[[Cell], bool]) -> float:
    """Share of the filled cells that fit."""
    cells = [cell for cell in column if not is_empty(cell)]
    return sum(map(fits, cells)) / len(cells) if cells else 0.0


def _best(columns: Sequence[Column], fits: Callable[[Cell], bool], among: Iterable[int]) -> int | None:
    shares = {c: _share(columns[c], fits) for c in among}
    best = max(shares, key=lambda c: shares[c], default=None)
    return best if best is not None and shares[best] >= 0.5 else None


def _is_running(column: Column) -> bool:
    """True for 1, 2, 3, ...: the number of the row. Two rows do not tell."""
    values = [number(cell) for cell in column]
    steps = [b - a for a, b in pairwise(values) if a is not None and b is not None]
    return len(steps) >= 2 and len(steps) == len(values) - 1 and set(steps) == {1}


def _published(columns: Sequence[Column], filename: int) -> tuple[int, int, int] | None:
    """The places of the published table, if AUs stand where they should: then no column was added before them."""
    frames, aus = (filename + 1, filename + 2, filename + 3), filename + 4
    if aus >= len(columns) or _share(columns[aus], _is_aus) < 0.5 or _is_duration(columns, aus, frames):
        return None
    rows = list(zip(*([number(cell) for cell in columns[c]] for c in frames), strict=True))
    wrong = sum(not _in_order(*row) for row in rows)
    small = any(max((row[k] or 0 for row in rows), default=0) < SMALL for k in range(3))
    if small and len(rows) >= FEW:
        return None
    return frames if wrong <= max(1, (1 - CONVINCING) * len(rows)) and not _is_running(columns[aus]) else None


def _frames(columns: Sequence[Column], numeric: Sequence[int]) -> tuple[int, int, int] | None:
    """Onset, apex, offset: in order, no small numbers, and of all such the closest together.

    A duration or a running number before the onset is in order as well, but far from it: events are short.
    """
    values = {c: [number(cell) for cell in columns[c]] for c in numeric}
    best: tuple[bool, float, tuple[int, int, int]] | None = None
    for triple in combinations(numeric, 3):
        onsets, apexes, offsets = (values[c] for c in triple)
        rows = list(zip(onsets, apexes, offsets, strict=True))
        wrong = sum(not _in_order(*row) for row in rows)
        lengths = [f - o for o, _, f in rows if o is not None and f is not None and o <= f]
        # one slip is no proof against a short table
        if wrong > max(1 if len(rows) > 2 else 0, round((1 - CONVINCING) * len(rows), 6)) or not lengths:
            continue
        if any(2 * sum(bool(x) and x > 0 for x in column if x is not None) < len(rows) for column in (apexes, offsets)):
            continue  # a column of zeros is in order with anything
        small = any(max((x for x in values[c] if x is not None), default=0) < SMALL for c in triple)
        if small and len(rows) >= FEW:
            continue
        best = min(filter(None, (best, (small, median(lengths), triple))))
    return best[2] if best is not None else None


def _in_order(onset: float | None, apex: float | None, offset: float | None) -> bool:
    """Onset, apex, offset of a row do not contradict each other; an apex or offset of 0 or below is missing."""
    if onset is None:
        return False
    known = [onset, *(x for x in (apex, offset) if x is not None and x > 0)]
    return known == sorted(known)


def _aus(columns: Sequence[Column], among: Sequence[int], frames: tuple[int, int, int]) -> int | None:
    """The column of AUs: such text or numbers of AUs; durations and running numbers look like them."""
    fitting = [c for c in among if _share(columns[c], _is_aus) >= 0.5]
    fitting = [c for c in fitting if not _is_running(columns[c]) and not _is_duration(columns, c, frames)]

    def order(column: int) -> tuple[bool, bool, int]:
        several = any(number(cell) is None and _is_aus(cell) and not is_empty(cell) for cell in columns[column])
        return not several, column < frames[2], column

    return min(fitting, key=order, default=None)


def _is_aus(cell: Cell) -> bool:
    value = number(cell)
    if value is not None:
        return value == int(value) and 1 <= value <= MAX_AU
    aus = parse_aus(text(cell)).aus
    return bool(aus) and all(1 <= int(au) <= MAX_AU for au in aus) and _AUS.fullmatch(text(cell)) is not None


def _is_duration(columns: Sequence[Column], column: int, frames: tuple[int, int, int]) -> bool:
    """True if most cells are the length of their event, counted with or without its last frame."""
    known = fitting = 0
    for cell, onset, offset in zip(columns[column], columns[frames[0]], columns[frames[2]], strict=True):
        value, first, last = number(cell), number(onset), number(offset)
        if value is not None and first is not None and last is not None and last >= first:
            known += 1
            fitting += abs(value - (last - first)) <= 1
    return known > 0 and 2 * fitting > known
