"""A small software renderer: deformed mesh in, antialiased picture out.

Two passes. `rasterise` fills a depth and a triangle-number buffer at the supersampled resolution; `shade`
then looks up texture and light once per sample, in linear light, averages the samples of a pixel and
encodes. Every sample is computed from the exact projected vertices, so a motion of a tenth of a pixel shows
as such.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

ENCODE_STEPS = 4096
EXPOSURE_KNEE = 0.8  # linear light above which the encoding rolls off instead of clipping
SAME_SURFACE = 0.02  # decimetres of depth between the samples of a pixel that count as one piece of skin
RATIO_ONE = 200.0  # texture value that leaves the vertex colour as it is


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
    normals[:] = 0.0
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
        normals[k] /= length


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


@numba.njit(cache=True, error_model="numpy")
def rasterise(screen, triangles, double_sided, depth, owner, box):
    """Fill `depth` (h, w) and `owner` (h, w; -1 nothing) at sample resolution.

    `screen` (n, 3): x, y in samples (integer = sample centre) and nearness (larger is nearer). `box` (4,) is
    set to the touched samples x0, y0, x1, y1 (half open).
    """
    high, wide = depth.shape
    low_x, low_y, high_x, high_y = wide, high, 0, 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bz = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cz = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # y points down in the picture, so triangles that face the camera turn negative
        if area == 0.0 or (area > 0.0 and not double_sided[t]):
            continue
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(high - 1, int(np.floor(max(ay, by, cy))))
        if y0 > y1 or max(ax, bx, cx) < 0 or min(ax, bx, cx) > wide - 1:
            continue
        gx = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
        gy = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
        step = np.float32(gx)
        for y in range(y0, y1 + 1):
            left, right = 1e9, -1e9
            for edge in range(3):
                if edge == 0:
                    px, py, qx, qy = ax, ay, bx, by
                elif edge == 1:
                    px, py, qx, qy = bx, by, cx, cy
                else:
                    px, py, qx, qy = cx, cy, ax, ay
                if (py <= y and y <= qy) or (qy <= y and y <= py):
                    if py == qy:
                        left, right = min(left, px, qx), max(right, px, qx)
                    else:
                        x = px + (y - py) * (qx - px) / (qy - py)
                        left, right = min(left, x), max(right, x)
            x0 = max(0, int(np.ceil(left)))
            x1 = min(wide - 1, int(np.floor(right)))
            if x0 > x1:
                continue
            z = np.float32(az + gx * (x0 - ax) + gy * (y - ay))
            for x in range(x0, x1 + 1):
                if z > depth[y, x]:
                    depth[y, x] = z
                    owner[y, x] = t
                z += step
            low_x, high_x = min(low_x, x0), max(high_x, x1 + 1)
            low_y, high_y = min(low_y, y), max(high_y, y + 1)
    box[0], box[1], box[2], box[3] = low_x, low_y, high_x, high_y


@numba.njit(cache=True)
def triangle_planes(screen, triangles, uv, lit, planes):
    """Per triangle the affine functions of the sample position that `shade` needs, (m, 18).

    Value and x, y slope of: texture u, v, red, green, blue, highlight. Affine is exact enough: a triangle
    spans less than a thousandth of the camera distance in depth.
    """
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        ux, uy = screen[b, 0] - ax, screen[b, 1] - ay
        vx, vy = screen[c, 0] - ax, screen[c, 1] - ay
        area = ux * vy - uy * vx
        if area == 0.0:
            continue
        inverse = 1.0 / area
        for k in range(6):
            if k < 2:
                fa, fb, fc = uv[t, 0, k], uv[t, 1, k], uv[t, 2, k]
            else:
                fa, fb, fc = lit[a, k - 2], lit[b, k - 2], lit[c, k - 2]
            gx = ((fb - fa) * vy - (fc - fa) * uy) * inverse
            gy = ((fc - fa) * ux - (fb - fa) * vx) * inverse
            planes[t, 3 * k] = fa - gx * ax - gy * ay
            planes[t, 3 * k + 1] = gx
            planes[t, 3 * k + 2] = gy


@numba.njit(inline="always")
def _at(planes, t, k, x, y):
    """Value at sample x, y of the affine function that starts in column k."""
    return planes[t, k] + planes[t, k + 1] * x + planes[t, k + 2] * y


@numba.njit(inline="always")
def _four(texture, iv, jv, iu, ju, k, w00, w01, w10, w11):
    """Channel k of four neighbouring texels, weighted."""
    top = w00 * np.float32(texture[iv, iu, k]) + w01 * np.float32(texture[iv, ju, k])
    return top + w10 * np.float32(texture[jv, iu, k]) + w11 * np.float32(texture[jv, ju, k])


@numba.njit(inline="always")
def _fetch(texture, u, v, one):
    """Bilinear RGBA of `texture` at column u, row v, times `one`."""
    u = min(max(u, np.float32(0.0)), np.float32(texture.shape[1] - 1.01))
    v = min(max(v, np.float32(0.0)), np.float32(texture.shape[0] - 1.01))
    iu, iv = np.uint32(u), np.uint32(v)
    du, dv = u - np.float32(iu), v - np.float32(iv)
    w11 = du * dv * one
    w01 = du * one - w11
    w10 = dv * one - w11
    w00 = one - w01 - w10 - w11
    ju, jv = iu + np.uint32(1), iv + np.uint32(1)
    return (
        _four(texture, iv, jv, iu, ju, 0, w00, w01, w10, w11),
        _four(texture, iv, jv, iu, ju, 1, w00, w01, w10, w11),
        _four(texture, iv, jv, iu, ju, 2, w00, w01, w10, w11),
        _four(texture, iv, jv, iu, ju, 3, w00, w01, w10, w11),
    )


@numba.njit(cache=True, error_model="numpy")
def shade(owner, depth, box, factor, gain, planes, kinds, fine, broad, eyes, backdrop, table, out):
    """Write every pixel of `out` (H, W, 3) uint8.

    `fine` (h, w, 4) uint8: texture, RGB factors on the vertex colour and a factor on the highlight
    (RATIO_ONE is 1). `broad`: the same, averaged over the footprint of a pixel. Where all samples of a
    pixel lie on one smooth piece of the surface, eyeballs excepted, one look-up in `broad` at their mean
    position equals the mean of the single look-ups in `fine` (a look-up is linear) at a quarter of the
    cost. `kinds` (m,) names the patch of a triangle, 1 and 2 being the eyeballs. `eyes` (2, 6): centre x, y
    and radius in samples, then offset x, y and strength of the glint, of the picture's left and right
    eyeball: the lamp's image stands still when eyes turn.
    """
    one = np.float32(1.0 / RATIO_ONE)
    share = np.float32(1.0 / (factor * factor))
    steps = np.float32(table.shape[0] / 2.0)
    last = table.shape[0] - 1
    half = np.float32(0.5)
    middle = np.float32((factor - 1) / 2)
    same = np.float32(SAME_SURFACE)
    x0, y0 = box[0] // factor, box[1] // factor
    x1, y1 = (box[2] + factor - 1) // factor, (box[3] + factor - 1) // factor
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            red = backdrop[row, column, 0] * gain
            green = backdrop[row, column, 1] * gain
            blue = backdrop[row, column, 2] * gain
            if x0 <= column < x1 and y0 <= row < y1:
                first = owner[row * factor, column * factor]
                alone = True
                for j in range(factor):
                    for i in range(factor):
                        alone = alone and bool(owner[row * factor + j, column * factor + i] == first)
                flat = alone
                hits = factor * factor if alone and first >= 0 else 0
                if not alone:
                    flat = first >= 0
                    near, far = np.float32(-1e9), np.float32(1e9)
                    for j in range(factor):
                        for i in range(factor):
                            t = owner[row * factor + j, column * factor + i]
                            if t >= 0:
                                hits += 1
                                flat = flat and bool(kinds[t] == kinds[first] and kinds[t] != 1 and kinds[t] != 2)
                                z = depth[row * factor + j, column * factor + i]
                                near, far = max(near, z), min(far, z)
                    flat = flat and hits == factor * factor and bool(near - far < same)
                if alone and hits > 0 and kinds[first] != 1 and kinds[first] != 2:
                    fx = np.float32(column * factor) + middle
                    fy = np.float32(row * factor) + middle
                    q = _fetch(broad, _at(planes, first, 0, fx, fy), _at(planes, first, 3, fx, fy), one)
                    s = _at(planes, first, 15, fx, fy) * q[3]
                    red = _at(planes, first, 6, fx, fy) * q[0] + s
                    green = _at(planes, first, 9, fx, fy) * q[1] + s
                    blue = _at(planes, first, 12, fx, fy) * q[2] + s
                elif flat and not alone:
                    u = v = r = g = b = s = np.float32(0.0)
                    for j in range(factor):
                        for i in range(factor):
                            t = owner[row * factor + j, column * factor + i]
                            fx, fy = np.float32(column * factor + i), np.float32(row * factor + j)
                            u += _at(planes, t, 0, fx, fy)
                            v += _at(planes, t, 3, fx, fy)
                            r += _at(planes, t, 6, fx, fy)
                            g += _at(planes, t, 9, fx, fy)
                            b += _at(planes, t, 12, fx, fy)
                            s += _at(planes, t, 15, fx, fy)
                    q = _fetch(broad, u * share, v * share, one)
                    red = share * (r * q[0] + s * q[3])
                    green = share * (g * q[1] + s * q[3])
                    blue = share * (b * q[2] + s * q[3])
                elif hits > 0:
                    empty = share * np.float32(factor * factor - hits)
                    red, green, blue = red * empty, green * empty, blue * empty
                    for j in range(factor):
                        for i in range(factor):
                            t = owner[row * factor + j, column * factor + i]
                            if t < 0:
                                continue
                            fx, fy = np.float32(column * factor + i), np.float32(row * factor + j)
                            q = _fetch(fine, _at(planes, t, 0, fx, fy), _at(planes, t, 3, fx, fy), one * share)
                            shine = _at(planes, t, 15, fx, fy) * q[3]
                            dim = np.float32(1.0)
                            if kinds[t] == 1 or kinds[t] == 2:
                                k = kinds[t] - 1
                                ex, ey = (fx - eyes[k, 0]) / eyes[k, 2], (fy - eyes[k, 1]) / eyes[k, 2]
                                # The upper lid and its lashes shade the top of the eyeball.
                                dim = np.float32(1.0) + np.float32(1.9) * (ey + np.float32(0.04))
                                dim = min(max(dim, np.float32(0.4)), np.float32(1.0))
                                gx, gy = ex - eyes[k, 3], ey - eyes[k, 4]
                                shine += share * eyes[k, 5] * np.exp(-(gx * gx + gy * gy) * np.float32(420.0))
                            red += dim * _at(planes, t, 6, fx, fy) * q[0] + shine
                            green += dim * _at(planes, t, 9, fx, fy) * q[1] + shine
                            blue += dim * _at(planes, t, 12, fx, fy) * q[2] + shine
            out[row, column, 0] = np.uint8(table[min(max(int(red * steps), 0), last)] + half)
            out[row, column, 1] = np.uint8(table[min(max(int(green * steps), 0), last)] + half)
            out[row, column, 2] = np.uint8(table[min(max(int(blue * steps), 0), last)] + half)
