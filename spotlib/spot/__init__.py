"""Spotting in one's own videos: from a file or a camera to scored intervals, a report and files for other programs.

>>> from spotlib.spot import spot, load_result
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spotlib.spot.folder import load_result, save_result
    from spotlib.spot.spotting import spot
    from spotlib.spot.weights import Weights, load_weights, save_weights

_WHERE = {
    "spot": "spotting", "load_result": "folder", "save_result": "folder",
    "Weights": "weights", "load_weights": "weights", "save_weights": "weights",
}  # fmt: skip

__all__ = ["Weights", "load_result", "load_weights", "save_result", "save_weights", "spot"]


def __getattr__(name: str) -> Any:
    # nothing heavy at import: a machine that only trains weights has no video decoder
    if name in _WHERE:
        import importlib

        return getattr(importlib.import_module(f"spotlib.spot.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'spotlib.spot' has no attribute {name!r}")
