"""A video as networks see it; needs nothing but numpy, so that whoever only reads rows does not wait for torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spotlib.intervals import Event


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
