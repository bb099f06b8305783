"""What the network costs at evaluation: reference and fast way by turns, their difference, the floor, growth."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from spotlib.bench.base import PAPER, BenchParams, by_turns, changed
from spotlib.bench.network_floor import evaluation_floor
from spotlib.engine import network
from spotlib.models.fast import evaluator
from spotlib.points import LAYOUTS

#: what the demo trains: its parameters, as far as the network knows them
DEMO = replace(PAPER, dim=32, head_dim=8, dropout=0.0)


@contextlib.contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """That many threads of PyTorch (None: as it is) for what is done inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def evaluation(
    device: torch.device, params: BenchParams = PAPER, *, batch: int = 64, rounds: int = 15,
    rates: Mapping[str, float] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds per window at evaluation, reference and fast, and how far their outputs are apart.

    ``rates``: of `spotlib.bench.base.rates` with as many threads; with them the floor is given too.
    """
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

    def quick() -> torch.Tensor:
        with torch.no_grad():
            return fast(x)[0]

    apart = float((plain() - quick()).abs().max())
    work: dict[str, Callable[[], Any]] = {"reference": plain, "fast": quick}
    return {
        "dim": params.dim,
        "window": params.window,
        "nodes": nodes,
        "batch": batch,
        "threads": torch.get_num_threads(),
        "ms_per_window": by_turns(work, device, rounds=rounds, unit=batch / 1e3),
        "largest_difference": apart,
        "floor": evaluation_floor(model, params.window, nodes, rates) if rates else None,
    }


def sizes(axis: str, *, quick: bool = False) -> list[BenchParams]:
    """The paper's network at several sizes: "dim" (D), "window" (K) or "nodes" (layouts)."""
    values: dict[str, list[Any]] = {"dim": [64, 128, 256, 512], "window": [7, 11, 17, 23, 31], "nodes": [*LAYOUTS]}
    chosen = values[axis][: 2 if quick else None]
    return [replace(PAPER, **{axis: value}) for value in chosen]


def growth(device: torch.device, axis: str, *, rounds: int = 5, quick: bool = False) -> list[dict[str, Any]]:
    """Evaluation in the fast way over D, K or node layouts, 64 windows, all sizes by turns."""
    chosen = sizes(axis, quick=quick)
    work: dict[str, Callable[[], Any]] = {}
    for params in chosen:
        nodes = len(LAYOUTS[params.nodes])
        x = torch.randn(64, params.window, nodes, 2, device=device)
        fast = evaluator(network(changed(params), params.window, nodes).to(device))
        work[str(getattr(params, axis))] = functools.partial(_without_gradient, fast, x)
    took = by_turns(work, device, rounds=rounds, unit=64 / 1e3)
    return [
        {"value": getattr(p, axis), "nodes": len(LAYOUTS[p.nodes]), "ms_per_window": took[str(getattr(p, axis))]}
        for p in chosen
    ]


def _without_gradient(function: Callable[[torch.Tensor], Any], x: torch.Tensor) -> None:
    with torch.no_grad():
        function(x)
