"""What is measured on a GPU runs here too, without one; no time is asserted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from spotlib.bench import gpu
from spotlib.bench.base import PAPER, synthetic_clips
from spotlib.material import Bank, Material
from spotlib.steps import Speed

CPU = torch.device("cpu")
TINY = replace(PAPER, dim=8, heads=1, head_dim=8, segments_per_batch=2)
RATES = {"float32_gflops": 100.0, "copy_gb_per_second": 10.0}


@pytest.fixture(scope="module")
def clips():
    return synthetic_clips(5, 1, 120)


@pytest.fixture(scope="module")
def material(clips):
    bank = Bank(clips, device=CPU)
    return Material(bank.clips, neutral=False, device=CPU, bank=bank)


def test_ways_to_train_take_turns(material, monkeypatch):
    broken = Speed(deterministic=False)
    way = gpu.Way

    def failing(material, speed, params, **options):
        if speed == broken:
            raise RuntimeError("out of luck")
        return way(material, speed, params, **options)

    monkeypatch.setattr(gpu, "Way", failing)
    speeds = {"packed": Speed(packed=True), "reference": Speed(), "broken": broken}
    said = gpu.training(material, speeds, TINY, steps=2, curve=20, rounds=2, rates=RATES)
    assert json.loads(json.dumps(said)) == said
    assert said["windows"] == 32
    assert said["ways"]["broken"] == "failed: RuntimeError: out of luck"
    for name in ("packed", "reference"):
        found = said["ways"][name]
        assert len(found["loss_every_10_steps"]) == 2
        late = found["late_loss_by_seed"]
        assert late["270"] == pytest.approx(found["loss_every_10_steps"][1])
        assert len({*late.values()}) == gpu.SEEDS
        of_seed = replace(TINY, seed=271)  # each seed begins anew
        alone = way(material, speeds[name], of_seed, steps=2, curve=20)
        assert late["271"] == pytest.approx(alone.late["271"])
        assert found["ms_per_step"]["n"] == 2
        assert found["largest_difference_from_reference"] < 1e-4
        assert found["floor"]["floor_ms"] > 0


def test_the_first_way_is_the_one_that_is_used():
    assert next(iter(gpu.GPU_SPEEDS.values())) == Speed("bfloat16", True, True, True, "triton", True)
    assert set(gpu.QUICK_SPEEDS) <= set(gpu.GPU_SPEEDS)


def test_folds_side_by_side_and_profile(material):
    said = gpu.side_by_side(material, Speed(packed=True), TINY, counts=(1, 2), steps=2, rounds=1)
    assert said["ms_per_step"].keys() == {"1", "2"}
    assert "aten::" in gpu.profile(material, Speed(), TINY, steps=1)


def test_ways_of_attention_are_timed():
    said = gpu.attention_ways(CPU, windows=1, rounds=1)
    assert said["triton, torch.float32"] != "agrees"
    assert {"torch.bfloat16, nodes, fused, forward", "torch.float32, frames, plain, both"} <= said.keys()


def test_leave_one_subject_out_is_extrapolated_and_says_so(clips):
    said = gpu.loso(clips, CPU, TINY, speed=Speed(), folds=2, epochs=1, steps=1, at_once=1, workers=0, rounds=1)
    assert (said["frames"], said["whole"], said["folds"], said["folds_in_all"]) == (600, False, 2, 5)
    parts = [said[name]["median"] for name in ("seconds_of_start", "seconds_per_fold", "seconds_per_fold_epoch")]
    assert said["minutes"]["median"] == pytest.approx((parts[0] + 5 * (parts[1] + 100 * parts[2])) / 60)


def test_leave_one_subject_out_as_a_whole(clips, monkeypatch):
    monkeypatch.setattr(gpu, "WHOLE_EPOCHS", 3)
    told = []
    said = gpu.loso(
        clips, CPU, TINY, speed=Speed(), folds=0, epochs=3, steps=1, at_once=1, workers=0, inner_share=0.5,
        tell=told.append,
    )  # fmt: skip
    assert said["scored_subjects"] == 3  # two of four choose, one is tested
    assert (said["whole"], said["folds"], len(told), len(said["inner_f1"])) == (True, 5, 5, 5)
    assert said["minutes"]["n"] == 1


def test_measurements_have_names_and_begin_late():
    parts = gpu.gpu_parts(
        CPU, lambda: RATES, rounds=1, quick=True, speeds=(), loso_folds=4, loso_epochs=6, tell=print
    )  # fmt: skip
    assert list(parts) == [
        "ways", "attention", "repeat", "compiled anew", "compiled anew, not deterministic", "determinism",
        "folds side by side", "loso, 2 at once", "loso, 3 at once",
        "loso with one subject for choices, 3 at once", "profile",
    ]  # fmt: skip
