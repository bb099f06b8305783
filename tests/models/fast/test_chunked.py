"""Training on chunks: the reference's outputs, statistics and gradients for every variant, and dropout of its own."""

from __future__ import annotations

import copy

import pytest
import torch

from spotlib.labels import FrameTargets
from spotlib.losses import spotting_loss
from spotlib.models import SpotFormer, build_model
from spotlib.models.attention import self_attention
from spotlib.models.fast import chunked, trainer
from spotlib.models.fast.chunk_attention import Attend
from spotlib.models.fast.chunk_layers import Embed, FeedForward, Pool
from spotlib.models.fast.chunked import ChunkedForward
from spotlib.models.fast.chunks import Dropout, Layout, batch_stats
from tests.models.fast.networks import VARIANTS, gradients, lively, shape_of

CHUNKED = [options for options in VARIANTS if options.get("attention") != "joint"]


@pytest.fixture
def several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "CHUNK_VALUES", 10_000)


@pytest.mark.parametrize("options", CHUNKED, ids=str)
@pytest.mark.usefixtures("several_chunks")
def test_outputs_statistics_and_gradients_of_the_reference(options: dict) -> None:
    reference = lively(options).double()
    model = copy.deepcopy(reference)
    x = torch.randn(12, *shape_of(options), dtype=torch.float64) * 2 + 0.3
    expected, ours = reference(x), ChunkedForward(model)(x)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(model.state_dict(), reference.state_dict(), atol=1e-12, rtol=1e-10)
    wanted, found = gradients(reference, expected), gradients(model, ours)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-8, rtol=1e-7, msg=name)


@pytest.mark.usefixtures("several_chunks", "two_threads")
def test_threads_change_nothing_but_rounding() -> None:
    reference = lively({}).double()
    model = copy.deepcopy(reference)
    x = torch.randn(12, 17, 10, 2, dtype=torch.float64)
    expected, ours = reference(x), ChunkedForward(model)(x)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-10)
    wanted, found = gradients(reference, expected), gradients(model, ours)
    torch.testing.assert_close(found, wanted, atol=1e-8, rtol=1e-7)


def batch(count: int, seed: int) -> tuple[torch.Tensor, FrameTargets]:
    g = torch.Generator().manual_seed(seed)
    share = [torch.rand(count, generator=g) for _ in range(4)]
    whole = [torch.randint(0, 3, (count,), generator=g) for _ in range(3)]
    return torch.randn(count, 17, 10, 2, generator=g), FrameTargets(*share, *whole)


@pytest.mark.usefixtures("several_chunks")
def test_the_loss_of_twenty_steps_is_the_reference_s() -> None:
    curves = []
    for fast in (False, True):
        model = lively({"dim": 32, "head_dim": 16})
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        forward = ChunkedForward(model) if fast else model
        losses = []
        for step in range(20):
            x, targets = batch(48, step % 4)
            loss, _ = spotting_loss(*forward(x), targets, macro_weight=0.5)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        curves.append(losses)
    assert curves[0][-1] < 0.8 * curves[0][0]
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)


def test_same_seed_same_numbers_with_dropout() -> None:
    x, _ = batch(32, 0)
    results = []
    for seed in (3, 3, 4):
        model = lively({"dropout": 0.2})
        torch.manual_seed(seed)
        ours = ChunkedForward(model)(x)
        results.append([ours.logits, *gradients(model, ours).values()])
    assert all(torch.equal(a, b) for a, b in zip(results[0], results[1], strict=True))
    assert not torch.equal(results[0][0], results[2][0])


def test_dropout_keeps_the_share_it_should_and_the_mean() -> None:
    draw = Dropout(0.3, seed=1).of_chunk(0)
    first, second = draw((200, 100)), draw((200, 100))
    assert first.float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert not torch.equal(first, second)
    assert not torch.equal(first, Dropout(0.3, seed=1).of_chunk(1)((200, 100)))
    outputs = []
    model = lively({"dropout": 0.1})
    x = torch.randn(1, 17, 10, 2).expand(16, -1, -1, -1) + 0.1 * torch.randn(16, 17, 10, 2)
    for _ in range(60):
        outputs.append(ChunkedForward(model)(x).embedding.detach())
    reference = torch.stack([model(x).embedding.detach() for _ in range(60)])
    spread = reference.std(0) / 60**0.5
    assert ((torch.stack(outputs).mean(0) - reference.mean(0)).abs() < 6 * spread).all()


