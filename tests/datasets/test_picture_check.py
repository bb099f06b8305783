from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from spotlib.datasets.folder import FrameFolder
from spotlib.datasets.frame_names import FrameNames
from spotlib.datasets.picture_check import check_pictures
from spotlib.datasets.records import SAMPLINGS, FrameMap, Origin
from spotlib.intervals import Event, Kind
from tests.datasets.pictures_factory import cut_off, write_pictures

EVENT = Event(Kind.MICRO, 3, 4, 6)


def open_folder(folder, frame_map, events=(EVENT,)):
    names, _ = FrameNames.of(path.name for path in folder.iterdir())
    return FrameFolder(
        subject="s", name=folder.name, folder=folder, names=names, fps=30, frame_map=frame_map, events=events, grey=True
    )


@pytest.fixture
def video(tmp_path):
    return open_folder(write_pictures(tmp_path / "v", range(20)), FrameMap())


def check(*videos, decode=False):
    found = check_pictures(videos, decode=decode, where=lambda video: Origin(file=video.name))
    return [(finding.severity, finding.what, str(finding)) for finding in found]


@pytest.mark.parametrize("decode", [False, True])
def test_whole_pictures_are_no_finding(video, decode):
    assert check(video, decode=decode) == []


@pytest.mark.parametrize("decode", [False, True])
def test_damaged_pictures_are_counted_by_what_is_wrong(video, decode):
    for n in (1, 2, 8, 9):
        (video.folder / f"{n}.jpg").write_bytes(b"")
    cut_off(video.folder / "12.jpg")
    write_pictures(video.folder, [15], size=(20, 16))
    assert check(video, decode=decode) == [
        (
            "changes",
            "damaged-pictures",
            "v: 4 pictures not usable (the file is empty), the one before stands in: 1.jpg, 2.jpg, 8.jpg ...",
        ),
        (
            "changes",
            "damaged-pictures",
            "v: 1 picture not usable (cut off, no end marker), the one before stands in: 12.jpg",
        ),
        (
            "changes",
            "damaged-pictures",
            "v: 1 picture not usable (16x20 px instead of 16x12 px), the one before stands in: 15.jpg",
        ),
    ]


def test_an_event_that_nobody_can_see(video):
    for n in (4, 5, 6):
        (video.folder / f"{n}.jpg").write_bytes(b"")
    assert check(video)[1] == (
        "changes",
        "unseen-event",
        "v: micro event 3 to 6: 3 of its 4 pictures are missing; kept",
    )


def test_a_video_without_a_whole_picture_is_lost(video):
    for path in video.folder.iterdir():
        path.write_bytes(bytes(100))
    assert check(video) == [
        (
            "loses",
            "unreadable-video",
            "v: none of its 20 pictures can be used (filled with zeros), so that its 1 event is lost",
        )
    ]


def test_only_what_the_sampling_uses_is_looked_at(tmp_path):
    folder = write_pictures(tmp_path / "v", range(1, 30))
    for n in set(range(1, 30)) - {1, 8, 15, 22, 29}:
        (folder / f"{n}.jpg").write_bytes(b"")
    assert check(open_folder(folder, SAMPLINGS["every_7th_round"], ())) == []
    assert len(check(open_folder(folder, SAMPLINGS["every_8th_floor"], ()))) == 1


def test_a_video_of_another_size_is_a_note(tmp_path, video):
    small = open_folder(write_pictures(tmp_path / "w", range(5), size=(6, 8)), FrameMap(), ())
    same = dataclasses.replace(video, name="u")
    assert check(video, small, same) == [
        ("note", "other-size", "w: its pictures are 8x6 px, those of most videos 16x12 px")
    ]


def test_decoding_finds_what_a_glance_cannot(tmp_path):
    folder = write_pictures(tmp_path / "v", range(5), name="{n}.png", size=(64, 64))
    cv2.imwrite(str(folder / "3.png"), np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    data = bytearray((folder / "3.png").read_bytes())
    data[60:-20] = bytes(len(data) - 80)
    (folder / "3.png").write_bytes(bytes(data))
    video = open_folder(folder, FrameMap(), ())
    assert check(video) == []
    assert [what for _, what, _ in check(video, decode=True)] == ["damaged-pictures"]
