"""What the network costs on this machine: evaluation, a training step, and leave-one-subject-out, beside the floor.

Everything is measured side by side in one run, by turns, and given as a median with its quartiles. Material is
synthetic and needs no files; numpy, scipy and torch are enough: ``python -m spotlib.bench_model --json out.json``.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from spotlib.bench_base import PAPER, BenchParams, by_turns, changed, floor, machine, synthetic_clips
from spotlib.bench_gpu import GPU_SPEEDS, attention_ways, gpu_training, loso, profile, repeated, side_by_side
from spotlib.engine import Engine, network
from spotlib.losses import spotting_loss
from spotlib.material import Bank, Material
from spotlib.memory import keep_freed_memory
from spotlib.models import gflop
from spotlib.models.fast import evaluator
from spotlib.models.options import loss_options
from spotlib.points import LAYOUTS
from spotlib.steps import Speed


def evaluation(
    device: torch.device, params: BenchParams = PAPER, *, batch: int = 64, rounds: int = 15
) -> dict[str, Any]:
    """Milliseconds per window at evaluation, reference and fast, and how far their outputs are apart."""
    torch.manual_seed(0)
    nodes = len(LAYOUTS[params.nodes])
    model = network(changed(params), params.window, nodes).to(device)
    x = torch.randn(batch, params.window, nodes, 2, device=device)
    with torch.no_grad():
        for _ in range(3):
            model(x * 2)  # running statistics that are not the initial ones
    fast = evaluator(copy.deepcopy(model))
    model.eval()

    def plain() -> torch.Tensor:
        with torch.no_grad():
            return model(x)[0]

    apart = float((plain() - fast(x)[0]).abs().max())
    took = by_turns({"reference": plain, "fast": lambda: fast(x)}, device, rounds=rounds)
    ms = {name: {k: v * (1e3 / batch if k != "rounds" else 1) for k, v in q.items()} for name, q in took.items()}
    gflops = gflop(model, params.window, nodes)
    return {
        "dim": params.dim,
        "batch": batch,
        "gflop_per_window": gflops,
        "ms_per_window": ms,
        "largest_difference": apart,
    }


def cpu_training(params: BenchParams = PAPER, *, rounds: int = 5, reference: bool = True) -> dict[str, Any]:
    """Seconds of a training step of ``segments_per_batch`` x 16 windows on the CPU, data and optimiser included."""
    device = torch.device("cpu")
    kept = keep_freed_memory.cache_info().currsize > 0
    bank = Bank(synthetic_clips(8, 2, 400, rows=params.window, nodes=len(LAYOUTS[params.nodes])), device=device)
    material = Material(bank.clips, neutral=True, device=device, bank=bank)
    model = network(changed(params), params.window, len(LAYOUTS[params.nodes])).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=params.lr)
    draw = torch.Generator().manual_seed(0)

    def plain() -> None:
        (frames,) = material.batches(steps=1, size=params.segments_per_batch, generator=draw)
        logits, embedding = model(bank.windows[frames])
        loss, _ = spotting_loss(logits, embedding, bank.targets[frames], **loss_options(changed(params)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    took = {}
    if reference and not kept:
        took = by_turns({"reference, memory given back": plain}, device, rounds=max(2, rounds // 2))
    engine = Engine(bank, changed(params, steps_per_epoch=1))
    engine.begin(material)
    what: dict[str, Callable[[], Any]] = (
        {"reference": plain, "fast": engine.epoch} if reference else {"fast": engine.epoch}
    )
    took |= by_turns(what, device, rounds=rounds)
    return {"dim": params.dim, "windows": params.segments_per_batch * 16, "dropout": params.dropout, "seconds": took}


def growth(device: torch.device, *, rounds: int = 5) -> list[dict[str, Any]]:
    """Evaluation and (on a CPU) a small training step over D, window length and node layout."""
    lines = []
    variants: list[tuple[str, dict[str, Any]]] = [("dim", {"dim": d}) for d in (64, 128, 256, 512)]
    variants += [("window", {"window": k}) for k in (7, 11, 15, 17, 23, 31)]
    variants += [("nodes", {"nodes": name}) for name in LAYOUTS]
    for axis, changes in variants:
        params = replace(PAPER, segments_per_batch=4, **changes)
        line = {"axis": axis, **changes, "evaluation": evaluation(device, params, rounds=rounds)}
        if device.type == "cpu":
            line["training"] = cpu_training(params, rounds=max(2, rounds // 2), reference=False)
        lines.append(line)
    return lines


PARTS = ("floor", "evaluation", "attention", "training", "repeat", "folds", "loso", "growth", "profile")


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m spotlib.bench_model``: measure, print, and write what was measured after every part."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.bench_model", description=main.__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, help="of the CPU (default: all cores)")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument(
        "--parts", default="", help="some of: floor,evaluation,training,repeat,folds,loso,growth,profile"
    )
    parser.add_argument("--speeds", default="", help=f"GPU: some of {'; '.join(GPU_SPEEDS)} (separated by ;)")
    parser.add_argument("--engines", default="1,2,3", help="GPU: numbers of folds side by side")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    cuda = device.type == "cuda"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before the first product: see spotlib.engine
    usual = "floor,attention,training,repeat,folds,loso,profile" if cuda else "floor,evaluation,training,repeat"
    parts = (options.parts or usual).split(",")
    speeds = [name.strip() for name in options.speeds.split(";") if name.strip()] or list(GPU_SPEEDS)
    report: dict[str, Any] = {"machine": machine(device)}

    def add(name: str, value: Any) -> None:
        report[name] = value
        print(f"{name}: {value if isinstance(value, str) else json.dumps(value)}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    def measure(name: str, function: Callable[[], Any]) -> None:
        begin = time.perf_counter()
        try:
            add(name, function())
        except Exception as error:  # a part that fails leaves the others
            add(name, f"failed: {type(error).__name__}: {error}"[:500])
        print(f"({name}: {time.perf_counter() - begin:.0f} s)", flush=True)

    if "floor" in parts:
        measure("floor", lambda: floor(device, rounds=options.rounds))
    if "evaluation" in parts:
        measure("evaluation", lambda: evaluation(device, rounds=options.rounds))
    best = GPU_SPEEDS[speeds[0]] if cuda else Speed()
    if not cuda:
        if "training" in parts:
            measure("training", lambda: cpu_training(rounds=options.rounds))
        small = BenchParams(dim=64, segments_per_batch=8)
        if "repeat" in parts:
            bank = Bank(synthetic_clips(4, 1, 400), device=device)
            measure("repeat", lambda: repeated(device, bank, best, small))
    else:
        clips = synthetic_clips(30, 5, 460)  # 69,000 frames: SAMM-LV at 28.57 fps
        bank = Bank(clips, device=device)
        if "attention" in parts:
            measure("attention", lambda: attention_ways(device))
        if "training" in parts:
            for name in speeds:
                measure(f"training, {name}", functools.partial(gpu_training, device, bank, GPU_SPEEDS[name]))
        torch._dynamo.reset()
        if "repeat" in parts:
            measure("repeat", lambda: repeated(device, bank, best))
        if "folds" in parts:
            for count in map(int, options.engines.split(",")):
                measure(f"folds, {count}", functools.partial(side_by_side, device, bank, best, engines=count))
        if "loso" in parts:
            for at_once in map(int, options.engines.split(",")):
                measure(f"loso, {at_once}", functools.partial(loso, device, clips, best, at_once=at_once))
        if "profile" in parts:
            measure("profile", lambda: profile(device, bank, best))
    if "growth" in parts:
        measure("growth", lambda: growth(device))


if __name__ == "__main__":
    main()
