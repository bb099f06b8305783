"""Counting on measurements of `spotlib.bench.real_faces`: false alarms per minute, and recall by size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from spotlib.intervals import Event, Kind
from spotlib.matching import match

Hit = Literal["iou", "apex", "either"]
Clip = Mapping[str, Any]
Where = Literal["as_is", "to_and_fro"]


def events(rows: Iterable[Sequence[Any]], kind: Kind, least: float) -> list[Event]:
    """Those of rows (kind, onset, apex, offset, score) with a score of at least ``least``.

    Suppression and limits take the best first, so these are the events that spotting with that least score gives.
    """
    return [Event(kind, row[1], row[2], row[3], score=row[4]) for row in rows if row[0] == kind and row[4] >= least]


def alarms(clip: Clip, kind: Kind, least: float, *, where: Where = "to_and_fro") -> float:
    """False alarms per minute: every event of a clip without movements."""
    part = clip[where]
    return len(events(part["events"], kind, least)) / part["minutes"]


def pooled_alarms(clips: Iterable[Clip], kind: Kind, least: float, *, where: Where = "to_and_fro") -> float:
    """The same over several clips: all their events over all their minutes."""
    parts = [clip[where] for clip in clips]
    return sum(len(events(part["events"], kind, least)) for part in parts) / sum(part["minutes"] for part in parts)


def least_score(clip: Clip, kind: Kind, per_minute: float, *, floor: float = 0.0) -> float:
    """The lowest least score, but no lower than ``floor``, with at most ``per_minute`` false alarms in the clip.

    It lies just above the score of the best event that has to go.
    """
    part = clip["to_and_fro"]
    scores = sorted((event.score or 0.0 for event in events(part["events"], kind, floor)), reverse=True)
    allowed = int(np.floor(per_minute * part["minutes"] + 1e-9))
    return floor if len(scores) <= allowed else float(np.nextafter(scores[allowed], 2.0))


def hits(clip: Clip, least: float, *, how: Hit = "iou") -> np.ndarray:
    """(movements,) bool: which were found as micro-expressions.

    ``how``: "iou": one-to-one with IoU of 0.5 or more (METHOD section 6, clean); "apex": some micro-expression holds
    the apex; "either": some micro- or macro-expression does.
    """
    truth = [Event(Kind.MICRO, onset, apex, offset) for onset, apex, offset, *_ in clip["movements"]]
    found = events(clip["found"], Kind.MICRO, least)
    hit = np.zeros(len(truth), bool)
    if how == "iou":
        hit[[pair.truth for pair in match(truth, found)]] = True
        return hit
    if how == "either":
        found = found + events(clip["found"], Kind.MACRO, least)
    for number, true in enumerate(truth):
        hit[number] = any(event.onset <= (true.apex or 0) <= event.offset for event in found)
    return hit


def recall(clip: Clip, least: float, *, how: Hit = "iou") -> dict[float, tuple[int, int]]:
    """Size -> movements found, movements put in."""
    sizes = np.array([row[3] for row in clip["movements"]])
    hit = hits(clip, least, how=how)
    return {float(size): (int(hit[sizes == size].sum()), int((sizes == size).sum())) for size in np.unique(sizes)}


def pooled(counts: Iterable[Mapping[float, tuple[int, int]]]) -> dict[float, tuple[int, int]]:
    """Counts of several clips added up."""
    total: dict[float, tuple[int, int]] = {}
    for of_clip in counts:
        for size, (found, given) in of_clip.items():
            before = total.get(size, (0, 0))
            total[size] = (before[0] + found, before[1] + given)
    return dict(sorted(total.items()))
