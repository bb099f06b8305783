"""The actor's truth: exact landmarks, sane face units, rigid pose."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.actor.asset import load_head
from spotlib.actor.face import Actor, Pose, inter_ocular
from spotlib.actor.identity import sample_identity
from spotlib.errors import SpotlibError

BROWS, MOUTH = slice(17, 27), slice(48, 68)


@pytest.fixture(scope="module")
def actor() -> Actor:
    return Actor(sample_identity(2))


def weights(**values: float) -> np.ndarray:
    """Weights (52,) by unit name; a name without a side stands for both sides."""
    names = load_head().unit_names
    out = np.zeros(len(names))
    for name, value in values.items():
        hits = [k for k, unit in enumerate(names) if unit in (name, f"{name}Left", f"{name}Right")]
        assert hits
        out[hits] = value
    return out


def motion(actor: Actor, **values: float) -> np.ndarray:
    """Landmark motion (68, 2) as a share of the inter-ocular distance."""
    rest = actor.landmarks(np.zeros(52), Pose())
    return (actor.landmarks(weights(**values), Pose()) - rest) / actor.iod


def test_inner_brow_raise_lifts_the_brows_and_not_the_mouth(actor: Actor) -> None:
    moved = motion(actor, browInnerUp=1.0)
    assert moved[[20, 21, 22, 23], 1].max() < -0.03
    assert np.abs(moved[MOUTH]).max() < 1e-6


def test_brow_lowering_goes_the_other_way(actor: Actor) -> None:
    moved = motion(actor, browDown=1.0)
    assert moved[[19, 20, 23, 24], 1].min() > 0.03
    assert np.abs(moved[MOUTH]).max() < 1e-6


def test_a_smile_pulls_the_corners_up_and_out(actor: Actor) -> None:
    moved = motion(actor, mouthSmile=1.0)
    assert moved[48, 0] < -0.05
    assert moved[54, 0] > 0.05
    assert moved[[48, 54], 1].max() < -0.05
    assert np.abs(moved[BROWS]).max() < 0.001


def test_one_side_moves_one_side(actor: Actor) -> None:
    moved = motion(actor, mouthSmileLeft=1.0)  # the person's left is image-right
    assert np.linalg.norm(moved[54]) > 4 * np.linalg.norm(moved[48])


def test_a_blink_closes_the_lids(actor: Actor) -> None:
    rest, shut = (actor.landmarks(weights(eyeBlink=w), Pose()) for w in (0.0, 1.0))
    gap = [float(p[[40, 41, 46, 47], 1].mean() - p[[38, 37, 44, 43], 1].mean()) for p in (rest, shut)]
    assert gap[0] > 0.12 * actor.iod
    assert abs(gap[1]) < 0.06 * actor.iod


def test_unit_displacement_is_the_motion_at_full_weight(actor: Actor) -> None:
    table = actor.unit_displacement()
    assert table.shape == (52, 68)
    k = load_head().unit("jawOpen")
    np.testing.assert_allclose(table[k], np.linalg.norm(motion(actor, jawOpen=1.0), axis=1), atol=1e-12)
    assert table[k, 8] > 0.2
    assert table.max(axis=1).min() >= 0.0
    assert (table.max(axis=1) > 0.005).sum() >= 48  # nearly every unit shows in the landmarks


def test_small_motions_are_proportional(actor: Actor) -> None:
    full, small = motion(actor, mouthSmile=1.0), motion(actor, mouthSmile=0.01)
    np.testing.assert_allclose(small * 100, full, atol=0.02)


def test_the_size_of_the_face(actor: Actor) -> None:
    for seed in range(6):
        points = Actor(sample_identity(seed)).landmarks(np.zeros(52), Pose())
        assert 29 < np.linalg.norm(points[42] - points[39]) / 2 < 36
    assert actor.iod == pytest.approx(115.0)
    small = Actor(sample_identity(2), size=(240, 320))
    assert small.iod == pytest.approx(actor.iod / 2)
    wide = Actor(sample_identity(2), face_width=200.0).landmarks(np.zeros(52), Pose())
    assert np.linalg.norm(wide[16] - wide[0]) == pytest.approx(200.0)


def test_translation_and_scale_are_exact(actor: Actor) -> None:
    rest = actor.landmarks(np.zeros(52), Pose())
    moved = actor.landmarks(np.zeros(52), Pose(tx=0.1, ty=-0.05))
    np.testing.assert_allclose(moved - rest, np.tile([0.1 * actor.iod, -0.05 * actor.iod], (68, 1)), atol=1e-9)
    assert inter_ocular(actor.landmarks(np.zeros(52), Pose(scale=1.1))) == pytest.approx(1.1 * actor.iod)


def test_signs_of_the_rotations(actor: Actor) -> None:
    rest = actor.landmarks(np.zeros(52), Pose())
    assert (actor.landmarks(np.zeros(52), Pose(yaw=0.1)) - rest)[30, 0] > 5
    assert (actor.landmarks(np.zeros(52), Pose(pitch=0.1)) - rest)[30, 1] < -5
    tilted = actor.landmarks(np.zeros(52), Pose(roll=0.1))
    assert tilted[36:42, 1].mean() < tilted[42:48, 1].mean()  # clockwise: image-right goes down


def test_the_head_turns_rigidly() -> None:
    matrix = Pose(yaw=0.2, pitch=-0.1, roll=0.3).matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_bad_input_is_refused(actor: Actor) -> None:
    with pytest.raises(SpotlibError, match=r"weights have shape \(51,\); pass \(52,\)"):
        actor.landmarks(np.zeros(51), Pose())
    with pytest.raises(SpotlibError, match=r"cannot render size=\(8, 8\)"):
        Actor(sample_identity(0), size=(8, 8))
    with pytest.raises(SpotlibError, match="supersample=0"):
        Actor(sample_identity(0), supersample=0)
