from __future__ import annotations

import dataclasses
import gc
import hashlib
import pickle
import subprocess
import sys
import weakref

import cv2
import numpy as np
import pytest

from spotlib.actor.asset import load_head
from spotlib.actor.face import Actor
from spotlib.actor.pose import Pose
from spotlib.datasets import Dataset, Video, events_table
from spotlib.datasets.schedule import Slot
from spotlib.datasets.script import Cue, Script
from spotlib.datasets.specs import DEMO, SPECS, get_spec
from spotlib.datasets.twin import TwinVideo, make_twin
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind

SMALL = {"subjects": 2, "videos_per_subject": 1, "seconds": 8.0, "size": (120, 160)}
NEVER = (1e5, 1e6)
STILL = {
    "blink_gap": NEVER, "gaze_gap": NEVER, "gaze_range": 0.0, "head_rotation": 0.0, "head_shift": 0.0,
    "turn_gap": NEVER, "breathing": 0.0, "swallow_gap": NEVER, "talking": 0.0, "light_drift": 0.0,
    "flicker": 0.0, "noise": 0.0, "jpeg_quality": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def small() -> Dataset:
    return make_twin("demo", seed=7, **SMALL)


@pytest.fixture(scope="module")
def demo() -> Dataset:
    return make_twin("demo", seed=270)


def twin_video(dataset: Dataset, index: int = 0) -> TwinVideo:
    video = dataset.videos[index]
    assert isinstance(video, TwinVideo)
    return video


# --- specs and names ---


def test_unknown_names_get_the_nearest_known_one():
    with pytest.raises(SpotlibError, match=r"unknown data set 'dmeo'; did you mean 'demo'\?"):
        make_twin("dmeo")
    with pytest.raises(SpotlibError, match="unknown parameter 'head_rotatoin'; did you mean 'head_rotation'"):
        make_twin("demo", head_rotatoin=2)
    with pytest.raises(SpotlibError, match="unknown data set 'xyz'; known are cas_me2, cas_me3, demo, samm_lv"):
        get_spec("xyz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"talking": 0.9}, "twin demo: talking is 0.9, expected 0 to 0.6; correct it"),
        (
            {"micro_size": (0.02, 0.01)},
            r"twin demo: micro_size is \(0.02, 0.01\), expected 0 to 0.1, the lower end first; correct it",
        ),
        ({"subjects": 0}, "twin demo: subjects is 0, expected 1 to 1000; correct it"),
    ],
)
def test_impossible_values_are_refused(changes: dict, message: str):
    with pytest.raises(SpotlibError, match=message):
        make_twin("demo", **changes)


def test_every_number_of_a_spec_has_a_limit():
    changed = {f.name: -1 for f in dataclasses.fields(DEMO) if isinstance(getattr(DEMO, f.name), int | float | tuple)}
    for name in {*changed, "face_width"} - {"grey"}:
        with pytest.raises(SpotlibError, match=name):
            DEMO.changed(**{name: -1})


def test_twins_have_as_many_videos_as_their_models():
    for name, subjects, videos in (("samm_lv", 30, 147), ("cas_me2", 22, 97), ("cas_me3", 98, 956)):
        twin = make_twin(name)
        assert len(twin) == videos
        assert len(twin.subjects) == subjects
        assert twin.synthetic
    assert SPECS["samm_lv"].grey
    assert SPECS["samm_lv"].fps == 200


def test_shorter_videos_have_fewer_events():
    assert DEMO.changed(seconds=20.0) == DEMO
    short = DEMO.changed(seconds=8.0)
    assert short.micro_per_video == (1, 2)
    assert short.macro_per_video == (1, 2)
    assert DEMO.changed(seconds=8.0, micro_per_video=(3, 3)).micro_per_video == (3, 3)
    halved = SPECS["cas_me2"].changed(seconds=SPECS["cas_me2"].seconds / 2)
    assert halved.macro_per_video == pytest.approx(150 / 97)


# --- the demo's content ---


def test_demo_has_what_it_promises(demo: Dataset):
    assert len(demo) == 40
    assert demo.subjects == tuple(f"s{k:02d}" for k in range(1, 21))
    for video in demo.videos:
        kinds = [event.kind for event in video.events]
        assert 3 <= kinds.count(Kind.MICRO) <= 5
        assert 2 <= kinds.count(Kind.MACRO) <= 4
        assert video.n_frames == 600
        assert video.fps == 30.0


def test_sizes_and_visibility_of_the_demo(demo: Dataset):
    seen = [v for video in demo.videos for v in twin_video(demo, demo.videos.index(video)).event_visibility]
    micro = [v for v in seen if v.event.kind is Kind.MICRO]
    macro = [v for v in seen if v.event.kind is Kind.MACRO]
    assert 0.0029 < min(v.face_share for v in micro) < 0.006
    assert 0.012 < max(v.face_share for v in micro) < 0.0151
    assert 0.015 < min(v.face_share for v in macro) < 0.03
    assert 0.07 < max(v.face_share for v in macro) < 0.101
    hidden = np.mean([v.node_share < 0.0025 for v in micro])
    assert hidden <= 0.05
    plain = make_twin("demo", seed=270, min_visible=0.0, coupling=(0.0, 0.0))
    low = [v.node_share for k in range(40) for v in twin_video(plain, k).event_visibility if v.event.kind is Kind.MICRO]
    assert np.mean(np.array(low) < 0.0025) > 0.15  # so the rule above does something


