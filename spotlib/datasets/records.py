"""What an annotation table says before anybody interprets it: records, findings, and the way from numbers to frames.

A `Record` stays in the table's own frame numbers. Conventions (``spotlib.datasets.conventions``) decide about what is
missing in it; a `FrameMap` then turns its numbers into spotlib's 0-based frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

Severity = Literal["loses", "changes", "note"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where something stands: a file, and in a spreadsheet its sheet and the row as a spreadsheet program counts it."""

    file: str
    sheet: str = ""
    row: int | None = None

    def __str__(self) -> str:
        sheet = f", sheet {self.sheet!r}" if self.sheet else ""
        return f"{self.file}{sheet}" + (f", row {self.row}" if self.row is not None else "")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One annotated expression as its table has it. None: the table does not tell.

    ``subject`` and ``video`` are spotlib's names (as folders of the data set are called). Frame numbers are the
    table's own: 1-based or file numbers, fractional in SAMM-LV V1.
    """

    subject: str
    video: str
    kind: Kind
    onset: float | None
    apex: float | None
    offset: float | None
    aus: tuple[str, ...] = ()
    side: str = "both"
    note: str = ""
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a user should know about the data.

    ``loses``: an event or a frame range is not used because of it. ``changes``: an event is used with a changed
    number. ``note``: nothing changes. ``what`` is a short fixed name ("offset-before-onset") for programs.
    """

    severity: Severity
    what: str
    message: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """A table as read: its records in file order, what was odd about it, and which version it seems to be."""

    dataset: str
    version: str
    records: tuple[Record, ...]
    findings: tuple[Finding, ...] = ()
    blinks: tuple[Record, ...] = field(default=(), repr=False)  # CAS(ME)^3 lists them; no expressions


@dataclass(frozen=True)
class FrameMap:
    """From a table's frame numbers to spotlib's frames and back (METHOD section 2, frame rates).

    ``first`` is the number of frame 0; every ``step``-th picture is used. Numbers between two used pictures go to the
    nearest one (``round``) or to the one before (``floor``).

    >>> FrameMap(first=1, step=7, rule="round").frame(12), FrameMap(first=1, step=8, rule="floor").frame(16)
    (2, 1)
    >>> FrameMap(first=1, step=7).number(2)
    15
    """

    first: int = 0
    step: int = 1
    rule: Literal["round", "floor"] = "round"

    def __post_init__(self) -> None:
        if self.step < 1:
            raise SpotlibError(f"frame map: step is {self.step}, expected at least 1")

    def frame(self, number: float) -> int:
        """Frame of the picture ``number``; below 0 for numbers before the first."""
        position = (number - self.first) / self.step
        return round(position) if self.rule == "round" else math.floor(position)

    def number(self, frame: int) -> int:
        """Number of the picture that is frame ``frame``."""
        return self.first + frame * self.step

    def length(self, last: int) -> int:
        """Frames of a video whose last picture has the number ``last``."""
        return max(0, (last - self.first) // self.step + 1)


#: how every n-th picture of SAMM-LV (200 per second) is taken: [C], the released features and AUW-GCN / ABPN
SAMPLINGS: dict[str, FrameMap] = {
    "every_7th_round": FrameMap(first=1, step=7, rule="round"),
    "every_8th_floor": FrameMap(first=1, step=8, rule="floor"),
}
