"""Material and rates that measurements of the network share."""

from __future__ import annotations

import torch

from spotlib.bench.base import PAPER, by_turns, changed, rates, synthetic_clips
from spotlib.params import Params

CPU = torch.device("cpu")


def test_parameters_are_the_paper_s():
    ours, paper = PAPER.__dict__, Params(macro_weight=0.55)
    assert {name: getattr(paper, name) for name in ours} == ours
    assert changed(PAPER, epochs=3).epochs == 3


def test_functions_are_timed_by_turns():
    order = []
    took = by_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, CPU, rounds=3, unit=1e-3)
    assert "".join(order) == "abababab"
    assert took["a"]["n"] == 3
    assert took["a"]["low"] <= took["a"]["median"] <= took["a"]["high"]


def test_material_has_events_and_motion():
    clips = synthetic_clips(5, 1, 120)
    assert {clip.subject for clip in clips} == {"000", "001", "002", "003", "004"}
    for clip in clips:
        assert len(clip.events) == 3
        assert clip.windows.shape == (120, 17, 10, 2)
        assert (clip.windows[:, 0] == 0).all()
        micro = clip.events[2]
        assert abs(clip.windows[micro.apex, :, :6, 1]).max() > 0.4


def test_rates():
    found = rates(CPU, rounds=1)
    assert found["float32_gflops"] > 0.1
    assert found["copy_gb_per_second"] > 0.1
