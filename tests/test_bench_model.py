"""Measurements run, say what they measured, and are right where right can be told; no time is asserted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from spotlib import bench_model
from spotlib.bench_base import PAPER, by_turns, changed, floor, machine, quartiles, synthetic_clips
from spotlib.bench_gpu import GPU_SPEEDS, attention_ways, gpu_training, loso, profile, repeated, side_by_side
from spotlib.bench_model import cpu_training, evaluation, main
from spotlib.material import Bank
from spotlib.params import Params
from spotlib.steps import Speed

CPU = torch.device("cpu")
TINY = replace(PAPER, dim=8, heads=1, head_dim=8, segments_per_batch=2)


@pytest.fixture(scope="module")
def clips():
    return synthetic_clips(5, 1, 120)


@pytest.fixture(scope="module")
def bank(clips):
    return Bank(clips, device=CPU)


def test_parameters_are_the_paper_s():
    ours, paper = PAPER.__dict__, Params(macro_weight=0.55)
    assert {name: getattr(paper, name) for name in ours} == ours
    assert changed(PAPER, epochs=3).epochs == 3


def test_functions_are_timed_by_turns():
    order = []
    took = by_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, CPU, rounds=3)
    assert "".join(order) == "abababab"
    assert took["a"]["rounds"] == 3
    assert took["a"]["low"] <= took["a"]["median"] <= took["a"]["high"]
    assert quartiles([1.0, 2.0, 3.0]) == {"median": 2.0, "low": 1.5, "high": 2.5, "rounds": 3}


def test_material_has_events_and_motion(clips):
    assert {clip.subject for clip in clips} == {"000", "001", "002", "003", "004"}
    for clip in clips:
        assert len(clip.events) == 3
        assert clip.windows.shape == (120, 17, 10, 2)
        assert (clip.windows[:, 0] == 0).all()
        micro = clip.events[2]
        assert abs(clip.windows[micro.apex, :, :6, 1]).max() > 0.4


def test_evaluation_compares_both_ways():
    said = evaluation(CPU, TINY, batch=4, rounds=2)
    assert said["largest_difference"] < 1e-5
    assert said["ms_per_window"].keys() == {"reference", "fast"}
    assert 0 < said["gflop_per_window"] < 0.01


def test_training_step_compares_both_ways():
    said = cpu_training(TINY, rounds=2)
    assert {"reference", "fast"} <= said["seconds"].keys()
    assert said["windows"] == 32


def test_ways_to_train_on_a_gpu_run_here_too(bank):
    said = gpu_training(CPU, bank, Speed(packed=True), TINY, steps=2, curve=20, rounds=2)
    assert len(said["loss_every_10_steps"]) == 2
    assert said["ms_per_step"]["median"] > 0
    assert not said["speed"]["graph"]
    assert said["largest_difference_from_reference"] < 1e-4
    assert repeated(CPU, bank, Speed(packed=True), TINY)["same_weights"]
    assert side_by_side(CPU, bank, Speed(), TINY, engines=2, steps=2)["engines"] == 2
    assert "aten::" in profile(CPU, bank, Speed(), TINY, steps=1)
    assert next(iter(GPU_SPEEDS.values())) == Speed("bfloat16", True, True, True, "triton")


def test_ways_of_attention_are_timed():
    said = attention_ways(CPU, windows=1, rounds=1)
    assert said["triton, torch.float32"] != "agrees"
    assert {"torch.bfloat16, nodes, fused, forward", "torch.float32, frames, plain, both"} <= said.keys()


def test_leave_one_subject_out_is_extrapolated(clips):
    said = loso(CPU, clips, Speed(), TINY, folds=2, epochs=1, steps=1, at_once=1, workers=0)
    assert said["frames"] == 600
    assert said["minutes_for_30_folds_of_100_epochs"] == pytest.approx(said["seconds_per_fold_epoch"] * 50)


def test_rates_and_machine():
    rates = floor(CPU, rounds=1)
    assert rates["float32_gflops"] > 0.1
    assert rates["copy_gb_per_second"] > 0.1
    assert machine(CPU)["device"] == "cpu"


def test_numbers_are_written_after_every_part_and_a_failure_is_one(tmp_path, monkeypatch, capsys):
    def failing(*arguments: object, **options: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(bench_model, "floor", lambda *arguments, **options: {"float32_gflops": 1.0})
    monkeypatch.setattr(bench_model, "evaluation", failing)
    path = tmp_path / "bench.json"
    main(["--device", "cpu", "--parts", "floor,evaluation", "--json", str(path)])
    said = json.loads(path.read_text())
    assert said["floor"] == {"float32_gflops": 1.0}
    assert said["evaluation"] == "failed: RuntimeError: out of luck"
    assert "evaluation: failed" in capsys.readouterr().out
