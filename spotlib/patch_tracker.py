"""A patch tracker for many points and many pairs of frames: inverse-compositional Lucas-Kanade, compiled by numba.

Why not OpenCV's: a window needs the motion from each frame to the 16 frames after it, and one landmark several
patches. Here gradients and Hessian of a patch are computed once and serve all 16 later frames, each search starts
where the previous frame ended, and brightness and contrast are projected out of the gradients, so light changes cost
nothing and move nothing. Identical frames give exactly zero.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

#: half side of a patch; 21 x 21 px at an inter-ocular distance of about 90 px
HALF = 10
SIDE = 2 * HALF + 1
AREA = SIDE * SIDE
#: px; a search ends at a smaller step
STEP_END = 0.01
#: added to the Hessian (grey levels squared): patches without texture stay where the search started
DAMPING = 30.0
#: largest step of one iteration, px
STEP_MAX = 2.5

_jit = nb.njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"}, nogil=True, error_model="numpy")


def _window() -> np.ndarray:
    """Weights of the patch's pixels, mean 1: a wide Gaussian, since pixels near the rim belong to other motion."""
    r = np.arange(-HALF, HALF + 1)
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
    for i in range(SIDE):
        row = y - HALF + i
        for j in range(SIDE):
            col = x - HALF + j
            w = _WEIGHTS[i, j]
            t = image[row, col] - base
            gx = np.float32(0.5) * (image[row, col + 1] - image[row, col - 1])
            gy = np.float32(0.5) * (image[row + 1, col] - image[row - 1, col])
            patch[0, i, j] = t + base
            patch[1, i, j] = gx
            patch[2, i, j] = gy
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
