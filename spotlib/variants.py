"""Named variants: which parameters differ from the main row, and why the row is worth having.

A variant is only a set of changed parameters. Rows are digested by the parameters that result, not by the name. Names
compose: "no_flgp+k11" is both changes, whatever their order.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spotlib.errors import SpotlibError

if TYPE_CHECKING:
    from spotlib.params import Params

MAIN = "spotformer"


@dataclass(frozen=True)
class Variant:
    """A row of a table: its name, how tables call it, one sentence of reason, the changed parameters, its tables."""

    name: str
    label: str
    reason: str
    changes: dict[str, Any] = field(default_factory=dict, hash=False)
    tables: tuple[str, ...] = ()

    def resolve(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` of parameters with this variant's changes.

        A variant that names no system is one of SpotFormer. A window longer than the motion computed raises
        ``max_gap``.
        """
        changed = {**values, "system": MAIN, **self.changes}
        if self.changes.get("window", 0) > changed.get("max_gap", 0) + 1:
            changed["max_gap"] = self.changes["window"] - 1
        return changed

    def apply(self, params: Params) -> Params:
        """:meth:`resolve` on validated parameters."""
        return params.replace(**self.resolve(params.model_dump()))

    def same_as(self, other: Variant, values: Mapping[str, Any]) -> bool:
        """Whether both give the same parameters from ``values``: then one row is the other."""
        return self.resolve(values) == other.resolve(values)


def _of(table: str, *lines: tuple[str, str, str, dict[str, Any]]) -> list[Variant]:
    return [Variant(name, label, reason, changes, (table,)) for name, label, reason, changes in lines]


# one line a variant: name, label, reason, changes
# fmt: off
_SYSTEMS = [
    Variant(MAIN, "SpotFormer", "The method as published (METHOD section 3).", {}, ("T1",)),
    *_of("T1",
        ("peaks", "Peak detector", "Is learning needed at all? A hand-crafted optical-flow peak detector.",
         {"system": "peaks"}),
        ("auwgcn", "AUW-GCN-like", "What does a graph network on the motion between neighbouring frames reach?",
         {"system": "auwgcn", "motion": "adjacent", "lr": 0.01, "contrastive_weight": 0.0}),
        ("spotformer_gim", "SpotFormer-gim", "Do the later paddings of the same authors (ICLR 2025) matter?",
         {"system": "spotformer_gim", "keep_zero_row": True}),
    ),
    # its own loss weights (METHOD section 3); T6 asks for it as "GCN + TCN"
    Variant("spotgcn", "SpoT-GCN", "What did the graph network that SpotFormer replaced reach (FG 2024)?",
            {"system": "spotgcn", "lr": 0.01, "contrastive_weight": 0.05, "macro_weight": 0.7, "keep_zero_row": True},
            ("T1", "T6")),
]
_WINDOWS = _of("T4",
    ("k7", "K = 7", "Does a window of 0.23 s, shorter than most micro-expressions, do?", {"window": 7}),
    ("k11", "K = 11", "Is a window of 0.37 s long enough for macro-expressions?", {"window": 11}),
    ("k15", "K = 15", "Is a window of 0.5 s, the longest micro-expression, enough?", {"window": 15}),
    ("k17", "K = 17", "The published length: just longer than the longest micro-expression.", {"window": 17}),
    ("k23", "K = 23", "Do longer windows show more of macro-expressions?", {"window": 23}),
    ("k31", "K = 31", "Does a window of 1 s blur micro-expressions, or only cost more?", {"window": 31}),
)
_MOTION = _of("T5",
    ("adjacent", "adjacent frames", "Is motion from one frame to the next, the field's usual input, as good?",
     {"motion": "adjacent"}),
    ("fixed_gap", "fixed gap of 8 frames", "Do several temporal distances add to a single well-chosen one?",
     {"motion": "fixed_gap"}),
    ("no_head_motion", "SW-MRO, head motion left in", "Is head motion worth removing?", {"head_motion": "none"}),
    ("robust_head", "SW-MRO, robust head motion (ours)",
     "Does a rigid head with parallax, fitted to many stable points, beat subtracting the nose tip?",
     {"head_motion": "robust"}),
)
_ARCHITECTURE = _of("T6",
    ("joint", "full joint space-time attention", "Is factorising attention into space and time needed?",
     {"attention": "joint"}),
    ("time_then_space", "time then space", "Does it matter that nodes are compared before frames?",
     {"attention": "time-then-space"}),
    ("parallel", "space and time in parallel", "Need space and time be in sequence?", {"attention": "parallel"}),
    ("single_scale", "single scale", "Are several spatial and temporal scales needed?", {"scales": "single"}),
    ("no_flgp", "without FLGP", "Does pooling nodes into facial regions help? All nodes kept, one global max.",
     {"flgp": "none"}),
    ("flgp_mean", "FLGP by mean", "Is the strongest node the right summary of a region?", {"flgp": "mean"}),
    ("down_max", "downsampling by max", "Must the temporal downsampling be learned, or does a maximum do?",
     {"downsample": "max"}),
    ("down_mean", "downsampling by mean", "Must the temporal downsampling be learned, or does a mean do?",
     {"downsample": "mean"}),
    ("gim_paddings", "gim paddings", "Do the paddings of the later variant matter by themselves?", {"paddings": "gim"}),
    ("no_spatial_position", "no spatial position", "Need the network be told which region a node belongs to?",
     {"spatial_position": False}),
    ("no_temporal_position", "no temporal position",
     "Need it be told the order of frames, which the growing motion betrays?", {"temporal_position": False}),
    ("facial_graph", "attention on the facial graph", "Does attention gain from seeing only neighbouring nodes?",
     {"graph_mask": True}),
    *((f"d{d}", f"D = {d}", f"What does a network of width {d} reach?", {"dim": d}) for d in (64, 128, 256, 512)),
)
_LOSSES = _of("T7",
    ("no_contrastive", "without contrastive loss", "Does the supervised contrastive term help?",
     {"contrastive_weight": 0.0}),
    *((f"contrastive_{w}", f"contrastive weight {w}", f"Is the published weight of .005 well chosen against {w}?",
       {"contrastive_weight": w}) for w in (0.001, 0.02, 0.05, 0.2)),
    *((f"temperature_{t}", f"temperature {t}", f"Is the published temperature of .5 well chosen against {t}?",
       {"temperature": t}) for t in (0.07, 0.2, 1.0)),
    ("normalised", "normalised features", "Should the contrastive loss see directions only, as usual elsewhere?",
     {"normalise": True}),
)
_GRAPHS = _of("T8",
    ("graph_nose", "12 nodes, with nose wings", "Do the nose wings show what brows and mouth do not?",
     {"nodes": "nose"}),
    ("graph_eyelids", "12 nodes, with lower eyelids", "Do lids show AUs 6 and 7, which move none of the ten nodes?",
     {"nodes": "eyelids"}),
    ("graph_all", "all 14 nodes", "Do nose wings and lids together help?", {"nodes": "all"}),
)
_SAMPLING = _of("T13",
    ("neutral", "also neutral segments", "Does a network that has seen neutral stretches raise fewer false alarms?",
     {"neutral_segments": True}),
)
# fmt: on
VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (*_SYSTEMS, *_WINDOWS, *_MOTION, *_ARCHITECTURE, *_LOSSES, *_GRAPHS, *_SAMPLING)
}
_ORDER = {name: i for i, name in enumerate(VARIANTS)}


