"""Many videos: failures are rows, nothing is done twice, two runs do not mix, odd names and odd videos survive."""

from __future__ import annotations

import csv
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.exports import read_events
from spotlib.spot import load_result
from spotlib.spot.batch import Job, content_digest, formats_of, key_of, prepare, spot_all, videos_in
from tests.spot.factory import pictures, tiny_weights, write_file


def summary(out: Path) -> list[dict[str, str]]:
    with open(out / "summary.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def frames(result) -> list[tuple]:
    return [(e.kind, e.onset, e.apex, e.offset) for e in result.spotted.events]


@pytest.fixture(scope="module")
def job(weights) -> Job:
    return Job(weights=weights, pictures=False)


def test_failures_are_rows_and_nothing_is_done_twice(clip, job, tmp_path, caplog) -> None:
    given = tmp_path / "in"
    (given / "a b").mkdir(parents=True)
    (given / "c").mkdir()
    names = [given / "a b" / 'it\'s "内部" é.mp4', given / "c" / 'it\'s "内部" é.mp4', given / "c" / "bad\udcff.mp4"]
    for name in names:
        shutil.copy(clip, name)
    (given / "c" / "empty.mp4").touch()
    (given / "c" / "text.mp4").write_text("no video")
    (given / "c" / "notes.txt").write_text("not looked at")
    out = tmp_path / "out"
    videos = videos_in([given, names[0]])
    assert len(videos) == 5
    rows = spot_all(videos, out, job)
    assert sorted(row["status"] for row in rows) == ["done", "done", "done", "failed", "failed"]
    told = {row["path"]: row for row in summary(out)}
    assert len(told) == 5
    assert "the file is empty" in told[str(given / "c" / "empty.mp4")]["error"]
    folders = {row["folder"] for row in rows if row["status"] == "done"}
    assert len(folders) == 3
    assert {path.name for path in out.iterdir() if path.is_dir()} == folders
    for row, path in zip(rows, videos, strict=True):
        if row["status"] == "done":
            read = load_result(out / row["folder"])
            assert read.spotted.video == path.stem.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            assert read.path.exists()
            table = read_events(out / row["folder"] / "events.csv")
            assert len(table.events[read.spotted.video]) == len(read.spotted.events) > 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}
    again = spot_all(videos, out, job)
    assert sorted(row["status"] for row in again) == ["done before"] * 3 + ["failed"] * 2
    assert {path: path.stat().st_mtime_ns for path in out.rglob("result.json")} == before


def test_what_changed_is_done_again(clip, job, tmp_path) -> None:
    video = tmp_path / "v.mp4"
    shutil.copy(clip, video)
    out = tmp_path / "out"

    def status(**changes) -> str:
        from dataclasses import replace

        return spot_all([video], out, replace(job, **changes))[0]["status"]

    assert status() == "done"
    assert status(formats=("vtt",)) == "done before"
    assert (out / "v" / "events.vtt").exists()  # what was not asked for before is there now
    assert status(min_score=0.5) == "done"
    assert status(min_score=0.5) == "done before"
    assert status(weights=tiny_weights(2)) == "done"
    assert status() == "done"
    assert status(force=True) == "done"
    (out / "v" / "scores.npz").write_bytes(b"damaged")
    assert status() == "done"
    write_file(video, pictures()[:40])
    assert status() == "done"
    assert load_result(out / "v").spotted.n_frames == 40


def test_two_runs_at_the_same_time(clip, job, tmp_path) -> None:
    out = tmp_path / "out"
    statuses: list[str] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(spot_all([clip], out, job)[0]["status"])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["done", "done before"]
    load_result(out / "acted")


def test_videos_that_are_meant(tmp_path, clip, job) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes(b"x")
    assert videos_in([folder]) == [folder]
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    for name in ("b.MOV", "a10.mp4", "a2.mp4", ".hidden.mp4", "x.txt"):
        (deep / name).touch()
    assert [p.name for p in videos_in([tmp_path / "deep"])] == ["a2.mp4", "a10.mp4", "b.MOV"]
    (tmp_path / "none").mkdir()
    with pytest.raises(SpotlibError, match="no videos or images in this folder"):
        videos_in([tmp_path / "none"])


