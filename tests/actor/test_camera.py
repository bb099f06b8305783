from __future__ import annotations

import numpy as np
import pytest

from spotlib.actor.camera import Camera, decode
from spotlib.actor.streams import frame_stream, stream
from spotlib.errors import SpotlibError

PLAIN = np.full((120, 160, 3), 128, dtype=np.uint8)


def noise_of(camera: Camera, frame: int, picture: np.ndarray = PLAIN) -> np.ndarray:
    return camera.shoot(picture, frame_stream(5, frame)).astype(float) - picture


@pytest.mark.parametrize("sigma", [1.0, 1.7, 4.0])
def test_noise_has_the_strength_asked_for(sigma: float):
    noise = noise_of(Camera(noise=sigma, jpeg_quality=None), 0)
    assert noise.std() == pytest.approx(sigma, rel=0.06)
    assert abs(noise.mean()) < 0.1 * sigma


def test_a_frame_is_the_same_whenever_it_is_shot():
    camera = Camera()
    later = [camera.shoot(PLAIN, frame_stream(5, k)) for k in (3, 1, 2)]
    assert (camera.shoot(PLAIN, frame_stream(5, 1)) == later[1]).all()
    assert (later[0] != later[1]).any()


def test_noise_of_two_frames_is_unrelated():
    camera = Camera(noise=3.0, jpeg_quality=None)
    for other in range(1, 6):
        together = np.corrcoef(noise_of(camera, 0).ravel(), noise_of(camera, other).ravel())[0, 1]
        assert abs(together) < 0.05


def test_without_noise_and_jpeg_nothing_changes():
    picture = stream(0, "picture").integers(0, 256, (60, 80, 3), dtype=np.uint8)
    assert (Camera(noise=0.0, jpeg_quality=None).shoot(picture, frame_stream(5, 0)) == picture).all()


def test_jpeg_keeps_the_channels_apart_and_leaves_traces():
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[..., 0] = 200
    picture[20:40, 20:40, 2] = 180
    shot = Camera(noise=0.0, jpeg_quality=92).shoot(picture, frame_stream(5, 0)).astype(int)
    assert np.abs(shot[..., 0] - 200).mean() < 6
    assert shot[30, 30, 2] > 150
    assert shot[5, 5, 2] < 20
    assert (shot != picture).any()


def test_grey_camera_gives_two_dimensions():
    shot = Camera(grey=True).shoot(PLAIN, frame_stream(5, 0))
    assert shot.shape == (120, 160)
    assert shot.dtype == np.uint8
    assert noise_of(Camera(jpeg_quality=None), 0, PLAIN[..., 0]).std() == pytest.approx(1.7, rel=0.06)


def test_black_and_white_saturate_instead_of_wrapping():
    camera = Camera(noise=4.0, jpeg_quality=None)
    assert camera.shoot(np.zeros_like(PLAIN), frame_stream(5, 0)).max() < 40
    assert camera.shoot(np.full_like(PLAIN, 255), frame_stream(5, 0)).min() > 215


def test_a_file_of_the_camera_is_the_picture():
    for camera, picture in ((Camera(), PLAIN), (Camera(grey=True), PLAIN), (Camera(), PLAIN[..., 0])):
        shot = camera.shoot(picture, frame_stream(5, 3))
        coded = camera.encode(picture, frame_stream(5, 3))
        assert coded[:2].tobytes() == b"\xff\xd8"
        np.testing.assert_array_equal(decode(coded, grey=shot.ndim == 2), shot)
    with pytest.raises(SpotlibError, match=r"this camera writes no JPEG \(jpeg_quality is None\)"):
        Camera(jpeg_quality=None).encode(PLAIN, frame_stream(5, 0))
