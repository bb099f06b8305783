"""The command `spotlib features`: files in, features out, and every kind of bad input in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.extraction import extract_file
from spotlib.features_file import load_features
from spotlib.swmro import extract
from tests.real_clips import real_clip
from tests.scenes import brow_scene
from tests.test_faces import two_faces
from tests.test_video import write_folder


def write_clip(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Grey pictures as a video of 30 frames per second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.height, stream.width = pictures[0].shape
        stream.bit_rate = 4_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A short rendered clip as a file."""
    return write_clip(tmp_path_factory.mktemp("clips") / "brow.mp4", brow_scene().pictures[:24])


def failure(source: Path, out: Path, **options) -> str:
    with pytest.raises(SpotlibError) as caught:
        extract_file(source, out, **options)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert list(out.parent.glob(".*")) == []
    return str(caught.value)


def test_features_of_a_file(clip, tmp_path):
    said = extract_file(clip, tmp_path / "f.npz")
    assert "24 frames at 30.00 per second, 100% with a face (gaps: none)" in said
    motion = load_features(tmp_path / "f.npz")
    assert motion.flow.shape[:2] == (24, 17)
    from spotlib.video import open_video

    np.testing.assert_array_equal(motion.flow, extract(open_video(clip)).flow)


def test_bad_sources(tmp_path):
    out = tmp_path / "out" / "f.npz"
    out.parent.mkdir()
    still = [np.full((240, 320), 90, np.uint8)] * 30
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "the file is empty" in failure(empty, out)
    assert "no such file" in failure(tmp_path / "absent.mp4", out)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(256)) * 40)
    assert "noise.mp4" in failure(noise, out)
    blank = tmp_path / "blank.mp4"
    write_clip(blank, still)
    assert "no face" in failure(blank, out)
    short = tmp_path / "short.mp4"
    write_clip(short, still[:9])
    assert "9 frames, but one window needs 17" in failure(short, out)
    pair = tmp_path / "pair.mp4"
    write_clip(pair, [two_faces()] * 20)
    assert "largest" in failure(pair, out)


def test_mixed_sizes(tmp_path):
    folder = write_folder(tmp_path / "images", [f"img{i}.png" for i in range(20)])
    write_folder(folder, ["img7.png"], size=(50, 60))
    assert "img7.png" in failure(folder, tmp_path / "f.npz")


def test_bad_outputs(clip, tmp_path):
    assert "name the file so" in failure(clip, tmp_path / "f.csv")
    assert "cannot be written" in failure(clip, tmp_path / "absent" / "f.npz")


def test_interruption_leaves_nothing(clip, tmp_path, monkeypatch):
    import spotlib.extraction

    def stop(*_: object, **__: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(spotlib.extraction, "save_features", stop)
    with pytest.raises(KeyboardInterrupt):
        extract_file(clip, tmp_path / "f.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_real_face(tmp_path):
    said = extract_file(real_clip("WolfgangLanger_Pexels.mp4"), tmp_path / "f.npz", face="largest")
    motion = load_features(tmp_path / "f.npz")
    assert motion.valid.mean() > 0.9, said
    assert np.isfinite(motion.flow[motion.valid][:, 0]).all()
