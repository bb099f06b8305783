"""FACS action units as face units: which of the 52 units an AU pulls, how far, on which side (TWIN.md).

"Left" and "right" are the person's own sides, as in the names of the face units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spotlib.actor.asset import load_head
from spotlib.errors import SpotlibError

SIDES = ("left", "right", "both")

# AU -> share of each face unit; a name without side stands for the pair Left and Right. The lip units of 23,
# 24 and 28 are kept small: in this head a rolled upper lip drags the base of the nose along.
AU_UNITS: Mapping[str, Mapping[str, float]] = {
    "1": {"browInnerUp": 1.0},
    "2": {"browOuterUp": 1.0},
    "4": {"browDown": 1.0},
    "5": {"eyeWide": 1.0},
    "6": {"cheekSquint": 1.0},
    "7": {"eyeSquint": 1.0},
    "9": {"noseSneer": 1.0},
    "10": {"mouthUpperUp": 1.0},
    "12": {"mouthSmile": 1.0},
    "14": {"mouthDimple": 1.0},
    "15": {"mouthFrown": 1.0},
    "16": {"mouthLowerDown": 1.0},
    "17": {"mouthShrugLower": 1.0},
    "18": {"mouthPucker": 1.0},
    "20": {"mouthStretch": 1.0},
    "22": {"mouthFunnel": 1.0},
    "23": {"mouthPress": 1.0, "mouthRollLower": 0.3, "mouthRollUpper": 0.2},
    "24": {"mouthPress": 1.0, "mouthRollLower": 0.5, "mouthRollUpper": 0.3},
    "25": {"mouthLowerDown": 1.0, "mouthUpperUp": 0.3},
    "26": {"jawOpen": 1.0},
    "27": {"jawOpen": 1.0},
    "28": {"mouthRollLower": 1.0, "mouthRollUpper": 0.5},
    "29": {"jawForward": 1.0},
    "34": {"cheekPuff": 1.0},
    "43": {"eyeBlink": 1.0},
    "45": {"eyeBlink": 1.0},
}

# Largest weight that still looks like an expression: a full-weight smile moves the mouth corners by 23 % of
# the inter-ocular distance, an open jaw the chin by 53 %. Everything else may go to 1, where face units end.
WEIGHT_CAPS: Mapping[str, float] = {
    "jawOpen": 0.25,
    "jawForward": 0.5,
    "mouthSmile": 0.5,
    "mouthFrown": 0.8,
    "mouthShrugLower": 0.8,
    "mouthPucker": 0.6,
    "mouthFunnel": 0.6,
    "mouthRollLower": 0.7,
    "mouthRollUpper": 0.4,
    "cheekPuff": 0.5,
}

# AUs that move the lids but hardly one of the ten nodes; real faces pull brow and cheek along a little
# (TWIN.md).
COUPLED_AUS = frozenset({"6", "7", "43", "45"})


def unit(name: str) -> int:
    """Index of a face unit in the weights (52,)."""
    return load_head().unit(name)


def is_paired(stem: str) -> bool:
    """True if the face unit ``stem`` exists as Left and Right."""
    return f"{stem}Left" in load_head().unit_names


def one_sided(au: str) -> bool:
    """True if the AU can be shown on one side only."""
    return au in AU_UNITS and all(is_paired(stem) for stem in AU_UNITS[au])


def spread(stem: str, left: float, right: float, weight: float = 1.0) -> np.ndarray:
    """Weights (52,) of one face unit, or of a pair with its own strength on each side."""
    out = np.zeros(len(load_head().unit_names))
    if is_paired(stem):
        out[unit(f"{stem}Left")] = weight * left
        out[unit(f"{stem}Right")] = weight * right
    else:
        out[unit(stem)] = weight * max(left, right)
    return out


def weight_caps() -> np.ndarray:
    """Largest weight (52,) of every face unit in an expression."""
    caps = np.ones(len(load_head().unit_names))
    for stem, cap in WEIGHT_CAPS.items():
        caps[spread(stem, 1.0, 1.0) > 0] = cap
    return caps


def direction(
    aus: Sequence[str], *, left: float = 1.0, right: float = 1.0, strengths: Sequence[float] | None = None
) -> np.ndarray:
    """Relative weights (52,) of an expression: each AU with its strength, each side with its own.

    Raises SpotlibError for an AU without face units.
    """
    out = np.zeros(len(load_head().unit_names))
    for au, strength in zip(aus, strengths or [1.0] * len(aus), strict=True):
        if au not in AU_UNITS:
            raise SpotlibError(f"AU {au!r} has no face unit; the actor knows {', '.join(AU_UNITS)}")
        for stem, share in AU_UNITS[au].items():
            out = np.maximum(out, spread(stem, left, right, strength * share))
    return out
