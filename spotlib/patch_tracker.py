"""A patch tracker for many points and many pairs of frames: inverse-compositional Lucas-Kanade, compiled by numba.

Why not OpenCV's: a window needs the motion from each frame to the 16 frames after it, and one landmark several
patches. Here gradients and Hessian of a patch are computed once and serve all 16 later frames, each search starts
where the previous frame ended, and brightness and contrast are projected out of the gradients, so light changes cost
nothing and move nothing. Identical frames give exactly zero.

All compiled functions stay in this one file: numba's cache notices a change of the file that it compiled from, but not
of another file whose functions were inlined.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

#: grey levels are stored in this many steps each, as int16, and gradients as int8: a third of the memory of floats. The
#: patches of 17 frames are read for every frame, and reading them is what takes long. Sensors are a hundred times
#: noisier than a step.
GREY = 64
#: half side of a patch; 20 x 20 px at an inter-ocular distance of about 90 px
HALF = 10
SIDE = 2 * HALF
#: px; a search ends at a smaller step
STEP_END = 0.05
#: added to the Hessian (grey levels squared): patches without texture stay where the search started
DAMPING = 150.0
#: largest step of one iteration, px
STEP_MAX = 2.5
#: where skin is stretched, patches beside a landmark move less than it does: there the longest half of them counts, as
#: METHOD takes the longest vectors of a patch; not at all for motions up to the first length (px), where the longest
#: are the noisiest, and fully from the second on
STRETCH = (0.5, 1.5)
#: how much of the way from what most patches say to what the longest half of them says
STRETCH_SHARE = 0.5
#: a track is in doubt below this correlation, and dropped below that one
DOUBT = 0.80
DROP = 0.50

_fast = {"reassoc", "contract", "nsz", "arcp"}
_jit = nb.njit(cache=True, fastmath=_fast, nogil=True, error_model="numpy")
#: for what is called 2000 times a frame: a call counts references to every array it is handed, which costs more than
#: the arithmetic does
_inlined = nb.njit(inline="always", fastmath=_fast, error_model="numpy")


#: floats from one row of a stored patch to the next: one more than a row, so that the right neighbours of its pixels
#: have a place. The sums below then run over a patch as over one long row, which is what compiles to fast code.
STRIDE = SIDE + 1
#: floats of a stored patch, rounded up to whole vectors; what is beyond its rows stays zero
FLAT = -(-SIDE * STRIDE // 32) * 32
#: room for a patch of the later image with its right and lower neighbours
CELL = FLAT + STRIDE + 1


def _window() -> np.ndarray:
    """Weights of the patch's pixels, (FLAT,), mean 1: a wide Gaussian, since pixels near the rim move otherwise."""
    r = np.arange(-HALF, HALF) + 0.5
    one = np.exp(-0.5 * (r / (0.6 * HALF)) ** 2)
    two = np.outer(one, one)
    flat = np.zeros(FLAT, np.float32)
    flat[: SIDE * STRIDE].reshape(SIDE, STRIDE)[:, :SIDE] = two / two.mean()
    return flat


_WEIGHTS = _window()
_WEIGHT_SUM = np.float32(_WEIGHTS.sum())


