"""Windows of a stream are those of the whole video, to the bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.flow import FrameMotion
from spotlib.swmro import FrameResult, PairMotion, extract, windows
from spotlib.window_stream import WindowStream
from tests.scenes import Scene, moving_scene
from tests.test_swmro import invented


def results_of(motion: PairMotion) -> list[FrameResult]:
    def marks(of: np.ndarray, i: int) -> np.ndarray | None:
        return of[i] if motion.valid[i] else None

    return [
        FrameResult(
            i,
            marks(motion.landmarks, i),
            marks(motion.raw_landmarks, i),
            bool(motion.detected[i]),
            FrameMotion(motion.flow[i], motion.head[i], motion.quality[i]),
        )
        for i in range(motion.n_frames)
    ]


def pieces(results: list[FrameResult], size: int) -> Iterator[list[FrameResult]]:
    """Pieces of a size; 0: of all sizes, empty ones too."""
    rng = np.random.default_rng(1)
    at = 0
    while at < len(results):
        step = size or int(rng.integers(0, 9))
        yield results[at : at + step]
        at += step


def streamed(motion: PairMotion, size: int, **options) -> tuple[np.ndarray, np.ndarray]:
    stream = WindowStream(**options)
    given = [stream.push(part) for part in pieces(results_of(motion), size)]
    given.append(stream.finish())
    return np.concatenate([w for w, _ in given]), np.concatenate([v for _, v in given])


OPTIONS = [
    {},
    {"K": 11, "alignment": "causal", "layout": "all", "head": "none"},
    {"K": 7, "layout": "nose", "border": "zero"},
    {"K": 17, "alignment": "causal", "border": "zero", "keep_zero_row": False},
    {"K": 31, "feature": "adjacent"},
    {"K": 17, "feature": "fixed_gap", "fixed_gap": 8, "border": "zero"},
    {"K": 5, "feature": "fixed_gap", "fixed_gap": 3, "alignment": "causal", "layout": "eyelids"},
]


@pytest.mark.parametrize("size", [1, 4, 25, 100, 0])
@pytest.mark.parametrize("options", OPTIONS)
def test_stream_equals_whole(options: dict, size: int) -> None:
    for motion in (invented(40, broken=(4, 5, 22)), invented(9)):
        expected, valid = windows(motion, **options)
        got, whole = streamed(motion, size, **options)
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(whole, valid)
        assert got.dtype == np.float32


@pytest.mark.parametrize("size", [1, 5, 0])
@pytest.mark.parametrize("head", ["nose", "robust"])
def test_stream_equals_whole_on_a_face(head: str, size: int) -> None:
    scene = moving_scene()
    pictures = scene.pictures.copy()
    pictures[20:22] = 90
    motion = extract(Scene(pictures, scene.truth))
    expected, valid = windows(motion, head=head)
    got, whole = streamed(motion, size, head=head)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(whole, valid)


def test_a_window_comes_as_soon_as_its_last_frame() -> None:
    stream = WindowStream()
    results = results_of(invented(60))
    for i, result in enumerate(results):
        given, whole = stream.push([result])
        assert len(given) == len(whole) == (1 if i >= 8 else 0)
        assert sum(len(part) for part in stream._parts) <= 18  # memory is bounded
    assert len(stream.finish()[0]) == 8


def test_motion_must_reach_as_far_as_the_windows() -> None:
    stream = WindowStream(K=31)
    with pytest.raises(SpotlibError, match="compute them again with max_gap=30"):
        for result in results_of(dataclasses.replace(invented(40))):
            stream.push([result])
    with pytest.raises(SpotlibError):
        WindowStream(K=16)
