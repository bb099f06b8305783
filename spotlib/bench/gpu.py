"""What training costs on a GPU: ways to do a step, their loss curves, folds side by side, leave-one-subject-out."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import torch

from spotlib.bench.anew import compiled_anew
from spotlib.bench.base import PAPER, BenchParams, by_turns, changed, synthetic_clips, wait_for
from spotlib.bench.common import FEWER_CHOOSE, in_turns, late_loss, spread
from spotlib.bench.network_floor import step_floor
from spotlib.bench.train import cost_of_determinism, repeated
from spotlib.clip import Clip
from spotlib.engine import SCORED, Engine, network
from spotlib.labels import SEGMENT
from spotlib.many_folds import make_engines, run_folds
from spotlib.material import Bank, Material
from spotlib.models.fast.packed_attention import Backend, Over, Tokens, attention, triton_agrees
from spotlib.splits import Fold, make_folds
from spotlib.steps import Speed

WHOLE_EPOCHS = 100
SEEDS = 4  # of loss curves: one says nothing about luck
LOSO_FRAMES = 16  # of a window of SAMM-LV: its released features have no row 0 (params/samm_lv.yaml)
#: ways to train on a GPU, the expected best first
GPU_SPEEDS: dict[str, Speed] = {
    "bf16 compiled graph": Speed("bfloat16", compile=True, graph=True, packed=True, attention="triton", joined=True),
    "bf16 compiled graph, not deterministic": Speed(
        "bfloat16", compile=True, graph=True, packed=True, attention="triton", joined=True, deterministic=False
    ),
    "bf16 compiled graph, sub-layers in parts": Speed(
        "bfloat16", compile=True, graph=True, packed=True, attention="triton"
    ),
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
#: those of a quick run
QUICK_SPEEDS = (
    "bf16 compiled graph",
    "bf16 compiled graph, sub-layers in parts",
    "reference",
    "bf16 compiled graph, not deterministic",
)


class Way:
    """One way to train, made ready on a device: compiled, captured, and its loss curve drawn from a fresh start."""

    def __init__(
        self, material: Material, speed: Speed, params: BenchParams, *, steps: int, curve: int, every: int = 10
    ) -> None:
        torch._dynamo.reset()
        self.device = material.bank.device
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
        begin = time.perf_counter()
        self.engine = Engine(material.bank, changed(params, steps_per_epoch=every, lr_decay=1.0), speed=speed)
        self.engine.begin(material)
        wait_for(self.device)
        self.ready = time.perf_counter() - begin
        points = curve // every
        self.losses = self._curve(points)
        self.late = {str(params.seed): late_loss(self.losses)}
        for seed in range(params.seed + 1, params.seed + SEEDS):  # what is luck, and what the way
            self.engine.params = changed(cast(BenchParams, self.engine.params), seed=seed)
            self.engine.begin(material)
            self.late[str(seed)] = late_loss(self._curve(points))
        self.engine.steps = steps
        self.frames = torch.arange(min(len(material.windows), 8192))
        logits = self.engine.scores(self.frames[:256])()
        self.engine.model.eval()
        with torch.no_grad():
            expected = self.engine.model(material.windows[:256].float())[0].cpu()
        self.engine.model.train()
        self.difference = float((logits - expected).abs().max())
        self.memory = None
        if self.device.type == "cuda":
            self.memory = (torch.cuda.max_memory_allocated(self.device) - before) / 1e9

    def _curve(self, points: int) -> list[float]:
        read = []
        for _ in range(points):
            self.engine.epoch()
            read.append(self.engine.later_losses())
        return [losses()["loss"] for losses in read]

    def evaluate(self) -> None:
        """Score some frames, and wait for it."""
        self.engine.scores(self.frames)()

    def said(self) -> dict[str, Any]:
        """How it trains, what could not be had, how long it took to get ready, and how it learns."""
        return {
            "speed": asdict(self.engine.speed),
            "notes": self.engine.notes,
            "ready_seconds": self.ready,
            "largest_difference_from_reference": self.difference,
            "loss_every_10_steps": self.losses,
            "late_loss_by_seed": self.late,
            "memory_gb": self.memory,
        }


def training(
    material: Material, speeds: Mapping[str, Speed], params: BenchParams = PAPER, *, steps: int = 100,
    curve: int = 300, rounds: int = 5, rates: Mapping[str, float] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of a training step and of evaluation by several ways, by turns; what each says of itself.

    The loss curves go over ``curve`` steps from a fresh start with the same seed, ten steps a point; of further seeds
    only the mean over the second half is kept. A way that fails is a line of text instead. ``rates``: of
    `spotlib.bench.base.rates`; with them the floor of each way is given.
    """
    device = material.bank.device
    ways: dict[str, Way] = {}
    found: dict[str, Any] = {}
    for name, speed in speeds.items():
        try:
            ways[name] = Way(material, speed, params, steps=steps, curve=curve)
            found[name] = ways[name].said()
        except Exception as error:  # compilers and drivers fail with anything; the other ways go on
            found[name] = f"failed: {type(error).__name__}: {error}"[:500]
    took = by_turns({n: way.engine.epoch for n, way in ways.items()}, device, rounds=rounds, unit=steps / 1e3)
    scored = by_turns({n: way.evaluate for n, way in ways.items()}, device, rounds=rounds)
    _, frames, nodes, _ = material.windows.shape
    windows = params.segments_per_batch * SEGMENT
    for name, way in ways.items():
        unit = 1e3 * 512 / len(way.frames)
        found[name]["ms_per_step"] = took[name]
        found[name]["evaluation_ms_per_512_windows"] = {k: v if k == "n" else v * unit for k, v in scored[name].items()}
        if rates:
            precision = way.engine.speed.precision
            found[name]["floor"] = step_floor(
                way.engine.model, frames, nodes, rates, windows=windows, precision=precision
            )
    return {"dim": params.dim, "windows": windows, "steps": steps, "ways": found}


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


