"""Procedural surface: the texture atlas (skin, brows, hair, cloth, eye) and the albedo of every vertex.

The atlas holds *factors* on the albedo of the vertices, not colours: large, smooth colour (lips, lids, mouth)
sits on the mesh, fine detail sits in the picture. The upper part of the atlas is the chart of `asset.chart_of`, the
strip below holds patches for parts that the chart would fold onto the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from spotlib.actor.asset import (
    CHART_BOTTOM,
    CHART_LEFT,
    CHART_RIGHT,
    CHART_TOP,
    MASKS,
    PARTS,
    Head,
    chart_of,
)
from spotlib.actor.identity import Identity
from spotlib.actor.landmarks import LANDMARK_VERTICES
from spotlib.actor.render import RATIO_ONE

DENSITY = 376.0  # texels per decimetre: one per sample at the default face size with 2x2 supersampling
MIDDLE = -CHART_LEFT  # chart decimetres of the middle line
STRIP = 256  # rows of the patches below the chart
WIDE = round((CHART_RIGHT - CHART_LEFT) * DENSITY)
TALL = round((CHART_TOP - CHART_BOTTOM) * DENSITY)
PATCHES = {"eye": 0, "teeth": 256, "mouth": 512, "plain": 768, "hair": 1024}  # left column; each STRIP wide


@dataclass(frozen=True)
class Surface:
    """What the renderer needs to know of the actor's surface.

    atlas : (TALL + STRIP, WIDE, 4) uint8, RGB factors and gloss factor, RATIO_ONE = 1
    albedo : (n, 3) float32 linear-light vertex colour
    gloss : (n,) float32 strength of the vertex highlight
    uv : (m, 3, 2) float32 atlas position (column, row) of every triangle corner
    """

    atlas: np.ndarray
    albedo: np.ndarray
    gloss: np.ndarray
    uv: np.ndarray


def _noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]) -> np.ndarray:
    """Smooth Gaussian noise of unit standard deviation; `sigma` in texels, (x, y) if two."""
    sx, sy = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    raw = rng.standard_normal(shape, dtype=np.float32)
    out = cv2.GaussianBlur(raw, (0, 0), sigmaX=sx, sigmaY=sy, borderType=cv2.BORDER_REFLECT)
    return out / out.std()


def _coarse(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """`_noise` for wide blurs, made small and enlarged: a tenth of the time."""
    step = max(1, int(sigma / 3))
    small = _noise(rng, (shape[0] // step + 2, shape[1] // step + 2), sigma / step)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _smooth(low: float, high: float, x: np.ndarray) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _blob(shape_grid: tuple[np.ndarray, np.ndarray], centre: np.ndarray, rx: float, ry: float) -> np.ndarray:
    """Gaussian bump on the chart, centre and radii in decimetres."""
    a, d = shape_grid
    return np.exp(-0.5 * (((a - centre[0]) / rx) ** 2 + ((d - centre[1]) / ry) ** 2))


def hair_cover(across: np.ndarray, down: np.ndarray, identity: Identity) -> np.ndarray:
    """Signed distance-like measure (decimetres, positive inside the hair) on the chart."""
    side = np.abs(across - MIDDLE)
    brow = CHART_TOP - 7.5
    top = brow - identity.hairline
    corners = np.array([0.0, 0.3, 0.52, 0.64, 0.74, 0.80, 0.88, 1.0, 1.06, 1.2, 1.45, 1.75])
    heights = np.array(
        [top + identity.widows_peak, top, top + 0.06 - identity.temple, top + 0.22 - 0.6 * identity.temple,
         brow - 0.02, brow + 0.12, brow + 0.3, brow + 0.34, brow + 0.2, brow + 0.1, brow + 0.6, brow + 1.0]
    )  # fmt: skip
    return np.interp(side, corners, heights).astype(np.float32) - down


def cloth_cover(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Positive (decimetres) below the collar."""
    side = np.abs(across - MIDDLE)
    return down - np.interp(side, [0.0, 0.5, 1.0, 1.75], [2.86, 2.78, 2.66, 2.6]).astype(np.float32)


