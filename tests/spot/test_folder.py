"""A result as a folder and back; whose folder it is; and what is damaged is told."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.spot import load_result, save_result
from spotlib.spot.folder import RESULT, folder_for, forget, locked, made_of, safe_name, write_summary


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "one"
    save_result(folder, result, key={"file": "abc"}, formats=["eaf", "json"])
    return folder


def copy(saved: Path, to: Path) -> Path:
    to.mkdir()
    for file in saved.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_round_trip(saved, result) -> None:
    read = load_result(saved)
    assert read == result  # but for arrays and pictures, which follow
    assert read.spotted.regions == result.spotted.regions
    assert read.spotted.warnings == result.spotted.warnings
    np.testing.assert_array_equal(read.spotted.seconds, result.spotted.seconds)
    np.testing.assert_array_equal(read.probabilities, result.probabilities)
    np.testing.assert_array_equal(read.valid, result.valid)
    assert read.settings == json.loads(json.dumps(result.settings))
    for a, b in zip(read.moments, result.moments, strict=True):
        assert (a.strip, a.loop, a.side) == (b.strip, b.loop, b.side)
        np.testing.assert_array_equal(a.arrows, b.arrows)
    assert {p.name for p in saved.iterdir()} >= {"events.csv", "events.eaf", "spotted.json", "scores.npz", RESULT}
    assert made_of(saved) == {"file": "abc"}


def test_without_pictures_path_or_events(result, tmp_path) -> None:
    bare = dataclasses.replace(
        result, path=None, moments=(), spotted=dataclasses.replace(result.spotted, events=(), regions=(), warnings=())
    )
    save_result(tmp_path / "bare", bare, report=False)
    read = load_result(tmp_path / "bare")
    assert (read.path, read.moments, read.spotted.events) == (None, (), ())
    mixed = dataclasses.replace(result, moments=(None, *result.moments[1:]))
    save_result(tmp_path / "mixed", mixed, report=False)
    assert [m is None for m in load_result(tmp_path / "mixed").moments] == [True] + [False] * (len(mixed.moments) - 1)


def test_damage_is_one_line(saved, tmp_path) -> None:
    def said(folder: Path) -> str:
        with pytest.raises(SpotlibError) as caught:
            load_result(folder)
        assert "\n" not in str(caught.value)
        assert made_of(folder) is None
        return str(caught.value)

    assert "no result in this folder" in said(tmp_path)
    for number, (name, change, expected) in enumerate(
        [
            (RESULT, lambda data: data[:-20], "damaged"),
            (RESULT, lambda data: data.replace(b'"fps"', b'"fqs"'), "damaged (checksum)"),
            (RESULT, lambda data: b"[]", "damaged"),
            (RESULT, lambda data: b'{"spotlib": 9, "checksum": ""}', "another version"),
            ("scores.npz", lambda data: data[:50], "scores.npz: not what was written"),
            ("moments.npz", lambda data: data[:-1] + b"x", "moments.npz: not what was written"),
        ]
    ):
        folder = copy(saved, tmp_path / str(number))
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        assert expected in said(folder)
    folder = copy(saved, tmp_path / "less")
    (folder / "scores.npz").unlink()
    assert "cannot be read" in said(folder)


def test_an_interrupted_write_leaves_no_result(saved, result, tmp_path, monkeypatch) -> None:
    folder = copy(saved, tmp_path / "again")
    monkeypatch.setattr("spotlib.spot.folder.write_events", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_result(folder, result)
    assert made_of(folder) is None


def test_same_names_do_not_collide(tmp_path) -> None:
    a, b = tmp_path / "a" / "x.mp4", tmp_path / "b" / "x.mp4"
    out = tmp_path / "out"
    first, second = folder_for(out, a), folder_for(out, b)
    assert first.name == "x"
    assert second.name.startswith("x-")
    assert (folder_for(out, a), folder_for(out, b)) == (first, second)


@pytest.mark.parametrize(
    "name", ["a b", 'it\'s "x"', "内部 видео", "..", "-rf", "bad\udcff", "a/b", "x" * 300, "😀", "CON.mp4", ".hidden"]
)
def test_safe_names(name: str, tmp_path) -> None:
    safe = safe_name(name)
    (tmp_path / safe).mkdir()
    assert safe == Path(safe).name
    assert not safe.startswith((".", "-"))
    assert len(safe.encode()) < 200


def hold(folder: str, seconds: float) -> None:
    with locked(Path(folder)):
        (Path(folder) / "held").touch()
        time.sleep(seconds)
        (Path(folder) / "held").unlink()


def test_a_lock_keeps_others_out(tmp_path) -> None:
    process = multiprocessing.get_context("fork").Process(target=hold, args=(str(tmp_path), 0.5))
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    with locked(tmp_path):
        assert not (tmp_path / "held").exists()
    process.join()
    process = multiprocessing.get_context("fork").Process(target=hold, args=(str(tmp_path), 60))
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    process.kill()
    process.join()
    with locked(tmp_path):  # a killed process holds nothing
        pass


def test_forget_removes_only_marks(tmp_path) -> None:
    empty, full = folder_for(tmp_path, Path("a.mp4")), folder_for(tmp_path, Path("b.mp4"))
    (full / "corrections.csv").touch()
    forget(empty)
    forget(full)
    assert not empty.exists()
    assert full.exists()


def test_summary_keeps_other_videos(tmp_path) -> None:
    columns = ("path", "status")
    write_summary(tmp_path, [{"path": "a", "status": "done"}, {"path": 'b "x",\n', "status": "failed"}], columns)
    path = write_summary(tmp_path, [{"path": "a", "status": "failed", "more": 1}], columns)
    assert path.read_text(encoding="utf-8").splitlines()[1] == "a,failed"
    assert "failed" in path.read_text(encoding="utf-8")
    assert oct(os.stat(path).st_mode & 0o600) == "0o600"
