"""Ratios of sums over subjects (recall, how many times more often than by chance) with their intervals."""

from __future__ import annotations

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.statistics import DRAWS, LEVEL, SEED, Estimate, _interval, _weights


def bootstrap_ratio(
    part: np.ndarray, whole: np.ndarray, *, draws: int = DRAWS, seed: int = SEED, level: float = LEVEL
) -> Estimate:
    """Sum of ``part`` over sum of ``whole``, with a percentile interval over resamples of subjects (METHOD section 6).

    part, whole: (S,) sums of each subject, not negative; the same draws as for F1s of as many subjects. NaN where
    ``whole`` sums to 0; draws in which it does are left out. Where only one subject has any, there is no interval.
    SpotlibError if there is no subject.

    >>> str(bootstrap_ratio(np.array([1, 2]), np.array([2, 4])))
    '.50 [.50, .50]'
    """
    sums = np.stack([np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)], axis=1)
    if not len(sums):
        raise SpotlibError("ratio: no subject; give the sums of one at least")
    drawn = _weights(len(sums), draws, seed) @ sums  # (draws, 2)
    return Estimate(_ratio(sums.sum(axis=0)).item(), *_interval(_ratio(drawn), level, int((sums[:, 1] > 0).sum())))


def _ratio(sums: np.ndarray) -> np.ndarray:
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)
