"""Weights under the released names (METHOD section 10), strictly: nothing missing, nothing left over.

The map is spelled out once per network as (released name, our name); tensors whose layout differs are
rearranged here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from spotlib.errors import SpotlibError
from spotlib.models.graph import face_graph
from spotlib.models.spotformer import KERNEL, SpotFormer, SpotFormerConfig
from spotlib.models.spotgcn import SpotGCN

HEAD_DIM = 64  # in all released SpotFormers, whatever their D
GIM_PADDINGS = (1, 1, 1, 0)
_NORM = ("weight", "bias", "running_mean", "running_var")
_IGNORED = "num_batches_tracked"  # a counter that no computation reads

#: released attention | released feed-forward -> our block of both
_BLOCKS = {
    "transformer.gattn1|transformer.gff1": "scale1.space",
    "transformer.layers.0.0|transformer.layers.0.1": "scale1.time",
    "transformer.gattn2|transformer.gff2": "scale2.space",
    "transformer.layers.1.0|transformer.layers.1.1": "scale2.time",
    "transformer.layers.2.0|transformer.layers.2.1": "time3",
    "transformer.layers.3.0|transformer.layers.3.1": "time4",
}


def _spotformer_names(*, head: bool) -> dict[str, str]:
    names = {
        "temporal_pos_embedding": "temporal_position",
        "spatial_pos_embedding": "spatial_position",
        "to_patch_embedding.weight": "embed.weight",
        "to_patch_embedding.bias": "embed.bias",
        **_of_norm("norm", "embed_norm"),
    }
    for released, ours in _BLOCKS.items():
        attention, ff = released.split("|")
        names |= _of_norm(f"{attention}.norm", f"{ours}.attention.norm")
        names[f"{attention}.to_qkv.weight"] = f"{ours}.attention.qkv.weight"
        names |= {f"{attention}.to_out.0.{p}": f"{ours}.attention.out.{p}" for p in ("weight", "bias")}
        names |= _of_norm(f"{ff}.norm", f"{ours}.ff.norm")
        names |= {f"{ff}.net.0.{p}": f"{ours}.ff.up.{p}" for p in ("weight", "bias")}
        names |= {f"{ff}.net2.0.{p}": f"{ours}.ff.down.{p}" for p in ("weight", "bias")}
    for i in range(4):
        down = f"transformer.temporal_downsample_layers.{i}.0"
        names |= _of_norm(f"{down}.norm", f"down{i + 1}.norm")
        names[f"{down}.downCNN.weight"] = f"down{i + 1}.conv.weight"
    for i in (1, 2):
        names |= _of_norm(f"transformer.gdown{i}.norm", f"flgp{i}.norm")
    if head:
        names |= {f"mlp_head.{p}": f"head.{p}" for p in ("weight", "bias")}
    return names


def _spotgcn_names() -> dict[str, str]:
    names = {**_of_norm("data_bn", "unused_norm"), "A1": "laplacian1", "A2": "laplacian2"}
    layers = ("0.gcn.conv", "1.gcn.conv", "2.tcn.0", "3.tcn.0")
    norms = ("0.tcn.0", "1.tcn.0", "2.tcn.1", "3.tcn.1")
    for i, (layer, norm) in enumerate(zip(layers, norms, strict=True)):
        names |= {f"st_gcn_networks.{layer}.{p}": f"convs.{i}.{p}" for p in ("weight", "bias")}
        names |= _of_norm(f"st_gcn_networks.{norm}", f"norms.{i}")
    return names | {f"fcn.{p}": f"head.{p}" for p in ("weight", "bias")}


def _of_norm(released: str, ours: str) -> dict[str, str]:
    return {f"{released}.{p}": f"{ours}.{p}" for p in _NORM}


def released_names(model: nn.Module) -> dict[str, str]:
    """The map released name -> our name for a network of the paper's shape."""
    if isinstance(model, SpotGCN):
        return _spotgcn_names()
    if not isinstance(model, SpotFormer):
        raise SpotlibError(f"{type(model).__name__}: there are no released names; use SpotFormer or SpotGCN")
    return _spotformer_names(head=model.head is not None)


