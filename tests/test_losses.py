"""The loss against the release's numbers and against sums written out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from spotlib.labels import FrameTargets
from spotlib.losses import contrastive_loss, score_loss, spotting_loss

GOLDEN = Path(__file__).parent / "data" / "golden" / "losses.npz"
TERMS = {"action": "expression", "supcon": "contrastive"}


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def of_batch(stored: dict[str, np.ndarray]) -> FrameTargets:
    names = ("apex_micro", "apex_macro", "action_micro", "action_macro", "boundary_micro", "boundary_macro")
    return FrameTargets(*(stored[name] for name in (*names, "supcon_class"))).to_torch()


def test_terms_and_totals_of_the_release(stored: dict, of_batch: FrameTargets) -> None:
    logits, embedding = torch.from_numpy(stored["logits"]), torch.from_numpy(stored["embedding"])
    for weight in (0.5, 0.55):
        total, terms = spotting_loss(logits, embedding, of_batch, macro_weight=weight)
        assert total.item() == pytest.approx(stored[f"expected/total_lambda_{weight}"].item(), rel=1e-6)
    for name, value in terms.items():
        released = name.replace("expression", "action").replace("contrastive", "supcon")
        assert value.item() == pytest.approx(stored[f"expected/{released}"].item(), rel=1e-6), name
    assert len(terms) == 7


def test_score_loss_written_out() -> None:
    logits, target = [0.3, -1.2, 2.0, -0.1], [1.0, 0.0, 0.0, 0.6]
    total = 0.0
    for z, y in zip(logits, target, strict=True):
        p = 1 / (1 + math.exp(-z))
        if y > 0:
            total -= 0.9 * abs(y - p) * math.log(p + 1e-5)
        else:
            total -= 0.1 * abs(y + 0.16 - p) * math.log(1 - p + 1e-5)
    ours = score_loss(torch.tensor(logits), torch.tensor(target), balance=0.9)
    assert ours.item() == pytest.approx(total / 4, rel=1e-5)


@pytest.mark.parametrize("normalise", [False, True])
def test_contrastive_loss_written_out(normalise: bool) -> None:
    rng = np.random.default_rng(0)
    z, classes, temperature = rng.normal(size=(7, 3)), [0, 1, 1, 2, 0, 1, 0], 0.4
    ours = contrastive_loss(torch.tensor(z), torch.tensor(classes), temperature=temperature, normalise=normalise).item()
    if normalise:
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
    total = 0.0
    for i in range(7):
        similar = [z[i] @ z[j] / temperature for j in range(7)]
        others = [math.exp(similar[j] - max(similar)) for j in range(7) if j != i]
        positives = [j for j in range(7) if j != i and classes[j] == classes[i]]
        shares = [similar[j] - max(similar) - math.log(sum(others) + 1e-6) for j in positives]
        total += sum(shares) / (len(positives) + 1e-6)
    assert ours == pytest.approx(-temperature / 0.07 * total / 7, rel=1e-6)


def test_weights_enter_as_stated(stored: dict, of_batch: FrameTargets) -> None:
    logits, embedding = torch.from_numpy(stored["logits"]), torch.from_numpy(stored["embedding"])
    total, terms = spotting_loss(logits, embedding, of_batch, macro_weight=0.3, contrastive_weight=0.02)
    expected = (
        1.8 * terms["apex_micro"] + terms["boundary_micro"] + 0.1 * terms["expression_micro"]
        + 0.3 * (terms["apex_macro"] + terms["boundary_macro"] + 0.1 * terms["expression_macro"])
        + 0.02 * terms["contrastive"]
    )  # fmt: skip
    torch.testing.assert_close(total, expected)
    without, terms = spotting_loss(logits, embedding, of_batch, macro_weight=0.3, contrastive_weight=0.0)
    assert "contrastive" not in terms
    assert without < total


def test_apex_loss_is_lowest_at_016_for_neutral_frames() -> None:
    p = torch.linspace(0.01, 0.6, 60)
    losses = torch.stack([score_loss(torch.logit(q)[None], torch.zeros(1), balance=0.9) for q in p])
    assert p[losses.argmin()].item() == pytest.approx(0.16, abs=0.011)


def test_gradients_are_finite_for_confident_networks(of_batch: FrameTargets) -> None:
    logits = (torch.randn(96, 10) * 200).requires_grad_()
    embedding = (torch.randn(96, 24) * 50).requires_grad_()
    total, _ = spotting_loss(logits, embedding, of_batch, macro_weight=0.5)
    total.backward()
    assert total.isfinite()
    assert logits.grad.isfinite().all()
    assert embedding.grad.isfinite().all()