@_jit
def make_template(image, x, y, grey, slope, hessian, scratch):
    """Fill ``grey``, ``slope`` and ``hessian`` for the patch of ``image`` (int16) around the integer (x, y).

    grey (FLAT,) int16: in steps of 1 / GREY. slope (2, FLAT) int8: weighted gradients with brightness and contrast
    projected out, in steps of which the steepest has 127. hessian (5,): inverse (a, b, c) of the 2 x 2 matrix, for sums
    in these steps; weighted mean and weighted sum of squares about it of grey. ``scratch`` (2, FLAT) float32: zero
    beyond the rows. Returns False (and leaves the arrays) if the patch sticks out of the image.
    """
    height, width = image.shape
    if x < HALF + 1 or y < HALF + 1 or x >= width - HALF - 1 or y >= height - HALF - 1:
        return False
    left = x - HALF
    along, across = scratch[0], scratch[1]
    half = np.float32(0.5 / GREY)
    for i in range(SIDE):
        row = y - HALF + i
        above = image[row - 1, left : left + SIDE]
        here = image[row, left - 1 : left + SIDE + 1]
        below = image[row + 1, left : left + SIDE]
        t = grey[i * STRIDE : i * STRIDE + SIDE]
        gx = along[i * STRIDE : i * STRIDE + SIDE]
        gy = across[i * STRIDE : i * STRIDE + SIDE]
        for j in range(SIDE):
            t[j] = here[j + 1]
            gx[j] = half * np.float32(here[j + 2] - here[j])
            gy[j] = half * np.float32(below[j] - above[j])
    base = np.float32(image[y, x])
    sum_t = np.float32(0)
    sum_tt = np.float32(0)
    sum_x = np.float32(0)
    sum_y = np.float32(0)
    sum_xt = np.float32(0)
    sum_yt = np.float32(0)
    for f in range(FLAT):
        w = _WEIGHTS[f]
        t = np.float32(grey[f]) - base
        wx = w * along[f]
        wy = w * across[f]
        sum_t += w * t
        sum_tt += w * t * t
        sum_x += wx
        sum_y += wy
        sum_xt += wx * t
        sum_yt += wy * t
    n = _WEIGHT_SUM
    mean_t = sum_t / n
    var = sum_tt - n * mean_t * mean_t
    # regression of the gradients on (1, grey value): what a change of light would look like
    along_x = (sum_xt - sum_x * mean_t) / (var + np.float32(GREY * GREY))
    along_y = (sum_yt - sum_y * mean_t) / (var + np.float32(GREY * GREY))
    off_x = sum_x / n
    off_y = sum_y / n
    mean_t += base
    hxx = np.float32(0)
    hxy = np.float32(0)
    hyy = np.float32(0)
    most = np.float32(1e-6)
    for f in range(FLAT):
        w = _WEIGHTS[f]
        t = np.float32(grey[f]) - mean_t
        gx = along[f] - off_x - along_x * t
        gy = across[f] - off_y - along_y * t
        wx = w * gx
        wy = w * gy
        hxx += wx * gx
        hxy += wx * gy
        hyy += wy * gy
        along[f] = wx
        across[f] = wy
        most = max(most, max(abs(wx), abs(wy)))
    steps = np.float32(127) / most
    for c in range(2):
        for f in range(FLAT):
            slope[c, f] = np.int8(np.rint(scratch[c, f] * steps))
    hxx += np.float32(DAMPING)
    hyy += np.float32(DAMPING)
    det = (hxx * hyy - hxy * hxy) * (steps * np.float32(GREY))
    hessian[0] = hyy / det
    hessian[1] = -hxy / det
    hessian[2] = hxx / det
    hessian[3] = mean_t
    hessian[4] = var
    return True


@_inlined
def _load(image, ix, iy, cell):
    """Copy the patch of ``image`` whose first pixel is (ix, iy), and its right and lower neighbours, to floats."""
    side = (
        len(cell) // STRIDE
    )  # SIDE + 1; were it a constant, the compiler would unroll the rows and crawl over columns
    for i in range(side):
        row = image[iy + i, ix : ix + side]
        to = cell[i * STRIDE : i * STRIDE + side]
        for j in range(side):
            to[j] = row[j]


