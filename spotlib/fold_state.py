"""The state of a `FoldRun` as arrays and plain values, and back (see `spotlib.checkpoint`)."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import torch

from spotlib.checkpoint import Checkpoint, State
from spotlib.engine import Engine
from spotlib.errors import SpotlibError
from spotlib.fold_run import FoldRun, Scores
from spotlib.intervals import Kind
from spotlib.progress import log
from spotlib.protocols import Choice
from spotlib.spotting import FrameScores, SpotRule


def go_on(fold: FoldRun, checkpoint: Checkpoint | None) -> None:
    """Put a fresh ``fold`` where ``checkpoint`` left it, if there is one that fits; it says what it does."""
    if checkpoint is None or not can_go_on(fold.engine):
        return
    state = checkpoint.load(where=where(fold.engine))
    if state is None:
        return
    try:
        restore(fold, state)
    except SpotlibError as error:
        log.warning("%s: begins anew: %s", checkpoint.name, error)
    else:
        log.info("%s: goes on behind epoch %d of %d", checkpoint.name, len(fold.curves), fold.params.epochs)


def note(fold: FoldRun, checkpoint: Checkpoint | None, *, seconds: float) -> None:
    """Write ``checkpoint`` if it is due; ``seconds``: what the fold took so far, without earlier attempts."""
    left = len(fold.curves) < fold.params.epochs
    if checkpoint is not None and left and checkpoint.due() and can_go_on(fold.engine):
        checkpoint.save(state_of(fold), where=where(fold.engine), seconds=seconds)


def can_go_on(engine: Engine) -> bool:
    """Whether a fold on this engine can be interrupted without a trace.

    On a GPU a network without a packed form takes its dropout from the device's own random numbers, whose state
    inside a captured graph cannot be put back: such a fold begins anew.
    """
    return not engine.cuda or engine.independent


def where(engine: Engine) -> dict[str, Any]:
    """What rounding depends on, beside the code: a fold goes on only where all of it is the same."""
    return {
        "device": torch.cuda.get_device_name(engine.device) if engine.cuda else torch.backends.cpu.get_cpu_capability(),
        "libraries": {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": np.__version__},
        "speed": dataclasses.asdict(engine.speed),
        "threads": torch.get_num_threads(),
    }


def state_of(fold: FoldRun) -> State:
    """All that the epochs so far have led to; waits until every epoch enqueued is taken in."""
    fold.drain()
    arrays = {f"engine/{name}": value.numpy() for name, value in fold.engine.state().items()}
    values: dict[str, Any] = {"lr": fold.engine.lr, "curves": fold.curves, "author": sorted(fold.author), "best": None}
    for epoch, scores in fold.author.items():
        arrays |= _pack(f"author/{epoch}", scores)
    if fold.best is not None:
        f1, epoch, choice, scores = fold.best
        rules = {str(kind): dataclasses.asdict(rule) for kind, rule in choice.rules.items()}
        values["best"] = {"f1": f1, "epoch": epoch, "rules": rules, "choice": choice.f1}
        arrays |= _pack("best", scores)
    return arrays, values


def restore(fold: FoldRun, state: State) -> None:
    """Put a fresh ``fold`` where `state_of` found one; SpotlibError, before anything is changed, if it does not fit."""
    arrays, values = state
    try:
        own = {name.removeprefix("engine/"): a for name, a in arrays.items() if name.startswith("engine/")}
        author = {int(epoch): _unpack(f"author/{epoch}", arrays, fold) for epoch in values["author"]}
        best = None
        if values["best"] is not None:
            of_best = values["best"]
            rules = {Kind(kind): SpotRule(**rule) for kind, rule in of_best["rules"].items()}
            best = (of_best["f1"], of_best["epoch"], Choice(rules, of_best["choice"]), _unpack("best", arrays, fold))
        curves, lr = list(values["curves"]), float(values["lr"])
        fold.engine.restore({name: torch.from_numpy(array) for name, array in own.items()}, lr=lr)
    except (KeyError, ValueError, TypeError) as error:
        raise SpotlibError(f"the checkpoint does not fit ({type(error).__name__}: {error})") from None
    fold.author, fold.best, fold.curves, fold.enqueued = author, best, curves, len(curves)


def _pack(name: str, scores: Scores) -> dict[str, np.ndarray]:
    return {f"{name}/{number}": of_clip.probabilities for number, of_clip in enumerate(scores)}


def _unpack(name: str, arrays: dict[str, np.ndarray], fold: FoldRun) -> Scores:
    test = fold.groups[2]
    found = [FrameScores(arrays[f"{name}/{number}"], clip.valid) for number, clip in enumerate(test)]
    if any(len(scores.probabilities) != clip.n_frames for scores, clip in zip(found, test, strict=True)):
        raise ValueError("other videos")
    return found
