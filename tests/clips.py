"""Clips with planted motion: quick material for tests of training and protocols."""

from __future__ import annotations

import numpy as np

from spotlib.clip import Clip
from spotlib.intervals import Event, Kind


def planted_clip(subject: str, index: int, *, n_frames: int = 240, size: float = 3.0) -> Clip:
    """One macro (mouth corners, slow) and one micro event (brows, quick) in noise."""
    rng = np.random.default_rng([index, sum(map(ord, subject))])
    position = np.zeros((n_frames, 10, 2))
    macro_at, micro_at = int(rng.integers(10, 60)), int(rng.integers(140, 190))
    frames = np.arange(n_frames)
    position[:, 6:8, 1] -= np.interp(frames, [macro_at, macro_at + 20, macro_at + 40], [0, size, 0])[:, None]
    position[:, :6, 1] -= np.interp(frames, [micro_at, micro_at + 6, micro_at + 12], [0, size, 0])[:, None]
    seen = np.clip(frames[:, None] + np.arange(-8, 9), 0, n_frames - 1)
    windows = position[seen] - position[seen[:, :1]] + rng.normal(0, 0.05, (n_frames, 17, 10, 2))
    windows[:, 0] = 0
    events = (
        Event(Kind.MACRO, macro_at, macro_at + 20, macro_at + 40),
        Event(Kind.MICRO, micro_at, micro_at + 6, micro_at + 12),
    )
    return Clip(subject, f"{subject}_{index}", 30.0, windows.astype(np.float32), np.ones(n_frames, bool), events)
