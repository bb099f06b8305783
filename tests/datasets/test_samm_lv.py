from __future__ import annotations

import os

import pytest

from spotlib.datasets.conventions import Conventions
from spotlib.datasets.pictures import marked_synthetic
from spotlib.datasets.samm_lv import find, load
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from tests.datasets.layouts_factory import cas2_table, samm_table
from tests.datasets.pictures_factory import write_pictures

ROWS = [
    ("006_1_1", 15, 22, 50, "Macro"),
    ("006_1_2", 57, 60, 64, "Micro"),
    ("037_4_1", 8, -1, 29, "Macro"),
]


def write_video(pictures, name, n=70, **kwargs):
    return write_pictures(pictures / name, range(1, n + 1), name=name + "_{n:04d}.jpg", **kwargs)


@pytest.fixture
def root(tmp_path):
    """Three videos, one without events, and the table beside their folder, as unpacked."""
    root = tmp_path / "w" / "x" / "SAMM"  # the loader looks at three folders above: none of another test
    for name in ("006_1", "006_2", "037_4"):
        write_video(root / "SAMM_longvideos", name)
    samm_table(root / "SAMM_LongVideos_V2_Release.xlsx", ROWS)
    return root


def whats(findings):
    return sorted({finding.what for finding in findings if finding.severity != "note"})


def test_loads_what_is_there(root):
    dataset, findings = load(root, Conventions())
    assert (dataset.name, dataset.synthetic) == ("samm_lv", False)
    assert [video.name for video in dataset.videos] == ["006_1", "006_2", "037_4"]
    assert dataset.subjects == ("006", "037")
    video = dataset.video("006_1")
    assert (video.n_frames, video.fps) == (10, pytest.approx(200 / 7))
    assert [(e.kind, e.onset, e.apex, e.offset) for e in video.events] == [
        (Kind.MACRO, 2, 3, 7),
        (Kind.MICRO, 8, 8, 9),
    ]
    assert [round(float(frame.mean())) for frame in video.frames()] == [1, 8, 15, 22, 29, 36, 43, 50, 57, 64]
    assert video.frame(0).ndim == 2
    assert dataset.video("037_4").events[0].apex is None
    assert dataset.video("006_2").events == ()  # it counts for false alarms
    assert "no-annotation" in {finding.what for finding in findings}


def test_the_other_sampling(root):
    dataset, _ = load(root, Conventions(sampling="every_8th_floor"))
    video = dataset.video("006_1")
    assert (video.n_frames, video.fps) == (9, 25.0)
    assert [(e.onset, e.apex, e.offset) for e in video.events] == [(1, 2, 6), (7, 7, 7)]


@pytest.mark.parametrize("place", [".", "SAMM_longvideos", ".."])
def test_root_may_be_a_little_off(root, place):
    dataset, _ = load(root / place, Conventions())
    assert len(dataset) == 3
    assert sum(len(video.events) for video in dataset.videos) == 3


def test_any_depth_and_links(root, tmp_path):
    deep = tmp_path / "deep" / "a" / "b" / "c"
    deep.mkdir(parents=True)
    os.symlink(root, deep / "here")
    os.symlink(tmp_path / "deep", deep / "back")  # a circle
    dataset, _ = load(tmp_path / "deep", Conventions())
    assert len(dataset) == 3


def test_stray_files_are_ignored_and_reported(root):
    folder = root / "SAMM_longvideos" / "006_1"
    for name in ("Thumbs.db", "._006_1_0001.jpg", "006_2_0003.jpg"):
        (folder / name).write_bytes(b"x")
    dataset, findings = load(root, Conventions())
    assert dataset.video("006_1").n_frames == 10
    (stray,) = [finding for finding in findings if finding.what == "stray-files"]
    assert str(stray) == (
        "SAMM/SAMM_longvideos/006_1: 3 files are not pictures of this video and ignored:"
        " ._006_1_0001.jpg, 006_2_0003.jpg, Thumbs.db"
    )


def test_events_without_folder_are_lost_and_said(root):
    (root / "SAMM_longvideos" / "037_4").rename(root / "SAMM_longvideos" / "gone")
    dataset, findings = load(root, Conventions())
    assert [video.name for video in dataset.videos] == ["006_1", "006_2"]
    (lost,) = [finding for finding in findings if finding.what == "no-folder"]
    assert lost.severity == "loses"
    assert "no folder of pictures for video 037_4: 1 event" in lost.message
    assert lost.origin.row == 13


def test_a_folder_with_another_videos_pictures_is_not_used(root):
    folder = root / "SAMM_longvideos" / "006_1"
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("006_1", "007_1"))
    dataset, findings = load(root, Conventions())
    assert [video.name for video in dataset.videos] == ["006_2", "037_4"]
    assert whats(findings) == ["no-folder", "wrong-pictures"]


def test_an_empty_folder_is_a_finding(root):
    for path in (root / "SAMM_longvideos" / "006_2").iterdir():
        path.unlink()
    dataset, findings = load(root, Conventions())
    assert len(dataset) == 2
    assert whats(findings) == ["no-pictures"]


def test_a_second_copy_is_not_a_second_video(root):
    write_video(root / "backup", "006_1", 20)
    dataset, findings = load(root, Conventions())
    assert dataset.video("006_1").n_frames == 10
    (second,) = [finding for finding in findings if finding.what == "second-folder"]
    assert "SAMM/SAMM_longvideos/006_1 is" in second.message


