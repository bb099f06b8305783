"""The network after AUW-GCN: its prior, its shapes, and that it learns."""

from __future__ import annotations

import pytest
import torch

from spotlib.errors import SpotlibError
from spotlib.models import AuwGCN, build_model, face_graph, parameter_count
from spotlib.models.auwgcn import AU_POINTS, AU_SHARES, AU_TOGETHER, au_prior
from spotlib.models.graph import GRAPHS
from spotlib.points import LAYOUTS


@pytest.mark.parametrize("layout", list(GRAPHS))
def test_shapes_and_a_gradient_everywhere(layout: str) -> None:
    model = build_model("auwgcn", nodes=layout)
    out = model(torch.randn(4, 17, GRAPHS[layout].nodes, 2))
    assert out.logits.shape == (4, 10)
    assert out.embedding.shape == (4, 64)
    out.logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("frames", [6, 7, 16, 31])
def test_any_window_length(frames: int) -> None:
    assert build_model("auwgcn", frames=frames)(torch.randn(2, frames, 10, 2)).logits.shape == (2, 10)


def test_prior_joins_what_action_units_move_together() -> None:
    points = LAYOUTS["all"]
    prior = au_prior(points)
    at = points.index
    assert torch.equal(prior, prior.T)
    assert torch.equal(prior.diagonal(), torch.ones(14))
    assert prior.min() >= 0
    assert prior.max() == 1
    assert prior[at("20"), at("23")] > prior[at("20"), at("18")] > 0  # AUs 1 and 4 against AU 2
    assert prior[at("48"), at("40+41")] == pytest.approx(AU_SHARES["6"])  # a smile reaches the lids
    assert prior[at("20"), at("57")] == 0
    # both AUs that move the corners' pair count
    assert prior[at("48"), at("54")] == pytest.approx(0.23 + 0.22 + 2 * 0.05)


def test_the_lists_speak_of_known_points_and_units() -> None:
    known = {point for points in LAYOUTS.values() for point in points}
    assert {point for points in AU_POINTS.values() for point in points} <= known
    assert {au for pair in AU_TOGETHER for au in pair} | set(AU_SHARES) <= set(AU_POINTS)


def test_the_graph_decides_which_nodes_mix() -> None:
    model = build_model("auwgcn").eval()
    x = torch.zeros(1, 17, 10, 2)
    moved = x.clone()
    moved[:, :, 6] += 1.0  # a mouth corner
    difference = (model.graph1(moved) - model.graph1(x)).abs().amax((0, 1, 3))
    prior = au_prior(LAYOUTS["10"])
    assert set(difference.nonzero().flatten().tolist()) <= set(prior[6].nonzero().flatten().tolist())
    assert difference[6] > 0


def test_it_separates_motions_of_two_regions() -> None:
    torch.manual_seed(0)
    x = 0.1 * torch.randn(64, 17, 10, 2)
    x[:32, 6:11, 6:8, 1] -= 1.0  # corners up in the middle of the window
    x[32:, 6:11, :6, 1] += 1.0  # brows down
    y = torch.arange(64) // 32
    model = build_model("auwgcn", dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(60):  # enough for the running statistics of BatchNorm, too
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x).logits[:, :2], y).backward()
        optimiser.step()
    assert (model.eval()(x).logits[:, :2].argmax(1) == y).float().mean() > 0.95


def test_wrong_shapes_are_told() -> None:
    with pytest.raises(SpotlibError, match=r"^AUW-GCN: windows are .* expected \(N, 17, 10, 2\); build it for this"):
        build_model("auwgcn")(torch.zeros(1, 17, 12, 2))
    with pytest.raises(SpotlibError, match=r"^AUW-GCN: 3 points for 10 nodes"):
        AuwGCN(face_graph("10"), ("48", "54", "51"))
    with pytest.raises(SpotlibError, match="choose one of spotformer, spotformer_gim, spotgcn, auwgcn"):
        build_model("auw")
    assert parameter_count(build_model("auwgcn", dim=32)) < parameter_count(build_model("auwgcn"))
