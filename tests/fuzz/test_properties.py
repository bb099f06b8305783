"""What must hold whatever the numbers: intervals, matching, NMS, resampling, and readers of anything at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotlib.datasets.records import SAMPLINGS, FrameMap
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Interval, Kind
from spotlib.matching import count_hits, iou_matrix, match
from spotlib.spotting import Proposals, nms
from spotlib.video import VideoFile
from tests.fuzz.edits import edited
from tests.fuzz.targets import TARGETS

FRAMES = st.integers(0, 40)
INTERVALS = st.tuples(FRAMES, FRAMES).map(lambda ends: Interval(min(ends), max(ends)))
EVENTS = st.lists(INTERVALS.map(lambda i: Event(Kind.MICRO, i.onset, None, i.offset)), max_size=7)


def frames(interval: Interval | None) -> set[int]:
    return set() if interval is None else set(range(interval.onset, interval.offset + 1))


# --- intervals are sets of frames ---


@given(INTERVALS, INTERVALS, INTERVALS)
def test_intervals_are_sets(a: Interval, b: Interval, c: Interval) -> None:
    assert frames(a & b) == frames(a) & frames(b)
    assert a & b == b & a
    assert a | b == b | a
    assert (a | b) | c == a | (b | c)
    assert frames(a | b) >= frames(a) | frames(b)
    assert len(a | b) == max(frames(a) | frames(b)) - min(frames(a) | frames(b)) + 1  # and no longer than that
    assert a & a == a == a | a
    assert a & (a | b) == a  # absorption
    for frame in (a.onset, a.offset, a.onset - 1, a.offset + 1, b.onset):
        assert (frame in a) == (frame in frames(a))
    assert len(a) == len(frames(a))
    left = a & b
    assert (left & c if left else None) == ((b & c) and a & (b & c))  # type: ignore[operator]


@given(INTERVALS, INTERVALS, st.integers(0, 50))
def test_iou(a: Interval, b: Interval, shift: int) -> None:
    iou = a.iou(b)
    assert iou == b.iou(a) == pytest.approx(len(frames(a) & frames(b)) / len(frames(a) | frames(b)))
    assert (iou == 1) == (a == b)
    assert a.iou(b, plus_one=False) <= iou  # the authors' rule is the stricter one
    moved = [Interval(i.onset + shift, i.offset + shift) for i in (a, b)]
    assert moved[0].iou(moved[1]) == iou
    one = [Event(Kind.MICRO, i.onset, None, i.offset) for i in (a, b)]
    for plus_one in (True, False):
        assert iou_matrix(one[:1], one[1:], plus_one=plus_one)[0, 0] == a.iou(b, plus_one=plus_one)


# --- matching ---


@given(EVENTS, EVENTS, st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from(["clean", "author"]))
def test_a_match_is_one_to_one_and_good_enough(truth: list, found: list, iou: float, protocol: Any) -> None:
    pairs = match(truth, found, iou=iou, protocol=protocol)
    assert len({pair.truth for pair in pairs}) == len(pairs) == len({pair.predicted for pair in pairs})
    assert all(pair.iou >= iou for pair in pairs)
    assert [pair.truth for pair in pairs] == sorted(pair.truth for pair in pairs)
    for pair in pairs:
        a, b = truth[pair.truth].interval, found[pair.predicted].interval
        assert pair.iou == a.iou(b, plus_one=protocol == "clean")


@given(EVENTS, EVENTS, st.randoms(use_true_random=False))
def test_the_clean_count_is_symmetric_and_of_no_order(truth: list, found: list, rng: Any) -> None:
    hits = count_hits(truth, found)
    assert hits == count_hits(found, truth)
    rng.shuffle(found)
    assert count_hits(truth, found) == hits


@given(EVENTS, EVENTS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_stricter_iou_never_gives_more_hits(truth: list, found: list, a: float, b: float) -> None:
    assert count_hits(truth, found, iou=max(a, b)) <= count_hits(truth, found, iou=min(a, b))


@given(EVENTS, EVENTS, EVENTS)
def test_one_more_proposal_never_takes_a_hit(truth: list, found: list, more: list) -> None:
    assert count_hits(truth, [*found, *more]) >= count_hits(truth, found)
    assert count_hits(truth, truth) == len(truth)


# --- NMS ---

PROPOSALS = st.lists(st.tuples(INTERVALS, st.floats(0, 1)), max_size=25)


def made(rows: list) -> Proposals:
    """Proposals, best first."""
    rows = sorted(rows, key=lambda row: -row[1])
    bounds = [(i.onset, (i.onset + i.offset) // 2, i.offset) for i, _ in rows]
    return Proposals(np.array(bounds, np.int64).reshape(-1, 3), np.array([score for _, score in rows]))


@given(PROPOSALS, st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_nms_keeps_what_no_better_one_covers(rows: list, iou: float) -> None:
    found = made(rows)
    kept = nms(found, iou=iou, keep=None)
    assert kept.tolist() == sorted(set(kept.tolist()))  # best first, each once
    intervals = [Interval(int(row[0]), int(row[2])) for row in found.frames]

    def overlap(a: int, b: int) -> bool:
        one, other = intervals[a], intervals[b]
        shared = max(0, min(one.offset, other.offset) - max(one.onset, other.onset))
        return shared > iou * ((one.offset - one.onset) + (other.offset - other.onset) - shared)

    assert not [(a, b) for a in kept for b in kept if a < b and overlap(a, b)]
    for lost in set(range(len(found))) - set(kept.tolist()):
        assert any(overlap(better, lost) for better in kept if better < lost)
    again = nms(found[kept], iou=iou, keep=None)
    assert again.tolist() == list(range(len(kept)))  # once is enough
    for keep in (0, 1, 3):
        assert nms(found, iou=iou, keep=keep).tolist() == kept[:keep].tolist()


# --- resampling ---


@settings(deadline=None)
@given(
    st.lists(st.floats(0.001, 0.5), min_size=1, max_size=40),
    st.floats(1, 200),
)
def test_resampling_takes_the_nearest_picture(gaps: list[float], fps: float) -> None:
    seconds = np.concatenate([[0.0], np.cumsum(gaps)])
    video = VideoFile.__new__(VideoFile)
    video.fps, video.n_frames = fps, max(1, round((seconds[-1] + gaps[-1]) * fps))
    decoded = ((i, float(second), np.array(i)) for i, second in enumerate(seconds))
    taken = list(video._nearest(decoded))
    assert [k for k, _, _ in taken] == list(range(video.n_frames))
    for k, instant, picture in taken:
        assert instant == k / fps
        assert abs(seconds[int(picture)] - instant) == pytest.approx(np.abs(seconds - instant).min(), abs=1e-9)
    order = [int(picture) for _, _, picture in taken]
    assert order == sorted(order)


@given(st.integers(0, 10), st.integers(1, 9), st.sampled_from(["round", "floor"]), st.integers(0, 5000))
def test_numbers_and_frames(first: int, step: int, rule: Any, frame: int) -> None:
    frame_map = FrameMap(first=first, step=step, rule=rule)
    assert frame_map.frame(frame_map.number(frame)) == frame
    assert frame_map.length(frame_map.number(frame)) == frame + 1
    numbers = [frame_map.frame(number) for number in range(first, first + 40)]
    assert numbers == sorted(numbers)
    for sampling in SAMPLINGS.values():
        assert abs(sampling.number(sampling.frame(frame + 1)) - (frame + 1)) < sampling.step


# --- readers ---


def _said(name: str, content: bytes) -> str | None:
    """The error of a target; None if it took the content."""
    try:
        TARGETS[name].run(content)
    except SpotlibError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300))
def test_readers_say_what_is_wrong_in_one_line(name: str, data: bytes) -> None:
    """Of anything, and of something valid with anything in its middle."""
    seeds = TARGETS[name].seeds()
    seed = seeds[len(data) % len(seeds)]
    cut = sum(data) % (len(seed) + 1)
    said = [_said(name, content) for content in (data, seed[:cut] + data + seed[cut:], seed[:cut])]
    assert all(text is None or (text and "\n" not in text) for text in said)


@given(st.binary(max_size=80))
def test_edits_leave_what_they_are_given(data: bytes) -> None:
    base: dict[str, Any] = {"a": [1, {"b": "x"}], "c": None}
    edited(base, data)
    assert base == {"a": [1, {"b": "x"}], "c": None}
    assert edited(base, b"") == base
