"""Pictures: deterministic, sub-pixel exact, and faces to dlib's eyes."""

from __future__ import annotations

import functools
import gc
import importlib.util
import weakref
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

import spotlib.actor.stage
from spotlib.actor.face import Actor, Light, Pose
from spotlib.actor.identity import sample_identity
from spotlib.actor.render import draw, rasterise
from tests.actor.test_face import weights

REST = np.zeros(52)
TRACKED = [18, 19, 20, 23, 24, 25, 31, 33, 35, 48, 51, 54, 57]


@functools.cache
def person(seed: int) -> Actor:
    """Painting a person takes about a second, so tests share them."""
    return Actor(sample_identity(seed))


@pytest.fixture
def actor() -> Actor:
    return person(4)


@pytest.fixture(scope="module")
def detector():  # type: ignore[no-untyped-def]
    return dlib.get_frontal_face_detector()


@pytest.fixture(scope="module")
def predictor():  # type: ignore[no-untyped-def]
    spec = importlib.util.find_spec("face_recognition_models")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    return dlib.shape_predictor(str(folder / "models" / "shape_predictor_68_face_landmarks.dat"))


def grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def track(actor: Actor, pose: Pose, unit_weights: np.ndarray = REST) -> tuple[np.ndarray, np.ndarray]:
    """Measured and true motion (k, 2) of the tracked landmarks from rest to a pose and expression."""
    before = actor.landmarks(REST, Pose())[TRACKED]
    true = actor.landmarks(unit_weights, pose)[TRACKED] - before
    first, second = grey(actor.render(REST, Pose())), grey(actor.render(unit_weights, pose))
    start = before.astype(np.float32).reshape(-1, 1, 2)
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 0.002)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        first, second, start, start + 0, winSize=(21, 21), maxLevel=1, criteria=criteria
    )
    assert status.all()
    return moved[:, 0] - start[:, 0], true


def test_size_type_and_colour(actor: Actor) -> None:
    image = actor.render(REST, Pose())
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8
    assert np.abs(image[..., 0].astype(int) - image[..., 2]).max() > 20
    plain = Actor(sample_identity(4), grey=True).render(REST, Pose())
    assert (plain == plain[..., :1]).all()


def test_same_arguments_same_bytes(actor: Actor) -> None:
    pose, smile = Pose(yaw=0.05, tx=0.01), weights(mouthSmile=0.3)
    first = actor.render(smile, pose, gaze=(0.1, 0.0))
    actor.render(weights(jawOpen=0.3), Pose(pitch=0.2))  # leaves nothing behind in the buffers
    again = actor.render(smile, pose, gaze=(0.1, 0.0))
    other = Actor(sample_identity(4)).render(smile, pose, gaze=(0.1, 0.0))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, other)


def test_different_seeds_look_different(actor: Actor) -> None:
    other = person(5).render(REST, Pose())
    assert np.abs(actor.render(REST, Pose()).astype(int) - other).mean() > 8


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.3])
def test_a_shift_moves_the_picture_by_just_that(actor: Actor, shift: float) -> None:
    measured, true = track(actor, Pose(tx=shift / actor.iod, ty=-shift / 2 / actor.iod))
    np.testing.assert_allclose(true, np.tile([shift, -shift / 2], (len(TRACKED), 1)), atol=1e-9)
    assert np.sqrt(((measured - true) ** 2).sum(axis=1).mean()) < 0.06


def test_a_small_turn_and_a_small_expression_track_to_a_fraction_of_a_pixel(actor: Actor) -> None:
    for pose, unit_weights in (
        (Pose(yaw=np.deg2rad(0.3)), REST),
        (Pose(pitch=np.deg2rad(0.3)), REST),
        (Pose(), weights(browInnerUp=0.1, browOuterUp=0.1)),
    ):
        measured, true = track(actor, pose, unit_weights)
        assert np.linalg.norm(true, axis=1).max() > 0.5
        assert np.median(np.linalg.norm(measured - true, axis=1)) < 0.1


def test_the_backdrop_stands_still(actor: Actor) -> None:
    still, moved = actor.render(REST, Pose()), actor.render(weights(browDown=1.0), Pose(yaw=0.05))
    np.testing.assert_array_equal(still[:200, :60], moved[:200, :60])
    np.testing.assert_array_equal(still[:200, -60:], moved[:200, -60:])


