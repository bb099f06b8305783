"""Online decisions are those of the whole video, however its scores arrive; only the limit differs, as it says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spotlib.intervals import Event, Kind
from spotlib.spot.online import OnlineSpotter
from spotlib.spotting import FrameScores, SpotRule, spot

FREE = {
    Kind.MACRO: SpotRule(k_min=3, k_max=17, max_per_video=None),
    Kind.MICRO: SpotRule(k_min=2, k_max=7, max_per_video=None, min_score=0.01, threshold=0.4),
}


def noise(seed: int, frames: int, smooth: int) -> FrameScores:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (frames + smooth, 10))
    kernel = np.ones(smooth) / np.sqrt(smooth)
    logits = np.stack([np.convolve(column, kernel, "valid")[:frames] for column in logits.T], axis=1)
    return FrameScores.from_logits(logits, rng.random(frames) > 0.05)


def online(scores: FrameScores, sizes, rules, fps: float = 30.0) -> tuple[list[Event], list[int], OnlineSpotter]:
    """Events in the order in which they are given, and how many frames had been scored by then."""
    spotter = OnlineSpotter(rules, fps=fps)
    events, when, at = [], [], 0
    while at < len(scores):
        end = min(len(scores), at + int(sizes()))
        given = spotter.push(FrameScores(scores.probabilities[at:end], scores.valid[at:end]))
        events += given
        when += [end] * len(given)
        at = end
    given = spotter.finish()
    return events + given, when + [len(scores)] * len(given), spotter


def by_time(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda e: (e.kind, e.onset, e.apex, e.offset))


@pytest.mark.parametrize("smooth", [1, 4, 12])
@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_whole_video_without_a_limit(seed: int, smooth: int) -> None:
    frames = int(np.random.default_rng(seed).integers(1, 400))
    scores = noise(seed, frames, smooth)
    expected = by_time(spot(scores, rules=FREE))
    rng = np.random.default_rng(seed + 100)
    for sizes in (lambda: 1, lambda: 64, lambda: rng.integers(0, 9), lambda: frames):
        events, _, spotter = online(scores, sizes, FREE)
        assert by_time(events) == expected
        assert spotter.left_out == 0


def test_events_are_given_soon_and_memory_is_bounded() -> None:
    scores = noise(3, 3000, 12)
    events, when, spotter = online(scores, lambda: 1, FREE)
    micro = [(e, w) for e, w in zip(events, when, strict=True) if e.kind is Kind.MICRO]
    assert len(micro) > 20
    # behind its offset: at most another event's reach, and its own offset window
    assert np.median([w - e.offset for e, w in micro]) <= 2 * FREE[Kind.MICRO].k_max
    assert max(c._scores.shape[1] for c in spotter._candidates.values()) <= 2 * 17 + 2
    assert max(len(d.kept) for d in spotter._deciding.values()) < 200


@pytest.mark.parametrize("seed", range(4))
def test_limit_per_minute_looks_back(seed: int) -> None:
    scores = noise(seed, 1800, 4)
    rules = {kind: dataclasses.replace(rule, max_per_minute=6.0) for kind, rule in FREE.items()}
    unlimited, limited = (online(scores, lambda: 8, r)[0] for r in (FREE, rules))
    offline = spot(scores, rules=rules)
    for kind in Kind:
        free, given = ([e for e in events if e.kind is kind] for events in (unlimited, limited))
        # here: the first six of the minute; offline: the best six
        assert len(free) > 6
        assert by_time(given) == by_time(free[:6])
        best = sorted(free, key=lambda e: -e.score)[:6]
        assert by_time([e for e in offline if e.kind is kind]) == by_time(best)


def test_limits_that_do_not_bind_change_nothing() -> None:
    scores = noise(5, 1800, 12)
    rules = {kind: dataclasses.replace(rule, max_per_minute=200.0) for kind, rule in FREE.items()}
    events, _, spotter = online(scores, lambda: 5, rules)
    assert by_time(events) == by_time(spot(scores, rules=rules))
    assert spotter.left_out == 0


def test_what_a_limit_keeps_back_is_counted() -> None:
    scores = noise(2, 900, 4)
    rules = {Kind.MACRO: dataclasses.replace(FREE[Kind.MACRO], max_per_video=2)}
    events, _, spotter = online(scores, lambda: 10, rules)
    assert len(events) == 2
    free, _, _ = online(scores, lambda: 10, {Kind.MACRO: FREE[Kind.MACRO]})
    assert spotter.left_out == len(free) - 2 > 0
