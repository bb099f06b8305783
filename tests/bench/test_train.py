"""Training: measurements run, and are right where right can be told; no time is asserted."""

from __future__ import annotations

import json
from dataclasses import replace

import torch

from spotlib.bench import train
from spotlib.bench.base import PAPER
from spotlib.steps import Speed

TINY = replace(PAPER, dim=8, heads=1, head_dim=8, segments_per_batch=2)
RATES = {"float32_gflops": 100.0, "copy_gb_per_second": 10.0}


def material():
    return train.material_of(TINY, subjects=2, frames=120)


def test_step_compares_both_ways():
    said = train.cpu_step(TINY, rounds=2, rates=RATES)
    assert {"reference", "fast"} <= said["seconds"].keys()
    assert said["windows"] == 32
    assert said["floor"]["floor_ms"] > 0
    assert train.cpu_step(TINY, rounds=1, reference=False)["seconds"].keys() == {"fast"}


def test_both_ways_learn_the_same():
    # from D = 128 on the fast way is another formulation
    wide = replace(TINY, dim=128)
    said = json.loads(json.dumps(train.cpu_curves(wide, steps=4, every=2)))
    without = said["without dropout"]
    assert without["reference"] != without["fast"]
    torch.testing.assert_close(without["reference"], without["fast"], rtol=1e-4, atol=1e-4)
    assert len(said["with dropout"]["fast"]) == 2


def test_the_same_seed_gives_the_same_weights():
    assert train.repeated(material(), TINY, Speed(packed=True), steps=3) == {
        "deterministic": True, "same_weights": True, "steps": 3,
    }  # fmt: skip
    assert train.cost_of_determinism(train.material_of(TINY), TINY, rounds=1)["seconds"].keys() == {"on", "off"}


def test_growth(monkeypatch):
    monkeypatch.setattr("spotlib.bench.model.PAPER", TINY)
    lines = train.step_growth("window", rounds=1, quick=True)
    assert [line["value"] for line in lines] == [7, 11]
    (line,) = train.subjects_growth((4,), frames=80)
    assert (line["subjects"], line["folds"], line["frames"]) == (4, 4, 640)


def test_all_measurements_have_a_name():
    names = train.cpu_parts(lambda: RATES, rounds=1, quick=True)
    assert {"step", "loss curves", "repeat", "determinism", "growth, subjects", "growth, dim"} <= set(names)
