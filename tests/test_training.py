from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from spotlib.errors import SpotlibError
from spotlib.params import Params
from spotlib.training import Material, network, parameter_groups, predict, train
from tests.clips import planted_clip

CPU = torch.device("cpu")
SMALL = Params(dim=16, heads=2, head_dim=8, dropout=0.0, epochs=2, steps_per_epoch=5, segments_per_batch=4, lr=2e-3)


@pytest.fixture(scope="module")
def clips():
    return [planted_clip(f"s{i}", 0) for i in range(3)]


def test_only_segments_with_an_expression_unless_asked(clips):
    few = Material(clips, neutral=False, device=CPU)
    every = Material(clips, neutral=True, device=CPU)
    assert len(every.starts) == 3 * (240 // 16)
    assert 0 < len(few.starts) < len(every.starts)
    for start in few.starts.tolist():
        assert (few.targets.contrastive[start : start + 16] > 0).any()


def test_segments_never_cross_videos_or_gaps(clips):
    valid = clips[1].valid.copy()
    valid[33] = False
    broken = [clips[0], dataclasses.replace(clips[1], valid=valid), clips[2]]
    starts = Material(broken, neutral=True, device=CPU).starts.tolist()
    assert 240 + 32 not in starts
    assert all(start // 240 == (start + 15) // 240 for start in starts)


def test_every_segment_once_before_any_twice(clips):
    material = Material(clips, neutral=True, device=CPU)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat(list(material.batches(steps=9, size=5, generator=generator)))
    starts = drawn.view(-1, 16)[:, 0].tolist()
    assert len(set(starts)) == len(starts) == 45


def test_weight_decay_on_weights_only():
    model = network(Params(dim=16, heads=2, head_dim=8), 17, 10)
    decayed, rest = parameter_groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0
    assert all(p.ndim >= 2 for p in decayed["params"])
    names = {id(p): n for n, p in model.named_parameters()}
    assert any("position" in names[id(p)] for p in rest["params"])
    assert len(decayed["params"]) + len(rest["params"]) == len(names)


def test_same_seed_same_numbers(clips):
    runs = [[epoch.losses for epoch in train(clips, SMALL, device=CPU)] for _ in range(2)]
    assert runs[0] == runs[1]
    other = [epoch.losses for epoch in train(clips, SMALL.replace(seed=1), device=CPU)]
    assert other != runs[0]


def test_the_loss_falls_and_lr_decays(clips):
    longer = SMALL.replace(epochs=4, steps_per_epoch=15)
    epochs = list(train(clips, longer, device=CPU))
    assert epochs[-1].losses["loss"] < 0.7 * epochs[0].losses["loss"]
    assert epochs[1].lr == pytest.approx(SMALL.lr * SMALL.lr_decay)
    assert epochs[-1].steps == 60


def test_prediction_does_not_depend_on_the_batch(clips):
    for epoch in train(clips, SMALL, device=CPU):
        model = epoch.model
    whole = predict(model, clips[0], device=CPU).probabilities
    parts = predict(model, clips[0], device=CPU, batch=37).probabilities
    np.testing.assert_allclose(whole, parts, atol=1e-6)
    assert whole.shape == (240, 10)
    np.testing.assert_allclose(whole[:, :3].sum(1), 1, atol=1e-5)


def test_no_expression_at_all_is_an_error(clips):
    empty = [dataclasses.replace(clip, events=()) for clip in clips]
    with pytest.raises(SpotlibError, match="no training segment holds an expression"):
        Material(empty, neutral=False, device=CPU)


@pytest.mark.parametrize("system", ["spotformer_gim", "spotgcn"])
def test_other_systems_train_and_predict(clips, system):
    params = SMALL.replace(system=system, epochs=1)
    for epoch in train(clips, params, device=CPU):
        scores = predict(epoch.model, clips[0], device=CPU)
    assert scores.probabilities.shape == (240, 10)
    assert np.isfinite(scores.probabilities).all()
