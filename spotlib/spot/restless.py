"""Weights for restless faces: rendered people of all kinds, their motion changed in some ways, one training.

``python -m spotlib.spot.restless --folder DIR --out spotlib.safetensors`` renders and tracks people (20 ms a frame and
core; what is in the folder stays), makes windows of every video as it is and of changed copies of it, and trains on
the CPU or a GPU. What came of it on a CPU, and why the packaged weights are others: docs/real_faces.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.clip import Clip
from spotlib.datasets.added import changed, seen
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.varied import varied_people
from spotlib.errors import SpotlibError
from spotlib.features_file import load_features, save_features
from spotlib.jobs import run_jobs
from spotlib.params import Params, make_params
from spotlib.progress import log, setup_logging
from spotlib.swmro import extract, gather, relative_motion
from spotlib.units import window_options

#: of the people, of the windows' changes, and of the training
SEED = 5000
PEOPLE = 43
#: changed copies of every video, besides the video itself
COPIES = 3
#: false micro-expressions a minute of the people who choose: what the least score is set for
ALARMS = 2.0
PARAMS: dict[str, Any] = {
    "head_motion": "robust",
    "dim": 32,
    "heads": 2,
    "head_dim": 16,
    "dropout": 0.0,
    "lr": 2e-3,
    "lr_decay": 0.84,
    "epochs": 17,
    "steps_per_epoch": 100,
    "segments_per_batch": 16,
    "evaluate_every": 3,
    "inner_share": 0.15,
    "neutral_segments": True,
    "contrastive_weight": 0.0,
    "macro_weight": 1.0,
    "seed": 270,
}


def features(videos: Sequence[TwinVideo], folder: Path, *, workers: int | None = None) -> list[Path]:
    """Tracked motion of ``videos`` in ``folder``, one file each; what is missing is made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{video.person:03d}_{video.number}-{video.digest[:12]}.npz" for video in videos]
    todo = [(video, path) for video, path in zip(videos, paths, strict=True) if not path.exists()]
    if todo:
        frames = [video.n_frames for video, _ in todo]
        jobs = [(video, str(path)) for video, path in todo]
        run_jobs(_extract_job, jobs, desc="render and track", unit="frames", weights=frames, workers=workers)
    return paths


def _extract_job(video: TwinVideo, path: str, beat: Callable[[float, float], None]) -> None:
    save_features(path, extract(video, face="largest", on_frame=beat), half=True)


def copies(video: TwinVideo, path: Path, params: Params, *, count: int = COPIES) -> list[Clip]:
    """The video as windows, and ``count`` changed copies of it."""
    tracked, found = load_features(path), []
    for number in range(count + 1):
        motion, events = tracked, seen(video)
        if number:
            motion, events = changed(tracked, video, np.random.default_rng([video.person, video.number, number, 9]))
        relative = relative_motion(motion, layout=params.nodes, head=params.head_motion)
        name = f"{video.name}/{number}"
        windows, valid = gather(relative, **window_options(params), name=name)
        windows = np.nan_to_num(windows).astype(np.float16)
        found.append(Clip(video.subject, name, video.fps, windows, valid, events))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Make features, train, and write weights with their card."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.spot.restless", description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where tracked motion is kept (4 kB a frame)")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"rendered people ({PEOPLE})")
    parser.add_argument("--workers", type=int, help="processes that render (one per core)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    chosen = parser.parse_args(arguments)
    setup_logging()
    try:
        from spotlib.devices import use_device
        from spotlib.provenance import git_commit
        from spotlib.spot.export import export, train_weights

        use_device(chosen.device)
        params = make_params(PARAMS)
        videos = [v for v in varied_people(SEED, range(chosen.people)).videos if isinstance(v, TwinVideo)]
        paths = features(videos, chosen.folder, workers=chosen.workers)
        clips = [clip for video, path in zip(videos, paths, strict=True) for clip in copies(video, path, params)]
        begin = time.monotonic()
        weights = train_weights(
            clips,
            params,
            synthetic=True,
            trained_on={
                "data sets": [
                    "rendered people of all kinds (spotlib.datasets.varied): micro- and macro-expressions differ in"
                    f" time only; each video as it is and {COPIES} times with other movements and unrest on top"
                ]
            },
            commit=git_commit(),
            device=chosen.device,
            micro_alarms=ALARMS,
            beat=lambda done, total: log.info("epoch %d of %d, %.0f s", done, total, time.monotonic() - begin),
        )
        for path in export(weights, chosen.out):
            print(path)
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")


if __name__ == "__main__":
    main()