def of_table(table: str) -> tuple[str, ...]:
    """Names of the variants that belong to a table, in the order of its rows.

    >>> of_table("T8")
    ('graph_nose', 'graph_eyelids', 'graph_all')
    """
    return tuple(name for name, variant in VARIANTS.items() if table in variant.tables)


@functools.cache
def get_variant(name: str) -> Variant:
    """The variant called ``name``, or the composition of several joined by "+".

    The name of a composition is in the order of this file, so that two spellings are one variant. Raises SpotlibError
    for an unknown name, with the nearest one, and for two that change the same parameter differently.

    >>> get_variant("k11+no_flgp").label, get_variant("k11+no_flgp").name
    ('K = 11, without FLGP', 'k11+no_flgp')
    """
    parts = [_single(part, name) for part in dict.fromkeys(str(name).split("+"))]
    parts = sorted(parts, key=lambda part: _ORDER[part.name])
    if len(parts) > 1:
        parts = [part for part in parts if part.name != MAIN]
    if len(parts) == 1:
        return parts[0]
    changes: dict[str, Any] = {}
    for part in parts:
        for key, value in part.changes.items():
            if changes.setdefault(key, value) != value:
                raise SpotlibError(f"variant {name!r}: {key} cannot be both {changes[key]} and {value}; drop one part")
    return Variant(
        "+".join(part.name for part in parts),
        ", ".join(part.label for part in parts),
        " ".join(part.reason for part in parts),
        changes,
    )


def _single(name: str, whole: str) -> Variant:
    if name not in VARIANTS:
        near = difflib.get_close_matches(name, VARIANTS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(VARIANTS)}"
        where = "" if name == whole else f" in {whole!r}"
        raise SpotlibError(f"unknown variant {name!r}{where}; {hint}")
    return VARIANTS[name]


def distinct(names: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """``names`` without those that give, from ``values``, the same parameters as an earlier one."""
    kept: list[Variant] = []
    for name in names:
        variant = get_variant(name)
        if not any(variant.same_as(other, values) for other in kept):
            kept.append(variant)
    return [variant.name for variant in kept]


def longest_gap(names: Iterable[str], params: Params) -> int:
    """``max_gap`` that features need to serve all of ``names``: computed once, they serve the shorter windows too."""
    return max((get_variant(name).apply(params).max_gap for name in names), default=params.max_gap)


def cost(name: str, params: Params) -> tuple[int, float]:
    """Parameters and GFLOP per window of a variant under ``params``: computed on the network, none for peaks."""
    from spotlib.models import build_model, gflop, model_options, parameter_count
    from spotlib.models.graph import face_graph

    changed = get_variant(name).apply(params)
    if changed.system == "peaks":
        return 0, 0.0
    frames = changed.window - (not changed.keep_zero_row)
    model = build_model(changed.system, frames=frames, nodes=changed.nodes, **model_options(changed))
    return parameter_count(model), gflop(model, frames, face_graph(changed.nodes).nodes)
