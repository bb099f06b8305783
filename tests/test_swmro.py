"""Pair motions of whole videos, and windows against a slow, independent derivation."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.flow import CropSpec
from spotlib.intervals import Interval
from spotlib.points import LAYOUTS, N_POINTS, POINT_NAMES
from spotlib.swmro import MotionStream, PairMotion, collect, extract, windows
from spotlib.video import open_video
from tests.real_clips import real_clip
from tests.scenes import Scene, moving_scene


@functools.cache
def rendered() -> PairMotion:
    return extract(moving_scene())


def invented(n: int = 25, max_gap: int = 16, broken: tuple[int, ...] = ()) -> PairMotion:
    """Random pair motions of n frames; ``broken`` frames have no face."""
    rng = np.random.default_rng(n)
    valid = np.ones(n, bool)
    valid[list(broken)] = False
    flow = rng.normal(size=(n, max_gap + 1, N_POINTS, 2)).astype(np.float32)
    head = rng.normal(size=(n, max_gap + 1, 2)).astype(np.float32)
    flow[:, 0] = head[:, 0] = 0
    for r in range(n):
        for g in range(max_gap + 1):
            if r + g >= n or not valid[r : r + g + 1].all():
                flow[r, g] = head[r, g] = np.nan
    marks = np.full((n, 68, 2), np.nan, np.float32)
    marks[valid] = rng.uniform(100, 200, (68, 2))
    return PairMotion(
        flow=flow, head=head, quality=np.ones((n, max_gap + 1, N_POINTS), np.float32), valid=valid, detected=valid,
        box=np.tile(np.float32([0, 0, 256, 256]), (n, 1)), landmarks=marks, raw_landmarks=marks,
        point_names=POINT_NAMES, extractor="lk", fps=30.0, crop=CropSpec(),
    )  # fmt: skip


def slow_windows(
    m: PairMotion, K: int, alignment: str, border: str, layout: str, head: str, feature: str
) -> tuple[np.ndarray, np.ndarray]:
    """One frame, one row, one node after the other, from METHOD section 2."""
    n = m.n_frames
    names = LAYOUTS[layout]
    out = np.zeros((n, K, len(names), 2), np.float32)
    whole = np.ones(n, bool)
    for i in range(n):
        start = i - K // 2 if alignment == "centred" else i - K + 1
        for k in range(K):
            a, b = {
                "swmro": (start, start + k),
                "adjacent": (start + k - 1, start + k),
                "fixed_gap": (start + k - 4, start + k + 4),
            }[feature]
            outside = a < 0 or b < 0 or a >= n or b >= n
            a, b = min(max(a, 0), n - 1), min(max(b, 0), n - 1)
            for v, name in enumerate(names):
                vector = m.flow[a, b - a, POINT_NAMES.index(name)] - (m.head[a, b - a] if head == "nose" else 0)
                if np.isnan(vector).any():
                    whole[i] = False
                    vector = np.zeros(2)
                out[i, k, v] = 0 if border == "zero" and outside else vector
    return out, whole


@pytest.mark.parametrize("feature", ["swmro", "adjacent", "fixed_gap"])
@pytest.mark.parametrize("border", ["clamp", "zero"])
@pytest.mark.parametrize(
    ("K", "alignment", "layout", "head"),
    [
        (17, "centred", "10", "nose"),
        (11, "causal", "all", "none"),
        (7, "centred", "nose", "nose"),
        (17, "causal", "eyelids", "nose"),
    ],
)
def test_gather_equals_the_slow_derivation(
    K: int, alignment: str, layout: str, head: str, border: str, feature: str
) -> None:
    motion = invented(broken=(4, 5, 20))
    got, whole = windows(motion, K=K, alignment=alignment, border=border, layout=layout, head=head, feature=feature)
    expected, expected_whole = slow_windows(motion, K, alignment, border, layout, head, feature)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(whole, expected_whole)
    assert got.dtype == np.float32


def test_zero_row_can_be_dropped() -> None:
    motion = invented()
    whole, _ = windows(motion)
    less, _ = windows(motion, keep_zero_row=False)
    assert whole.shape == (25, 17, 10, 2)
    assert (whole[:, 0] == 0).all()
    np.testing.assert_array_equal(less, whole[:, 1:])


def test_longer_windows_need_longer_motion() -> None:
    with pytest.raises(SpotlibError, match="motion of 30 frames is needed but features hold 16; compute them again"):
        windows(invented(40), K=31)
    assert windows(invented(40, max_gap=30), K=31)[0].shape == (40, 31, 10, 2)
    assert windows(invented(40), K=31, feature="adjacent")[0].shape == (40, 31, 10, 2)


@pytest.mark.parametrize("bad", [{"K": 16}, {"alignment": "left"}, {"border": "wrap"}, {"head": "x"}, {"feature": "x"}])
def test_unknown_options(bad: dict) -> None:
    with pytest.raises(SpotlibError):
        windows(invented(), **bad)


def test_video_of_identical_frames_gives_exactly_zero() -> None:
    scene = Scene(np.repeat(moving_scene().pictures[:1], 20, 0), moving_scene().truth[:20])
    for head in ("nose", "none", "robust"):
        got, whole = windows(extract(scene), head=head)
        assert whole.all()
        np.testing.assert_array_equal(got, 0)


def test_extract_finds_the_motion_of_the_scene() -> None:
    motion = rendered()
    scene = moving_scene()
    assert motion.flow.shape == (40, 17, N_POINTS, 2)
    assert motion.valid.all()
    errors = []
    for gap in (1, 4, 16):
        scale = (256 / (motion.box[:-gap, 2] - motion.box[:-gap, 0]))[:, None, None]
        true = (scene.truth[gap:] - scene.truth[:-gap])[:, [20, 19, 18, 23, 24, 25, 48, 54, 51, 57]] * scale
        errors.append(np.median(np.linalg.norm(motion.flow[:-gap, gap, :10] - true, axis=2)))
    assert max(errors) < 0.25
    # nodes lie where the face shows them
    nodes = motion.nodes[:, :10]
    assert nodes.min() > 30
    assert nodes.max() < 256


def test_robust_head_motion_survives_a_turn() -> None:
    """Under rotation the nose tip moves more than brows and mouth; the rigid fit knows that."""
    from spotlib.actor.face import Pose
    from tests.scenes import scene, weights_of

    turn = [Pose(yaw=0.06 * np.sin(a), pitch=0.03 * np.sin(a)) for a in np.linspace(0, np.pi / 2, 18)]
    motion = extract(scene(weights_of({"jawOpen": np.zeros(18)}), turn))
    by_nose, _ = windows(motion, head="nose")
    robust, _ = windows(motion, head="robust")
    left, none = np.abs(robust[8, -1]).mean(), np.abs(by_nose[8, -1]).mean()
    assert none > 0.8
    assert left < 0.5 * none


def test_stream_gives_the_same_as_the_whole_and_looks_ahead_a_bounded_way() -> None:
    scene = moving_scene()
    stream = MotionStream(name="scene")
    results, ahead = [], 0
    for i, picture in enumerate(scene.pictures):
        results += stream.push(picture)
        ahead = max(ahead, i + 1 - len(results))
    results += stream.finish()
    assert ahead <= 8 + 4 + 16
    streamed = collect(results, extractor="lk", fps=30.0, name="scene")
    for name in ("flow", "head", "quality", "landmarks", "raw_landmarks", "box", "valid", "detected"):
        np.testing.assert_array_equal(getattr(streamed, name), getattr(rendered(), name), err_msg=name)


def test_a_longer_video_starts_alike() -> None:
    """What is given for early frames does not depend on what comes much later."""
    scene = moving_scene()
    short = extract(Scene(scene.pictures[:32], scene.truth[:32]))
    np.testing.assert_array_equal(short.flow[:2, :13], rendered().flow[:2, :13])
    np.testing.assert_array_equal(short.landmarks[:20], rendered().landmarks[:20])


def test_colour_and_file_give_what_arrays_give(tmp_path: Path) -> None:
    """A folder of lossless pictures of the scene is the scene."""
    scene = moving_scene()
    for i, picture in enumerate(scene.pictures[:20]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture)
    from_folder = extract(open_video(tmp_path))
    from_arrays = extract(Scene(scene.pictures[:20], scene.truth[:20]))
    np.testing.assert_array_equal(from_folder.flow, from_arrays.flow)
    assert from_folder.name == str(tmp_path)


def test_gaps_make_broken_windows() -> None:
    scene = moving_scene()
    pictures = scene.pictures.copy()
    pictures[20:22] = 90
    motion = extract(Scene(pictures, scene.truth))
    assert motion.gaps == [Interval(20, 21)]
    got, whole = windows(motion)
    np.testing.assert_array_equal(whole, [not (i - 8 <= 21 and i + 8 >= 20) for i in range(40)])
    assert np.isfinite(got).all()
    assert np.isnan(motion.box[20:22]).all()


def test_bad_videos() -> None:
    scene = moving_scene()
    with pytest.raises(SpotlibError, match=r"^scene: 16 frames, but one window needs 17; give a longer video$"):
        extract(Scene(scene.pictures[:16], scene.truth[:16]))
    with pytest.raises(SpotlibError, match=r"^scene: no face in any of 20 frames"):
        extract(Scene(np.full_like(scene.pictures[:20], 80), scene.truth[:20]))
    with pytest.raises(SpotlibError, match="unknown extractor 'raft'; use lk or farneback"):
        extract(scene, extractor="raft")  # type: ignore[arg-type]


def test_progress_is_told() -> None:
    told = []
    extract(moving_scene(), on_frame=lambda done, total: told.append((done, total)))
    assert told[0] == (1, 40)
    assert told[-1] == (40, 40)


def test_real_clip() -> None:
    """A man who talks and turns: a face in every frame, tracks that hold, motion of a sensible size."""
    motion = extract(open_video(real_clip("WolfgangLanger_Pexels.mp4")))
    assert motion.n_frames == 472
    assert motion.gaps == []
    there = np.isfinite(motion.flow[..., 0])
    assert (motion.quality[there] > 0).mean() > 0.9
    got, whole = windows(motion)
    assert whole.all()
    assert 0.5 < np.median(np.linalg.norm(got[:, -1], axis=-1)) < 30