@_inlined
def _differences(cell, grey, slope, sums):
    """Gradient-weighted sums of what the later image and the template differ by, for four whole shifts: sums (8,).

    Between whole pixels the image is bilinear, so its sums are, too: they give those of any place in this cell.
    """
    along, across = slope[0], slope[1]
    right, below, both = cell[1:], cell[STRIDE:], cell[STRIDE + 1 :]
    x00 = np.float32(0)
    y00 = np.float32(0)
    x01 = np.float32(0)
    y01 = np.float32(0)
    x10 = np.float32(0)
    y10 = np.float32(0)
    x11 = np.float32(0)
    y11 = np.float32(0)
    for f in range(FLAT):
        t, gx, gy = np.float32(grey[f]), np.float32(along[f]), np.float32(across[f])
        e = cell[f] - t
        x00 += gx * e
        y00 += gy * e
        e = right[f] - t
        x01 += gx * e
        y01 += gy * e
        e = below[f] - t
        x10 += gx * e
        y10 += gy * e
        e = both[f] - t
        x11 += gx * e
        y11 += gy * e
    sums[0], sums[1], sums[2], sums[3] = x00, y00, x01, y01
    sums[4], sums[5], sums[6], sums[7] = x10, y10, x11, y11


@_jit
def correlation(image, x, y, grey, hessian, cell):
    """Weighted correlation (-1 to 1) of the template with ``image`` at the real (x, y); -1 outside the image."""
    height, width = image.shape
    fx = math.floor(x)
    fy = math.floor(y)
    ix = int(fx) - HALF
    iy = int(fy) - HALF
    if ix < 0 or iy < 0 or ix + SIDE >= width or iy + SIDE >= height:
        return np.float32(-1)
    _load(image, ix, iy, cell)
    return _likeness(cell, np.float32(x - fx), np.float32(y - fy), grey, hessian)


@_inlined
def _likeness(cell, ax, ay, grey, hessian):
    """The correlation of the template with what ``cell`` holds, (ax, ay) px from its first pixel."""
    w11 = ax * ay
    w01 = ax - w11
    w10 = ay - w11
    w00 = np.float32(1) - ax - ay + w11
    base = hessian[3]
    right, below, both = cell[1:], cell[STRIDE:], cell[STRIDE + 1 :]
    s = np.float32(0)
    ss = np.float32(0)
    st = np.float32(0)
    for f in range(FLAT):
        value = w00 * cell[f] + w01 * right[f] + w10 * below[f] + w11 * both[f] - base
        wv = _WEIGHTS[f] * value
        s += wv
        ss += wv * value
        st += wv * (np.float32(grey[f]) - base)
    var = ss - s * s / _WEIGHT_SUM
    # one grey level of noise keeps flat patches from claiming a perfect fit or a perfect misfit
    floor = np.float32(0.25 * GREY * GREY) * _WEIGHT_SUM
    return (st + floor) / math.sqrt((var + floor) * (hessian[4] + floor))


@_inlined
def search(image, x, y, dx, dy, grey, slope, hessian, rounds, cell, sums):
    """Find the template of (x, y) in ``image``, starting at (x + dx, y + dy); returns (dx, dy, correlation).

    The correlation is -1 if the search left the image. ``cell`` (CELL,) and ``sums`` (8,) are scratch.
    """
    height, width = image.shape
    here_x, here_y = -1, -1
    for _ in range(rounds):
        px, py = x + dx, y + dy
        fx, fy = math.floor(px), math.floor(py)
        ix, iy = int(fx) - HALF, int(fy) - HALF
        if ix != here_x or iy != here_y:
            if ix < 0 or iy < 0 or ix + SIDE >= width or iy + SIDE >= height:
                return dx, dy, np.float32(-1)
            _load(image, ix, iy, cell)
            _differences(cell, grey, slope, sums)
            here_x, here_y = ix, iy
        ax, ay = px - fx, py - fy
        w11 = ax * ay
        w01 = ax - w11
        w10 = ay - w11
        w00 = 1.0 - ax - ay + w11
        bx = w00 * sums[0] + w01 * sums[2] + w10 * sums[4] + w11 * sums[6]
        by = w00 * sums[1] + w01 * sums[3] + w10 * sums[5] + w11 * sums[7]
        sx = hessian[0] * bx + hessian[1] * by
        sy = hessian[1] * bx + hessian[2] * by
        square = sx * sx + sy * sy
        if square > STEP_MAX * STEP_MAX:
            length = math.sqrt(square)
            sx *= STEP_MAX / length
            sy *= STEP_MAX / length
        dx -= sx
        dy -= sy
        if square < STEP_END * STEP_END:
            break
    px, py = x + dx, y + dy
    fx, fy = math.floor(px), math.floor(py)
    if int(fx) - HALF == here_x and int(fy) - HALF == here_y:
        return dx, dy, _likeness(cell, np.float32(px - fx), np.float32(py - fy), grey, hessian)
    return dx, dy, correlation(image, px, py, grey, hessian, cell)


