"""What measurements of the network share: synthetic material, the machine's rates, timing by turns on a device.

numpy, scipy and torch are enough for all of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from spotlib.bench.common import Spread, in_turns, spread
from spotlib.clip import Clip
from spotlib.intervals import Event, Kind

if TYPE_CHECKING:
    from spotlib.params import Params


@dataclass(frozen=True)
class BenchParams:
    """The hyperparameters of METHOD sections 3 and 4, under the names of `spotlib.params.Params`."""

    system: str = "spotformer"
    dim: int = 256
    heads: int = 4
    head_dim: int = 64
    dropout: float = 0.1
    attention: str = "space-then-time"
    flgp: str = "max"
    scales: str = "multi"
    downsample: str = "conv"
    paddings: str = "paper"
    spatial_position: bool = True
    temporal_position: bool = True
    graph_mask: bool = False
    nodes: str = "10"
    window: int = 17
    epochs: int = 100
    steps_per_epoch: int | None = None
    segments_per_batch: int = 32
    lr: float = 2e-4
    lr_decay: float = 0.96
    weight_decay: float = 0.1
    macro_weight: float = 0.55
    contrastive_weight: float = 0.005
    temperature: float = 0.5
    normalise: bool = False
    neutral_segments: bool = False
    evaluate_every: int = 1
    candidate_epochs: int = 6
    apex_threshold: float = 0.5
    nms_iou: float = 0.5
    max_per_video: int = 5
    max_per_minute: float = 15.0
    iou: float = 0.5
    seed: int = 270


PAPER = BenchParams()


def changed(params: BenchParams, **changes: Any) -> Params:
    """``params`` with some values changed, as what it stands for."""
    return cast("Params", replace(params, **changes))


def synthetic_clips(subjects: int, videos: int, n_frames: int, *, rows: int = 17, nodes: int = 10) -> list[Clip]:
    """Videos with two slow motions of the mouth and a quick one of the brows in each, in noise (px)."""
    clips = []
    for index in range(subjects * videos):
        rng = np.random.default_rng([270, index])
        position = np.zeros((n_frames, nodes, 2), np.float32)
        frames = np.arange(n_frames)
        events = []
        for kind, length, part in (
            (Kind.MACRO, 34, slice(6, 10)),
            (Kind.MACRO, 44, slice(6, 10)),
            (Kind.MICRO, 11, slice(0, 6)),
        ):
            onset = int(rng.integers(9, n_frames - length - 9))
            apex, offset = onset + length * 2 // 5, onset + length
            rise = rng.uniform(1.0, 4.0) if kind is Kind.MACRO else rng.uniform(0.5, 1.5)
            position[:, part, 1] -= np.interp(frames, [onset, apex, offset], [0, rise, 0])[:, None].astype(np.float32)
            events.append(Event(kind, onset, apex, offset))
        seen = np.clip(frames[:, None] + np.arange(rows) - rows // 2, 0, n_frames - 1)
        windows = position[seen] - position[seen[:, :1]]
        windows += rng.normal(0, 0.15, windows.shape).astype(np.float32)
        windows[:, 0] = 0
        name = f"{index // videos:03d}_{index % videos}"
        clips.append(Clip(name[:3], name, 30.0, windows, np.ones(n_frames, bool), tuple(events)))
    return clips


def by_turns(
    what: Mapping[str, Callable[[], Any]], device: torch.device, *, rounds: int, warm_up: int = 1, unit: float = 1
) -> dict[str, Spread]:
    """Seconds of every function, median and spread over ``rounds``, measured by turns; divided by ``unit``."""
    seconds = in_turns(what, repeats=rounds, warm_up=warm_up, wait=lambda: wait_for(device))
    return {name: spread([s / unit for s in values]) for name, values in seconds.items()}


def wait_for(device: torch.device) -> None:
    """Until all that was enqueued is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rates(device: torch.device, *, rounds: int = 7) -> dict[str, Any]:
    """The device's own rates: products as the network has them (87,040 x 256 x 768), and copying."""
    rows = 87_040 if device.type == "cuda" else 10_880
    found: dict[str, Any] = {}
    kinds = {"float32": ("float32", "highest")}
    if device.type == "cuda":
        kinds |= {"tf32": ("float32", "high"), "bfloat16": ("bfloat16", "highest")}
    before = torch.get_float32_matmul_precision()
    for name, (dtype, precision) in kinds.items():
        torch.set_float32_matmul_precision(precision)
        a = torch.randn(rows, 256, device=device).to(getattr(torch, dtype))
        b = torch.randn(768, 256, device=device).to(a.dtype)
        took = by_turns({"": functools.partial(_products, a, b)}, device, rounds=rounds)
        found[f"{name}_gflops"] = 10 * 2 * rows * 256 * 768 / took[""]["median"] / 1e9
    torch.set_float32_matmul_precision(before)
    block = torch.empty(2**28 if device.type == "cuda" else 2**25, device=device)
    target = torch.empty_like(block)
    took = by_turns({"": lambda: target.copy_(block)}, device, rounds=rounds)
    found["copy_gb_per_second"] = 2 * 4 * block.numel() / took[""]["median"] / 1e9
    return found


def _products(a: torch.Tensor, b: torch.Tensor) -> None:
    for _ in range(10):
        torch.nn.functional.linear(a, b)
