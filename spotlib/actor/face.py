"""The actor: an identity that can move its face, turn its head, and be photographed.

Truth. `Actor.landmarks` projects the very vertices that `Actor.render` draws, with the same camera: its 68 points
are exact to rounding, also where they are hidden. The motion of a landmark between two frames is the difference of
two calls. What is *not* in the truth: sliding highlights and shading (they move with the light, not with the skin),
the eyeballs (gaze moves no landmark), and cloth and hair, which ride on the body.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from spotlib.actor.asset import PARTS, Head, load_head
from spotlib.actor.identity import Identity
from spotlib.actor.landmarks import LANDMARK_VERTICES
from spotlib.actor.render import (
    Light,
    encode_table,
    light_vertices,
    rasterise,
    shade,
    triangle_planes,
    vertex_normals,
)
from spotlib.actor.skin import cloth_cover, eyeball, footprint, hair_cover, make_surface
from spotlib.errors import SpotlibError

CAMERA = 10.0  # decimetres from the camera to the plane of the eyes
PIVOT = (0.0, -0.95, -1.05)  # decimetres from the middle of the eyes to the joint that the head turns about
EYE_ROW = 0.43  # height of the eyes in the picture, share from the top
IOD_SHARE = 115.0 / 480.0  # inter-ocular distance as a share of the shorter scaled side, so that d is about 32 px
NOSE_GLINT = (-0.16, -0.2)  # where the lamp mirrors in an eye, in eyeball radii


@dataclass(frozen=True)
class Pose:
    """Rigid head pose.

    yaw, pitch, roll : radians about the neck. Positive yaw turns the face to image-right, positive pitch looks up,
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
        """Rotation (3, 3) float64: roll, then pitch, then yaw."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        roll = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
        return yaw @ pitch @ roll


class Actor:
    """One synthetic person before a still backdrop.

    Parameters
    ----------
    identity : who it is (`sample_identity`)
    size : (height, width) of the picture in pixels
    face_width : pixels between landmarks 0 and 16 at rest; by default chosen so that half the distance of the inner
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
        self._scale = 1.0
        at_rest = self._project(self._rest[LANDMARK_VERTICES], 1.0)
        if face_width is None:
            wanted = IOD_SHARE * min(self.size[0], self.size[1] * 0.75)
            self._scale = wanted / inter_ocular(at_rest)
        else:
            self._scale = face_width / float(np.linalg.norm(at_rest[16] - at_rest[0]))
        self.iod = inter_ocular(self.landmarks(np.zeros(len(self.head.unit_names)), Pose()))
        self._stage: _Stage | None = None

    def _shape(self) -> None:
        """Rest vertices relative to the middle of the eyes, with hair and cloth lifted off the body."""
        head = self.head
        shaped = head.shape(dict(self.identity.shape))
        eyes = [eyeball(shaped, head, name) for name in ("eye-left", "eye-right")]
        middle = (eyes[0][0] + eyes[1][0]) / 2
        middle[2] = shaped[LANDMARK_VERTICES[[39, 42]], 2].mean()
        pupil_distance = float(np.linalg.norm(eyes[0][0] - eyes[1][0]))
        unit = 0.615 / pupil_distance  # decimetres: adults' eyes are alike, so this fixes the distance to the camera
        rest = (shaped - middle) * unit
        normals = np.empty_like(rest)
        vertex_normals(rest, head.triangles[head.parts == 0], normals)
        skin = head.vertex_parts == PARTS.index("skin")
        across, down = head.chart.T
        not_ear = 1.0 - head.masks[2]
        hair = np.clip(hair_cover(across, down, self.identity) / 0.3, 0.0, 1.0) * skin * not_ear
        rest += normals * (hair**0.7 * self.identity.hair_thickness)[:, None]
        cloth = np.clip(cloth_cover(across, down) / 0.05, 0.0, 1.0) * skin
        rest += normals * (cloth * 0.05)[:, None]
        self._rest = rest
        self._eyes = [((c - middle) * unit, r * unit) for c, r in eyes]
        # The head turns as one piece; the neck follows less and less; the shoulders stay.
        height = head.vertices[:, 1] + 0.35 * np.maximum(head.vertices[:, 2] - 0.5, 0.0)
        t = np.clip((height - 5.55) / 0.8, 0.0, 1.0)
        self._follow = t * t * (3 - 2 * t)
        self._follow[head.vertex_parts != 0] = 1.0

    def _posed(self, vertices: np.ndarray, follow: np.ndarray, pose: Pose) -> np.ndarray:
        pivot = np.array(PIVOT)
        turned = (vertices - pivot) @ pose.matrix().T + pivot
        if not follow.all():
            turned = vertices + follow[:, None] * (turned - vertices)
        return turned

    def _project(self, points: np.ndarray, samples: float, pose: Pose | None = None) -> np.ndarray:
        """Pinhole camera: (n, 2) positions in pixels times `samples`, integer = centre of a pixel (or sample)."""
        pose = pose or Pose()
        near = self._scale * pose.scale * CAMERA / (CAMERA - points[:, 2])
        shift = getattr(self, "iod", 0.0)
        x = (self.size[1] - 1) / 2 + pose.tx * shift + near * points[:, 0]
        y = (self.size[0] - 1) * EYE_ROW + pose.ty * shift - near * points[:, 1]
        return np.stack([(x + 0.5) * samples - 0.5, (y + 0.5) * samples - 0.5], axis=1)

    def landmarks(self, weights: np.ndarray, pose: Pose) -> np.ndarray:
        """Exact positions (68, 2) float64 of the landmark vertices in pixels.

        weights : (52,) face-unit weights in [0, 1], in the order of `load_head().unit_names`
        """
        weights = self._checked(weights)
        points = self._rest[LANDMARK_VERTICES] + np.tensordot(weights, self._landmark_units, axes=1)
        return self._project(self._posed(points, self._follow[LANDMARK_VERTICES], pose), 1.0, pose)

    @functools.cached_property
    def _landmark_units(self) -> np.ndarray:
        return self.head.units[:, LANDMARK_VERTICES].astype(np.float64)

    def unit_displacement(self) -> np.ndarray:
        """Displacement (52, 68) float64 of each landmark at weight 1, as a share of `iod`, facing the camera."""
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

        gaze : (gx, gy) radians that the eyes turn to image-right and up; lids follow by the eyeLook units only
        light : see `Light`; the default is an even studio light
        """
        stage = self._stage = self._stage or _Stage(self)
        return stage.shoot(self._checked(weights), pose, gaze, light or Light())


def inter_ocular(points: np.ndarray) -> float:
    """Distance between the means of the six points of either eye, pixels; `points` (68, 2)."""
    return float(np.linalg.norm(points[42:48].mean(axis=0) - points[36:42].mean(axis=0)))


class _Stage:
    """Buffers and constants of one actor's renderer, made at the first picture."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        head: Head = actor.head
        surface = make_surface(head, actor.identity)
        self.atlas = surface.atlas
        self.broad = footprint(surface.atlas, actor._scale * CAMERA / (CAMERA + 0.0))
        keep = np.ones(len(head.parts), dtype=bool)
        hair = head.parts == PARTS.index("hair")
        back = head.vertices[head.triangles][..., 2].max(axis=1) < 0.35
        keep[hair] = actor.identity.long_hair & back[hair]
        self.triangles = np.ascontiguousarray(head.triangles[keep])
        self.parts = np.ascontiguousarray(head.parts[keep])
        self.uv = np.ascontiguousarray(surface.uv[keep])
        self.double = (self.parts >= PARTS.index("lash-left")).copy()
        self.albedo, self.gloss = surface.albedo, surface.gloss
        self.rest = actor._rest.astype(np.float32)
        self.units = head.units
        self._bind_lashes()
        samples = actor.supersample
        self.shape = (actor.size[0] * samples, actor.size[1] * samples)
        self.depth = np.full(self.shape, -np.inf, dtype=np.float32)
        self.owner = np.full(self.shape, -1, dtype=np.int32)
        self.box = np.zeros(4, dtype=np.int64)
        self.planes = np.zeros((len(self.triangles), 18), dtype=np.float32)
        self.table = encode_table()
        self.backdrop = _backdrop(actor.identity, actor.size)
        self.normals = np.zeros(self.rest.shape, dtype=np.float32)
        self.lit = np.zeros((len(self.rest), 4), dtype=np.float32)
        self.occlusion = self._occlusion()
        self.empty_box = True

    def _bind_lashes(self) -> None:
        """Tie each lash vertex to the lid vertex it stands on, so that lashes can be shortened and stay rooted."""
        head = self.actor.head
        lash = np.isin(head.vertex_parts, (PARTS.index("lash-left"), PARTS.index("lash-right")))
        self.lash = np.flatnonzero(lash)
        candidates = np.flatnonzero(head.vertex_parts == 0)
        distance = np.linalg.norm(
            head.vertices[self.lash][:, None] - head.vertices[candidates][None], axis=2)
        self.lash_root = candidates[distance.argmin(axis=1)]

    def _occlusion(self) -> np.ndarray:
        """Share of the sky that each vertex of the resting face sees, (n,) float32, from depth pictures."""
        points = self.rest
        count, size = 48, 320
        rng = np.random.default_rng(7)
        seen = np.zeros(len(points), dtype=np.float32)
        total = np.zeros(len(points), dtype=np.float32)
        vertex_normals(points, self.triangles[self.parts == 0], self.normals)
        depth = np.empty((size, size), dtype=np.float32)
        owner = np.empty((size, size), dtype=np.int32)
        box = np.zeros(4, dtype=np.int64)
        for k in range(count):
            z = 1 - (k + 0.5) / count * 1.15
            angle = k * 2.399963 + rng.uniform(0, 0.3)
            r = math.sqrt(max(0.0, 1 - z * z))
            view = np.array([r * math.cos(angle), r * math.sin(angle), z])
            side = np.cross([0.0, 1.0, 0.0], view)
            side /= np.linalg.norm(side) + 1e-9
            up = np.cross(view, side)
            frame = np.stack([side, -up, view]).astype(np.float32)
            screen = points @ frame.T
            screen[:, :2] = screen[:, :2] * (size / 4.4) + size / 2
            depth.fill(-np.inf)
            owner.fill(-1)
            rasterise(screen, self.triangles, self.double, depth, owner, box)
            x = np.clip(np.rint(screen[:, 0]).astype(int), 0, size - 1)
            y = np.clip(np.rint(screen[:, 1]).astype(int), 0, size - 1)
            facing = np.clip(self.normals @ view.astype(np.float32), 0, 1)
            seen += facing * (depth[y, x] - screen[:, 2] < 0.035)
            total += facing
        share = seen / np.maximum(total, 1e-3)
        for _ in range(2):  # one depth picture is coarse: average over neighbours
            near = np.zeros_like(share)
            weight = np.zeros_like(share)
            for a, b in ((0, 1), (1, 2), (2, 0)):
                for i, j in ((a, b), (b, a)):
                    np.add.at(near, self.triangles[:, i], share[self.triangles[:, j]])
                    np.add.at(weight, self.triangles[:, i], 1)
            share = 0.5 * share + 0.5 * near / np.maximum(weight, 1)
        part = self.actor.head.vertex_parts
        share[(part == 1) | (part == 2)] = 0.9
        share[(part == 3) | (part == 4)] = 0.55
        share[part == 5] = 0.4
        return np.clip(share, 0.05, 1.0)

    def shoot(self, weights: np.ndarray, pose: Pose, gaze: tuple[float, float], light: Light) -> np.ndarray:
        actor, head = self.actor, self.actor.head
        points = self.rest.copy()
        for k in np.flatnonzero(weights):
            points += np.float32(weights[k]) * self.units[k]
        stand = np.float32(actor.identity.lashes)
        points[self.lash] = points[self.lash_root] + stand * (points[self.lash] - points[self.lash_root])
        look = Pose(yaw=gaze[0], pitch=gaze[1]).matrix().astype(np.float32)
        for (centre, _), part in zip(actor._eyes, (1, 2), strict=True):
            own = head.vertex_parts == part
            points[own] = (points[own] - centre.astype(np.float32)) @ look.T + centre.astype(np.float32)
        points = actor._posed(points.astype(np.float64), actor._follow, pose)
        vertex_normals(points, self.triangles, self.normals)
        key = np.array(light.direction, dtype=np.float32)
        key /= np.linalg.norm(key)
        light_vertices(self.normals, self.albedo, self.occlusion, self.gloss, key, light.ambient, light.gain, self.lit)
        samples = actor.supersample
        flat = actor._project(points, samples, pose)
        screen = np.concatenate([flat, points[:, 2:]], axis=1)
        x0, y0, x1, y1 = self.box
        self.depth[y0:y1, x0:x1] = -np.inf
        self.owner[y0:y1, x0:x1] = -1
        rasterise(screen, self.triangles, self.double, self.depth, self.owner, self.box)
        triangle_planes(screen, self.triangles, self.uv, self.lit, self.planes)
        out = np.empty((*actor.size, 3), dtype=np.uint8)
        shade(self.owner, self.depth, self.box, samples, np.float32(light.gain), self.planes, self.parts, self.atlas,
              self.broad, self._glints(pose, light), self.backdrop, self.table, out)
        if actor.grey:
            grey = (out @ np.array([0.299, 0.587, 0.114], dtype=np.float32) + np.float32(0.5)).astype(np.uint8)
            out = np.repeat(grey[..., None], 3, axis=2)
        return out

    def _glints(self, pose: Pose, light: Light) -> np.ndarray:
        """Centre, radius (samples), glint offset and strength of both eyeballs, (2, 6) float32."""
        actor = self.actor
        out = np.zeros((2, 6), dtype=np.float32)
        for k, (centre, radius) in enumerate(actor._eyes):
            placed = actor._posed(centre[None], np.ones(1), pose)
            x, y = actor._project(placed, actor.supersample, pose)[0]
            size = radius * actor._scale * pose.scale * CAMERA / (CAMERA - placed[0, 2]) * actor.supersample
            out[k] = x, y, size, NOSE_GLINT[0], NOSE_GLINT[1], 0.9 * light.gain
        return out


def _backdrop(identity: Identity, size: tuple[int, int]) -> np.ndarray:
    """Plain wall with a soft fall-off of light and a fine grain that stands still, (H, W, 3) linear float32."""
    high, wide = size
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    fall = 1.0 - 0.25 * np.hypot((x / wide - 0.45), (y / high - 0.4) * 0.8)
    grain = np.random.default_rng([identity.seed, 0xBAC]).normal(0, 0.006, (high, wide)).astype(np.float32)
    return (fall + grain)[..., None] * np.array(identity.backdrop, dtype=np.float32)
