"""Which spotted event is which true one: the two protocols (METHOD section 6), for one video and one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from spotlib.errors import SpotlibError
from spotlib.intervals import Event

Protocol = Literal["clean", "author"]
PROTOCOLS: tuple[Protocol, Protocol] = ("clean", "author")


class Match(NamedTuple):
    """A hit: positions in the two lists and the IoU of the two intervals."""

    truth: int
    predicted: int
    iou: float


def iou_matrix(truth: Sequence[Event], predicted: Sequence[Event], *, plus_one: bool = True) -> np.ndarray:
    """(len(truth), len(predicted)) float64 of `Interval.iou`; 0 for a true event that cannot be reached."""
    one = int(plus_one)
    a = np.array([(e.onset, e.offset) for e in truth], dtype=np.int64).reshape(-1, 1, 2)
    b = np.array([(e.onset, e.offset) for e in predicted], dtype=np.int64).reshape(1, -1, 2)
    shared = (np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]) + one).clip(min=0)
    union = (a[..., 1] - a[..., 0] + one) + (b[..., 1] - b[..., 0] + one) - shared
    reachable = np.array([e.reachable for e in truth], dtype=bool).reshape(-1, 1)
    return np.divide(shared, union, out=np.zeros(shared.shape), where=(union > 0) & reachable)


def match(
    truth: Sequence[Event], predicted: Sequence[Event], *, iou: float = 0.5, protocol: Protocol = "clean"
) -> list[Match]:
    """The hits among events of one kind in one video, in the order of the true events.

    ``clean``: IoU of inclusive intervals; the one-to-one matching with most hits, and of those the one with
    the highest sum of IoU. ``author``: IoU of lengths without + 1; each true event in its given order takes
    the prediction with the highest IoU that no earlier one took, if that reaches ``iou`` (of equal ones the
    first given).

    >>> from spotlib.intervals import Kind
    >>> events = [Event(Kind.MICRO, 0, 4, 9), Event(Kind.MICRO, 5, 9, 14)]
    >>> found = [Event(Kind.MICRO, 2, 5, 11), Event(Kind.MICRO, 30, 34, 38)]
    >>> match(events, found)
    [Match(truth=0, predicted=0, iou=0.6666666666666666)]
    """
    if protocol not in PROTOCOLS:
        raise SpotlibError(f"protocol {protocol!r} is unknown; choose one of {', '.join(PROTOCOLS)}")
    if not 0 < iou <= 1:
        raise SpotlibError(f"IoU threshold {iou:g}: it must be above 0 and at most 1")
    overlap = iou_matrix(truth, predicted, plus_one=protocol == "clean")
    if not overlap.size:
        return []
    pairs = _largest(overlap, iou) if protocol == "clean" else _greedy(overlap, iou)
    return [Match(t, p, float(overlap[t, p])) for t, p in pairs]


def count_hits(
    truth: Sequence[Event], predicted: Sequence[Event], *, protocol: Protocol = "clean", iou: float = 0.5
) -> int:
    """Number of hits among events of one kind in one video; see `match`."""
    return len(match(truth, predicted, iou=iou, protocol=protocol))


def _largest(overlap: np.ndarray, iou: float) -> list[tuple[int, int]]:
    # events that hit nothing are left out: among equally good matchings the one that is found may depend on them
    hit = overlap >= iou
    rows, columns = np.flatnonzero(hit.any(1)), np.flatnonzero(hit.any(0))
    overlap, hit = overlap[rows[:, None], columns], hit[rows[:, None], columns]
    # a hit weighs more than all IoUs together, so that no sum of IoU buys a smaller matching
    weight = np.where(hit, min(overlap.shape) + 1 + overlap, 0.0)
    matched = zip(*linear_sum_assignment(weight, maximize=True), strict=True)
    return [(int(rows[t]), int(columns[p])) for t, p in matched if weight[t, p] > 0]


def _greedy(overlap: np.ndarray, iou: float) -> list[tuple[int, int]]:
    free = overlap.copy()
    pairs = []
    for t in range(len(free)):
        best = int(free[t].argmax())
        if free[t, best] >= iou:
            pairs.append((t, best))
            free[:, best] = -1.0
    return pairs
