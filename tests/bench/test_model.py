"""The network at evaluation: measurements run, and are right where right can be told; no time is asserted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spotlib.bench import model
from spotlib.bench.base import PAPER, changed
from spotlib.bench.network_floor import block_tokens, evaluation_floor, step_floor
from spotlib.engine import network
from spotlib.models import gflop
from spotlib.points import LAYOUTS

CPU = torch.device("cpu")
TINY = replace(PAPER, dim=8, heads=1, head_dim=8, segments_per_batch=2)
RATES = {"float32_gflops": 100.0, "bfloat16_gflops": 1000.0, "copy_gb_per_second": 10.0}


def test_evaluation_compares_both_ways():
    said = model.evaluation(CPU, TINY, batch=4, rounds=2, rates=RATES)
    assert said["largest_difference"] < 1e-5
    assert said["ms_per_window"].keys() == {"reference", "fast"}
    assert said["ms_per_window"]["fast"]["n"] == 2
    assert 0 < said["floor"]["gflop"] < 0.01


def test_threads_are_as_before():
    before = torch.get_num_threads()
    with model.cpu_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_growth_takes_every_size(monkeypatch):
    assert [params.nodes for params in model.sizes("nodes")] == list(LAYOUTS)
    assert [params.window for params in model.sizes("window", quick=True)] == [7, 11]
    monkeypatch.setattr(model, "PAPER", TINY)
    lines = model.growth(CPU, "window", rounds=1, quick=True)
    assert [(line["value"], line["nodes"], line["ms_per_window"]["n"]) for line in lines] == [(7, 10, 1), (11, 10, 1)]


def test_floor_is_operations_over_the_rate_or_bytes_over_the_bandwidth():
    net = network(changed(PAPER), 17, 10)
    once = gflop(net, 17, 10)
    assert evaluation_floor(net, 17, 10, RATES)["products_ms"] == pytest.approx(once * 10)
    floor = step_floor(net, 17, 10, RATES, windows=512)
    assert floor["products_ms"] == pytest.approx(3 * 512 * once * 10)
    # METHOD section 3: 17 x 10 tokens, pooled over nodes and frames from scale to scale, two blocks each
    tokens = block_tokens(net, 17, 10)
    assert 2 * 170 < tokens < 2 * 170 * 1.3
    assert net.training
    assert floor["memory_ms"] == pytest.approx(tokens * 512 * 256 * 4 * 63 / 10e9 * 1e3)
    assert floor["floor_ms"] == max(floor["products_ms"], floor["memory_ms"])
    half = step_floor(net, 17, 10, RATES, windows=512, precision="bfloat16")
    assert half["floor_ms"] == pytest.approx(floor["memory_ms"] / 2)