def test_unwritable(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpotlibError, match="cannot be written"):
        prepare(tmp_path / "file" / "out")
    with pytest.raises(SpotlibError, match="cannot be written"):
        prepare(tmp_path / "file")


def test_no_permission(tmp_path, monkeypatch, job) -> None:
    video = tmp_path / "v.mp4"
    video.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(SpotlibError, match=r"v\.mp4: no permission to read it"):
        content_digest(video)
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SpotlibError, match="cannot be written \\(permission denied\\)"):
        prepare(tmp_path)


def test_keys(clip, job, tmp_path) -> None:
    from dataclasses import replace

    key = key_of(clip, job)
    assert key == key_of(clip, replace(job, force=True, formats=("eaf",)))
    assert key != key_of(clip, replace(job, face="largest"))
    assert set(key) == {"file", "settings", "code"}


def test_formats() -> None:
    assert formats_of("webvtt, EAF,csv,webvtt") == ("vtt", "eaf", "csv")
    assert formats_of("") == ()
    with pytest.raises(SpotlibError, match="--formats docx: unknown; choose from csv, eaf"):
        formats_of("docx")


# -- odd videos --


def test_a_rotated_phone_video(job, tmp_path, clip, result) -> None:
    shown = pictures()
    turned = np.ascontiguousarray(np.rot90(shown, 1, (1, 2)))  # lies on its side; the display matrix puts it upright
    path = write_file(tmp_path / "phone.mp4", turned, turn=-90)
    row = spot_all([path], tmp_path / "out", job)[0]
    assert row["status"] == "done"
    read = load_result(tmp_path / "out" / "phone")
    assert read.valid.all()
    assert len(frames(read)) > 0


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "options", "note"),
    [
        ("libx265", "yuv420p10le", {"preset": "ultrafast", "x265-params": "log-level=none"}, None),
        (
            "libx265", "yuv420p10le",
            {"preset": "ultrafast",
             "x265-params": "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"},
            "HDR video (PQ)",
        ),
        ("libx264", "yuv422p", {}, None),
    ],
)  # fmt: skip
def test_ten_bits_and_hdr(job, tmp_path, codec, pix_fmt, options, note) -> None:
    path = write_file(tmp_path / "deep.mkv", pictures()[:20], codec=codec, pix_fmt=pix_fmt, options=options)
    row = spot_all([path], tmp_path / "out", job)[0]
    assert row["status"] == "done", row
    assert load_result(tmp_path / "out" / "deep").valid.all()
    assert note is None or note in row["notes"]


def test_a_variable_rate(job, tmp_path) -> None:
    times = np.arange(72) / 30
    times[20:] += 0.4
    times[40:] += 0.02
    times[41:] += 0.05
    path = write_file(tmp_path / "variable.mkv", pictures(), times=times)
    row = spot_all([path], tmp_path / "out", job)[0]
    assert "variable frame rate" in row["notes"]
    read = load_result(tmp_path / "out" / "variable")
    assert read.settings["rate"]["variable"]
    assert read.spotted.seconds[-1] == pytest.approx(times[-1], abs=2e-3)
    assert (np.diff(read.spotted.seconds) > 0).all()


def test_sound_only_cut_off_and_faceless(job, tmp_path, clip) -> None:
    import av

    sound = tmp_path / "sound.m4a"
    with av.open(str(sound), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    grey = write_file(tmp_path / "grey.mp4", np.full((30, 240, 320, 3), 90, np.uint8))
    short = write_file(tmp_path / "short.mp4", pictures()[:9])
    rows = spot_all([sound, cut, grey, short, tmp_path / "absent.mp4"], tmp_path / "out", job)
    expected = (
        "no video stream",
        "damaged",
        "no face in any of 30",
        "9 frames, but one window needs 17",
        "no such file",
    )
    for row, said in zip(rows, expected, strict=True):
        assert row["status"] == "failed"
        assert said in row["error"]
        assert "\n" not in row["error"]
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == []
