"""The compiled attention: the formula's numbers and gradients, for every way that sequences lie among the tokens."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numba import njit
from torch import Tensor

from spotlib.models import build_model
from spotlib.models.attention import self_attention
from spotlib.models.fast import evaluator, short_attention, short_kernel, trainer
from spotlib.models.fast.short_attention import Sequences, attended, gradient


def formula(
    qkv: Tensor, heads: int, where: Sequences, scale: float, mask: Tensor | None, factor: Tensor | None
) -> Tensor:
    """Attention by matrix products in the precision of ``qkv``: (3 H d, M) -> (H d, M)."""
    group, index = torch.meshgrid(torch.arange(where.groups), torch.arange(where.inner), indexing="ij")
    first = (group * where.group_stride + index).flatten()
    place = first[:, None] + torch.arange(where.length) * where.stride  # (S, L)
    assert place.flatten().sort().values.equal(torch.arange(where.tokens))
    q, k, v = qkv.view(3, heads, -1, where.tokens)[..., place].permute(0, 1, 3, 4, 2)  # (H, S, L, d)
    scores = scale * q @ k.transpose(2, 3)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(3)
    if factor is not None:
        weights = weights * factor.permute(0, 3, 1, 2)  # (H, L, L, S) -> (H, S, L, L)
    out = qkv.new_empty(heads, qkv.shape[0] // (3 * heads), where.tokens)
    out[..., place] = (weights @ v).permute(0, 3, 1, 2)
    return out.flatten(0, 1)


def problem(heads: int, width: int, where: Sequences, *, masked: bool, dropped: bool) -> tuple:
    torch.manual_seed(where.length)
    qkv, grad = torch.randn(3 * heads * width, where.tokens), torch.randn(heads * width, where.tokens)
    length = where.length
    mask = torch.eye(length, dtype=torch.bool) | (torch.rand(length, length) > 0.5) if masked else None
    keep = (torch.rand(heads, length, length, where.sequences) > 0.3).to(torch.int8) if dropped else None
    return qkv, grad, mask, keep


WHERE = [
    Sequences.outermost(10, 37),
    Sequences.outermost(16, 5),
    Sequences.outermost(17, 48),
    Sequences.outermost(31, 33),
    Sequences.outermost(1, 20),
    Sequences.outermost(2, 16),
    Sequences.middle(3, 10, 20),
    Sequences.middle(4, 17, 5),
    Sequences.middle(2, 3, 32),
]


@pytest.mark.parametrize("where", WHERE, ids=lambda w: f"{w.groups}x{w.length}x{w.inner}")
@pytest.mark.parametrize(("masked", "dropped"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("heads", "width"), [(2, 8), (1, 5), (3, 18)])
def test_forward_and_gradient_are_the_formula(
    where: Sequences, masked: bool, dropped: bool, heads: int, width: int
) -> None:
    qkv, grad, mask, keep = problem(heads, width, where, masked=masked, dropped=dropped)
    gain = 1.25 if dropped else 1.0
    exact = qkv.double().requires_grad_()
    expected = formula(exact, heads, where, 0.4, mask, None if keep is None else keep * gain)
    (wanted,) = torch.autograd.grad(expected, exact, grad.double())
    out, weights = attended(qkv, heads, where, scale=0.4, mask=mask, keep=keep, gain=gain, save=True)
    assert weights is not None
    torch.testing.assert_close(out.double(), expected.detach(), atol=3e-6, rtol=1e-5)
    found = gradient(grad, qkv, weights, heads, where, scale=0.4, keep=keep, gain=gain)
    torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-5)
    # rows of the gradient may be its columns in memory, and nothing is saved where no gradient is asked for
    again = gradient(grad.t().contiguous().t(), qkv, weights, heads, where, scale=0.4, keep=keep, gain=gain)
    assert torch.equal(again, found)
    plain = attended(qkv, heads, where, scale=0.4, mask=mask, keep=keep, gain=gain)
    assert plain.weights is None
    assert torch.equal(plain.out, out)


def test_a_gradient_without_an_order_in_memory() -> None:
    where = Sequences.outermost(4, 18)
    qkv, _, _, _ = problem(2, 4, where, masked=False, dropped=False)
    _, weights = attended(qkv, 2, where, scale=0.5, save=True)
    assert weights is not None
    same = torch.randn(8, 1).expand(8, where.tokens)
    found = gradient(same, qkv, weights, 2, where, scale=0.5)
    assert torch.equal(found, gradient(same.contiguous(), qkv, weights, 2, where, scale=0.5))


def test_a_sequence_knows_nothing_of_its_neighbours() -> None:
    where = Sequences.outermost(7, 45)
    qkv, _, _, _ = problem(2, 8, where, masked=False, dropped=False)
    whole = attended(qkv, 2, where, scale=0.3).out.view(-1, 7, 45)
    for part in (slice(0, 16), slice(3, 5), slice(40, 45)):
        some = qkv.view(-1, 7, 45)[:, :, part].flatten(1)
        alone = attended(some, 2, Sequences.outermost(7, some.shape[1] // 7), scale=0.3).out
        assert torch.equal(alone.view(whole[:, :, part].shape), whole[:, :, part])


@pytest.mark.usefixtures("two_threads")
def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    where = Sequences.middle(3, 10, 40)
    qkv, grad, _, _ = problem(2, 8, where, masked=False, dropped=False)
    results = []
    for least in (0, 10**9):
        monkeypatch.setattr(short_attention, "_WORTH_SHARING", least)
        out, weights = attended(qkv, 2, where, scale=0.4, save=True)
        assert weights is not None
        results.append((out, gradient(grad, qkv, weights, 2, where, scale=0.4)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_scores_may_be_large_and_what_is_no_number_is_not_hidden() -> None:
    where = Sequences.outermost(10, 20)
    qkv, grad, _, _ = problem(2, 8, where, masked=False, dropped=False)
    large = qkv * 30
    torch.testing.assert_close(
        attended(large, 2, where, scale=1.0).out.double(),
        formula(large.double(), 2, where, 1.0, None, None), atol=3e-2, rtol=1e-3,
    )  # fmt: skip
    qkv[3, 2 * 20 + 5] = math.nan  # a query of the first head: token 2 of sequence 5
    out, weights = attended(qkv, 2, where, scale=0.4, save=True)
    bad = out.view(2, 8, 10, 20).isnan()
    assert bad[0, :, 2, 5].all()
    assert bad.sum() == 8
    assert weights is not None
    assert gradient(grad, qkv, weights, 2, where, scale=0.4).view(3, 2, 8, 10, 20)[..., 5].isnan().any()


def test_exponential() -> None:
    @njit(error_model="numpy")
    def apply(x, y):
        for i in range(0, len(x), short_kernel.LANES):
            short_kernel.store(y, i, short_kernel.exp(short_kernel.load(x, i)))

    x = np.linspace(-95, 0, 160_000).astype(np.float32)
    x[:4] = [-np.inf, np.nan, -1e30, -88]
    y = np.empty_like(x)
    apply(x, y)
    assert y[[0, 2, 3]].tolist() == [0, 0, 0]
    assert np.isnan(y[1])
    assert y[-1] == 1
    there = x >= -87.3
    exact = np.exp(x[there].astype(np.float64))
    assert np.abs(y[there] / exact - 1).max() < 2e-7
    assert (y[~there][4:] == 0).all()


@pytest.fixture
def without_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "spotlib.models.fast.short_kernel")
    monkeypatch.delattr("spotlib.models.fast.short_kernel")
    monkeypatch.setitem(sys.modules, "numba", None)  # not to be found
    short_attention._kernels.cache_clear()
    yield
    short_attention._kernels.cache_clear()


def results(dim: int, dropout: float) -> list[Tensor]:
    """Outputs of training and evaluation and all gradients of a network, by the fastest way there is."""
    torch.manual_seed(0)
    model = build_model("spotformer", dim=dim, heads=2, head_dim=8, dropout=dropout, graph_mask=True)
    x = torch.randn(20, 17, 10, 2)
    out = trainer(model)(x)
    found = torch.autograd.grad(out.logits.square().sum(), list(model.parameters()))
    return [out.logits.detach(), *found, evaluator(model)(x).logits]


@pytest.mark.parametrize(("dim", "dropout"), [(16, 0.0), (16, 0.2), (128, 0.0)])
def test_networks_are_the_same_without_numba(
    dim: int, dropout: float, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = short_attention.attended
    monkeypatch.setattr(short_attention, "attended", lambda *a, **o: calls.append(1) or original(*a, **o))
    compiled = results(dim, dropout)
    assert len(calls) == 6 + 5  # the first attention of an evaluation is no attention there
    calls.clear()
    request.getfixturevalue("without_numba")
    plain = results(dim, dropout)
    assert not calls
    largest = max(float(theirs.abs().max()) for theirs in plain)  # some gradients are nothing but rounding
    for ours, theirs in zip(compiled, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5 * largest, rtol=1e-3)


def test_dropout_and_gradient_through_the_network_s_attention(request: pytest.FixtureRequest) -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(1)
        x = torch.randn(10, 21, 6, requires_grad=True)
        weight = torch.randn(3 * 8, 6, requires_grad=True)
        y = self_attention(x, weight, heads=2, dropout=0.4)  # the same weights are dropped
        found.append([y, *torch.autograd.grad(y.square().sum(), (x, weight))])
        if len(found) == 1:
            request.getfixturevalue("without_numba")
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-6 * float(theirs.detach().abs().max()), rtol=1e-4)


def test_what_is_left_to_other_code() -> None:
    assert short_attention.possible(torch.zeros(1), 17)
    assert not short_attention.possible(torch.zeros(1), short_attention.LONGEST + 1)
    assert not short_attention.possible(torch.zeros(1, dtype=torch.float64), 17)
    assert not short_attention.possible(torch.zeros(1, device="meta"), 17)


def test_one_compilation_serves_all() -> None:
    results(16, 0.0)
    results(16, 0.2)
    attended(torch.zeros(12, 8), 1, Sequences.outermost(4, 2), scale=1.0, mask=torch.ones(4, 4, dtype=torch.bool))
    assert len(short_kernel.forward.signatures) == len(short_kernel.backward.signatures) == 1
