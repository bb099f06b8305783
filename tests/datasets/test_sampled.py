from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from spotlib.datasets.annotator import records
from spotlib.datasets.base import Video
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.sampled import AnnotatedTwin
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_dataset import load_twin, twin_videos
from spotlib.datasets.twin_files import file_plan
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

SMALL = {"subjects": 2, "videos_per_subject": 2, "seconds": 4.0, "size": (64, 86), "macro_per_video": 2.0}


def first(name: str, conventions: Conventions | None = None, part: str = "A", **changes) -> AnnotatedTwin:
    video = load_twin(name, seed=5, conventions=conventions, part=part, **(SMALL | changes)).videos[0]
    assert isinstance(video, AnnotatedTwin)
    return video


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The source frames that were rendered, instead of rendering them."""
    asked: list[int] = []

    def frame(self: TwinVideo, index: int) -> np.ndarray:
        asked.append(index)
        return np.full((4, 4) if self.spec.grey else (4, 4, 3), index % 256, dtype=np.uint8)

    monkeypatch.setattr(TwinVideo, "frame", frame)
    return asked


def test_names_and_sizes_of_the_whole_twins():
    for name, people, videos in (("samm_lv", 30, 147), ("cas_me2", 22, 97), ("cas_me3", 98, 956)):
        twin = load_twin(name)
        assert (twin.name, twin.synthetic, len(twin.subjects), len(twin)) == (name, True, people, videos)
        assert isinstance(twin.videos[0], Video)
    assert load_twin("samm_lv").subjects[:2] == ("006", "007")
    assert len(load_twin("cas_me3", part="C").subjects) == 30


def test_samm_frames_are_every_7th_or_8th_of_the_recording(rendered: list[int]):
    for sampling, step, fps in (("every_7th_round", 7, 200 / 7), ("every_8th_floor", 8, 25.0)):
        video = first("samm_lv", Conventions(sampling=sampling))
        assert video.fps == pytest.approx(fps)
        assert video.n_frames == -(-video.twin.n_frames // step)
        assert video.source_frame(3) == 3 * step
        rendered.clear()
        assert video.frame(5)[0, 0] == 5 * step
        assert rendered == [5 * step]  # and nothing in between


def test_held_pictures_are_those_before_and_rendered_once(rendered: list[int]):
    video = first("cas_me3")
    plan = file_plan(video.twin, "cas_me3")
    there = set(plan.numbers.tolist()) - set(plan.damaged)
    shown = -1
    for index in range(video.n_frames):
        shown = index if index + plan.first in there else shown
        assert video.source_frame(index) == shown
    assert len(set(video.sources.tolist())) == len(there) < video.n_frames
    frames = list(video.frames(start=2))
    assert len(frames) == video.n_frames - 2
    assert len(rendered) == len(set(rendered)) == len(set(video.sources[2:].tolist()))
    assert all((frames[k] == video.frame(k + 2)).all() for k in range(0, len(frames), 7))


def test_a_frame_is_that_of_the_recording():
    video = first("samm_lv", seconds=1.0)
    assert (video.frame(4) == video.twin.frame(28)).all()
    assert video.frame(4).shape == (64, 86)
    assert first("cas_me2", seconds=1.0).frame(4).shape == (64, 86, 3)


def test_unknown_frames_are_refused():
    video = first("cas_me2")
    with pytest.raises(SpotlibError, match=f"15_0101: no frame {video.n_frames}; it has frames 0 to"):
        video.frame(video.n_frames)


def test_events_follow_the_conventions():
    keep, drop = (
        load_twin("cas_me2", seed=1, conventions=Conventions(missing_offset=m)) for m in ("keep_zero", "drop")
    )
    lost = sum(r.offset is None for v in twin_videos("cas_me2", seed=1) for r in records(v, "cas_me2"))
    count = [sum(len(video.events) for video in twin.videos) for twin in (keep, drop)]
    assert lost > 20
    assert count[0] - count[1] == lost
    assert sum(not event.reachable for video in keep.videos for event in video.events) == lost


def test_the_length_rule_shortens_cas_me3():
    ruled = load_twin("cas_me3", seed=1, subjects=8)
    free = load_twin("cas_me3", seed=1, subjects=8, conventions=Conventions(max_micro=None, max_macro=None))
    share = {}
    for kind in Kind:
        n = [sum(e.kind is kind for v in twin.videos for e in v.events) for twin in (ruled, free)]
        share[kind] = n[0] / n[1]
    assert share[Kind.MACRO] == pytest.approx(2364 / 3346, abs=0.08)
    assert share[Kind.MICRO] == pytest.approx(288 / 860, abs=0.1)
    video = next(v for v in ruled.videos if isinstance(v, AnnotatedTwin) and len(v.events) < len(v.true_events))
    assert {finding.what for finding in video.findings} == {"too-long"}


def test_annotated_events_are_the_true_ones_where_nothing_is_missing():
    for name, part in (("samm_lv", "A"), ("cas_me3", "A")):
        free = Conventions(max_micro=None, max_macro=None)
        for video in load_twin(name, seed=2, subjects=3, conventions=free, part=part).videos:
            assert isinstance(video, AnnotatedTwin)
            exact = {(e.kind, e.onset, e.apex, e.offset, e.aus, e.side) for e in video.true_events}
            for event in video.events:
                if event.apex is not None and event.onset > 0:
                    assert (event.kind, event.onset, event.apex, event.offset, event.aus, event.side) in exact
                assert event.offset < video.n_frames


def test_truth_is_that_of_the_frames_shown():
    video = first("samm_lv")
    twin = video.twin
    np.testing.assert_array_equal(video.landmarks(6), twin.landmarks(42))
    np.testing.assert_array_equal(video.node_motion(2, 9), twin.node_motion(14, 63))
    assert video.pose(6) == twin.pose(42)
    assert video.light(6) == twin.light(42)
    assert video.weights.shape == (video.n_frames, 52)
    np.testing.assert_array_equal(video.event_weights[7], twin.event_weights[49])
    assert video.identity == twin.identity
    assert len(video.distractor_log) == len(twin.distractor_log)
    for own, source in zip(video.distractor_log, twin.distractor_log, strict=True):
        assert abs(7 * own.onset - source.onset) <= 7
        assert own.onset <= own.offset < video.n_frames


def test_every_event_knows_the_expression_behind_it():
    for video in load_twin("cas_me2", seed=1, conventions=Conventions(missing_offset="keep_zero")).videos[:40]:
        assert isinstance(video, AnnotatedTwin)
        assert len(video.event_visibility) == len(video.events)
        shown = {(v.event.aus, v.node_share) for v in video.twin.event_visibility}
        for event, seen in zip(video.events, video.event_visibility, strict=True):
            assert seen.event is event
            assert (event.aus, seen.node_share) in shown


def test_digest_follows_pictures_and_sampling_but_not_conventions():
    base = first("samm_lv").digest
    assert first("samm_lv", Conventions(unknown_onset="drop", unknown_apex="drop")).digest == base
    assert first("samm_lv", Conventions(sampling="every_8th_floor")).digest != base
    assert first("samm_lv", talking=0.2).digest != base
    assert first("samm_lv", subjects=1).digest == base


def test_videos_travel_light():
    video = first("cas_me3")
    assert video.events is video.events
    packed = pickle.dumps(video)
    assert len(packed) < 4000
    again = pickle.loads(packed)
    assert again == video
    assert (again.events, again.digest) == (video.events, video.digest)
    assert dataclasses.replace(video, conventions=Conventions(max_macro=None)) != video


def test_bad_requests():
    with pytest.raises(SpotlibError, match=r"unknown data set 'cas_me'; did you mean 'cas_me"):
        load_twin("cas_me")
    with pytest.raises(SpotlibError, match="cas_me2: names for at most 70 people with 9 videos each"):
        load_twin("cas_me2", videos_per_subject=12)
    with pytest.raises(
        SpotlibError, match="demo: no real data set is like this twin; choose samm_lv, cas_me2, cas_me3"
    ):
        load_twin("demo")
