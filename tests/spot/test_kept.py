"""What a pass over a video keeps of a frame, counted exactly: memory is constant in its length but for these bytes."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from spotlib.columns import FIRST
from spotlib.flow import FrameMotion
from spotlib.pipeline import frame_results
from spotlib.spot.engine import Analyser
from spotlib.spot.source import Footage
from spotlib.swmro import FrameResult
from tests.heap import heap_bytes, python_blocks

A_FRAME = 8 + 8 + 4 * 10 + 1 + 4 * 7 + 2  # seconds, number, probabilities, valid, face, quality
A_PROPOSAL = 16
BEGIN, END = 1500, FIRST - 100  # frames between which is looked; no column has to grow there


@pytest.fixture(scope="module")
def results(clip, weights) -> list[FrameResult]:
    frames = (frame for _, _, frame in Footage(clip).frames())
    return [result for some in frame_results(frames, **weights.tracking()) for result in some]


def endless(results: list[FrameResult]) -> Iterator[list[FrameResult]]:
    """Eight at a time, as they come from tracking, each with arrays of its own."""
    while True:
        for begin in range(0, len(results), 8):
            yield [
                FrameResult(
                    one.index, one.landmarks.copy(), one.raw_landmarks.copy(), one.detected,
                    FrameMotion(one.motion.flow.copy(), one.motion.head.copy(), one.motion.quality.copy()),
                )
                for one in results[begin : begin + 8]
                if one.landmarks is not None and one.raw_landmarks is not None
            ]  # fmt: skip


def fill(analyser: Analyser, feed: Iterator[list[FrameResult]], until: int) -> int:
    """Push frames until there are so many; the number of them."""
    while len(analyser.seconds) < until:
        some = next(feed)
        for _ in some:
            analyser.seconds.append(len(analyser.seconds) / 30)
            analyser.numbers.append(len(analyser.numbers))
        analyser.push(some)
    return len(analyser.seconds)


@pytest.mark.parametrize("keep", [True, False])
def test_bytes_a_frame(weights, results, keep: bool) -> None:
    analyser = Analyser(weights, rules=weights.rules, keep=keep)
    frames = fill(analyser, endless(results), 400)
    analyser.finish()
    assert len(analyser.moved) > 10
    assert analyser.kept_bytes == (A_FRAME if keep else 16) * frames + A_PROPOSAL * len(analyser.moved)


def test_nothing_else_grows(weights, results) -> None:
    """Neither Python's objects nor what the C library hands out: small pieces there would split its large ones."""
    analyser = Analyser(weights, rules=weights.rules)
    feed = endless(results)
    fill(analyser, feed, BEGIN)
    before = _held()
    frames = fill(analyser, feed, END) - BEGIN
    blocks, heap = (now - then for now, then in zip(_held(), before, strict=True))
    assert len(analyser.moved) > 0.05 * END
    assert blocks < 0.1 * frames
    assert heap < 16 * frames
    if sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallinfo2"):
        assert before[1] > 2**20


def test_the_pipeline_keeps_as_little(weights, results, monkeypatch: pytest.MonkeyPatch) -> None:
    from spotlib import pipeline

    feed, held = endless(results), []

    def some(*_: object, **__: object) -> Iterator[list[FrameResult]]:
        for count in range(END // 8):
            if count in (BEGIN // 8, END // 8 - 1):
                held.append(_held())
            yield next(feed)

    monkeypatch.setattr(pipeline, "frame_results", some)
    stream = weights.window_stream()
    scores = pipeline.frame_scores([], lambda rows: np.zeros((len(rows), 10), np.float32), windows=stream)
    assert len(scores) > END - 8
    blocks, heap = (now - then for now, then in zip(held[1], held[0], strict=True))
    assert blocks < 0.1 * (END - BEGIN)
    assert heap < 16 * (END - BEGIN)


def _held() -> tuple[int, int]:
    gc.collect()
    return python_blocks(), heap_bytes()
