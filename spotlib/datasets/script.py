"""What a twin video plays if it is told what to play: the events of a real table instead of drawn ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spotlib.datasets.records import Record
from spotlib.datasets.schedule import Slot


@dataclass(frozen=True, kw_only=True)
class Cue:
    """One expression to be played, in source frames (0-based) of the video.

    ``aus`` are action units that the actor can show; () if the table names none of them: then some are drawn from the
    statistics of the data set. ``note`` says what was changed on the way from the table.
    """

    slot: Slot
    aus: tuple[str, ...] = ()
    side: str = "both"
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Script:
    """One video of a real table: its names, its length, what to play, and the table's own records of it."""

    subject: str
    video: str
    n_frames: int
    cues: tuple[Cue, ...]  # by onset
    records: tuple[Record, ...]

    @property
    def content(self) -> list[Any]:
        """All that the pictures depend on, for digests; names and records are not among it."""
        cues = [[str(c.slot.kind), c.slot.onset, c.slot.apex, c.slot.offset, c.aus, c.side] for c in self.cues]
        return [self.n_frames, cues]
