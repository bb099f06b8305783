"""Networks of every kind of table T6, small, with norms that are not the initial ones."""

from __future__ import annotations

from typing import Any

import torch

from spotlib.models import SpotFormer, build_model

#: the paper's shape and every variant of table T6
VARIANTS: list[dict[str, Any]] = [
    {},
    {"attention": "time-then-space"},
    {"attention": "parallel"},
    {"attention": "joint"},
    {"flgp": "mean"},
    {"flgp": "none"},
    {"scales": "single"},
    {"downsample": "max"},
    {"downsample": "mean"},
    {"paddings": (1, 1, 1, 0)},
    {"spatial_position": False},
    {"temporal_position": False},
    {"spatial_position": False, "temporal_position": False, "head": False},
    {"graph_mask": True},
    {"graph_mask": True, "attention": "joint", "flgp": "none", "downsample": "mean"},
    {"graph_mask": True, "attention": "parallel", "scales": "single", "nodes": "nose"},
    {"mlp": 24, "frames": 16},
    {"frames": 7, "nodes": "all"},
    {"frames": 31},
]


def shape_of(options: dict[str, Any]) -> tuple[int, int, int]:
    """T, V, 2 of the windows that a network of these options takes."""
    return options.get("frames", 17), {"10": 10, "nose": 12, "all": 14}[options.get("nodes", "10")], 2


def lively(options: dict[str, Any], *, seed: int = 0) -> SpotFormer:
    """A small network in training mode whose norms have scales of both signs and shifts."""
    torch.manual_seed(seed)
    model = build_model("spotformer", **{"dim": 16, "heads": 2, "head_dim": 8, "dropout": 0.0, **options})
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.weight.uniform_(-0.5, 1.5)
                module.bias.normal_(0, 0.3)
    assert isinstance(model, SpotFormer)
    return model


def gradients(model: SpotFormer, outputs: Any) -> dict[str, torch.Tensor]:
    """Gradients of a fixed function of the outputs with respect to every parameter."""
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros((), dtype=outputs.embedding.dtype)
    for value in outputs:
        if value is not None:
            total = total + (value * torch.randn(value.shape, generator=generator, dtype=value.dtype)).sum()
    names = [name for name, _ in model.named_parameters()]
    found = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
    return {name: grad for name, grad in zip(names, found, strict=True) if grad is not None}
