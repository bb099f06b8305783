"""Intervals while the video is still running: each event as soon as nothing can change it any more.

Offline (`spotlib.spotting.spot`) all proposals of a video compete, best first. Here a proposal is final when its onset
and offset windows have been seen, every better proposal that overlaps it is decided, and no proposal with a later apex
could still overlap it enough. What comes out is then what the whole video would have given, with one difference:

* offline a limit keeps the *best* events of the video (`SpotRule.limit`); here it can only look back: an event is
  left out if as many as the limit allows were given within the last minute (or ever, for a limit per video).

So both agree exactly where the limit does not bind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from spotlib.intervals import KINDS, Event, Kind
from spotlib.spotting import FrameScores, Proposals, SpotRule, proposals


class Candidates:
    """Proposals of one kind, in the order of their apexes, while scores arrive."""

    def __init__(self, rule: SpotRule) -> None:
        self.rule = rule
        self.done = 0  # apexes before this frame were looked at
        self._begin = 0  # first frame held
        self._scores = np.empty((3, 0), np.float32)  # apex, onset, offset

    @property
    def count(self) -> int:
        """Frames so far."""
        return self._begin + self._scores.shape[1]

    def push(self, apex: np.ndarray, onset: np.ndarray, offset: np.ndarray) -> Proposals:
        """Take the scores (n,) of the next frames; return the proposals whose windows are now complete."""
        self._scores = np.concatenate([self._scores, np.stack([apex, onset, offset])], axis=1)
        return self._look(self.count - self.rule.k_max)

    def finish(self) -> Proposals:
        """The proposals at the end, whose windows reach beyond it."""
        return self._look(self.count)

    def _look(self, until: int) -> Proposals:
        if until <= self.done:
            return Proposals(np.empty((0, 3), np.int64), np.empty(0))
        rule, begin = self.rule, self._begin
        # frames at the rim of what is held have cut windows; they are either the video's rim or not looked at
        found = proposals(*self._scores, threshold=rule.threshold, k_min=rule.k_min, k_max=rule.k_max)
        found = Proposals(found.frames + begin, found.scores)
        new = (found.frames[:, 1] >= self.done) & (found.frames[:, 1] < until) & (found.scores >= rule.min_score)
        self.done = until
        self._begin = max(begin, until - rule.k_max)
        self._scores = self._scores[:, self._begin - begin :]
        return found[new]


class _Deciding:
    """Greedy suppression of one kind's proposals (`spotlib.spotting.nms`), each as soon as it can be told."""

    def __init__(self, rule: SpotRule) -> None:
        self.rule = rule
        self.waiting = Proposals(np.empty((0, 3), np.int64), np.empty(0))
        self.kept: deque[tuple[int, int]] = deque()

    def decide(self, new: Proposals, *, done: int, ended: bool) -> Proposals:
        """The proposals that are now final; ``done``: no further one has an apex before this frame."""
        frames = np.concatenate([self.waiting.frames, new.frames])
        scores = np.concatenate([self.waiting.scores, new.scores])
        order = np.lexsort([frames[:, 1], -scores])
        frames, scores = frames[order], scores[order]
        final: list[int] = []
        open_: list[int] = []
        for i, (onset, _, offset) in enumerate(frames.tolist()):
            if self._overlaps(onset, offset, self.kept):
                continue
            better = [(int(frames[j, 0]), int(frames[j, 2])) for j in open_]
            if self._overlaps(onset, offset, better) or (not ended and self._may_come(onset, offset, done)):
                open_.append(i)
                continue
            self.kept.append((onset, offset))
            final.append(i)
        self.waiting = Proposals(frames[open_], scores[open_])
        earliest = min([done - self.rule.k_max, *frames[open_, 0].tolist()])
        while self.kept and self.kept[0][1] < earliest and len(self.kept) > 64:
            self.kept.popleft()
        return Proposals(frames[final], scores[final])

    def _overlaps(self, onset: int, offset: int, others: deque[tuple[int, int]] | list[tuple[int, int]]) -> bool:
        for a, b in others:
            shared = max(0, min(offset, b) - max(onset, a))
            if shared > self.rule.nms_iou * (offset - onset + b - a - shared):
                return True
        return False

    def _may_come(self, onset: int, offset: int, done: int) -> bool:
        """Could a proposal with its apex at ``done`` or later suppress this one?"""
        k_max = self.rule.k_max
        apex = np.arange(done, offset + k_max)
        first = np.clip(onset, apex - k_max, apex)  # the nearest that its onset and offset can be to these
        last = np.clip(offset, apex, apex + k_max)
        shared = (np.minimum(offset, last) - np.maximum(onset, first)).clip(min=0)
        return bool((shared > self.rule.nms_iou * (offset - onset + last - first - shared)).any())


class OnlineSpotter:
    """Scores in, final events out.

    Args:
        rules: for each kind that is looked for.
        fps: frames per second, for limits.
        on_candidates: told of every proposal with both its windows seen, long before it is decided.
    """

    def __init__(
        self,
        rules: Mapping[Kind, SpotRule],
        *,
        fps: float,
        on_candidates: Callable[[Kind, Proposals], None] = lambda kind, found: None,
    ) -> None:
        self.fps, self.rules = fps, dict(rules)
        self.left_out = 0  # events that a limit kept back
        self._tell = on_candidates
        self._candidates = {kind: Candidates(rules[kind]) for kind in KINDS if kind in rules}
        self._deciding = {kind: _Deciding(rules[kind]) for kind in self._candidates}
        self._given: dict[Kind, deque[int]] = {kind: deque() for kind in self._candidates}
        self._total = dict.fromkeys(self._candidates, 0)

    def push(self, scores: FrameScores) -> list[Event]:
        """Take the scores of the next frames; return the events that are now final, by onset."""
        found: list[Event] = []
        for kind, of_kind in self._candidates.items():
            found += self._decide(kind, of_kind.push(*scores.of(kind)), ended=False)
        return sorted(found, key=lambda event: event.onset)

    def finish(self) -> list[Event]:
        """The video has ended; the rest, by onset."""
        found: list[Event] = []
        for kind, of_kind in self._candidates.items():
            found += self._decide(kind, of_kind.finish(), ended=True)
        return sorted(found, key=lambda event: event.onset)

    def _decide(self, kind: Kind, new: Proposals, *, ended: bool) -> list[Event]:
        if len(new):
            self._tell(kind, new)
        final = self._deciding[kind].decide(new, done=self._candidates[kind].done, ended=ended)
        events = [
            Event(kind, int(onset), int(apex), int(offset), score=float(score))
            for (onset, apex, offset), score in zip(final.frames, final.scores, strict=True)
        ]
        return [event for event in sorted(events, key=lambda e: e.onset) if self._within_limit(event)]

    def _within_limit(self, event: Event) -> bool:
        rule, given = self.rules[event.kind], self._given[event.kind]
        while given and given[0] < event.onset - 60 * self.fps:
            given.popleft()
        full = rule.max_per_video is not None and self._total[event.kind] >= rule.max_per_video
        full |= rule.max_per_minute is not None and len(given) >= max(1, round(rule.max_per_minute))
        if full:
            self.left_out += 1
            return False
        given.append(event.onset)
        self._total[event.kind] += 1
        return True