def test_visibility_is_what_the_projected_vertices_do(demo: Dataset):
    video = twin_video(demo)
    for shown, seen in zip(video.expressions, video.event_visibility, strict=True):
        moved = video.actor.landmarks(shown.weights, Pose()) - video.actor.landmarks(np.zeros(52), Pose())
        assert np.linalg.norm(moved, axis=1).max() == pytest.approx(seen.face_px, rel=0.03)


def test_expressions_move_the_face_between_onset_and_offset_only(demo: Dataset):
    for video in demo.videos[:6]:
        assert isinstance(video, TwinVideo)
        inside = np.zeros(video.n_frames, dtype=bool)
        for event in video.events:
            inside[event.onset : event.offset + 1] = True
        moving = video.event_weights.max(axis=1) > 0
        assert (moving == inside).all()
        assert video.weights.max() <= 1.0


def test_the_demo_is_what_it_was(demo: Dataset):
    """Results that people have computed from the demo stay good. If this fails on purpose, raise CONTENT_VERSION."""
    assert demo.digest == "2c9b530533177c3948cba24bd5177aec246c0cc15548443cb0274573d9902c46"
    assert demo.videos[0].events[0] == Event(Kind.MICRO, 41, 47, 56, ("2",), "right")


def test_people_do_not_depend_on_how_many_there_are(demo: Dataset):
    few = make_twin("demo", seed=270, subjects=2, talking=0.2)
    assert twin_video(few, 2).identity == twin_video(demo, 2).identity
    assert few.videos[2].events == demo.videos[2].events
    assert make_twin("demo", seed=271).videos[2].events != demo.videos[2].events
    assert twin_video(demo, 0).identity != twin_video(demo, 2).identity
    assert twin_video(demo, 2).identity == twin_video(demo, 3).identity


# --- frames ---


def test_frames_are_the_same_in_any_order(small: Dataset):
    video = twin_video(small)
    run = [next(video.frames(start=k)) for k in (5, 6, 7)]
    assert run[0].shape == (120, 160, 3)
    assert run[0].dtype == np.uint8
    for index in (7, 5, 6):
        assert (video.frame(index) == run[index - 5]).all()
    copy = pickle.loads(pickle.dumps(video))
    assert copy == video
    assert (copy.frame(6) == run[1]).all()
    assert (video.frame(60) != run[0]).any()


def test_frames_are_the_same_in_another_process(small: Dataset):
    code = (
        "import hashlib; from spotlib.datasets.twin import make_twin;"
        f"frame = make_twin('demo', seed=7, **{SMALL!r}).videos[1].frame(33);"
        "print(hashlib.sha256(frame.tobytes()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(small.videos[1].frame(33).tobytes()).hexdigest()


def test_frames_iterates_to_the_end(small: Dataset):
    video = twin_video(small)
    assert len(list(video.frames(start=video.n_frames - 2))) == 2
    with pytest.raises(SpotlibError, match="s01_1: no frame 240; it has frames 0 to 239"):
        video.frame(240)


def test_a_still_face_moves_with_its_events_only():
    video = twin_video(make_twin("demo", seed=7, **SMALL, **STILL))
    assert video.distractor_log == ()
    event = next(e for e in video.events if e.kind is Kind.MACRO)
    rest = video.frame(0)
    assert (video.frame(event.onset - 1) == rest).all()
    assert (video.frame(event.offset + 1) == rest).all()
    assert event.apex is not None
    assert (video.frame(event.apex) != rest).any()


def test_jpeg_files_hold_just_the_frames(small: Dataset):
    video = twin_video(small)
    coded = np.frombuffer(video.jpeg(9), np.uint8)
    assert (cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB) == video.frame(9)).all()
    bare = twin_video(make_twin("demo", seed=7, **SMALL, jpeg_quality=None))
    with pytest.raises(SpotlibError, match="this camera writes no JPEG"):
        bare.jpeg(9)


def test_grey_frames_have_two_dimensions():
    video = twin_video(make_twin("samm_lv", seed=1, subjects=1, seconds=2.0, size=(120, 160)))
    assert video.frame(3).shape == (120, 160)
    assert isinstance(video, Video)


def test_actors_do_not_pile_up():
    dataset = make_twin("demo", seed=9, **(SMALL | {"subjects": 5}))
    known = []
    gc.disable()  # an actor that has been photographed must go without the garbage collector's help
    try:
        for index in range(len(dataset)):
            video = twin_video(dataset, index)
            video.frame(0)
            known.append(weakref.ref(video.actor))
        assert sum(ref() is not None for ref in known) <= 2
    finally:
        gc.enable()


# --- scripts ---


def scripted(*cues: Cue, n_frames: int = 90) -> TwinVideo:
    script = Script(subject="s15", video="15_0101", n_frames=n_frames, cues=cues, records=())
    return TwinVideo(DEMO.changed(size=(120, 160)), 3, 0, 0, script)


