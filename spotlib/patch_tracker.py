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

#: half side of a patch; 24 x 24 px at an inter-ocular distance of about 90 px
HALF = 12
SIDE = 2 * HALF
#: px; a search ends at a smaller step
STEP_END = 0.05
#: added to the Hessian (grey levels squared): patches without texture stay where the search started
DAMPING = 150.0
#: largest step of one iteration, px
STEP_MAX = 2.5
#: a track is in doubt below this correlation, and dropped below that one
DOUBT = 0.80
DROP = 0.50

_jit = nb.njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"}, nogil=True, error_model="numpy")


def _window() -> np.ndarray:
    """Weights of the patch's pixels, mean 1: a wide Gaussian, since pixels near the rim belong to other motion."""
    r = np.arange(-HALF, HALF) + 0.5
    one = np.exp(-0.5 * (r / (0.7 * HALF)) ** 2)
    two = np.outer(one, one)
    return (two / two.mean()).astype(np.float32)


_WEIGHTS = _window()
_WEIGHT_SUM = np.float32(_WEIGHTS.sum())


@_jit
def make_template(image, x, y, patch, hessian):
    """Fill ``patch`` (3, SIDE, SIDE) and ``hessian`` (5,) for the patch of ``image`` around the integer (x, y).

    patch[0]: grey values; patch[1:3]: weighted gradients with brightness and contrast projected out.
    hessian: inverse (a, b, c) of the 2 x 2 matrix, weighted mean and weighted sum of squares about it of patch[0].
    Returns False (and leaves the arrays) if the patch sticks out of the image.
    """
    height, width = image.shape
    if x < HALF + 1 or y < HALF + 1 or x >= width - HALF - 1 or y >= height - HALF - 1:
        return False
    sum_t = np.float32(0)
    sum_tt = np.float32(0)
    sum_x = np.float32(0)
    sum_y = np.float32(0)
    sum_xt = np.float32(0)
    sum_yt = np.float32(0)
    base = image[y, x]
    left = x - HALF
    for i in range(SIDE):
        row = y - HALF + i
        above = image[row - 1, left : left + SIDE]
        here = image[row, left - 1 : left + SIDE + 1]
        below = image[row + 1, left : left + SIDE]
        grey, along, across = patch[0, i], patch[1, i], patch[2, i]
        for j in range(SIDE):
            w = _WEIGHTS[i, j]
            t = here[j + 1] - base
            gx = np.float32(0.5) * (here[j + 2] - here[j])
            gy = np.float32(0.5) * (below[j] - above[j])
            grey[j] = here[j + 1]
            along[j] = gx
            across[j] = gy
            sum_t += w * t
            sum_tt += w * t * t
            sum_x += w * gx
            sum_y += w * gy
            sum_xt += w * gx * t
            sum_yt += w * gy * t
    n = _WEIGHT_SUM
    mean_t = sum_t / n
    var = sum_tt - n * mean_t * mean_t
    # regression of the gradients on (1, grey value): what a change of light would look like
    along_x = (sum_xt - sum_x * mean_t) / (var + np.float32(1))
    along_y = (sum_yt - sum_y * mean_t) / (var + np.float32(1))
    off_x = sum_x / n
    off_y = sum_y / n
    hxx = np.float32(0)
    hxy = np.float32(0)
    hyy = np.float32(0)
    for i in range(SIDE):
        for j in range(SIDE):
            w = _WEIGHTS[i, j]
            t = patch[0, i, j] - base - mean_t
            gx = patch[1, i, j] - off_x - along_x * t
            gy = patch[2, i, j] - off_y - along_y * t
            hxx += w * gx * gx
            hxy += w * gx * gy
            hyy += w * gy * gy
            patch[1, i, j] = w * gx
            patch[2, i, j] = w * gy
    hxx += np.float32(DAMPING)
    hyy += np.float32(DAMPING)
    det = hxx * hyy - hxy * hxy
    hessian[0] = hyy / det
    hessian[1] = -hxy / det
    hessian[2] = hxx / det
    hessian[3] = mean_t + base
    hessian[4] = var
    return True


