"""The stage: one actor's render buffers, lamp shadows and backdrop, and the taking of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spotlib.actor.asset import MASKS, PARTS, Head, eyeball
from spotlib.actor.atlas import footprint, make_surface
from spotlib.actor.identity import Identity
from spotlib.actor.landmarks import landmark_mix
from spotlib.actor.pose import CAMERA, Pose
from spotlib.actor.render import (
    Light,
    draw,
    encode_table,
    light_vertices,
    make_grey,
    rasterise,
    vertex_normals,
)

if TYPE_CHECKING:
    from spotlib.actor.face import Actor

MOUTH_LIT = 0.12  # decimetres that the lips must part for the front teeth to be fully lit
GLINT = (-0.13, -0.13)  # where the lamp mirrors in an eye, in eyeball radii
LASH_ROOT = 0.008  # decimetres from the skin within which a lash vertex counts as rooted
SKY_VIEWS = 48  # directions from which the ambient shadow is measured


class Stage:
    """Buffers and constants of one actor's renderer, made at the first picture.

    A stage does not keep its actor, who hands itself over with every picture: the two in a circle would stay in
    memory, some 29 MB a person, until the garbage collector happened to come by.
    """

    def __init__(self, actor: Actor) -> None:
        head = actor.head
        surface = make_surface(head, actor.identity)
        self.atlas = surface.atlas
        self.broad = footprint(surface.atlas, actor.pixels_per_decimetre)
        keep = np.ones(len(head.parts), dtype=bool)
        hair = head.parts == PARTS.index("hair")
        back = head.vertices[head.triangles][..., 2].max(axis=1) < 0.35
        keep[hair] = actor.identity.long_hair & back[hair]
        lash = head.parts >= PARTS.index("lash-left")
        middle = np.mean([eyeball(head.vertices, head, name)[0][1] for name in ("eye-left", "eye-right")])
        # Lower lashes are finer than a pixel: the dark lid margin stands for them.
        keep[lash & ~hair] = head.vertices[head.triangles[lash & ~hair]][..., 1].mean(axis=1) > middle
        self.triangles = np.ascontiguousarray(head.triangles[keep])
        self.parts = np.ascontiguousarray(head.parts[keep])
        self.uv = np.ascontiguousarray(surface.uv[keep])
        self.kinds = np.ascontiguousarray(surface.kinds[keep])
        self.double = (self.parts >= PARTS.index("lash-left")).copy()
        self.albedo, self.gloss = surface.albedo, surface.gloss
        self.rest = actor.rest.astype(np.float32)
        self.units = head.units
        self._bind_lashes(head, actor.identity)
        self.planes = np.zeros((len(self.triangles) + 1, 18), dtype=np.float32)
        self.table = encode_table()
        self.backdrop = _backdrop(actor.identity, actor.size)
        self.normals = np.zeros(self.rest.shape, dtype=np.float32)
        self.lit = np.zeros((len(self.rest), 4), dtype=np.float32)
        self.occlusion = self._occlusion(head)
        self.eye_vertices = [np.flatnonzero(head.vertex_parts == PARTS.index(n)) for n in ("eye-left", "eye-right")]
        self.lip_gap = _lip_gap(self.rest)
        self.teeth = np.isin(
            head.vertex_parts, (PARTS.index("teeth-upper"), PARTS.index("teeth-lower"), PARTS.index("tongue"))
        )

    def _bind_lashes(self, head: Head, identity: Identity) -> None:
        """Tie each lash vertex to the root it grows from: shortened lashes stay rooted."""
        lash = np.isin(head.vertex_parts, (PARTS.index("lash-left"), PARTS.index("lash-right")))
        self.lash = np.flatnonzero(lash)
        points = head.vertices[self.lash]
        skin = head.vertices[head.vertex_parts == 0]
        away = np.linalg.norm(points[:, None] - skin[None], axis=2).min(axis=1)
        rooted = np.flatnonzero(away < LASH_ROOT)
        # Hairs grow forwards and up, so sideways distance counts most.
        apart = np.linalg.norm((points[:, None] - points[rooted][None]) * np.array([3.0, 1.0, 1.0]), axis=2)
        self.lash_root = self.lash[rooted[apart.argmin(axis=1)]]
        self.lash_length = np.float32(identity.lashes)

    def _occlusion(self, head: Head) -> np.ndarray:
        """Share of the sky that each vertex of the resting face sees, (n,) float32, from depth pictures."""
        points = self.rest
        count, size = SKY_VIEWS, 320
        rng = np.random.default_rng(7)
        seen = np.zeros(len(points), dtype=np.float32)
        total = np.zeros(len(points), dtype=np.float32)
        vertex_normals(points, self.triangles[self.parts == 0], self.normals)
        depth = np.empty((size, size), dtype=np.float32)
        owner = np.empty((size, size), dtype=np.int32)
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
            rasterise(screen, self.triangles, self.double, depth, owner)
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
            share = 0.7 * share + 0.3 * near / np.maximum(weight, 1)
        part = head.vertex_parts
        share[(part == 1) | (part == 2)] = 0.9
        share[(part == 3) | (part == 4)] = 0.55
        share[part == 5] = 0.3
        share = np.clip(share, 0.03, 1.0) ** 1.5
        share[part == 8] = np.maximum(share[part == 8], 0.4)
        inside = head.masks[MASKS.index("inside-mouth")]
        return (share * (1 - 0.6 * inside)).astype(np.float32)

    def shoot(
        self, actor: Actor, weights: np.ndarray, pose: Pose, gaze: tuple[float, float], light: Light
    ) -> np.ndarray:
        """One picture (H, W, 3) uint8 of the actor that the stage was made for; see `Actor.render`."""
        points = self.rest.copy()
        for k in np.flatnonzero(weights):
            points += np.float32(weights[k]) * self.units[k]
        points[self.lash] = points[self.lash_root] + self.lash_length * (points[self.lash] - points[self.lash_root])
        look = Pose(yaw=gaze[0], pitch=gaze[1]).matrix().astype(np.float32)
        for (centre, _), own in zip(actor.eyes, self.eye_vertices, strict=True):
            points[own] = (points[own] - centre.astype(np.float32)) @ look.T + centre.astype(np.float32)
        light_in = min(
            max((_lip_gap(points) - self.lip_gap) / MOUTH_LIT, 0.02), 1.0
        )  # little light enters a shut mouth
        points, screen = actor.place(points.astype(np.float64), pose)
        vertex_normals(points, self.triangles, self.normals)
        key = np.array(light.direction, dtype=np.float32)
        key /= np.linalg.norm(key)
        light_vertices(self.normals, self.albedo, self.occlusion, self.gloss, key, light.ambient, light.gain, self.lit)
        self.lit[self.teeth] *= np.float32(light_in)
        out = draw(
            screen,
            self.triangles,
            self.double,
            self.kinds,
            self.uv,
            self.lit,
            samples=actor.supersample,
            gain=light.gain,
            fine=self.atlas,
            broad=self.broad,
            eyes=self._glints(actor, pose, light),
            backdrop=self.backdrop,
            table=self.table,
            planes=self.planes,
        )
        if actor.grey:
            make_grey(out.reshape(-1, 3))
        return out

    def _glints(self, actor: Actor, pose: Pose, light: Light) -> np.ndarray:
        """Centre, radius (samples), glint offset and strength of both eyeballs, (2, 6) float32."""
        out = np.zeros((2, 6), dtype=np.float32)
        for k, (centre, radius) in enumerate(actor.eyes):
            placed = pose.turn(centre[None])
            x, y = actor.project(placed, pose, samples=actor.supersample)[0]
            size = (
                radius * actor.pixels_per_decimetre * pose.scale * CAMERA / (CAMERA - placed[0, 2]) * actor.supersample
            )
            out[k] = x, y, size, GLINT[0], GLINT[1], 0.9 * light.gain
        return out


def _lip_gap(vertices: np.ndarray) -> float:
    """Distance between the middles of the lips' inner edges, decimetres."""
    corners, shares = landmark_mix()
    upper, lower = (shares[k] @ vertices[corners[k]] for k in (62, 66))
    return float(np.linalg.norm(upper - lower))


def _backdrop(identity: Identity, size: tuple[int, int]) -> np.ndarray:
    """Plain wall, soft fall-off of light, fine grain that stands still; (H, W, 3) linear float32."""
    high, wide = size
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    fall = 1.0 - 0.25 * np.hypot((x / wide - 0.45), (y / high - 0.4) * 0.8)
    grain = np.random.default_rng([identity.seed, 0xBAC]).normal(0, 0.006, (high, wide)).astype(np.float32)
    return (fall + grain)[..., None] * np.array(identity.backdrop, dtype=np.float32)
