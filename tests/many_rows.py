"""A results folder with 1,050 invented rows, and how long the report of all of them takes.

``python -m tests.many_rows FOLDER [VARIANTS FOLDS]``; the rows are those that a run of as many people would have left.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.datasets.base import Video
from spotlib.features_file import save_features
from spotlib.flow import CROPS
from spotlib.fold import event_to_json
from spotlib.points import POINT_NAMES
from spotlib.runner import Run, open_run
from spotlib.swmro import PairMotion
from spotlib.variants import VARIANTS
from tests.rows_factory import make_rows, make_scores

#: the main systems first; 30 variants of 35 folds are 1,050 rows
NAMES = list(dict.fromkeys(["spotformer", "peaks", "no_contrastive", "no_flgp", "k11", *VARIANTS]))
SECONDS = 20


def open_many(folder: Path, *, folds: int, videos: int = 2) -> Run:
    """The run that the rows are of: as many people as folds."""
    return open_run("demo", overrides=overrides_of(folds=folds, videos=videos), results=folder, workers=2)


def overrides_of(*, folds: int, videos: int) -> dict[str, Any]:
    """Its parameters, beside those of the demo."""
    return {"folds": 0, "subjects": folds, "videos_per_subject": videos, "video_seconds": SECONDS}


def write_rows(run: Run, variants: list[str], *, videos: int = 2) -> int:
    """Write a row for every variant and fold, with scores beside those of the first variant; their number."""
    folds = len(run.folds)
    for variant in variants:
        for fold, row in enumerate(make_rows((variant,), folds=folds, subjects=folds, videos=videos)):
            own = [video for video in run.dataset.videos if video.subject in run.folds[fold].test]
            arrays: dict[str, np.ndarray] = {}
            for invented, video in zip(row["videos"], own, strict=True):
                if variant == variants[0]:
                    scores = make_scores(row, invented["video"])
                    arrays |= {name.replace(invented["video"], video.name): own for name, own in scores.items()}
                invented |= {"subject": video.subject, "video": video.name, "n_frames": video.n_frames,
                             "fps": video.fps, "truth": [event_to_json(event) for event in video.events]}  # fmt: skip
            body = {name: value for name, value in row.items() if name not in ("schema", "digest", "key")}
            body |= {"seed": run.params.seed, "test_subjects": list(run.folds[fold].test)}
            run.store.write(variant, run.key(variant, fold), body, arrays or None)
    return len(variants) * folds


def write_features(run: Run) -> None:
    """Features of every video, invented as well."""
    rng = np.random.default_rng(0)
    for index, video in enumerate(run.dataset.videos):
        save_features(run.feature_path(index), _motion(run, video, rng), half=True)


def _motion(run: Run, video: Video, rng: np.random.Generator) -> PairMotion:
    frames, gaps, points = video.n_frames, run.params.max_gap + 1, len(POINT_NAMES)
    marks = (rng.uniform(200, 400, (68, 2)) + rng.normal(0, 0.3, (frames, 68, 2))).astype(np.float32)
    there = np.ones(frames, bool)
    return PairMotion(
        flow=rng.normal(0, 0.5, (frames, gaps, points, 2)).astype(np.float32),
        head=rng.normal(0, 0.1, (frames, gaps, 2)).astype(np.float32),
        quality=np.ones((frames, gaps, points), np.float32), valid=there, detected=there,
        box=np.tile(np.array([150, 150, 450, 450], np.float32), (frames, 1)), landmarks=marks, raw_landmarks=marks,
        point_names=tuple(POINT_NAMES), extractor="lk", fps=video.fps, crop=CROPS[run.params.crop], name=video.name,
    )  # fmt: skip


def main() -> None:
    """FOLDER [VARIANTS FOLDS]."""
    from spotlib.workbook import run_workbook

    folder = Path(sys.argv[1]).absolute()
    n_variants, folds = (int(text) for text in sys.argv[2:4]) if len(sys.argv) > 3 else (30, 35)
    run = open_many(folder, folds=folds)
    write_features(run)
    print(f"{write_rows(run, NAMES[:n_variants])} rows", flush=True)
    begin, used = time.monotonic(), os.times()
    run = open_many(folder, folds=folds)
    steering = {"results": str(folder), "workers": 2, "variants": NAMES[2:n_variants]}
    page = run_workbook(run, steering=steering, overrides=overrides_of(folds=folds, videos=2), notebooks=["05_report"])
    now = os.times()
    processor = sum(now[:4]) - sum(used[:4])
    print(f"{page.name}: {time.monotonic() - begin:.1f} s, {processor:.1f} s of the processor")


if __name__ == "__main__":
    main()