@_jit
def _step(image, x, y, patch):
    """Gradient-weighted differences (bx, by) between ``image`` at the real (x, y) and the template; ok."""
    height, width = image.shape
    fx = math.floor(x)
    fy = math.floor(y)
    ix = int(fx) - HALF
    iy = int(fy) - HALF
    bx = np.float32(0)
    by = np.float32(0)
    if ix < 0 or iy < 0 or ix + SIDE >= width or iy + SIDE >= height:
        return bx, by, False
    ax = np.float32(x - fx)
    ay = np.float32(y - fy)
    w11 = ax * ay
    w01 = ax - w11
    w10 = ay - w11
    w00 = np.float32(1) - ax - ay + w11
    for i in range(SIDE):
        upper = image[iy + i, ix : ix + SIDE + 1]
        lower = image[iy + i + 1, ix : ix + SIDE + 1]
        for j in range(SIDE):
            value = w00 * upper[j] + w01 * upper[j + 1] + w10 * lower[j] + w11 * lower[j + 1]
            e = value - patch[0, i, j]
            bx += patch[1, i, j] * e
            by += patch[2, i, j] * e
    return bx, by, True


@_jit
def correlation(image, x, y, patch, hessian):
    """Weighted correlation (-1 to 1) of the template with ``image`` at the real (x, y); -1 outside the image."""
    height, width = image.shape
    fx = math.floor(x)
    fy = math.floor(y)
    ix = int(fx) - HALF
    iy = int(fy) - HALF
    if ix < 0 or iy < 0 or ix + SIDE >= width or iy + SIDE >= height:
        return np.float32(-1)
    ax = np.float32(x - fx)
    ay = np.float32(y - fy)
    w11 = ax * ay
    w01 = ax - w11
    w10 = ay - w11
    w00 = np.float32(1) - ax - ay + w11
    base = hessian[3]
    s = np.float32(0)
    ss = np.float32(0)
    st = np.float32(0)
    for i in range(SIDE):
        upper = image[iy + i, ix : ix + SIDE + 1]
        lower = image[iy + i + 1, ix : ix + SIDE + 1]
        for j in range(SIDE):
            value = w00 * upper[j] + w01 * upper[j + 1] + w10 * lower[j] + w11 * lower[j + 1] - base
            wv = _WEIGHTS[i, j] * value
            s += wv
            ss += wv * value
            st += wv * (patch[0, i, j] - base)
    var = ss - s * s / _WEIGHT_SUM
    # one grey level of noise keeps flat patches from claiming a perfect fit or a perfect misfit
    floor = np.float32(0.25) * _WEIGHT_SUM
    return (st + floor) / math.sqrt((var + floor) * (hessian[4] + floor))


@_jit
def search(image, x, y, dx, dy, patch, hessian, rounds):
    """Find the template of (x, y) in ``image``, starting at (x + dx, y + dy); returns (dx, dy, ok)."""
    for _ in range(rounds):
        bx, by, ok = _step(image, x + dx, y + dy, patch)
        if not ok:
            return dx, dy, False
        sx = float(hessian[0] * bx + hessian[1] * by)
        sy = float(hessian[1] * bx + hessian[2] * by)
        length = math.sqrt(sx * sx + sy * sy)
        if length > STEP_MAX:
            sx *= STEP_MAX / length
            sy *= STEP_MAX / length
        dx -= sx
        dy -= sy
        if length < STEP_END:
            break
    return dx, dy, True


@_jit
def fill_templates(image, origin, positions, patches, hessians, usable):
    """Templates (S) of a frame at its integer patch ``positions`` (S, 2)."""
    for s in range(len(positions)):
        usable[s] = make_template(
            image, positions[s, 0] - origin[0], positions[s, 1] - origin[1], patches[s], hessians[s]
        )


