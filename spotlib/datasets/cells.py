"""What stands in a cell of a spreadsheet, whoever typed it: text, names to compare by, numbers wherever they hide."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata

Cell = str | float | int | bool | datetime.datetime | datetime.date | datetime.time | datetime.timedelta

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]{1,2})")


def text(cell: Cell) -> str:
    """A cell as text: full-width letters made narrow, spaces at the ends dropped, 12.0 as "12".

    >>> text(12.0), text(" ＡＢ１ "), text(0.5)
    ('12', 'AB1', '0.5')
    """
    if isinstance(cell, float) and math.isfinite(cell) and cell == int(cell):
        cell = int(cell)
    return unicodedata.normalize("NFKC", str(cell)).strip()


def plain(cell: Cell) -> str:
    """A cell as a name to compare by: as `text`, without case, punctuation and doubled spaces.

    >>> plain("  Action\\nUnit(s) "), plain("Ｏｎｓｅｔ_Frame")
    ('action unit s', 'onset frame')
    """
    return re.sub(r"[\W_]+", " ", text(cell).casefold()).strip()


def number(cell: Cell) -> float | None:
    """A cell as a number, also where it is text; None for whatever is none (empty, words, dates, true and false).

    A comma is read as a decimal comma if one or two digits follow; "1,234" may mean two things and is None.
    Binary dust of spreadsheets is rounded away (566.4000000000001 is 566.4).

    >>> number("１２"), number(" 12.0 "), number("566,4"), number("12 a"), number(True), number(566.4000000000001)
    (12.0, 12.0, 566.4, None, None, 566.4)
    """
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    if isinstance(cell, str):
        written = unicodedata.normalize("NFKC", cell).strip().replace("\N{MINUS SIGN}", "-")
        comma = _DECIMAL_COMMA.fullmatch(written)
        written = f"{comma[1]}.{comma[2]}" if comma else written
        if len(written) > 50 or not _NUMBER.fullmatch(written):
            return None
        cell = written
    try:
        value = float(cell)
    except OverflowError:
        return None
    return round(value, 6) if math.isfinite(value) else None


def is_empty(cell: Cell) -> bool:
    """True for a cell without anything in it, or with the words for nothing.

    >>> is_empty(""), is_empty(" - "), is_empty("n/a"), is_empty(0)
    (True, True, True, False)
    """
    return isinstance(cell, str) and plain(cell) in ("", "n a", "na", "nan", "none", "null")
