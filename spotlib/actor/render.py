"""A small software renderer: deformed mesh in, antialiased picture out.

`draw` works down the picture in bands. A band's triangles fill a depth and a triangle-number buffer at the
supersampled resolution; then texture and light are looked up once per sample, in linear light, the samples of a
pixel averaged and encoded. Every sample is computed from the exact projected vertices, so a motion of a tenth of a
pixel shows as such.
"""

from __future__ import annotations

import numpy as np

from spotlib.actor.bands import bands, triangle_planes
from spotlib.actor.light import Light, encode_table, light_vertices, make_grey, vertex_normals
from spotlib.actor.pixels import BAND, RATIO_ONE, fill, scratch, shader

__all__ = ["RATIO_ONE", "Light", "draw", "encode_table", "light_vertices", "make_grey", "rasterise", "vertex_normals"]


def rasterise(
    screen: np.ndarray, triangles: np.ndarray, double_sided: np.ndarray, depth: np.ndarray, owner: np.ndarray
) -> None:
    """Fill `depth` (h, w; -inf before) and `owner` (h, w; -1 nothing) at sample resolution.

    `screen` (n, 3): x, y in samples (integer = sample centre) and nearness (larger is nearer).
    """
    fill(screen, triangles, double_sided, np.arange(len(triangles)), 0, depth, owner)


def draw(
    screen: np.ndarray,
    triangles: np.ndarray,
    double_sided: np.ndarray,
    kinds: np.ndarray,
    uv: np.ndarray,
    lit: np.ndarray,
    *,
    samples: int,
    gain: float,
    fine: np.ndarray,
    broad: np.ndarray,
    eyes: np.ndarray,
    backdrop: np.ndarray,
    table: np.ndarray,
    planes: np.ndarray,
) -> np.ndarray:
    """The picture (H, W, 3) uint8 of ``triangles`` before the ``backdrop`` (H, W, 3, linear light).

    `screen` (n, 3): as in `rasterise`. `uv` (m, 3, 2): texture position of the corners; `lit` (n, 4): light of the
    vertices. `fine` (h, w, 4) uint8: texture, RGB factors on the vertex colour and a factor on the highlight
    (RATIO_ONE is 1). `broad`: the same, averaged over the footprint of a pixel. Where all samples of a
    pixel lie on one smooth piece of the surface, eyeballs excepted, one look-up in `broad` at their mean
    position equals the mean of the single look-ups in `fine` (a look-up is linear) at a quarter of the
    cost. `kinds` (m,) names the patch of a triangle, 1 and 2 being the eyeballs. `eyes` (2, 6): centre x, y
    and radius in samples, then offset x, y and strength of the glint, of the picture's left and right
    eyeball: the lamp's image stands still when eyes turn. `table`: see `encode_table`. `planes` (m + 1, 18): scratch.
    """
    high, wide = backdrop.shape[:2]
    out = np.empty((high, wide, 3), np.uint8)
    starts, numbers, ranges = bands(
        screen, triangles, double_sided, high * samples, wide * samples, BAND // samples * samples
    )
    triangle_planes(screen, triangles, uv, lit, numbers, planes)
    levels = (table + np.float32(0.5)).astype(np.uint8)
    texels = [np.ascontiguousarray(texture).reshape(-1).view("<u4") for texture in (fine, broad)]
    shader(samples)(
        screen, triangles, double_sided, kinds, planes, starts, numbers, ranges, np.float32(gain), *texels,
        fine.shape[:2], eyes, backdrop, levels, *scratch(wide, samples), out,
    )  # fmt: skip
    return out
