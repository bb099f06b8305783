"""A network's fold on an engine: epochs are enqueued, their scores taken in later, and the choice made of them.

The two halves are apart so that a GPU goes on training while the host chooses thresholds, and so that several folds
share one device (`spotlib.many_folds`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spotlib.clip import Clip
from spotlib.engine import Engine
from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event
from spotlib.material import Material
from spotlib.models import gflop, parameter_count
from spotlib.protocols import Choice, Rules, author_epoch, author_rules, choose_thresholds, clean_rules
from spotlib.spotting import FrameScores, SpotRule, spot

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params

Arrays = dict[str, np.ndarray]
Groups = tuple[Sequence[Clip], Sequence[Clip], Sequence[Clip]]  # train, inner, test
Scores = list[FrameScores]


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as a row holds it."""
    value: dict[str, Any] = {"kind": str(event.kind), "onset": event.onset, "apex": event.apex, "offset": event.offset}
    if event.score is not None:
        value["score"] = round(float(event.score), 6)
    if not event.reachable:
        value["reachable"] = False
    return {**value, "aus": list(event.aus), "side": event.side}


class Here(Executor):
    """Computes what it is given at once; the executor of a fold by itself."""

    def submit(self, function: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """The finished future of ``function(*args, **kwargs)``."""
        future: Future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def choose(scores: Scores, truth: Sequence[tuple[float, Sequence[Event]]], rules: Rules, iou: float) -> Choice:
    """Thresholds for the scores of inner videos, whose frame rates and events are ``truth``; for another process."""
    videos = [(of_clip, fps, events) for of_clip, (fps, events) in zip(scores, truth, strict=True)]
    return choose_thresholds(videos, rules, iou=iou)


@dataclass
class _Waiting:
    """An epoch that was enqueued; each value is had by a call, which may wait."""

    point: dict[str, float]
    losses: Callable[[], dict[str, float]]
    inner: Callable[[], Scores] | None
    test: Callable[[], Scores]
    choice: Future | None = None


class FoldRun:
    """Train on the first group of clips, choose on the second, score the third.

    Call `enqueue` once per epoch and `take` once for each, behind it or (with ``later``) any time after it; then `row`.

    Args:
        engine: whose bank holds the clips.
        groups: of clips.
        params: `spotlib.params.Params`, or any object with its attributes.
        later: epochs are taken in when the weights may be others. All scores are then made at once, instead of those of
            test clips only where they turn out to be wanted.
        executor: where choices are made; with another than this process, ``later`` is needed.
    """

    def __init__(
        self, engine: Engine, groups: Groups, params: Params, *, later: bool = False, executor: Executor | None = None
    ) -> None:
        self.engine, self.groups, self.params, self.later = engine, groups, params, later
        self.executor = executor or Here()
        train, inner, test = groups
        self.rules = clean_rules([event for clip in train for event in clip.events], params)
        self.truth = [(clip.fps, clip.events) for clip in inner]
        self.first_candidate = max(0, params.epochs - params.candidate_epochs)
        self.inner_frames, self.test_frames = engine.bank.frames(inner), engine.bank.frames(test)
        self.curves: list[dict[str, float]] = []
        self.author: dict[int, Scores] = {}
        self.best: tuple[float, int, Choice, Scores] | None = None
        self.waiting: deque[_Waiting] = deque()
        self.enqueued = 0
        engine.begin(Material(train, neutral=params.neutral_segments, device=engine.device, bank=engine.bank))

    def enqueue(self) -> None:
        """Train one more epoch, and score what has to be scored with its weights."""
        engine, index = self.engine, self.enqueued
        point = {"epoch": index, "step": (index + 1) * engine.steps, "lr": engine.lr}
        engine.epoch()
        losses = engine.later_losses()
        last = index == self.params.epochs - 1
        evaluated = last or (index + 1) % self.params.evaluate_every == 0
        inner: Callable[[], Scores] | None = None
        test = lambda: self._apart(engine.scores(self.test_frames)(), self.groups[2])  # noqa: E731
        if self.later and (evaluated or index >= self.first_candidate):
            logits = engine.scores(torch.cat([self.inner_frames, self.test_frames]))
            count = len(self.inner_frames)
            test = lambda: self._apart(logits()[count:], self.groups[2])  # noqa: E731
            inner = (lambda: self._apart(logits()[:count], self.groups[1])) if evaluated else None
        elif evaluated:
            inner = lambda: self._apart(engine.scores(self.inner_frames)(), self.groups[1])  # noqa: E731
        self.waiting.append(_Waiting(point, losses, inner, test))
        self.enqueued += 1

    def take(self) -> int:
        """Take in the oldest epoch not taken in yet, and return how many were; the choice may still be under way."""
        done = len(self.curves)
        waiting = self.waiting[done - self.settled]
        losses = waiting.losses()
        if not np.isfinite(losses["loss"]):
            raise SpotlibError(f"epoch {done}: the loss is not a number; lower lr (now {self.params.lr:g})")
        self.curves.append({**waiting.point, **losses})
        if waiting.inner is not None:
            waiting.choice = self.executor.submit(choose, waiting.inner(), self.truth, self.rules, self.params.iou)
        if done >= self.first_candidate:
            scores = waiting.test()
            waiting.test = lambda: scores
            self.author[done] = scores
        while self.waiting and len(self.curves) > self.settled and self._decided(self.waiting[0]):
            self._settle()
        return done + 1

    def drain(self) -> None:
        """Take in every epoch that was enqueued, and wait for its choice: nothing is under way then."""
        while len(self.curves) < self.enqueued:
            self.take()
        while self.waiting:
            self._settle()

    @property
    def settled(self) -> int:
        """Epochs whose choice was compared with the best so far."""
        return self.enqueued - len(self.waiting)

    @staticmethod
    def _decided(waiting: _Waiting) -> bool:
        return waiting.choice is None or waiting.choice.done()

    def _settle(self) -> None:
        index, waiting = self.settled, self.waiting.popleft()
        if waiting.choice is None:
            return
        choice = waiting.choice.result()
        for name, value in choice.f1.items():
            self.curves[index]["inner_f1" if name == "overall" else f"inner_f1_{name}"] = value
        if self.best is None or choice.f1["overall"] > self.best[0]:
            self.best = choice.f1["overall"], index, choice, waiting.test()

    def row(self) -> tuple[dict[str, Any], Arrays]:
        """What a row says about this fold, and its arrays: the test videos' scores at the chosen epoch."""
        while self.waiting:
            self._settle()
        assert self.best is not None
        inner_f1, chosen_epoch, choice, scores = self.best
        test, engine = self.groups[2], self.engine
        videos = _author_videos(self.author, test, self.params)
        for video, clip, of_clip in zip(videos, test, scores, strict=True):
            video["clean"] = [event_to_json(e) for e in spot(of_clip, rules=choice.rules, fps=clip.fps)]
        frames, nodes = engine.bank.windows.shape[1:3]
        speed = engine.speed
        row = {
            "chosen": {
                "epoch": chosen_epoch,
                "inner_f1": round(inner_f1, 6),
                **{str(kind): _rule_to_json(choice.rules[kind]) for kind in KINDS},
            },
            "curves": [{name: round(float(value), 6) for name, value in point.items()} for point in self.curves],
            "videos": videos,
            "author_epochs": sorted(self.author),
            "parameters": parameter_count(engine.model),
            "gflop_per_window": gflop(engine.model, frames, nodes),
            "windows_per_second": round(self._windows_per_second(), 1),
            "engine": {
                "precision": speed.precision, "compiled": speed.compile, "graphs": speed.graph,
                "deterministic": speed.deterministic, "notes": list(engine.notes),
            },
        }  # fmt: skip
        arrays = {f"{c.name}/scores": s.probabilities.astype(np.float16) for c, s in zip(test, scores, strict=True)}
        return row, arrays

    def _windows_per_second(self) -> float:
        frames = self.test_frames[:4096]
        start = time.perf_counter()
        self.engine.scores(frames)()
        return len(frames) / (time.perf_counter() - start)

    @staticmethod
    def _apart(logits: torch.Tensor, clips: Sequence[Clip]) -> Scores:
        """Logits of clips behind each other -> scores of each."""
        parts = logits.split([clip.n_frames for clip in clips])
        return [FrameScores.from_logits(part.numpy(), clip.valid) for part, clip in zip(parts, clips, strict=True)]


def _rule_to_json(rule: SpotRule) -> dict[str, float]:
    return {"k_min": rule.k_min, "k_max": rule.k_max, "min_score": rule.min_score}


def _author_videos(scores: dict[int, Scores], clips: Sequence[Clip], params: Params) -> list[dict[str, Any]]:
    """Per video the author protocol's events at the epoch that its subject's own F1 chose, and at the last epoch."""
    rules = author_rules(params)
    spotted = {epoch: [spot(s, rules=rules) for s in of_epoch] for epoch, of_epoch in scores.items()}
    last = spotted[max(spotted)]
    videos: list[dict[str, Any]] = [{} for _ in clips]
    for subject in {clip.subject for clip in clips}:
        own = [i for i, clip in enumerate(clips) if clip.subject == subject]
        candidates = {epoch: [(clips[i].events, events[i]) for i in own] for epoch, events in spotted.items()}
        epoch = author_epoch(candidates, params.iou)
        for i in own:
            videos[i] = {
                "author": [event_to_json(e) for e in spotted[epoch][i]],
                "author_epoch": epoch,
                "author_last": [event_to_json(e) for e in last[i]],
            }
    return videos