def _strokes(mask: np.ndarray, roots: np.ndarray, tips: np.ndarray, strength: np.ndarray) -> None:
    """Fine antialiased hairs, drawn into `mask` (float32) by maximum; texel coordinates."""
    layer = np.zeros(mask.shape, dtype=np.uint8)
    for (x0, y0), (x1, y1), s in zip(roots, tips, strength, strict=True):
        cv2.line(layer, (round(x0 * 16), round(y0 * 16)), (round(x1 * 16), round(y1 * 16)), int(s), 1, cv2.LINE_AA, 4)
    np.maximum(mask, layer.astype(np.float32) / 255, out=mask)


def brow_mask(head: Head, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Share of brow hair per chart texel, (TALL, WIDE) float32: hairs along the five brow landmarks of each side."""
    mask = np.zeros((TALL, WIDE), dtype=np.float32)
    chart = head.chart[LANDMARK_VERTICES]
    for inner_to_outer in (chart[[21, 20, 19, 18, 17]], chart[[22, 23, 24, 25, 26]]):
        sign = np.sign(inner_to_outer[4, 0] - inner_to_outer[0, 0])
        knots = np.linspace(0, 1, 5)
        line = np.linspace(0, 1, 60)
        x = np.interp(line, knots, inner_to_outer[:, 0])
        fit = np.polyfit(knots, inner_to_outer[:, 1], 3)
        y = np.polyval(fit, line) - identity.brow_arch * np.sin(np.pi * line)
        centre = x[20]
        x = centre + (x - centre) * identity.brow_length
        width = identity.brow_thickness * np.interp(line, [0, 0.12, 0.55, 1], [0.72, 1.0, 0.85, 0.16])
        core = np.zeros((TALL, WIDE), dtype=np.uint8)
        outline = np.concatenate(
            [np.stack([x, y - 0.42 * width], 1), np.stack([x, y + 0.42 * width], 1)[::-1]]) * DENSITY
        cv2.fillPoly(core, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(core, (0, 0), 0.018 * DENSITY).astype(np.float32) / 255
        np.maximum(mask, soft * (0.35 + 0.35 * identity.brow_density), out=mask)
        count = int(420 * identity.brow_density)
        t = rng.uniform(0, 1, count)
        offset = rng.normal(0.0, 0.26, count) * np.interp(t, line, width)
        root = np.stack([np.interp(t, line, x), np.interp(t, line, y) + offset], axis=1)
        lean = np.interp(t, [0, 0.25, 0.6, 1], [1.35, 0.75, 0.25, -0.15]) + rng.normal(0, 0.15, count)
        lean -= 0.9 * np.clip(-offset / np.interp(t, line, width) - 0.2, 0, 1)  # upper hairs bend down
        length = identity.brow_thickness * rng.uniform(0.35, 0.75, count)
        tip = root + np.stack([sign * np.cos(lean) * length, -np.sin(lean) * length], axis=1)
        _strokes(mask, root * DENSITY, tip * DENSITY, rng.uniform(110, 235, count))
    return np.clip(mask, 0, 1)


def _skin_factor(head: Head, identity: Identity, rng: np.random.Generator, grid) -> np.ndarray:
    """Fine and middle structure of bare skin as factors (TALL, WIDE, 3)."""
    shape = (TALL, WIDE)
    at = head.chart[LANDMARK_VERTICES]
    fine = _noise(rng, shape, 1.5) * 0.022 + _noise(rng, shape, 2.6) * 0.024 + _noise(rng, shape, 5.5) * 0.022
    blotch = _coarse(rng, shape, 16.0) * 0.018 + _coarse(rng, shape, 45.0) * 0.025
    pores = np.minimum(_noise(rng, shape, 1.3) + 1.6, 0.0) * 0.10
    factor = np.repeat((1.0 + identity.pores * (fine + pores) + blotch)[..., None], 3, axis=2)
    red = _coarse(rng, shape, 30.0) * 0.02
    nose, chin = at[30], at[8] - [0, 0.12]
    for spot, rx, ry, amount in (
        (nose, 0.13, 0.12, 0.10), (chin, 0.16, 0.1, 0.05), (at[31] * 0.5 + at[1] * 0.5, 0.2, 0.14, 0.11),
        (at[35] * 0.5 + at[15] * 0.5, 0.2, 0.14, 0.11),
    ):  # fmt: skip
        red += amount * identity.redness * _blob(grid, spot, rx, ry)
    factor[..., 1] *= 1 - red
    factor[..., 2] *= 1 - 0.8 * red
    dark = np.zeros(shape, dtype=np.float32)
    for lid in (at[[40, 41]].mean(0), at[[46, 47]].mean(0)):
        dark += 0.16 * _blob(grid, lid + [0, 0.09], 0.14, 0.045)
    factor *= (1 - dark[..., None] * np.array([0.7, 1.0, 0.9], dtype=np.float32))
    return factor.astype(np.float32) * (1 - _wrinkle_depth(identity, rng, at))[..., None]


def _wrinkle_depth(identity: Identity, rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    """Darkening by forehead lines, frown lines, crow's feet and the fold beside the mouth, (TALL, WIDE)."""
    layer = np.zeros((TALL, WIDE), dtype=np.float32)

    def curve(points: np.ndarray, strength: float, sigma: float) -> None:
        one = np.zeros((TALL, WIDE), dtype=np.uint8)
        texels = np.round(points * DENSITY * 16).astype(np.int32)
        cv2.polylines(one, [texels], False, 255, 2, cv2.LINE_AA, 4)
        layer[:] += strength * cv2.GaussianBlur(one, (0, 0), sigma).astype(np.float32) / 90

    t = np.linspace(-1, 1, 25)
    for k in range(3):
        y = at[19:25, 1].mean() - 0.17 - 0.12 * k + rng.normal(0, 0.012)
        x = MIDDLE + t * rng.uniform(0.3, 0.42)
        curve(np.stack([x, y - 0.03 * np.cos(2.2 * t) + rng.normal(0, 0.004, 25)], 1),
              0.10 * identity.wrinkles * rng.uniform(0.5, 1.2), 2.2)
    for side, corner, outer in ((-1, 48, 36), (1, 54, 45)):
        wing = at[31] if side < 0 else at[35]
        s = np.linspace(0, 1, 15)[:, None]
        fold = wing + [side * 0.05, -0.03] + s * (at[corner] + [side * 0.09, 0.02] - wing - [side * 0.05, -0.03])
        fold[:, 0] += side * 0.03 * np.sin(np.pi * s[:, 0])
        curve(fold, 0.05 + 0.16 * identity.wrinkles, 3.5)
        for k in range(3):
            start = at[outer] + [side * 0.05, -0.03 + 0.035 * k]
            curve(start + s * np.array([side * 0.1, -0.03 + 0.04 * k]), 0.12 * identity.wrinkles, 1.8)
        frown = at[21 if side < 0 else 22] + [-side * 0.055, 0.0]
        curve(frown + s * np.array([0.0, -0.1]), 0.10 * identity.wrinkles * rng.uniform(0.2, 1.2), 2.4)
    return np.clip(layer, 0, 0.5)


def _spots(factor: np.ndarray, identity: Identity, rng: np.random.Generator) -> None:
    """Moles and freckles, multiplied into `factor` in place."""
    def dab(x: float, y: float, radius: float, depth: float) -> None:
        r = int(3 * radius) + 2
        x0, y0 = int(x) - r, int(y) - r
        if x0 < 0 or y0 < 0 or x0 + 2 * r + 1 > WIDE or y0 + 2 * r + 1 > TALL:
            return
        yy, xx = np.mgrid[0 : 2 * r + 1, 0 : 2 * r + 1].astype(np.float32)
        bump = np.exp(-(((xx - r - (x % 1)) ** 2 + (yy - r - (y % 1)) ** 2) / (radius * radius)) ** 1.5)
        factor[y0 : y0 + 2 * r + 1, x0 : x0 + 2 * r + 1] *= (
            1 - depth * bump[..., None] * np.array([0.75, 1.0, 1.05], dtype=np.float32))

    for _ in range(identity.moles):
        dab((MIDDLE + rng.uniform(-0.75, 0.75)) * DENSITY, rng.uniform(0.75, 2.6) * DENSITY,
            rng.uniform(2.2, 5.0), rng.uniform(0.35, 0.7))
    for _ in range(identity.freckles):
        dab((MIDDLE + rng.normal(0, 0.35)) * DENSITY, (1.62 + rng.normal(0, 0.17)) * DENSITY,
            rng.uniform(1.8, 4.2), rng.uniform(0.08, 0.3))


def _beard(identity: Identity, rng: np.random.Generator, grid, at: np.ndarray) -> np.ndarray:
    """Cover of beard stubble per chart texel."""
    a, d = grid
    side = np.abs(a - MIDDLE)
    upper = np.interp(side, [0.0, 0.3, 0.5, 0.75, 0.95], [1.93, 1.97, 2.02, 1.75, 1.3]).astype(np.float32)
    lower = np.interp(side, [0.0, 0.4, 0.8, 1.1], [2.62, 2.55, 2.3, 1.9]).astype(np.float32)
    region = _smooth(-0.03, 0.10, d - upper) * _smooth(-0.05, 0.10, lower - d) * _smooth(1.05, 0.85, side)
    mouth = at[[51, 57]].mean(0)
    region = region * (1 - np.exp(-((((a - mouth[0]) / 0.27) ** 2 + ((d - mouth[1]) / 0.11) ** 2) ** 3)) * 0.0)
    region *= 1 - np.exp(-((((a - mouth[0]) / 0.28) ** 2 + ((d - mouth[1]) / 0.12) ** 2) ** 3))
    dots = np.clip(0.55 + 0.5 * _noise(rng, (TALL, WIDE), (1.1, 1.7)), 0, 1)
    return region * dots * identity.stubble


def _eye_patch(identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Front half of the eyeball seen along its axis, (STRIP, STRIP, 3) linear albedo; radius 1 at 0.98 of the half."""
    y, x = np.mgrid[0:STRIP, 0:STRIP].astype(np.float32)
    x, y = (x - STRIP / 2) / (STRIP / 2 * 0.98), (y - STRIP / 2) / (STRIP / 2 * 0.98)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    white = np.array([0.62, 0.57, 0.54], dtype=np.float32)
    veins = np.clip(_noise(rng, (STRIP, STRIP), 2.0), 0, 3) * _smooth(0.5, 0.9, r) * 0.05
    out = white * np.stack([np.ones_like(r), 1 - veins - 0.14 * _smooth(0.55, 1.0, r),
                            1 - veins - 0.17 * _smooth(0.55, 1.0, r)], axis=2)
    iris_r = 0.455
    fibre = np.interp(angle, np.linspace(-np.pi, np.pi, 181), np.r_[0.0, rng.normal(0, 1, 179), 0.0]).astype(np.float32)
    tone = 1.0 + 0.22 * fibre * _smooth(0.1, 0.3, r / iris_r) + 0.15 * _noise(rng, (STRIP, STRIP), 2.5)
    tone *= 1.15 - 0.75 * _smooth(0.72, 1.0, r / iris_r) + 0.35 * _smooth(0.75, 0.45, r / iris_r)
    iris = np.array(identity.iris, dtype=np.float32) * np.clip(tone, 0.2, 2.0)[..., None]
    pupil = _smooth(identity.pupil + 0.05, identity.pupil - 0.05, r / iris_r)
    iris = iris * (1 - pupil[..., None]) + 0.004 * pupil[..., None]
    edge = _smooth(iris_r + 0.025, iris_r - 0.025, r)[..., None]
    return out * (1 - edge) + iris * edge


def _teeth_patch(rng: np.random.Generator) -> np.ndarray:
    """Factors of a row of teeth: columns are the width of the jaw, dark gaps between teeth, (STRIP, STRIP, 3)."""
    x = np.abs(np.linspace(-0.36, 0.36, STRIP, dtype=np.float32))
    gaps = np.array([0.0, 0.085, 0.155, 0.225, 0.28, 0.33], dtype=np.float32)
    near = np.min(np.abs(x[:, None] - gaps[None]), axis=1)
    row = 1 - 0.55 * np.exp(-((near / 0.006) ** 2))
    return np.repeat(np.repeat(row[None, :, None], STRIP, axis=0), 3, axis=2) * np.float32(1.0)


def hair_factor(rng: np.random.Generator, shape: tuple[int, int], identity: Identity) -> np.ndarray:
    """Strands as a factor on the hair colour: long thin noise with a soft wave, (h, w)."""
    strands = 0.30 * _noise(rng, shape, (1.0, 26.0)) + 0.22 * _noise(rng, shape, (2.6, 40.0))
    return np.clip(1.0 + strands + 0.12 * _coarse(rng, shape, 24.0), 0.25, 2.2)


def vertex_albedo(head: Head, identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Linear-light colour (n, 3) and highlight strength (n,) of every vertex."""
    skin = np.array(identity.skin)
    lips, lids, ears, _, inside = head.masks
    albedo = np.repeat(skin[None], len(head.vertices), axis=0)
    albedo *= 1 + lips[:, None] * (np.array(identity.lips) * 0.92 - 1)
    albedo *= 1 + ears[:, None] * (np.array([1.0, 0.86, 0.84]) - 1) * identity.redness
    albedo *= 1 + lids[:, None] * (np.array([0.86, 0.78, 0.78]) - 1)
    albedo = albedo * (1 - inside[:, None]) + inside[:, None] * np.array([0.16, 0.035, 0.03])
    gloss = 0.055 * identity.shine * (1 + 1.2 * lips) * (1 - inside)
    part = head.vertex_parts
    for name, colour, shine in (
        ("eye-left", (1.0, 1.0, 1.0), 0.02), ("eye-right", (1.0, 1.0, 1.0), 0.02),
        ("teeth-upper", (0.62, 0.56, 0.47), 0.08), ("teeth-lower", (0.55, 0.49, 0.41), 0.06),
        ("tongue", (0.34, 0.12, 0.11), 0.05), ("lash-left", (0.012, 0.01, 0.009), 0.0),
        ("lash-right", (0.012, 0.01, 0.009), 0.0), ("hair", identity.hair, 0.03),
    ):  # fmt: skip
        albedo[part == PARTS.index(name)] = colour
        gloss[part == PARTS.index(name)] = shine
    return albedo.astype(np.float32), gloss.astype(np.float32)


def make_surface(head: Head, identity: Identity) -> Surface:
    """Paint the actor. Takes about a second; depends on the identity only."""
    rng = np.random.default_rng([identity.seed, 0x5C1])
    d, a = np.mgrid[0:TALL, 0:WIDE].astype(np.float32) / np.float32(DENSITY)
    grid = (a, d)
    at = head.chart[LANDMARK_VERTICES]
    skin = np.array(identity.skin, dtype=np.float32)
    factor = _skin_factor(head, identity, rng, grid)
    gloss = np.ones((TALL, WIDE), dtype=np.float32) + 0.15 * _noise(rng, (TALL, WIDE), 2.0)
    _spots(factor, identity, rng)

    def cover(mask: np.ndarray, colour: np.ndarray, shine: float) -> None:
        factor[:] += mask[..., None] * (colour / skin - factor)
        gloss[:] += mask * (shine - gloss)

    if identity.stubble > 0.02:
        cover(0.75 * _beard(identity, rng, grid, at), np.array(identity.brow_colour, dtype=np.float32), 0.5)
    brow = brow_mask(head, identity, rng)
    tone = (1 + 0.2 * _noise(rng, (TALL, WIDE), 1.2))[..., None]
    cover(0.94 * brow, np.array(identity.brow_colour, dtype=np.float32) * tone, 0.3)
    strands = hair_factor(rng, (TALL, WIDE), identity)[..., None]
    hair_colour = np.array(identity.hair, dtype=np.float32) * strands
    shaven = identity.hair_thickness < 0.03
    edge = hair_cover(a, d, identity) + 0.012 * _noise(rng, (TALL, WIDE), (1.2, 9.0))
    hair = _smooth(-0.02, 0.06, edge) * (0.55 if shaven else 0.97)
    cover(hair, hair_colour, 0.6)
    cloth = _smooth(-0.005, 0.005, cloth_cover(a, d))
    weave = (1 + 0.08 * _noise(rng, (TALL, WIDE), 2.0))[..., None]
    cover(cloth, np.array(identity.cloth, dtype=np.float32) * weave, 0.0)

    atlas = np.full((TALL + STRIP, WIDE, 4), RATIO_ONE, dtype=np.float32)
    atlas[:TALL, :, :3] = factor * RATIO_ONE
    atlas[:TALL, :, 3] = gloss * RATIO_ONE
    plain = 1 + 0.02 * _noise(rng, (STRIP, STRIP), 2.0)
    for name, patch in (
        ("eye", _eye_patch(identity, rng)), ("teeth", _teeth_patch(rng)), ("plain", plain[..., None]),
        ("hair", hair_factor(rng, (STRIP, STRIP), identity)[..., None]),
    ):  # fmt: skip
        atlas[TALL:, PATCHES[name] : PATCHES[name] + STRIP, :3] = patch * RATIO_ONE
    albedo, vertex_gloss = vertex_albedo(head, identity)
    return Surface(np.clip(np.rint(atlas), 0, 255).astype(np.uint8), albedo, vertex_gloss, atlas_uv(head))


def footprint(atlas: np.ndarray, pixels_per_decimetre: float) -> np.ndarray:
    """The atlas averaged over the square of one screen pixel, (h, w, 4) uint8, sampled at the same positions."""
    side = DENSITY / pixels_per_decimetre  # texels that one pixel covers
    kernel = np.clip((side + 1) / 2 - np.abs(np.arange(-int(side) - 1, int(side) + 2)), 0, 1)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return cv2.sepFilter2D(atlas, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)


def atlas_uv(head: Head) -> np.ndarray:
    """Atlas position (column, row) of every triangle corner, (m, 3, 2) float32."""
    uv = head.chart[head.triangles] * DENSITY
    points = head.vertices[head.triangles]

    def patch(rows: np.ndarray, name: str, x: np.ndarray, y: np.ndarray) -> None:
        """Place corners by x, y in [0, 1] inside a patch."""
        uv[rows, :, 0] = PATCHES[name] + 2 + np.clip(x, 0, 1) * (STRIP - 5)
        uv[rows, :, 1] = TALL + 2 + np.clip(y, 0, 1) * (STRIP - 5)

    for name in ("eye-left", "eye-right"):
        rows = head.parts == PARTS.index(name)
        p = points[rows]
        centre, radius = eyeball(head.vertices, head, name)
        axis = (p - centre) / radius
        patch(rows, "eye", 0.5 + 0.49 * axis[..., 0], 0.5 - 0.49 * axis[..., 1])
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
    return uv.astype(np.float32)


def eyeball(vertices: np.ndarray, head: Head, name: str) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius of an eyeball, in the units of `vertices`."""
    own = vertices[head.vertex_parts == PARTS.index(name)]
    low, high = own.min(axis=0), own.max(axis=0)
    radius = float(high[0] - low[0] + high[1] - low[1]) / 4
    centre = (low + high) / 2
    centre[2] = low[2] + radius  # the cornea bulges forward, so the middle of the box is not the centre
    return centre, radius


__all__ = ["Surface", "chart_of", "cloth_cover", "eyeball", "hair_cover", "make_surface"]
