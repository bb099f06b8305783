"""Targets against the release's numbers and against a frame-by-frame derivation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind
from spotlib.labels import FrameTargets, frame_labels, frame_targets, segments, targets

GOLDEN = Path(__file__).parent / "data" / "golden" / "labels.npz"
WIDTH = {Kind.MICRO: 1, Kind.MACRO: 3}


def by_hand(events: list[Event], n_frames: int, *, segment: int | None) -> dict[str, list]:
    """METHOD section 4 read aloud, one frame at a time; ``segment`` None: the whole video is one segment."""

    def same_segment(a: int, b: int) -> bool:
        return segment is None or a // segment == b // segment

    result: dict[str, list] = {"contrastive": []}
    for kind, width in WIDTH.items():
        own = [e for e in events if e.kind is kind]
        apexes = {(e.onset + e.offset) // 2 if e.apex is None else e.apex for e in own}
        boundary, apex, expression = [], [], []
        for i in range(n_frames):
            inside = [j for j in range(i - width, i + width + 1) if same_segment(i, j)]
            if any(e.offset in inside for e in own):
                boundary.append(1)
            elif any(e.onset in inside for e in own):
                boundary.append(0)
            else:
                boundary.append(2)
            first = segment is not None and i % segment == 0
            reach = [j for j in inside if j in apexes and (j == i or not first)]
            apex.append(max((math.exp(-((i - j) ** 2) / 32) for j in reach), default=0.0))
            expression.append(float(any(e.onset <= i <= e.offset for e in own)))
        result |= {f"boundary_{kind}": boundary, f"apex_{kind}": apex, f"expression_{kind}": expression}
    for macro, micro in zip(result["expression_macro"], result["expression_micro"], strict=True):
        result["contrastive"].append(1 if macro else 2 if micro else 0)
    return result


@st.composite
def videos(draw: st.DrawFn) -> tuple[list[Event], int]:
    n_frames = draw(st.integers(1, 70))
    events = []
    for _ in range(draw(st.integers(0, 4))):
        onset = draw(st.integers(0, n_frames - 1))
        offset = draw(st.integers(onset, n_frames - 1))
        apex = draw(st.none() | st.integers(onset, offset))
        events.append(Event(draw(st.sampled_from(list(Kind))), onset, apex, offset))
    return events, n_frames


@given(videos())
def test_clean_targets_against_frame_by_frame(video: tuple[list[Event], int]) -> None:
    events, n_frames = video
    ours, expected = frame_targets(events, n_frames), by_hand(events, n_frames, segment=None)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(ours, name), values, atol=1e-7, err_msg=name)


@given(videos())
def test_author_targets_against_frame_by_frame(video: tuple[list[Event], int]) -> None:
    events, n_frames = video
    ours, expected = frame_targets(events, n_frames, protocol="author"), by_hand(events, n_frames, segment=16)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(ours, name), values, atol=1e-7, err_msg=name)


def test_targets_of_the_release() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        ours = targets(stored["frame_labels"], author_quirks=True)
        for kind in Kind:
            np.testing.assert_array_equal(getattr(ours, f"boundary_{kind}"), stored[f"boundary_{kind}"])
            np.testing.assert_array_equal(getattr(ours, f"expression_{kind}"), stored[f"action_{kind}"])
            np.testing.assert_allclose(getattr(ours, f"apex_{kind}"), stored[f"apex_{kind}"], atol=1e-7)
        np.testing.assert_array_equal(ours.contrastive, stored["supcon_class"])
        without = targets(stored["frame_labels"])
        assert (without.apex_macro[:, 0] > 0).any()
        assert not (ours.apex_macro[:, 0] > 0).any()


def test_protocols_differ_at_segment_borders_only() -> None:
    events = [Event(Kind.MACRO, 13, 17, 40)]
    clean, author = frame_targets(events, 48), frame_targets(events, 48, protocol="author")
    assert clean.boundary_macro[16] == 0
    assert author.boundary_macro[16] == 2
    assert clean.apex_macro[15] > 0.8
    assert author.apex_macro[15] == 0
    assert clean.apex_macro[16] > 0.9
    assert author.apex_macro[16] == 0
    differ = np.flatnonzero(clean.apex_macro != author.apex_macro)
    assert differ.tolist() == [14, 15, 16]


def test_labels_of_two_events() -> None:
    events = [Event(Kind.MICRO, 1, None, 4), Event(Kind.MACRO, 3, 5, 6)]
    labels = frame_labels(events, 8)
    assert labels.shape == (8, 8)
    assert [np.flatnonzero(column).tolist() for column in labels.T] == [
        [1], [2], [4], [1, 2, 3, 4], [3], [5], [6], [3, 4, 5, 6],
    ]  # fmt: skip
    assert frame_labels(events[:1], 8, missing_apex="none")[:, 1].sum() == 0


def test_segments_with_and_without_expressions() -> None:
    of_video = frame_targets([Event(Kind.MICRO, 15, 15, 16), Event(Kind.MACRO, 66, 67, 68)], 70)
    assert segments(of_video).tolist() == [0, 16]
    assert segments(of_video, neutral=True).tolist() == [0, 16, 32, 48]
    assert segments(of_video, length=35).tolist() == [0, 35]
    assert segments(frame_targets([], 15)).tolist() == []


def test_targets_are_gathered_by_index() -> None:
    parts = [frame_targets([Event(Kind.MICRO, 2, 3, 5)], 10), frame_targets([Event(Kind.MACRO, 0, 1, 2)], 20)]
    joined = FrameTargets.concatenate(parts)
    assert len(joined) == 30
    picked = joined.to_torch()[np.array([3, 11])]
    assert picked.apex_micro.tolist() == [1, 0]
    assert picked.apex_macro.tolist() == [0, 1]
    assert picked.contrastive.tolist() == [2, 1]


def test_wrong_input_is_told() -> None:
    with pytest.raises(SpotlibError, match=r"macro event \[5, 20\] ends past the last frame 19"):
        frame_labels([Event(Kind.MACRO, 5, 6, 20)], 20)
    with pytest.raises(SpotlibError, match="protocol 'fair' is unknown; choose clean or author"):
        frame_targets([], 20, protocol="fair")
    with pytest.raises(SpotlibError, match="at least one video"):
        FrameTargets.concatenate([])