def test_a_script_is_played_and_not_drawn():
    told = Cue(slot=Slot(Kind.MACRO, 20, 30, 50), aus=("12", "25"), side="both", note="without AU 38")
    drawn = Cue(slot=Slot(Kind.MICRO, 60, 64, 70), side="right")
    video = scripted(told, drawn)
    assert (video.subject, video.name, video.n_frames) == ("s15", "15_0101", 90)
    first, second = video.events
    assert first == Event(Kind.MACRO, 20, 30, 50, ("12", "25"), "both", note="without AU 38")
    assert (second.onset, second.apex, second.offset, second.side) == (60, 64, 70, "right")
    assert set(second.aus) <= set(DEMO.statistics.micro_aus)
    inside = video.event_weights.max(axis=1) > 0
    assert inside[20:51].all()
    assert not inside[:20].any()
    right = video.event_weights[64]
    assert right[[k for k, name in enumerate(load_head().unit_names) if name.endswith("Left")]].max() == 0.0


def test_a_script_is_part_of_the_digest_and_travels_with_the_video():
    cue = Cue(slot=Slot(Kind.MACRO, 20, 30, 50), aus=("12",))
    video = scripted(cue)
    assert pickle.loads(pickle.dumps(video)) == video
    others = [
        TwinVideo(video.spec, 3, 0, 0),
        scripted(cue, n_frames=91),
        scripted(dataclasses.replace(cue, aus=("4",))),
        scripted(dataclasses.replace(cue, side="left")),
    ]
    assert len({video.digest, *(other.digest for other in others)}) == 5
    assert scripted(dataclasses.replace(cue, note="x")).digest == video.digest  # notes are not seen


# --- truth ---


def test_node_motion_is_the_difference_of_exact_landmarks(small: Dataset):
    video = twin_video(small)
    np.testing.assert_array_equal(video.node_motion(10, 25), video.landmarks(25) - video.landmarks(10))
    assert np.abs(video.node_motion(10, 10)).max() == 0.0
    assert video.node_motion(0, 100).shape == (68, 2)
    assert video.weights.shape == (240, 52)
    assert {entry.kind for entry in video.distractor_log} <= {"blink", "gaze", "turn", "swallow", "talking"}


def test_landmarks_follow_the_pose(small: Dataset):
    video = twin_video(small)
    head = video.distractors.head[50]
    pose = video.pose(50)
    assert [pose.yaw, pose.pitch, pose.roll, pose.tx, pose.ty, pose.scale] == head.tolist()
    np.testing.assert_array_equal(video.landmarks(50), video.actor.landmarks(video.weights[50], pose))


def test_digest_follows_the_content_and_needs_no_picture(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendered")

    monkeypatch.setattr(Actor, "render", refuse)
    base = make_twin("demo", seed=7, **SMALL)
    same = make_twin("demo", seed=7, **(SMALL | {"subjects": 5}))
    assert base.videos[0].digest == same.videos[0].digest
    assert base.digest != same.digest
    others = [
        base.videos[1].digest,
        make_twin("demo", seed=8, **SMALL).videos[0].digest,
        *(
            make_twin("demo", seed=7, **SMALL, **changes).videos[0].digest
            for changes in ({"talking": 0.1}, {"noise": 2.0}, {"jpeg_quality": None}, {"fps": 25.0})
        ),
    ]
    assert len({base.videos[0].digest, *others}) == len(others) + 1


# --- data set ---


def test_events_table_has_one_row_per_event(demo: Dataset):
    table = events_table(demo)
    assert list(table.columns) == [
        "subject", "video", "kind", "onset", "apex", "offset", "aus", "side", "note", "n_frames", "fps",
    ]  # fmt: skip
    assert len(table) == sum(len(video.events) for video in demo.videos)
    first = demo.videos[0].events[0]
    row = table.iloc[0]
    assert (row.subject, row.video, row.kind) == ("s01", "s01_1", str(first.kind))
    assert (row.onset, row.apex, row.offset, row.aus) == (
        first.onset,
        first.apex,
        first.offset,
        "+".join(first.aus),
    )
    assert str(table.apex.dtype) == "Int64"
    assert (table.onset < table.apex).all()
    assert (table.apex < table.offset).all()
    assert events_table(Dataset("empty", True, ())).empty


def test_dataset_finds_its_videos(demo: Dataset):
    assert demo.video("s03_2").subject == "s03"
    assert [video.name for video in demo.of({"s02", "s20"})] == ["s02_1", "s02_2", "s20_1", "s20_2"]
    with pytest.raises(SpotlibError, match="demo has no video 's99_1'; its 40 begin with s01_1, s01_2, s02_1"):
        demo.video("s99_1")
    with pytest.raises(SpotlibError, match="demo: two videos are called 's01_1'; rename one of them"):
        Dataset("demo", True, (demo.videos[0], demo.videos[0]))


def test_natural_order_of_many_subjects():
    assert make_twin("demo", subjects=101).subjects[-3:] == ("s99", "s100", "s101")