@_jit
def coarse_steps(previous, current, origin_p, origin_c, points, guess, patch, hessian, step):
    """Motion of ``points`` (P, 2) from the previous frame to the current one, from level 1 or 2 of their pyramids.

    ``guess`` (P, 2): the motion of the landmarks; no motion is the other start. Fills ``step`` (P, 2).
    """
    for p in range(len(points)):
        dx, dy = 0.0, 0.0
        have = False
        for level in (2, 1):
            f = 1.0 / (1 << level)
            image = previous[level]
            later = current[level]
            x = int(np.rint((points[p, 0] - origin_p[0]) * f))
            y = int(np.rint((points[p, 1] - origin_p[1]) * f))
            if not make_template(image, x, y, patch, hessian):
                continue
            # position of the same point in the later image, whose region lies elsewhere
            ox = x + (origin_p[0] - origin_c[0]) * f
            oy = y + (origin_p[1] - origin_c[1]) * f
            if not have:
                still = correlation(later, ox, oy, patch, hessian)
                moved = correlation(later, ox + guess[p, 0] * f, oy + guess[p, 1] * f, patch, hessian)
                if moved > still:
                    dx, dy = guess[p, 0], guess[p, 1]
                have = True
            gx, gy, ok = search(later, ox, oy, dx * f, dy * f, patch, hessian, 8)
            if ok and correlation(later, ox + gx, oy + gy, patch, hessian) >= correlation(
                later, ox + dx * f, oy + dy * f, patch, hessian
            ):
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
def _follow(image, origin, positions, patches, hessians, usable, x0, y0, rounds, found):
    """Follow S patches into ``image`` from one start; ``found`` (S, 3): dx, dy, correlation.

    Returns what most of them say: dx, dy, correlation (-1 if none could be followed).
    """
    n = 0
    for s in range(len(positions)):
        found[s, 2] = -1.0
        if not usable[s]:
            continue
        x = float(positions[s, 0] - origin[0])
        y = float(positions[s, 1] - origin[1])
        dx, dy, ok = search(image, x, y, x0, y0, patches[s], hessians[s], rounds)
        if ok:
            q = correlation(image, x + dx, y + dy, patches[s], hessians[s])
            found[s, 0] = dx
            found[s, 1] = dy
            found[s, 2] = q
            n += 1
    if n == 0:
        return x0, y0, -1.0
    best = found[:, 2].max()
    values = np.empty((3, len(positions)))
    n = 0
    for s in range(len(positions)):
        if found[s, 2] >= best - 0.3:
            for c in range(3):
                values[c, n] = found[s, c]
            n += 1
    return _middle(values[0], n), _middle(values[1], n), _middle(values[2], n)


@_jit
def advance(
    image, origin, slots, starts, positions, patches, hessians, usable, track, step, marks, leash, quality, nose
):
    """Bring the tracks of open frames to the newest one.

    slots (n,): ring slots of those frames. starts (P+2,): the patches of point p are starts[p]:starts[p+1]; the last
    group is the nose. track (R, P+1, 2): motion so far, updated; step (P+1, 2): motion of the last frame; marks
    (R, P+1, 2): motion of the landmarks. Fills quality (R, P+1), 0 for lost tracks, and nose (R, S, 3): dx, dy and
    correlation of each patch of the nose.
    """
    n_points = len(starts) - 2
    first, second = np.empty((len(positions[0]), 3)), np.empty((len(positions[0]), 3))
    for slot in slots:
        for p in range(n_points + 1):
            a, b = starts[p], starts[p + 1]
            mx, my = marks[slot, p, 0], marks[slot, p, 1]
            found = first[a:b]
            dx, dy, q = _follow(
                image, origin, positions[slot, a:b], patches[slot, a:b], hessians[slot, a:b], usable[slot, a:b],
                track[slot, p, 0] + step[p, 0], track[slot, p, 1] + step[p, 1], 6, found,
            )  # fmt: skip
            far = math.hypot(dx - mx, dy - my) > leash
            if q < DOUBT or far:  # try again from where the landmarks are
                ex, ey, eq = _follow(
                    image, origin, positions[slot, a:b], patches[slot, a:b], hessians[slot, a:b], usable[slot, a:b],
                    mx, my, 12, second[a:b],
                )  # fmt: skip
                near = math.hypot(ex - mx, ey - my) <= leash
                if near and (eq > q + 0.02 or (far and eq >= DROP)):
                    dx, dy, q, far, found = ex, ey, eq, False, second[a:b]
            track[slot, p, 0] = dx
            track[slot, p, 1] = dy
            quality[slot, p] = 0.0 if far or q < DROP else min(q, 1.0)
            if p == n_points:
                nose[slot] = found
