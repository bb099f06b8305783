"""Video reading: true frames, true times, and one clear line for every kind of bad input."""

from __future__ import annotations

import logging
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.video import open_video
from tests.real_clips import real_clip

SIZE = (48, 64)


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture that tells its number: grey level 5 * index, with a white top left corner."""
    image = np.full((*size, 3), 5 * index % 250, np.uint8)
    image[: size[0] // 4, : size[1] // 4] = 255
    return image


def number(image: np.ndarray) -> int:
    return round(float(image[SIZE[0] // 2 :, SIZE[1] // 2 :].mean()) / 5)


def write_video(
    path: Path, *, n: int = 20, times: list[float] | None = None, size: tuple[int, int] = SIZE, turn: int = 0
) -> Path:
    """n pictures at 25 frames/s, or at ``times`` (s)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = size[1], size[0]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        if turn:
            stream.set_display_rotation(turn)
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(picture(i, size), format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(1000 * (times[i] if times else i / 25))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_folder(path: Path, names: list[str], size: tuple[int, int] = SIZE) -> Path:
    path.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(path / name), picture(i, size))
    return path


def error(path: Path, **options: float) -> str:
    """Message of the error of opening and reading ``path``; must be one line that names the path."""
    with pytest.raises(SpotlibError) as caught:
        for _ in open_video(path, **options).frames():
            pass
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
def test_frames_and_times(tmp_path: Path, suffix: str) -> None:
    video = open_video(write_video(tmp_path / f"a b 'ü{suffix}"))
    assert (video.n_frames, video.size) == (20, SIZE)
    assert video.fps == pytest.approx(25, rel=1e-3)
    got = list(video.frames())
    assert [i for i, _, _ in got] == list(range(20))
    np.testing.assert_allclose([t for _, t, _ in got], np.arange(20) / 25, atol=1.5e-3)
    assert [number(f) for _, _, f in got] == list(range(20))
    assert got[0][2].shape == (*SIZE, 3)
    assert got[0][2].dtype == np.uint8
    grey = [f for _, _, f in video.frames(format="grey")]
    assert grey[0].shape == SIZE
    assert [number(f) for f in grey] == list(range(20))


def test_rotated_phone_video_is_shown_upright(tmp_path: Path) -> None:
    for turn, corner in ((90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))):
        video = open_video(write_video(tmp_path / f"{turn}.mp4", turn=turn))
        assert video.size == (SIZE if turn == 180 else SIZE[::-1])
        _, _, frame = next(video.frames())
        assert frame.shape[:2] == video.size
        assert frame[corner].min() > 200, turn  # the marked corner has gone where the turn takes it
        assert frame[tuple(-1 - c for c in corner)].max() < 60


def test_variable_rate_is_refused_with_its_range_and_resampled_on_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = [0.0, 0.04, 0.08, 0.12, 0.16, 0.36, 0.40, 0.44, 0.48, 0.52, 0.56, 0.60]
    path = write_video(tmp_path / "phone.mp4", n=len(times), times=times)
    message = error(path)
    assert message == ": variable frame rate (5 to 25 frames/s); pass fps=30 (command line: --fps 30) to resample it"
    with caplog.at_level(logging.INFO, "spotlib"):
        video = open_video(path, fps=30)
    assert "resampled from 12 frames" in caplog.text
    got = [(t, number(f)) for _, t, f in video.frames()]
    assert len(got) == video.n_frames
    nearest = [int(np.argmin(np.abs(np.array(times) - t))) for t, _ in got]
    assert [k for _, k in got] == nearest


def test_one_dropped_frame_in_many_is_no_variable_rate(tmp_path: Path) -> None:
    times = [i / 25 for i in range(151) if i != 70]
    video = open_video(write_video(tmp_path / "a.mp4", n=150, times=times))
    assert video.fps == pytest.approx(25, rel=1e-3)


