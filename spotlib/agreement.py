"""How far two sets of events of the same videos agree: a model and a coder, or two coders (neither is the truth).

Mean IoU of the events that both have (METHOD section 6, matching), and Cohen's kappa over frames: agreement beyond
what the two shares of marked frames give by chance (Cohen 1960).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event, Kind
from spotlib.matching import Protocol, match

#: a frame is neither (0), macro (1), micro (2) or both (3)
_BITS = {Kind.MACRO: 1, Kind.MICRO: 2}


@dataclass(frozen=True)
class Agreement:
    """Agreement on one kind, or on both together.

    Args:
        first, second: events of each.
        hits: events that both have.
        mean_iou: mean IoU of the hits; NaN without any.
        kappa: Cohen's kappa over frames, at most 1; NaN if both gave every frame the same mark.
        frames: frames compared.
    """

    first: int
    second: int
    hits: int
    mean_iou: float
    kappa: float
    frames: int

    @property
    def f1(self) -> float:
        """2 hits / (first + second), which does not depend on who is called first; NaN if both have none."""
        events = self.first + self.second
        return 2 * self.hits / events if events else math.nan


def agreement(
    first: Sequence[Event], second: Sequence[Event], *, n_frames: int, iou: float = 0.5, protocol: Protocol = "clean"
) -> dict[str, Agreement]:
    """Agreement of two lists of events of one video, by "macro", "micro" and "overall".

    Args:
        first: events of one coder or model.
        second: events of the other.
        n_frames: length of the video; frames without any event count too.
        iou: both have an event if the two overlap by at least this.
        protocol: rule of the matching.

    Raises:
        SpotlibError: if an event lies beyond ``n_frames``.

    >>> smile, frown = Event(Kind.MACRO, 10, 20, 29), Event(Kind.MICRO, 50, 53, 57)
    >>> both = agreement([smile, frown], [Event(Kind.MACRO, 10, 20, 24)], n_frames=100)
    >>> both["macro"].mean_iou, round(both["macro"].kappa, 3), both["micro"].kappa
    (0.75, 0.828, 0.0)
    """
    table = confusion(first, second, n_frames=n_frames)
    result = {}
    hits: list[float] = []
    for kind in KINDS:
        of_first, of_second = ([event for event in events if event.kind == kind] for events in (first, second))
        found = [hit.iou for hit in match(of_first, of_second, iou=iou, protocol=protocol)]
        hits += found
        kappa = cohen_kappa(of_kind(table, kind))
        result[str(kind)] = Agreement(len(of_first), len(of_second), len(found), _mean(found), kappa, n_frames)
    result["overall"] = Agreement(len(first), len(second), len(hits), _mean(hits), cohen_kappa(table), n_frames)
    return result


def confusion(first: Iterable[Event], second: Iterable[Event], *, n_frames: int) -> np.ndarray:
    """(4, 4) int64: frames that the first marks as row, the second as column; neither, macro, micro, both.

    Tables of several videos add up. Time and memory grow with the events, not with the frames.
    """
    events = [list(first), list(second)]
    for event in (*events[0], *events[1]):
        if event.offset >= n_frames:
            raise SpotlibError(
                f"{event.kind} event [{event.onset}, {event.offset}] lies beyond the {n_frames} frames of the video"
            )
    borders = {border for of_one in events for event in of_one for border in (event.onset, event.offset + 1)}
    cuts = np.array(sorted({0, n_frames} | borders), dtype=np.int64)
    marks = np.zeros((2, len(cuts) - 1), dtype=np.int64)
    for which, of_one in enumerate(events):
        for event in of_one:
            start, stop = np.searchsorted(cuts, (event.onset, event.offset + 1))
            marks[which, start:stop] |= _BITS[event.kind]
    table = np.zeros((4, 4), dtype=np.int64)
    np.add.at(table, (marks[0], marks[1]), np.diff(cuts))
    return table


def of_kind(table: np.ndarray, kind: Kind) -> np.ndarray:
    """(2, 2) of a (4, 4) table: frames without and with ``kind``."""
    has = [[mark for mark in range(4) if bool(mark & _BITS[kind]) == wanted] for wanted in (False, True)]
    return np.array([[table[np.ix_(row, column)].sum() for column in has] for row in has])


def cohen_kappa(table: np.ndarray) -> float:
    """Cohen's kappa of a square table of counts; NaN if chance alone would agree on all of them.

    >>> round(cohen_kappa(np.array([[20, 5], [10, 15]])), 3)
    0.4
    """
    total = int(table.sum())
    if not total:
        return math.nan
    # whole numbers as long as possible: chance is exactly 1 where both always give the same mark
    agreed = int(np.trace(table)) * total
    chance = sum(int(a) * int(b) for a, b in zip(table.sum(axis=0), table.sum(axis=1), strict=True))
    return (agreed - chance) / (total * total - chance) if chance != total * total else math.nan


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
