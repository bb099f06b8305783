"""Procedural skin: pores, blotches, wrinkles, moles, beard, brows, hair and cloth, painted on the chart.

Everything here is a *factor* on the albedo of the vertices, not a colour: large, smooth colour (lips, lids,
mouth) sits on the mesh (`atlas.vertex_albedo`), fine detail sits in the picture. Positions are decimetres
on the chart of `asset.chart_of`; the landmarks of the base mesh say where brows and folds belong, so paint
and mesh move together.
"""

from __future__ import annotations

import cv2
import numpy as np

from spotlib.actor.asset import (
    CHART_BOTTOM,
    CHART_LEFT,
    CHART_RIGHT,
    CHART_TOP,
    Head,
)
from spotlib.actor.identity import Identity
from spotlib.actor.landmarks import landmarks_of
from spotlib.actor.outline import MIDDLE, cloth_cover, hair_cover

DENSITY = 376.0  # texels per decimetre: one per sample at the default face size with 2x2 supersampling
WIDE = round((CHART_RIGHT - CHART_LEFT) * DENSITY)
TALL = round((CHART_TOP - CHART_BOTTOM) * DENSITY)
Grid = tuple[np.ndarray, np.ndarray]  # chart position of every texel: across and down, decimetres


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]) -> np.ndarray:
    """Smooth Gaussian noise of unit standard deviation; `sigma` in texels, (x, y) if two."""
    sx, sy = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    raw = rng.standard_normal(shape, dtype=np.float32)
    out = cv2.GaussianBlur(raw, (0, 0), sigmaX=sx, sigmaY=sy, borderType=cv2.BORDER_REFLECT)
    return out / out.std()


