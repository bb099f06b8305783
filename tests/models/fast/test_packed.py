"""The GPU's formulation of the network, on the CPU: the reference's numbers, and dropout that follows from a seed."""

from __future__ import annotations

import copy

import pytest
import torch

from spotlib.models.fast.counter_dropout import dropout, kept, mixed
from spotlib.models.fast.packed import SITES, PackedForward, site_seeds
from spotlib.models.fast.packed_attention import Tokens, attention, triton_agrees
from tests.models.fast.networks import VARIANTS, gradients, lively, shape_of

STEP = torch.zeros((), dtype=torch.int32)


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_outputs_statistics_and_gradients_of_the_reference(options: dict, fold: bool) -> None:
    reference = lively(options).double()
    model = copy.deepcopy(reference)
    packed = PackedForward(model, dtype=torch.float64, fold=fold)
    x = torch.randn(12, *shape_of(options), dtype=torch.float64) * 2 + 0.3
    expected, ours = reference(x), packed(x)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(model.state_dict(), reference.state_dict(), atol=1e-12, rtol=1e-10)
    wanted, found = gradients(reference, expected), gradients(model, ours)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-8, rtol=1e-7, msg=name)
    torch.testing.assert_close(packed(x, training=False), reference.eval()(x), atol=1e-12, rtol=1e-10)


def test_bfloat16_is_near_and_gradients_are_float32() -> None:
    model = lively({"dim": 32})
    x = torch.randn(24, 17, 10, 2)
    expected = PackedForward(copy.deepcopy(model))(x).embedding
    ours = PackedForward(model, dtype=torch.bfloat16)(x)
    assert ours.embedding.dtype == torch.float32
    error = (ours.embedding - expected).norm() / expected.norm()
    assert 1e-4 < error < 0.1
    assert all(gradient.dtype == torch.float32 for gradient in gradients(model, ours).values())


def test_same_seed_same_dropout_and_another_step_another() -> None:
    model = lively({"dropout": 0.3})
    x = torch.randn(6, 17, 10, 2)
    seed = torch.tensor(-77, dtype=torch.int32)
    packed = PackedForward(model)
    first = packed(x, site_seeds(seed, STEP)).logits
    assert torch.equal(packed(x, site_seeds(seed, STEP)).logits, first)
    assert not torch.allclose(packed(x, site_seeds(seed, STEP + 1)).logits, first)
    assert not torch.allclose(packed(x).logits, first)
    seeds = torch.cat([site_seeds(seed, STEP + i) for i in range(50)])
    assert len(seeds.unique()) == 50 * SITES


def test_counter_dropout_is_fair_in_every_direction() -> None:
    seed = torch.tensor(123456789, dtype=torch.int32)
    mask = kept((400, 300), 0.1, seed)
    assert mask.float().mean().item() == pytest.approx(0.9, abs=0.003)
    for axis in (0, 1):
        shares = mask.float().mean(axis)
        assert shares.std().item() == pytest.approx((0.09 / mask.shape[axis]) ** 0.5, rel=0.2)
    other = kept((400, 300), 0.1, seed + 1)
    both = (~mask & ~other).float().mean().item()
    assert both == pytest.approx(0.01, abs=0.002)
    neighbours = (~mask[:, 1:] & ~mask[:, :-1]).float().mean().item()
    assert neighbours == pytest.approx(0.01, abs=0.002)


def test_counter_dropout_scales_what_is_kept() -> None:
    seed = torch.tensor(5, dtype=torch.int32)
    x = torch.ones(1000)
    assert set(dropout(x, 0.2, seed).unique().tolist()) == {0.0, 1.25}
    assert dropout(x, 0.2, None) is x
    assert dropout(x, 0.0, seed) is x


def test_the_hash_is_the_same_everywhere() -> None:
    """The kernels repeat it on unsigned numbers; here it is spelled out in Python."""

    def by_hand(position: int, seed: int) -> int:
        h = position * 0x9E3779B1 % 2**32
        h = (h ^ (h >> 15) ^ (seed % 2**32)) * 0x85EBCA6B % 2**32
        h = (h ^ (h >> 13)) * 0xC2B2AE35 % 2**32
        return h ^ (h >> 16)

    for seed in (0, 7, -7, 2**31 - 1, -(2**31)):
        positions = torch.tensor([0, 1, 2, 1000, 2**24 + 3, 2**31 - 1], dtype=torch.int32)
        ours = mixed(positions, torch.tensor(seed, dtype=torch.int32)).tolist()
        assert [h % 2**32 for h in ours] == [by_hand(p, seed) for p in positions.tolist()]


@pytest.mark.parametrize("over", ["nodes", "frames", "all"])
@pytest.mark.parametrize("masked", [False, True])
def test_both_portable_ways_of_attention_agree(over: str, masked: bool) -> None:
    torch.manual_seed(0)
    tokens = Tokens(3, 4, 5)
    length = tokens.sequences(over)[0]
    mask = (torch.rand(length, length) > 0.5) | torch.eye(length, dtype=torch.bool) if masked else None
    qkv = torch.randn(60, 3 * 2 * 8, dtype=torch.float64, requires_grad=True)
    results = []
    for backend in ("plain", "fused"):
        y = attention(qkv, tokens, over, heads=2, mask=mask, backend=backend)
        results.append((y, *torch.autograd.grad(y.square().sum(), qkv)))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("over", ["nodes", "frames", "all"])
def test_sequences_say_where_their_tokens_lie(over: str) -> None:
    tokens = Tokens(3, 4, 5)
    length, count, inner, outer, stride = tokens.sequences(over)
    rows = [[s // inner * outer + s % inner + t * stride for t in range(length)] for s in range(count)]
    assert sorted(row for sequence in rows for row in sequence) == list(range(60))
    index = torch.arange(60).view(3, 4, 5)
    expected = {"nodes": index.flatten(0, 1), "frames": index.transpose(1, 2).flatten(0, 1), "all": index.flatten(1)}
    assert sorted(rows) == sorted(expected[over].tolist())


def test_kernels_that_cannot_be_had_are_told_why() -> None:
    cpu = torch.device("cpu")
    assert triton_agrees(4, 24, torch.float32, cpu) == "heads of width 24; the kernels take 16, 32, 64 or 128"
    assert triton_agrees(4, 64, torch.float32, cpu) != ""
