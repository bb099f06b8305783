"""What training costs: a step by turns in the reference's and the fast way, with loss curves, repeats, and growth."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from spotlib.bench.anew import compiled_anew
from spotlib.bench.base import PAPER, BenchParams, by_turns, changed, synthetic_clips
from spotlib.bench.model import DEMO, sizes
from spotlib.bench.network_floor import step_floor
from spotlib.engine import Engine, network, parameter_groups
from spotlib.labels import SEGMENT
from spotlib.losses import spotting_loss
from spotlib.many_folds import run_folds
from spotlib.material import Bank, Material
from spotlib.memory import keep_freed_memory
from spotlib.models.options import loss_options
from spotlib.points import LAYOUTS
from spotlib.splits import make_folds
from spotlib.steps import Speed

CPU = torch.device("cpu")


class PlainStep:
    """Training as the reference does it: the plain network, its own gradient, one step a call."""

    def __init__(self, material: Material, params: BenchParams) -> None:
        _, frames, nodes, _ = material.windows.shape
        torch.manual_seed(params.seed)
        self.material, self.params = material, params
        self.model = network(changed(params), frames, nodes).train()
        self.optimiser = torch.optim.AdamW(parameter_groups(self.model, params.weight_decay), lr=params.lr)
        self.generator = torch.Generator().manual_seed(params.seed)

    def __call__(self) -> float:
        """Train one step; its loss."""
        (frames,) = self.material.batches(steps=1, size=self.params.segments_per_batch, generator=self.generator)
        logits, embedding = self.model(self.material.windows[frames])
        loss, _ = spotting_loss(logits, embedding, self.material.targets[frames], **loss_options(changed(self.params)))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def material_of(params: BenchParams, *, subjects: int = 8, frames: int = 400) -> Material:
    """Synthetic videos, two of each subject, for networks of that window and layout."""
    clips = synthetic_clips(subjects, 2, frames, rows=params.window, nodes=len(LAYOUTS[params.nodes]))
    bank = Bank(clips, device=CPU)
    return Material(bank.clips, neutral=True, device=CPU, bank=bank)


def engine_of(material: Material, params: BenchParams, speed: Speed | None = None) -> Engine:
    """An engine that trains one step an epoch, at the same learning rate for ever, made ready."""
    engine = Engine(material.bank, changed(params, steps_per_epoch=1, lr_decay=1.0), speed=speed)
    engine.begin(material)
    return engine


def cpu_step(
    params: BenchParams = PAPER, *, rounds: int = 5, reference: bool = True, rates: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Seconds of a training step of ``segments_per_batch`` x 16 windows on the CPU, data and optimiser included.

    The reference is measured with memory given back to the system after each operation too, if this process has not
    been told to keep it before (`spotlib.memory`).
    """
    material = material_of(params)
    plain = PlainStep(material, params)
    took = {}
    if reference and not keep_freed_memory.cache_info().currsize:
        took = by_turns({"reference, memory given back": plain}, CPU, rounds=max(2, rounds // 2))
    fast = engine_of(material, params).epoch
    work: dict[str, Callable[[], Any]] = {"reference": plain, "fast": fast} if reference else {"fast": fast}
    took |= by_turns(work, CPU, rounds=rounds)
    windows, nodes = params.segments_per_batch * SEGMENT, len(LAYOUTS[params.nodes])
    return {
        "dim": params.dim, "window": params.window, "nodes": nodes, "windows": windows, "dropout": params.dropout,
        "threads": torch.get_num_threads(), "seconds": took,
        "floor": step_floor(plain.model, params.window, nodes, rates, windows=windows) if rates else None,
    }  # fmt: skip


def cpu_curves(params: BenchParams, *, steps: int = 40, every: int = 5) -> dict[str, Any]:
    """Mean losses of ``every`` steps by the reference and by the fast way, same seed, without dropout and with it."""
    found: dict[str, Any] = {
        "dim": params.dim, "windows": params.segments_per_batch * SEGMENT, "steps": steps, "every": every
    }  # fmt: skip
    for name, dropout in (("without dropout", 0.0), ("with dropout", params.dropout)):
        of_dropout = replace(params, dropout=dropout)
        material = material_of(of_dropout)
        plain, engine = PlainStep(material, of_dropout), engine_of(material, of_dropout)
        losses: dict[str, list[float]] = {"reference": [], "fast": []}
        for _ in range(steps):
            losses["reference"].append(plain())
            engine.epoch()
            losses["fast"].append(engine.losses()["loss"])
        found[name] = {way: _means(values, every) for way, values in losses.items()}
    return found


def _means(values: Sequence[float], every: int) -> list[float]:
    return [sum(values[i : i + every]) / every for i in range(0, len(values) - every + 1, every)]


def repeated(material: Material, params: BenchParams, speed: Speed, *, steps: int = 20) -> dict[str, Any]:
    """Whether two trainings with the same seed end with the same weights, bit for bit."""
    engine = Engine(material.bank, changed(params, steps_per_epoch=steps), speed=speed)
    ends = []
    for _ in range(2):
        engine.begin(material)
        engine.epoch()
        engine.losses()
        ends.append([p.detach().cpu().clone() for p in engine.model.parameters()])
    same = all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    return {"deterministic": speed.deterministic, "same_weights": same, "steps": steps}


def cost_of_determinism(
    material: Material, params: BenchParams, speed: Speed | None = None, *, rounds: int = 5, steps: int = 1
) -> dict[str, Any]:
    """Seconds of a step with `Speed.deterministic` on and off, by turns of ``steps`` steps."""
    engines = {}
    for name, on in (("on", True), ("off", False)):
        torch._dynamo.reset()  # what is compiled for one is not for the other
        engines[name] = engine_of(material, params, replace(speed or Speed(), deterministic=on))
        engines[name].steps = steps
    work = {name: engine.epoch for name, engine in engines.items()}
    took = by_turns(work, material.bank.device, rounds=rounds, unit=steps)
    return {"dim": params.dim, "windows": params.segments_per_batch * SEGMENT, "steps": steps, "seconds": took}


def step_growth(axis: str, *, rounds: int = 3, quick: bool = False) -> list[dict[str, Any]]:
    """A training step of 64 windows on the CPU over D, K or node layouts, all sizes by turns."""
    small = [replace(params, segments_per_batch=4) for params in sizes(axis, quick=quick)]
    work = {str(getattr(params, axis)): engine_of(material_of(params), params).epoch for params in small}
    took = by_turns(work, CPU, rounds=rounds, unit=4 * SEGMENT / 1e3)
    return [
        {"value": getattr(p, axis), "nodes": len(LAYOUTS[p.nodes]), "ms_per_window": took[str(getattr(p, axis))]}
        for p in small
    ]


def subjects_growth(numbers: Sequence[int] = (4, 8, 16), *, epochs: int = 1, frames: int = 200) -> list[dict[str, Any]]:
    """Seconds of leave-one-subject-out with the demo's network on one thread, by the number of subjects.

    Every subject has two videos; an epoch sees each training segment once and ends with an evaluation. Folds and
    segments of a fold grow both with the number of subjects.
    """
    params = changed(DEMO, epochs=epochs, candidate_epochs=epochs, segments_per_batch=5)
    lines = []
    for number in numbers:
        clips = synthetic_clips(number, 2, frames)
        folds = make_folds([clip.subject for clip in clips], folds=0, inner_share=0.25, seed=270)
        begin = time.perf_counter()
        for _, row, _ in run_folds(clips, folds, params, device="cpu", at_once=1, workers=0):
            if isinstance(row, Exception):
                raise row
        seconds = time.perf_counter() - begin
        lines.append({"subjects": number, "folds": len(folds), "frames": number * 2 * frames, "seconds": seconds})
    return lines


def cpu_parts(rates: Callable[[], Mapping[str, float]], *, rounds: int, quick: bool) -> dict[str, Callable[[], Any]]:
    """The measurements of training on a CPU, by name; none is taken yet."""
    step = replace(PAPER, segments_per_batch=4) if quick else PAPER
    small = BenchParams(dim=64, segments_per_batch=4)
    curve = small if quick else replace(PAPER, segments_per_batch=4)
    few = small if quick else replace(PAPER, segments_per_batch=8)
    axes = {f"growth, {a}": functools.partial(step_growth, a, quick=quick) for a in ("dim", "window", "nodes")}
    return {
        "step": lambda: cpu_step(step, rounds=rounds, rates=rates()),
        "step of the demo": lambda: cpu_step(replace(DEMO, segments_per_batch=4), rounds=rounds),
        "loss curves": lambda: cpu_curves(curve, steps=10 if quick else 40),
        "repeat": lambda: repeated(material_of(small), small, Speed()),
        "compiled anew": lambda: compiled_anew(CPU, steps=1 if quick else 2),
        "determinism": lambda: cost_of_determinism(material_of(few), few, rounds=rounds),
        **axes,
        "growth, subjects": lambda: subjects_growth((4, 8) if quick else (4, 8, 16)),
    }
