from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from spotlib.agreement import agreement, cohen_kappa, confusion, of_kind
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind

N = 60


@st.composite
def coded(draw: st.DrawFn) -> list[Event]:
    """Up to eight events of both kinds, overlapping or not, in a video of N frames."""
    onsets = st.integers(0, N - 1)
    drawn = draw(st.lists(st.tuples(onsets, st.integers(0, 20), st.sampled_from(Kind)), max_size=8))
    return [Event(kind, onset, None, min(onset + length, N - 1)) for onset, length, kind in drawn]


def marks(events: list[Event]) -> np.ndarray:
    """(N,) frame by frame, the slow way."""
    result = np.zeros(N, dtype=int)
    for frame in range(N):
        kinds = {event.kind for event in events if event.onset <= frame <= event.offset}
        result[frame] = (Kind.MACRO in kinds) + 2 * (Kind.MICRO in kinds)
    return result


@given(first=coded(), second=coded())
def test_kappa_is_that_of_scikit_learn(first: list[Event], second: list[Event]) -> None:
    a, b = marks(first), marks(second)
    found = agreement(first, second, n_frames=N)
    for name, x, y in (("macro", a & 1, b & 1), ("micro", a & 2, b & 2), ("overall", a, b)):
        if len(set(x) | set(y)) == 1:
            assert math.isnan(found[name].kappa), "both always say the same: chance agrees fully"
        else:
            assert found[name].kappa == pytest.approx(cohen_kappa_score(x, y), abs=1e-12)
        assert found[name].frames == N


@given(first=coded(), second=coded())
def test_nobody_is_the_truth(first: list[Event], second: list[Event]) -> None:
    there, back = agreement(first, second, n_frames=N), agreement(second, first, n_frames=N)
    for name in there:
        assert there[name].hits == back[name].hits
        assert there[name].mean_iou == pytest.approx(back[name].mean_iou, nan_ok=True)
        assert there[name].kappa == pytest.approx(back[name].kappa, nan_ok=True)
        assert there[name].f1 == pytest.approx(back[name].f1, nan_ok=True)


def test_worked_by_hand() -> None:
    """100 frames; the first marks 10-29, the second 20-39 and 60-69: both 10, one only 10 and 20, neither 60."""
    first = [Event(Kind.MICRO, 10, None, 29)]
    second = [Event(Kind.MICRO, 20, None, 39), Event(Kind.MICRO, 60, None, 69)]
    assert of_kind(confusion(first, second, n_frames=100), Kind.MICRO).tolist() == [[60, 20], [10, 10]]
    found = agreement(first, second, n_frames=100, iou=0.3)
    # agreed .70, by chance .8 * .7 + .2 * .3 = .62
    assert found["micro"].kappa == pytest.approx((0.70 - 0.62) / (1 - 0.62))
    assert (found["micro"].first, found["micro"].second, found["micro"].hits) == (1, 2, 1)
    assert found["micro"].mean_iou == pytest.approx(10 / 30)
    assert found["micro"].f1 == pytest.approx(2 / 3)
    assert found["macro"].hits == 0
    assert math.isnan(found["macro"].kappa)
    assert math.isnan(found["macro"].f1)
    assert agreement(first, second, n_frames=100)["micro"].hits == 0
    # more frames without any event: chance agrees more often
    assert agreement(first, second, n_frames=1000)["micro"].kappa > found["micro"].kappa


def test_a_video_of_years_is_no_effort() -> None:
    table = confusion([Event(Kind.MACRO, 5, None, 10**9)], [], n_frames=2 * 10**9)
    assert table.sum() == 2 * 10**9
    assert cohen_kappa(table) == 0


def test_tables_of_videos_add_up() -> None:
    one = confusion([Event(Kind.MACRO, 0, None, 9)], [Event(Kind.MACRO, 0, None, 9)], n_frames=20)
    other = confusion([Event(Kind.MACRO, 0, None, 9)], [], n_frames=20)
    assert cohen_kappa(one) == 1
    marks_of_first, marks_of_second = ([1] * 10 + [0] * 10) * 2, [1] * 10 + [0] * 30
    assert cohen_kappa(one + other) == pytest.approx(cohen_kappa_score(marks_of_first, marks_of_second))
    assert math.isnan(cohen_kappa(np.zeros((4, 4), dtype=np.int64)))


def test_events_beyond_the_video() -> None:
    with pytest.raises(SpotlibError, match=r"macro event \[5, 20\] lies beyond the 20 frames of the video"):
        agreement([Event(Kind.MACRO, 5, None, 20)], [], n_frames=20)
