"""Weights are passed around: a file of them whose header lies is refused before anything is built of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from spotlib.spot.weights import load_weights, save_weights
from spotlib.spotting import SpotRule
from tests.spot.factory import MODEL, RULES, WINDOW, tiny_weights


def written(folder: Path, **changes: Any) -> Path:
    """A file of tiny weights, changed, under a checksum that fits."""
    path = folder / "w.safetensors"
    save_weights(path, dataclasses.replace(tiny_weights(), **changes))
    return path


def test_the_file_is_fine_without_the_change(tmp_path: Path) -> None:
    assert load_weights(written(tmp_path)).model == MODEL


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 30_000}, {"dim": 2**40}, {"heads": 10**9}, {"head_dim": 10**6}, {"mlp": 10**9}, {"frames": 10**9},
        {"dim": -1}, {"dim": "a"}, {"dim": [16]}, {"heads": 0}, {"nodes": "99"}, {"nodes": 10**9}, {"nodes": "all"},
        {"regions": [10**9]}, {"evil": 1}, {"dim": 1e300}, {"dropout": "x"},
    ],
)  # fmt: skip
def test_networks_that_the_arrays_are_not_of(tmp_path: Path, change: dict[str, Any]) -> None:
    """Numbers like these once meant gigabytes before the arrays were looked at."""
    with pytest.raises(SpotlibError, match="."):
        load_weights(written(tmp_path, model={**MODEL, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"window": 10**9}, {"window": "17"}, {"window": True}, {"detect_every": 0}, {"detect_every": 3.0},
        {"extractor": "x"}, {"crop": "../x"}, {"keep_zero_row": 1}, {"motion": None}, {"nodes": "all"},
    ],
)  # fmt: skip
def test_windows_that_nobody_can_make(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(SpotlibError, match=r"w\.safetensors: not whole: its header lacks something"):
        load_weights(written(tmp_path, window={**WINDOW, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"k_max": 10**9},
        {"threshold": 7},
        {"nms_iou": -1},
        {"max_per_minute": 1e9},
        {"max_per_video": -3},
        {"min_score": 2},
    ],
)
def test_rules_that_take_all_memory(tmp_path: Path, change: dict[str, Any]) -> None:
    rules = {**RULES, Kind.MICRO: dataclasses.replace(RULES[Kind.MICRO], **change)}
    assert isinstance(rules[Kind.MICRO], SpotRule)
    with pytest.raises(SpotlibError, match=r"w\.safetensors: not whole: its header lacks something"):
        load_weights(written(tmp_path, rules=rules))
