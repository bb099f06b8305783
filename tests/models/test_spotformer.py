"""SpotFormer: published counts, the release's numbers, every variant, and the layout's claims."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spotlib.errors import SpotlibError
from spotlib.models import (
    SpotFormer,
    SpotFormerConfig,
    attention,
    build_model,
    build_released,
    gflop,
    load_released,
    parameter_count,
)
from spotlib.models.attention import self_attention
from spotlib.models.graph import GRAPHS, face_graph
from spotlib.models.released import released_names

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
SMALL = {"dim": 16, "heads": 2, "head_dim": 4}


def golden(name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    with np.load(GOLDEN / name, allow_pickle=False) as stored:
        arrays = dict(stored)
    weights = {key.removeprefix("weights/"): value for key, value in arrays.items() if key.startswith("weights/")}
    return weights, arrays


def test_published_parameter_counts_and_cost() -> None:
    model = build_model("spotformer")
    assert parameter_count(model) == 3_168_778
    assert round(gflop(model, 17, 10), 3) == 0.326
    assert parameter_count(build_model("spotformer_gim")) == 3_166_208


@pytest.mark.parametrize("name", ["spotformer_T16.npz", "spotformer_T17.npz", "spotformer_gim_T17.npz"])
def test_outputs_and_gradient_of_the_release(name: str) -> None:
    weights, arrays = golden(name)
    x = torch.from_numpy(arrays["input"])
    x = x.flatten(0, 1) if x.ndim == 5 else x.permute(0, 2, 3, 1)  # (N, T, V, 2)
    model = build_released(weights, frames=x.shape[1])
    for mode in ("eval", "train"):
        model.train(mode == "train")
        outputs = {key: value for key, value in model(x)._asdict().items() if value is not None}
        assert {f"{mode}/{key}" for key in outputs} <= arrays.keys()
        for key, value in outputs.items():
            stored = arrays[f"{mode}/{key}"].reshape(value.shape)
            np.testing.assert_allclose(value.detach().numpy(), stored, atol=2e-5, rtol=0)
    loss = sum(value.square().mean() for value in outputs.values())
    loss.backward()
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    assert loss.item() == pytest.approx(arrays["train/loss"].item(), rel=1e-4)
    assert norm.item() == pytest.approx(arrays["train/grad_l2"].item(), rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attention": "time-then-space"},
        {"attention": "joint"},
        {"attention": "parallel"},
        {"flgp": "mean"},
        {"flgp": "none"},
        {"scales": "single"},
        {"downsample": "max"},
        {"downsample": "mean"},
        {"spatial_position": False},
        {"temporal_position": False},
        {"graph_mask": True},
        {"graph_mask": True, "attention": "joint", "flgp": "none", "downsample": "mean"},
        {"dropout": 0.3, "mlp": 24},
    ],
    ids=str,
)
def test_variants_keep_the_shape_and_differ(options: dict) -> None:
    torch.manual_seed(0)
    paper = build_model("spotformer", **SMALL).eval()
    torch.manual_seed(0)
    model = build_model("spotformer", **SMALL, **options).eval()
    x = torch.randn(3, 17, 10, 2)
    out = model(x)
    assert out.logits.shape == (3, 10)
    assert out.embedding.shape == (3, 16)
    if options and "dropout" not in options:
        assert not torch.allclose(out.logits, paper(x).logits, atol=1e-4)
    model.train()(x).logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_orders_of_attention_have_the_same_number_of_parameters() -> None:
    counts = {
        parameter_count(build_model("spotformer", attention=order, **SMALL))
        for order in ("space-then-time", "time-then-space", "joint", "parallel")
    }
    assert len(counts) == 1


@pytest.mark.parametrize("frames", [3, 7, 8, 11, 15, 17, 23, 31])
@pytest.mark.parametrize("layout", list(GRAPHS))
def test_any_window_length_and_node_layout(frames: int, layout: str) -> None:
    nodes = face_graph(layout).nodes
    for name in ("spotformer", "spotformer_gim"):
        model = build_model(name, frames=frames, nodes=layout, head=True, **SMALL).eval()
        assert model(torch.randn(2, frames, nodes, 2)).logits.shape == (2, 10)
        assert model.temporal_position.shape == (max(18, frames), 16)


def test_long_windows_average_the_frames_that_remain() -> None:
    model = build_model("spotformer", frames=31, **SMALL).eval()
    kept = []
    model.down4.register_forward_hook(lambda module, inputs, output: kept.append(output))
    out = model(torch.randn(2, 31, 10, 2))
    assert kept[0].shape == (1, 2, 2, 16)  # (V, T, N, D); 31 -> 15 -> 7 -> 4 -> 2
    torch.testing.assert_close(out.embedding, kept[0].mean(1)[0])


def test_mean_downsampling_counts_only_frames_that_exist() -> None:
    model = build_model("spotformer", downsample="mean", **SMALL).eval()
    model.down3.norm = torch.nn.Identity()  # padding 1, three frames
    x = torch.randn(1, 3, 2, 16)  # (V, T, N, D)
    expected = torch.stack([x[:, :2].mean(1), x[:, 1:].mean(1)], dim=1)
    torch.testing.assert_close(model.down3(x), expected)


def test_convolution_on_tokens_is_conv1d() -> None:
    model = build_model("spotformer", **SMALL).eval()
    for down, padding in ((model.down1, 0), (model.down3, 1)):
        x = torch.randn(3, 9, 2, 16)  # (V, T, N, D)
        weight = down.conv.weight.view(16, 3, 16).transpose(1, 2)  # (out, in, kernel)
        flat = down.norm(x).permute(0, 2, 3, 1).flatten(0, 1)  # (V N, D, T)
        expected = F.conv1d(flat, weight, stride=2, padding=padding).view(3, 2, 16, -1).permute(0, 3, 1, 2)
        torch.testing.assert_close(down(x), expected)


def reference(x: Tensor, weight: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Attention sequence by sequence and head by head."""
    out = torch.zeros(*x.shape[:2], weight.shape[0] // 3, dtype=x.dtype)
    wq, wk, wv = weight.chunk(3)
    width = len(wq) // heads
    for b in range(x.shape[1]):
        for h in range(heads):
            q, k, v = (x[:, b] @ w[h * width : (h + 1) * width].t() for w in (wq, wk, wv))
            scores = q @ k.t() / width**0.5
            if mask is not None:
                scores = scores.masked_fill(~mask, float("-inf"))
            out[:, b, h * width : (h + 1) * width] = scores.softmax(-1) @ v
    return out


def general(x: Tensor, weight: Tensor, **options: object) -> Tensor:
    """The path of other devices and of long sequences."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "SHORT", 0)
        return self_attention(x, weight, **options)


@pytest.mark.parametrize("masked", [False, True])
def test_both_paths_of_attention_equal_the_formula(masked: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 5, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3 * 3 * 4, 6, dtype=torch.float64, requires_grad=True)
    mask = (torch.rand(7, 7) > 0.5) | torch.eye(7, dtype=torch.bool) if masked else None
    expected = reference(x, weight, 3, mask)
    upstream = torch.randn_like(expected)
    gradients = torch.autograd.grad(expected, (x, weight), upstream)
    for path in (self_attention, general):
        ours = path(x, weight, heads=3, mask=mask)
        torch.testing.assert_close(ours, expected)
        for mine, theirs in zip(torch.autograd.grad(ours, (x, weight), upstream), gradients, strict=True):
            torch.testing.assert_close(mine, theirs)
    assert torch.autograd.gradcheck(lambda *t: self_attention(*t, heads=3, mask=mask), (x, weight))


def test_attention_survives_large_scores() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(5, 2, 6) * 30, torch.randn(3 * 8, 6)
    ours = self_attention(x, weight, heads=2)
    assert ours.isfinite().all()
    torch.testing.assert_close(ours, general(x, weight, heads=2), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("path", [self_attention, general])
def test_dropout_drops_attention_weights_but_not_their_mean(path: Callable[..., Tensor]) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(10, 64, 6), torch.randn(3 * 8, 6)
    whole = self_attention(x, weight, heads=2)
    assert not torch.allclose(path(x, weight, heads=2, dropout=0.5), whole, atol=1e-3)
    mean = torch.stack([path(x, weight, heads=2, dropout=0.5) for _ in range(300)]).mean(0)
    assert (mean - whole).abs().mean() < 0.1 * whole.abs().mean()


def test_gradient_with_dropout() -> None:
    x = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3 * 4, 4, dtype=torch.float64, requires_grad=True)

    def seeded(x: Tensor, weight: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same weights are dropped in every evaluation
        return self_attention(x, weight, heads=2, dropout=0.4)

    assert torch.autograd.gradcheck(seeded, (x, weight))


def test_graph_mask_hides_nodes_that_are_no_neighbours() -> None:
    model = build_model("spotformer", graph_mask=True, **SMALL).eval()
    x = torch.randn(10, 17, 1, 16)  # (V, T, N, D) at scale 1
    changed = x.clone()
    changed[2] += 1.0  # outer end of brow A: neighbour of node 1 only
    moved = (model.scale1.over_space(changed) - model.scale1.over_space(x)).abs().amax((1, 2, 3)) > 1e-6
    assert moved.nonzero().flatten().tolist() == [1, 2]
    whole = build_model("spotformer", **SMALL).eval().scale1
    assert ((whole.over_space(changed) - whole.over_space(x)).abs().amax((1, 2, 3)) > 1e-6).all()


def test_same_seed_same_numbers() -> None:
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        model = build_model("spotformer", dropout=0.2, **SMALL)
        x = torch.randn(8, 17, 10, 2)
        model(x).logits.square().mean().backward()
        runs.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.equal(*runs)


def test_loading_names_what_is_missing_left_over_or_of_another_shape() -> None:
    weights, _ = golden("spotformer_T17.npz")
    model = build_released(weights, frames=17)
    assert set(released_names(model)) == set(weights)
    with pytest.raises(SpotlibError, match=r"missing: norm\.bias; unused: extra\.weight"):
        load_released(model, {k: v for k, v in weights.items() if k != "norm.bias"} | {"extra.weight": np.zeros(3)})
    with pytest.raises(SpotlibError, match=r"mlp_head\.bias has shape \(9,\)"):
        load_released(model, weights | {"mlp_head.bias": np.zeros(9, np.float32)})
    load_released(model, weights | {"norm.num_batches_tracked": np.array(7)})
    with pytest.raises(SpotlibError, match="not a SpotFormer"):
        build_released({"something.weight": np.zeros(3)}, frames=17)


def test_every_loaded_weight_matters() -> None:
    weights, arrays = golden("spotformer_T17.npz")
    x = torch.from_numpy(arrays["input"]).permute(0, 2, 3, 1)
    for name in weights:
        changed = build_released(weights | {name: weights[name] + np.float32(0.5)}, frames=17)
        assert not np.allclose(changed(x).logits.detach().numpy(), arrays["eval/logits"], atol=2e-5), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "both"}, "attention is 'both'; choose one of space-then-time"),
        ({"frames": 2}, "2 frames in a window; 3 or more"),
        ({"nodes": "11"}, "node layout '11' is unknown; choose one of 10, nose, eyelids, all"),
        ({"depth": 3}, "spotformer: .*'depth'"),
        ({"dim": 0}, "must be positive"),
    ],
)
def test_wrong_options_are_told(options: dict, message: str) -> None:
    with pytest.raises(SpotlibError, match=message):
        build_model("spotformer", **options)


def test_wrong_networks_and_windows_are_told() -> None:
    with pytest.raises(SpotlibError, match="network 'resnet' is unknown"):
        build_model("resnet")
    with pytest.raises(SpotlibError, match=r"windows have shape \(2, 16, 10, 2\), expected \(N, 17, 10, 2\)"):
        SpotFormer(SpotFormerConfig(**SMALL))(torch.zeros(2, 16, 10, 2))
