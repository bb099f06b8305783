"""The twins of the real data sets against the numbers of METHOD section 7; nothing is rendered."""

from __future__ import annotations

import functools
import itertools
from collections import Counter

import numpy as np
import pytest

from spotlib.datasets.schedule import Slot
from spotlib.datasets.specs import CAS_ME3_C_TWIN, get_spec, twin_spec
from spotlib.datasets.twin import TwinVideo, make_twin
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

SEEDS = {"samm_lv": (1, 2, 3, 4), "cas_me2": (1, 2, 3, 4, 5, 6), "cas_me3": (1,)}
STEP = {"samm_lv": 7, "cas_me2": 1, "cas_me3": 1}  # METHOD counts SAMM-LV at 28.57 frames per second
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@functools.cache
def schedules(name: str) -> list[list[tuple[int, tuple[Slot, ...]]]]:
    """Frames and slots of all videos, twin by twin."""
    return [[(v.n_frames, v.slots) for v in make_twin(name, seed=seed).videos] for seed in SEEDS[name]]


def slots(name: str, kind: Kind) -> list[Slot]:
    return [s for twin in schedules(name) for _, of_video in twin for s in of_video if s.kind is kind]


def lengths(name: str, kind: Kind) -> np.ndarray:
    return np.array([s.offset - s.onset + 1 for s in slots(name, kind)]) / STEP[name]


@pytest.mark.parametrize(
    ("name", "people", "videos", "frames", "macro", "micro"),
    [
        ("samm_lv", 30, 147, 483_797, 343, 159),
        ("cas_me2", 22, 97, 251_822, 300, 57),
        ("cas_me3", 98, 956, 956 * 96 * 30, 3346, 860),  # METHOD gives no frames; 96 s is said in the spec
    ],
)
def test_sizes(name: str, people: int, videos: int, frames: int, macro: int, micro: int):
    twins = schedules(name)
    assert all(len(twin) == videos for twin in twins)
    assert len(make_twin(name).subjects) == people
    assert np.mean([sum(n for n, _ in twin) for twin in twins]) == pytest.approx(frames, rel=0.06)
    assert len(slots(name, Kind.MACRO)) / len(twins) == pytest.approx(macro, rel=0.08)
    assert len(slots(name, Kind.MICRO)) / len(twins) == pytest.approx(micro, rel=0.12)
    empty = [sum(not of_video for _, of_video in twin) for twin in twins]
    assert max(empty) == 0 if name != "cas_me2" else max(empty) < 15  # 2 of 97 in the real set


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("samm_lv", Kind.MACRO, (17, 23, 33, 56.5, 232.7)),
        ("samm_lv", Kind.MICRO, (6, 9, 12, 14, 15)),
        ("cas_me2", Kind.MACRO, (19, 24, 35.5, 52, 75)),
        ("cas_me2", Kind.MICRO, (9, 13, 14, 15, 16)),
    ],
)
def test_lengths(name: str, kind: Kind, wanted: tuple[float, ...]):
    # beyond p75 SAMM-LV loses what is longer than its shorter videos
    np.testing.assert_allclose(np.quantile(lengths(name, kind), LEVELS)[:4], wanted[:4], rtol=0.12)
    assert np.quantile(lengths(name, kind), 0.95) == pytest.approx(wanted[4], rel=0.2)


@pytest.mark.parametrize(
    ("kind", "longest", "kept", "wanted"),
    [(Kind.MACRO, 121, 2364 / 3346, (23, 38, 55, 79, 109)), (Kind.MICRO, 16, 288 / 860, (7, 10, 13, 15, 16))],
)
def test_the_length_rule_leaves_of_cas_me3_what_it_leaves_of_the_real_one(
    kind: Kind, longest: int, kept: float, wanted: tuple[float, ...]
):
    found = lengths("cas_me3", kind)
    short = found[found <= longest]
    assert len(short) / len(found) == pytest.approx(kept, abs=0.04)
    np.testing.assert_allclose(np.quantile(short, LEVELS), wanted, rtol=0.12)


@pytest.mark.parametrize(
    ("name", "overlaps", "gap"), [("samm_lv", 0.27, 32), ("cas_me2", 0.06, 197), ("cas_me3", 0.09, 142)]
)
def test_neighbours(name: str, overlaps: float, gap: float):
    pairs = [p for twin in schedules(name) for _, of_video in twin for p in itertools.pairwise(of_video)]
    gaps = np.array([(b.onset - a.offset - 1) / STEP[name] for a, b in pairs])
    assert np.mean(gaps <= 0) == pytest.approx(overlaps, abs=0.03)
    assert np.median(gaps) == pytest.approx(gap, rel=0.2)


@pytest.mark.parametrize(
    ("name", "macro", "micro"), [("samm_lv", 0.43, 0.43), ("cas_me2", 0.37, 0.43), ("cas_me3", 0.35, 0.29)]
)
def test_apexes(name: str, macro: float, micro: float):
    for kind, wanted in ((Kind.MACRO, macro), (Kind.MICRO, micro)):
        places = [(s.apex - s.onset) / (s.offset - s.onset) for s in slots(name, kind)]
        assert np.median(places) == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("name", list(SEEDS))
def test_long_videos_have_more_events(name: str):
    pairs = [(n, len(of_video)) for twin in schedules(name) for n, of_video in twin]
    assert np.corrcoef(np.array(pairs, dtype=float).T)[0, 1] > 0.4


@pytest.mark.parametrize(("name", "subjects"), [("samm_lv", 30), ("cas_me2", 22), ("cas_me3", 12)])
def test_action_units_that_are_shown(name: str, subjects: int):
    # what the nodes do not see is drawn again; the shares must survive that
    twin = make_twin(name, seed=5, subjects=subjects)
    statistics = get_spec(name).statistics
    for kind in Kind:
        shown = [event.aus for video in twin.videos for event in video.events if event.kind is kind]
        count = Counter(au for aus in shown for au in aus)
        for au, share in statistics.aus(kind).items():
            # three standard deviations of the draw, and a little for lids that hardly move a node
            spread = 3 * (share * (1 - share) / len(shown)) ** 0.5
            assert count[au] / len(shown) == pytest.approx(share, abs=spread + 0.05), (kind, au)


def test_part_c_has_micro_expressions_only():
    assert twin_spec("cas_me3", "C") is CAS_ME3_C_TWIN
    videos = [TwinVideo(CAS_ME3_C_TWIN, seed, person, 0) for seed in range(5) for person in range(30)]
    kinds = Counter(slot.kind for video in videos for slot in video.slots)
    assert kinds[Kind.MACRO] == 0
    assert kinds[Kind.MICRO] / 5 == pytest.approx(165, rel=0.08)
    with pytest.raises(SpotlibError, match="samm_lv has no part 'C'; only cas_me3 has the parts A and C"):
        twin_spec("samm_lv", "C")


def test_mean_length_of_a_spread():
    spec = get_spec("samm_lv")
    drawn = np.exp(spec.seconds_spread * np.clip(np.random.default_rng(0).standard_normal(200_000), -2, 2))
    assert spec.mean_frames == pytest.approx(spec.typical_frames * drawn.mean(), rel=0.01)
    assert get_spec("demo").mean_frames == pytest.approx(600)
