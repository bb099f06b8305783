"""Videos as a network sees them, on one device: windows, targets, and batches of segments (METHOD section 4).

A batch is an index into a few tensors, with no Python per sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

import numpy as np
import torch

from spotlib.clip import Clip
from spotlib.errors import SpotlibError
from spotlib.labels import SEGMENT, FrameTargets, frame_targets, segments


class Bank:
    """Windows and targets of many clips on one device, behind each other; folds share one.

    Args:
        clips: with windows of one shape; float16 windows stay float16 and are widened batch by batch.
        device: where.
    """

    def __init__(self, clips: Sequence[Clip], *, device: torch.device) -> None:
        if not clips:
            raise SpotlibError("no videos; give at least one")
        self.clips, self.device = list(clips), device
        ends = np.cumsum([clip.n_frames for clip in clips])
        self.bases = {(c.subject, c.name): int(end) - c.n_frames for c, end in zip(clips, ends, strict=True)}
        if len(self.bases) < len(clips):
            twice = next(
                c.name for i, c in enumerate(clips) if (c.subject, c.name) in {(d.subject, d.name) for d in clips[:i]}
            )
            raise SpotlibError(f"video {twice} is given twice; give every video once")
        windows = clips[0].windows if len(clips) == 1 else np.concatenate([clip.windows for clip in clips])
        self.windows = torch.from_numpy(np.ascontiguousarray(windows)).to(device)  # (F, K, V, 2)
        of_clips = [frame_targets(clip.events, clip.n_frames) for clip in clips]
        joined = FrameTargets.concatenate(of_clips)
        self.targets = joined.to_torch(device)  # (F,) each
        self._of_clips = of_clips

    def starts(self, clips: Iterable[Clip], *, neutral: bool) -> torch.Tensor:
        """First frames (S,) int64, on the CPU, of the training segments of some of the clips.

        A segment with a gap in the face track has no true motion in it and is left out.
        """
        found: list[int] = []
        numbers = {key: number for number, key in enumerate(self.bases)}
        for clip in clips:
            key = (clip.subject, clip.name)
            of_clip = self._of_clips[numbers[key]]
            whole = [s for s in segments(of_clip, neutral=neutral) if clip.valid[s : s + SEGMENT].all()]
            found.extend(self.bases[key] + int(s) for s in whole)
        if not found:
            raise SpotlibError("no training segment holds an expression; check the annotation of the training subjects")
        return torch.tensor(found)

    def frames(self, clips: Iterable[Clip]) -> torch.Tensor:
        """Indices (F,) int64, on the CPU, of all frames of some of the clips, in order."""
        spans = [(self.bases[clip.subject, clip.name], clip.n_frames) for clip in clips]
        return torch.cat([torch.arange(base, base + count) for base, count in spans])


class Material:
    """The training segments of some clips, drawn as batches."""

    def __init__(self, clips: Sequence[Clip], *, neutral: bool, device: torch.device, bank: Bank | None = None) -> None:
        self.bank = bank if bank is not None else Bank(clips, device=device)
        self.starts = self.bank.starts(clips, neutral=neutral)  # (S,)
        self.windows, self.targets = self.bank.windows, self.bank.targets

    def orders(self, *, steps: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """First frames (size,) of the segments of ``steps`` batches; each comes once before any comes again."""
        queue = torch.empty(0, dtype=torch.long)
        for _ in range(steps):
            while len(queue) < min(size, len(self.starts)):
                queue = torch.cat([queue, torch.randperm(len(self.starts), generator=generator)])
            drawn, queue = queue[:size], queue[size:]
            yield self.starts[drawn]  # (B,)

    def batches(self, *, steps: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Frame indices (size * 16,) of the same batches, on the CPU."""
        within = torch.arange(SEGMENT)
        for starts in self.orders(steps=steps, size=size, generator=generator):
            yield (starts[:, None] + within).reshape(-1)  # (B * 16,)


def matrix_of(targets: FrameTargets) -> torch.Tensor:
    """Targets of F frames as one matrix (F, 7) float32, columns in the order of their names: picked from at once."""
    return torch.stack([getattr(targets, field.name).float() for field in fields(targets)], 1)


def targets_of(matrix: torch.Tensor) -> FrameTargets:
    """What `matrix_of` was given, for the rows of ``matrix``; classes are int64 again."""
    shares, classes = matrix.unbind(1)[:4], matrix.unbind(1)[4:]
    return FrameTargets(*shares, *(column.to(torch.int64) for column in classes))
