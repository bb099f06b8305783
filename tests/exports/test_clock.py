"""Frames and seconds: what is rounded to milliseconds must come back as the same frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.exports import Clock, Spotted

RATES = [24000 / 1001, 24.0, 25.0, 30000 / 1001, 29.97, 30.0, 50.0, 60000 / 1001, 59.94, 100.0, 119.88, 200.0, 240.0]
THREE_HOURS = 3 * 3600
rates = st.sampled_from(RATES) | st.floats(24, 240)


@given(fps=rates, share=st.floats(0, 1), length=st.integers(1, 2000))
def test_milliseconds_give_the_same_frames_back(fps: float, share: float, length: int) -> None:
    onset = int(share * THREE_HOURS * fps)
    clock = Clock(fps)
    begin, end = round(clock.start(onset), 3), round(clock.start(onset + length), 3)
    assert clock.interval(begin, end) == (onset, onset + length - 1)
    assert clock.frame(begin) == onset


@given(fps=rates, gaps=st.lists(st.floats(0.5, 40), min_size=1, max_size=60), seed=st.integers(0, 2**32 - 1))
def test_frames_survive_any_irregular_times(fps: float, gaps: list[float], seed: int) -> None:
    """Dropped frames, drift and jitter: each gap is so many regular durations."""
    steps = np.array(gaps) / fps * np.random.default_rng(seed).uniform(0.97, 1.03, len(gaps))
    steps = np.maximum(steps, 0.0025)  # milliseconds cannot tell less
    seconds = np.concatenate([[0.0], np.cumsum(steps)])
    clock = Clock.of(fps, len(seconds), seconds)
    for frame, second in enumerate(seconds):
        end = seconds[frame + 1] if frame + 1 < len(seconds) else second + 1 / fps
        assert clock.frame(round(second, 3)) == frame
        assert clock.interval(round(second, 3), round(end, 3)) == (frame, frame)


def test_a_few_dropped_frames_are_a_few_knots() -> None:
    index = np.concatenate([np.arange(1000), np.arange(1010, 2000), np.arange(2001, 3000)])
    clock = Clock.of(30.0, len(index), np.round(index / 30.0, 3))  # Matroska counts milliseconds
    assert [frame for frame, _ in clock.knots] == [0, 1000, 1990]
    assert clock.frame(1010 / 30) == 1000
    assert clock.frame(1004 / 30) == 999, "within the hole, the nearer of its two sides"
    assert clock.frame(1006 / 30) == 1000


def test_times_beyond_the_video_are_its_ends() -> None:
    clock = Clock(25.0, 100)
    assert clock.frame(-3.0) == 0
    assert clock.frame(99.0) == 99
    assert clock.interval(3.92, 17.0) == (98, 99)
    assert clock.interval(1.0, 1.001) == (25, 25), "shorter than a frame is still one"
    assert Clock(25.0).frame(99.0) == 2475, "unless the end is unknown"


def test_frames_shown_at_one_instant_do_no_harm() -> None:
    seconds = np.array([0.0, 0.04, 0.04, 0.08])
    spotted = Spotted(video="v", source="v.mp4", fps=25.0, n_frames=4, seconds=seconds)
    assert spotted.clock.frame(0.08) == 3
    assert spotted.clock.frame(0.04) in (1, 2)


@pytest.mark.parametrize("fps", [0.0, -25.0, float("nan"), float("inf"), 1e9])
def test_no_frame_rate(fps: float) -> None:
    with pytest.raises(SpotlibError, match="no rate of a video"):
        Clock(fps)


@pytest.mark.parametrize("knots", [(), ((3, 0.0),), ((0, 0.0), (0, 1.0)), ((0, 2.0), (5, 1.0)), ((0, float("nan")),)])
def test_knots_out_of_order(knots: tuple[tuple[int, float], ...]) -> None:
    with pytest.raises(SpotlibError, match="not in order"):
        Clock(25.0, 100, knots)
