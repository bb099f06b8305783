"""Training one network on some people's videos, and reading frame scores off it (METHOD section 4).

This module, and all that it imports, needs numpy, scipy and torch only: it runs on a bare GPU machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from spotlib.clip import Clip
from spotlib.engine import Engine, network, parameter_groups
from spotlib.errors import SpotlibError
from spotlib.material import Bank, Material
from spotlib.models.fast import evaluator
from spotlib.spotting import FrameScores
from spotlib.steps import Speed

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params

__all__ = ["Bank", "Clip", "Epoch", "Material", "network", "parameter_groups", "predict", "predict_all", "train"]


@dataclass(frozen=True)
class Epoch:
    """What is known after one epoch; ``losses`` are means over its steps, by term."""

    index: int
    steps: int
    lr: float
    losses: dict[str, float]
    model: nn.Module


def train(
    clips: Sequence[Clip],
    params: Params,
    *,
    device: torch.device,
    bank: Bank | None = None,
    speed: Speed | None = None,
) -> Iterator[Epoch]:
    """Train on ``clips`` and yield after each epoch. The model yielded is the live one: copy what is to be kept.

    Same seed, same machine, same numbers (and the same number of threads). Raises SpotlibError if the loss stops
    being a number.

    Args:
        clips: to train on.
        params: what `spotlib.params.Params` holds, from any object.
        device: where to train.
        bank: one that holds the clips already, so that folds share it.
        speed: how (default: the fastest way known for this device).
    """
    material = Material(clips, neutral=params.neutral_segments, device=device, bank=bank)
    engine = Engine(material.bank, params, speed=speed)
    engine.begin(material)
    for index in range(params.epochs):
        lr = engine.lr
        engine.epoch()
        losses = engine.losses()
        if not np.isfinite(losses["loss"]):
            raise SpotlibError(f"epoch {index}: the loss is not a number; lower lr (now {params.lr:g})")
        yield Epoch(index, (index + 1) * engine.steps, lr, losses, engine.model)


def predict(model: nn.Module, clip: Clip, *, device: torch.device, batch: int = 256) -> FrameScores:
    """Frame scores (T, 10) of one video; frames without a face are marked and make no event."""
    return next(_scores(model, [clip], device, batch))


def predict_all(
    model: nn.Module, clips: Iterable[Clip], *, device: torch.device, batch: int = 256
) -> list[FrameScores]:
    """`predict` for several videos; the network is made ready for evaluation once for all of them."""
    return list(_scores(model, clips, device, batch))


@torch.no_grad()
def _scores(model: nn.Module, clips: Iterable[Clip], device: torch.device, batch: int) -> Iterator[FrameScores]:
    forward = evaluator(model)
    for clip in clips:
        parts = [
            forward(torch.from_numpy(clip.windows[start : start + batch]).to(device).float())[0].cpu()
            for start in range(0, clip.n_frames, batch)
        ]  # (b, 10) each
        yield FrameScores.from_logits(torch.cat(parts).numpy(), clip.valid)