def test_matroska_rounding_is_no_variable_rate(tmp_path: Path) -> None:
    """240 frames/s in whole milliseconds: frames last 4 or 5 ms."""
    video = open_video(write_video(tmp_path / "a.mkv", n=120, times=[i / 240 for i in range(120)]))
    assert video.fps == pytest.approx(240, rel=2e-2)


def test_given_rate_resamples_a_regular_video(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.mp4", n=20), fps=12.5)
    assert video.n_frames == 10
    assert [number(f) for _, _, f in video.frames()] == list(range(0, 20, 2))


def test_bad_files(tmp_path: Path) -> None:
    assert error(tmp_path / "none.mp4") == ": no such file or folder; check the name"
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert error(empty) == ": the file is empty; copy or export it again"
    text = tmp_path / "text.mp4"
    text.write_text("these are words, no pictures\n" * 50)
    assert error(text).startswith(": not a video file, or damaged")
    assert error(write_video(tmp_path / "a.mp4"), fps=0) == ": fps is 0; give a number from 1 to 1000"


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "voice.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for i in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, 1024 * i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert error(path) == ": no video stream (only audio); give a file with pictures"


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_truncated_files(tmp_path: Path, suffix: str) -> None:
    whole = write_video(tmp_path / f"whole{suffix}", n=50, size=(240, 320)).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "the file is cut off or damaged, copy or export it again" in error(cut)


def test_overwritten_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", n=50, size=(240, 320))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(bytes(data))
    assert "the file is cut off or damaged" in error(path)


def test_header_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "nothing.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        container.start_encoding()
    assert "cut off or damaged, copy or export it again" in error(path)


def test_folder_in_natural_order_without_stray_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"img{i}.png" for i in range(1, 13)]
    folder = write_folder(tmp_path / "frames", names)
    (folder / "Thumbs.db").write_text("x")
    (folder / ".DS_Store").write_text("x")
    with caplog.at_level(logging.INFO, "spotlib"):
        video = open_video(folder)
    assert "ignoring 2 files" in caplog.text
    assert (video.n_frames, video.fps, video.size) == (12, 30.0, SIZE)
    got = list(video.frames())
    assert [number(f) for _, _, f in got] == list(range(12))
    assert [number(f) for _, _, f in video.frames(format="grey")] == list(range(12))
    assert got[3][1] == pytest.approx(0.1)
    assert open_video(folder, fps=200).fps == 200


def test_colour_order(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    red_in_bgr = np.zeros((*SIZE, 3), np.uint8)
    red_in_bgr[..., 2] = 250
    cv2.imwrite(str(tmp_path / "f" / "1.png"), red_in_bgr)
    assert next(open_video(tmp_path / "f").frames())[2][0, 0].tolist() == [250, 0, 0]


def test_bad_folders(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert error(tmp_path / "empty").startswith(": no images in this folder; it should hold .jpg")
    mixed = write_folder(tmp_path / "mixed", ["1.png", "2.png"])
    cv2.imwrite(str(mixed / "3.png"), picture(3, (48, 80)))
    with pytest.raises(SpotlibError, match=r"3\.png: 80x48 px, but 1\.png is 64x48; all images of a folder"):
        list(open_video(mixed).frames())
    broken = write_folder(tmp_path / "broken", ["1.png", "2.png"])
    (broken / "2.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(SpotlibError, match=r"2\.png: not a readable image; replace or remove it"):
        list(open_video(broken).frames())


def test_real_clips() -> None:
    clip = open_video(real_clip("WolfgangLanger_Pexels.mp4"))
    assert (clip.n_frames, clip.size) == (472, (360, 640))
    assert clip.fps == pytest.approx(24000 / 1001)
    with pytest.raises(SpotlibError, match="variable frame rate"):
        open_video(real_clip("face_noface.mov"))
    hidden = open_video(real_clip("no_face.mp4"))  # an edit list hides the first 3 of 98 coded frames
    assert sum(1 for _ in hidden.frames(format="grey")) == hidden.n_frames == 95


def test_a_truncated_real_clip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    shutil.copy(real_clip("WolfgangLanger_Pexels.mp4"), path)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)
    assert "cut off or damaged" in error(path)
