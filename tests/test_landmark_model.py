"""The landmark model: read from a file in dlib's format, and evaluated as dlib evaluates it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.faces import face_box, predictor_file
from spotlib.landmark_model import LandmarkModel
from tests.scenes import moving_scene

CASCADES, TREES, DEPTH, POINTS, PIXELS = 2, 3, 2, 4, 6
SPLITS = 2**DEPTH - 1


def integer(value: int) -> bytes:
    """dlib: number of bytes (128 added if negative), then the bytes, lowest first."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size + (128 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float) -> bytes:
    """dlib: mantissa and exponent of two."""
    mantissa, exponent = math.frexp(float(value))
    return integer(int(mantissa * 2**24)) + integer(exponent - 24)


def column(values: np.ndarray) -> bytes:
    return integer(-len(values)) + integer(-1) + b"".join(map(real, values))


def invented(rng: np.random.Generator) -> dict[str, np.ndarray]:
    grid = np.stack(np.meshgrid([0.3, 0.7], [0.3, 0.7]), -1).reshape(-1).astype(np.float32)
    return {
        "mean": grid,
        "pairs": rng.integers(0, PIXELS, (CASCADES, TREES, SPLITS, 2)),
        "limits": rng.uniform(-60, 60, (CASCADES, TREES, SPLITS)).astype(np.float32),
        "leaves": rng.normal(0, 0.02, (CASCADES, TREES, SPLITS + 1, 2 * POINTS)).astype(np.float32),
        "anchors": rng.integers(0, POINTS, (CASCADES, PIXELS)),
        "deltas": rng.normal(0, 0.1, (CASCADES, PIXELS, 2)).astype(np.float32),
    }


def encoded(m: dict[str, np.ndarray]) -> bytes:
    out = integer(1) + column(m["mean"]) + integer(CASCADES)
    for c in range(CASCADES):
        out += integer(TREES)
        for t in range(TREES):
            out += integer(SPLITS)
            for s in range(SPLITS):
                out += integer(int(m["pairs"][c, t, s, 0])) + integer(int(m["pairs"][c, t, s, 1]))
                out += real(m["limits"][c, t, s])
            out += integer(SPLITS + 1) + b"".join(column(leaf) for leaf in m["leaves"][c, t])
    out += integer(CASCADES)
    for anchors in m["anchors"]:
        out += integer(PIXELS) + b"".join(integer(int(a)) for a in anchors)
    out += integer(CASCADES)
    for deltas in m["deltas"]:
        out += integer(PIXELS) + b"".join(real(d) for d in deltas.ravel())
    return out


def slowly(m: dict[str, np.ndarray], grey: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The paper's algorithm, a point and a tree at a time."""
    left, top, right, bottom = box
    origin, size = np.array([left, top]), np.array([right - left, bottom - top])
    mean = m["mean"].reshape(-1, 2).astype(float)
    shape = mean.copy()
    for c in range(CASCADES):
        a, b = mean - mean.mean(0), shape - shape.mean(0)
        u, s, vt = np.linalg.svd(b.T @ a)  # Umeyama: the similarity that best takes the mean to the shape
        turn = u @ np.diag([1, np.linalg.det(u @ vt)]) @ vt
        scale = s @ [1, np.linalg.det(u @ vt)] / (a**2).sum()
        pixels = []
        for anchor, delta in zip(m["anchors"][c], m["deltas"][c], strict=True):
            x, y = np.floor((scale * turn @ delta + shape[anchor]) * size + origin + 0.5).astype(int)
            inside = 0 <= x < grey.shape[1] and 0 <= y < grey.shape[0]
            pixels.append(int(grey[y, x]) if inside else 0)
        for t in range(TREES):
            s_ = 0
            while s_ < SPLITS:
                i, j = m["pairs"][c, t, s_]
                s_ = 2 * s_ + (1 if pixels[i] - pixels[j] > m["limits"][c, t, s_] else 2)
            shape += m["leaves"][c, t, s_ - SPLITS].reshape(-1, 2)
    return shape * size + origin


def test_a_file_is_read_and_evaluated_as_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for trial in range(5):
        truth = invented(rng)
        file = tmp_path / f"{trial}.dat"
        file.write_bytes(encoded(truth))
        model = LandmarkModel.load(file)
        np.testing.assert_array_equal(model.mean, truth["mean"])
        np.testing.assert_array_equal(model.splits[..., :2], truth["pairs"])
        np.testing.assert_allclose(model.leaves * model.units[:, None, None, None], truth["leaves"], atol=2e-6)
        np.testing.assert_array_equal(model.anchors, truth["anchors"])
        np.testing.assert_array_equal(model.deltas, truth["deltas"])
        for _ in range(10):
            grey = rng.integers(0, 256, (90, 120)).astype(np.uint8)
            x, y = rng.uniform(-10, 60, 2)  # boxes may stick out
            box = (x, y, x + 60, y + 60)
            np.testing.assert_allclose(model.predict(grey, *box), slowly(truth, grey, box), atol=0.01)


@pytest.mark.parametrize("cut", [0, 3, 40, 900, -1])
def test_damaged_files_are_said_to_be(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "model.dat"
    file.write_bytes(encoded(invented(np.random.default_rng(0)))[:cut])
    with pytest.raises(SpotlibError, match=r"model\.dat: .*damaged; install face-recognition-models again"):
        LandmarkModel.load(file)


def test_something_else_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "model.dat"
    file.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(SpotlibError, match="not a landmark model"):
        LandmarkModel.load(file)


def test_it_is_at_least_as_good_as_dlibs_own_evaluation() -> None:
    """Same model, same box: not further from the truth than dlib's whole pixels, and near them."""
    import dlib

    scene = moving_scene()
    theirs_of = dlib.shape_predictor(str(predictor_file()))
    ours_of = LandmarkModel.load(predictor_file())
    ours, theirs = [], []
    for picture in scene.pictures:
        x, y, side = face_box(np.float32(scene.truth[0]))
        left, top, right, bottom = (round(v) for v in (x - side / 2, y - side / 2, x + side / 2, y + side / 2))
        ours.append(ours_of.predict(picture, left, top, right, bottom))
        parts = theirs_of(picture, dlib.rectangle(left, top, right, bottom)).parts()
        theirs.append([(p.x, p.y) for p in parts])
    assert np.sqrt(((np.array(ours) - theirs) ** 2).sum(2).mean()) < 1.2  # a chain of 7500 decisions, and rounding

    def error(landmarks: list) -> float:
        away = np.array(landmarks) - scene.truth
        return float(np.sqrt(((away - away.mean(0)) ** 2).sum(2).mean()))

    assert error(ours) <= 1.02 * error(theirs)
