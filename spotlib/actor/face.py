"""The actor: an identity that can move its face, turn its head, and be photographed.

Truth. `Actor.landmarks` projects the very vertices that `Actor.render` draws, with the same camera: its 68
points are exact to rounding, also where they are hidden. The motion of a landmark between two frames is the
difference of two calls. What is *not* in the truth: sliding highlights and shading (they move with the
light, not with the skin), the eyeballs (gaze moves no landmark), and cloth and hair, which ride on the
body.
"""

from __future__ import annotations

import functools

import numpy as np

from spotlib.actor.asset import PARTS, Head, eyeball, load_head
from spotlib.actor.identity import Identity
from spotlib.actor.landmarks import landmarks_of
from spotlib.actor.outline import cloth_cover, hair_cover
from spotlib.actor.placing import place
from spotlib.actor.pose import CAMERA, Pose
from spotlib.actor.render import Light, vertex_normals
from spotlib.actor.stage import Stage
from spotlib.errors import SpotlibError

EYE_ROW = 0.43  # height of the eyes in the picture, share from the top
IOD_SHARE = 115.0 / 480.0  # inter-ocular distance as a share of the height, so that d is about 32 px at 480 rows
PUPIL_DISTANCE = 0.615  # decimetres; adults' eyes are alike, so this fixes everybody's size in the picture
CLOTH_THICKNESS = 0.05  # decimetres

__all__ = ["Actor", "Light", "Pose", "inter_ocular"]