def released_config(state: Mapping[str, np.ndarray], *, frames: int, nodes: int = 10) -> SpotFormerConfig:
    """The configuration that a released SpotFormer state belongs to, read off its shapes; dropout 0.

    A state without a head is taken for the gim variant, whose paddings differ (they leave no trace in the
    weights). Raises SpotlibError if the state is not one of a SpotFormer.
    """
    try:
        dim = state["to_patch_embedding.weight"].shape[0]
        inner = state["transformer.gattn1.to_qkv.weight"].shape[0] // 3
        mlp = state["transformer.gff1.net.0.weight"].shape[0]
    except KeyError as missing:
        raise SpotlibError(f"released weights: {missing.args[0]} is missing; this is not a SpotFormer") from None
    if inner % HEAD_DIM:
        raise SpotlibError(f"released weights: inner width {inner} is no multiple of {HEAD_DIM}, the width of a head")
    head = "mlp_head.weight" in state
    graph = face_graph(nodes)
    return SpotFormerConfig(
        dim=dim,
        heads=inner // HEAD_DIM,
        head_dim=HEAD_DIM,
        mlp=mlp,
        dropout=0.0,
        frames=frames,
        regions=graph.regions,
        edges=graph.edges,
        paddings=(0, 0, 1, 1) if head else GIM_PADDINGS,
        head=head,
    )


def load_released(model: nn.Module, state: Mapping[str, np.ndarray | Tensor]) -> None:
    """Copy released weights into ``model``: a SpotFormer of the paper's shape, or a SpotGCN.

    Raises SpotlibError naming every released tensor that is missing or left over, or the first whose shape is
    off.
    """
    given = {name: torch.as_tensor(np.asarray(value)) for name, value in state.items() if not name.endswith(_IGNORED)}
    names = released_names(model)
    if isinstance(model, SpotGCN):
        given.pop("A3", None)  # the graph of a single node: the number 1
    missing, unused = sorted(names.keys() - given.keys()), sorted(given.keys() - names.keys())
    if missing or unused:
        parts = [f"{what}: {', '.join(which)}" for what, which in (("missing", missing), ("unused", unused)) if which]
        raise SpotlibError(f"released weights do not fit {type(model).__name__}; {'; '.join(parts)}")
    own = dict(model.named_parameters()) | dict(model.named_buffers())
    with torch.no_grad():
        for released, ours in names.items():
            value = _rearranged(released, given[released])
            if value.shape != own[ours].shape:
                raise SpotlibError(
                    f"released weights: {released} has shape {tuple(given[released].shape)}, unlike {ours}"
                    f" {tuple(own[ours].shape)}; build the network with the released widths"
                )
            own[ours].copy_(value)


def _rearranged(released: str, value: Tensor) -> Tensor:
    """A released tensor in our layout."""
    if released.endswith("downCNN.weight") and value.ndim == 3:  # Conv1d (out, in, 3) -> Linear (out, 3 in)
        return value.transpose(1, 2).reshape(value.shape[0], KERNEL * value.shape[1])
    if value.ndim == 4:  # Conv2d (out, in, kernel, 1) -> Linear (out, kernel in)
        return value[..., 0].transpose(1, 2).flatten(1)
    if released in ("temporal_pos_embedding", "A1", "A2"):  # a leading axis of 1
        return value[0]
    return value


def build_released(state: Mapping[str, np.ndarray], *, frames: int, nodes: int = 10) -> nn.Module:
    """The network that a released state belongs to, with its weights, dropout 0, in evaluation mode."""
    if any(name.startswith("st_gcn_networks.") for name in state):
        dim = state["fcn.weight"].shape[1] if "fcn.weight" in state else 64
        model: nn.Module = SpotGCN(face_graph(nodes), dim=dim)
    else:
        model = SpotFormer(released_config(state, frames=frames, nodes=nodes))
    load_released(model, state)
    return model.eval()
