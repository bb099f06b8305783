"""Both extractors against exact motion, and what must come out of known input."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest

from spotlib.actor.pose import Pose
from spotlib.flow import CROPS, CropSpec, Extractor, FarnebackExtractor, FrameMotion, top_mean
from spotlib.points import LAYOUTS, N_POINTS, NODES, POINT_NAMES, layout_indices, point_positions
from spotlib.swmro import make_extractor
from tests.scenes import Scene, brow_scene, moving_scene, scene, weights_of

BOTH = pytest.mark.parametrize("name", ["lk", "farneback"])
N_NODES = len(NODES)


def run(extractor: Extractor, scene: Scene, marks: np.ndarray | None = None) -> list[FrameMotion]:
    """Motion of a scene whose landmarks are known (so that only the flow is tested)."""
    out: list[FrameMotion] = []
    for picture, landmarks in zip(scene.pictures, scene.truth if marks is None else marks, strict=True):
        out += extractor.push(picture, landmarks.astype(np.float32))
    return out + extractor.finish()


def still(n: int = 6) -> Scene:
    scene = moving_scene()
    return Scene(np.repeat(scene.pictures[:1], n, 0), np.repeat(scene.truth[:1], n, 0))


@BOTH
def test_identical_frames_give_exactly_zero(name: str) -> None:
    for motion in run(make_extractor(name, max_gap=4), still(6))[:2]:
        np.testing.assert_array_equal(motion.flow[:5], 0)
        np.testing.assert_array_equal(motion.head[:5], 0)
        assert motion.quality.min() > 0.99


@BOTH
def test_row_zero_is_zero_and_rows_past_the_end_are_absent(name: str) -> None:
    out = run(make_extractor(name, max_gap=4), still(6))
    assert len(out) == 6
    for r, motion in enumerate(out):
        assert motion.flow.shape == (5, N_POINTS, 2)
        np.testing.assert_array_equal(motion.flow[0], 0)
        there = np.isfinite(motion.flow).all((1, 2))
        assert there.sum() == min(5, 6 - r)
        assert there[: min(5, 6 - r)].all()


def textured() -> tuple[np.ndarray, np.ndarray]:
    """A face with freckles all over: where skin is smooth, Farneback shrinks motion, on real noses as on rendered ones.

    Band-limited, so that resampling it by parts of a px is exact.
    """
    picture, truth = moving_scene().pictures[0], moving_scene().truth[0]
    spots = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, picture.shape), (0, 0), 1.8)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.2) + spots, 0, 255).astype(np.uint8), truth


@BOTH
@pytest.mark.parametrize("shift", [(0.4, -0.3), (3.0, 2.0), (-7.5, 4.25)])
def test_a_translation_is_the_heads(name: str, shift: tuple[float, float]) -> None:
    """The head motion is the translation, and what it leaves of the nodes' motion is about zero."""
    picture, truth = textured()
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    moved = cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    scene = Scene(np.stack([picture, moved]), np.stack([truth, truth + shift]))
    first = run(make_extractor(name, max_gap=1), scene)[0]
    box = CropSpec().box(truth)
    scale = 256 / (box[2] - box[0])
    np.testing.assert_allclose(first.head[1], np.multiply(shift, scale), atol=0.12)
    relative = first.flow[1, :N_NODES] - first.head[1]
    assert np.abs(relative).max() < 0.2
    assert np.abs(relative).mean() < 0.08


@BOTH
def test_a_brow_movement_moves_only_brow_nodes(name: str) -> None:
    scene = brow_scene()
    part = Scene(scene.pictures[:14:2], scene.truth[:14:2])  # up to the apex
    first = run(make_extractor(name, max_gap=6), part)[0]
    relative = np.linalg.norm(first.flow[6] - first.head[6], axis=1)
    true = np.linalg.norm(point_positions(part.truth[6] - part.truth[0]), axis=1)
    assert true[:6].min() > 1.0
    assert true[6:N_NODES].max() < 0.01
    assert (np.abs(relative[:6] - true[:6]) < 0.25 * true[:6]).all()
    assert relative[6:N_NODES].max() < 0.25


