"""The one exception whose text is meant for the user."""

from __future__ import annotations

import re

LONGEST = 2000  # letters of a message; a name in it may be as long as a file

# control characters and lone surrogates, and what turns the direction of text (a name can hide its end with it)
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")


def one_line(text: object, *, longest: int = LONGEST) -> str:
    """``text`` as one line that a terminal shows as it is: file names may hold line breaks and control sequences.

    >>> one_line("a\\nb"), one_line("\\x1b[31mred"), one_line("x" * 50, longest=20)
    ('a b', '�[31mred', 'xxxxxxxxxx ... xxxxx')
    """
    line = str(text)
    if len(line) > longest:
        line = f"{line[: longest // 2]} ... {line[-(longest // 4) :]}"
    return _UNPRINTABLE.sub("\ufffd", _BREAKS.sub(" ", line))


class SpotlibError(Exception):
    """Bad input, told in one line: what is wrong, where (file, row), and what to do about it.

    The command line prints the message without a traceback and exits with status 1; notebooks show it as is.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(message))


class ReadError(SpotlibError):
    """The medium failed (permission, disk, network): nothing that was computed meanwhile may be kept."""


def in_a_line(error: Exception) -> str:
    """Kind and first line of an error that came from elsewhere, for a note; at most 200 letters."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
