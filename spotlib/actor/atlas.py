"""The texture atlas and the colour of every vertex: what the renderer knows of the actor's surface.

The upper part of the atlas is the painted chart (`skin.paint_chart`); the strip below holds patches for
parts that the chart would fold onto the face: eyeballs, teeth, the inside of the mouth, ears, long hair.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from spotlib.actor.asset import MASKS, PARTS, Head, eyeball
from spotlib.actor.identity import Identity
from spotlib.actor.landmarks import landmarks_of
from spotlib.actor.render import RATIO_ONE
from spotlib.actor.skin import DENSITY, TALL, WIDE, hair_factor, noise, paint_chart, smooth

STRIP = 256  # rows and columns of a patch
KINDS = ("chart", "eye-left", "eye-right", "teeth", "mouth", "plain", "hair")
PATCHES = {
    "eye-left": 0,
    "eye-right": 0,
    "teeth": 256,
    "mouth": 512,
    "plain": 768,
    "hair": 1024,
}  # left columns


@dataclass(frozen=True)
class Surface:
    """What the renderer needs to know of the actor's surface.

    atlas : (TALL + STRIP, WIDE, 4) uint8, RGB factors and gloss factor, RATIO_ONE = 1
    albedo : (n, 3) float32 linear-light vertex colour
    gloss : (n,) float32 strength of the vertex highlight
    uv : (m, 3, 2) float32 atlas position (column, row) of every triangle corner
    kinds : (m,) uint8, index into KINDS: the patch that a triangle takes its texture from
    """

    atlas: np.ndarray
    albedo: np.ndarray
    gloss: np.ndarray
    uv: np.ndarray
    kinds: np.ndarray


def make_surface(head: Head, identity: Identity) -> Surface:
    """Paint the actor. Takes about a second; depends on the identity only."""
    rng = np.random.default_rng([identity.seed, 0x5C1])
    factor, gloss = paint_chart(head, identity, rng)
    atlas = np.full((TALL + STRIP, WIDE, 4), RATIO_ONE, dtype=np.float32)
    atlas[:TALL, :, :3] = factor * RATIO_ONE
    atlas[:TALL, :, 3] = gloss * RATIO_ONE
    plain = 1 + 0.02 * noise(rng, (STRIP, STRIP), 2.0)
    for name, patch in (
        ("eye-left", _eye_patch(identity, rng)), ("teeth", _teeth_patch(rng)), ("plain", plain[..., None]),
        ("hair", hair_factor(rng, (STRIP, STRIP), identity)[..., None]),
    ):  # fmt: skip
        atlas[TALL:, PATCHES[name] : PATCHES[name] + STRIP, :3] = patch * RATIO_ONE
    albedo, vertex_gloss = vertex_albedo(head, identity)
    uv, kinds = atlas_uv(head)
    return Surface(np.clip(np.rint(atlas), 0, 255).astype(np.uint8), albedo, vertex_gloss, uv, kinds)


def footprint(atlas: np.ndarray, pixels_per_decimetre: float) -> np.ndarray:
    """The atlas averaged over the square of one screen pixel around each texel, (h, w, 4) uint8."""
    side = DENSITY / pixels_per_decimetre  # texels that one pixel covers
    kernel = np.clip((side + 1) / 2 - np.abs(np.arange(-int(side) - 1, int(side) + 2)), 0, 1)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return cv2.sepFilter2D(atlas, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)


def atlas_uv(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Atlas position (column, row) of every triangle corner, (m, 3, 2) float32, and its patch, (m,) uint8."""
    kinds = np.zeros(len(head.parts), dtype=np.uint8)
    uv = head.chart[head.triangles] * DENSITY
    points = head.vertices[head.triangles]

    def patch(rows: np.ndarray, name: str, x: np.ndarray, y: np.ndarray) -> None:
        """Place corners by x, y in [0, 1] inside a patch."""
        uv[rows, :, 0] = PATCHES[name] + 2 + np.clip(x, 0, 1) * (STRIP - 5)
        uv[rows, :, 1] = TALL + 2 + np.clip(y, 0, 1) * (STRIP - 5)
        kinds[rows] = KINDS.index(name)

    for name in ("eye-left", "eye-right"):
        rows = head.parts == PARTS.index(name)
        p = points[rows]
        centre, radius = eyeball(head.vertices, head, name)
        axis = (p - centre) / radius
        patch(rows, name, 0.5 + 0.49 * axis[..., 0], 0.5 - 0.49 * axis[..., 1])
    for name in ("teeth-upper", "teeth-lower"):
        rows = head.parts == PARTS.index(name)
        patch(rows, "teeth", points[rows][..., 0] / 0.72 + 0.5, (6.9 - points[rows][..., 1]) / 0.6)
    for name in ("tongue", "lash-left", "lash-right"):
        patch(head.parts == PARTS.index(name), "mouth", np.array(0.5), np.array(0.5))
    rows = head.parts == PARTS.index("hair")
    patch(rows, "hair", points[rows][..., 2] * 0.6 + 0.5, (8.7 - points[rows][..., 1]) / 4)
    inside = head.masks[MASKS.index("inside-mouth")][head.triangles].min(axis=1) > 0.5
    patch(inside & (head.parts == 0), "mouth", np.array(0.5), np.array(0.5))
    ears = head.masks[MASKS.index("ears")][head.triangles].min(axis=1) > 0.3
    rows = ears & (head.parts == 0)
    patch(rows, "plain", 0.5 + points[rows][..., 2] - 0.1, 7.6 - points[rows][..., 1])
    return uv.astype(np.float32), kinds


