"""All vertices of a picture at once: turned with the head and projected, in one pass over them."""

from __future__ import annotations

import numba
import numpy as np

from spotlib.actor.pose import PIVOT, Pose


def place(
    points: np.ndarray,
    follow: np.ndarray,
    pose: Pose,
    *,
    near: float,
    middle: tuple[float, float],
    camera: float,
    samples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Turned points (n, 3) and their screen positions (n, 3): x, y in samples and nearness; float64.

    The very numbers that `Pose.turn` and `Actor.project` give for ``points`` (n, 3) float64 of which each goes along
    by its share ``follow`` (n,). ``near``: pixels per decimetre at the camera, ``camera`` decimetres away; ``middle``:
    x and y of the picture's middle, pixels.
    """
    pivot = np.array(PIVOT)
    turned = (points - pivot) @ pose.matrix().T
    screen = np.empty_like(turned)
    _place(points, follow, pivot, near, middle[0], middle[1], camera, samples, turned, screen)
    return turned, screen


@numba.njit(cache=True, error_model="numpy")
def _place(points, follow, pivot, near, middle_x, middle_y, camera, samples, turned, screen):
    for k in range(len(points)):
        for c in range(3):
            turned[k, c] = points[k, c] + follow[k] * (turned[k, c] + pivot[c] - points[k, c])
        size = near / (camera - turned[k, 2])
        screen[k, 0] = (middle_x + size * turned[k, 0] + 0.5) * samples - 0.5
        screen[k, 1] = (middle_y - size * turned[k, 1] + 0.5) * samples - 0.5
        screen[k, 2] = turned[k, 2]
