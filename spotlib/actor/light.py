"""Light on a face: the lamp, what it makes of the vertices, and how the camera encodes it."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

ENCODE_STEPS = 4096
EXPOSURE_KNEE = 0.8  # linear light above which the encoding rolls off instead of clipping


@dataclass(frozen=True)
class Light:
    """Even studio light: a soft key from `direction` plus a sky-like ambient part.

    `gain` scales everything (flicker, drift). `direction` points from the face to the key light: x to
    image-right, y up, z to the camera; it need not be normalised. `ambient` is the share of light that
    comes from everywhere.
    """

    gain: float = 1.0
    direction: tuple[float, float, float] = (-0.35, 0.55, 0.76)
    ambient: float = 0.5


def encode_table() -> np.ndarray:
    """Linear light [0, 2) to display [0, 255]: gamma 2.2, soft shoulder; (ENCODE_STEPS,) float32."""
    linear = np.arange(ENCODE_STEPS) * (2.0 / ENCODE_STEPS)
    over = np.maximum(linear - EXPOSURE_KNEE, 0.0)
    soft = np.minimum(linear, EXPOSURE_KNEE) + (1 - EXPOSURE_KNEE) * (1 - np.exp(-over / (1 - EXPOSURE_KNEE)))
    return (255.0 * soft ** (1 / 2.2)).astype(np.float32)


@numba.njit(cache=True)
def vertex_normals(points: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> None:
    """Area-weighted unit normals (n, 3) of `points`, written into `normals`."""
    for k in range(normals.shape[0]):
        for c in range(3):  # not by slices: they take seconds to compile
            normals[k, c] = 0.0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for k in range(normals.shape[0]):
        length = np.sqrt(normals[k, 0] ** 2 + normals[k, 1] ** 2 + normals[k, 2] ** 2) + 1e-20
        for c in range(3):
            normals[k, c] /= length


@numba.njit(cache=True)
def light_vertices(normals, albedo, occlusion, gloss, key, ambient, gain, out):
    """Linear RGB and highlight per vertex into `out` (n, 4): wrapped Lambert; red wraps most, as in skin."""
    hx, hy, hz = key[0], key[1], key[2] + 1.0
    length = np.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    for k in range(normals.shape[0]):
        nx, ny, nz = normals[k, 0], normals[k, 1], normals[k, 2]
        facing = nx * key[0] + ny * key[1] + nz * key[2]
        sky = ambient * (0.72 + 0.28 * ny) * occlusion[k]
        fill = 0.16 * max(0.0, nz) * occlusion[k]
        for c in range(3):
            wrap = 0.32 - 0.09 * c
            direct = max(0.0, (facing + wrap) / (1.0 + wrap)) * (0.35 + 0.65 * occlusion[k])
            out[k, c] = gain * albedo[k, c] * (sky + fill + (1.0 - ambient) * 1.5 * direct)
        half = max(0.0, nx * hx + ny * hy + nz * hz)
        out[k, 3] = gain * gloss[k] * half**22 * occlusion[k]


@numba.njit(cache=True)
def make_grey(picture):
    """Give all channels of ``picture`` (n, 3) uint8 its luma, in place."""
    red, green, blue, half = np.float32(0.299), np.float32(0.587), np.float32(0.114), np.float32(0.5)
    for i in range(len(picture)):
        luma = red * np.float32(picture[i, 0]) + green * np.float32(picture[i, 1]) + blue * np.float32(picture[i, 2])
        for c in range(3):
            picture[i, c] = np.uint8(luma + half)
