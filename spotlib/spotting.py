"""From frame scores to intervals (METHOD section 5).

Ties are settled once and for all: of equal boundary scores the frame nearest the apex wins, of equal proposal
scores the earlier apex stands first (both as in the release). Scores are multiplied as float64, so that
float32 scores give the same order everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event, Kind

#: onset, offset and apex channels of each kind (METHOD section 3.6)
_CHANNELS = {Kind.MICRO: (0, 1, 6), Kind.MACRO: (3, 4, 7)}


@dataclass(frozen=True, kw_only=True)
class SpotRule:
    """How intervals of one kind are made; the defaults are the release's."""

    k_min: int  # an onset lies k_min to k_max frames before the apex, an offset as far behind it
    k_max: int
    threshold: float = 0.5  # candidates are frames with a higher apex score
    min_score: float = 0.0  # proposals with a lower score onset x offset x apex are dropped
    nms_iou: float = 0.5  # a proposal that overlaps a better one by more is dropped
    max_per_video: int | None = 5  # proposals kept per video; None: no such limit
    max_per_minute: float | None = None  # the same per minute, at least one per video; None: no such limit

    def __post_init__(self) -> None:
        if not 0 <= self.k_min <= self.k_max:
            raise SpotlibError(f"spotting rule: k_min {self.k_min}, k_max {self.k_max}; 0 <= k_min <= k_max is needed")

    def limit(self, n_frames: int, fps: float) -> int:
        """Most events this rule keeps in a video of ``n_frames``."""
        limits = [n_frames if self.max_per_video is None else self.max_per_video]
        if self.max_per_minute is not None:
            limits.append(max(1, round(self.max_per_minute * n_frames / (60 * fps))))
        return min(limits)


#: METHOD section 5: the release's bounds for videos at about 30 frames per second
AUTHOR_RULES: dict[Kind, SpotRule] = {
    Kind.MACRO: SpotRule(k_min=8, k_max=29),
    Kind.MICRO: SpotRule(k_min=2, k_max=8),
}


