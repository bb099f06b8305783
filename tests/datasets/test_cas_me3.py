from __future__ import annotations

import pytest

from spotlib.datasets.cas_me3 import load
from spotlib.datasets.conventions import Conventions
from spotlib.errors import SpotlibError
from tests.datasets.layouts_factory import cas3_table, cas3_table_c
from tests.datasets.pictures_factory import write_pictures

ROWS = [
    ("spNO.1", "a", 20, 25, 30, "Macro"),
    ("spNO.1", "A", 40, 44, 50, "Micro"),
    ("spNO.3", "J", 12, 14, 60, "Micro"),
    ("spNO.3", "J", 8, 14, 30, "Macro"),
]


def write_video(data, subject, letter, numbers=range(7, 71)):
    write_pictures(data / subject / letter / "depth", numbers, name="{n}.png", size=(6, 6))
    return write_pictures(data / subject / letter / "color", numbers)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "CAS(ME)^3"
    data = root / "part_A" / "data" / "part_A"
    write_video(data, "spNO.1", "a", [n for n in range(7, 71) if n not in (9, 45)])
    write_video(data, "spNO.1", "b")
    write_video(data, "spNO.3", "J")
    cas3_table(root / "part_A" / "annotation" / "cas(me)3_part_A_v2.xls", ROWS)
    return root


def test_loads_what_is_there(root):
    dataset, findings = load(root, Conventions())
    assert [video.name for video in dataset.videos] == ["spNO.1_a", "spNO.1_b", "spNO.3_j"]
    assert dataset.subjects == ("spNO.1", "spNO.3")
    video = dataset.video("spNO.1_a")
    assert (video.n_frames, video.fps, video.size) == (64, 30.0, (12, 16))
    # frame 0 is the picture with the lowest number, 7
    assert [(e.onset, e.apex, e.offset) for e in video.events] == [(13, 18, 23), (33, 37, 43)]
    shown = [round(float(frame.mean())) for frame in video.frames()]
    assert shown[:4] == [7, 8, 8, 10]
    assert shown[13] == 20
    assert dataset.video("spNO.1_b").events == ()
    missing = [finding for finding in findings if finding.what == "missing-pictures"]
    assert [finding.message for finding in missing] == [
        "2 of 64 pictures are missing, at most 1 in a row (9 to 9); the one before stands in"
    ]


def test_the_length_rule(root):
    assert len(load(root, Conventions())[0].video("spNO.3_j").events) == 1
    assert len(load(root, Conventions(max_micro=None))[0].video("spNO.3_j").events) == 2


def test_a_convention_may_leave_no_event(root):
    dataset, findings = load(root, Conventions(max_micro=1, max_macro=1))
    assert sum(len(video.events) for video in dataset.videos) == 0
    said = [str(finding) for finding in findings if finding.what == "no-event-left"]
    assert len(said) == 1
    assert "no event is left under max_micro = 1, max_macro = 1" in said[0]


@pytest.mark.parametrize("place", ["part_A", "part_A/data", "part_A/data/part_A", "part_A/data/part_A/spNO.1", ".."])
def test_root_may_be_a_little_off(root, place):
    dataset, _ = load(root / place, Conventions())
    assert len(dataset) == (2 if "spNO" in place else 3)
    assert len(dataset.video("spNO.1_a").events) == 2


def test_the_list_of_damaged_pictures_is_honoured(root):
    color = root / "part_A" / "data" / "part_A" / "spNO.3" / "J" / "color"
    (color / "20.jpg").write_bytes(b"the image cannot open")
    lines = ["spNO.3 J 20.jpg  the image cannot open", "spNO.3 J 21.jpg  the image cannot open", "", "see the paper"]
    (root / "part_A" / "error_info_damaged_image_partA.txt").write_text("\n".join(lines))
    dataset, findings = load(root, Conventions())
    video = dataset.video("spNO.3_j")
    assert [round(float(video.frame(i).mean())) for i in range(12, 16)] == [19, 19, 19, 22]
    assert video.damaged == {}  # not even opened
    said = {finding.what: finding.message for finding in findings}
    assert said["listed-as-damaged"] == "2 pictures are listed as damaged and not read (20 to 21)"
    assert said["damaged-list"].startswith("1 of 4 lines")


def test_pictures_directly_in_the_video_folder(root):
    data = root / "part_A" / "data" / "part_A"
    for path in (data / "spNO.1" / "b" / "color").iterdir():
        path.rename(data / "spNO.1" / "b" / path.name)
    (data / "spNO.1" / "b" / "color").rmdir()
    (data / "spNO.3" / "J" / "color").rename(data / "spNO.3" / "J" / "Color")
    (data / "spNO.3").rename(data / "spNO3")
    dataset, _ = load(root, Conventions())
    assert [video.n_frames for video in dataset.videos] == [64, 64, 64]
    assert dataset.subjects == ("spNO.1", "spNO.3")


@pytest.mark.parametrize("name", ["part_C/data/part_C/{n}/color", "Part C/spNO.{n}", "part_C/sub{n}/a/color"])
def test_part_c(root, name):
    for n in (1, 2):
        write_pictures(root / name.format(n=n), range(5, 60))
    cas3_table_c(root / "part_C" / "CAS(ME)3_part_C_ME.xlsx", [(1, 10, 20), (1, 30, 60), (2, 12, 15)])
    dataset, findings = load(root, Conventions(), part="C")
    assert [video.name for video in dataset.videos] == ["C1", "C2"]
    assert [(e.onset, e.apex, e.offset) for e in dataset.video("C1").events] == [(5, None, 15)]
    assert not [finding for finding in findings if finding.severity == "loses"]
    assert len(load(root, Conventions())[0]) == 3  # part A is still part A


def test_part_c_where_only_part_a_is(root):
    with pytest.raises(SpotlibError, match="no cas_me3 here; .*; part_A is there: say --part A for it"):
        load(root, Conventions(), part="C")


def test_unknown_part(root):
    with pytest.raises(SpotlibError, match="cas_me3: part is 'B'; give A, or C"):
        load(root, Conventions(), part="B")
