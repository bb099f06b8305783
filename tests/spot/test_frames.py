"""Any frame of a video by its time, in any order, exactly."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.spot.frames import FrameReader
from spotlib.video import open_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five seconds in which the grey level tells the frame, with a key frame every 40."""
    import av

    path = tmp_path_factory.mktemp("clip") / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"g": "40", "crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(150):
            picture = np.full((48, 64, 3), 40 + index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_frames_in_any_order_are_those_of_reading_through(clip):
    truth = [frame for _, _, frame in open_video(clip).frames()]
    reader = FrameReader(clip)
    for index in (0, 1, 2, 100, 101, 99, 149, 3, 40, 39, 41, 149, 0):
        assert np.array_equal(reader.at(index / 30), truth[index]), index
    assert np.array_equal(reader.at(10.0), truth[149])  # past the end: the last one
    assert np.array_equal(reader.at(50.4 / 30), truth[50])  # still shown
    reader.close()


def test_a_folder_of_pictures(tmp_path):
    import cv2

    for index in range(4):
        cv2.imwrite(str(tmp_path / f"img{index}.png"), np.full((6, 6, 3), 50 * index, np.uint8))
    reader = FrameReader(tmp_path, fps=10.0)
    assert [int(reader.at(second)[0, 0, 0]) for second in (0.0, 0.2, 0.31, 9.0)] == [0, 100, 150, 150]


def test_a_video_that_is_gone(tmp_path):
    with pytest.raises(SpotlibError, match="no such file; was it moved"):
        FrameReader(tmp_path / "gone.mp4")
