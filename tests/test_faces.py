"""Face tracking on rendered faces and real clips."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spotlib.actor.pose import Pose
from spotlib.errors import SpotlibError
from spotlib.faces import FaceTracker, LandmarkSmoother, detect_whole, face_box, gaps, predict, track
from spotlib.intervals import Interval
from spotlib.video import open_video
from tests.real_clips import real_clip
from tests.scenes import moving_scene, scene


def empty(like: np.ndarray) -> np.ndarray:
    return np.full_like(like, 90)


def test_landmarks_follow_the_rendered_face() -> None:
    scene = moving_scene()
    found = track(scene.frames())
    assert found.valid.all()
    assert found.gaps == []
    assert found.detected[0]
    assert 3 <= found.detected.sum() <= 8  # the detector looked at block ends only
    away = np.linalg.norm(found.landmarks - scene.truth, axis=2)
    assert np.median(away) < 5
    # the drift of the head is followed
    moved = (found.landmarks[-5:] - found.landmarks[:5]).mean((0, 1))
    true = (scene.truth[-5:] - scene.truth[:5]).mean((0, 1))
    np.testing.assert_allclose(moved, true, atol=0.7)


def test_tracked_landmarks_are_no_worse_than_full_detection() -> None:
    """Tracking costs no accuracy, in error against the truth (without each landmark's constant offset) and jitter."""
    scene = moving_scene()
    tracked = track(scene.frames()).landmarks
    boxes = [detect_whole(p)[0][:3] for p in scene.pictures]
    detected = np.stack([predict(p, box) for p, box in zip(scene.pictures, boxes, strict=True)])

    def error(landmarks: np.ndarray) -> float:
        away = landmarks - scene.truth
        return float(np.sqrt(((away - away.mean(0)) ** 2).sum(2).mean()))

    def jitter(landmarks: np.ndarray) -> float:
        return float(np.sqrt((np.diff(landmarks, n=2, axis=0) ** 2).sum(2).mean() / 6))

    assert error(tracked) <= 1.1 * error(detected)
    assert jitter(tracked) <= 1.1 * jitter(detected)


def test_gaps_are_marked_and_never_filled() -> None:
    pictures = moving_scene().pictures.copy()
    for i in (*range(10, 14), 27):
        pictures[i] = empty(pictures[i])
    found = track(pictures)
    assert found.gaps == [Interval(10, 13), Interval(27, 27)]
    assert np.isnan(found.landmarks[~found.valid]).all()
    assert np.isfinite(found.landmarks[found.valid]).all()


def test_gap_at_start_and_end() -> None:
    pictures = moving_scene().pictures.copy()
    pictures[:3] = 90
    pictures[-2:] = 90
    assert track(pictures).gaps == [Interval(0, 2), Interval(38, 39)]


def test_a_face_that_comes_back_is_found_at_its_first_frame() -> None:
    """While no face is known only every fourth frame is searched; those before a find are searched afterwards."""
    for back in (14, 15, 16, 17):
        pictures = moving_scene().pictures[:26].copy()
        pictures[4:back] = 90
        assert track(pictures).gaps == [Interval(4, back - 1)]


def test_a_covered_face_is_a_gap() -> None:
    """A hand before the face: the tracked landmarks must not live on behind it."""
    pictures = moving_scene().pictures.copy()
    skin = np.random.default_rng(0).normal(150, 12, pictures.shape[1:]).clip(0, 255).astype(np.uint8)
    skin = cv2.GaussianBlur(skin, (0, 0), 3)
    middle = np.rint(moving_scene().truth[:, 17:].mean(1)).astype(int)
    for i in range(12, 24):
        x, y = middle[i]
        pictures[i, y - 85 : y + 100, x - 95 : x + 95] = skin[y - 85 : y + 100, x - 95 : x + 95]
    found = track(pictures)
    assert not found.valid[12:24].any()
    assert found.valid[:12].all()
    assert found.valid[24:].all()


def test_a_face_that_turns_away_is_lost_when_the_detector_loses_it() -> None:
    turns = [Pose(yaw=1.3 * np.sin(a)) for a in np.linspace(0, np.pi, 60)]
    turning = scene(np.zeros((60, 52)), turns)
    found = track(turning.pictures)
    seen = np.array([bool(detect_whole(picture)) for picture in turning.pictures])
    assert len(found.gaps) == 1
    assert abs(found.gaps[0].onset - np.flatnonzero(~seen)[0]) <= 2
    assert abs(found.gaps[0].offset - np.flatnonzero(~seen)[-1]) <= 2


def test_a_face_that_jumps_is_not_tracked_through_the_cut() -> None:
    pictures = moving_scene().pictures[:24].copy()
    pictures[12:] = np.roll(pictures[12:], 150, axis=2)
    found = track(pictures)
    assert found.valid.all()
    moved = (found.landmarks[12] - found.landmarks[11]).mean(0)
    np.testing.assert_allclose(moved, (150, 0), atol=4)


def test_stream_gives_the_same_and_looks_ahead_one_block_at_most() -> None:
    pictures = moving_scene().pictures[:21]
    whole = track(pictures)
    tracker = FaceTracker(detect_every=8)
    given = []
    for i, picture in enumerate(pictures):
        given += tracker.push(picture)
        assert i - len(given) < 8
    given += tracker.finish()
    assert [f.index for f in given] == list(range(21))
    np.testing.assert_array_equal(np.stack([f.landmarks for f in given]), whole.landmarks)


def test_no_face() -> None:
    blank = np.full((5, 240, 320), 90, np.uint8)
    with pytest.raises(SpotlibError, match=r"^a\.mp4: no face in any of 5 frames; a frontal face of at least 80 px"):
        track(blank, name="a.mp4")


def two_faces() -> np.ndarray:
    picture = moving_scene().pictures[0]
    return np.hstack([picture, cv2.flip(picture, 1)])


def test_two_faces_are_refused() -> None:
    with pytest.raises(SpotlibError, match=r'2 faces in frame 0; crop the video to one person, or pass face="largest"'):
        track([two_faces()])


def test_a_second_face_that_comes_in_after_a_gap_is_refused() -> None:
    picture = moving_scene().pictures[0]
    alone = np.hstack([picture, empty(picture)])
    with pytest.raises(SpotlibError, match="2 faces in frame 6"):
        track([alone] * 4 + [empty(alone)] * 2 + [two_faces()] * 4)


def test_largest_face_is_kept() -> None:
    picture = moving_scene().pictures[0]
    small = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    beside = empty(picture)
    beside[: small.shape[0], : small.shape[1]] = small
    found = track([np.hstack([beside, picture])] * 10, face="largest")
    assert found.valid.all()
    assert found.landmarks[..., 0].min() > picture.shape[1]


def test_box_of_landmarks_is_the_detectors_box() -> None:
    picture = moving_scene().pictures[0]
    x, y, side, _ = detect_whole(picture)[0]
    own = face_box(track([picture]).landmarks[0])
    assert abs(own[0] - x) < 0.1 * side
    assert abs(own[1] - y) < 0.1 * side
    assert 0.75 < own[2] / side < 1.3


def test_gaps_of_a_mask() -> None:
    assert gaps(np.array([False, True, False, False])) == [Interval(0, 0), Interval(2, 3)]
    assert gaps(np.ones(3, bool)) == []


def test_smoother_is_a_centred_mean_within_one_run() -> None:
    rng = np.random.default_rng(0)
    marks: list[np.ndarray | None] = [rng.normal(size=(68, 2)).astype(np.float32) for _ in range(30)]
    marks[12] = None
    smoother = LandmarkSmoother(reach=4)
    got = []
    for i, m in enumerate(marks):
        got += smoother.push(m)
        assert i - len(got) < 4
    got += smoother.finish()
    assert len(got) == 30
    for i, m in enumerate(got):
        if i == 12:
            assert m is None
            continue
        run = range(12) if i < 12 else range(13, 30)
        expected = np.mean([marks[j] for j in range(i - 4, i + 5) if j in run], axis=0)
        np.testing.assert_allclose(m, expected, atol=1e-6)


def test_smoothing_lowers_the_jitter() -> None:
    still = moving_scene().pictures[0]
    rng = np.random.default_rng(1)
    noisy = [np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    raw = track(noisy).landmarks
    smoother = LandmarkSmoother()
    smooth = np.stack([m for marks in raw for m in smoother.push(marks)] + list(smoother.finish()))
    assert smooth.std(0).mean() < 0.6 * raw.std(0).mean()


def test_real_clips() -> None:
    clip = open_video(real_clip("face_noface.mov"), fps=24)
    found = track(frame for _, _, frame in clip.frames(format="grey"))
    # the face leaves for good a third into the clip
    assert len(found.gaps) == 1
    assert 50 <= found.gaps[0].onset <= 66
    assert found.gaps[0].offset == clip.n_frames - 1


def test_real_clip_without_a_face() -> None:
    clip = open_video(real_clip("no_face.mp4"))
    with pytest.raises(SpotlibError, match="no face in any of 95 frames"):
        track(frame for _, _, frame in clip.frames(format="grey"))


def test_real_photograph_of_several_people() -> None:
    picture = cv2.imread(str(real_clip("multi_face.jpg")), cv2.IMREAD_GRAYSCALE)
    with pytest.raises(SpotlibError, match="faces in frame 0; crop the video to one person"):
        track([picture])
