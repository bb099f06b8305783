"""What numba compiles on first use, one part at a time, so that processes which begin together share it.

A fresh installation compiles for some 25 s before the first frame is rendered and tracked. Compiled functions are kept
in numba's cache beside the package; processes that compile different parts first find each other's there.
"""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def rendering() -> None:
    """Draw a picture of a person."""
    from spotlib.datasets.twin import make_twin

    make_twin("demo", seed=7).videos[0].frame(0)


@functools.cache
def tracking() -> None:
    """Fit landmarks to a picture of nothing, and follow patches through four of them."""
    from spotlib.faces import predict
    from spotlib.sparse_flow import SparseExtractor

    grey = np.random.default_rng(7).integers(0, 256, (480, 640), dtype=np.uint8)
    landmarks = predict(grey, (192.0, 152.0, 448.0, 408.0))
    extractor = SparseExtractor()
    for _ in range(4):
        extractor.push(grey, landmarks)
    extractor.finish()


@functools.cache
def attention() -> None:
    """Attend over a few tokens, and take the gradient."""
    import torch

    from spotlib.models.fast.short_attention import Sequences, attended, gradient

    qkv, where = torch.zeros(24, 30), Sequences.outermost(3, 10)
    _, weights = attended(qkv, 1, where, scale=1.0, save=True)
    assert weights is not None
    gradient(torch.zeros(8, 30), qkv, weights, 1, where, scale=1.0)