def test_an_archive_unpacked_into_itself(root):
    pictures = root / "SAMM_longvideos"
    (pictures / "006_1").rename(pictures / "tmp")
    (pictures / "006_1").mkdir()
    (pictures / "tmp").rename(pictures / "006_1" / "006_1")
    dataset, _ = load(root, Conventions())
    assert dataset.video("006_1").folder.name == "006_1"
    assert dataset.video("006_1").n_frames == 10


def test_the_newest_table_is_used_and_the_others_named(root):
    samm_table(root / "a_first_version.xlsx", [("006_1_1", 15.4, 22, 50, "Macro"), *ROWS[1:]])
    cas2_table(root / "of_another_data_set.xlsx", [("15_0101", 3, 5, 9, "macro")])
    (root / "~$SAMM_LongVideos_V2_Release.xlsx").write_bytes(b"a lock file")
    found = find(root)
    assert [path.name for path in found.table_paths] == ["SAMM_LongVideos_V2_Release.xlsx"]
    said = {finding.what: finding.message for finding in found.findings}
    assert "SAMM_LongVideos_V2_Release.xlsx" in said["several-tables"]
    assert "not-the-table" in said
    given, _ = load(root, Conventions(), annotations=root / "a_first_version.xlsx")
    assert len(given) == 3


def test_gaps_and_an_event_that_nobody_can_see(root):
    folder = root / "SAMM_longvideos" / "006_1"
    for n in range(54, 66):
        (folder / f"006_1_{n:04d}.jpg").unlink()
    dataset, findings = load(root, Conventions())
    assert round(float(dataset.video("006_1").frame(9).mean())) == 50
    assert whats(findings) == ["unseen-event"]
    missing = next(finding for finding in findings if finding.what == "missing-pictures")
    assert missing.message == "2 of 10 pictures are missing, at most 2 in a row (57 to 64); the one before stands in"
    # the last picture, number 70, is not used by this sampling, but tells how long the video is


def test_rounding_at_the_end_is_no_finding(root):
    samm_table(root / "SAMM_LongVideos_V2_Release.xlsx", [("006_1_1", 15, 22, 69, "Macro"), *ROWS[1:]])
    dataset, findings = load(root, Conventions())
    assert dataset.video("006_1").events[0].offset == 9
    assert "past-end" not in {finding.what for finding in findings}
    samm_table(root / "SAMM_LongVideos_V2_Release.xlsx", [("006_1_1", 15, 22, 99, "Macro"), *ROWS[1:]])
    _, findings = load(root, Conventions())
    assert whats(findings) == ["past-end"]


def test_a_written_twin_is_synthetic(root):
    (root / "spotlib-twin.json").write_text('{"dataset": "samm_lv"}')
    assert load(root, Conventions())[0].synthetic
    assert load(root / "SAMM_longvideos", Conventions())[0].synthetic
    (root / "spotlib-twin.json").write_text('{"dataset": "cas_me2"}')
    assert not load(root, Conventions())[0].synthetic


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "nowhere", "nowhere: no such folder; give the folder into which the data set was unpacked"),
        (lambda p: _touch(p / "SAMM.zip"), "SAMM.zip: a file, not a folder; unpack it and give the folder"),
        (lambda p: _touch(p / "d" / "SAMM.zip").parent, "1 archives such as 'SAMM.zip': unpack them first"),
        (lambda p: write_pictures(p / "d", [1, 2]), "no samm_lv here; looked for folders such as 006_1 with pictures"),
        (
            lambda p: write_pictures(p / "d" / "s15" / "15_0101disgustingteeth", [1]).parent,
            "folder '15_0101disgustingteeth' looks like cas_me2",
        ),
        (lambda p: write_video(p / "d", "006_1", 3).parent, "no annotation table; looked for .xls and .xlsx files"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, make, message):
    inner = tmp_path / "1" / "2" / "3"
    inner.mkdir(parents=True)
    with pytest.raises(SpotlibError) as error:
        load(make(inner), Conventions())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_of_other_videos_is_one_line(root):
    samm_table(root / "SAMM_LongVideos_V2_Release.xlsx", [("009_1_1", 15, 22, 69, "Macro")])
    with pytest.raises(SpotlibError, match=r"none of its 3 videos \(006_1, 006_2\) has an event in the table"):
        load(root, Conventions())


def test_only_another_data_sets_table_is_one_line(root):
    cas2_table(root / "SAMM_LongVideos_V2_Release.xlsx", [("15_0101", 3, 5, 9, "macro")])
    with pytest.raises(
        SpotlibError, match=r"no annotation table; .*looks like .* of CAS\(ME\)\^2.*; give it with --ann"
    ):
        load(root, Conventions())


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_marked_pictures_are_synthetic_wherever_they_lie_and_never_mixed(root):
    folders = sorted(path for path in (root / "SAMM_longvideos").iterdir() if path.is_dir())
    for folder in folders[1:]:
        for path in folder.glob("*.jpg"):
            path.write_bytes(marked_synthetic(path.read_bytes()))
    with pytest.raises(SpotlibError, match="pictures of a synthetic twin .* lie among others .*; move one"):
        load(root, Conventions())
    for path in folders[0].glob("*.jpg"):
        path.write_bytes(marked_synthetic(path.read_bytes()))
    assert load(root, Conventions())[0].synthetic
