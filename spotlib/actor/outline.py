"""Where hair and cloth begin on the chart; mesh (thickness) and paint (colour) share these outlines."""

from __future__ import annotations

import numpy as np

from spotlib.actor.asset import CHART_LEFT, CHART_TOP
from spotlib.actor.identity import Identity

MIDDLE = -CHART_LEFT  # chart decimetres of the middle line


def hair_cover(across: np.ndarray, down: np.ndarray, identity: Identity) -> np.ndarray:
    """Signed distance-like measure (decimetres, positive inside the hair) on the chart."""
    side = np.abs(across - MIDDLE)
    brow = CHART_TOP - 7.5
    top = brow - identity.hairline
    corners = np.array([0.0, 0.3, 0.52, 0.64, 0.74, 0.80, 0.88, 1.0, 1.06, 1.2, 1.45, 1.75])
    heights = np.array(
        [top + identity.widows_peak, top, top + 0.06 - identity.temple, top + 0.22 - 0.6 * identity.temple,
         brow - 0.02, brow + 0.12, brow + 0.3, brow + 0.34, brow + 0.2, brow + 0.1, brow + 0.6, brow + 1.0]
    )  # fmt: skip
    return np.interp(side, corners, heights).astype(np.float32) - down


def cloth_cover(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Positive (decimetres) below the collar."""
    side = np.abs(across - MIDDLE)
    return down - np.interp(side, [0.0, 0.5, 1.0, 1.75], [2.86, 2.78, 2.66, 2.6]).astype(np.float32)