@_jit
def place_patches(points, tips, scale, owner, offsets, columns, rows, reach, places, positions):
    """Points and patches of a frame at the scale of tracking, from its points (P, 2) in px of the frame.

    owner (S,), offsets (S, 2): whose patches stand where beside it. The nose's patches follow in a grid that ends
    ``reach`` px beyond the two ``tips`` (2, 2). Fills places (P + 1, 2), the last one the nose's middle, and positions
    (S + rows * columns, 2), whole px.
    """
    shift = 0.5 - 0.5 * scale  # pixel centres of the scaled frame
    n = len(points)
    for c in range(2):
        for p in range(n):
            places[p, c] = points[p, c] * scale - shift
        tip, base = tips[0, c] * scale - shift, tips[1, c] * scale - shift
        places[n, c] = 0.5 * (tip + base)
        # a patch has an even side: the pixel that counts as its place lies half a px after its middle
        for s in range(len(owner)):
            positions[s, c] = int(np.rint(places[owner[s], c] + offsets[s, c] + 0.5))
        low, high = min(tip, base) - reach, max(tip, base) + reach
        for i in range(rows):
            for j in range(columns):
                share = (j + 0.5) / columns if c == 0 else (i + 0.5) / rows
                positions[len(owner) + i * columns + j, c] = int(np.rint(low + share * (high - low) + 0.5))


@_jit
def fill_templates(image, origin, positions, greys, slopes, hessians, usable):
    """Templates (S) of a frame at its integer patch ``positions`` (S, 2)."""
    scratch = np.zeros((2, FLAT), np.float32)
    for s in range(len(positions)):
        usable[s] = make_template(
            image, positions[s, 0] - origin[0], positions[s, 1] - origin[1], greys[s], slopes[s], hessians[s], scratch
        )


@_jit
def coarse_steps(previous, current, origin_p, origin_c, points, guess, step):
    """Motion of ``points`` (P, 2) from the previous frame to the current one, from level 1 or 2 of their pyramids.

    ``guess`` (P, 2): the motion of the landmarks; no motion is the other start. Fills ``step`` (P, 2).
    """
    cell, sums = np.zeros(CELL, np.float32), np.zeros(8, np.float32)
    grey, slope = np.zeros(FLAT, np.int16), np.zeros((2, FLAT), np.int8)
    scratch = np.zeros((2, FLAT), np.float32)
    hessian = np.empty(5, np.float32)
    for p in range(len(points)):
        dx, dy = 0.0, 0.0
        have = False
        for level in (2, 1):
            f = 1.0 / (1 << level)
            image = previous[level]
            later = current[level]
            x = int(np.rint((points[p, 0] - origin_p[0]) * f))
            y = int(np.rint((points[p, 1] - origin_p[1]) * f))
            if not make_template(image, x, y, grey, slope, hessian, scratch):
                continue
            # position of the same point in the later image, whose region lies elsewhere
            ox = x + (origin_p[0] - origin_c[0]) * f
            oy = y + (origin_p[1] - origin_c[1]) * f
            start = correlation(later, ox + dx * f, oy + dy * f, grey, hessian, cell)
            if not have:
                moved = correlation(later, ox + guess[p, 0] * f, oy + guess[p, 1] * f, grey, hessian, cell)
                if moved > start + 1e-4:  # equal pictures have not moved
                    dx, dy, start = guess[p, 0], guess[p, 1], moved
                have = True
            gx, gy, found = search(later, ox, oy, dx * f, dy * f, grey, slope, hessian, 8, cell, sums)
            if found >= start and found > -1:
                dx, dy = gx / f, gy / f
        step[p, 0] = dx
        step[p, 1] = dy


