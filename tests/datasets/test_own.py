from __future__ import annotations

import pickle

import pytest

from spotlib.datasets.base import Video
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.own import load
from spotlib.errors import SpotlibError
from spotlib.swmro import grey_frames
from tests.datasets.pictures_factory import cut_off, write_pictures
from tests.test_video import number, write_video

TABLE = "subject,video,kind,onset,apex,offset\n"


@pytest.fixture
def root(tmp_path):
    """A film, a folder of pictures, and a film without events."""
    videos = tmp_path / "mine" / "videos"
    videos.mkdir(parents=True)
    write_video(videos / "anna.mp4", n=20)
    write_video(videos / "carl.avi", n=12)
    write_pictures(videos / "bert", range(10), name="{n:06d}.jpg")
    rows = "A,anna,macro,3,8,15\nA,anna,micro,16,,19\nB,bert,micro,2,3,4\n"
    (tmp_path / "mine" / "events.csv").write_text(TABLE + rows)
    return tmp_path / "mine"


def test_loads_what_is_there(root):
    dataset, findings = load(root, Conventions())
    assert (dataset.name, dataset.synthetic) == ("own", False)
    assert [(v.subject, v.name, v.n_frames, len(v.events)) for v in dataset.videos] == [
        ("A", "anna", 20, 2),
        ("B", "bert", 10, 1),
        ("carl", "carl", 12, 0),
    ]
    assert all(isinstance(video, Video) for video in dataset.videos)
    assert [str(finding) for finding in findings] == ["videos/carl.avi: no row of the table; kept, without events"]
    anna, bert = dataset.video("anna"), dataset.video("bert")
    assert (anna.fps, bert.fps) == (pytest.approx(25), 30)
    assert [number(frame) for frame in anna.frames(17)] == [17, 18, 19]
    assert number(anna.frame(5)) == 5
    assert [round(float(frame.mean())) for frame in bert.frames(7)] == [7, 8, 9]
    assert anna.events[1].apex is None
    assert [len(list(grey_frames(video))) for video in dataset.videos] == [20, 10, 12]  # as the extractor reads them


def test_rates_of_the_table_resample(root):
    (root / "events.csv").write_text(TABLE.replace("\n", ",fps\n") + "A,anna,macro,3,5,7,12.5\nB,bert,micro,2,3,4,60\n")
    dataset, _ = load(root, Conventions())
    assert (dataset.video("anna").fps, dataset.video("anna").n_frames) == (12.5, 10)
    assert (dataset.video("bert").fps, dataset.video("bert").n_frames) == (60, 10)


def test_a_variable_rate_says_what_to_write(root):
    times = [0.04 * i if i < 10 else 0.4 + 0.08 * (i - 10) for i in range(20)]
    write_video(root / "videos" / "anna.mp4", times=times)
    with pytest.raises(SpotlibError, match=r"anna.mp4: variable frame rate .*; give its rows in events.csv an fps"):
        load(root, Conventions())


def test_what_does_not_fit_is_found(root):
    rows = "A,anna.mp4,macro,3,8,25\nA,anna.mp4,micro,20,21,25\nD,dora,macro,1,2,3\n"
    (root / "events.csv").write_text(TABLE + rows)
    (root / "videos" / "notes.txt").write_text("x")
    dataset, findings = load(root, Conventions())
    (event,) = dataset.video("anna").events
    assert (event.onset, event.apex, event.offset) == (3, 8, 19)
    assert {(finding.severity, finding.what) for finding in findings} == {
        ("changes", "past-end"),
        ("loses", "past-end"),
        ("loses", "no-folder"),
        ("note", "no-annotation"),
        ("note", "stray-files"),
    }
    assert "events.csv: no video 'dora' in videos: its 1 event is not used" in map(str, findings)


def test_another_length_than_the_table_says(root):
    (root / "events.csv").write_text(TABLE.replace("\n", ",n_frames\n") + "A,anna,macro,3,5,7,21\n")
    _, findings = load(root, Conventions())
    assert [f.message for f in findings if f.what == "other-length"] == [
        "20 frames, but n_frames in the table is 21: its frames may mean others"
    ]


def test_digest_and_pickle(root):
    dataset, _ = load(root, Conventions())
    digests = [video.digest for video in dataset.videos]
    (root / "events.csv").write_text(TABLE + "A,anna,macro,4,8,15\n")
    again, _ = load(root, Conventions())
    assert {video.name: video.digest for video in again.videos} == dict(
        zip([video.name for video in dataset.videos], digests, strict=True)
    )
    travelled = pickle.loads(pickle.dumps(dataset.video("anna")))
    assert travelled == dataset.video("anna")
    assert number(travelled.frame(2)) == 2
    cut_off(root / "videos" / "bert" / "000003.jpg", 0.9)
    assert load(root, Conventions())[0].video("bert").digest != digests[1]


def test_a_damaged_picture_is_one_line(root):
    cut_off(root / "videos" / "bert" / "000003.jpg")
    bert = load(root, Conventions())[0].video("bert")
    with pytest.raises(SpotlibError, match=r"bert/000003.jpg: cut off.*; replace it"):
        list(bert.frames())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: (r / "events.csv").unlink(), "events.csv: no such table; write one row an event under video,kind"),
        (lambda r: (r / "videos").rename(r / "films"), "mine: no folder 'videos' in it"),
        (lambda r: (r / "events.csv").write_text(TABLE + "D,dora,macro,1,2,3\n"), "none of its videos is in"),
        (lambda r: write_video(r / "videos" / "anna.mkv"), "anna.mp4: anna.mkv has the same name; rename one"),
        (lambda r: [p.rename(r / p.name) for p in (r / "videos").iterdir()], "videos: no video in it; put video files"),
    ],
)
def test_what_is_wrong_is_one_line(root, spoil, message):
    spoil(root)
    with pytest.raises(SpotlibError) as error:
        load(root, Conventions())
    assert message in str(error.value)


def test_a_written_twin_is_synthetic(root):
    (root / "spotlib-twin.json").write_text("{}")
    assert load(root, Conventions())[0].synthetic
