"""Head-motion removal that survives rotation and talking (TWIN.md; beyond the paper).

The method subtracts the motion of the nose tip from every node. Under rotation that fails: points nearer to the
camera move more (parallax), and lips and jaw pull at the nose tip. Here the motion of eleven little-moved points is
explained by a small rigid motion of a head with the depth of a mean face, with weights that give way to points that
disagree; the motion of every node by the same rigid motion is what is subtracted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spotlib.swmro import PairMotion

#: points of the fit; 29 and 30 are left out: little texture, sliding highlights, and lips pull at them (TWIN.md)
FIT_POINTS = ("27", "28", "33", "31", "35", "36", "39", "42", "45", "0+36", "16+45")
#: depth of the points towards the camera, share of the distance of the outer eye corners, face to the camera; means of
#: 24 rendered identities, whose standard deviation is .01 to .05
DEPTH = {
    "20": 0.15, "19": 0.09, "18": -0.01, "23": 0.15, "24": 0.09, "25": -0.01, "48": 0.09, "54": 0.09, "51": 0.27,
    "57": 0.20, "31": 0.16, "35": 0.16, "40+41": 0.02, "46+47": 0.02, "27": 0.14, "28": 0.19, "29": 0.27, "30": 0.36,
    "33": 0.24, "36": -0.06, "39": 0.0, "42": 0.0, "45": -0.06, "0+36": -0.38, "16+45": -0.38,
}  # fmt: skip
#: px of the 256 px crop: residuals beyond this count less
SOFT = 0.25
ROUNDS = 5
#: pulls rotation and scale towards none, as if measured with this error by one point; a head hardly turns in a window
RIDGE = 0.02


def robust_head_motion(motion: PairMotion, nodes: list[int]) -> np.ndarray:
    """Rigid head motion at ``nodes``: (T, G+1, V, 2) float32 px of the crop at the first frame; NaN where flow is.

    Small-motion model of a point at (x, y, z) relative to the middle of the points, all in px:
    dx = tx + s x - c y + b z, dy = ty + s y + c x - a z, for turns a, b, c about the three axes and growth s.
    """
    names = motion.point_names
    fit = [names.index(name) for name in FIT_POINTS]
    places = motion.nodes.astype(np.float64)  # (T, P, 2)
    depth = np.array([DEPTH[name] for name in names])
    ocular = np.linalg.norm(places[:, names.index("36")] - places[:, names.index("45")], axis=-1)  # (T,)
    z = depth * ocular[:, None]  # (T, P)
    middle = places[:, fit].mean(1, keepdims=True)
    x, y = np.moveaxis(places - middle, -1, 0)  # (T, P)
    z = z - z[:, fit].mean(1, keepdims=True)
    design = _design(x, y, z, ocular)  # (T, P, 2, 6)
    valid = motion.valid
    out = np.full((*motion.flow.shape[:2], len(nodes), 2), np.nan, np.float32)
    for gap in range(motion.max_gap + 1):
        flow = motion.flow[:, gap][:, fit].astype(np.float64)  # (T, F, 2)
        rows = valid & ~np.isnan(flow).any((1, 2))
        if not rows.any():
            continue
        weight = motion.quality[rows, gap][:, fit].astype(np.float64) ** 2
        theta = _fit(design[rows][:, fit], flow[rows], weight, SOFT * motion.crop.size / 256)
        out[rows, gap] = np.einsum("tpcq,tq->tpc", design[rows][:, nodes], theta)
    out[motion.valid, 0] = 0
    return out


def _design(x: np.ndarray, y: np.ndarray, z: np.ndarray, ocular: np.ndarray) -> np.ndarray:
    one, nil = np.ones_like(x), np.zeros_like(x)
    # parameters: tx, ty px; s, c, b, a in px at one inter-ocular distance, so that all six have one unit
    x, y, z = (v / ocular[:, None] for v in (x, y, z))
    dx = np.stack([one, nil, x, -y, z, nil], -1)
    dy = np.stack([nil, one, y, x, nil, -z], -1)
    return np.stack([dx, dy], -2)


def _fit(design: np.ndarray, flow: np.ndarray, weight: np.ndarray, soft: float) -> np.ndarray:
    """Iteratively reweighted least squares (Cauchy weights): (T, F, 2, 6), (T, F, 2), (T, F) -> (T, 6)."""
    ridge = np.diag([0.0, 0.0, *[RIDGE] * 4]) + 1e-9 * np.eye(6)
    robust = np.ones_like(weight)
    theta = np.zeros((len(flow), 6))
    for _ in range(ROUNDS):
        w = weight * robust + 1e-6
        normal = np.einsum("tf,tfcp,tfcq->tpq", w, design, design) + ridge
        right = np.einsum("tf,tfcp,tfc->tp", w, design, flow)
        theta = np.linalg.solve(normal, right[..., None])[..., 0]
        residual = np.linalg.norm(flow - np.einsum("tfcp,tp->tfc", design, theta), axis=-1)
        robust = 1 / (1 + (residual / soft) ** 2)
    return theta