def errors(name: str, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """End-point error and true length of the motion of the ten nodes, (T, G+1, 10) px of the crop; NaN if absent."""
    max_gap = 16
    out = run(make_extractor(name, max_gap=max_gap), scene)
    nodes = point_positions(scene.truth)[:, :N_NODES]
    error = np.full((len(out), max_gap + 1, N_NODES), np.nan)
    size = error.copy()
    for r, motion in enumerate(out):
        box = CropSpec().box(scene.truth[r])
        for gap in range(1, min(max_gap, len(out) - 1 - r) + 1):
            true = (nodes[r + gap] - nodes[r]) * 256 / (box[2] - box[0])
            error[r, gap] = np.linalg.norm(motion.flow[gap, :N_NODES] - true, axis=1)
            size[r, gap] = np.linalg.norm(true, axis=1)
    return error, size


@functools.cache
def measured(name: str) -> tuple[np.ndarray, np.ndarray]:
    scene = moving_scene()
    if name == "farneback":  # 26 ms a pair: a part of it
        scene = Scene(scene.pictures[3:24], scene.truth[3:24])
    return errors(name, scene)


@pytest.mark.parametrize(("low", "high", "allowed"), [(0.15, 0.6, 0.15), (1.0, 2.2, 0.25), (3.0, 5.5, 0.45)])
@BOTH
def test_error_against_exact_motion(name: str, low: float, high: float, allowed: float) -> None:
    error, size = measured(name)
    here = (size >= low) & (size < high)
    assert here.sum() > 30
    assert error[here].mean() < (allowed if name == "lk" else 2 * allowed)


def test_the_fast_extractor_is_not_behind_the_reference_at_any_gap() -> None:
    scene = moving_scene()
    fast, _ = errors("lk", Scene(scene.pictures[3:24], scene.truth[3:24]))
    reference, _ = measured("farneback")
    for gap in range(1, 17):
        assert np.nanmean(fast[:, gap]) <= np.nanmean(reference[:, gap]) + 0.01, gap


def test_a_smile_is_measured_as_well_as_by_the_reference() -> None:
    """Skin stretches at the corners of the mouth: a patch there moves less than the corner itself."""
    rise = np.linspace(0, 0.2, 7)
    smile = scene(weights_of({"mouthSmileLeft": rise, "mouthSmileRight": rise}), [Pose()] * 7)
    scale = 256 / np.diff(CropSpec().box(smile.truth[0])[[0, 2]])
    true = point_positions(smile.truth[6] - smile.truth[0])[6:N_NODES] * scale
    assert np.linalg.norm(true, axis=1).max() > 5
    away = {}
    for name in ("lk", "farneback"):
        first = run(make_extractor(name, max_gap=6), smile)[0]
        away[name] = np.linalg.norm(first.flow[6, 6:N_NODES] - true, axis=1)
    assert away["lk"].mean() < away["farneback"].mean()
    assert (away["lk"] < 0.2 * np.linalg.norm(true, axis=1) + 0.1).all()


def test_tracks_do_not_drift_with_the_gap() -> None:
    """There and back again: at the end of the movement the motion since its start is about zero."""
    scene = brow_scene()
    first = run(make_extractor("lk", max_gap=27), scene)[0]
    assert np.linalg.norm(first.flow[14, :6], axis=1).min() > 1.0
    assert np.linalg.norm(first.flow[27, :N_NODES], axis=1).max() < 0.2


def test_light_changes_move_nothing() -> None:
    picture, truth = moving_scene().pictures[0], moving_scene().truth[0]
    brighter = np.clip(np.rint(picture * 1.12 + 6), 0, 255).astype(np.uint8)
    scene = Scene(np.stack([picture, brighter]), np.stack([truth, truth]))
    first = run(make_extractor("lk", max_gap=1), scene)[0]
    assert np.abs(first.flow[1, :N_NODES]).max() < 0.06


def test_wrong_landmarks_do_not_make_motion() -> None:
    """Landmarks jitter by more than a px; they place the points and must not move them."""
    rng = np.random.default_rng(0)
    scene = still(8)
    marks = scene.truth + rng.normal(0, 1.4, scene.truth.shape)
    for motion in run(make_extractor("lk", max_gap=5), scene, marks)[:3]:
        assert np.abs(motion.flow[:6, :N_NODES]).max() < 0.03


def test_a_lost_track_is_flagged_and_takes_its_neighbours_motion() -> None:
    scene = moving_scene()
    pictures, truth = scene.pictures[:6].copy(), scene.truth[:6]
    corner = np.rint(truth[3:, 48]).astype(int)
    for picture, (x, y) in zip(pictures[3:], corner, strict=True):  # something covers the mouth corner
        picture[y - 35 : y + 35, x - 40 : x + 26] = np.random.default_rng(0).integers(0, 255, (70, 66))
    first = run(make_extractor("lk", max_gap=5), Scene(pictures, truth))[0]
    node = POINT_NAMES.index("48")
    assert first.quality[2, node] > 0.8
    assert first.quality[5, node] == 0
    neighbours = first.flow[5, [POINT_NAMES.index(n) for n in ("31", "51", "57", "33", "54")]]
    assert np.linalg.norm(first.flow[5, node] - np.median(neighbours, 0)) < 1.0


@BOTH
def test_frames_without_a_face_cut_the_motion(name: str) -> None:
    scene = still(9)
    extractor = make_extractor(name, max_gap=3)
    out: list[FrameMotion] = []
    for i in range(9):
        out += extractor.push(scene.pictures[i], None if i == 4 else scene.truth[i].astype(np.float32))
    out += extractor.finish()
    there = np.stack([np.isfinite(m.flow).all((1, 2)) for m in out])
    expected = [[r != 4 and r + g < 9 and not r <= 4 <= r + g for g in range(4)] for r in range(9)]
    np.testing.assert_array_equal(there, expected)


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.1])
def test_face_size_does_not_matter(factor: float) -> None:
    """The same scene larger or smaller gives about the same motion in the crop."""
    scene = moving_scene()
    take = slice(0, 12, 3)
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = np.stack([cv2.resize(p, None, fx=factor, fy=factor, interpolation=kind) for p in scene.pictures[take]])
    truth = (scene.truth[take] + 0.5) * factor - 0.5
    own = run(make_extractor("lk", max_gap=3), Scene(scene.pictures[take], scene.truth[take]))[0]
    other = run(make_extractor("lk", max_gap=3), Scene(scaled, truth))[0]
    assert np.linalg.norm(own.flow[3, :N_NODES], axis=1).max() > 1
    np.testing.assert_allclose(other.flow[:, :N_NODES], own.flow[:, :N_NODES], atol=0.25)