class Actor:
    """One synthetic person before a still backdrop.

    Parameters
    ----------
    identity : who it is (`sample_identity`)
    size : (height, width) of the picture in pixels
    face_width : pixels between landmarks 0 and 16 at rest; by default chosen so that half the distance of
        the inner
        eye corners is about 32 px in a 480-row picture, and in proportion otherwise
    grey : render equal channels, as a grey camera sees it
    supersample : samples per pixel and axis, 1 to 4

    Raises SpotlibError for a size, face width or supersampling that cannot be rendered.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        size: tuple[int, int] = (480, 640),
        face_width: float | None = None,
        grey: bool = False,
        supersample: int = 2,
    ) -> None:
        if min(size) < 16 or supersample not in (1, 2, 3, 4) or (face_width is not None and face_width <= 0):
            raise SpotlibError(
                f"cannot render size={size}, face_width={face_width}, supersample={supersample}; "
                "use at least 16 px, a positive width and 1 to 4 samples"
            )
        self.identity = identity
        self.size = (int(size[0]), int(size[1]))
        self.grey = grey
        self.supersample = supersample
        self.head = load_head()
        self._shape()
        self.iod = 0.0
        self.pixels_per_decimetre = 1.0
        at_rest = self.project(landmarks_of(self.rest), Pose())
        if face_width is None:
            wanted = IOD_SHARE * min(self.size[0], self.size[1] * 0.75)
            self.pixels_per_decimetre = wanted / inter_ocular(at_rest)
        else:
            self.pixels_per_decimetre = face_width / float(np.linalg.norm(at_rest[16] - at_rest[0]))
        self.iod = inter_ocular(self.landmarks(np.zeros(len(self.head.unit_names)), Pose()))
        self._stage: Stage | None = None

    def _shape(self) -> None:
        """Rest vertices relative to the middle of the eyes, with hair and cloth lifted off the body."""
        head = self.head
        shaped = head.shape(dict(self.identity.shape))
        eyes = [eyeball(shaped, head, name) for name in ("eye-left", "eye-right")]
        middle = (eyes[0][0] + eyes[1][0]) / 2
        middle[2] = landmarks_of(shaped)[[39, 42], 2].mean()
        unit = PUPIL_DISTANCE / float(np.linalg.norm(eyes[0][0] - eyes[1][0]))
        rest = (shaped - middle) * unit
        normals = np.empty_like(rest)
        vertex_normals(rest, head.triangles[head.parts == 0], normals)
        skin = head.vertex_parts == PARTS.index("skin")
        across, down = head.chart.T
        not_ear = 1.0 - head.masks[2]
        hair = np.clip(hair_cover(across, down, self.identity) / 0.3, 0.0, 1.0) * skin * not_ear
        rest += normals * (hair**0.7 * self.identity.hair_thickness)[:, None]
        cloth = np.clip(cloth_cover(across, down) / 0.05, 0.0, 1.0) * skin
        rest += normals * (cloth * CLOTH_THICKNESS)[:, None]
        _widen_strips(rest, head)
        self.rest = rest
        self.eyes = [((centre - middle) * unit, radius * unit) for centre, radius in eyes]
        # The head turns as one piece; the neck follows less and less; the shoulders stay.
        height = head.vertices[:, 1] + 0.35 * np.maximum(head.vertices[:, 2] - 0.5, 0.0)
        t = np.clip((height - 5.55) / 0.8, 0.0, 1.0)
        self.follow = t * t * (3 - 2 * t)
        self.follow[head.vertex_parts != 0] = 1.0

    def project(self, points: np.ndarray, pose: Pose, *, samples: int = 1) -> np.ndarray:
        """Pinhole camera: positions (m, 2) in pixels of turned points (m, 3), an integer being a pixel
        centre.

        With `samples` > 1 the unit is the sample of a supersampled picture instead.
        """
        near, middle = self._view(pose)
        size = near / (CAMERA - points[:, 2])
        x = middle[0] + size * points[:, 0]
        y = middle[1] - size * points[:, 1]
        return np.stack([(x + 0.5) * samples - 0.5, (y + 0.5) * samples - 0.5], axis=1)

    def place(self, points: np.ndarray, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """All vertices (n, 3), turned, and with their screen positions (n, 3): x, y in samples and nearness."""
        near, middle = self._view(pose)
        return place(points, self.follow, pose, near=near, middle=middle, camera=CAMERA, samples=self.supersample)

    def _view(self, pose: Pose) -> tuple[float, tuple[float, float]]:
        """Pixels per decimetre at the camera, and where the picture has the middle between the eyes, pixels."""
        near = self.pixels_per_decimetre * pose.scale * CAMERA
        x = (self.size[1] - 1) / 2 + pose.tx * self.iod
        return near, (x, (self.size[0] - 1) * EYE_ROW + pose.ty * self.iod)

    def landmarks(self, weights: np.ndarray, pose: Pose) -> np.ndarray:
        """Exact positions (68, 2) float64 of the landmark vertices in pixels.

        weights : (52,) face-unit weights in [0, 1], in the order of `load_head().unit_names`
        """
        weights = self._checked(weights)
        units, rest = self._landmark_motion
        return self.project(pose.turn(rest + np.tensordot(weights, units, axes=1)), pose)

    @functools.cached_property
    def _landmark_motion(self) -> tuple[np.ndarray, np.ndarray]:
        """Displacements (52, 68, 3) per unit and rest positions (68, 3)."""
        return np.stack([landmarks_of(unit) for unit in self.head.units]), landmarks_of(self.rest)

    def unit_displacement(self) -> np.ndarray:
        """Displacement (52, 68) float64 of each landmark at weight 1, frontal pose, as a share of `iod`."""
        count = len(self.head.unit_names)
        rest = self.landmarks(np.zeros(count), Pose())
        moved = np.stack([self.landmarks(row, Pose()) for row in np.eye(count)])
        return np.linalg.norm(moved - rest, axis=2) / self.iod

    def _checked(self, weights: np.ndarray) -> np.ndarray:
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != (len(self.head.unit_names),):
            raise SpotlibError(f"face-unit weights have shape {weights.shape}; pass {(len(self.head.unit_names),)}")
        return weights

    def render(
        self,
        weights: np.ndarray,
        pose: Pose,
        *,
        gaze: tuple[float, float] = (0.0, 0.0),
        light: Light | None = None,
    ) -> np.ndarray:
        """Picture (H, W, 3) uint8 RGB without camera noise; same arguments, same bytes.

        gaze : (gx, gy) radians that the eyes turn to image-right and up; lids follow by the eyeLook units
            only
        light : see `Light`; the default is an even studio light
        """
        if self._stage is None:
            self._stage = Stage(self)
        return self._stage.shoot(self, self._checked(weights), pose, gaze, light or Light())


def inter_ocular(points: np.ndarray) -> float:
    """Distance between the means of the six points of either eye, pixels; `points` (68, 2)."""
    return float(np.linalg.norm(points[42:48].mean(axis=0) - points[36:42].mean(axis=0)))


def _widen_strips(rest: np.ndarray, head: Head) -> None:
    """Close the gaps between the strips that MakeHuman's hair helper is made of, in place."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    strips = head.triangles[head.parts == PARTS.index("hair")]
    links = (np.ones(2 * len(strips)), (strips[:, :2].T.ravel(), strips[:, 1:].T.ravel()))
    _, label = connected_components(coo_array(links, shape=(len(rest),) * 2), directed=False)
    for strip in np.unique(label[strips]):
        own = np.flatnonzero(label == strip)
        for axis in (0, 2):
            middle = np.polyval(np.polyfit(rest[own, 1], rest[own, axis], 2), rest[own, 1])
            rest[own, axis] += 0.35 * (rest[own, axis] - middle)
