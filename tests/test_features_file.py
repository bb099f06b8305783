"""Features files: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.features_file import ARRAYS, load_features, save_features
from tests.test_swmro import invented


def error(path: Path) -> str:
    with pytest.raises(SpotlibError) as caught:
        load_features(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(path))


def test_round_trip(tmp_path: Path) -> None:
    motion = dataclasses.replace(invented(broken=(3,)), name="s01 'ü' 1", fps=28.57)
    path = save_features(tmp_path / "a.npz", motion)
    back = load_features(path)
    for field in dataclasses.fields(motion):
        old, new = getattr(motion, field.name), getattr(back, field.name)
        if field.name in ARRAYS:
            np.testing.assert_array_equal(new, old)
            assert new.dtype == old.dtype
        else:
            assert new == old


def test_half_precision(tmp_path: Path) -> None:
    motion = invented()
    full = save_features(tmp_path / "full.npz", motion)
    half = save_features(tmp_path / "half.npz", motion, half=True)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    back = load_features(half)
    assert back.flow.dtype == np.float32
    np.testing.assert_allclose(back.flow, motion.flow, atol=0.002)
    np.testing.assert_array_equal(back.landmarks, motion.landmarks)


def test_same_motion_same_bytes(tmp_path: Path) -> None:
    a, b = (save_features(tmp_path / name, invented()).read_bytes() for name in ("a.npz", "b.npz"))
    assert a == b


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert error(tmp_path / "none.npz") == ": no such features file; make it with `spotlib features`"
    text = tmp_path / "text.npz"
    text.write_text("hello")
    assert error(text) == ": not a spotlib features file; make one with `spotlib features`"
    other = tmp_path / "other.npz"
    np.savez(other, a=np.zeros(3))
    assert error(other) == ": not a spotlib features file; make one with `spotlib features`"
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, header=np.array([{"format": "spotlib-features"}], object))
    assert "features" in error(pickled)
    empty = tmp_path / "empty.npz"
    empty.touch()
    assert error(empty) == ": not a spotlib features file; make one with `spotlib features`"


def rewrite(path: Path, **changes: object) -> None:
    """Change fields of the header."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(bytes(arrays["header"])) | changes
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


def test_other_version(tmp_path: Path) -> None:
    path = save_features(tmp_path / "a.npz", invented())
    rewrite(path, version=99)
    assert error(path) == (
        ": features of version 99, this spotlib reads version 1; compute them again with `spotlib features`"
    )


def test_truncated(tmp_path: Path) -> None:
    path = save_features(tmp_path / "a.npz", invented())
    data = path.read_bytes()
    for share in (0.3, 0.9, 0.999):
        path.write_bytes(data[: int(share * len(data))])
        assert "the features file is damaged" in error(path)


def test_flipped_bits(tmp_path: Path) -> None:
    path = save_features(tmp_path / "a.npz", invented())
    data = path.read_bytes()
    for share in np.linspace(0.01, 0.9, 12):
        wrong = bytearray(data)
        wrong[int(share * len(data))] ^= 0x10
        path.write_bytes(bytes(wrong))
        assert "the features file is damaged" in error(path)


def test_exchanged_numbers_are_noticed(tmp_path: Path) -> None:
    """A valid archive whose numbers are not those that were written."""
    path = save_features(tmp_path / "a.npz", invented())
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["flow"] = arrays["flow"] + np.float32(1e-3)
    np.savez(path, **arrays)
    assert error(path) == ": the features file is damaged (checksum); compute it again with `spotlib features`"


def test_disk_full_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_features(tmp_path / "a.npz", invented(20))

    def full(file: object, **arrays: np.ndarray) -> None:
        file.write(b"half of it")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(
        SpotlibError,
        match=r"a\.npz: cannot be written \(no space left on device\)",
    ):
        save_features(path, invented(30))
    assert load_features(path).n_frames == 20
    assert [f.name for f in tmp_path.iterdir()] == ["a.npz"]


def test_interruption_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(file: object, **arrays: np.ndarray) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_features(tmp_path / "a.npz", invented())
    assert list(tmp_path.iterdir()) == []
