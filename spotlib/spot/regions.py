"""Which part of the face moved most between two frames, told from the windows that the network saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spotlib.points import LAYOUTS

#: region -> nodes on the person's right and left; the right is on the left of a picture that is not mirrored
_REGIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "brow": (("20", "19", "18"), ("23", "24", "25")),
    "lower eyelid": (("40+41",), ("46+47",)),
    "nose wing": (("31",), ("35",)),
    "mouth corner": (("48",), ("54",)),
    "lips": (("51", "57"), ("51", "57")),
}
#: one side moves alone if it moves more than the other by this factor
ONE_SIDED = 1.8


def moved_most(motion: np.ndarray, layout: str) -> tuple[str, str]:
    """Region and side ("left", "right", "both": the person's own) with the longest mean motion; motion (V, 2) px.

    >>> motion = np.zeros((10, 2)); motion[3:6] = [0, -2.0]
    >>> moved_most(motion, "10")
    ('brow', 'left')
    """
    names = LAYOUTS[layout]  # type: ignore[index]
    length = np.linalg.norm(motion, axis=1)
    best, region, side = -1.0, "", "both"
    for name, (right, left) in _REGIONS.items():
        sides = [length[[names.index(node) for node in nodes if node in names]] for nodes in (right, left)]
        if not len(sides[0]):
            continue
        on_right, on_left = float(sides[0].mean()), float(sides[1].mean())
        if max(on_right, on_left) > best:
            best, region = max(on_right, on_left), name
            alone = max(on_right, on_left) > ONE_SIDED * min(on_right, on_left)
            side = "both" if not alone else "right" if on_right > on_left else "left"
    return region, side


class WindowMemory:
    """The windows of the last frames, and the motion between two frames that follows from them.

    Args:
        window: as `spotlib.spot.weights.Weights.window`.
        reach: frames that are kept.
    """

    def __init__(self, window: Mapping[str, Any], *, reach: int) -> None:
        self.length, self.feature = int(window["window"]), window["motion"]
        self.back = self.length // 2 if window["window_alignment"] == "centred" else self.length - 1
        self.reach = reach + self.length
        self._zero = 0 if window["keep_zero_row"] else 1  # rows that are missing in front
        self._begin = 0
        self._rows: np.ndarray | None = None
        self._whole = np.empty(0, bool)

    def push(self, windows: np.ndarray, whole: np.ndarray) -> None:
        """Take the windows (n, K, V, 2) of the next frames, and which are whole (n,)."""
        rows = windows if self._rows is None else np.concatenate([self._rows, windows])
        self._whole = np.concatenate([self._whole, whole])
        drop = max(0, len(rows) - self.reach)
        self._begin += drop
        self._rows, self._whole = rows[drop:], self._whole[drop:]

    def motion(self, first: int, later: int) -> np.ndarray | None:
        """(V, 2) px from frame ``first`` to ``later``; None if a frame between them has no face, or is forgotten."""
        if self._rows is None or later <= first:
            return None
        end = self._begin + len(self._rows)
        total = np.zeros(self._rows.shape[2:])
        at = first
        while at < later:
            if self.feature == "swmro":  # a window holds the motion since its first frame
                middle = min(at + self.back, end - 1)
                start = middle - self.back
                until = min(later, start + self.length - 1)
            else:  # and here, in its middle row, that of one frame; or of eight, of which one is an eighth
                middle, start, until = min(at + 1, end - 1), 0, at + 1
            index = middle - self._begin
            if index < 0 or start < 0 or not self._whole[index]:
                return None
            rows = self._rows[index]
            if self.feature == "swmro":
                total += self._row(rows, until - start) - self._row(rows, at - start)
            else:
                total += self._row(rows, self.back) / (8 if self.feature == "fixed_gap" else 1)
            at = until
        return total

    def _row(self, rows: np.ndarray, number: int) -> np.ndarray:
        return rows[number - self._zero].astype(np.float64) if number >= self._zero else np.zeros(rows.shape[1:])
