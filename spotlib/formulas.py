"""Text in tables that spreadsheet programs must not take for a formula.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return is computed when somebody opens a CSV
file, and may start programs. An apostrophe before it makes it text, there and here: what was guarded is read back as it
was.
"""

from __future__ import annotations

import re

_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")  # wide forms too: Asian editions take them
_GUARDED = re.compile(f"'{_FORMULA.pattern}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def guarded(text: str) -> str:
    """``text`` for a cell of a CSV file; numbers stay numbers.

    >>> guarded("=cmd()"), guarded("-2"), guarded("s01"), guarded("'=x")
    ("'=cmd()", '-2', 's01', "''=x")
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given.

    >>> unguarded("'=cmd()"), unguarded("-2"), unguarded("'tis")
    ('=cmd()', '-2', "'tis")
    """
    return text[1:] if _GUARDED.match(text) else text