def test_a_face_that_changes_its_size_is_followed() -> None:
    """The scale of tracking changes on the way; motion to earlier frames goes on."""
    picture, truth = moving_scene().pictures[0], moving_scene().truth[0]
    middle = truth[27]
    pictures, marks = [], []
    for i in range(14):
        factor = 1.05**i
        matrix = np.array([[factor, 0, middle[0] * (1 - factor)], [0, factor, middle[1] * (1 - factor)]])
        pictures.append(cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=cv2.INTER_CUBIC))
        marks.append((truth - middle) * factor + middle)
    scene = Scene(np.stack(pictures), np.stack(marks))
    out = run(make_extractor("lk", max_gap=2), scene)
    for r in range(12):
        box = CropSpec().box(scene.truth[r])
        true = point_positions(scene.truth[r + 2] - scene.truth[r])[:N_NODES] * 256 / (box[2] - box[0])
        assert np.median(np.linalg.norm(out[r].flow[2, :N_NODES] - true, axis=1)) < 0.35, r


def test_crops_of_the_two_families() -> None:
    truth = moving_scene().truth[0]
    d = 0.5 * np.linalg.norm(truth[39] - truth[42])
    middle = 0.5 * (truth[39] + truth[42])
    np.testing.assert_allclose(CropSpec().box(truth), [*(middle - (4 * d, 3 * d)), *(middle + (4 * d, 5 * d))])
    wider = [*(middle - (4.5 * d, 3.5 * d)), *(middle + (4.5 * d, 5.5 * d))]
    np.testing.assert_allclose(CROPS["samm"].box(truth), wider)
    assert (CropSpec().size, CROPS["samm"].size) == (256, 320)


def test_motion_is_in_px_of_the_crop() -> None:
    scene = moving_scene()
    pair = Scene(scene.pictures[[0, 12]], scene.truth[[0, 12]])
    small = run(make_extractor("lk", max_gap=1), pair)[0]
    large = run(make_extractor("lk", max_gap=1, crop=CropSpec(size=512)), pair)[0]
    np.testing.assert_allclose(large.flow[1, :N_NODES], 2 * small.flow[1, :N_NODES], rtol=1e-5, atol=1e-5)


def test_long_motion_is_shifted_out_in_the_reference() -> None:
    """Where one round finds too little of a long head motion, the shifted crop finds the rest."""
    picture, truth = textured()
    moved = np.roll(picture, (5, 12), axis=(0, 1))
    pair = Scene(np.stack([picture, moved]), np.stack([truth, truth + (12, 5)]))
    first = run(FarnebackExtractor(max_gap=1), pair)[0]
    box = CropSpec().box(truth)
    np.testing.assert_allclose(first.head[1], np.array([12, 5]) * 256 / (box[2] - box[0]), atol=0.3)


def test_top_mean_takes_the_longest() -> None:
    vectors = np.array([[1, 0], [0, 4], [3, 0], [0, -2.0]])
    np.testing.assert_allclose(top_mean(vectors, 0.5), [1.5, 2])
    np.testing.assert_allclose(top_mean(vectors, 0.01), [0, 4])


def test_node_order_and_layouts() -> None:
    """METHOD section 2: brow A inner to outer, brow B inner to outer, 48, 54, 51, 57."""
    assert NODES == ("20", "19", "18", "23", "24", "25", "48", "54", "51", "57")
    assert [len(LAYOUTS[k]) for k in ("10", "nose", "eyelids", "all")] == [10, 12, 12, 14]
    for layout, names in LAYOUTS.items():
        assert [POINT_NAMES[i] for i in layout_indices(layout)] == list(names)
        assert layout_indices(layout)[:10] == list(range(10))
    marks = np.random.default_rng(0).normal(size=(68, 2))
    np.testing.assert_allclose(point_positions(marks)[POINT_NAMES.index("40+41")], (marks[40] + marks[41]) / 2)
    np.testing.assert_allclose(point_positions(marks)[0], marks[20])
