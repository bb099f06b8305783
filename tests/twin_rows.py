"""A tiny rendered twin and fold rows on it whose every error is known: for tests of what goes wrong."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np

from spotlib.datasets.base import Dataset
from spotlib.datasets.twin import make_twin
from spotlib.fold_run import event_to_json
from spotlib.swmro import PairMotion

GAP = 4


@functools.cache
def tiny_twin() -> Dataset:
    """Two people, a video of 8 s each, with much talking; nothing is rendered yet."""
    return make_twin("demo", seed=3, subjects=2, videos_per_subject=1, seconds=8.0, talking=0.3, size=(240, 320))


def rows_on(dataset: Dataset, variant: str = "spotformer") -> list[dict[str, Any]]:
    """One row a person. Every micro-expression is hit by its own interval, every macro-expression is missed, and the
    longest talking burst of each video is taken for a micro-expression with score .9.
    """
    rows = []
    for fold, video in enumerate(dataset.videos):
        truth = [event_to_json(e) for e in video.events]
        found = [{**event, "score": 0.5} for event in truth if event["kind"] == "micro"]
        burst = max((e for e in video.distractor_log if e.kind == "talking"), key=lambda e: e.offset - e.onset)
        middle = (burst.onset + burst.offset) // 2
        alarm = {"kind": "micro", "onset": middle - 4, "apex": middle, "offset": middle + 4, "aus": [], "score": 0.9}
        rows.append(
            {
                "dataset": dataset.name, "synthetic": True, "variant": variant, "system": "SpotFormer", "fold": fold,
                "n_folds": len(dataset), "seed": 1, "status": "done", "key": {"params": {"iou": 0.5}},
                "videos": [
                    {
                        "subject": video.subject, "video": video.name, "n_frames": video.n_frames, "fps": video.fps,
                        "gaps": [], "truth": truth, "clean": [*found, alarm], "author": [],
                    }
                ],
            }
        )  # fmt: skip
    return rows


def run_on(dataset: Dataset, rows: list[dict[str, Any]], folder: Any = None, *, scores: bool = True) -> Any:
    """What error cases and views need of a Run; the motion is 1 px of the crop to the right in every frame."""

    def motion(index: int) -> PairMotion:
        video = dataset.videos[index]
        n = video.n_frames
        flow = np.zeros((n, GAP + 1, 10, 2), np.float32)
        flow[..., 0] = np.arange(GAP + 1)[None, :, None]
        landmarks = np.broadcast_to(video.landmarks(0), (n, 68, 2))  # type: ignore[attr-defined]
        made = SimpleNamespace(
            flow=flow, head=np.zeros((n, GAP + 1, 2)), box=np.tile([0.0, 0.0, 128.0, 128.0], (n, 1)),
            landmarks=landmarks, max_gap=GAP, crop=SimpleNamespace(size=256),
        )  # fmt: skip
        return made  # type: ignore[return-value]

    def arrays(variant: str, fold: int) -> dict[str, np.ndarray]:
        video = dataset.videos[fold]
        return {f"{video.name}/scores": np.full((video.n_frames, 10), 0.25, np.float16)} if scores else {}

    return SimpleNamespace(
        dataset=dataset, synthetic=dataset.synthetic, folder=folder, convention="", motion=motion, scores=arrays,
        rows=lambda *variants: [row for row in rows if row["variant"] in variants],
        params=SimpleNamespace(bootstrap=200),
    )  # fmt: skip
