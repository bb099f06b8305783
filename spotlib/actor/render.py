"""A small software renderer: deformed mesh in, antialiased picture out.

`draw` works down the picture in bands. A band's triangles fill a depth and a triangle-number buffer at the
supersampled resolution; then texture and light are looked up once per sample, in linear light, the samples of a
pixel averaged and encoded. Every sample is computed from the exact projected vertices, so a motion of a tenth of a
pixel shows as such.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

ENCODE_STEPS = 4096
EXPOSURE_KNEE = 0.8  # linear light above which the encoding rolls off instead of clipping
SAME_SURFACE = 0.02  # decimetres of depth between the samples of a pixel that count as one piece of skin
BAND = 48  # sample rows that are filled and shaded together: what they need stays in the cache; divided by 1 to 4
COLLECT = 2048  # look-ups that are done together
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


@numba.njit(cache=True, error_model="numpy")
def _fill(screen, triangles, double_sided, numbers, first, depth, owner):
    """Fill ``depth`` and ``owner``, whose row 0 is the sample row ``first``, with the triangles ``numbers``."""
    rows, wide = depth.shape
    for number in numbers:
        a, b, c = triangles[number, 0], triangles[number, 1], triangles[number, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bz = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cz = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # y points down in the picture, so triangles that face the camera turn negative
        if area == 0.0 or (area > 0.0 and not double_sided[number]):
            continue
        # corners from top to bottom: one edge spans all rows, the other two share them
        px, py, qx, qy, rx, ry = ax, ay, bx, by, cx, cy
        if py > qy:
            px, py, qx, qy = qx, qy, px, py
        if qy > ry:
            qx, qy, rx, ry = rx, ry, qx, qy
        if py > qy:
            px, py, qx, qy = qx, qy, px, py
        y0 = max(first, int(np.ceil(py)))
        y1 = min(first + rows - 1, int(np.floor(ry)))
        if y0 > y1 or max(ax, bx, cx) < 0 or min(ax, bx, cx) > wide - 1:
            continue
        whole = (rx - px) / (ry - py) if ry > py else 0.0
        upper = (qx - px) / (qy - py) if qy > py else 0.0
        lower = (rx - qx) / (ry - qy) if ry > qy else 0.0
        gx = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
        gy = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
        step, mark = np.float32(gx), np.int32(number)
        for y in range(y0, y1 + 1):
            left = px + (y - py) * whole
            right = px + (y - py) * upper if y < qy else qx + (y - qy) * lower
            if left > right:
                left, right = right, left
            x0 = max(0, int(np.ceil(left)))
            x1 = min(wide - 1, int(np.floor(right)))
            if x0 > x1:
                continue
            z = np.float32(az + gx * (x0 - ax) + gy * (y - ay))
            depths, owners = depth[y - first, x0 : x1 + 1], owner[y - first, x0 : x1 + 1]
            for k in range(len(depths)):  # without a branch: vector code
                here = z + step * np.float32(k)
                nearer = here > depths[k]
                depths[k] = here if nearer else depths[k]
                owners[k] = mark if nearer else owners[k]


def rasterise(
    screen: np.ndarray, triangles: np.ndarray, double_sided: np.ndarray, depth: np.ndarray, owner: np.ndarray
) -> None:
    """Fill `depth` (h, w; -inf before) and `owner` (h, w; -1 nothing) at sample resolution.

    `screen` (n, 3): x, y in samples (integer = sample centre) and nearness (larger is nearer).
    """
    _fill(screen, triangles, double_sided, np.arange(len(triangles)), 0, depth, owner)


@numba.njit(cache=True, error_model="numpy")
def _bands(screen, triangles, double_sided, high, wide, band):
    """Triangles that a picture of high x wide samples shows, in bands of ``band`` rows: (starts, numbers, x range).

    Band k holds numbers[starts[k]:starts[k + 1]], in the order of the triangles.
    """
    count = (high + band - 1) // band
    m = len(triangles)
    upper, lower = np.zeros(m, np.int32), np.full(m, -1, np.int32)
    starts = np.zeros(count + 1, np.int64)
    low, top = wide, 0
    for t in range(m):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or (area > 0.0 and not double_sided[t]):
            continue
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(high - 1, int(np.floor(max(ay, by, cy))))
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(wide - 1, int(np.floor(max(ax, bx, cx))))
        if y0 > y1 or x0 > x1:
            continue
        low, top = min(low, x0), max(top, x1 + 1)
        upper[t], lower[t] = y0 // band, y1 // band
        for k in range(upper[t], lower[t] + 1):
            starts[k + 1] += 1
    for k in range(count):
        starts[k + 1] += starts[k]
    numbers, ends = np.empty(starts[count], np.int64), starts[:-1].copy()
    for t in range(m):
        for k in range(upper[t], lower[t] + 1):
            numbers[ends[k]] = t
            ends[k] += 1
    return starts, numbers, low, max(low, top)


@numba.njit(cache=True)
def _triangle_planes(screen, triangles, uv, lit, numbers, planes):
    """Per triangle the affine functions of the sample position that shading needs, (m, 18).

    Six values at the origin, then their x slopes, then their y slopes: texture u, v, red, green, blue, highlight.
    Affine is exact enough: a triangle spans less than a thousandth of the camera distance in depth.
    """
    for t in numbers:
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        ux, uy = screen[b, 0] - ax, screen[b, 1] - ay
        vx, vy = screen[c, 0] - ax, screen[c, 1] - ay
        inverse = 1.0 / (ux * vy - uy * vx)
        for k in range(6):
            if k < 2:
                fa, fb, fc = uv[t, 0, k], uv[t, 1, k], uv[t, 2, k]
            else:
                fa, fb, fc = lit[a, k - 2], lit[b, k - 2], lit[c, k - 2]
            gx = ((fb - fa) * vy - (fc - fa) * uy) * inverse
            gy = ((fc - fa) * ux - (fb - fa) * vx) * inverse
            planes[t, k] = fa - gx * ax - gy * ay
            planes[t, 6 + k] = gx
            planes[t, 12 + k] = gy


@numba.njit(inline="always")
def _values(planes, t, x, y):
    """The six functions of triangle t at sample x, y."""
    p = planes[np.uint32(t)]
    return (
        p[0] + p[6] * x + p[12] * y,
        p[1] + p[7] * x + p[13] * y,
        p[2] + p[8] * x + p[14] * y,
        p[3] + p[9] * x + p[15] * y,
        p[4] + p[10] * x + p[16] * y,
        p[5] + p[11] * x + p[17] * y,
    )


# Look-ups are collected and done a picture row at a time, in short loops of one kind of work each: such loops compile
# to vector code, one long loop does not (15 ns a look-up instead of 5).


@numba.njit(cache=True, error_model="numpy")
def _look_up(texels, wide, high, one, points, n, weights, places, found, colour):
    """Colour (4, n) of ``n`` look-ups: ``points`` (7, n) u, v, red, green, blue, highlight, glint.

    Bilinear in ``texels`` (high * wide,) uint32 RGBA, times ``one``; weights, found (4, n) and places (n,) are scratch.
    All arrays have room for a multiple of 64.
    """
    n = (n + 63) // 64 * 64  # whole vectors: what is left over would be done one by one
    zero = np.float32(0.0)
    most_u, most_v = np.float32(wide - 1.01), np.float32(high - 1.01)
    us, vs = points[0], points[1]
    w00, w01, w10, w11 = weights[0], weights[1], weights[2], weights[3]
    for i in range(n):
        u, v = min(max(us[i], zero), most_u), min(max(vs[i], zero), most_v)
        iu, iv = np.int32(u), np.int32(v)
        du, dv = u - np.float32(iu), v - np.float32(iv)
        both = du * dv * one
        right = du * one - both
        below = dv * one - both
        w00[i] = one - right - below - both
        w01[i] = right
        w10[i] = below
        w11[i] = both
        places[i] = np.int32(iv * np.int32(wide) + iu)
    t00, t01, t10, t11 = found[0], found[1], found[2], found[3]
    for i in range(n):
        at = np.uint32(places[i])
        t00[i] = texels[at]
        t01[i] = texels[np.uint32(at + 1)]
        t10[i] = texels[np.uint32(at + wide)]
        t11[i] = texels[np.uint32(at + wide + 1)]
    shine, glint, highlight = colour[3], points[6], points[5]
    top = np.uint32(24)
    for i in range(n):
        q = w00[i] * np.float32(t00[i] >> top) + w01[i] * np.float32(t01[i] >> top)
        q = q + w10[i] * np.float32(t10[i] >> top) + w11[i] * np.float32(t11[i] >> top)
        shine[i] = highlight[i] * q + glint[i]
    byte = np.uint32(255)
    for k in range(3):
        lit, to = points[2 + k], colour[k]
        shift = np.uint32(8 * k)
        for i in range(n):
            q = w00[i] * np.float32((t00[i] >> shift) & byte) + w01[i] * np.float32((t01[i] >> shift) & byte)
            q = q + w10[i] * np.float32((t10[i] >> shift) & byte) + w11[i] * np.float32((t11[i] >> shift) & byte)
            to[i] = lit[i] * q + shine[i]


@functools.cache
def _shader(factor: int) -> Callable[..., None]:
    """The kernel of `draw` for a supersampling of ``factor``, which its small loops must know to be unrolled."""
    share = np.float32(1.0 / (factor * factor))
    middle = np.float32((factor - 1) / 2)
    group = BAND // factor  # picture rows of a band

    @numba.njit(cache=True, error_model="numpy")
    def shade_all(
        screen, triangles, double_sided, kinds, planes, starts, numbers, x_range, gain, fine, broad, texture, eyes,
        backdrop, levels, out,
    ):  # fmt: skip
        one = np.float32(1.0 / RATIO_ONE)
        steps = np.float32(len(levels) / 2.0)
        last = np.int32(len(levels) - 1)
        same = np.float32(SAME_SURFACE)
        high, wide = out.shape[0], out.shape[1]
        tex_high, tex_wide = texture
        x0, x1 = x_range[0] // factor, (x_range[1] + factor - 1) // factor
        depth, owner = np.empty((BAND, wide * factor), np.float32), np.empty((BAND, wide * factor), np.int32)
        lines = np.empty((group, 3 * wide), np.float32)
        # room for what is collected, and for one more row
        room = (COLLECT + wide * factor * factor + 63) // 64 * 64
        points, edge, colour = (
            np.zeros((7, room), np.float32),
            np.zeros((7, room), np.float32),
            np.empty((4, room), np.float32),
        )
        places_of, edge_places_of = np.empty(room, np.int64), np.empty(room, np.int64)
        weights, found = np.empty((4, room), np.float32), np.empty((4, room), np.uint32)
        places = np.empty(room, np.int32)
        for k in range(len(starts) - 1):
            y0, y1 = k * group, min(high, (k + 1) * group)
            for row in range(y0, y1):
                wall, line = backdrop[row].reshape(3 * wide), lines[row - y0]
                for i in range(3 * wide):
                    line[i] = wall[i] * gain
            n = m = 0
            flat_lines = lines.reshape(group * 3 * wide)
            if starts[k] < starts[k + 1]:
                for j in range(BAND):
                    for i in range(x0 * factor, x1 * factor):
                        depth[j, i] = -np.inf
                        owner[j, i] = -1
                _fill(screen, triangles, double_sided, numbers[starts[k] : starts[k + 1]], k * BAND, depth, owner)
            else:
                y1 = y0
            for row in range(y0, y1):
                high_row = (row - y0) * factor
                for column in range(x0, x1):
                    at = column * factor
                    first = owner[high_row, at]
                    alone = True
                    for j in range(factor):
                        for i in range(factor):
                            alone = alone and owner[high_row + j, at + i] == first
                    if alone and first < 0:
                        continue
                    place = ((row - y0) * wide + column) * 3
                    if alone and kinds[first] != 1 and kinds[first] != 2:
                        u, v, r, g, b, s = _values(
                            planes, first, np.float32(at) + middle, np.float32(row * factor) + middle
                        )
                        points[0, n], points[1, n], points[2, n] = u, v, r
                        points[3, n], points[4, n], points[5, n] = g, b, s
                        places_of[n] = place
                        n += 1
                        continue
                    flat = first >= 0
                    hits = 0
                    near, far = np.float32(-1e9), np.float32(1e9)
                    for j in range(factor):
                        for i in range(factor):
                            t = owner[high_row + j, at + i]
                            if t >= 0:
                                hits += 1
                                flat = flat and kinds[t] == kinds[first] and kinds[t] != 1 and kinds[t] != 2
                                z = depth[high_row + j, at + i]
                                near, far = max(near, z), min(far, z)
                    if flat and hits == factor * factor and near - far < same:
                        su = sv = sr = sg = sb = ss = np.float32(0.0)
                        for j in range(factor):
                            for i in range(factor):
                                t = owner[high_row + j, at + i]
                                u, v, r, g, b, s = _values(planes, t, np.float32(at + i), np.float32(row * factor + j))
                                su += u
                                sv += v
                                sr += r
                                sg += g
                                sb += b
                                ss += s
                        points[0, n], points[1, n], points[2, n] = share * su, share * sv, share * sr
                        points[3, n], points[4, n], points[5, n] = share * sg, share * sb, share * ss
                        places_of[n] = place
                        n += 1
                        continue
                    empty = share * np.float32(factor * factor - hits)
                    for i in range(3):
                        lines[row - y0, 3 * column + i] *= empty
                    for j in range(factor):
                        for i in range(factor):
                            t = owner[high_row + j, at + i]
                            if t < 0:
                                continue
                            fx, fy = np.float32(at + i), np.float32(row * factor + j)
                            u, v, r, g, b, s = _values(planes, t, fx, fy)
                            glint = np.float32(0.0)
                            if kinds[t] == 1 or kinds[t] == 2:
                                e = eyes[kinds[t] - 1]
                                ex, ey = (fx - e[0]) / e[2], (fy - e[1]) / e[2]
                                # The upper lid and its lashes shade the top of the eyeball.
                                dim = np.float32(1.0) + np.float32(1.9) * (ey + np.float32(0.04))
                                dim = min(max(dim, np.float32(0.4)), np.float32(1.0))
                                r, g, b = dim * r, dim * g, dim * b
                                gx, gy = ex - e[3], ey - e[4]
                                glint = share * e[5] * np.exp(-(gx * gx + gy * gy) * np.float32(420.0))
                            edge[0, m], edge[1, m], edge[2, m] = u, v, r
                            edge[3, m], edge[4, m], edge[5, m], edge[6, m] = g, b, s, glint
                            edge_places_of[m] = place
                            m += 1
                if n >= COLLECT or row == y1 - 1:
                    _look_up(broad, tex_wide, tex_high, one, points, n, weights, places, found, colour)
                    for i in range(n):
                        for c in range(3):
                            flat_lines[places_of[i] + c] = colour[c, i]
                    n = 0
                if m >= COLLECT or row == y1 - 1:
                    _look_up(fine, tex_wide, tex_high, one * share, edge, m, weights, places, found, colour)
                    for i in range(m):
                        for c in range(3):
                            flat_lines[edge_places_of[i] + c] += colour[c, i]
                    m = 0
            for row in range(k * group, min(high, (k + 1) * group)):
                shown, line = out[row].reshape(3 * wide), lines[row - y0]
                for i in range(3 * wide):
                    shown[i] = levels[min(max(np.int32(line[i] * steps), np.int32(0)), last)]

    return shade_all


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
    eyeball: the lamp's image stands still when eyes turn. `table`: see `encode_table`. `planes` (m, 18): scratch.
    """
    high, wide = backdrop.shape[:2]
    out = np.empty((high, wide, 3), np.uint8)
    band = BAND // samples * samples
    starts, numbers, *x_range = _bands(screen, triangles, double_sided, high * samples, wide * samples, band)
    _triangle_planes(screen, triangles, uv, lit, numbers, planes)
    levels = (table + np.float32(0.5)).astype(np.uint8)
    texels = [np.ascontiguousarray(texture).reshape(-1).view("<u4") for texture in (fine, broad)]
    _shader(samples)(
        screen, triangles, double_sided, kinds, planes, starts, numbers, tuple(x_range), np.float32(gain), *texels,
        fine.shape[:2], eyes, backdrop, levels, out,
    )  # fmt: skip
    return out