def coarse(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """`noise` for wide blurs, made small and enlarged: a tenth of the time."""
    step = max(1, int(sigma / 3))
    small = noise(rng, (shape[0] // step + 2, shape[1] // step + 2), sigma / step)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def smooth(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 at `low` to 1 at `high` (which may be the smaller one)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def blob(grid: Grid, centre: np.ndarray, rx: float, ry: float) -> np.ndarray:
    """Gaussian bump on the chart, centre and radii in decimetres."""
    a, d = grid
    return np.exp(-0.5 * (((a - centre[0]) / rx) ** 2 + ((d - centre[1]) / ry) ** 2))


def _strokes(mask: np.ndarray, roots: np.ndarray, tips: np.ndarray, strength: np.ndarray) -> None:
    """Fine antialiased hairs, drawn into `mask` (float32) by maximum; texel coordinates."""
    layer = np.zeros(mask.shape, dtype=np.uint8)
    for (x0, y0), (x1, y1), s in zip(roots, tips, strength, strict=True):
        cv2.line(
            layer,
            (round(x0 * 16), round(y0 * 16)),
            (round(x1 * 16), round(y1 * 16)),
            int(s),
            1,
            cv2.LINE_AA,
            4,
        )
    np.maximum(mask, layer.astype(np.float32) / 255, out=mask)


def brow_mask(head: Head, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Share of brow hair per chart texel, (TALL, WIDE) float32: hairs along the brow landmarks."""
    mask = np.zeros((TALL, WIDE), dtype=np.float32)
    chart = landmarks_of(head.chart)
    for inner_to_outer in (chart[[21, 20, 19, 18, 17]], chart[[22, 23, 24, 25, 26]]):
        sign = np.sign(inner_to_outer[4, 0] - inner_to_outer[0, 0])
        knots = np.linspace(0, 1, 5)
        line = np.linspace(0, 1, 60)
        x = np.interp(line, knots, inner_to_outer[:, 0])
        fit = np.polyfit(knots, inner_to_outer[:, 1], 2)
        # The predictor's brow points run along the upper third of the hair, so the paint lies a little lower.
        y = np.polyval(fit, line) + 0.028 - identity.brow_arch * np.sin(np.pi * line)
        centre = x[20]
        x = centre + (x - centre) * identity.brow_length
        width = identity.brow_thickness * np.interp(line, [0, 0.12, 0.55, 1], [0.8, 1.0, 0.8, 0.25])
        core = np.zeros((TALL, WIDE), dtype=np.uint8)
        outline = np.concatenate([np.stack([x, y - 0.4 * width], 1), np.stack([x, y + 0.4 * width], 1)[::-1]]) * DENSITY
        cv2.fillPoly(core, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(core, (0, 0), 0.014 * DENSITY).astype(np.float32) / 255
        np.maximum(mask, soft * (0.25 + 0.4 * identity.brow_density), out=mask)
        count = int(520 * identity.brow_density)
        t = rng.uniform(0, 1, count)
        offset = np.clip(rng.normal(0.0, 0.24, count), -0.5, 0.5)
        here = np.interp(t, line, width)
        lean = np.interp(t, [0, 0.2, 0.6, 1], [1.3, 0.65, 0.15, -0.2]) + rng.normal(0, 0.12, count)
        lean += np.where(offset < 0, -0.5, 0.5) * np.abs(offset)  # hairs of both rims point to the middle line
        length = (0.035 + 0.3 * here) * rng.uniform(0.6, 1.1, count)
        along = np.stack([sign * np.cos(lean) * length, -np.sin(lean) * length], axis=1)
        root = np.stack([np.interp(t, line, x), np.interp(t, line, y) + offset * here], axis=1) - 0.4 * along
        _strokes(mask, root * DENSITY, (root + along) * DENSITY, rng.uniform(110, 240, count))
    return np.clip(mask, 0, 1)


def _skin_factor(head: Head, identity: Identity, rng: np.random.Generator, grid: Grid) -> np.ndarray:
    """Fine and middle structure of bare skin as factors (TALL, WIDE, 3)."""
    shape = (TALL, WIDE)
    at = landmarks_of(head.chart)
    fine = noise(rng, shape, 1.8) * 0.030 + noise(rng, shape, 2.8) * 0.042 + noise(rng, shape, 5.5) * 0.034
    blotch = coarse(rng, shape, 16.0) * 0.018 + coarse(rng, shape, 45.0) * 0.025
    pores = np.minimum(noise(rng, shape, 1.5) + 1.5, 0.0) * 0.13
    factor = np.repeat((1.0 + identity.pores * (fine + pores) + blotch)[..., None], 3, axis=2)
    red = coarse(rng, shape, 30.0) * 0.02
    nose, chin = at[30], at[8] - [0, 0.12]
    for spot, rx, ry, amount in (
        (nose, 0.13, 0.12, 0.10), (chin, 0.16, 0.1, 0.05), (at[31] * 0.5 + at[1] * 0.5, 0.2, 0.14, 0.11),
        (at[35] * 0.5 + at[15] * 0.5, 0.2, 0.14, 0.11),
    ):  # fmt: skip
        red += amount * identity.redness * blob(grid, spot, rx, ry)
    factor[..., 1] *= 1 - red
    factor[..., 2] *= 1 - 0.8 * red
    dark = np.zeros(shape, dtype=np.float32)
    for lid in (at[[40, 41]].mean(0), at[[46, 47]].mean(0)):
        dark += 0.16 * blob(grid, lid + np.array([0.0, 0.09]), 0.14, 0.045)
    factor *= 1 - dark[..., None] * np.array([0.7, 1.0, 0.9], dtype=np.float32)
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
        curve(
            np.stack([x, y - 0.03 * np.cos(2.2 * t) + rng.normal(0, 0.004, 25)], 1),
            0.10 * identity.wrinkles * rng.uniform(0.5, 1.2),
            2.2,
        )
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
        bump = np.exp(-((((xx - r - (x % 1)) ** 2 + (yy - r - (y % 1)) ** 2) / (radius * radius)) ** 1.5))
        factor[y0 : y0 + 2 * r + 1, x0 : x0 + 2 * r + 1] *= 1 - depth * bump[..., None] * np.array(
            [0.75, 1.0, 1.05], dtype=np.float32
        )

    for _ in range(identity.moles):
        dab(
            (MIDDLE + rng.uniform(-0.75, 0.75)) * DENSITY,
            rng.uniform(0.75, 2.6) * DENSITY,
            rng.uniform(2.2, 5.0),
            rng.uniform(0.35, 0.7),
        )
    for _ in range(identity.freckles):
        dab(
            (MIDDLE + rng.normal(0, 0.35)) * DENSITY,
            (1.62 + rng.normal(0, 0.17)) * DENSITY,
            rng.uniform(1.8, 4.2),
            rng.uniform(0.08, 0.3),
        )


def _beard(identity: Identity, rng: np.random.Generator, grid: Grid, at: np.ndarray) -> np.ndarray:
    """Cover of beard stubble per chart texel."""
    a, d = grid
    side = np.abs(a - MIDDLE)
    upper = np.interp(side, [0.0, 0.3, 0.5, 0.75, 0.95], [1.93, 1.97, 2.02, 1.75, 1.3]).astype(np.float32)
    lower = np.interp(side, [0.0, 0.4, 0.8, 1.1], [2.62, 2.55, 2.3, 1.9]).astype(np.float32)
    region = smooth(-0.03, 0.10, d - upper) * smooth(-0.05, 0.10, lower - d) * smooth(1.05, 0.85, side)
    mouth = at[[51, 57]].mean(0)
    region *= 1 - np.exp(-((((a - mouth[0]) / 0.28) ** 2 + ((d - mouth[1]) / 0.12) ** 2) ** 3))
    dots = np.clip(0.55 + 0.5 * noise(rng, (TALL, WIDE), (1.1, 1.7)), 0, 1)
    return region * dots * identity.stubble


def hair_factor(rng: np.random.Generator, shape: tuple[int, int], identity: Identity) -> np.ndarray:
    """Strands as a factor on the hair colour: long thin noise with a soft wave, (h, w)."""
    strands = 0.30 * noise(rng, shape, (1.0, 26.0)) + 0.22 * noise(rng, shape, (2.6, 40.0))
    return np.clip(1.0 + strands + 0.12 * coarse(rng, shape, 24.0), 0.25, 2.2)


def paint_chart(head: Head, identity: Identity, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colour factors (TALL, WIDE, 3) and gloss factors (TALL, WIDE), float32, of the whole chart.

    Bare skin first; then beard, brows, hair and cloth cover it in this order.
    """
    d, a = np.mgrid[0:TALL, 0:WIDE].astype(np.float32) / np.float32(DENSITY)
    grid = (a, d)
    at = landmarks_of(head.chart)
    skin = np.array(identity.skin, dtype=np.float32)
    factor = _skin_factor(head, identity, rng, grid)
    gloss = np.ones((TALL, WIDE), dtype=np.float32) + 0.15 * noise(rng, (TALL, WIDE), 2.0)
    _spots(factor, identity, rng)

    def cover(mask: np.ndarray, colour: np.ndarray, shine: float) -> None:
        rows = np.flatnonzero(mask.any(axis=1))
        if len(rows) == 0:
            return
        part = slice(rows[0], rows[-1] + 1)  # brows, beard, hair and cloth cover a band of the chart each
        some = factor[part]
        some += mask[part, :, None] * ((colour if colour.ndim == 1 else colour[part]) / skin - some)
        gloss[part] += mask[part] * (shine - gloss[part])

    if identity.stubble > 0.02:
        cover(0.75 * _beard(identity, rng, grid, at), np.array(identity.brow_colour, dtype=np.float32), 0.5)
    brow = brow_mask(head, identity, rng)
    tone = (1 + 0.2 * noise(rng, (TALL, WIDE), 1.2))[..., None]
    cover(0.94 * brow, np.array(identity.brow_colour, dtype=np.float32) * tone, 0.3)
    strands = hair_factor(rng, (TALL, WIDE), identity)[..., None]
    hair_colour = np.array(identity.hair, dtype=np.float32) * strands
    shaven = identity.hair_thickness < 0.03
    edge = hair_cover(a, d, identity) + 0.022 * noise(rng, (TALL, WIDE), (1.3, 9.0))
    edge += 0.02 * coarse(rng, (TALL, WIDE), 20.0)
    hair = smooth(-0.05, 0.07, edge) * (0.55 if shaven else 0.97)
    cover(hair, hair_colour, 0.6)
    cloth = smooth(-0.005, 0.005, cloth_cover(a, d))
    weave = (1 + 0.08 * noise(rng, (TALL, WIDE), 2.0))[..., None]
    cover(cloth, np.array(identity.cloth, dtype=np.float32) * weave, 0.0)
    return factor, gloss
