"""Intervals and events: the only way in which spotlib speaks of time (METHOD section 1).

Frames are 0-based and both ends are inclusive. Files with other conventions are converted where they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from spotlib.errors import SpotlibError


class Kind(StrEnum):
    """The two classes of expression: macro (about 0.5 to 4 s) and micro (at most 0.5 s)."""

    MACRO = "macro"
    MICRO = "micro"


KINDS: tuple[Kind, Kind] = (Kind.MACRO, Kind.MICRO)


@dataclass(frozen=True, order=True, slots=True)
class Interval:
    """Frames ``onset`` to ``offset``, both included.

    >>> len(Interval(3, 5)), 5 in Interval(3, 5), Interval(0, 4) & Interval(3, 9)
    (3, True, Interval(onset=3, offset=4))
    >>> Interval(0, 9).iou(Interval(5, 14))
    0.3333333333333333
    """

    onset: int
    offset: int

    def __post_init__(self) -> None:
        if self.offset < self.onset:
            raise SpotlibError(f"interval [{self.onset}, {self.offset}]: offset before onset; swap or drop it")

    def __len__(self) -> int:
        return self.offset - self.onset + 1

    def __contains__(self, frame: int) -> bool:
        return self.onset <= frame <= self.offset

    def __and__(self, other: Interval) -> Interval | None:
        """The frames in both, or None if they share none."""
        onset, offset = max(self.onset, other.onset), min(self.offset, other.offset)
        return Interval(onset, offset) if onset <= offset else None

    def __or__(self, other: Interval) -> Interval:
        """The shortest interval that covers both (a hull: it also covers a gap between them)."""
        return Interval(min(self.onset, other.onset), max(self.offset, other.offset))

    def iou(self, other: Interval, *, plus_one: bool = True) -> float:
        """Intersection over union, in frames.

        With ``plus_one`` lengths count both ends (the ``clean`` protocol); without, length is offset - onset, as in
        the authors' evaluation and their NMS (METHOD sections 5 and 6). Two zero-length intervals then have IoU 0.

        >>> Interval(0, 4).iou(Interval(2, 6)), Interval(0, 4).iou(Interval(2, 6), plus_one=False)
        (0.42857142857142855, 0.3333333333333333)
        """
        one = int(plus_one)
        shared = max(0, min(self.offset, other.offset) - max(self.onset, other.onset) + one)
        union = (self.offset - self.onset + one) + (other.offset - other.onset + one) - shared
        return shared / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """One expression: annotated (``score`` is None) or spotted (``score`` in 0..1).

    ``apex`` is None where it was not annotated. ``aus`` are FACS action units as text ("4", "12"), ``side`` is
    "left", "right" or "both" (the person's own sides). ``reachable`` is False for a true event that no spotted one
    can hit: some conventions keep an event without offset in the ground truth (METHOD section 7, `keep_zero`).
    """

    kind: Kind
    onset: int
    apex: int | None
    offset: int
    aus: tuple[str, ...] = ()
    side: str = "both"
    score: float | None = None
    note: str = ""
    reachable: bool = True

    def __post_init__(self) -> None:
        if self.onset < 0:
            raise SpotlibError(f"{self.kind} event [{self.onset}, {self.offset}]: onset before frame 0; correct it")
        if self.offset < self.onset:
            raise SpotlibError(f"{self.kind} event [{self.onset}, {self.offset}]: offset before onset; swap or drop it")
        if self.apex is not None and not self.onset <= self.apex <= self.offset:
            raise SpotlibError(
                f"{self.kind} event [{self.onset}, {self.offset}]: apex {self.apex} outside; correct or empty it"
            )

    @property
    def interval(self) -> Interval:
        """Onset and offset without the rest."""
        return Interval(self.onset, self.offset)

    @property
    def length(self) -> int:
        """Inclusive length in frames."""
        return self.offset - self.onset + 1
