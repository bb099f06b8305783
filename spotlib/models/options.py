"""From parameters to the options of a network and of its loss; what training passes on, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spotlib.models.released import GIM_PADDINGS

if TYPE_CHECKING:  # a machine that only trains need not have what checks parameters
    from spotlib.params import Params

#: parameters that are fields of `SpotFormerConfig` under the same name
_SAME = (
    "dim", "heads", "head_dim", "dropout", "attention", "flgp",
    "scales", "downsample", "spatial_position", "temporal_position", "graph_mask",
)  # fmt: skip


def model_options(params: Params) -> dict[str, Any]:
    """What `spotlib.models.build_model` is given beside the name, T and V; empty for systems with no choice."""
    if params.system == "auwgcn":
        return {"dropout": params.dropout}
    if params.system not in ("spotformer", "spotformer_gim"):
        return {}
    options = {name: getattr(params, name) for name in _SAME}
    if params.paddings == "gim" or params.system == "spotformer_gim":
        options["paddings"] = GIM_PADDINGS
    if params.system == "spotformer_gim":
        # the release of this variant stops at the embedding; spotting needs scores. Its dropout: METHOD section 3
        options |= {"head": True, "dropout": 0.0}
    return options


def loss_options(params: Params) -> dict[str, Any]:
    """Keyword arguments of `spotlib.losses.spotting_loss`."""
    names = ("macro_weight", "contrastive_weight", "temperature", "normalise")
    return {name: getattr(params, name) for name in names}
