"""The tracked points: graph nodes first, then what head-motion removal needs (METHOD section 2).

Every point is the mean of one or two landmarks of the 68-point scheme (0-based).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Layout = Literal["10", "nose", "eyelids", "all"]

#: brow A inner to outer, brow B inner to outer, mouth: corners, upper lip, lower lip (METHOD: [C order, I identity])
NODES = ("20", "19", "18", "23", "24", "25", "48", "54", "51", "57")
NOSE_WINGS = ("31", "35")
LOWER_EYELIDS = ("40+41", "46+47")
#: little moved by expressions: nose bridge and base, eye corners, temples
STABLE = ("27", "28", "29", "30", "33", "36", "39", "42", "45", "0+36", "16+45")
POINT_NAMES: tuple[str, ...] = NODES + NOSE_WINGS + LOWER_EYELIDS + STABLE
N_POINTS = len(POINT_NAMES)

LAYOUTS: dict[str, tuple[str, ...]] = {
    "10": NODES,
    "nose": NODES + NOSE_WINGS,
    "eyelids": NODES + LOWER_EYELIDS,
    "all": NODES + NOSE_WINGS + LOWER_EYELIDS,
}

_FIRST = np.array([int(name.split("+")[0]) for name in POINT_NAMES])
_SECOND = np.array([int(name.split("+")[-1]) for name in POINT_NAMES])


def point_positions(landmarks: np.ndarray) -> np.ndarray:
    """Positions of all points from landmarks: (..., 68, 2) -> (..., P, 2)."""
    return 0.5 * (landmarks[..., _FIRST, :] + landmarks[..., _SECOND, :])


def layout_indices(layout: Layout, names: tuple[str, ...] = POINT_NAMES) -> list[int]:
    """Where the nodes of a graph layout are among ``names``: V = 10, 12 (``nose``, ``eyelids``) or 14 (``all``)."""
    return [names.index(name) for name in LAYOUTS[layout]]