def test_bands_leave_no_seam(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is drawn in bands; against all triangles filled in one go, the same pixels show the backdrop."""
    seen: dict[str, object] = {}

    def spy(*args: np.ndarray, **options: object) -> np.ndarray:
        seen.update(options, screen=args[0], triangles=args[1], double_sided=args[2])
        return draw(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(spotlib.actor.stage, "draw", spy)
    image = actor.render(weights(jawOpen=0.3), Pose(yaw=0.3, ty=0.2), light=Light(gain=1.1))
    depth, owner = np.full((960, 1280), -np.inf, np.float32), np.full((960, 1280), -1, np.int32)
    rasterise(seen["screen"], seen["triangles"], seen["double_sided"], depth, owner)  # type: ignore[arg-type]
    covered = (owner >= 0).reshape(480, 2, 640, 2).any((1, 3))
    table = seen["table"]
    assert isinstance(table, np.ndarray)
    wall = np.asarray(seen["backdrop"]) * np.float32(1.1)
    wall = (table[np.clip((wall * np.float32(len(table) / 2)).astype(int), 0, len(table) - 1)] + 0.5).astype(np.uint8)
    assert 0.2 < covered.mean() < 0.8
    np.testing.assert_array_equal(image[~covered], wall[~covered])
    assert (image[covered] != wall[covered]).any(1).mean() > 0.98


@pytest.mark.parametrize("samples", [1, 3, 4])
def test_more_samples_give_the_same_picture_but_for_its_edges(actor: Actor, samples: int) -> None:
    other = Actor(sample_identity(4), supersample=samples).render(REST, Pose())
    away = np.abs(other.astype(int) - actor.render(REST, Pose()))
    assert np.median(away) <= 2
    assert (away.max(2) > 30).mean() < 0.02


def test_the_gaze_moves_the_irises_only(actor: Actor) -> None:
    straight, aside = actor.render(REST, Pose()), actor.render(REST, Pose(), gaze=(0.3, 0.0))
    changed = np.argwhere(np.abs(straight.astype(int) - aside).max(axis=2) > 25)
    points = actor.landmarks(REST, Pose())
    near = np.linalg.norm(
        changed[:, None, ::-1] - np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)]), axis=2
    ).min(axis=1)
    assert len(changed) > 100
    assert near.max() < 0.4 * actor.iod


def test_light_scales_the_picture(actor: Actor) -> None:
    dim, bright = (actor.render(REST, Pose(), light=Light(gain=g)).mean() for g in (0.8, 1.2))
    assert dim < actor.render(REST, Pose()).mean() < bright


def test_skin_carries_fine_texture_everywhere(actor: Actor) -> None:
    image = grey(actor.render(REST, Pose())).astype(np.float32)
    fine = cv2.GaussianBlur(image, (0, 0), 1.0) - cv2.GaussianBlur(image, (0, 0), 3.0)
    points = actor.landmarks(REST, Pose())
    places = {
        "forehead": points[[21, 22]].mean(axis=0) - [0, 55],
        "cheek": points[[31, 2]].mean(axis=0),
        "nose": points[29],
        "upper lip": points[[33, 51]].mean(axis=0),
        "chin": points[[57, 8]].mean(axis=0),
    }
    for name, (x, y) in places.items():
        window = fine[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8]
        assert window.std() > 1.0, name  # grey levels


def test_the_open_mouth_shows_no_backdrop() -> None:
    actor = person(1)
    points = actor.landmarks(weights(jawOpen=0.3), Pose())
    image = actor.render(weights(jawOpen=0.3), Pose())
    x, y = points[[62, 66]].mean(axis=0).astype(int)
    mouth, wall = image[y - 3 : y + 4, x - 8 : x + 9], image[60:120, 10:60]
    assert mouth.mean() < 0.75 * wall.mean()


def test_exactly_one_face_in_every_pose(detector) -> None:  # type: ignore[no-untyped-def]
    turn = np.deg2rad(12)
    poses = [Pose(), Pose(yaw=turn), Pose(yaw=-turn), Pose(pitch=turn), Pose(pitch=-turn)]
    for seed in range(12):
        pose = poses[seed % len(poses)]
        faces = detector(grey(person(seed).render(REST, pose)), 0)
        assert len(faces) == 1, (seed, pose)


def test_the_predictor_agrees_on_the_landmarks(detector, predictor) -> None:  # type: ignore[no-untyped-def]
    errors = []
    for seed in range(8):
        actor = person(seed)
        image = grey(actor.render(REST, Pose()))
        (face,) = detector(image, 0)
        found = np.array([(p.x, p.y) for p in predictor(image, face).parts()])
        errors.append(np.linalg.norm(found - actor.landmarks(REST, Pose()), axis=1))
    assert np.median(errors) < 4.0  # pixels of an inter-ocular distance of 115
    assert np.mean(errors) < 5.5


def test_a_photographed_actor_is_forgotten_at_once() -> None:
    actor = Actor(sample_identity(5), size=(120, 160))
    gc.disable()  # counting references must do: 29 MB a person do not wait for the garbage collector
    try:
        actor.render(REST, Pose())
        gone = [weakref.ref(actor), weakref.ref(actor._stage)]
        del actor
        assert [ref() for ref in gone] == [None, None]
    finally:
        gc.enable()
