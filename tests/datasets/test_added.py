"""Movements and unrest on top of tracked motion."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spotlib.datasets import added as module
from spotlib.datasets.added import changed, large, movements, ocular, path_of, seen, unrest, with_path
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.varied import varied_people
from spotlib.flow import CropSpec
from spotlib.intervals import Kind
from spotlib.points import N_POINTS, POINT_NAMES
from spotlib.swmro import PairMotion, relative_motion

NODES = list(range(10))


@pytest.fixture(scope="module")
def video() -> TwinVideo:
    found = varied_people(3, [0, 1]).videos
    return next(v for v in found if isinstance(v, TwinVideo) and v.spec.micro_per_video == (4, 7))


@pytest.fixture(scope="module")
def still(video) -> PairMotion:
    """A face that does not move, tracked without error."""
    count, crop = video.n_frames, CropSpec()
    marks = np.tile(video.landmarks(0).astype(np.float32), (count, 1, 1))
    motion = PairMotion.blank(count, extractor="lk", fps=30.0, crop=crop, max_gap=16, name="still")
    flow, head = np.zeros_like(motion.flow), np.zeros_like(motion.head)
    for gap in range(1, 17):
        flow[-gap:, gap] = head[-gap:, gap] = np.nan
    everywhere = np.ones(count, bool)
    box = np.tile(crop.box(marks[0]), (count, 1)).astype(np.float32)
    return dataclasses.replace(
        motion, flow=flow, head=head, quality=np.ones_like(motion.quality), valid=everywhere, detected=everywhere,
        box=box, landmarks=marks, raw_landmarks=marks,
    )  # fmt: skip


def test_motion_grows_by_the_difference_of_the_path(still) -> None:
    path = np.random.default_rng(0).normal(size=(still.n_frames, N_POINTS, 2))
    more = with_path(still, path)
    np.testing.assert_allclose(more.flow[20, 5], path[25] - path[20], atol=1e-5)
    nose = path[:, [POINT_NAMES.index("29"), POINT_NAMES.index("30")]].mean(1)
    np.testing.assert_allclose(more.head[20, 5], nose[25] - nose[20], atol=1e-5)
    np.testing.assert_array_equal(np.isnan(more.flow), np.isnan(still.flow))
    assert not np.nan_to_num(still.flow).any()  # what was given stays as it is


def test_head_motion_in_a_path_is_taken_off_again(still) -> None:
    shift = np.linspace(0, 30, still.n_frames)[:, None, None] * np.ones((1, N_POINTS, 2))
    for head in ("nose", "robust"):
        left = relative_motion(with_path(still, shift), head=head)
        assert np.nanmax(np.abs(left)) < 1e-3


def test_added_movements_are_seen_and_apart(video, still) -> None:
    options = {"n_frames": video.n_frames, "fps": 30.0, "busy": video.events, "count": 6, "least": 0.01}
    shown = movements(np.random.default_rng(2), video.spec, video.field, **options)
    assert len(shown) >= 3
    micro = [*(e for e in video.events if e.kind is Kind.MICRO), *(s.event for s in shown)]
    for event in (s.event for s in shown):
        for other in micro:
            assert other is event or other.offset + 10 < event.onset or event.offset + 10 < other.onset
    path = path_of(shown, video.field, video.n_frames)
    left = relative_motion(with_path(still, path * ocular(still)), head="none") / ocular(still)
    for one in shown:
        onset, apex = one.event.onset - 1, one.event.apex or 0
        reached = np.linalg.norm(left[onset, apex - onset], axis=-1).max()
        assert reached == pytest.approx(one.node_share, rel=1e-3)
        assert reached >= 0.01


def test_large_movements_rise_quickly_and_stay_apart_from_each_other(video, still) -> None:
    options = {"n_frames": video.n_frames, "fps": 30.0, "busy": video.events, "count": 3}
    found, sizes = [], []
    for seed in range(8):
        events, path = large(np.random.default_rng(seed), video.spec, video.field, **options)
        macro = [*(e for e in video.events if e.kind is Kind.MACRO), *events]
        for event in events:
            assert all(o is event or o.offset + 10 < event.onset or event.offset + 10 < o.onset for o in macro)
            reached = np.linalg.norm(path[event.apex, :10], axis=-1).max()
            assert reached >= module.MACRO_LEAST * 0.999
            sizes.append(reached)
        outside = np.ones(video.n_frames, bool)
        for event in events:
            outside[event.onset : event.offset + 1] = False
        assert not path[outside].any()
        found += events
    assert len(found) > 6
    assert max(sizes) > 0.1
    assert min(event.length for event in found) > 17


def test_unrest_grows_with_the_root_of_time_and_goes_alike_nearby() -> None:
    # two neighbours, and one far away
    places = np.array([[0.0, 0.0], [0.05, 0.0], [9.0, 9.0]])
    walks = [
        unrest(np.random.default_rng(seed), places, n_frames=900, fps=30.0, step=0.001)[:, :, 1] for seed in range(20)
    ]
    growth = {gap: np.mean([np.median(np.abs(w[gap:] - w[:-gap])) for w in walks]) for gap in (4, 16)}
    assert 1.6 < growth[16] / growth[4] < 3.0
    steps = np.concatenate([np.diff(walk, axis=0) / np.diff(walk, axis=0).std() for walk in walks])
    alike = np.corrcoef(steps.T)
    assert alike[0, 1] > 0.5
    assert abs(alike[0, 2]) < 0.2
    assert 0.0005 < np.median([np.diff(w, axis=0).std() for w in walks]) < 0.003


def test_a_changed_video_is_the_same_for_the_same_numbers_and_drowns_small_movements(video, still, monkeypatch) -> None:
    one, two = (changed(still, video, np.random.default_rng(5)) for _ in range(2))
    assert one[1] == two[1]
    np.testing.assert_array_equal(one[0].flow, two[0].flow)
    assert changed(still, video, np.random.default_rng(6))[1] != one[1]
    monkeypatch.setattr(module, "STILL", 0.0)
    monkeypatch.setattr(module, "STEP", (0.006, 0.006))
    kept = changed(still, video, np.random.default_rng(5))[1]
    small = [s.event for s in video.expressions if s.event.kind is Kind.MICRO and s.node_share < 3 * 0.006]
    assert small
    assert not set(small) & set(kept)
    assert set(seen(video, 0.006)) == set(kept) & set(video.events)
    assert len(seen(video, 0.006)) < len(seen(video))
