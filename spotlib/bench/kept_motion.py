"""The tracked motion of a video, kept in a file: other weights then need the network alone, by the same code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.flow import FrameMotion
from spotlib.pipeline import frame_results
from spotlib.provenance import code_digest
from spotlib.spot.engine import Analyser, one_torch_thread
from spotlib.spot.source import Timed
from spotlib.spot.weights import Weights
from spotlib.spotting import FrameScores
from spotlib.store import digest, read_arrays, write_arrays
from spotlib.swmro import FrameResult

#: what draws the actor: the movements come from its landmarks alone
_NOT_SEEN = ("spotlib.actor.render", "spotlib.actor.stage", "spotlib.actor.skin", "spotlib.datasets.pictures")
#: how many frames go to the analyser at a time; nothing depends on it
_AT_ONCE = 64


def tracked(
    frames: Iterable[Timed[np.ndarray]], weights: Weights, *, key: object, name: str, folder: Path | None
) -> list[FrameResult]:
    """The frames as they were tracked the way ``weights`` want it, from ``folder`` if they are there.

    ``key``: what the frames follow from, as plain JSON. Raises what reading and tracking raise.
    """
    options: dict[str, Any] = weights.tracking()
    file = None
    if folder is not None:
        said = {option: str(value) for option, value in options.items()}
        code = code_digest(["spotlib.pipeline", "spotlib.bench.inject"], without=_NOT_SEEN)
        file = folder / f"{digest([key, said, digest(code)])[:24]}.npz"
        if file.exists():
            return _results(read_arrays(file))
    results = [one for some in frame_results((f for _, _, f in frames), name=name, **options) for one in some]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(file, _arrays(results))
    return results


def scores(results: list[FrameResult], weights: Weights) -> FrameScores:
    """What `spotlib.spot.engine.analyse` gives for the frames."""
    analyser = Analyser(weights, rules={}, keep=False)
    with one_torch_thread():
        found = [s for i in range(0, len(results), _AT_ONCE) for s in analyser.push(results[i : i + _AT_ONCE])]
        found += analyser.finish()
    valid = [part.valid for part in found if part.valid is not None]
    return FrameScores(np.concatenate([part.probabilities for part in found]), np.concatenate(valid))


def _arrays(results: list[FrameResult]) -> dict[str, np.ndarray]:
    nothing = np.full((68, 2), np.nan, np.float32)
    return {
        "flow": np.stack([r.motion.flow for r in results]),
        "head": np.stack([r.motion.head for r in results]),
        "quality": np.stack([r.motion.quality for r in results]),
        "landmarks": np.stack([nothing if r.landmarks is None else r.landmarks for r in results]),
        "raw": np.stack([nothing if r.raw_landmarks is None else r.raw_landmarks for r in results]),
        "detected": np.array([r.detected for r in results]),
    }


def _results(arrays: dict[str, np.ndarray]) -> list[FrameResult]:
    def marks(row: np.ndarray) -> np.ndarray | None:
        return None if np.isnan(row).any() else row

    parts = [arrays[name] for name in ("landmarks", "raw", "detected", "flow", "head", "quality")]
    return [
        FrameResult(i, marks(smooth), marks(raw), bool(detected), FrameMotion(flow, head, quality))
        for i, (smooth, raw, detected, flow, head, quality) in enumerate(zip(*parts, strict=True))
    ]