def _eye_patch(identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Front half of the eyeball seen along its axis, (STRIP, STRIP, 3) linear albedo."""
    y, x = np.mgrid[0:STRIP, 0:STRIP].astype(np.float32)
    x, y = (x - STRIP / 2) / (STRIP / 2 * 0.98), (y - STRIP / 2) / (STRIP / 2 * 0.98)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    white = np.array([0.62, 0.57, 0.54], dtype=np.float32)
    veins = np.clip(noise(rng, (STRIP, STRIP), 2.0), 0, 3) * smooth(0.5, 0.9, r) * 0.05
    out = white * np.stack(
        [np.ones_like(r), 1 - veins - 0.14 * smooth(0.55, 1.0, r), 1 - veins - 0.17 * smooth(0.55, 1.0, r)],
        axis=2,
    )
    iris_r = 0.455
    fibre = np.interp(angle, np.linspace(-np.pi, np.pi, 181), np.r_[0.0, rng.normal(0, 1, 179), 0.0]).astype(np.float32)
    tone = 1.0 + 0.22 * fibre * smooth(0.1, 0.3, r / iris_r) + 0.15 * noise(rng, (STRIP, STRIP), 2.5)
    tone *= 1.15 - 0.75 * smooth(0.72, 1.0, r / iris_r) + 0.35 * smooth(0.75, 0.45, r / iris_r)
    iris = np.array(identity.iris, dtype=np.float32) * np.clip(tone, 0.2, 2.0)[..., None]
    pupil = smooth(identity.pupil + 0.05, identity.pupil - 0.05, r / iris_r)
    iris = iris * (1 - pupil[..., None]) + 0.004 * pupil[..., None]
    edge = smooth(iris_r + 0.025, iris_r - 0.025, r)[..., None]
    return out * (1 - edge) + iris * edge


def _teeth_patch(rng: np.random.Generator) -> np.ndarray:
    """Factors of a row of teeth with dark gaps, columns along the jaw, (STRIP, STRIP, 3)."""
    x = np.abs(np.linspace(-0.36, 0.36, STRIP, dtype=np.float32))
    gaps = np.array([0.0, 0.085, 0.155, 0.225, 0.28, 0.33], dtype=np.float32)
    near = np.min(np.abs(x[:, None] - gaps[None]), axis=1)
    row = 1 - 0.55 * np.exp(-((near / 0.006) ** 2))
    return np.repeat(np.repeat(row[None, :, None], STRIP, axis=0), 3, axis=2) * np.float32(1.0)


def polyline_distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance (n,) of points (n, 3) to a polyline (k, 3)."""
    best = np.full(len(points), np.inf)
    for a, b in itertools.pairwise(line):
        t = np.clip((points - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-12), 0.0, 1.0)
        best = np.minimum(best, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1))
    return best


def vertex_albedo(head: Head, identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Linear-light colour (n, 3) and highlight strength (n,) of every vertex."""
    skin = np.array(identity.skin)
    lips, lids, ears, _, inside = head.masks
    albedo = np.repeat(skin[None], len(head.vertices), axis=0)
    albedo *= 1 + (lips**0.7)[:, None] * (np.array(identity.lips) * 0.88 - 1)
    albedo *= 1 + ears[:, None] * (np.array([1.0, 0.86, 0.84]) - 1) * identity.redness
    albedo *= 1 + lids[:, None] * (np.array([0.86, 0.78, 0.78]) - 1)
    at = landmarks_of(head.vertices)
    for ring, depth, reach in (
        (at[[60, 61, 62, 63, 64, 65, 66, 67, 60]], 0.65, 0.017),  # the line between the lips
        (at[[36, 37, 38, 39]], 0.6, 0.016), (at[[42, 43, 44, 45]], 0.6, 0.016),  # upper lid margins
        (at[[39, 40, 41, 36]], 0.4, 0.016), (at[[45, 46, 47, 42]], 0.4, 0.016),  # lower ones
    ):  # fmt: skip
        near = np.exp(-((polyline_distance(head.vertices, ring) / reach) ** 2))
        albedo *= 1 - depth * near[:, None]
    albedo = albedo * (1 - inside[:, None]) + inside[:, None] * np.array([0.07, 0.014, 0.012])
    gloss = 0.055 * identity.shine * (1 + 1.2 * lips) * (1 - inside)
    part = head.vertex_parts
    for name, colour, shine in (
        ("eye-left", (1.0, 1.0, 1.0), 0.02), ("eye-right", (1.0, 1.0, 1.0), 0.02),
        ("teeth-upper", (0.62, 0.56, 0.47), 0.08), ("teeth-lower", (0.55, 0.49, 0.41), 0.06),
        ("tongue", (0.17, 0.055, 0.05), 0.02), ("lash-left", (0.012, 0.01, 0.009), 0.0),
        ("lash-right", (0.012, 0.01, 0.009), 0.0), ("hair", identity.hair, 0.03),
    ):  # fmt: skip
        albedo[part == PARTS.index(name)] = colour
        gloss[part == PARTS.index(name)] = shine
    return albedo.astype(np.float32), gloss.astype(np.float32)
