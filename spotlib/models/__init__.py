"""The networks: SpotFormer and its variants, SpotFormer-gim, SpoT-GCN (METHOD section 3), one after AUW-GCN."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from spotlib.errors import SpotlibError
from spotlib.models.auwgcn import AuwGCN
from spotlib.models.graph import GRAPHS, FaceGraph, face_graph
from spotlib.models.options import loss_options, model_options
from spotlib.models.released import GIM_PADDINGS, build_released, load_released
from spotlib.models.spotformer import SpotFormer, SpotFormerConfig, SpotFormerOutput
from spotlib.models.spotgcn import FRAMES, SpotGCN
from spotlib.points import LAYOUTS

__all__ = [
    "AuwGCN",
    "FaceGraph",
    "SpotFormer",
    "SpotFormerConfig",
    "SpotFormerOutput",
    "SpotGCN",
    "build_model",
    "build_released",
    "face_graph",
    "gflop",
    "load_released",
    "loss_options",
    "model_options",
    "parameter_count",
]

NETWORKS = ("spotformer", "spotformer_gim", "spotgcn", "auwgcn")


def build_model(name: str, *, frames: int = 17, nodes: int | str = "10", **options: Any) -> nn.Module:
    """An untrained network by name.

    Args:
        name: "spotformer", "spotgcn", "auwgcn", or "spotformer_gim" (other paddings, dropout 0, no head by default).
        frames: T, frames per window (17 for spotgcn).
        nodes: node layout by name ("10", "nose", "eyelids", "all") or number of nodes.
        options: fields of `SpotFormerConfig`; for spotgcn only ``dim``, for auwgcn ``dim`` and ``dropout``.

    Raises:
        SpotlibError: for an unknown name, layout or option, or a window length that the network cannot take.
    """
    graph = face_graph(nodes)
    try:
        if name == "spotgcn":
            if frames != FRAMES:
                raise SpotlibError(f"spotgcn takes windows of {FRAMES} frames, not {frames}; set window to {FRAMES}")
            return SpotGCN(graph, **options)
        if name == "auwgcn":
            return AuwGCN(graph, LAYOUTS[_layout(nodes)], frames=frames, **options)
        if name == "spotformer_gim":
            options = {"paddings": GIM_PADDINGS, "dropout": 0.0, "head": False, **options}
        elif name != "spotformer":
            raise SpotlibError(f"network {name!r} is unknown; choose one of {', '.join(NETWORKS)}")
        options = {"regions": graph.regions, "edges": graph.edges, **options}
        return SpotFormer(SpotFormerConfig(frames=frames, **options))
    except TypeError as error:
        raise SpotlibError(f"{name}: {str(error).split('() ')[-1]}; see its configuration for the options") from None


def _layout(nodes: int | str) -> str:
    """The name of a node layout that may be given by its number of nodes."""
    return str(nodes) if str(nodes) in GRAPHS else next(name for name, g in GRAPHS.items() if g.nodes == nodes)


def parameter_count(model: nn.Module) -> int:
    """Number of learned values, as tables give it (METHOD section 3)."""
    return sum(p.numel() for p in model.parameters())


def gflop(model: nn.Module, frames: int, nodes: int) -> float:
    """Floating-point operations for one window at evaluation, in 1e9, counted on the operations that run.

    A multiplication and an addition count as two; elementwise operations are not counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    # without data and on no device: attention is then made of matrix products, which the counter knows
    empty = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        empty(torch.zeros(1, frames, nodes, 2, device="meta"))
    return counter.get_total_flops() / 1e9