@dataclass(frozen=True)
class FrameScores:
    """Scores of a video's frames: ``probabilities`` (T, 10) in METHOD's channels; ``valid`` (T,) bool.

    A frame that is not valid (no face there) is no apex, onset or offset of anything.
    """

    probabilities: np.ndarray
    valid: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.probabilities.shape
        if len(shape) != 2 or shape[1] != 10:
            raise SpotlibError(f"frame scores have shape {shape}, expected (T, 10); pass a network's ten channels")
        if self.valid is not None and self.valid.shape != shape[:1]:
            raise SpotlibError(f"valid has shape {self.valid.shape}, expected {shape[:1]}; give one value per frame")

    @classmethod
    def from_logits(cls, logits: np.ndarray, valid: np.ndarray | None = None) -> FrameScores:
        """Softmax over each kind's three boundary channels, sigmoid of the other four; logits (T, 10)."""
        logits = np.asarray(logits, dtype=np.float64)
        if logits.ndim != 2 or logits.shape[1] != 10:
            raise SpotlibError(f"logits have shape {logits.shape}, expected (T, 10); pass a network's ten channels")
        boundary = logits[:, :6].reshape(-1, 2, 3)
        boundary = np.exp(boundary - boundary.max(axis=2, keepdims=True))
        boundary /= boundary.sum(axis=2, keepdims=True)
        rest = 0.5 * (1 + np.tanh(0.5 * logits[:, 6:]))  # sigmoid without overflow
        return cls(np.concatenate([boundary.reshape(-1, 6), rest], axis=1).astype(np.float32), valid)

    def __len__(self) -> int:
        return len(self.probabilities)

    def of(self, kind: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Apex, onset and offset scores (T,) of a kind."""
        onset, offset, apex = _CHANNELS[kind]
        scores = self.probabilities if self.valid is None else self.probabilities * self.valid[:, None]
        return scores[:, apex], scores[:, onset], scores[:, offset]


@dataclass(frozen=True)
class Proposals:
    """Candidate intervals of one kind, best first."""

    frames: np.ndarray  # (P, 3) int64: onset, apex, offset
    scores: np.ndarray  # (P,) float64: onset score x offset score x apex score

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: np.ndarray | slice) -> Proposals:
        return Proposals(self.frames[index], self.scores[index])


def proposals(
    apex: np.ndarray, start: np.ndarray, end: np.ndarray, *, threshold: float = 0.5, k_min: int, k_max: int
) -> Proposals:
    """Every candidate interval of one kind in one video, best first.

    Args:
        apex, start, end: (T,) scores of apex, onset and offset.
        threshold: frames with a higher apex score are candidates.
        k_min, k_max: distance of onset and offset from the apex, frames; clamped to the video.

    Returns:
        The candidates with onset score > offset score at their onset, and the reverse at their offset.
    """
    apexes = np.flatnonzero(apex > threshold)
    last = len(apex) - 1
    steps = np.arange(k_min, k_max + 1)  # away from the apex on both sides: argmax takes the nearest of equal scores
    before = np.clip(apexes[:, None] - steps, 0, last)  # (C, k)
    after = np.clip(apexes[:, None] + steps, 0, last)  # (C, k)
    rows = np.arange(len(apexes))
    onset = before[rows, start[before].argmax(axis=1)] if len(apexes) else apexes
    offset = after[rows, end[after].argmax(axis=1)] if len(apexes) else apexes
    keep = (start[onset] > end[onset]) & (end[offset] > start[offset])
    onset, peak, offset = onset[keep], apexes[keep], offset[keep]
    score = start[onset].astype(np.float64) * end[offset].astype(np.float64) * apex[peak].astype(np.float64)
    order = np.argsort(-score, kind="stable")
    frames = np.stack([onset, peak, offset], axis=1).astype(np.int64)
    return Proposals(frames[order], score[order])


def nms(found: Proposals, *, iou: float = 0.5, keep: int | None = 5) -> np.ndarray:
    """Greedy non-maximum suppression of proposals, best first.

    A proposal goes if its IoU with a better kept one exceeds ``iou``; at most ``keep`` stay. IoU here is of
    lengths offset - onset, without the + 1 of the evaluation (METHOD section 5).

    Returns:
        (K,) int64, rows of the proposals that stay, best first.
    """
    onset, offset = found.frames[:, 0], found.frames[:, 2]
    length = offset - onset
    alive = np.ones(len(found), dtype=bool)
    kept: list[int] = []
    while alive.any() and (keep is None or len(kept) < keep):
        best = int(alive.argmax())
        kept.append(best)
        shared = np.minimum(offset, offset[best]) - np.maximum(onset, onset[best])
        shared = shared.clip(min=0)
        union = length + length[best] - shared
        alive &= shared <= iou * union  # without a division: intervals may have length 0
        alive[best] = False
    return np.array(kept, dtype=np.int64)


def spot(scores: FrameScores, *, rules: Mapping[Kind, SpotRule] = AUTHOR_RULES, fps: float = 30.0) -> list[Event]:
    """The events of one video: proposals and NMS for each kind.

    Args:
        scores: of the video's frames.
        rules: for each kind that is looked for.
        fps: frames per second, for limits per minute.

    Returns:
        Events with scores: MaE before ME, best first.
    """
    events: list[Event] = []
    for kind in KINDS:
        if kind not in rules:
            continue
        rule = rules[kind]
        found = proposals(*scores.of(kind), threshold=rule.threshold, k_min=rule.k_min, k_max=rule.k_max)
        found = found[found.scores >= rule.min_score]
        found = found[nms(found, iou=rule.nms_iou, keep=rule.limit(len(scores), fps))]
        events += [
            Event(kind, int(onset), int(apex), int(offset), score=float(score))
            for (onset, apex, offset), score in zip(found.frames, found.scores, strict=True)
        ]
    return events


def bounds(events: Iterable[Event], kind: Kind, *, low: float = 0.02, high: float = 0.98) -> tuple[int, int]:
    """k_min and k_max for one kind from training events: quantiles of the frames onset - apex - offset.

    The clean protocol uses these instead of the release's constants, which make long MaE unreachable by
    design. Events without an apex count with half their length. Raises SpotlibError if there is no event of
    this kind.
    """
    sides: list[float] = []
    for event in events:
        if event.kind == kind and event.reachable:
            apex = (event.onset + event.offset) / 2 if event.apex is None else event.apex
            sides += [apex - event.onset, event.offset - apex]
    if not sides:
        raise SpotlibError(f"no {kind} event among the training subjects; bounds need at least one")
    k_min, k_max = np.quantile(sides, [low, high])
    return max(1, int(np.floor(k_min))), max(1, int(np.ceil(k_max)))
