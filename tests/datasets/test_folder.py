from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest

from spotlib.datasets.base import Video
from spotlib.datasets.folder import FrameFolder
from spotlib.datasets.frame_names import FrameNames
from spotlib.datasets.records import SAMPLINGS, FrameMap
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Interval, Kind
from spotlib.swmro import grey_frames
from tests.datasets.pictures_factory import cut_off, write_pictures

FIRST_IS_1 = FrameMap(first=1)


def open_folder(folder, *, frame_map=FIRST_IS_1, events=(), grey=True, fps=30.0):
    names, _ = FrameNames.of(path.name for path in folder.iterdir())
    return FrameFolder(
        subject="s1", name="v1", folder=folder, names=names, fps=fps, frame_map=frame_map, events=events, grey=grey
    )


def values(video, start=0):
    """Mean brightness of every frame: the number of the picture that it shows."""
    return [round(float(frame.mean())) for frame in video.frames(start)]


def test_frames_are_the_pictures_in_order_of_their_numbers(tmp_path):
    video = open_folder(write_pictures(tmp_path / "v", range(1, 13)))
    assert isinstance(video, Video)
    assert video.n_frames == 12
    assert values(video) == list(range(1, 13))
    assert values(video, 9) == [10, 11, 12]
    assert video.held == ()
    assert video.size == (12, 16)


def test_is_taken_for_a_data_sets_video_by_the_extractor(tmp_path):
    video = open_folder(write_pictures(tmp_path / "v", [1, 3]), grey=False)
    assert [frame.shape for frame in grey_frames(video)] == [(12, 16, 3)] * 3


def test_grey_and_colour(tmp_path):
    folder = write_pictures(tmp_path / "v", [1, 2])
    assert open_folder(folder, grey=True).frame(0).shape == (12, 16)
    assert open_folder(folder, grey=False).frame(0).shape == (12, 16, 3)


def test_missing_numbers_are_held_so_that_time_stays_true(tmp_path):
    video = open_folder(write_pictures(tmp_path / "v", [3, 4, 7, 9]))
    assert video.held == (Interval(0, 1), Interval(4, 5), Interval(7, 7))
    assert values(video) == [3, 3, 3, 4, 4, 4, 7, 7, 9]  # numbers 1 to 9
    assert [round(float(video.frame(i).mean())) for i in range(9)] == values(video)
    assert values(video, 4) == [4, 4, 7, 7, 9]


def test_damaged_pictures_are_held_and_logged_once(tmp_path, caplog):
    folder = write_pictures(tmp_path / "v", range(1, 9))
    (folder / "1.jpg").write_bytes(b"")
    cut_off(folder / "4.jpg")
    (folder / "5.jpg").write_text("nonsense")
    video = open_folder(folder)
    with caplog.at_level(logging.WARNING, logger="spotlib"):
        assert values(video) == [2, 2, 3, 3, 3, 6, 7, 8]
        assert values(video) == [2, 2, 3, 3, 3, 6, 7, 8]
    assert [record.getMessage() for record in caplog.records] == [
        "v1: 3 pictures cannot be used, the first is 1.jpg (the file is empty); the last readable one stands in"
    ]
    assert list(video.damaged) == [0, 3, 4]
    assert video.held == ()  # names alone do not tell


def test_pictures_of_another_size_are_held(tmp_path):
    folder = write_pictures(tmp_path / "v", [2, 3, 4, 5])
    write_pictures(folder, [1, 6], size=(20, 16))
    video = open_folder(folder)
    assert video.size == (12, 16)  # most have it, though the first has not
    assert values(video) == [2, 2, 3, 4, 5, 5]
    assert video.damaged == {0: "16x20 px instead of 16x12", 5: "16x20 px instead of 16x12"}


def test_a_held_frame_is_nobody_elses_array(tmp_path):
    video = open_folder(write_pictures(tmp_path / "v", [1, 3]))
    one, held, _ = list(video.frames())
    held[:] = 0
    assert one.mean() == 1


@pytest.mark.parametrize(("sampling", "used"), [("every_7th_round", [1, 8, 15]), ("every_8th_floor", [1, 9, 17])])
def test_only_the_pictures_of_the_sampling_are_read(tmp_path, sampling, used):
    folder = write_pictures(tmp_path / "v", range(1, 21))
    for n in set(range(1, 21)) - set(used):
        (folder / f"{n}.jpg").write_bytes(b"never opened")
    video = open_folder(folder, frame_map=SAMPLINGS[sampling])
    assert video.n_frames == 3
    assert values(video) == used
    assert video.damaged == {}


def test_a_sampled_number_that_is_missing_is_held(tmp_path):
    video = open_folder(write_pictures(tmp_path / "v", [1, 7, 9, 15]), frame_map=SAMPLINGS["every_7th_round"])
    assert video.held == (Interval(1, 1),)
    assert values(video) == [1, 1, 15]


def test_first_number_as_frame_map(tmp_path):
    video = open_folder(write_pictures(tmp_path / "v", [37, 38, 40]), frame_map=FrameMap(first=37))
    assert video.n_frames == 4
    assert values(video) == [37, 38, 38, 40]


def test_nothing_readable_is_one_line(tmp_path):
    folder = write_pictures(tmp_path / "v", [1, 2])
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(SpotlibError, match="v: none of its pictures can be read; unpack or copy the folder again"):
        open_folder(folder).frame(0)
    with pytest.raises(SpotlibError, match="none of its pictures can be read"):
        list(open_folder(folder).frames())


def test_no_frame_outside(tmp_path):
    with pytest.raises(SpotlibError, match="v1: no frame 2; it has frames 0 to 1"):
        open_folder(write_pictures(tmp_path / "v", [1, 2])).frame(2)


def test_digest_follows_the_pictures_used_and_nothing_else(tmp_path):
    folder = write_pictures(tmp_path / "v", range(1, 16))
    sampled = open_folder(folder, frame_map=SAMPLINGS["every_7th_round"])
    first = sampled.digest
    event = Event(Kind.MACRO, 0, None, 1)
    assert open_folder(folder, frame_map=SAMPLINGS["every_7th_round"], events=(event,)).digest == first
    assert open_folder(folder).digest != first
    (folder / "3.jpg").write_bytes(b"not used")
    assert open_folder(folder, frame_map=SAMPLINGS["every_7th_round"]).digest == first
    moved = folder.rename(tmp_path / "elsewhere")
    assert open_folder(moved, frame_map=SAMPLINGS["every_7th_round"]).digest == first
    (moved / "8.jpg").write_bytes(b"used")
    assert open_folder(moved, frame_map=SAMPLINGS["every_7th_round"]).digest != first


def test_pickles_small_and_whole(tmp_path):
    folder = write_pictures(tmp_path / "v", [1, 2, 5])
    video = open_folder(folder, events=(Event(Kind.MICRO, 0, 1, 2, ("4",)),))
    list(video.frames())  # caches do not travel
    again = pickle.loads(pickle.dumps(video))
    assert again == video
    assert values(again) == [1, 2, 2, 2, 5]
    names, _ = FrameNames.of([f"{n}.jpg" for n in range(16_000)])
    long = FrameFolder(subject="s", name="v", folder=folder, names=names, fps=30, frame_map=FrameMap())
    assert np.count_nonzero(long.present) == 16_000
    assert len(pickle.dumps(long)) < 1500
