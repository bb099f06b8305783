"""How sure a number is: intervals over subjects, paired comparisons, words (METHOD section 6).

The unit that is drawn is the subject, never the video or the event: events of one person resemble each other.
F1 is always pooled, 2 TP / (predicted + truth) over summed counts, also inside every draw; it is never a mean
of F1s.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spotlib.errors import SpotlibError

COUNTS = ("tp", "predicted", "truth")
DRAWS, SEED, LEVEL = 2000, 270, 0.95
UNKNOWN = "\N{EN DASH}"
# up to this many subjects all 2^S exchanges are enumerated, so that the p value is exact
_EXACT = 12


@dataclass(frozen=True)
class Estimate:
    """A value with its percentile interval; NaN where it is not defined (nothing predicted and nothing true).

    Of a single subject there is a value but no interval (NaN).

    >>> str(Estimate(0.53, 0.41, 0.64))
    '.53 [.41, .64]'
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]" if self.known else UNKNOWN

    @property
    def known(self) -> bool:
        """False if the value is NaN."""
        return bool(np.isfinite(self.value))


@dataclass(frozen=True)
class Difference(Estimate):
    """First minus second system on the same ``subjects``, with the two-sided ``p`` of the paired test."""

    p: float
    subjects: int

    @property
    def tie(self) -> bool:
        """True if the interval of the difference contains 0, or if there is no interval."""
        return not (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        return f"{signed(self.value)} [{signed(self.low)}, {signed(self.high)}]" if self.known else UNKNOWN


def short(value: float, digits: int = 2) -> str:
    """A share in the field's way, without the leading zero; an en dash for NaN.

    >>> short(0.534), short(1.0), short(-0.05), short(float("nan"))
    ('.53', '1.00', '-.05', '–')
    """
    if not np.isfinite(value):
        return UNKNOWN
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def signed(value: float, digits: int = 2) -> str:
    """:func:`short` with an explicit plus sign.

    >>> signed(0.1), signed(-0.1), signed(0.001)
    ('+.10', '-.10', '.00')
    """
    text = short(value, digits)
    return f"+{text}" if np.isfinite(value) and round(value, digits) > 0 else text


def p_text(p: float) -> str:
    """A p value as a table shows it.

    >>> p_text(0.0312), p_text(0.0002), p_text(0.5)
    ('.031', '<.001', '.500')
    """
    if not np.isfinite(p):
        return UNKNOWN
    return "<.001" if p < 0.001 else short(p, 3)


def pooled_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of summed counts.

    counts: (..., 3) = TP, predicted, truth. Returns (...): 2 TP / (predicted + truth), NaN where both are 0.

    >>> float(pooled_f1(np.array([3, 5, 7])))
    0.5
    """
    counts = np.asarray(counts, dtype=np.float64)
    total = counts[..., 1] + counts[..., 2]
    return np.divide(2 * counts[..., 0], total, out=np.full(total.shape, np.nan), where=total > 0)


def bootstrap_f1(
    counts: pd.DataFrame | np.ndarray, *, draws: int = DRAWS, seed: int = SEED, level: float = LEVEL
) -> Estimate:
    """Pooled F1 with its percentile interval over ``draws`` resamples of subjects (METHOD section 6).

    counts: one line per subject, columns tp, predicted, truth (or an array (S, 3) in that order). Means over
    seeds instead of counts are welcome. Raises SpotlibError if there is no subject, or if counts are
    impossible.
    """
    table = _counts(counts)
    weights = _weights(len(table), draws, seed)  # (draws, S)
    return Estimate(float(pooled_f1(table.sum(axis=0))), *_interval(pooled_f1(weights @ table), level, len(table)))


def bootstrap_seeds(counts: np.ndarray, *, draws: int = DRAWS, seed: int = SEED, level: float = LEVEL) -> Estimate:
    """Pooled F1 of the mean over training seeds, with an interval over subjects *and* seeds.

    counts: (R, S, 3), for every training seed and subject tp, predicted, truth. Each draw takes S subjects and R seeds
    with replacement. With few seeds this shows their part of the doubt only roughly.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 3 or not counts.size:
        raise SpotlibError(f"counts have shape {counts.shape}; (seeds, subjects, 3) is needed")
    n_seeds, n_subjects = counts.shape[:2]
    subjects = _weights(n_subjects, draws, seed)  # (draws, S)
    drawn = np.random.default_rng([seed, 3]).multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=draws)
    sums = np.einsum("dr,ds,rsc->dc", drawn / n_seeds, subjects, counts, optimize=True)
    value = float(pooled_f1(counts.mean(axis=0).sum(axis=0)))
    return Estimate(value, *_interval(pooled_f1(sums), level, n_subjects))


