"""Subject-wise splits: no person is ever on two sides (METHOD section 6).

Splits depend on the subject names, the seed and nothing else, so that all variants and systems share their folds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spotlib.errors import SpotlibError


@dataclass(frozen=True)
class Fold:
    """One fold: who is trained on, on whom choices are made (inner), who is tested."""

    index: int
    train: tuple[str, ...]
    inner: tuple[str, ...]
    test: tuple[str, ...]


def make_folds(subjects: Sequence[str], *, folds: int, inner_share: float, seed: int) -> list[Fold]:
    """Split ``subjects`` into ``folds`` test groups (0: leave one subject out), each with inner subjects set aside.

    Test groups differ in size by at most one subject. The inner subjects are a rounded-up share of the rest, drawn
    anew for each fold. Raises SpotlibError if there are too few subjects for a training, an inner and a test group.

    >>> make_folds(["a", "b", "c", "d"], folds=2, inner_share=0.5, seed=0)[0].test
    ('c', 'd')
    """
    names = sorted(set(subjects))
    n_folds = len(names) if folds == 0 else folds
    if n_folds < 2:
        raise SpotlibError(
            f"{n_folds} fold(s) of {len(names)} subject(s): at least 2 are needed; raise `folds` or add subjects"
        )
    if n_folds > len(names):
        raise SpotlibError(
            f"{n_folds} folds of {len(names)} subjects: lower `folds` or set it to 0 (leave one subject out)"
        )
    if len(names) - math.ceil(len(names) / n_folds) < 2:
        raise SpotlibError(
            f"{len(names)} subjects in {n_folds} folds leave fewer than 2 for training; add subjects or folds"
        )
    order = np.random.default_rng([seed, 1]).permutation(len(names))
    groups = [sorted(names[i] for i in order[k::n_folds]) for k in range(n_folds)]
    made = []
    for index, test in enumerate(groups):
        rest = [name for name in names if name not in test]
        n_inner = min(max(1, math.ceil(inner_share * len(rest) - 1e-9)), len(rest) - 1)
        drawn = np.random.default_rng([seed, 2, index]).permutation(len(rest))[:n_inner]
        inner = sorted(rest[i] for i in drawn)
        made.append(Fold(index, tuple(n for n in rest if n not in inner), tuple(inner), tuple(test)))
    return made
