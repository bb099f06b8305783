"""One fold: train, choose on inner subjects, spot the test subjects under both protocols, and make the row.

This is the unit of work: it takes names and small values, reads features from files and returns what the row store
writes. It needs neither dlib nor PyAV nor numba, so it runs on a bare GPU machine.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from spotlib import peaks
from spotlib.faces import gaps
from spotlib.intervals import KINDS, Event, Kind
from spotlib.matching import match
from spotlib.models import gflop, parameter_count
from spotlib.params import Params
from spotlib.protocols import Choice, author_epoch, author_rules, choose_thresholds, clean_rules
from spotlib.spotting import FrameScores, SpotRule, spot
from spotlib.training import Clip, predict, train

Arrays = dict[str, np.ndarray]


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as a row holds it."""
    value: dict[str, Any] = {"kind": str(event.kind), "onset": event.onset, "apex": event.apex, "offset": event.offset}
    if event.score is not None:
        value["score"] = round(float(event.score), 6)
    if not event.reachable:
        value["reachable"] = False
    return {**value, "aus": list(event.aus), "side": event.side}


def run_fold(
    train_clips: Sequence[Clip],
    inner_clips: Sequence[Clip],
    test_clips: Sequence[Clip],
    params: Params,
    *,
    device: str = "cpu",
    beat: Callable[[float, float], None] = lambda done, total: None,
) -> tuple[dict[str, Any], Arrays]:
    """Compute one fold and return the row's content and its arrays (frame scores per test video)."""
    start = time.perf_counter()
    run = _peaks_fold if params.system == "peaks" else _network_fold
    row, arrays = run(train_clips, inner_clips, test_clips, params, torch.device(device), beat)
    for clip, video in zip(test_clips, row["videos"], strict=True):
        video.update(
            subject=clip.subject, video=clip.name, n_frames=clip.n_frames, fps=clip.fps,
            gaps=[[gap.onset, gap.offset] for gap in gaps(clip.valid)], truth=[event_to_json(e) for e in clip.events],
        )  # fmt: skip
        arrays[f"{clip.name}/valid"] = clip.valid
    row.update(status="done", device=device, train_seconds=round(time.perf_counter() - start, 2))
    return row, arrays


def _rule_to_json(rule: SpotRule) -> dict[str, float]:
    return {"k_min": rule.k_min, "k_max": rule.k_max, "min_score": rule.min_score}


def _network_fold(
    train_clips: Sequence[Clip],
    inner_clips: Sequence[Clip],
    test_clips: Sequence[Clip],
    params: Params,
    device: torch.device,
    beat: Callable[[float, float], None],
) -> tuple[dict[str, Any], Arrays]:
    torch.set_num_threads(1)  # folds run side by side; at these sizes one thread each is the fastest
    events = [event for clip in train_clips for event in clip.events]
    rules = clean_rules(events, params)
    first_candidate = max(0, params.epochs - params.candidate_epochs)
    curves: list[dict[str, float]] = []
    author: dict[int, list[FrameScores]] = {}
    best: tuple[float, int, Choice, Any] | None = None
    for epoch in train(train_clips, params, device=device):
        point = {"epoch": epoch.index, "step": epoch.steps, "lr": epoch.lr, **epoch.losses}
        last = epoch.index == params.epochs - 1
        if last or (epoch.index + 1) % params.evaluate_every == 0:
            scored = [(predict(epoch.model, clip, device=device), clip.fps, clip.events) for clip in inner_clips]
            choice = choose_thresholds(scored, rules, iou=params.iou)
            for name, value in choice.f1.items():
                point["inner_f1" if name == "overall" else f"inner_f1_{name}"] = value
            if best is None or choice.f1["overall"] > best[0]:
                state = copy.deepcopy(epoch.model.state_dict())
                best = (choice.f1["overall"], epoch.index, choice, state)
        if epoch.index >= first_candidate:
            author[epoch.index] = [predict(epoch.model, clip, device=device) for clip in test_clips]
        curves.append({name: round(float(value), 6) for name, value in point.items()})
        model = epoch.model
        beat(epoch.index + 1, params.epochs)
    assert best is not None
    inner_f1, chosen_epoch, choice, state = best
    if chosen_epoch in author:
        scores = author[chosen_epoch]
    else:
        model.load_state_dict(state)
        scores = [predict(model, clip, device=device) for clip in test_clips]
    videos = _author_videos(author, test_clips, params)
    for video, clip, of_clip in zip(videos, test_clips, scores, strict=True):
        video["clean"] = [event_to_json(e) for e in spot(of_clip, rules=choice.rules, fps=clip.fps)]
    frames, nodes = train_clips[0].windows.shape[1:3]
    row = {
        "chosen": {
            "epoch": chosen_epoch,
            "inner_f1": round(inner_f1, 6),
            **{str(kind): _rule_to_json(choice.rules[kind]) for kind in KINDS},
        },
        "curves": curves,
        "videos": videos,
        "author_epochs": sorted(author),
        "parameters": parameter_count(model),
        "gflop_per_window": gflop(model, frames, nodes),
    }
    return row, {
        f"{c.name}/scores": s.probabilities.astype(np.float16) for c, s in zip(test_clips, scores, strict=True)
    }


def _author_videos(scores: dict[int, list[FrameScores]], clips: Sequence[Clip], params: Params) -> list[dict[str, Any]]:
    """Per video the author protocol's events, at the epoch that its subject's own F1 chose."""
    rules = author_rules(params)
    spotted = {epoch: [spot(s, rules=rules) for s in of_epoch] for epoch, of_epoch in scores.items()}
    videos: list[dict[str, Any]] = [{} for _ in clips]
    for subject in {clip.subject for clip in clips}:
        own = [i for i, clip in enumerate(clips) if clip.subject == subject]
        candidates = {epoch: [(clips[i].events, events[i]) for i in own] for epoch, events in spotted.items()}
        epoch = author_epoch(candidates, params.iou)
        for i in own:
            videos[i] = {"author": [event_to_json(e) for e in spotted[epoch][i]], "author_epoch": epoch}
    return videos


def _peaks_fold(
    train_clips: Sequence[Clip],
    inner_clips: Sequence[Clip],
    test_clips: Sequence[Clip],
    params: Params,
    device: torch.device,
    beat: Callable[[float, float], None],
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
    videos = [{name: [event_to_json(e) for e in events] for name in ("clean", "author")} for events in found]
    row = {
        "chosen": chosen,
        "curves": [],
        "videos": [{**video, "author_epoch": None} for video in videos],
        "author_epochs": [],
        "parameters": 0,
        "gflop_per_window": 0.0,
    }
    return row, {f"{c.name}/scores": s.astype(np.float16) for c, s in zip(test_clips, of_test, strict=True)}
