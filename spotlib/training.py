"""Training one network on some people's videos, and reading frame scores off it (METHOD section 4).

All windows and targets stand on the device as a few tensors; a batch is an index, with no Python per sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from spotlib.errors import SpotlibError
from spotlib.intervals import Event
from spotlib.labels import SEGMENT, FrameTargets, frame_targets, segments
from spotlib.losses import spotting_loss
from spotlib.models import build_model
from spotlib.models.options import loss_options, model_options
from spotlib.params import Params
from spotlib.spotting import FrameScores


@dataclass(frozen=True)
class Clip:
    """One video as a network sees it: windows (T, K, V, 2) px, valid (T,) bool, and its true events."""

    subject: str
    name: str
    fps: float
    windows: np.ndarray
    valid: np.ndarray
    events: tuple[Event, ...]

    @property
    def n_frames(self) -> int:
        """T."""
        return len(self.windows)


@dataclass(frozen=True)
class Epoch:
    """What is known after one epoch; ``losses`` are means over its steps, by term."""

    index: int
    steps: int
    lr: float
    losses: dict[str, float]
    model: nn.Module


class Material:
    """The training windows of many clips on one device, drawn as batches of 16-frame segments."""

    def __init__(self, clips: Sequence[Clip], *, neutral: bool, device: torch.device) -> None:
        targets: list[FrameTargets] = []
        starts: list[int] = []
        base = 0
        for clip in clips:
            of_clip = frame_targets(clip.events, clip.n_frames)
            targets.append(of_clip)
            # a segment with a gap in the face track has no true motion in it
            whole = [s for s in segments(of_clip, neutral=neutral) if clip.valid[s : s + SEGMENT].all()]
            starts.extend(base + int(s) for s in whole)
            base += clip.n_frames
        if not starts:
            raise SpotlibError("no training segment holds an expression; check the annotation of the training subjects")
        self.starts = torch.tensor(starts, device=device)  # (S,)
        windows = np.concatenate([clip.windows for clip in clips])
        self.windows = torch.from_numpy(windows).to(device)  # (F, K, V, 2)
        joined = FrameTargets.concatenate(targets)
        self.targets = joined.to_torch(device)  # of (F,) each
        self.within = torch.arange(SEGMENT, device=device)

    def batches(self, *, steps: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Frame indices (size * 16,) of ``steps`` batches; every segment comes once before any comes again."""
        queue = torch.empty(0, dtype=torch.long)
        for _ in range(steps):
            while len(queue) < min(size, len(self.starts)):
                queue = torch.cat([queue, torch.randperm(len(self.starts), generator=generator)])
            drawn, queue = queue[:size], queue[size:]
            starts = self.starts[drawn.to(self.starts.device)]  # (B,)
            yield (starts[:, None] + self.within).reshape(-1)  # (B * 16,)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Weight decay on Linear and Conv weights only: not on biases, norms or position embeddings (METHOD section 4)."""
    decayed = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d)]
    chosen = {id(weight) for weight in decayed}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def network(params: Params, frames: int, nodes: int) -> nn.Module:
    """The untrained network that ``params`` describe, for windows of ``frames`` x ``nodes``."""
    return build_model(params.system, frames=frames, nodes=params.nodes, **model_options(params))


def train(clips: Sequence[Clip], params: Params, *, device: torch.device) -> Iterator[Epoch]:
    """Train on ``clips`` and yield after each epoch. The model yielded is the live one: copy what is to be kept.

    Same seed, same machine, same numbers. Raises SpotlibError if the loss stops being a number.
    """
    torch.manual_seed(params.seed)
    generator = torch.Generator().manual_seed(params.seed)
    material = Material(clips, neutral=params.neutral_segments, device=device)
    _, frames, nodes, _ = material.windows.shape
    model = network(params, frames, nodes).to(device)
    optimiser = torch.optim.AdamW(parameter_groups(model, params.weight_decay), lr=params.lr)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, params.lr_decay)
    steps = params.steps_per_epoch or -(-len(material.starts) // params.segments_per_batch)
    for index in range(params.epochs):
        model.train()
        sums: dict[str, torch.Tensor] = {}
        for batch in material.batches(steps=steps, size=params.segments_per_batch, generator=generator):
            logits, embedding = model(material.windows[batch])  # (B*16, 10), (B*16, D)
            loss, terms = spotting_loss(
                logits,
                embedding,
                material.targets[batch],
                **loss_options(params),
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            for name, value in {"loss": loss, **terms}.items():
                sums[name] = sums.get(name, torch.zeros((), device=device)) + value.detach()
        losses = {name: float(value) / steps for name, value in sums.items()}
        if not np.isfinite(losses["loss"]):
            raise SpotlibError(f"epoch {index}: the loss is not a number; lower lr (now {params.lr:g})")
        yield Epoch(index, (index + 1) * steps, float(schedule.get_last_lr()[0]), losses, model)
        schedule.step()


@torch.no_grad()
def predict(model: nn.Module, clip: Clip, *, device: torch.device, batch: int = 256) -> FrameScores:
    """Frame scores (T, 10) of one video; frames without a face are marked and make no event."""
    model.eval()
    parts = []
    for start in range(0, clip.n_frames, batch):
        windows = torch.from_numpy(clip.windows[start : start + batch]).to(device)  # (b, K, V, 2)
        parts.append(model(windows)[0].cpu())  # (b, 10)
    return FrameScores.from_logits(torch.cat(parts).numpy(), clip.valid)
