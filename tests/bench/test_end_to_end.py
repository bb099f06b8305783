"""The end-to-end bench on a second of video."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spotlib.bench.end_to_end import frames_of, peak_memory, repeat_clip, speed, write_clip
from spotlib.video import open_video


def network(windows: np.ndarray) -> np.ndarray:
    return windows.reshape(len(windows), -1)[:, 20:30]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("bench") / "short.mp4", seconds=1.0)


def test_clips(clip: Path, tmp_path: Path) -> None:
    video = open_video(clip)
    assert (video.n_frames, video.size) == (30, (480, 640))
    long = open_video(repeat_clip(clip, tmp_path / "long.mp4", 3))
    assert long.n_frames == 90
    assert long.fps == pytest.approx(30, abs=0.01)
    once, thrice = list(frames_of(clip)), list(frames_of(long.path))
    assert len(thrice) == 90
    for i in (0, 29, 45, 89):
        np.testing.assert_array_equal(thrice[i], once[i % 30])


def test_every_step_is_measured_and_threads_change_nothing(clip: Path) -> None:
    found = json.loads(json.dumps(speed(clip, network, repeats=1)))
    assert found["frames"] == 30
    assert found["same scores with one thread and two"] is True
    assert set(found["ms a frame"]) == {
        "decoding",
        "decoding, tracking",
        "decoding, tracking, flow",
        "network alone",
        "all, one thread",
        "all, two threads",
    }


def test_memory_of_a_fresh_process(clip: Path) -> None:
    assert 50 < peak_memory(clip, dim=16) < 4000
