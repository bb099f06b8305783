"""Named variants: which parameters differ from the main row, and why the row is worth having.

A variant is only a set of changed parameters. Rows are digested by the parameters that result, not by the name.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.params import Params


@dataclass(frozen=True)
class Variant:
    """A row of a table: its name, how tables call it, the changed parameters, and one sentence of reason."""

    name: str
    label: str
    reason: str
    changes: dict[str, Any] = field(default_factory=dict)

    def apply(self, params: Params) -> Params:
        """``params`` with this variant's changes; a variant that names no system is one of SpotFormer."""
        return params.replace(**{"system": "spotformer", **self.changes})


_ALL = (
    Variant("spotformer", "SpotFormer", "The method as published (METHOD section 3).", {}),
    Variant(
        "peaks",
        "Peak detector",
        "Is learning needed at all? A hand-crafted optical-flow peak detector.",
        {"system": "peaks"},
    ),
    Variant(
        "spotgcn",
        "SpoT-GCN",
        "The graph network that SpotFormer replaced (FG 2024), with its own loss weights (METHOD section 3).",
        {"system": "spotgcn", "contrastive_weight": 0.05, "macro_weight": 0.7},
    ),
    Variant(
        "no_contrastive",
        "without contrastive loss",
        "Does the supervised contrastive term help?",
        {"contrastive_weight": 0.0},
    ),
    Variant(
        "no_flgp",
        "without FLGP",
        "Does pooling nodes into facial regions help? All nodes kept, one global max.",
        {"flgp": "none"},
    ),
    Variant("k11", "K = 11", "Is a window of 0.37 s long enough for macro-expressions?", {"window": 11}),
)
VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _ALL}


def get_variant(name: str) -> Variant:
    """The variant called ``name``; SpotlibError with the nearest name if there is none."""
    if name not in VARIANTS:
        near = difflib.get_close_matches(str(name), VARIANTS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(VARIANTS)}"
        raise SpotlibError(f"unknown variant {name!r}; {hint}")
    return VARIANTS[name]
