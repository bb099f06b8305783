"""Before a picture is filled: which triangles each band of it shows, and what shading needs to know of a triangle."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy")
def bands(screen, triangles, double_sided, high, wide, band):
    """Triangles that a picture of high x wide samples shows, in bands of ``band`` rows: (starts, numbers, ranges).

    Band k holds numbers[starts[k]:starts[k + 1]], in the order of the triangles, within the columns ranges[k].
    """
    count = (high + band - 1) // band
    m = len(triangles)
    upper, lower = np.zeros(m, np.int32), np.full(m, -1, np.int32)
    starts = np.zeros(count + 1, np.int64)
    ranges = np.zeros((count, 2), np.int64)
    ranges[:, 0] = wide
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
        upper[t], lower[t] = y0 // band, y1 // band
        for k in range(upper[t], lower[t] + 1):
            starts[k + 1] += 1
            ranges[k, 0], ranges[k, 1] = min(ranges[k, 0], x0), max(ranges[k, 1], x1 + 1)
    for k in range(count):
        starts[k + 1] += starts[k]
    numbers, ends = np.empty(starts[count], np.int64), starts[:-1].copy()
    for t in range(m):
        for k in range(upper[t], lower[t] + 1):
            numbers[ends[k]] = t
            ends[k] += 1
    return starts, numbers, ranges


@numba.njit(cache=True)
def triangle_planes(screen, triangles, uv, lit, numbers, planes):
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