@_jit
def _middle(values, n):
    """Mean of the middle half of the first ``n`` of ``values`` (3 of 5, 1 of 3), which are put in order."""
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    drop = (n + 1) // 4 if n > 2 else 0
    total = 0.0
    for i in range(drop, n - drop):
        total += values[i]
    return total / (n - 2 * drop)


@_jit
def _longest_half(values, n):
    """Mean of the longer half of the ``n`` motions (values[0], values[1]); of an odd number the middle one, too."""
    total_x, total_y, kept = 0.0, 0.0, 0
    for i in range(n):
        length = values[0, i] ** 2 + values[1, i] ** 2
        longer = 0
        for j in range(n):
            other = values[0, j] ** 2 + values[1, j] ** 2
            longer += other > length or (other == length and j < i)
        if 2 * longer < n:
            total_x += values[0, i]
            total_y += values[1, i]
            kept += 1
    return total_x / kept, total_y / kept


@_jit
def _follow(
    image, origin, positions, greys, slopes, hessians, usable, stretched, x0, y0, rounds, found, values, cell, sums
):
    """Follow S patches into ``image`` from one start; ``found`` (S, 3): dx, dy, correlation.

    Returns what most of them say, or the longest half where skin is ``stretched``: dx, dy, correlation (-1 if none
    could be followed).
    """
    best = np.float32(-1)
    for s in range(len(positions)):
        found[s, 2] = -1.0
        if not usable[s]:
            continue
        x = float(positions[s, 0] - origin[0])
        y = float(positions[s, 1] - origin[1])
        dx, dy, q = search(image, x, y, x0, y0, greys[s], slopes[s], hessians[s], rounds, cell, sums)
        if q > -1:
            found[s, 0] = dx
            found[s, 1] = dy
            found[s, 2] = q
            best = max(best, q)
    if best == -1:
        return x0, y0, -1.0
    n = 0
    for s in range(len(positions)):
        if found[s, 2] >= best - 0.3:
            for c in range(3):
                values[c, n] = found[s, c]
            n += 1
    tx, ty = _longest_half(values, n) if stretched else (0.0, 0.0)
    dx, dy = _middle(values[0], n), _middle(values[1], n)
    if stretched:
        share = min(max((math.hypot(dx, dy) - STRETCH[0]) / (STRETCH[1] - STRETCH[0]), 0.0), 1.0)
        dx += STRETCH_SHARE * share * (tx - dx)
        dy += STRETCH_SHARE * share * (ty - dy)
    return dx, dy, _middle(values[2], n)


