from __future__ import annotations

import cv2
import numpy as np
import pytest

from spotlib.datasets.pictures import glance, is_synthetic, marked_synthetic, read_picture
from spotlib.errors import ReadError


@pytest.fixture
def noise():
    return np.random.default_rng(3).integers(0, 256, (40, 60, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_whole_picture_is_known_by_its_ends(tmp_path, noise, suffix):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), noise)
    assert (glance(path).size, glance(path).problem) == ((40, 60), "")
    read = read_picture(path, grey=False)
    assert isinstance(read, np.ndarray)
    assert read.shape == (40, 60, 3)
    assert read_picture(path, grey=True).shape == (40, 60)


def test_colours_are_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 4, 3), (0, 0, 255), np.uint8))  # OpenCV writes BGR
    assert read_picture(tmp_path / "red.png", grey=False)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("share", [0.3, 0.8, 0.999])
def test_cut_off_files_are_noticed_without_decoding(tmp_path, noise, suffix, share):
    # OpenCV alone reads the cut-off JPEG without a word, with grey blocks at its end
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert glance(path).problem.startswith("cut off")
    assert str(read_picture(path, grey=True)).startswith("cut off")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty"),
        (bytes(5000), "filled with zeros"),
        (b"<html>not found</html>", "no picture"),
        (b"\xff\xd8\xff\xe0\x00", "cut off within its header"),
        (b"\xff\xd8\xff\xe0\x00\x02" + b"damaged" * 9, "damaged within its header"),
        (b"\x89PNG\r\n\x1a\n", "cut off within its header"),
    ],
)
def test_what_is_no_picture_says_so(tmp_path, data, problem):
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert glance(path).problem == problem
    assert read_picture(path, grey=True) == problem


def test_a_missing_file_is_a_problem_not_a_crash(tmp_path):
    assert "No such file" in glance(tmp_path / "a.jpg").problem
    assert "No such file" in str(read_picture(tmp_path / "a.jpg", grey=True))


def test_long_headers_and_trailing_bytes_are_fine(tmp_path, noise):
    _, coded = cv2.imencode(".jpg", noise)
    data = coded.tobytes()
    _, preview = cv2.imencode(".jpg", noise[:8, :8])
    comment = b"\xff\xe1" + (2 + 9000 + len(preview)).to_bytes(2, "big") + preview.tobytes() + bytes(9000)
    for n, changed in enumerate((data[:2] + comment + data[2:], data + bytes(9000))):
        path = tmp_path / f"{n}.jpg"
        path.write_bytes(changed)
        assert glance(path) == glance(path).__class__((40, 60), "")
        assert isinstance(read_picture(path, grey=False), np.ndarray)


def test_the_end_of_a_preview_is_not_the_end_of_the_picture(tmp_path, noise):
    _, coded = cv2.imencode(".jpg", noise)
    _, preview = cv2.imencode(".jpg", noise[:8, :8])
    data = coded.tobytes()
    part = b"\xff\xe1" + (2 + len(preview)).to_bytes(2, "big") + preview.tobytes()
    path = tmp_path / "a.jpg"
    path.write_bytes((data[:2] + part + data[2:])[:-300])
    assert glance(path).problem == "cut off, no end marker"


def test_nonsense_behind_a_good_header_is_a_problem(tmp_path, noise):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), noise)
    data = bytearray(path.read_bytes())
    data[60:-20] = bytes(len(data) - 80)
    path.write_bytes(bytes(data))
    assert glance(path).problem == ""  # a glance cannot know
    assert read_picture(path, grey=True) == "cannot be decoded"


def test_a_rendered_picture_says_so_and_stays_the_same(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    plain, marked = tmp_path / "a.jpg", tmp_path / "b.jpg"
    plain.write_bytes(jpeg)
    marked.write_bytes(marked_synthetic(jpeg))
    assert [is_synthetic(path) for path in (plain, marked, tmp_path / "none.jpg")] == [False, True, False]
    assert glance(marked) == glance(plain)
    np.testing.assert_array_equal(read_picture(marked, grey=False), read_picture(plain, grey=False))


def test_a_failing_disk_is_no_damaged_picture(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8")

    def broken(self):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(type(path), "read_bytes", broken)
    with pytest.raises(ReadError, match=r"a\.jpg: cannot be read \(Input/output error\); mend its permissions"):
        read_picture(path, grey=True)
