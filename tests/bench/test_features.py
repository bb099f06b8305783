"""The features bench on a few frames: that it runs and says what it should, not how fast anything is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spotlib.bench.features import SIZES, BenchClip, accuracy, floor, growth, rendering, speed, tracking
from spotlib.bench.patch_farneback import PatchFarneback
from spotlib.flow import FarnebackExtractor
from spotlib.points import NODES
from spotlib.sparse_flow import SparseExtractor
from tests.scenes import Scene, moving_scene
from tests.test_flow import run


@pytest.fixture(scope="module")
def clip() -> BenchClip:
    return BenchClip.of(7, 18)


def test_accuracy_of_the_fast_extractor_is_the_references(clip: BenchClip) -> None:
    short = BenchClip(clip.pictures[:6], clip.truth[:6], clip.video)
    found = json.loads(json.dumps(accuracy([short])))
    assert set(found) == {"farneback", "farneback on regions", "lk"}
    for gap in ("1", "3", "5"):
        assert found["lk"]["by gap"][gap]["mean"] <= found["farneback"]["by gap"][gap]["mean"]
        assert found["lk"]["by gap"][gap]["n"] == 10 * (6 - int(gap))
    assert found["lk"]["by gap"]["6"] == {"n": 0}
    assert set(found["lk"]["by size"]) == set(SIZES)


def test_regions_give_what_the_whole_crop_gives() -> None:
    scene = moving_scene()
    part = Scene(scene.pictures[4:7], scene.truth[4:7])
    a, b = (run(extractor, part)[0] for extractor in (FarnebackExtractor(max_gap=2), PatchFarneback(max_gap=2)))
    difference = np.linalg.norm(a.flow[:, : len(NODES)] - b.flow[:, : len(NODES)], axis=-1)
    assert np.median(difference) < 0.02
    assert difference.max() < 0.5
    np.testing.assert_allclose(a.head, b.head, atol=0.1)
    assert np.isnan(b.flow[1:, len(NODES) :]).all()


def test_speed_is_measured_in_turns(clip: BenchClip) -> None:
    found = json.loads(json.dumps(speed(clip, repeats=1)))
    assert found["times as fast as farneback"]["n"] == 1
    assert found["ms a frame"]["farneback"]["median"] > found["ms a frame"]["lk"]["median"] > 0


def test_tracking_costs_no_accuracy(clip: BenchClip) -> None:
    found = json.loads(json.dumps(tracking(clip, repeats=1, still=8)))
    assert found["error"]["tracking"] <= 1.1 * found["error"]["full detection"]
    assert found["error"]["tracking, smoothed"] < found["error"]["tracking"]
    assert found["jitter on a still face"]["tracking"] > 0


def test_growth_rendering_and_floor(clip: BenchClip) -> None:
    found = json.loads(json.dumps(growth(clip, repeats=1, lengths=(18, 24))))
    assert set(found) == {"nodes", "longest gap", "frames in the video"}
    assert list(found["longest gap"]) == ["4", "8", "16", "30"]
    assert set(rendering(clip, repeats=1)) == {"rendered", "with noise and JPEG"}
    limit = {"gflop_s": 10.0, "memory_gb_s": 1.0, "cache_gb_s": 100.0}
    assert 0.1 < floor(5.0, limit)["measured_over_floor"] < 10


def test_points_can_be_chosen() -> None:
    scene = moving_scene()
    part = Scene(scene.pictures[:3], scene.truth[:3])
    a, b = (
        run(extractor, part)[0] for extractor in (SparseExtractor(max_gap=2, names=NODES), SparseExtractor(max_gap=2))
    )
    # the region that is looked at differs, and with it the rounding at its coarse levels
    np.testing.assert_allclose(a.flow[:, : len(NODES)], b.flow[:, : len(NODES)], atol=0.02)
    assert np.isnan(a.flow[:, len(NODES) :]).all()
