"""Where the head is: a rigid pose about the neck, and the pinhole camera that looks at it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CAMERA = 10.0  # decimetres from the camera to the plane of the eyes
PIVOT = (0.0, -0.95, -1.05)  # decimetres from the middle of the eyes to the joint that the head turns about


@dataclass(frozen=True)
class Pose:
    """Rigid head pose.

    yaw, pitch, roll : radians about the neck. Positive yaw turns the face to image-right, positive pitch
        looks up,
        positive roll tilts the head clockwise in the picture.
    tx, ty : shift of the whole body as a share of the inter-ocular distance, image-right and image-down.
    scale : distance change as a size factor.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    tx: float = 0.0
    ty: float = 0.0
    scale: float = 1.0

    def matrix(self) -> np.ndarray:
        """Rotation (3, 3) float64: roll first, then pitch, then yaw.

        >>> Pose().matrix().tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        """
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        yaw = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
        pitch = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
        roll = np.array([[cr, sr, 0.0], [-sr, cr, 0.0], [0.0, 0.0, 1.0]])
        return yaw @ pitch @ roll + 0.0  # + 0.0 turns -0.0 into 0.0

    def turn(self, points: np.ndarray, follow: np.ndarray | None = None) -> np.ndarray:
        """Rotate points (n, 3) about the neck; `follow` (n,) in [0, 1]: the share that a point goes along."""
        pivot = np.array(PIVOT)
        turned = (points - pivot) @ self.matrix().T + pivot
        return turned if follow is None else points + follow[:, None] * (turned - points)
