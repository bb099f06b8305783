"""The end-to-end bench on a second of video."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spotlib.bench.end_to_end import frames_of, peak_memory, repeat_clip, report_time, speed, write_clip
from spotlib.errors import SpotlibError
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


def test_the_report_is_timed_beside_its_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def pretended(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        if "--broken" in command:
            return subprocess.CompletedProcess(command, 1, "", "notebook 1 of 5\nspotlib: no space left\n")
        features = Path(command[command.index("--results") + 1]) / "demo" / "features"
        features.mkdir(parents=True)
        (features / "speed.json").write_text('{"frames": 100, "seconds": 2.0}')
        lines = "12:00:00 notebook 02_train done in 61 s\n12:01:00 notebook 04_figures and 05_report done in 9 s\n"
        return subprocess.CompletedProcess(command, 0, "", lines)

    monkeypatch.setattr(subprocess, "run", pretended)
    found = json.loads(json.dumps(report_time(workers=2)))
    assert asked[0][1:5] == ["-m", "spotlib.cli", "run", "demo"]
    assert found["seconds of notebooks"] == {"02_train": 61.0, "04_figures and 05_report": 9.0}
    assert found["features"] == {"frames": 100, "seconds": 2.0}
    assert found["floor_minutes"] * 2 == pytest.approx(found["processor minutes"])
    with pytest.raises(SpotlibError, match="`spotlib run demo` failed: spotlib: no space left"):
        report_time(arguments=["--broken"])