LAYOUT = Layout(2, 3, 4, 2)
DROP = Dropout(0.3, seed=5)


def leaves(*shapes: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    return tuple(torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes)


def test_gradient_of_embedding_with_dropout() -> None:
    motion, weight, table = leaves((2, 24, 2), (5, 2), (12, 5))
    assert torch.autograd.gradcheck(lambda w, t: Embed.apply(motion.detach(), w, t, LAYOUT, DROP), (weight, table))


@pytest.mark.parametrize("over", ["nodes", "frames"])
def test_gradient_of_attention_with_dropout_through_the_statistics(over: str) -> None:
    parts = leaves((2, 24, 5), (5,), (5,), (12, 5), (5, 4), (5,))
    mask = torch.eye(4, dtype=torch.bool) | (torch.rand(4, 4) > 0.4) if over == "nodes" else None

    def attend(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        return Attend.apply(x, *weights, (batch_stats(x.detach()), 1e-5), LAYOUT, over, 2, mask, DROP)

    assert torch.autograd.gradcheck(attend, parts)


def test_gradients_of_feed_forward_and_pool_through_the_statistics() -> None:
    parts = leaves((2, 24, 5), (5,), (5,), (6, 5), (6,), (5, 6), (5,))
    assert torch.autograd.gradcheck(
        lambda x, *w: FeedForward.apply(x, *w, (batch_stats(x.detach()), 1e-5), DROP), parts
    )
    assert torch.autograd.gradcheck(
        lambda x, *w: Pool.apply(x, *w, (batch_stats(x.detach()), 1e-5), LAYOUT, (1, 3)), parts[:3]
    )


def test_attention_is_the_formula_of_the_reference() -> None:
    x, gamma, beta, qkv, out, bias = leaves((1, 24, 5), (5,), (5,), (12, 5), (5, 4), (5,))
    layout = Layout(1, 3, 4, 2)
    stats = batch_stats(x.detach())
    ours = Attend.apply(x, gamma, beta, qkv, out, bias, (stats, 1e-5), layout, "nodes", 2, None, None)
    normed = torch.nn.functional.batch_norm(x[0], None, None, gamma, beta, training=True)
    tokens = normed.view(3, 4, 2, 5).transpose(0, 1).reshape(4, 6, 5)  # (V, T n, D)
    mixed = self_attention(tokens, qkv, heads=2).view(4, 3, 2, -1).transpose(0, 1).reshape(24, -1)
    torch.testing.assert_close(ours[0], x[0] + mixed @ out.t() + bias)


def test_statistics_survive_a_large_mean() -> None:
    x = torch.randn(3, 50, 4) * 0.01 + 1000
    stats = batch_stats(x)
    expected = x.double().view(-1, 4)
    torch.testing.assert_close(stats.mean.double(), expected.mean(0), rtol=1e-6, atol=0)
    torch.testing.assert_close(stats.var.double(), expected.var(0, correction=0), rtol=1e-2, atol=0)
    assert stats.tokens == 150


@pytest.mark.parametrize(
    ("name", "options", "fast"),
    [
        ("spotformer", {"dim": 16, "dropout": 0.1}, True),
        ("spotformer", {"dim": 16, "dropout": 0.0}, False),
        ("spotformer", {"dim": 128, "dropout": 0.0}, True),
        ("spotformer", {"dim": 16, "dropout": 0.1, "attention": "joint"}, False),
        ("spotgcn", {}, False),
    ],
)
def test_what_chunks_do_not_compute_or_not_faster_is_left_to_the_model(name: str, options: dict, fast: bool) -> None:
    model = build_model(name, **({"heads": 1, "head_dim": 8} if name == "spotformer" else {}), **options).eval()
    forward = trainer(model)
    assert model.training
    assert isinstance(forward, ChunkedForward) == fast
    assert fast or forward is model
    assert isinstance(model, SpotFormer) or not fast


def test_chunks_are_equal_and_cover_the_batch() -> None:
    for count in (512, 80, 37, 1):
        layout = chunked.chunked(count, 17, 10, 256)
        assert layout.chunks * layout.windows == count
        assert layout.tokens == count * 170
