"""What training costs on a GPU: ways to do a step, their loss curves, folds side by side, leave-one-subject-out."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, cast

import torch

from spotlib.bench_base import PAPER, BenchParams, by_turns, changed, wait_for
from spotlib.engine import Engine
from spotlib.many_folds import make_engines, run_folds
from spotlib.material import Bank, Clip, Material
from spotlib.models.fast.packed_attention import Backend, Over, Tokens, attention, triton_agrees
from spotlib.splits import make_folds
from spotlib.steps import Speed

#: ways to train on a GPU, the expected best first
GPU_SPEEDS: dict[str, Speed] = {
    "bf16 compiled graph": Speed("bfloat16", compile=True, graph=True, packed=True, attention="triton"),
    "bf16 graph": Speed("bfloat16", graph=True, packed=True, attention="triton"),
    "reference": Speed("float32"),
    "fp32 compiled graph": Speed("float32", compile=True, graph=True, packed=True, attention="triton"),
    "tf32 compiled graph": Speed("tf32", compile=True, graph=True, packed=True, attention="triton"),
    "bf16 compiled": Speed("bfloat16", compile=True, packed=True, attention="triton"),
    "bf16 compiled graph, norms unfolded": Speed(
        "bfloat16", compile=True, graph=True, packed=True, attention="triton", fold=False
    ),
    "bf16 compiled graph, fused attention": Speed("bfloat16", compile=True, graph=True, packed=True),
    "bf16": Speed("bfloat16", packed=True, attention="triton"),
    "fp32": Speed("float32", packed=True, attention="triton"),
}


def gpu_training(
    device: torch.device, bank: Bank, speed: Speed, params: BenchParams = PAPER, *, steps: int = 100,
    curve: int = 300, rounds: int = 5,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of a training step, and the loss over ``curve`` steps from a fresh start, ten steps a point."""
    torch._dynamo.reset()
    material = Material(bank.clips, neutral=False, device=device, bank=bank)
    begin = time.perf_counter()
    engine = Engine(bank, changed(params, steps_per_epoch=10, lr_decay=1.0), speed=speed)
    engine.begin(material)
    wait_for(device)
    ready = time.perf_counter() - begin
    points = []
    for _ in range(curve // 10):
        engine.epoch()
        points.append(engine.later_losses())
    losses = [point()["loss"] for point in points]
    engine.steps = steps
    took = by_turns({"": engine.epoch}, device, rounds=rounds)[""]
    frames = torch.arange(min(len(bank.windows), 8192))
    logits = engine.scores(frames[:256])()
    engine.model.eval()
    with torch.no_grad():
        expected = engine.model(bank.windows[:256].float())[0].cpu()
    engine.model.train()
    scored = by_turns({"": lambda: engine.scores(frames)()}, device, rounds=rounds)[""]
    return {
        "speed": asdict(engine.speed),
        "notes": engine.notes,
        "ready_seconds": ready,
        "ms_per_step": {k: v * (1e3 / steps if k != "rounds" else 1) for k, v in took.items()},
        "evaluation_ms_per_512_windows": scored["median"] * 1e3 * 512 / len(frames),
        "largest_difference_from_reference": float((logits - expected).abs().max()),
        "loss_every_10_steps": losses,
        "memory_gb": torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None,
    }


def attention_ways(device: torch.device, *, windows: int = 512, rounds: int = 7) -> dict[str, Any]:
    """Milliseconds of the attention of one batch, forward and with its gradient, for every way and both axes."""
    said: dict[str, Any] = {}
    tokens = Tokens(windows, 17, 10)
    seed = torch.tensor(7, dtype=torch.int32, device=device)
    for dtype in (torch.bfloat16, torch.float32):
        problem = triton_agrees(4, 64, dtype, device)
        said[f"triton, {dtype}"] = problem or "agrees"
        qkv = torch.randn(windows * 170, 768, device=device, dtype=dtype, requires_grad=True)
        ways: list[Backend] = ["fused", "plain"] if problem else ["triton", "fused", "plain"]
        what: dict[str, Callable[[], Any]] = {}
        for over in ("nodes", "frames"):
            for way in ways:
                name = f"{dtype}, {over}, {way}"
                options = {"heads": 4, "backend": way, "dropout": 0.1, "seed": seed}
                forward = functools.partial(attention, qkv, tokens, cast(Over, over), **options)  # type: ignore[arg-type]
                grad = torch.randn(windows * 170, 256, device=device, dtype=dtype)
                what[f"{name}, forward"] = forward
                what[f"{name}, both"] = functools.partial(_with_gradient, forward, qkv, grad)
        said |= {name: q["median"] * 1e3 for name, q in by_turns(what, device, rounds=rounds, warm_up=2).items()}
    return said


def _with_gradient(forward: Callable[[], torch.Tensor], x: torch.Tensor, grad: torch.Tensor) -> None:
    torch.autograd.grad(forward(), x, grad)


def repeated(device: torch.device, bank: Bank, speed: Speed, params: BenchParams = PAPER) -> dict[str, Any]:
    """Whether two trainings with the same seed end with the same weights, bit for bit."""
    material = Material(bank.clips, neutral=False, device=device, bank=bank)
    engine = Engine(bank, changed(params, steps_per_epoch=20), speed=speed)
    ends = []
    for _ in range(2):
        engine.begin(material)
        engine.epoch()
        engine.losses()
        ends.append([p.detach().cpu().clone() for p in engine.model.parameters()])
    same = all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
    return {"deterministic": speed.deterministic, "same_weights": same, "steps": 20}


def side_by_side(
    device: torch.device,
    bank: Bank,
    speed: Speed,
    params: BenchParams = PAPER,
    *,
    engines: int,
    steps: int = 50,
) -> dict[str, Any]:
    """Milliseconds per step when several folds take turns on one device."""
    material = Material(bank.clips, neutral=False, device=device, bank=bank)
    crew = [Engine(bank, changed(params, steps_per_epoch=steps), speed=speed) for _ in range(engines)]
    for engine in crew:
        engine.begin(material)

    def turn() -> None:
        for engine in crew:
            engine.epoch()

    took = by_turns({"": turn}, device, rounds=5)[""]
    return {"engines": engines, "ms_per_step": took["median"] * 1e3 / steps / engines, "notes": crew[0].notes}


def loso(
    device: torch.device, clips: Sequence[Clip], speed: Speed | None, params: BenchParams = PAPER, *,
    folds: int = 4, epochs: int = 6, steps: int = 49, at_once: int = 2, workers: int = 8,
) -> dict[str, Any]:  # fmt: skip
    """Seconds of some epochs of some folds with evaluation after each, and what 30 folds of 100 epochs come to.

    49 steps of 512 windows are an epoch of about 25,000. What a fold costs besides its epochs cancels between a run of
    one epoch and one of several.
    """
    every = make_folds([clip.subject for clip in clips], folds=0, inner_share=0.25, seed=270)
    chosen = every[:folds]
    lasting = changed(params, epochs=1 + epochs, steps_per_epoch=steps, candidate_epochs=min(6, 1 + epochs))
    engines = make_engines(Bank(clips, device=device), lasting, at_once, speed)
    seconds: dict[int, float] = {}
    f1 = []
    for count in (1, 1, 1 + epochs):  # the first time everything is compiled
        few = changed(params, epochs=count, steps_per_epoch=steps, candidate_epochs=min(6, count))
        begin = time.perf_counter()
        for _, row, _ in run_folds(clips, chosen, few, device=str(device), workers=workers, engines=engines):
            if isinstance(row, Exception):
                raise row
            f1.append(row["chosen"]["inner_f1"])
        seconds[count] = time.perf_counter() - begin
    per_epoch = (seconds[1 + epochs] - seconds[1]) / (epochs * folds)
    return {
        "folds": folds, "epochs": epochs, "steps": steps, "at_once": len(engines), "workers": workers,
        "frames": int(sum(clip.n_frames for clip in clips)), "seconds": {str(k): v for k, v in seconds.items()},
        "seconds_per_fold_epoch": per_epoch, "minutes_for_30_folds_of_100_epochs": per_epoch * 3000 / 60,
        "inner_f1": f1,
    }  # fmt: skip


def profile(device: torch.device, bank: Bank, speed: Speed, params: BenchParams = PAPER, *, steps: int = 5) -> str:
    """PyTorch's table of where the time of a few training steps goes."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watch

    engine = Engine(bank, changed(params, steps_per_epoch=steps), speed=speed)
    engine.begin(Material(bank.clips, neutral=False, device=device, bank=bank))
    engine.epoch()
    wait_for(device)
    cuda = device.type == "cuda"
    with watch(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as watched:
        engine.epoch()
        wait_for(device)
    order = "self_device_time_total" if cuda else "self_cpu_time_total"
    return watched.key_averages().table(sort_by=order, row_limit=60, max_name_column_width=90)
