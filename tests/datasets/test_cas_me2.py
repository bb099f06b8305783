from __future__ import annotations

import pytest

from spotlib.datasets.cas_me2 import load
from spotlib.datasets.conventions import Conventions
from spotlib.errors import SpotlibError
from tests.datasets.layouts_factory import cas2_table
from tests.datasets.pictures_factory import write_pictures

ROWS = [
    ("15_0101", 3, 5, 9, "macro"),
    ("15_0101", 12, 14, 0, "macro"),
    ("22_0503", 2, 3, 6, "micro"),
]


def write_video(source, name, n=40, picture="img{n:03d}.jpg", **kwargs):
    return write_pictures(source / f"s{name[:2]}" / name, range(1, n + 1), name=picture, **kwargs)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "CAS(ME)^2"
    for name in ("15_0101disgustingteeth", "22_0503unnyfarting", "22_0502funnyerrors"):
        write_video(root / "rawpic", name)
    cas2_table(root / "CAS(ME)^2code_final.xlsx", ROWS)
    return root


def test_loads_what_is_there(root):
    dataset, findings = load(root, Conventions())
    assert [video.name for video in dataset.videos] == ["15_0101", "22_0502", "22_0503"]
    assert dataset.subjects == ("s15", "s22")
    video = dataset.video("15_0101")
    assert (video.n_frames, video.fps) == (40, 30.0)
    assert [(e.onset, e.apex, e.offset) for e in video.events] == [(2, 4, 8), (11, 13, 31)]
    assert video.frame(2).shape == (12, 16, 3)
    assert round(float(video.frame(2).mean())) == 3  # picture img003 is frame 2
    assert dataset.video("22_0502").events == ()
    assert "missing-offset" in {finding.what for finding in findings}


@pytest.mark.parametrize(
    ("convention", "offset", "reachable"),
    [("onset_plus_20", 31, True), ("apex", 13, True), ("apex_plus_20", 33, True), ("keep_zero", 11, False)],
)
def test_conventions(root, convention, offset, reachable):
    dataset, _ = load(root, Conventions(missing_offset=convention))
    event = dataset.video("15_0101").events[1]
    assert (event.offset, event.reachable) == (offset, reachable)
    assert len(load(root, Conventions(missing_offset="drop"))[0].video("15_0101").events) == 1


@pytest.mark.parametrize("place", ["rawpic", "rawpic/s15", "rawpic/s15/15_0101disgustingteeth", ".."])
def test_root_may_be_a_little_off(root, place):
    dataset, _ = load(root / place, Conventions())
    assert len(dataset) == (1 if "s15" in place else 3)
    assert len(dataset.video("15_0101").events) == 2


def test_raw_pictures_are_preferred(root):
    for name in ("15_0101disgustingteeth", "22_0503unnyfarting"):
        write_video(root / "longVideoFaceCropped", name, picture="img_{n}.jpg", size=(8, 8))
    dataset, findings = load(root, Conventions())
    assert {video.size for video in dataset.videos} == {(12, 16)}
    (second,) = [finding for finding in findings if finding.what == "second-source"]
    assert second.message == "2 videos of longVideoFaceCropped are not used; 3 videos of rawpic are"


def test_cropped_pictures_are_taken_if_there_are_no_others(root):
    (root / "rawpic").rename(root / "longVideoFaceCropped")
    dataset, findings = load(root, Conventions())
    assert len(dataset) == 3
    assert "cropped-pictures" in {finding.what for finding in findings}
    inside, _ = load(root / "longVideoFaceCropped" / "s15", Conventions())
    assert len(inside) == 1


def test_other_spellings_of_a_folder(root):
    raw = root / "rawpic"
    (raw / "s15" / "15_0101disgustingteeth").rename(raw / "s15" / "015-0101 Disgusting teeth")
    (raw / "s22" / "22_0503unnyfarting").rename(raw / "22_0503funnyfarting")
    (raw / "notes_2019").mkdir()
    (raw / "12_2019").mkdir()
    dataset, _ = load(root, Conventions())
    assert [len(video.events) for video in dataset.videos] == [2, 0, 1]


def test_natural_order_and_stray_files(root):
    folder = root / "rawpic" / "s15" / "15_0101disgustingteeth"
    for n in range(1, 41):
        (folder / f"img{n:03d}.jpg").rename(folder / f"img_{n}.jpg")
    (folder / "desktop.ini").write_text("x")
    dataset, findings = load(root, Conventions())
    assert [round(float(frame.mean())) for frame in dataset.video("15_0101").frames()] == list(range(1, 41))
    assert "stray-files" in {finding.what for finding in findings}


def test_wrong_data_set_is_one_line(tmp_path):
    folder = tmp_path / "1" / "2" / "SAMM_longvideos"
    write_pictures(folder / "006_1", [1, 2], name="006_1_{n:04d}.jpg")
    with pytest.raises(SpotlibError, match="no cas_me2 here .*'006_1' looks like samm_lv"):
        load(folder, Conventions())
