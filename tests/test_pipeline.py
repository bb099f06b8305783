"""From frames to scores in one pass: the same with one thread and with two, and well-behaved when it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.pipeline import frame_results, frame_scores
from spotlib.spotting import FrameScores
from spotlib.swmro import MotionStream, extract, windows
from spotlib.window_stream import WindowStream
from tests.scenes import moving_scene

WEIGHTS = np.random.default_rng(0).normal(size=(17 * 10 * 2, 10)).astype(np.float32)


def network(rows: np.ndarray) -> np.ndarray:
    assert len(rows) <= 64
    return rows.reshape(len(rows), -1) @ WEIGHTS


@pytest.mark.parametrize("threads", [1, 2])
def test_results_are_those_of_the_stream(threads: int) -> None:
    stream = MotionStream()
    expected = [r for picture in moving_scene().pictures for r in stream.push(picture)] + stream.finish()
    got = [r for some in frame_results(moving_scene().pictures, threads=threads) for r in some]
    assert [r.index for r in got] == list(range(40))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a.motion.flow, b.motion.flow)
        np.testing.assert_array_equal(a.motion.head, b.motion.head)
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
        assert a.detected == b.detected


def test_scores_are_those_of_the_whole_video() -> None:
    rows, whole = windows(extract(moving_scene()), head="none")
    expected = FrameScores.from_logits(network(rows), whole)
    for threads in (1, 2):
        got = frame_scores(moving_scene().pictures, network, windows=WindowStream(head="none"), threads=threads)
        np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=1e-5)
        np.testing.assert_array_equal(got.valid, expected.valid)


def test_what_goes_wrong_in_the_thread_is_raised_here() -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from moving_scene().pictures[:10]
        raise SpotlibError("frame 10 cannot be decoded")

    with pytest.raises(SpotlibError, match="frame 10 cannot be decoded"):
        list(frame_results(broken()))
    with pytest.raises(SpotlibError, match="clip: no face in any of 20 frames"):
        list(frame_results([np.full((240, 320), 90, np.uint8)] * 20, name="clip"))


def test_a_consumer_that_stops_ends_the_thread() -> None:
    before = threading.active_count()
    read = []

    def endless() -> Iterator[np.ndarray]:
        while True:
            read.append(1)
            yield moving_scene().pictures[0]

    for results in frame_results(endless()):
        if results:
            break
    else:  # pragma: no cover
        raise AssertionError
    del results
    import gc

    gc.collect()
    assert threading.active_count() == before
    assert len(read) < 100
