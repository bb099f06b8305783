"""The 68-point landmark model: an ensemble of regression trees, read from dlib's file and evaluated here.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees" (CVPR 2014). dlib's own
evaluation of the same file takes five times as long and rounds to whole pixels; these landmarks are the same before
rounding. All compiled functions stay in this one file, see `spotlib.patch_tracker`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numba as nb
import numpy as np

from spotlib.errors import SpotlibError

_jit = nb.njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class LandmarkModel:
    """Cascades of trees, C cascades of F trees with S splits (S + 1 leaves) each, for P points.

    ``mean`` (2P,) float32: the starting shape, (x, y) of each point in units of the face box. ``splits`` (C, F, S, 3)
    int16: which two looked-up pixels a split compares, and what their difference must exceed. ``leaves`` (C, F, S + 1,
    2P) int16, in units of ``units`` (C,): what is added to the shape; float32 would be twice the memory, most of the
    time goes into reading it, and the error is below .01 px. ``anchors`` (C, N) int32 and ``deltas`` (C, N, 2): where a
    cascade looks up its N pixels: beside which point, and how far.
    """

    mean: np.ndarray
    splits: np.ndarray
    leaves: np.ndarray
    units: np.ndarray
    anchors: np.ndarray
    deltas: np.ndarray

    @classmethod
    def load(cls, path: Path) -> LandmarkModel:
        """Read a ``shape_predictor`` file of dlib; SpotlibError if it is none or damaged."""
        try:
            return cls._read(_Integers(np.fromfile(path, np.uint8)))
        except ValueError:
            raise SpotlibError(
                f"{path}: not a landmark model, or damaged; install face-recognition-models again"
            ) from None

    @classmethod
    def _read(cls, file: _Integers) -> LandmarkModel:
        """From dlib's order of things; ValueError where that cannot be."""
        file.expect(1)  # version
        mean = file.column()
        size = len(mean)
        cascades = file.count()
        splits, leaves, units = [], [], []
        for _ in range(cascades):
            trees, n_splits = file.count(), file.count()
            leaf_size = 2 + 2 * size  # its two sizes, then mantissa and exponent of every value
            tree_size = 2 + 4 * n_splits + (n_splits + 1) * leaf_size
            rows = np.concatenate([[n_splits], file.take(trees * tree_size - 1)]).reshape(trees, tree_size)
            of_splits = rows[:, 1 : 1 + 4 * n_splits].reshape(trees, n_splits, 4)
            of_leaves = rows[:, 2 + 4 * n_splits :].reshape(trees, n_splits + 1, leaf_size)
            heads = rows[:, 0], rows[:, 1 + 4 * n_splits] - 1, -of_leaves[:, :, 0] - size + n_splits
            if any((head != n_splits).any() for head in heads) or (of_leaves[:, :, 1] != -1).any():
                raise ValueError
            # differences of grey levels are whole numbers
            limits = np.floor(_reals(of_splits[:, :, 2:]))
            splits.append(np.concatenate([of_splits[:, :, :2], limits], 2).astype(np.int16))
            exact = _reals(of_leaves[:, :, 2:])
            units.append(float(np.abs(exact).max()) / 32767 or 1.0)
            leaves.append(np.rint(exact / units[-1]).astype(np.int16))
        anchors = file.table(cascades, 1).astype(np.int32)
        deltas = _reals(file.table(cascades, 4)).reshape(*anchors.shape, 2)
        model = cls(mean, np.stack(splits), np.stack(leaves), np.array(units), anchors, deltas)
        pairs = model.splits[..., :2]
        if not file.finished or pairs.min() < 0 or pairs.max() >= anchors.shape[1]:
            raise ValueError
        if anchors.min() < 0 or 2 * anchors.max() >= size:
            raise ValueError
        return model

    def predict(self, grey: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """Landmarks (P, 2) float32 px of the face in a box of ``grey`` (H, W) uint8; the box includes its rim."""
        shape = self.mean.copy()
        box = np.array([left, top, right - left, bottom - top], np.float64)
        _fit(grey, box, self.mean, self.splits, self.leaves, self.units, self.anchors, self.deltas, shape)
        return (shape.reshape(-1, 2) * box[2:] + box[:2]).astype(np.float32)


class _Integers:
    """A file of dlib's, which is nothing but integers.

    Each is one byte that holds the number of bytes (and 128 if negative), then these bytes, lowest first. A float is
    two integers, mantissa and exponent of two; a matrix begins with its sizes, negated; a list with its length.
    """

    def __init__(self, data: np.ndarray) -> None:
        self._data = data
        self._at = 0

    def take(self, n: int) -> np.ndarray:
        """The next ``n`` integers, (n,) int32; ValueError if there are none."""
        if n < 0 or n > len(self._data):
            raise ValueError
        out = np.empty(n, np.int32)
        self._at = _decode(self._data, self._at, out)
        if self._at < 0:
            raise ValueError
        return out

    def expect(self, value: int) -> None:
        """ValueError unless the next integer is ``value``."""
        if self.take(1)[0] != value:
            raise ValueError

    def count(self) -> int:
        """The next integer, a positive number of things."""
        value = int(self.take(1)[0])
        if value < 1:
            raise ValueError
        return value

    def column(self) -> np.ndarray:
        """A matrix of one column, (n,) float32."""
        rows = -int(self.take(1)[0])
        self.expect(-1)
        return _reals(self.take(2 * rows))

    def table(self, rows: int, width: int) -> np.ndarray:
        """A list of ``rows`` lists of one length n, of ``width`` integers each: (rows, n * width)."""
        self.expect(rows)
        found = []
        for _ in range(rows):
            found.append(self.take(width * self.count()))
        return np.stack(found)

    @property
    def finished(self) -> bool:
        """Nothing is left."""
        return self._at == len(self._data)


def _reals(pairs: np.ndarray) -> np.ndarray:
    """Floats of mantissas and exponents of two, (..., 2n) -> (..., n) float32."""
    mantissa, exponent = pairs[..., ::2], pairs[..., 1::2]
    if pairs.shape[-1] % 2 or np.abs(exponent).max(initial=0) > 200:
        raise ValueError
    return np.ldexp(mantissa.astype(np.float32), exponent)  # mantissas have 24 bits, so this is exact


@_jit
def _decode(data, at, out):
    """Fill ``out`` with the integers from ``at`` on; where they end, or -1."""
    for k in range(len(out)):
        if at >= len(data):
            return -1
        head = data[at]
        size = int(head & 15)
        if size > 4 or at + size >= len(data):
            return -1
        value = np.int64(0)
        for i in range(size):
            value |= np.int64(data[at + 1 + i]) << (8 * i)
        out[k] = -value if head & 128 else value
        at += 1 + size
    return at


@_jit
def _turn(mean, shape):
    """Scaled rotation (a, b) that best maps the mean shape to ``shape``: x' = a x - b y, y' = b x + a y."""
    n = len(mean) // 2
    mx = my = sx = sy = 0.0
    for k in range(n):
        mx += mean[2 * k]
        my += mean[2 * k + 1]
        sx += shape[2 * k]
        sy += shape[2 * k + 1]
    mx, my, sx, sy = mx / n, my / n, sx / n, sy / n
    a = b = norm = 0.0
    for k in range(n):
        x, y = mean[2 * k] - mx, mean[2 * k + 1] - my
        u, v = shape[2 * k] - sx, shape[2 * k + 1] - sy
        a += x * u + y * v
        b += x * v - y * u
        norm += x * x + y * y
    return a / norm, b / norm


@_jit
def _fit(grey, box, mean, splits, leaves, units, anchors, deltas, shape):
    """Move ``shape`` (2P,), in units of ``box`` (left, top, width, height), cascade by cascade."""
    height, width = grey.shape
    cascades, trees, n_splits, _ = splits.shape
    pixels = np.empty(anchors.shape[1], np.int64)
    leaf = np.empty(trees, np.int64)
    total = np.empty(len(shape), np.int32)
    for c in range(cascades):
        a, b = _turn(mean, shape)
        for k in range(len(pixels)):
            dx, dy = deltas[c, k, 0], deltas[c, k, 1]
            point = 2 * anchors[c, k]
            u = a * dx - b * dy + shape[point]
            v = b * dx + a * dy + shape[point + 1]
            x = int(np.floor(box[0] + u * box[2] + 0.5))
            y = int(np.floor(box[1] + v * box[3] + 0.5))
            pixels[k] = grey[y, x] if 0 <= x < width and 0 <= y < height else 0
        # first which leaves, then their sum: the loads of the sum do not wait for each other
        for t in range(trees):
            s = 0
            while s < n_splits:
                split = splits[c, t, s]
                s = 2 * s + 2 - int(pixels[split[0]] - pixels[split[1]] > split[2])
            leaf[t] = s - n_splits
        for k in range(len(total)):
            total[k] = 0
        for t in range(trees):
            values = leaves[c, t, leaf[t]]
            for k in range(len(total)):
                total[k] += values[k]
        for k in range(len(total)):
            shape[k] += np.float32(total[k] * units[c])
