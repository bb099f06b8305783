"""The compiled inside of the renderer: triangles to samples, samples to light, light to bytes.

Compiled loops here are short and of one kind of work each, for such loops become vector code, and long ones do not.
Where even short loops do not, three small functions say it in vectors of 8, each number rounded as if alone.

All compiled functions stay in this one file: numba's cache notices a change of the file that it compiled from, but not
of another file whose functions were called.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_vector_code: Callable[..., Any] = intrinsic  # its own types do not fit how it is called

SAME_SURFACE = 0.02  # decimetres of depth between the samples of a pixel that count as one piece of skin
BAND = 48  # sample rows that are filled and shaded together: what they need stays in the cache; divided by 1 to 4
MIXED = -2  # mark of a pixel whose samples show different triangles
LANES = 8  # numbers in a vector; rows of look-ups are as long
COLLECT = 2048  # look-ups that are done together
RATIO_ONE = 200.0  # texture value that leaves the vertex colour as it is


@_vector_code
def _keep_nearer(typing, depths, owners, at, k, n, z, step, mark):
    """A triangle's samples k .. k + 7 (those below ``n``) of a row: nearer ones replace what lies at .. at + 7.

    Sample k has the depth z + k * step and the number ``mark``. Vector code by hand: rows of a triangle are a few
    samples long, and compiled loops do what is less than some vectors sample by sample.
    """

    def build(context, builder, signature, values):
        depths, owners, at, k, n, z, step, mark = values
        real, whole = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)

        def spread(value):
            nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
            first = builder.insert_element(nothing, value, ir.IntType(32)(0))
            return builder.shuffle_vector(first, nothing, ir.Constant(whole, [0] * LANES))

        def place(kind, array, vector):
            data = context.make_array(kind)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())

        of_depth, of_owner = place(signature.args[0], depths, real), place(signature.args[1], owners, whole)
        before, whose = builder.load(of_depth, align=4), builder.load(of_owner, align=4)
        sample = builder.add(spread(k), ir.Constant(whole, list(range(LANES))))
        here = builder.fadd(spread(z), builder.fmul(spread(step), builder.sitofp(sample, real)))
        nearer = builder.fcmp_ordered(">", here, before)
        nearer = builder.and_(nearer, builder.icmp_signed("<", sample, spread(n)))
        builder.store(builder.select(nearer, here, before), of_depth, align=4)
        builder.store(builder.select(nearer, spread(mark), whose), of_owner, align=4)
        return context.get_dummy_value()

    whole, real = types.int32, types.float32
    return types.void(depths, owners, types.int64, whole, whole, real, real, whole), build


@numba.njit(cache=True, error_model="numpy")
def fill(screen, triangles, double_sided, numbers, first, depth, owner):
    """Fill ``depth`` and ``owner``, whose row 0 is the sample row ``first``, with the triangles ``numbers``."""
    rows, wide = depth.shape
    depths, owners = depth.reshape(rows * wide), owner.reshape(rows * wide)
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
            n, at = x1 + 1 - x0, (y - first) * wide + x0
            k = 0
            while k < n and x0 + k <= wide - LANES:
                _keep_nearer(depths, owners, at + k, np.int32(k), np.int32(n), z, step, mark)
                k += LANES
            for i in range(k, n):  # at the picture's right rim
                here = z + step * np.float32(i)
                if here > depths[at + i]:
                    depths[at + i], owners[at + i] = here, mark


@_vector_code
def _add_values(typing, planes, t, x, y, sums, at):
    """Add the six functions of triangle ``t`` at sample x, y to sums[at : at + 6], and 0 to the next two."""

    def build(context, builder, signature, values):
        planes, t, x, y, sums, at = values
        real, byte = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)
        picks = ir.VectorType(ir.IntType(32), LANES)

        def spread(value):
            nothing = ir.Constant(real, ir.Undefined)
            first = builder.insert_element(nothing, value, ir.IntType(32)(0))
            return builder.shuffle_vector(first, nothing, ir.Constant(picks, [0] * LANES))

        data = context.make_array(signature.args[0])(context, builder, planes).data
        start = builder.mul(builder.zext(t, byte), byte(18))

        def plane(k):
            place = builder.gep(data, [builder.add(start, byte(6 * k))])
            return builder.load(builder.bitcast(place, real.as_pointer()), align=4)

        value = builder.fadd(plane(0), builder.fmul(plane(1), spread(x)))
        value = builder.fadd(value, builder.fmul(plane(2), spread(y)))
        # the last two belong to what comes next in memory
        picked = ir.Constant(picks, [0, 1, 2, 3, 4, 5, LANES, LANES])
        value = builder.shuffle_vector(value, ir.Constant(real, [0.0] * LANES), picked)
        to = builder.gep(context.make_array(signature.args[4])(context, builder, sums).data, [at])
        to = builder.bitcast(to, real.as_pointer())
        builder.store(builder.fadd(builder.load(to, align=4), value), to, align=4)
        return context.get_dummy_value()

    real = types.float32
    return types.void(planes, types.uint32, real, real, sums, types.uint64), build


@_vector_code
def _turn(typing, rows, at, columns, to, pitch):
    """Transpose the 8 x 8 numbers rows[at : at + 64] into columns[to + k * pitch : to + k * pitch + 8], k < 8."""

    def build(context, builder, signature, values):
        rows, at, columns, to, pitch = values
        real, wide = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)

        def place(kind, array, offset):
            data = context.make_array(kind)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [offset]), real.as_pointer())

        def halves(a, b, picks):
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), LANES), picks))

        v = [
            builder.load(place(signature.args[0], rows, builder.add(at, wide(LANES * k))), align=4)
            for k in range(LANES)
        ]
        for _ in range(3):  # numbers of rows k and k + 4 alternate: after three rounds rows have become columns
            v = [
                halves(
                    v[k // 2], v[k // 2 + 4], [0, 8, 1, 9, 2, 10, 3, 11] if k % 2 == 0 else [4, 12, 5, 13, 6, 14, 7, 15]
                )
                for k in range(LANES)
            ]
        for k in range(LANES):
            offset = builder.add(to, builder.mul(pitch, wide(k)))
            builder.store(v[k], place(signature.args[2], columns, offset), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.uint64, columns, types.uint64, types.uint64), build


# Look-ups are collected and done a picture row at a time, in short loops of one kind of work each: such loops compile
# to vector code, one long loop does not (15 ns a look-up instead of 5).


@numba.njit(cache=True, error_model="numpy")
def _look_up(texels, wide, high, one, rows, n, points, weights, places, found, colour):
    """Colour (4, n) of ``n`` look-ups: ``rows`` (n, 8) u, v, red, green, blue, highlight, glint, nothing.

    Bilinear in ``texels`` (high * wide,) uint32 RGBA, times ``one``; weights, found (4, n) and places (n,) are scratch.
    All arrays have room for a multiple of 64.
    """
    n = (n + 63) // 64 * 64  # whole vectors: what is left over would be done one by one
    flat_rows, flat_points = rows.reshape(rows.size), points.reshape(points.size)
    for i in range(0, n, 8):
        _turn(flat_rows, np.uint64(8 * i), flat_points, np.uint64(i), np.uint64(points.shape[1]))
    zero = np.float32(0.0)
    us, vs, highlight, glint = points[0], points[1], points[5], points[6]
    most_u, most_v = np.float32(wide - 1.01), np.float32(high - 1.01)
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
    shine = colour[3]
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


@numba.njit(cache=True, error_model="numpy")
def _show(light, steps, levels, place_in, places, n, out):
    """Encode ``light`` (3, n) of the pixels ``places`` (n,) into ``out`` (pixels, 3); place_in (n,) is scratch."""
    n_all = (n + 63) // 64 * 64
    last, none = np.int32(len(levels) - 1), np.int32(0)
    for k in range(3):
        channel = light[k]
        for i in range(n_all):
            place_in[i] = min(max(np.int32(channel[i] * steps), none), last)
        for i in range(n):
            out[np.uint32(3 * places[i] + k)] = levels[np.uint32(place_in[i])]


@numba.njit(cache=True, error_model="numpy")
def _show_wall(wall, gain, steps, levels, place_in, out):
    """Encode what is seen of the backdrop alone: ``wall`` (n,) into ``out`` (n,); place_in (n or more,) is scratch."""
    last, none = np.int32(len(levels) - 1), np.int32(0)
    for i in range(len(wall)):
        place_in[i] = min(max(np.int32(wall[i] * gain * steps), none), last)
    for i in range(len(wall)):
        out[i] = levels[np.uint32(place_in[i])]


@functools.cache
def shader(factor: int) -> Callable[..., None]:
    """The kernel of `draw` for a supersampling of ``factor``, which its small loops must know to be unrolled."""
    share = np.float32(1.0 / (factor * factor))
    middle = np.float32((factor - 1) / 2)
    group = BAND // factor  # picture rows of a band

    @numba.njit(cache=True, error_model="numpy")
    def shade_all(
        screen, triangles, double_sided, kinds, planes, starts, numbers, ranges, gain, fine, broad, texture, eyes,
        backdrop, levels, depth, owner, row_scratch, floats, integers, found, out,
    ):  # fmt: skip
        one = np.float32(1.0 / RATIO_ONE)
        steps = np.float32(len(levels) / 2.0)
        last = np.int32(len(levels) - 1)
        same = np.float32(SAME_SURFACE)
        high, wide = out.shape[0], out.shape[1]
        tex_high, tex_wide = texture
        pitch = wide * factor
        depths, owners = depth.reshape(BAND * pitch), owner.reshape(BAND * pitch)
        shown, wall = out.reshape(high * wide * 3), backdrop.reshape(high * wide * 3)
        whole, plain, mixed, empty = row_scratch[0], row_scratch[1], row_scratch[2], row_scratch[3]
        room = floats.shape[1]
        points, edge = floats[0:8].reshape(room, 8), floats[8:16].reshape(room, 8)
        point_values, edge_values = points.reshape(room * 8), edge.reshape(room * 8)
        colour, rim, weights, turned = floats[16:20], floats[20:23], floats[23:27], floats[27:35]
        places_of, edge_of, rim_places, places = integers[0], integers[1], integers[2], integers[3]
        for k in range(len(starts) - 1):
            y0, y1 = k * group, min(high, (k + 1) * group)
            if starts[k] == starts[k + 1]:
                for row in range(y0, y1):
                    low, top = row * wide * 3, (row + 1) * wide * 3
                    _show_wall(wall[low:top], gain, steps, levels, places, shown[low:top])
                continue
            x0, x1 = ranges[k, 0] // factor, (ranges[k, 1] + factor - 1) // factor
            for j in range(BAND):
                clear = depth[j, x0 * factor : x1 * factor]
                for i in range(len(clear)):
                    clear[i] = -np.inf
                nobody = owner[j, x0 * factor : x1 * factor]
                for i in range(len(nobody)):
                    nobody[i] = -1
            fill(screen, triangles, double_sided, numbers[starts[k] : starts[k + 1]], k * BAND, depth, owner)
            n = m = rims = 0
            for row in range(y0, y1):
                base = (row - y0) * factor * pitch
                start = row * wide
                low, top = start * 3, (start + x0) * 3
                _show_wall(wall[low:top], gain, steps, levels, places, shown[low:top])
                low, top = (start + x1) * 3, (start + wide) * 3
                _show_wall(wall[low:top], gain, steps, levels, places, shown[low:top])
                for column in range(x0, x1):
                    at = base + column * factor
                    first, others = owners[np.uint64(at)], np.int32(0)
                    for j in range(factor):
                        for i in range(factor):
                            others |= owners[np.uint64(at + j * pitch + i)] ^ first
                    whole[np.uint64(column)] = first if others == 0 else np.int32(MIXED)
                n_plain = n_mixed = n_empty = 0
                for column in range(x0, x1):
                    first = whole[np.uint64(column)]
                    kind = kinds[np.uint32(max(first, np.int32(0)))]
                    is_plain = (first >= 0) & (kind != 1) & (kind != 2)
                    is_empty = first == -1
                    plain[np.uint64(n_plain)] = column
                    mixed[np.uint64(n_mixed)] = column
                    empty[np.uint64(n_empty)] = column
                    n_plain += is_plain
                    n_empty += is_empty
                    n_mixed += not (is_plain | is_empty)
                for q in range(n_empty):
                    place = (start + empty[q]) * 3
                    for i in range(place, place + 3):
                        level = min(max(np.int32(wall[np.uint64(i)] * gain * steps), np.int32(0)), last)
                        shown[np.uint64(i)] = levels[np.uint32(level)]
                y = np.float32(row * factor) + middle
                for q in range(n_plain):
                    column = plain[q]
                    at = np.uint64(n + q)
                    for i in range(8):
                        point_values[at * np.uint64(8) + np.uint64(i)] = np.float32(0.0)
                    _add_values(
                        planes, np.uint32(whole[np.uint64(column)]), np.float32(column * factor) + middle, y,
                        point_values, at * np.uint64(8),
                    )  # fmt: skip
                    places_of[at] = start + column
                n += n_plain
                for q in range(n_mixed):
                    column = mixed[q]
                    at = base + column * factor
                    first = owners[np.uint64(at)]
                    kind = kinds[np.uint32(max(first, np.int32(0)))]
                    flat = (kind != 1) & (kind != 2)
                    hits = 0
                    near, far = np.float32(-1e9), np.float32(1e9)
                    for j in range(factor):
                        for i in range(factor):
                            t = owners[np.uint64(at + j * pitch + i)]
                            hits += t >= 0
                            flat &= (t >= 0) & (kinds[np.uint32(max(t, np.int32(0)))] == kind)
                            z = depths[np.uint64(at + j * pitch + i)]
                            near, far = max(near, z), min(far, z)
                    if flat and near - far < same:
                        to = np.uint64(8 * n)
                        for i in range(8):
                            point_values[to + np.uint64(i)] = np.float32(0.0)
                        for j in range(factor):
                            for i in range(factor):
                                t = np.uint32(owners[np.uint64(at + j * pitch + i)])
                                x, y = np.float32(column * factor + i), np.float32(row * factor + j)
                                _add_values(planes, t, x, y, point_values, to)
                        for i in range(8):
                            point_values[to + np.uint64(i)] *= share
                        places_of[n] = start + column
                        n += 1
                        continue
                    gaps = share * np.float32(factor * factor - hits)
                    for i in range(3):
                        rim[i, rims] = wall[(start + column) * 3 + i] * gain * gaps
                    rim_places[rims] = start + column
                    for j in range(factor):
                        for i in range(factor):
                            t = owners[np.uint64(at + j * pitch + i)]
                            if t < 0:
                                continue
                            fx, fy = np.float32(column * factor + i), np.float32(row * factor + j)
                            to = np.uint64(8 * m)
                            for c in range(8):
                                edge_values[to + np.uint64(c)] = np.float32(0.0)
                            _add_values(planes, np.uint32(t), fx, fy, edge_values, to)
                            if kinds[t] == 1 or kinds[t] == 2:
                                e = eyes[kinds[t] - 1]
                                ex, ey = (fx - e[0]) / e[2], (fy - e[1]) / e[2]
                                # The upper lid and its lashes shade the top of the eyeball.
                                dim = np.float32(1.0) + np.float32(1.9) * (ey + np.float32(0.04))
                                dim = min(max(dim, np.float32(0.4)), np.float32(1.0))
                                for c in range(2, 5):
                                    edge[m, c] *= dim
                                gx, gy = ex - e[3], ey - e[4]
                                edge[m, 6] = share * e[5] * np.exp(-(gx * gx + gy * gy) * np.float32(420.0))
                            edge_of[m] = rims
                            m += 1
                    rims += 1
                if n >= COLLECT or row == y1 - 1:
                    _look_up(broad, tex_wide, tex_high, one, points, n, turned, weights, places, found, colour)
                    _show(colour, steps, levels, places, places_of, n, shown)
                    n = 0
                if m >= COLLECT or row == y1 - 1:
                    _look_up(fine, tex_wide, tex_high, one * share, edge, m, turned, weights, places, found, colour)
                    for c in range(3):
                        for i in range(m):
                            rim[c, edge_of[i]] += colour[c, i]
                    _show(rim, steps, levels, places, rim_places, rims, shown)
                    m = rims = 0

    return shade_all


@functools.lru_cache(maxsize=2)
def scratch(wide: int, factor: int) -> tuple[np.ndarray, ...]:
    """Scratch memory for pictures of a width, kept: new memory for each picture costs a tenth of the picture."""
    # room for what is collected and one more row of samples, or for all channels of a row
    room = (max(COLLECT + wide * factor * factor, 3 * wide) + 63) // 64 * 64
    return (
        np.empty((BAND, wide * factor), np.float32),
        np.empty((BAND, wide * factor), np.int32),
        np.empty((4, wide), np.int32),
        np.zeros((35, room), np.float32),
        np.empty((4, room), np.int32),
        np.empty((4, room), np.uint32),
    )
