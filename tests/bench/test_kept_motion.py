"""Motion that was kept gives the scores of `spotlib spot`, to the bit, and is not tracked again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spotlib.bench.kept_motion import scores, tracked
from spotlib.datasets.twin import make_twin
from spotlib.errors import SpotlibError
from spotlib.faces import to_grey
from spotlib.spot.engine import analyse
from spotlib.spot.weights import load_weights


def test_kept_motion_gives_the_scores_of_spot(tmp_path) -> None:
    weights = load_weights()
    twin = make_twin("demo", seed=3, subjects=1, videos_per_subject=1, seconds=1.0, micro_per_video=(0, 0),
                     macro_per_video=(0, 0))  # fmt: skip
    frames = [(i, i / 30, to_grey(frame)) for i, frame in enumerate(twin.videos[0].frames())]
    truth = analyse(frames, weights, rules={}, name="face")
    first = tracked(frames, weights, key=["face"], name="face", folder=tmp_path / "kept")
    (file,) = (tmp_path / "kept").iterdir()
    again = tracked([], weights, key=["face"], name="face", folder=tmp_path / "kept")
    for results in (first, again):
        found = scores(results, weights)
        np.testing.assert_array_equal(found.probabilities, truth.probabilities)
        np.testing.assert_array_equal(found.valid, truth.valid)
    # the nose or the whole face: the motion is the same, the windows are not
    other_head = {"nose": "robust", "robust": "nose"}[weights.window["head_motion"]]
    changed = dataclasses.replace(weights, window={**weights.window, "head_motion": other_head})
    other = scores(tracked([], changed, key=["face"], name="face", folder=tmp_path / "kept"), changed)
    assert not np.array_equal(other.probabilities, truth.probabilities)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SpotlibError, match="remove it"):
        tracked([], weights, key=["face"], name="face", folder=tmp_path / "kept")
