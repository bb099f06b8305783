"""One fold: train, choose on inner subjects, spot the test subjects under both protocols, and make the row.

This is the unit of work: it takes clips and small values and returns what the row store writes. It needs neither dlib
nor PyAV nor numba nor pydantic, so it runs on a bare GPU machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spotlib import peaks
from spotlib.checkpoint import Checkpoint
from spotlib.clip import Clip
from spotlib.engine import Engine
from spotlib.faces import gaps
from spotlib.fold_run import Arrays, FoldRun, event_to_json
from spotlib.fold_state import go_on, note
from spotlib.intervals import Event, Kind
from spotlib.matching import match
from spotlib.material import Bank
from spotlib.steps import Speed

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params

__all__ = ["event_to_json", "finished", "run_fold", "threads_for_a_fold"]

Beat = Callable[[float, float], None]


def threads_for_a_fold(threads: int | None = None) -> int:
    """``threads``, or what the environment variable SPOTLIB_THREADS says, or 1.

    Folds usually run side by side, a process each, and one thread each is then the fastest; a fold that has the
    machine to itself is faster with all cores once its network is large (D of 128 and more).
    """
    said = threads if threads is not None else os.environ.get("SPOTLIB_THREADS", "")
    try:
        return max(1, int(said))
    except ValueError:
        return 1


def run_fold(
    train_clips: Sequence[Clip],
    inner_clips: Sequence[Clip],
    test_clips: Sequence[Clip],
    params: Params,
    *,
    device: str = "cpu",
    threads: int | None = None,
    speed: Speed | None = None,
    beat: Beat = lambda done, total: None,
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Any], Arrays]:
    """Compute one fold and return the row's content and its arrays (frame scores per test video).

    Args:
        train_clips, inner_clips, test_clips: what is trained on, chosen on, and spotted.
        params: `spotlib.params.Params`, or any object with its attributes.
        device: "cpu" or "cuda".
        threads: see `threads_for_a_fold`.
        speed: how to train (default: the fastest way known for the device).
        beat: told how many epochs of how many are done.
        checkpoint: where to go on from, if there is one, and where to note now and then how far this fold is; the row
            is the same with or without.
    """
    start = time.perf_counter()
    groups = (train_clips, inner_clips, test_clips)
    if params.system == "peaks":
        row, arrays = _peaks_fold(*groups, params, beat)
    else:
        torch.set_num_threads(threads_for_a_fold(threads))
        bank = Bank([clip for group in groups for clip in group], device=torch.device(device))
        engine = Engine(bank, params, speed=speed)
        fold = FoldRun(engine, groups, params, later=engine.cuda)
        go_on(fold, checkpoint)
        ahead = 1 if engine.cuda else 0  # epochs that a GPU may be ahead of what the host has taken in
        while len(fold.curves) < params.epochs:
            if fold.enqueued < params.epochs:
                fold.enqueue()
            if fold.enqueued - len(fold.curves) > ahead or fold.enqueued == params.epochs:
                beat(fold.take(), params.epochs)
            note(fold, checkpoint, seconds=time.perf_counter() - start)
        row, arrays = fold.row()
    seconds = time.perf_counter() - start + (checkpoint.earlier if checkpoint is not None else 0.0)
    return finished(row, arrays, test_clips, device=device, seconds=seconds)


def finished(
    row: dict[str, Any], arrays: Arrays, test_clips: Sequence[Clip], *, device: str, seconds: float
) -> tuple[dict[str, Any], Arrays]:
    """The row with what it says about the test videos and where it was computed."""
    for clip, video in zip(test_clips, row["videos"], strict=True):
        video.update(
            subject=clip.subject, video=clip.name, n_frames=clip.n_frames, fps=clip.fps,
            gaps=[[gap.onset, gap.offset] for gap in gaps(clip.valid)], truth=[event_to_json(e) for e in clip.events],
        )  # fmt: skip
        arrays[f"{clip.name}/valid"] = clip.valid
    name = torch.cuda.get_device_name(torch.device(device)) if device.startswith("cuda") else "cpu"
    row.update(status="done", device=device, device_name=name, train_seconds=round(seconds, 2))
    return row, arrays


def _peaks_fold(
    train_clips: Sequence[Clip],
    inner_clips: Sequence[Clip],
    test_clips: Sequence[Clip],
    params: Params,
    beat: Beat,
) -> tuple[dict[str, Any], Arrays]:
    """The peak detector has no epochs: both protocols give the same events, chosen on all non-test subjects."""
    known = [*train_clips, *inner_clips]
    of_known = [peaks.signals(clip.windows, clip.valid) for clip in known]
    of_test = [peaks.signals(clip.windows, clip.valid) for clip in test_clips]
    chosen: dict[str, Any] = {"epoch": None}
    found: list[list[Event]] = [[] for _ in test_clips]
    for column, kind in enumerate((Kind.MICRO, Kind.MACRO)):
        pairs = [
            (s[:, column], [e for e in clip.events if e.kind is kind]) for clip, s in zip(known, of_known, strict=True)
        ]
        options, f1 = peaks.fit(kind, pairs, lambda truth, events: len(match(truth, events, iou=params.iou)))
        half = options.length // 2
        chosen[str(kind)] = {
            "k_min": half,
            "k_max": half,
            "min_score": 0.0,
            "height": options.height,
            "shift": options.shift,
            "f1": f1,
        }
        for events, signal in zip(found, of_test, strict=True):
            events += peaks.detect(signal[:, column], options)
        beat(column + 1, 2)
    names = ("clean", "author", "author_last")
    videos = [{name: [event_to_json(e) for e in events] for name in names} for events in found]
    row = {
        "chosen": chosen,
        "curves": [],
        "videos": [{**video, "author_epoch": None} for video in videos],
        "author_epochs": [],
        "parameters": 0,
        "gflop_per_window": 0.0,
    }
    return row, {f"{c.name}/scores": s.astype(np.float16) for c, s in zip(test_clips, of_test, strict=True)}