def side_by_side(
    material: Material, speed: Speed, params: BenchParams = PAPER, *, counts: Sequence[int] = (1, 2, 3),
    steps: int = 50, rounds: int = 5,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds per step when 1, 2, ... folds take turns on one device."""
    crew = [Engine(material.bank, changed(params, steps_per_epoch=steps), speed=speed) for _ in range(max(counts))]
    for engine in crew:
        engine.begin(material)

    def turn(count: int) -> None:
        for engine in crew[:count]:
            engine.epoch()

    device = material.bank.device
    took = by_turns({str(n): functools.partial(turn, n) for n in counts}, device, rounds=rounds, unit=steps / 1e3)
    each = {n: {k: v if k == "n" else v / int(n) for k, v in of_n.items()} for n, of_n in took.items()}
    return {"steps": steps, "ms_per_step": each, "notes": crew[0].notes}


def loso(
    clips: Sequence[Clip], device: torch.device, params: BenchParams = PAPER, *, speed: Speed | None = None,
    folds: int = 4, epochs: int = 6, steps: int = 49, at_once: int = 2, workers: int = 8, rounds: int = 3,
    inner_share: float = 0.25, tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Minutes of leave-one-subject-out over the subjects of ``clips``, 100 epochs a fold with evaluation after each.

    49 steps of 512 windows are an epoch of about 25,000; after each the test subject is scored, and those that choose,
    an ``inner_share`` of the others. With all folds and 100 epochs it is done as it is ("whole": True), and ``tell`` is
    told after each fold how far it is. With fewer it is an extrapolation: with 100 epochs from the time of ``folds``
    folds; else from three trainings by turns, whose differences are what an epoch costs, what a fold costs besides, and
    what the start costs. Engines are made and compiled before, which takes "ready_seconds".
    """
    every = make_folds([clip.subject for clip in clips], folds=0, inner_share=inner_share, seed=270)
    chosen = every[: folds or len(every)]
    begin = time.perf_counter()
    most = changed(params, epochs=2 + epochs, steps_per_epoch=steps)
    engines = make_engines(Bank(clips, device=device), most, at_once, speed)
    f1: list[float] = []

    def train(count: int, some: Sequence[Fold]) -> None:
        few = changed(params, epochs=count, steps_per_epoch=steps, candidate_epochs=min(6, count))
        start = time.perf_counter()
        f1.clear()
        for fold, row, _ in run_folds(clips, some, few, device=str(device), workers=workers, engines=engines):
            if isinstance(row, Exception):
                raise row
            f1.append(row["chosen"]["inner_f1"])
            if count > 2:
                tell(f"fold {fold}: {len(f1)} of {len(some)} after {time.perf_counter() - start:.0f} s")

    everything = Material(engines[0].bank.clips, neutral=False, device=device, bank=engines[0].bank)
    for engine in engines:  # everything is compiled and captured
        engine.begin(everything)
        for count in (SCORED, 1):
            engine.scores(torch.arange(count) % len(everything.windows))()
    found: dict[str, Any] = {
        "whole": len(chosen) == len(every) and epochs >= WHOLE_EPOCHS, "folds": len(chosen),
        "folds_in_all": len(every), "epochs": epochs, "steps": steps, "at_once": len(engines), "workers": workers,
        "frames": int(sum(clip.n_frames for clip in clips)), "scored_subjects": len(chosen[0].inner + chosen[0].test),
        "ready_seconds": time.perf_counter() - begin,
    }  # fmt: skip
    if epochs >= WHOLE_EPOCHS:
        begin = time.perf_counter()
        train(epochs, chosen)
        minutes = (time.perf_counter() - begin) / 60
        return {**found, "minutes": spread([minutes * len(every) / len(chosen)]), "inner_f1": list(f1)}
    first = chosen[: len(engines)] if len(chosen) > len(engines) else chosen
    work = {
        "fewest": lambda: train(2, first), "short": lambda: train(2, chosen), "long": lambda: train(2 + epochs, chosen)
    }  # fmt: skip
    took = in_turns(work, repeats=rounds, wait=lambda: wait_for(device), warm_up=0)
    parts = [
        _costs(*of_turn, first=len(first), folds=len(chosen), epochs=epochs)
        for of_turn in zip(*took.values(), strict=True)
    ]
    whole = [start + len(every) * (fold + WHOLE_EPOCHS * epoch) for start, fold, epoch in parts]
    return {
        **found, "seconds": {name: spread(values) for name, values in took.items()},
        "seconds_of_start": spread([start for start, _, _ in parts]),
        "seconds_per_fold": spread([fold for _, fold, _ in parts]),
        "seconds_per_fold_epoch": spread([epoch for _, _, epoch in parts]),
        "minutes": spread([seconds / 60 for seconds in whole]), "inner_f1": list(f1),
    }  # fmt: skip


def _costs(
    fewest: float, short: float, long: float, *, first: int, folds: int, epochs: int
) -> tuple[float, float, float]:
    """Seconds of the start, of a fold without its epochs, and of an epoch of a fold.

    ``fewest``: of ``first`` folds of 2 epochs; ``short``: of ``folds`` of 2; ``long``: of ``folds`` of 2 + ``epochs``.

    >>> _costs(5 + 2 * (1 + 2 * 3), 5 + 4 * (1 + 2 * 3), 5 + 4 * (1 + 8 * 3), first=2, folds=4, epochs=6)
    (5.0, 1.0, 3.0)
    """
    epoch = (long - short) / (epochs * folds)
    with_two = (short - fewest) / (folds - first) if folds > first else short / folds
    return short - folds * with_two, with_two - 2 * epoch, epoch


def profile(material: Material, speed: Speed, params: BenchParams = PAPER, *, steps: int = 5) -> str:
    """PyTorch's table of where the time of a few training steps goes."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watch

    device = material.bank.device
    engine = Engine(material.bank, changed(params, steps_per_epoch=steps), speed=speed)
    engine.begin(material)
    engine.epoch()
    wait_for(device)
    cuda = device.type == "cuda"
    with watch(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as watched:
        engine.epoch()
        wait_for(device)
    order = "self_device_time_total" if cuda else "self_cpu_time_total"
    return watched.key_averages().table(sort_by=order, row_limit=60, max_name_column_width=90)


def gpu_parts(
    device: torch.device, rates: Callable[[], Mapping[str, float]], *, rounds: int, quick: bool, speeds: Sequence[str],
    loso_folds: int, loso_epochs: int, tell: Callable[[str], None],
) -> dict[str, Callable[[], Any]]:  # fmt: skip
    """The measurements of training on a GPU, by name; none is taken yet.

    Material is of the size of SAMM-LV at 28.57 frames/s: 30 subjects, 69,000 frames. ``quick``: fewer ways and folds.
    """
    chosen = {name: GPU_SPEEDS[name] for name in speeds or (QUICK_SPEEDS if quick else GPU_SPEEDS)}
    best = next(iter(chosen.values()))

    @functools.cache
    def clips() -> list[Clip]:
        return synthetic_clips(30, 5, 460)

    @functools.cache
    def material() -> Material:
        bank = Bank(clips(), device=device)
        return Material(bank.clips, neutral=False, device=device, bank=bank)

    def of_loso(at_once: int, inner_share: float = 0.25) -> dict[str, Any]:
        torch._dynamo.reset()
        of_set = synthetic_clips(30, 5, 460, rows=LOSO_FRAMES)
        found = loso(
            of_set, device, speed=best, at_once=at_once, folds=loso_folds, epochs=loso_epochs,
            rounds=1 if quick else 3, inner_share=inner_share, tell=tell,
        )  # fmt: skip
        bank = Bank(of_set, device=device)
        few = Material(bank.clips, neutral=False, device=device, bank=bank)
        plain = training(few, {"reference": GPU_SPEEDS["reference"]}, steps=20, curve=20, rounds=3)["ways"]["reference"]
        _, frames, nodes, _ = few.windows.shape
        model = network(cast(Any, PAPER), frames, nodes)
        floor = step_floor(model, frames, nodes, rates(), windows=512, precision=best.precision)
        return {**found, "rows": LOSO_FRAMES, "reference_ms_per_step": plain["ms_per_step"], "floor": floor}

    def after_reset(function: Callable[[], Any]) -> Callable[[], Any]:
        def measure() -> Any:
            torch._dynamo.reset()
            return function()

        return measure

    whole = loso_epochs >= WHOLE_EPOCHS
    counts = (6,) if whole else (2, 3) if quick else (1, 2, 3)  # the whole thing once, as it is fastest
    return {
        "ways": lambda: training(material(), chosen, rounds=rounds, rates=rates()),
        "attention": lambda: attention_ways(device),
        "repeat": after_reset(lambda: repeated(material(), PAPER, best)),
        "compiled anew": lambda: compiled_anew(device),
        "compiled anew, not deterministic": lambda: compiled_anew(device, deterministic=False),
        "determinism": after_reset(lambda: cost_of_determinism(material(), PAPER, best, rounds=rounds, steps=100)),
        "folds side by side": after_reset(lambda: side_by_side(material(), best, rounds=rounds)),
        **{f"loso, {n} at once": functools.partial(of_loso, n) for n in counts},
        **{f"{FEWER_CHOOSE}, {n} at once": functools.partial(of_loso, n, 0.01) for n in counts[-1:]},
        "profile": after_reset(lambda: profile(material(), best)),
    }
