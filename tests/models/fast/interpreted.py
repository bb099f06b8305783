"""A network by the Triton kernels beside the plain way: run by `test_kernels` with Triton's interpreter, without a GPU.

Prints JSON: by case, how far off what is, as a share of the largest value.
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import torch

from spotlib.models.fast import token_kernel
from spotlib.models.fast.packed import PackedForward, site_seeds
from spotlib.models.spotformer import SpotFormer, SpotFormerConfig

SMALL = {"dim": 16, "mlp": 32, "heads": 2, "head_dim": 16, "frames": 3, "regions": (2, 1, 3), "edges": ((0, 1), (2, 3))}
CASES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "without dropout": {"dropout": 0.0},
    "graph, one after the other": {"graph_mask": True, "attention": "time-then-space", "dropout": 0.3},
    "both at once": {"attention": "parallel", "flgp": "mean"},
}


def off(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def compared(options: dict[str, Any]) -> dict[str, float]:
    """One training pass and one evaluation, by kernels and plainly, from the same seeds."""
    torch.manual_seed(3)
    config = SpotFormerConfig(**{**SMALL, **options})
    reference = SpotFormer(config)
    x = torch.randn(9, config.frames, config.nodes, 2) * 2 + 0.3
    step = torch.tensor(5, dtype=torch.int32)
    found = []
    for joined in (False, True):
        model = copy.deepcopy(reference)
        packed = PackedForward(model, backend="triton" if joined else "plain", joined=joined)
        out = packed(x, site_seeds(step * 77, step) if config.dropout else None)
        assert out.logits is not None
        (out.logits.square().sum() + out.embedding.square().mean()).backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        running = torch.cat([b.flatten().float() for b in model.buffers() if b.dtype == torch.float32])
        evaluated = packed(x, training=False).logits
        assert evaluated is not None
        found.append([out.logits.detach(), gradient, running, evaluated.detach()])
    named = zip(("logits", "gradient", "running statistics", "evaluation"), *reversed(found), strict=True)
    return {name: off(ours, theirs) for name, ours, theirs in named}


def main() -> None:
    """All cases, in float32: the interpreter's bfloat16 is none."""
    # small tiles: several of each, the last not full
    token_kernel.TILE = 32
    token_kernel.WINDOWS = 8
    token_kernel.GROUPS = 8
    json.dump({name: compared(options) for name, options in CASES.items()}, sys.stdout)


if __name__ == "__main__":
    main()
