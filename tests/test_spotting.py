"""Proposals and NMS against the release's numbers and against loops over frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Interval, Kind
from spotlib.spotting import AUTHOR_RULES, FrameScores, Proposals, SpotRule, bounds, nms, proposals, spot

GOLDEN = Path(__file__).parent / "data" / "golden" / "proposals.npz"
LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.625, 0.75, 1.0])  # few levels: many ties, exact products


def loop_proposals(apex: list, start: list, end: list, k_min: int, k_max: int) -> list[tuple]:
    found = []
    for i, score in enumerate(apex):
        if not score > 0.5:
            continue
        onset = offset = -1
        for k in range(k_min, k_max + 1):  # strictly higher: of equal ones the nearest to the apex stays
            before, after = max(0, i - k), min(len(apex) - 1, i + k)
            onset = before if onset < 0 or start[before] > start[onset] else onset
            offset = after if offset < 0 or end[after] > end[offset] else offset
        if start[onset] > end[onset] and end[offset] > start[offset]:
            found.append((start[onset] * end[offset] * score, onset, i, offset))
    return sorted(found, key=lambda item: -item[0])  # stable: the earlier apex first


def loop_nms(found: list[tuple], iou: float, keep: int) -> list[tuple]:
    kept: list[tuple] = []
    for item in found:
        mine = Interval(item[1], item[3])
        if len(kept) < keep and all(mine.iou(Interval(o[1], o[3]), plus_one=False) <= iou for o in kept):
            kept.append(item)
    return kept


@given(st.lists(st.tuples(LEVELS, LEVELS, LEVELS), min_size=1, max_size=40), st.integers(0, 3), st.integers(0, 6))
def test_proposals_and_nms_against_loops(rows: list, k_min: int, more: int) -> None:
    apex, start, end = (np.array(column, dtype=np.float32) for column in zip(*rows, strict=True))
    found = proposals(apex, start, end, k_min=k_min, k_max=k_min + more)
    expected = loop_proposals(apex.tolist(), start.tolist(), end.tolist(), k_min, k_min + more)
    assert found.frames.tolist() == [list(item[1:]) for item in expected]
    assert found.scores.tolist() == [item[0] for item in expected]
    kept = found[nms(found, iou=0.5, keep=3)]
    assert kept.frames.tolist() == [list(item[1:]) for item in loop_nms(expected, 0.5, 3)]


def places() -> list[str]:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        return sorted({name.rsplit("/", 1)[0] for name in stored.files})


@pytest.mark.parametrize("place", places())
def test_proposals_of_the_release(place: str) -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name.rsplit("/", 1)[1]: stored[name] for name in stored.files if name.startswith(f"{place}/")}
    rule = AUTHOR_RULES[Kind(place.rsplit("/", 1)[1])]
    found = proposals(arrays["apex"], arrays["start"], arrays["end"], k_min=rule.k_min, k_max=rule.k_max)
    if "candidates" not in arrays:
        assert len(found) == 0
        return
    np.testing.assert_array_equal(found.frames, arrays["candidates"])
    np.testing.assert_allclose(found.scores, arrays["candidate_scores"], rtol=1e-12)
    np.testing.assert_array_equal(found[nms(found)].frames, arrays["kept"])


def scores_with(events: list[Event], n_frames: int) -> FrameScores:
    """What a perfect network says about ``events``."""
    p = np.zeros((n_frames, 10), dtype=np.float32)
    p[:, [2, 5]] = 1.0
    for event in events:
        first, apex = (0, 6) if event.kind is Kind.MICRO else (3, 7)
        p[event.onset, first : first + 3] = 0.9, 0.05, 0.05
        p[event.offset, first : first + 3] = 0.05, 0.9, 0.05
        p[event.apex, apex] = 0.8
    return FrameScores(p)


def test_spot_finds_what_a_perfect_network_marks() -> None:
    events = [Event(Kind.MACRO, 20, 40, 60), Event(Kind.MICRO, 50, 54, 60), Event(Kind.MICRO, 90, 95, 99)]
    found = spot(scores_with(events, 100))
    assert [(e.kind, e.onset, e.apex, e.offset) for e in found] == [(e.kind, e.onset, e.apex, e.offset) for e in events]
    assert all(e.score == pytest.approx(0.9 * 0.9 * 0.8) for e in found)
    only_micro = spot(scores_with(events, 100), rules={Kind.MICRO: AUTHOR_RULES[Kind.MICRO]})
    assert {e.kind for e in only_micro} == {Kind.MICRO}


def test_limits_thresholds_and_gaps() -> None:
    events = [Event(Kind.MICRO, i, i + 4, i + 8) for i in range(10, 1000, 50)]
    scores = scores_with(events, 1200)
    rule = AUTHOR_RULES[Kind.MICRO]

    def count(**changes: object) -> int:
        return len(spot(scores, rules={Kind.MICRO: replace(rule, **changes)}, fps=30))

    assert count() == 5
    assert count(max_per_video=None) == 20
    assert count(max_per_video=None, max_per_minute=15) == 10  # 1200 frames are 40 s
    assert count(max_per_video=3, max_per_minute=15) == 3
    assert count(max_per_video=None, max_per_minute=0.01) == 1
    assert count(min_score=0.65) == 0
    assert count(threshold=0.85) == 0
    valid = np.ones(1200, dtype=bool)
    valid[14] = False  # the first apex
    valid[68] = False  # the second offset
    gone = spot(FrameScores(scores.probabilities, valid), rules={Kind.MICRO: replace(rule, max_per_video=None)})
    assert len(gone) == 18


def test_scores_from_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(7, 10)) * 3
    p = FrameScores.from_logits(logits).probabilities
    assert p.dtype == np.float32
    e = np.exp(logits)
    np.testing.assert_allclose(p[:, :3], e[:, :3] / e[:, :3].sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(p[:, 3:6], e[:, 3:6] / e[:, 3:6].sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(p[:, 6:], e[:, 6:] / (1 + e[:, 6:]), rtol=1e-6)
    extreme = FrameScores.from_logits(np.full((2, 10), -1e4)).probabilities
    assert np.isfinite(extreme).all()
    assert (extreme[:, 6:] == 0).all()


def test_bounds_cover_the_training_events() -> None:
    events = [Event(Kind.MICRO, 10, 10 + k, 10 + 2 * k + 1) for k in (3, 4, 5)] + [Event(Kind.MACRO, 0, None, 40)]
    assert bounds(events, Kind.MICRO, low=0, high=1) == (3, 6)
    assert bounds(events, Kind.MACRO) == (20, 20)
    long = [Event(Kind.MACRO, 0, 200, 400)]
    assert len(spot(scores_with(long, 500))) == 0  # unreachable by design with the release's bounds
    k_min, k_max = bounds(long, Kind.MACRO)
    assert len(spot(scores_with(long, 500), rules={Kind.MACRO: SpotRule(k_min=k_min, k_max=k_max)})) == 1
    with pytest.raises(SpotlibError, match="no macro event among the training subjects"):
        bounds([], Kind.MACRO)


def test_nms_of_nothing_and_of_points() -> None:
    assert nms(Proposals(np.empty((0, 3), np.int64), np.empty(0))).tolist() == []
    points = Proposals(np.array([[5, 5, 5], [5, 5, 5]]), np.array([0.9, 0.8]))
    assert nms(points).tolist() == [0, 1]  # IoU of lengths without + 1: two points share nothing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FrameScores(np.zeros((4, 9))), r"frame scores have shape \(4, 9\), expected \(T, 10\)"),
        (
            lambda: FrameScores(np.zeros((4, 10)), np.ones(3, bool)),
            r"valid has shape \(3,\), expected \(4,\)",
        ),
        (lambda: FrameScores.from_logits(np.zeros(10)), r"logits have shape \(10,\)"),
        (lambda: SpotRule(k_min=5, k_max=3), "k_min 5, k_max 3"),
    ],
)
def test_wrong_input_is_told(make: object, message: str) -> None:
    with pytest.raises(SpotlibError, match=message):
        make()
