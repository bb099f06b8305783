"""The two protocols: what is chosen, on whom, and what is then spotted (METHOD sections 5 and 6).

``clean``: epoch, proposal-score thresholds and duration bounds come from training and inner subjects; nothing is ever
chosen on a test subject. ``author``: the release's fixed bounds, and per test subject the late epoch with the best F1
on that same subject; for comparison with published tables only.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spotlib.intervals import KINDS, Event, Kind
from spotlib.matching import match
from spotlib.spotting import AUTHOR_RULES, FrameScores, SpotRule, bounds, spot

if TYPE_CHECKING:  # a machine that only trains need not have what checks parameters
    from spotlib.params import Params

Rules = dict[Kind, SpotRule]


def author_rules(params: Params) -> Rules:
    """The release's bounds, at most ``max_per_video`` events of a kind."""
    return {
        kind: replace(rule, threshold=params.apex_threshold, nms_iou=params.nms_iou, max_per_video=params.max_per_video)
        for kind, rule in AUTHOR_RULES.items()
    }


def clean_rules(events: Sequence[Event], params: Params) -> Rules:
    """Bounds from the training events; the cap is a rate, so that a video's length does not matter.

    A kind that hardly occurs among the training events (fewer than 5) keeps the release's bounds.
    """
    rules = {}
    for kind in KINDS:
        enough = sum(e.kind is kind and e.reachable for e in events) >= 5
        k_min, k_max = bounds(events, kind) if enough else (AUTHOR_RULES[kind].k_min, AUTHOR_RULES[kind].k_max)
        rules[kind] = SpotRule(
            k_min=k_min,
            k_max=k_max,
            threshold=params.apex_threshold,
            nms_iou=params.nms_iou,
            max_per_video=None,
            max_per_minute=params.max_per_minute,
        )
    return rules


@dataclass(frozen=True)
class Choice:
    """What inner subjects chose: the rules with score thresholds, and how well they did there (by kind, overall)."""

    rules: Rules
    f1: dict[str, float]


def choose_thresholds(
    videos: Sequence[tuple[FrameScores, float, Sequence[Event]]], rules: Rules, *, iou: float
) -> Choice:
    """The proposal-score threshold per kind with the best pooled F1 on inner videos (scores, fps, truth).

    Among equal F1s the threshold in the middle of the winning range is taken: its ends are accidents of few events.
    """
    chosen: Rules = {}
    f1: dict[str, float] = {}
    totals = np.zeros(3, dtype=int)
    for kind, rule in rules.items():
        spotted = [
            (spot(scores, rules={kind: rule}, fps=fps), [e for e in truth if e.kind is kind])
            for scores, fps, truth in videos
        ]
        levels = sorted({e.score or 0.0 for events, _ in spotted for e in events})
        # candidate thresholds: below everything, then between each two neighbouring scores, thinned to 60
        cuts = [0.0] + [(a + b) / 2 for a, b in itertools.pairwise(levels)]
        cuts = [cuts[i] for i in sorted({round(x) for x in np.linspace(0, len(cuts) - 1, 60)})]
        rows = [_count(spotted, cut, iou) for cut in cuts]
        values = [f1_of(row) for row in rows]
        best = [i for i, value in enumerate(values) if value >= max(values) - 1e-12]
        i = best[len(best) // 2]
        chosen[kind] = replace(rule, min_score=round(cuts[i], 6))
        f1[str(kind)] = values[i]
        totals += rows[i]
    f1["overall"] = f1_of(totals)
    return Choice(chosen, f1)


def f1_of(counts: Sequence[int] | np.ndarray) -> float:
    """F1 of (hits, found events, true events); 0 without any event.

    >>> f1_of((1, 2, 2))
    0.5
    """
    hits, found, truths = counts
    return float(2 * hits / (found + truths)) if found + truths else 0.0


def _count(spotted: Sequence[tuple[Sequence[Event], Sequence[Event]]], cut: float, iou: float) -> tuple[int, int, int]:
    hits = found = truths = 0
    for events, truth in spotted:
        kept = [e for e in events if (e.score or 0.0) >= cut]
        hits += len(match(truth, kept, protocol="clean", iou=iou))
        found, truths = found + len(kept), truths + len(truth)
    return hits, found, truths


def author_epoch(candidates: Mapping[int, Sequence[tuple[Sequence[Event], Sequence[Event]]]], iou: float) -> int:
    """The epoch that the release reports for one test subject: best overall F1 on that same subject.

    candidates: epoch -> (truth, predicted) of each of the subject's videos. 0.01 is added to the hits before the
    comparison, so without any hit the epoch with the fewest false alarms wins; the first of equals stays.
    """
    best, best_f1 = min(candidates), -1.0
    for epoch in sorted(candidates):
        hits = found = truths = 0
        for truth, predicted in candidates[epoch]:
            for kind in KINDS:
                of_truth = [e for e in truth if e.kind is kind]
                of_found = [e for e in predicted if e.kind is kind]
                hits += len(match(of_truth, of_found, protocol="author", iou=iou))
            found, truths = found + len(predicted), truths + len(truth)
        f1 = 2 * (hits + 0.01) / (found + truths) if found + truths else 0.0
        if f1 > best_f1:
            best, best_f1 = epoch, f1
    return best
