"""The engine on a CPU: every way to train gives the same curve, and what cannot be had is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spotlib import engine as engine_module
from spotlib import steps
from spotlib.engine import Engine
from spotlib.errors import SpotlibError
from spotlib.material import Bank, Material
from spotlib.params import Params
from spotlib.steps import Speed, settings, term_names
from spotlib.training import predict_all, train
from tests.clips import planted_clip

CPU = torch.device("cpu")
SMALL = Params(dim=16, heads=2, head_dim=8, dropout=0.0, epochs=2, steps_per_epoch=5, segments_per_batch=4, lr=2e-3)


@pytest.fixture(scope="module")
def clips():
    return [planted_clip(f"s{i}", 0) for i in range(3)]


@pytest.fixture(scope="module")
def bank(clips):
    return Bank(clips, device=CPU)


def curve(clips, params: Any = SMALL, **options: Any) -> list[float]:
    return [epoch.losses["loss"] for epoch in train(clips, params, device=CPU, **options)]


def test_every_way_to_train_gives_the_same_curve(clips):
    expected = curve(clips)
    assert curve(clips, speed=Speed(packed=True)) == pytest.approx(expected, rel=1e-3)
    assert curve(clips, speed=Speed(packed=True, fold=False)) == pytest.approx(expected, rel=1e-3)
    assert curve(clips, speed=Speed("bfloat16", packed=True)) == pytest.approx(expected, rel=0.05)


def test_same_seed_same_numbers_in_every_way(clips):
    params = SMALL.replace(dropout=0.2)
    for speed in (Speed(), Speed(packed=True)):
        assert curve(clips, params, speed=speed) == curve(clips, params, speed=speed)
        assert curve(clips, params.replace(seed=1), speed=speed) != curve(clips, params, speed=speed)


def test_an_engine_forgets_the_fold_before(clips, bank):
    engine = Engine(bank, SMALL)
    runs = []
    for own in (clips[:2], clips[1:], clips[:2]):
        engine.begin(Material(own, neutral=False, device=CPU, bank=bank))
        runs.append([(engine.epoch(), engine.losses()["loss"])[1] for _ in range(2)])
    assert runs[0] == runs[2] != runs[1]
    assert runs[0] == curve(clips[:2])


def test_a_bank_is_shared_by_folds(clips, bank):
    assert curve(clips[1:], bank=bank) == curve(clips[1:])
    frames = bank.frames(clips[1:])
    assert frames.tolist() == list(range(240, 720))


def test_a_video_given_twice_is_told(clips):
    with pytest.raises(SpotlibError, match="video s1_0 is given twice"):
        Bank([*clips, clips[1]], device=CPU)


def test_half_precision_windows_are_trained_on(clips):
    half = [replace(clip, windows=clip.windows.astype(np.float16)) for clip in clips]
    assert Bank(half, device=CPU).windows.dtype == torch.float16
    assert curve(half) == pytest.approx(curve(clips), rel=0.02)
    assert curve(half, speed=Speed(packed=True)) == pytest.approx(curve(clips), rel=0.02)


def test_scores_are_those_of_the_network(clips, bank):
    engine = Engine(bank, SMALL)
    engine.begin(Material(clips, neutral=False, device=CPU, bank=bank))
    engine.epoch()
    logits = engine.scores(bank.frames(clips[1:2]))()
    expected = predict_all(engine.model, clips[1:2], device=CPU)[0].probabilities
    np.testing.assert_allclose(torch.sigmoid(logits[:, 6:]).numpy(), expected[:, 6:], atol=1e-6)


def test_fewer_segments_than_a_batch_takes(clips, bank):
    params = SMALL.replace(segments_per_batch=1000, steps_per_epoch=2, epochs=1)
    assert np.isfinite(curve(clips, params)).all()
    engine = Engine(bank, params)
    material = Material(clips, neutral=False, device=CPU, bank=bank)
    engine.begin(material)
    assert engine._order.shape[1] == len(material.starts)


def test_a_compiler_that_fails_is_done_without(clips, bank, monkeypatch):
    def compiled(function: Any, **options: Any) -> Any:
        def failing(*arguments: Any) -> Any:
            raise RuntimeError("no C++ compiler\nbut many lines")

        return failing

    monkeypatch.setattr(steps.torch, "compile", compiled)
    engine = Engine(bank, SMALL, speed=Speed(packed=True, compile=True))
    engine.begin(Material(clips, neutral=False, device=CPU, bank=bank))
    assert engine.notes == ["neither compiled nor Triton: RuntimeError: no C++ compiler"]
    assert not engine.speed.compile
    losses = [(engine.epoch(), engine.losses()["loss"])[1] for _ in range(2)]
    assert losses == curve(clips, speed=Speed(packed=True))


def test_networks_without_a_packed_form_train_by_themselves(clips, bank):
    params = SMALL.replace(system="spotgcn")
    engine = Engine(bank, params, speed=Speed("bfloat16", packed=True, compile=True, graph=True))
    assert engine.speed == Speed()
    assert engine.notes == ["SpotGCN has no packed form: trained by itself, in float32"]
    assert curve(clips, params, speed=Speed(packed=True)) == curve(clips, params)


def test_switches_are_put_back():
    before = torch.get_float32_matmul_precision()
    with settings(Speed("tf32")):
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.are_deterministic_algorithms_enabled()
    with settings(Speed(deterministic=False)):
        assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == before
    assert not torch.are_deterministic_algorithms_enabled()


def test_terms_of_the_loss_have_their_names():
    assert term_names(SMALL)[0] == "loss"
    assert term_names(SMALL)[-1] == "contrastive"
    assert "contrastive" not in term_names(SMALL.replace(contrastive_weight=0.0))


def test_the_engine_s_parts_are_where_they_were():
    """Others import these from the module of training."""
    from spotlib import training

    assert training.network is engine_module.network
    assert training.parameter_groups is engine_module.parameter_groups
    assert training.Material is Material
