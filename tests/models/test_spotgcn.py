"""SpoT-GCN: published counts, the release's numbers, its graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spotlib.errors import SpotlibError
from spotlib.models import build_model, build_released, parameter_count
from spotlib.models.graph import GRAPHS, FaceGraph

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "spotgcn_T17.npz"


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def weights(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix("weights/"): value for key, value in stored.items() if key.startswith("weights/")}


def test_published_parameter_count_and_its_unused_part() -> None:
    model = build_model("spotgcn")
    assert parameter_count(model) == 71_474
    model(torch.randn(4, 17, 10, 2)).logits.sum().backward()
    assert sum(p.numel() for p in model.parameters() if p.grad is None) == 40


def test_outputs_and_gradient_of_the_release(stored: dict, weights: dict) -> None:
    model = build_released(weights, frames=17)
    x = torch.from_numpy(stored["input"]).permute(0, 2, 3, 1)
    for mode in ("eval", "train"):
        out = model.train(mode == "train")(x)
        np.testing.assert_allclose(out.logits.detach().numpy(), stored[f"{mode}/logits"], atol=2e-5, rtol=1e-6)
        np.testing.assert_allclose(out.embedding.detach().numpy(), stored[f"{mode}/embedding"], atol=2e-5, rtol=1e-6)
    loss = out.logits.square().mean() + out.embedding.square().mean()
    loss.backward()
    norm = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm()
    assert loss.item() == pytest.approx(stored["train/loss"].item(), rel=1e-4)
    assert norm.item() == pytest.approx(stored["train/grad_l2"].item(), rel=1e-4)


def test_graph_of_the_release(stored: dict) -> None:
    graph = FaceGraph()
    np.testing.assert_allclose(graph.laplacian().numpy(), stored["graph/A1"][0], atol=1e-7)
    np.testing.assert_allclose(graph.region_graph().laplacian().numpy(), stored["graph/A2"][0], atol=1e-7)


@pytest.mark.parametrize("layout", list(GRAPHS))
def test_layouts_are_connected_graphs_with_the_ten_nodes_first(layout: str) -> None:
    graph = GRAPHS[layout]
    assert graph.regions[:3] == (3, 3, 4)
    assert set(FaceGraph().edges) <= set(graph.edges)
    assert len({frozenset(edge) for edge in graph.edges}) == len(graph.edges)
    reach = torch.linalg.matrix_power(graph.mask().double(), graph.nodes)
    assert (reach > 0).all()
    out = build_model("spotgcn", nodes=layout)(torch.randn(3, 17, graph.nodes, 2))
    assert out.logits.shape == (3, 10)
    assert out.embedding.shape == (3, 64)


def test_kaiming_normal_initialisation() -> None:
    torch.manual_seed(0)
    model = build_model("spotgcn")
    for conv, fan_in in zip(model.convs, (6, 320, 320, 448), strict=True):
        assert conv.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)


def test_other_windows_are_told() -> None:
    with pytest.raises(SpotlibError, match="spotgcn takes windows of 17 frames, not 16; set window to 17"):
        build_model("spotgcn", frames=16)
    with pytest.raises(SpotlibError, match=r"expected \(N, 17, 10, 2\)"):
        build_model("spotgcn")(torch.zeros(1, 17, 12, 2))
