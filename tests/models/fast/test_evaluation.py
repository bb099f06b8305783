"""The folded copy of the weights: the reference's numbers for every variant, and a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spotlib.errors import SpotlibError
from spotlib.models import build_model, build_released
from spotlib.models.fast import evaluator
from spotlib.models.fast.evaluation import CHUNK, FoldedSpotFormer
from tests.models.fast.networks import VARIANTS, lively, shape_of

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


def trained(options: dict) -> torch.nn.Module:
    """With running statistics of their own, in evaluation mode."""
    model = lively(options)
    with torch.no_grad():
        for _ in range(8):
            model(torch.randn(16, *shape_of(options)) * 2 + 0.3)
    return model.eval()


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_outputs_of_the_reference(options: dict) -> None:
    model = trained(options)
    x = torch.randn(CHUNK + 5, *shape_of(options)) * 2 + 0.3
    with torch.no_grad():
        expected = model(x)
    ours = FoldedSpotFormer(model)(x)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_outputs_of_the_reference_at_full_width() -> None:
    model = trained({"dim": 256, "heads": 4, "head_dim": 64, "dropout": 0.1})
    x = torch.randn(20, 17, 10, 2) * 3
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(FoldedSpotFormer(model)(x), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["spotformer_T16.npz", "spotformer_T17.npz", "spotformer_gim_T17.npz"])
def test_outputs_of_the_release(name: str) -> None:
    with np.load(GOLDEN / name, allow_pickle=False) as stored:
        arrays = dict(stored)
    weights = {key.removeprefix("weights/"): value for key, value in arrays.items() if key.startswith("weights/")}
    x = torch.from_numpy(arrays["input"])
    x = x.flatten(0, 1) if x.ndim == 5 else x.permute(0, 2, 3, 1)
    ours = FoldedSpotFormer(build_released(weights, frames=x.shape[1]))(x)
    for key, value in ours._asdict().items():
        if value is not None:
            stored_value = arrays[f"eval/{key}"].reshape(value.shape)
            np.testing.assert_allclose(value.numpy(), stored_value, atol=2e-5, rtol=0)


def test_it_is_a_copy() -> None:
    model = trained({})
    x = torch.randn(3, 17, 10, 2)
    forward = evaluator(model)
    before = forward(x)[0].clone()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert torch.equal(forward(x)[0], before)
    assert not torch.allclose(evaluator(model)(x)[0], before)


def test_threads_and_batches_change_nothing() -> None:
    model, x = trained({}), torch.randn(3 * CHUNK + 1, 17, 10, 2)
    forward = FoldedSpotFormer(model)
    whole = forward(x).logits
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.testing.assert_close(forward(x).logits, whole, atol=1e-6, rtol=0)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(torch.cat([forward(part).logits for part in x.split(7)]), whole, atol=1e-6, rtol=0)


def test_other_networks_and_precisions_are_evaluated_by_themselves() -> None:
    for model in (build_model("spotgcn"), lively({}).double()):
        forward = evaluator(model)
        assert forward is model
        assert not model.training


def test_other_windows_are_told() -> None:
    with pytest.raises(SpotlibError, match=r"windows have shape \(2, 16, 10, 2\), expected \(N, 17, 10, 2\)"):
        evaluator(lively({}))(torch.zeros(2, 16, 10, 2))
