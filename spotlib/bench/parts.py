"""The four parts of `spotlib bench`, measured one after another; a measurement that fails leaves the others.

``model`` and ``train`` need numpy, scipy and torch only, so they run on a bare GPU machine (`spotlib.bench.__main__`).
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spotlib.bench.common import facts, usable_cores
from spotlib.bench.results import Results
from spotlib.errors import SpotlibError

PARTS = ("features", "model", "train", "end-to-end")


@dataclass(frozen=True)
class Options:
    """How to measure."""

    quick: bool = False  # small sizes and few repeats: whether it works, not how fast it is
    device: str = "cpu"  # of the network
    threads: int | None = None  # of the network on a CPU; None: one per core
    report: bool = False  # also the time of the demo's report
    only: tuple[str, ...] = ()  # measurements whose names begin so; empty: all
    speeds: tuple[str, ...] = ()  # ways to train on a GPU; empty: all
    loso_folds: int = 4  # of 30; 0: all
    loso_epochs: int = 6  # of 100


def bench(
    parts: Iterable[str], options: Options, *, path: Path | None = None, tell: Callable[[str], None] = print
) -> tuple[Results, list[str]]:
    """Measure ``parts`` and write every number into ``path`` as soon as it is known.

    ``tell`` is told what is measured and how long it took. Returns the results and what failed, a line each.
    """
    parts = list(parts)
    _check(parts, options)
    # before the first product on a GPU: see spotlib.engine
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads = options.threads or usable_cores()
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    of_run = facts(options.device, threads=threads)
    results = Results(path, {**of_run, "quick": options.quick, "date": now, "spread": "lowest and highest"})
    failed = []
    for part in parts:
        for name, measure in _measurements(part, options, threads, tell).items():
            if options.only and not name.startswith(options.only):
                continue
            begin = time.perf_counter()
            try:
                found = measure()
            except Exception as error:  # drivers, compilers and codecs fail with anything; the rest is still wanted
                found = f"failed: {type(error).__name__}: {error}"[:500]
                failed.append(f"{part}, {name}: {found}")
            results.add(part, name, found)
            tell(f"{part}, {name}: {found if isinstance(found, str) else f'{time.perf_counter() - begin:.0f} s'}")
    return results, failed


def _check(parts: Sequence[str], options: Options) -> None:
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise SpotlibError(f"bench: part {unknown[0]!r} is unknown; choose of {', '.join(PARTS)}")
    if options.device not in ("cpu", "cuda"):
        raise SpotlibError(f"bench: device {options.device!r} is unknown; choose cpu or cuda")
    if options.threads is not None and options.threads < 1:
        raise SpotlibError(f"bench: threads is {options.threads}; give 1 or more")
    if options.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise SpotlibError("bench: no CUDA device was found here; leave out --device cuda")
        from spotlib.bench.gpu import GPU_SPEEDS

        for speed in options.speeds:
            if speed not in GPU_SPEEDS:
                raise SpotlibError(f"bench: way to train {speed!r} is unknown; known: {'; '.join(GPU_SPEEDS)}")


def _measurements(
    part: str, options: Options, threads: int, tell: Callable[[str], None]
) -> dict[str, Callable[[], Any]]:  # fmt: skip
    if part == "features":
        from spotlib.bench import features

        return features.parts(quick=options.quick)
    if part == "end-to-end":
        from spotlib.bench import end_to_end

        return end_to_end.parts(quick=options.quick, report=options.report)
    return _of_network(part, options, threads, tell)


def _of_network(
    part: str, options: Options, threads: int, tell: Callable[[str], None]
) -> dict[str, Callable[[], Any]]:  # fmt: skip
    import torch

    from spotlib.bench import model, train
    from spotlib.bench.base import PAPER, rates
    from spotlib.bench.gpu import gpu_parts

    device, quick = torch.device(options.device), options.quick
    rounds = 3 if quick else 7

    @functools.cache
    def rates_with(count: int) -> dict[str, Any]:
        with model.cpu_threads(count):
            return rates(device, rounds=rounds)

    def of_model(params: Any, count: int) -> dict[str, Any]:
        known = rates_with(count)
        with model.cpu_threads(count):
            return model.evaluation(device, params, rounds=2 * rounds, rates=known)

    def threaded(function: Callable[[], Any]) -> Callable[[], Any]:
        def measure() -> Any:
            with model.cpu_threads(threads):
                return function()

        return measure

    if part == "train":
        if device.type == "cuda":
            return {
                "rates": lambda: rates_with(threads),
                **gpu_parts(
                    device, lambda: rates_with(threads), rounds=rounds, quick=quick, speeds=options.speeds,
                    loso_folds=options.loso_folds, loso_epochs=options.loso_epochs, tell=tell,
                ),
            }  # fmt: skip
        of_cpu = train.cpu_parts(lambda: rates_with(threads), rounds=rounds, quick=quick)
        return {"rates": lambda: rates_with(threads), **{name: threaded(f) for name, f in of_cpu.items()}}
    counts = sorted({1, threads}) if device.type == "cpu" else [threads]
    known: dict[str, Callable[[], Any]] = {f"rates, {n} threads": functools.partial(rates_with, n) for n in counts}
    for n in counts:
        known[f"evaluation, {n} threads"] = functools.partial(of_model, PAPER, n)
        known[f"evaluation of the demo, {n} threads"] = functools.partial(of_model, model.DEMO, n)
    for axis in ("dim", "window", "nodes"):
        grown = functools.partial(model.growth, device, axis, rounds=rounds, quick=quick)
        known[f"growth, {axis}"] = threaded(grown)
    return known


def as_text(results: Results) -> str:
    """All of it as JSON, for whoever gave no file."""
    return json.dumps(results.results, indent=1, default=float)
