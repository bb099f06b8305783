"""Which events to look at first: how much speaks against each of them, from 0 to 1, and what.

doubt = 0.5 weak + 0.25 overlap + 0.25 tracking, each part from 0 to 1:

* weak: (1 - m) / (1 - l), with m the cube root of the score and l that of the least score of its rule: a score is the
  product of three (METHOD section 5), so m is their mean. 1 at the least score, 0 at score 1; 1 without a score.
* overlap: the largest share of the shorter of two events that it has in common with an event of the other kind.
* tracking: the larger of the share of frames without a face from MARGIN frames before onset to MARGIN after offset
  (as far as the windows of these frames reach, METHOD section 2), and 1 - 0.5 ** (number of its warnings).

The parts are weighed by hand. The order is a help for people and no probability of being wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spotlib.intervals import Event
from spotlib.spot.result import Result

MARGIN = 8  # frames
WEAK, OVERLAP, TRACKING = 0.5, 0.25, 0.25
_NEAR = 0.85  # a weak part from here on is said in words


@dataclass(frozen=True)
class Doubt:
    """How doubtful an event is, 0 to 1, and the reasons in words."""

    value: float
    reasons: tuple[str, ...] = ()


def doubts(result: Result) -> tuple[Doubt, ...]:
    """The doubt of each of ``result.spotted.events``, in that order."""
    events = result.spotted.events
    warnings = result.spotted.warnings or ((),) * len(events)
    return tuple(
        _doubt(event, _least(result, event), events, result.valid, said)
        for event, said in zip(events, warnings, strict=True)
    )


def _doubt(
    event: Event, least: float, events: tuple[Event, ...], valid: np.ndarray, warnings: tuple[str, ...]
) -> Doubt:
    weak = 1.0 if event.score is None else _weak(event.score, least)
    shared = [_shared(event, other) for other in events if other.kind != event.kind]
    overlap = max(shared, default=0.0)
    around = valid[max(0, event.onset - MARGIN) : event.offset + MARGIN + 1]
    faceless = float(1 - around.mean()) if len(around) else 0.0
    tracking = max(faceless, 1 - 0.5 ** len(warnings))
    reasons = []
    if event.score is None:
        reasons.append("no score")
    elif weak >= _NEAR:
        reasons.append(f"score {event.score:.2g} is close to the least one, {least:.2g}")
    if overlap > 0:
        reasons.append(f"{overlap:.0%} in common with an event of the other kind")
    if faceless > 0:
        reasons.append(f"no face in {faceless:.0%} of the frames around it")
    value = WEAK * weak + OVERLAP * overlap + TRACKING * tracking
    return Doubt(value, (*reasons, *warnings))


def _weak(score: float, least: float) -> float:
    mean, lowest = max(0.0, score) ** (1 / 3), max(0.0, least) ** (1 / 3)
    return min(1.0, max(0.0, (1 - mean) / max(1e-9, 1 - lowest)))


def _least(result: Result, event: Event) -> float:
    return float(result.rules.get(str(event.kind), {}).get("min_score", 0.0))


def _shared(one: Event, other: Event) -> float:
    common = one.interval & other.interval
    return len(common) / min(one.length, other.length) if common else 0.0