@_jit
def _order(values, n, order):
    """The places of the first ``n`` of ``values`` by size, into ``order``; of equals the first comes first."""
    for i in range(n):
        j = i
        while j > 0 and values[order[j - 1]] > values[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@_jit
def _replace_lost(track, quality, places):
    """Give each track (P, 2) of quality 0 the median motion of the 5 nearest good ones, in place."""
    n = len(track)
    good = 0
    for p in range(n):
        good += quality[p] > 0
    if good == 0 or good == n:
        return
    k = min(5, good)
    distance, near, order, motion = np.empty(n), np.empty(n, np.int64), np.empty(k, np.int64), np.empty(k)
    for p in range(n):
        if quality[p] > 0:
            continue
        for q in range(n):
            dx, dy = places[p, 0] - places[q, 0], places[p, 1] - places[q, 1]
            distance[q] = dx * dx + dy * dy if quality[q] > 0 else np.inf
        _order(distance, n, near)
        for c in range(2):
            for i in range(k):
                motion[i] = track[near[i], c]
            _order(motion, k, order)
            # lost tracks are no neighbours, so writing in place changes nothing that is read
            track[p, c] = 0.5 * (motion[order[(k - 1) // 2]] + motion[order[k // 2]])


@_jit
def _nose_motion(found, top_share, fallback, head):
    """METHOD's head motion: mean (2,) of the ``top_share`` longest motions of the nose's patches, (S, 3)."""
    n = len(found)
    good = 0
    length, longest = np.empty(n), np.empty(n, np.int64)
    for s in range(n):
        length[s] = 1.0
        if found[s, 2] >= DROP:
            length[s] = -(found[s, 0] ** 2 + found[s, 1] ** 2)
            good += 1
    if good == 0:
        head[0], head[1] = fallback[0], fallback[1]
        return
    keep = max(1, int(np.rint(top_share * good)))
    _order(length, n, longest)
    x, y = 0.0, 0.0
    for i in range(keep):
        x += found[longest[i], 0]
        y += found[longest[i], 1]
    head[0], head[1] = x / keep, y / keep


@_jit
def advance(
    image, origin, slots, starts, stretched, positions, greys, slopes, hessians, usable, places, previous, step, leash,
    top_share, track, quality, head,
):  # fmt: skip
    """Bring the tracks of open frames to the newest one.

    slots (n,): ring slots of those frames, the newest frame's last. starts (P+2,): the patches of point p are
    starts[p]:starts[p+1]; the last group is the nose. stretched (P+1,) bool: see `STRETCH`. places (R, P+1, 2): the
    points by the landmarks. previous: slot of the frame before the newest. step (P+1, 2): motion from that one, from
    its pyramid. track (R, P+1, 2): motion so far, updated. Fills quality (R, P+1), 0 for lost tracks, and head (R, 2):
    METHOD's head motion.
    """
    n_points = len(starts) - 2
    most = len(positions[0])
    one, two, values = np.empty((most, 3)), np.empty((most, 3)), np.empty((3, most))
    found = one
    cell, sums = np.zeros(CELL, np.float32), np.zeros(8, np.float32)
    newest = slots[-1]
    few, many = np.int64(6), np.int64(12)  # plain numbers would make the compiler do everything twice
    # the last frame's motion first: what it finds is where the others' searches begin
    for k in range(-1, len(slots) - 1):
        slot = previous if k < 0 else slots[k]
        if k >= 0 and slot == previous:
            continue
        for p in range(n_points + 1):
            a, b = starts[p], starts[p + 1]
            mx, my = places[newest, p, 0] - places[slot, p, 0], places[newest, p, 1] - places[slot, p, 1]
            if k < 0:
                x0, y0 = step[p, 0], step[p, 1]
            else:
                x0, y0 = track[slot, p, 0] + track[previous, p, 0], track[slot, p, 1] + track[previous, p, 1]
            found = one[a:b]
            dx, dy, q = _follow(
                image, origin, positions[slot, a:b], greys[slot, a:b], slopes[slot, a:b],
                hessians[slot, a:b], usable[slot, a:b], stretched[p],
                x0, y0, few, found, values, cell, sums,
            )  # fmt: skip
            far = math.hypot(dx - mx, dy - my) > leash
            if q < DOUBT or far:  # try again from where the landmarks are
                ex, ey, eq = _follow(
                    image, origin, positions[slot, a:b], greys[slot, a:b], slopes[slot, a:b],
                hessians[slot, a:b], usable[slot, a:b], stretched[p],
                    mx, my, many, two[a:b], values, cell, sums,
                )  # fmt: skip
                near = math.hypot(ex - mx, ey - my) <= leash
                if near and (eq > q + 0.02 or (far and eq >= DROP)):
                    dx, dy, q, far, found = ex, ey, eq, False, two[a:b]
            track[slot, p, 0] = dx
            track[slot, p, 1] = dy
            quality[slot, p] = 0.0 if far or q < DROP else min(q, 1.0)
        _replace_lost(track[slot], quality[slot], places[slot])
        _nose_motion(found, top_share, track[slot, n_points], head[slot])