def compare_f1(
    a: pd.DataFrame, b: pd.DataFrame, *, draws: int = DRAWS, seed: int = SEED, level: float = LEVEL
) -> Difference:
    """Pooled F1 of ``a`` minus that of ``b``, on the subjects that both have.

    Interval: paired bootstrap (the same subjects are drawn for both). p: paired permutation test, which
    exchanges the two systems' counts within a subject; all exchanges if there are few subjects, else
    ``draws`` of them. Raises SpotlibError if they have no subject in common, or if the same subject has not
    the same number of true events.
    """
    common = a.index.intersection(b.index).sort_values()
    if not len(common):
        raise SpotlibError(
            "paired comparison: the two systems have no test subject in common; run the same folds for both"
        )
    first, second = _counts(a.loc[common]), _counts(b.loc[common])  # (S, 3) each
    different = np.abs(first[:, 2] - second[:, 2]) > 1e-6
    if different.any():
        who = common[int(np.argmax(different))]
        raise SpotlibError(
            f"paired comparison: subject {who} has other true events in the other system; use one ground truth"
        )
    value = float(pooled_f1(first.sum(axis=0)) - pooled_f1(second.sum(axis=0)))
    weights = _weights(len(common), draws, seed)  # (draws, S)
    drawn = weights @ np.hstack([first, second])  # (draws, 6)
    low, high = _interval(pooled_f1(drawn[:, :3]) - pooled_f1(drawn[:, 3:]), level, len(common))
    return Difference(value, low, high, _permutation_p(first, second, draws=draws, seed=seed), len(common))


def _permutation_p(first: np.ndarray, second: np.ndarray, *, draws: int, seed: int) -> float:
    n = len(first)
    keep = _kept(n, draws, seed)
    total = first.sum(axis=0) + second.sum(axis=0)
    one = second.sum(axis=0) + keep @ (first - second)
    other = total - one
    found = np.abs(pooled_f1(one) - pooled_f1(other))
    observed = abs(float(pooled_f1(first.sum(axis=0)) - pooled_f1(second.sum(axis=0))))
    if not np.isfinite(observed):
        return float("nan")
    extreme = int(np.sum(found >= observed - 1e-12))
    # a sampled test counts the observed labelling itself, so that p is never 0
    return extreme / len(found) if n <= _EXACT else (extreme + 1) / (len(found) + 1)


@functools.lru_cache(maxsize=16)
def _kept(n: int, draws: int, seed: int) -> np.ndarray:
    """Who is not exchanged (1), in every relabelling: (2^n or draws, n) float64; read only."""
    if n <= _EXACT:
        keep = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # row 0: all exchanged
    else:
        keep = np.random.default_rng([seed, 2]).integers(0, 2, size=(draws, n))
    kept = keep.astype(np.float64)
    kept.flags.writeable = False
    return kept


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction of a family of p values; NaN stays NaN and does not count.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return adjusted


def verdict(difference: Difference, p_corrected: float | None = None, *, alpha: float = 1 - LEVEL) -> str:
    """One to a few words: "tie", "better", "worse", or that a difference does not survive the correction.

    >>> verdict(Difference(-0.1, -0.2, 0.01, 0.04, 20)), verdict(Difference(0.1, 0.02, 0.2, 0.01, 20))
    ('tie', 'better')
    >>> verdict(Difference(0.1, 0.02, 0.2, 0.04, 20), 0.12)
    'better, but not after Holm correction'
    """
    if not difference.known:
        return "not comparable"
    if difference.tie:
        return "tie"
    word = "better" if difference.value > 0 else "worse"
    lost = p_corrected is not None and p_corrected > alpha
    return f"{word}, but not after Holm correction" if lost else word


def describe_difference(difference: Difference, first: str, second: str, *, what: str = "F1") -> str:
    """The difference as a sentence; a difference whose interval contains 0 is called a tie.

    >>> describe_difference(Difference(0.1, -0.02, 0.2, 0.08, 20), "SpotFormer", "K = 11", what="overall F1")
    'SpotFormer and K = 11 tie in overall F1 (difference +.10 [-.02, +.20], p = .080, 20 subjects).'
    >>> describe_difference(Difference(0.1, 0.02, 0.2, 0.0005, 20), "SpotFormer", "Peak detector")
    'SpotFormer is better than Peak detector in F1 (difference +.10 [+.02, +.20], p < .001, 20 subjects).'
    """
    if not difference.known:
        return f"{first} and {second} cannot be compared in {what}: nothing was true and nothing predicted."
    p = p_text(difference.p)
    p = f"p {p[0]} {p[1:]}" if p.startswith("<") else f"p = {p}"
    numbers = f"(difference {difference}, {p}, {difference.subjects} subjects)"
    if difference.tie:
        return f"{first} and {second} tie in {what} {numbers}."
    # with few subjects the interval is too narrow; the exact test is not
    doubt = ", but the paired test does not confirm it" if difference.p > 1 - LEVEL else ""
    return f"{first} is {verdict(difference)} than {second} in {what}{doubt} {numbers}."


def _counts(counts: pd.DataFrame | np.ndarray) -> np.ndarray:
    table = counts[list(COUNTS)].to_numpy() if isinstance(counts, pd.DataFrame) else np.asarray(counts)
    table = table.astype(np.float64)
    if table.ndim != 2 or table.shape[1] != 3 or not len(table):
        raise SpotlibError(f"counts have shape {table.shape}; one line per subject with tp, predicted, truth is needed")
    if (table < 0).any() or (table[:, 0] > table[:, 1:].min(axis=1)).any():
        raise SpotlibError("counts are impossible: a subject has more hits than predicted or true events; count again")
    return table


@functools.lru_cache(maxsize=16)
def _weights(n: int, draws: int, seed: int) -> np.ndarray:
    """How often each of ``n`` subjects is drawn, for every draw: (draws, n) float64, lines sum to n; read only."""
    drawn = np.random.default_rng([seed, 1]).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    drawn.flags.writeable = False
    return drawn


def _interval(values: np.ndarray, level: float, subjects: int) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if subjects < 2 or not len(known):  # one subject says nothing about the spread between subjects
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
