"""What the contrastive loss does to the embedding: the numbers, on cases worked out by hand and on a tiny training."""

from __future__ import annotations

import math

import pytest
import torch

from spotlib.bench.base import synthetic_clips
from spotlib.bench.embedding import WAYS, lowest_when_equal, spread_of, watch, watch_all
from spotlib.errors import SpotlibError
from spotlib.params import make_params

TINY = make_params({
    "dim": 16, "heads": 2, "head_dim": 8, "epochs": 2, "steps_per_epoch": 3, "segments_per_batch": 4,
    "candidate_epochs": 1, "evaluate_every": 1,
})  # fmt: skip


def test_the_loss_of_equal_embeddings_grows_with_the_batch():
    assert lowest_when_equal(512, 0.5) == pytest.approx(0.5 / 0.07 * math.log(511), rel=1e-5)
    assert lowest_when_equal(80, 0.5) == pytest.approx(0.5 / 0.07 * math.log(79), rel=1e-5)


def test_spread_of_two_classes():
    embedding = torch.tensor([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0]])
    found = spread_of(embedding, torch.tensor([0, 0, 2, 2]))
    assert found["length"] == pytest.approx(math.hypot(2, 1))
    assert found["spread"] == pytest.approx(math.sqrt(5))  # 2^2 between the classes and 1^2 within
    assert found["between"] == pytest.approx(4 / 5)
    assert spread_of(torch.ones(3, 2), torch.zeros(3, dtype=torch.int64))["between"] == 0.0


def test_watch_sees_every_epoch_and_the_terms():
    clips = synthetic_clips(3, 1, 200)
    seen = watch(clips, TINY, device="cpu")
    assert [point["epoch"] for point in seen["epochs"]] == [0, 1]
    assert all(point["spread"] > 0 and "contrastive" in point for point in seen["epochs"])
    assert seen["windows"] == 64
    assert sum(seen["classes"].values()) > 0
    ways = watch_all(clips, TINY, device="cpu", ways=["without the term", "batches of 80 windows"])
    assert "contrastive" not in ways["without the term"]["epochs"][0]
    assert ways["batches of 80 windows"]["windows"] == 80
    with pytest.raises(SpotlibError, match="unknown way 'other'; known: as published"):
        watch_all(clips, TINY, device="cpu", ways=["other"])
    assert {tuple(changes) for changes, _ in WAYS.values()} >= {(), ("normalise",)}
