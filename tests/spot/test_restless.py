"""Training for restless faces, on a very short video."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.varied import varied_spec
from spotlib.params import make_params
from spotlib.spot import restless as module
from spotlib.spot.export import joined
from spotlib.spot.restless import PARAMS, copies, features, main, room


@pytest.fixture(scope="module")
def video() -> TwinVideo:
    spec = dataclasses.replace(
        varied_spec(1, 0, 0), seconds=4.0, size=(240, 320), micro_per_video=(1, 1), macro_per_video=(0, 0), max_length=1
    )
    return TwinVideo(spec, 1, 0, 0)


def test_a_video_becomes_many(video, tmp_path, monkeypatch) -> None:
    (path,) = features([video], tmp_path / "kept", workers=1)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(module, "extract", lambda *a, **k: pytest.fail("tracked again"))
    assert features([video], tmp_path / "kept", workers=1) == [path]
    assert path.stat().st_mtime_ns == before
    params = make_params(PARAMS)
    found = copies(video, path, params, count=2)
    assert len({clip.name for clip in found}) == 3
    assert {clip.subject for clip in found} == {video.subject}  # all of them choose, or none does
    assert found[0].events == video.events
    for clip in found:
        assert clip.windows.shape == (120, 17, 10, 2)
        assert clip.windows.dtype == np.float16
        assert np.isfinite(clip.windows).all()
    assert not np.array_equal(found[0].windows, found[1].windows)
    assert not np.array_equal(found[1].windows, found[2].windows)
    again = copies(video, path, params, count=1)[1]
    np.testing.assert_array_equal(again.windows, found[1].windows)
    assert again.events == found[1].events


def test_bad_input_is_one_line(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as told:
        main(["--folder", str(tmp_path), "--out", str(tmp_path / "a.safetensors"), "--device", "tpu7"])
    assert "--device tpu7: not usable here" in str(told.value)
    assert "\n" not in str(told.value)
    with pytest.raises(SystemExit):
        main(["--folder", str(tmp_path)])
    assert "--out" in capsys.readouterr().err


def test_rooms_hold_the_demos_people_as_windows_of_the_same_kind(video, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "ROOM", {"subjects": 4, "videos_per_subject": 1, "video_seconds": 4.0})
    clips, params = room({"data_seed": 7}, tmp_path, workers=1)
    assert len(clips) == 4
    assert len({clip.subject for clip in clips}) == 4
    assert {clip.windows.dtype for clip in clips} == {np.dtype(np.float16)}
    (path,) = features([video], tmp_path / "varied", workers=1)
    joined_clips, _ = joined(
        [("demo0", clips, params), ("varied", copies(video, path, make_params(PARAMS)), make_params(PARAMS))]
    )
    assert {clip.subject.partition("/")[0] for clip in joined_clips} == {"demo0", "varied"}
    assert {clip.windows.shape[1:] for clip in joined_clips} == {(17, 10, 2)}
