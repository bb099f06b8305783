"""The 68 points of the actor, fixed on the base mesh once and for all.

Index convention: the iBUG 68-point scheme, 0-based, in picture coordinates (0..16 jaw from image-left,
17..21 brow on image-left, 36..41 eye on image-left, 48 mouth corner on image-left).

Two kinds of points. Lid margins, mouth and nose base are *vertices* that lie on the edge itself. Jaw, brows
and nose bridge have no vertex of their own in the mesh, so they are *points on a triangle*: where a ray
along the viewing axis at the given (x, y) of the base mesh first meets the skin. Either way a landmark is a
fixed mix of up to three vertices and moves with them exactly. The table holds one side; the other side is
its mirror. Positions were moved to the mean of what dlib's 68-point predictor says on rendered faces, so
that a tracker and the truth mean the same points.
"""

from __future__ import annotations

import functools

import numpy as np

from spotlib.actor.asset import Head, load_head

# Vertices of the packed head, image-left half and middle line.
VERTICES = {
    31: 320, 32: 313, 33: 317,
    36: 1061, 37: 1565, 38: 1582, 39: 69, 40: 1579, 41: 2358,
    48: 426, 49: 410, 50: 456, 51: 455, 57: 492, 58: 486, 59: 406,
    60: 438, 61: 472, 62: 474, 66: 494, 67: 487,
}  # fmt: skip
# Rays (x, y) in decimetres on the base mesh, image-left half and middle line.
RAYS = {
    0: (-0.701, 7.32),
    1: (-0.711, 7.14),
    2: (-0.692, 6.974),
    3: (-0.644, 6.8),
    4: (-0.572, 6.628),
    5: (-0.469, 6.48),
    6: (-0.346, 6.35),
    7: (-0.187, 6.223),
    8: (0.0, 6.173),
    17: (-0.555, 7.425),
    18: (-0.475, 7.509),
    19: (-0.358, 7.541),
    20: (-0.230, 7.533),
    21: (-0.118, 7.485),
    27: (0.0, 7.318),
    28: (0.0, 7.203),
    29: (0.0, 7.088),
    30: (0.0, 6.965),
}
OPPOSITE = {k: 16 - k for k in range(17)} | {k: k for k in (27, 28, 29, 30, 33, 51, 57, 62, 66)}
OPPOSITE |= {
    17: 26, 18: 25, 19: 24, 20: 23, 21: 22, 31: 35, 32: 34,
    36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46,
    48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65,
}  # fmt: skip


def cast(head: Head, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (3,) and shares (3,) of the base mesh's front-most skin point at (x, y)."""
    corners = head.vertices[head.triangles[head.parts == 0]].astype(np.float64)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    safe = np.where(np.abs(area) < 1e-12, 1.0, area)
    second = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / safe
    third = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / safe
    share = np.stack([1 - second - third, second, third], axis=1)
    hit = (share >= -1e-9).all(axis=1) & (area > 1e-12)
    depth = np.where(hit, (share * corners[:, :, 2]).sum(axis=1), -np.inf)
    best = int(depth.argmax())
    return head.triangles[head.parts == 0][best], np.clip(share[best], 0.0, 1.0)


@functools.cache
def landmark_mix() -> tuple[np.ndarray, np.ndarray]:
    """Vertex numbers (68, 3) int64 and their shares (68, 3) float64, rows summing to 1."""
    head = load_head()
    corners, shares = np.zeros((68, 3), dtype=np.int64), np.zeros((68, 3))
    for k, vertex in VERTICES.items():
        for point, v in ((k, vertex), (OPPOSITE[k], int(head.mirror[vertex]))):
            corners[point], shares[point] = v, (1.0, 0.0, 0.0)
    for k, (x, y) in RAYS.items():
        for point, side in ((k, 1.0), (OPPOSITE[k], -1.0)):
            corners[point], shares[point] = cast(head, side * x, y)
    corners.setflags(write=False)
    shares.setflags(write=False)
    return corners, shares


def landmarks_of(values: np.ndarray) -> np.ndarray:
    """Landmark values (68, ...) of per-vertex values (n, ...): positions or anything else linear."""
    corners, shares = landmark_mix()
    return np.einsum("kc,kc...->k...", shares, values[corners].astype(np.float64))
