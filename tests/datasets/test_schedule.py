from __future__ import annotations

import dataclasses
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlib.actor.action_units import AU_UNITS
from spotlib.datasets.schedule import (
    CAS_ME2,
    CAS_ME3,
    OPPOSED,
    QUANTILES,
    SAMM_LV,
    EventStatistics,
    draw_aus,
    draw_length,
    sample_events,
)
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

ALL = [SAMM_LV, CAS_ME2, CAS_ME3]


@pytest.mark.parametrize("statistics", ALL)
@pytest.mark.parametrize("kind", list(Kind))
def test_lengths_follow_the_quantiles(statistics: EventStatistics, kind: Kind):
    wanted = statistics.lengths(kind)
    assert list(wanted) == sorted(wanted)
    rng = np.random.default_rng(0)
    drawn = [draw_length(rng, wanted) for _ in range(4000)]
    assert min(drawn) >= wanted[0]
    assert max(drawn) <= wanted[-1]
    np.testing.assert_allclose(np.quantile(drawn, QUANTILES[1:-1]), wanted[1:-1], rtol=0.1)


@pytest.mark.parametrize("statistics", ALL)
def test_action_units_are_known_to_the_actor(statistics: EventStatistics):
    for kind in Kind:
        assert set(statistics.aus(kind)) <= set(AU_UNITS)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n_micro=st.integers(0, 5), n_macro=st.integers(0, 4))
def test_schedules_stay_inside_the_video(seed: int, n_micro: int, n_macro: int):
    slots = sample_events(np.random.default_rng(seed), CAS_ME2, 600, fps=30, n_micro=n_micro, n_macro=n_macro)
    assert Counter(slot.kind for slot in slots) == Counter({Kind.MICRO: n_micro, Kind.MACRO: n_macro})
    assert [slot.onset for slot in slots] == sorted(slot.onset for slot in slots)
    for slot in slots:
        assert 12 <= slot.onset < slot.apex < slot.offset <= 600 - 12
        assert slot.offset - slot.onset + 1 <= (17 if slot.kind is Kind.MICRO else 118)
    for one, other in itertools.pairwise(slots):
        # only neighbours that are meant to meet come closer than 0.4 s
        assert one.meets(other) or other.onset - one.offset == 1 or other.onset - one.offset > 12


def crowd(statistics: EventStatistics, n_frames: int, fps: float, videos: int, **counts: int):
    return [sample_events(np.random.default_rng(k), statistics, n_frames, fps=fps, **counts) for k in range(videos)]


def gaps(schedules) -> np.ndarray:
    return np.array([b.onset - a.offset - 1 for slots in schedules for a, b in itertools.pairwise(slots)], dtype=float)


def test_overlaps_of_the_data_sets():
    samm = gaps(crowd(SAMM_LV, 1200, 200 / 7, 200, n_micro=2, n_macro=2))
    cas2 = gaps(crowd(CAS_ME2, 2600, 30, 200, n_micro=1, n_macro=3))
    assert np.mean(samm <= 0) == pytest.approx(0.27, abs=0.06)
    assert np.mean(cas2 <= 0) == pytest.approx(0.06, abs=0.04)


def test_gaps_shrink_to_fit_and_have_their_median_where_there_is_room():
    wide = gaps(crowd(CAS_ME2, 200_000, 30, 150, n_micro=1, n_macro=3))
    assert np.median(wide[wide > 0]) == pytest.approx(CAS_ME2.gap, rel=0.2)
    narrow = gaps(crowd(CAS_ME2, 1200, 30, 150, n_micro=1, n_macro=3))
    assert np.median(narrow[narrow > 0]) < 0.7 * CAS_ME2.gap
    even = dataclasses.replace(CAS_ME2, gap_spread=0.05)
    equal = gaps(crowd(even, 200_000, 30, 50, n_micro=1, n_macro=3))
    assert np.std(equal[equal > 0]) < 0.1 * even.gap


def test_a_tail_holds_the_longer_events():
    slots = [s for many in crowd(CAS_ME3, 9000, 30, 200, n_micro=2, n_macro=4) for s in many]
    for kind, longest, share in ((Kind.MACRO, 121, 982 / 3346), (Kind.MICRO, 16, 572 / 860)):
        lengths = np.array([s.offset - s.onset + 1 for s in slots if s.kind is kind])
        assert np.mean(lengths > longest) == pytest.approx(share, abs=0.06)
        tail = CAS_ME3.tail(kind)
        assert tail is not None
        assert np.median(lengths[lengths > longest]) == pytest.approx(tail.lengths[3], rel=0.25)
    bare = dataclasses.replace(CAS_ME3, macro_tail=None, micro_tail=None)
    assert max(s.offset - s.onset for many in crowd(bare, 9000, 30, 50, n_micro=2, n_macro=4) for s in many) <= 120


def test_lengths_grow_with_the_frame_rate():
    schedules = crowd(SAMM_LV, 6600, 200, 100, n_micro=2, n_macro=1)
    micro = [s.offset - s.onset + 1 for slots in schedules for s in slots if s.kind is Kind.MICRO]
    assert np.median(micro) == pytest.approx(12 * 7, rel=0.1)
    assert max(micro) <= 16 * 7


def test_apex_lies_where_the_data_sets_have_it():
    for kind, wanted in ((Kind.MICRO, 0.29), (Kind.MACRO, 0.35)):
        slots = [s for many in crowd(CAS_ME3, 1500, 30, 150, n_micro=2, n_macro=2) for s in many if s.kind is kind]
        places = [(s.apex - s.onset) / (s.offset - s.onset) for s in slots]
        assert np.median(places) == pytest.approx(wanted, abs=0.04)


def test_too_many_events_are_refused():
    with pytest.raises(
        SpotlibError,
        match="9 micro- and 9 macro-expressions do not fit into 200 frames; make the videos longer",
    ):
        sample_events(np.random.default_rng(0), CAS_ME2, 200, fps=30, n_micro=9, n_macro=9)


def test_a_video_of_no_length_has_room_for_no_event():
    assert sample_events(np.random.default_rng(0), CAS_ME2, 11, fps=30, n_micro=0, n_macro=0) == ()


def test_no_event_is_longer_than_its_share_of_the_video():
    slots = sample_events(np.random.default_rng(0), SAMM_LV, 300, fps=200 / 7, n_micro=0, n_macro=3, max_length=0.1)
    assert max(slot.offset - slot.onset + 1 for slot in slots) <= 30


@pytest.mark.parametrize("kind", list(Kind))
def test_action_unit_shares(kind: Kind):
    rng, shares = np.random.default_rng(0), CAS_ME2.aus(kind)
    drawn = [draw_aus(rng, shares) for _ in range(4000)]
    for au, share in shares.items():
        assert np.mean([au in aus for aus in drawn]) == pytest.approx(share, abs=0.05)
    for aus in drawn:
        assert list(aus) == sorted(set(aus), key=int)
        assert set(aus) not in OPPOSED


def test_action_units_of_a_running_event_are_avoided():
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert not {"4", "2"} & set(draw_aus(rng, CAS_ME2.micro_aus, avoid=("4", "2")))
    assert draw_aus(rng, {"4": 0.5}, avoid=("4",)) == ("4",)
