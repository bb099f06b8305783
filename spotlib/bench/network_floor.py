"""The least that the network could take on a machine: operations at its rate, bytes at its bandwidth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from spotlib.models import gflop
from spotlib.models.spotformer import Block

#: how often the tokens of a block pass through memory if what is between two products is one kernel. Forward:
#: products to queries, keys and values 4, of the attention 2, of the feed-forward 2 and 2; attention 4; GELU 3; twice
#: the residual 3. Backward: each product's gradients 9, 4, 5 and 4; attention 7; GELU 3; twice the residual 4
PASSES_FORWARD, PASSES_BACKWARD = 23, 40


def block_tokens(model: nn.Module, frames: int, nodes: int) -> int:
    """Tokens of one window, summed over all blocks that they go through; 0 for a network without `Block`."""
    counted = 0

    def count(_: nn.Module, arguments: tuple[Any, ...], __: Any) -> None:
        nonlocal counted
        counted += arguments[0].numel() // arguments[0].shape[-1]

    hooks = [module.register_forward_hook(count) for module in model.modules() if isinstance(module, Block)]
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, frames, nodes, 2, device=next(model.parameters()).device))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return counted


def evaluation_floor(model: nn.Module, frames: int, nodes: int, rates: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds per window at evaluation: products only; chunks of tokens stay in the cache."""
    operations = gflop(model, frames, nodes)
    return {"gflop": operations, "products_ms": operations / rates["float32_gflops"] * 1e3}


def step_floor(
    model: nn.Module, frames: int, nodes: int, rates: Mapping[str, float], *, windows: int, precision: str = "float32"
) -> dict[str, float]:
    """Milliseconds of a training step: three times the products of an evaluation, and the tokens' ways through memory.

    Args:
        model: the network.
        frames: K.
        nodes: V.
        rates: of `spotlib.bench.base.rates`.
        windows: of the step.
        precision: of products and tokens: "float32", "tf32" or "bfloat16".
    """
    dim = getattr(getattr(model, "config", None), "dim", 0)
    operations = 3 * gflop(model, frames, nodes) * windows
    size = 2 if precision == "bfloat16" else 4
    moved = block_tokens(model, frames, nodes) * windows * dim * size * (PASSES_FORWARD + PASSES_BACKWARD)
    products, memory = operations / rates[f"{precision}_gflops"] * 1e3, moved / rates["copy_gb_per_second"] / 1e6
    return {
        "gflop": operations,
        "gb": moved / 1e9,
        "products_ms": products,
        "memory_ms": memory,
        "floor_ms": max(products, memory),
    }
