"""Faster ways to compute what `spotlib.models.spotformer` says; that file stays the reference, tests compare both.

* `chunked`: training on a CPU, sub-layer by sub-layer on chunks of windows, with the gradients written out.
* `evaluation`: evaluation on a CPU, from one folded copy of the weights.
* `packed`: both on a GPU, for a compiler and CUDA graphs, with Triton kernels for the attention.

What none of them computes (SpoT-GCN, training of joint attention on a CPU) is left to the model itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from spotlib.models.fast.chunked import ChunkedForward
from spotlib.models.fast.evaluation import FoldedSpotFormer
from spotlib.models.spotformer import SpotFormer

Forward = Callable[[Tensor], tuple[Any, Any]]

#: from this D on chunks are faster than the reference even without dropout (measured: docs/performance.md)
CHUNKED_DIM = 128


def trainer(model: nn.Module) -> Forward:
    """The fastest way to compute ``model`` in training mode, gradients included, where its parameters are.

    To be asked for at each use: the model's mode is set to training.
    """
    model.train()
    if not isinstance(model, SpotFormer) or not ChunkedForward.supports(model) or not _on_cpu(model):
        return model
    large = model.config.dim >= CHUNKED_DIM or model.config.dropout > 0
    return ChunkedForward(model) if large else model


def evaluator(model: nn.Module) -> Forward:
    """The fastest way to compute ``model`` at evaluation with the weights that it has now.

    The model's mode is set to evaluation; the result does not follow later changes of the weights.
    """
    model.eval()
    if isinstance(model, SpotFormer) and _on_cpu(model) and all(p.dtype.itemsize == 4 for p in model.parameters()):
        return FoldedSpotFormer(model)
    return model


def _on_cpu(model: nn.Module) -> bool:
    return all(p.device.type == "cpu" for p in model.parameters())
