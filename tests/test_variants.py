"""Variants: composable changes, each with a reason, each a network that takes the windows it asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spotlib.errors import SpotlibError
from spotlib.models import build_model, gflop, loss_options, model_options, parameter_count
from spotlib.params import Params, make_params
from spotlib.swmro import windows
from spotlib.tables.registry import TABLES
from spotlib.variants import MAIN, VARIANTS, cost, distinct, get_variant, longest_gap, of_table
from tests.test_swmro import invented

SMALL = make_params({"dim": 16, "heads": 2, "head_dim": 4, "max_gap": 30})
LEARNED = [name for name in VARIANTS if name != "peaks"]


@pytest.fixture(scope="module")
def motion():
    return invented(n=40, max_gap=30)


def test_every_table_of_variants_has_the_rows_of_the_paper() -> None:
    assert set(of_table("T1")) == {"spotformer", "peaks", "auwgcn", "spotformer_gim", "spotgcn"}
    assert [VARIANTS[name].changes["window"] for name in of_table("T4")] == [7, 11, 15, 17, 23, 31]
    assert of_table("T5") == ("adjacent", "fixed_gap", "no_head_motion", "robust_head")
    assert {"joint", "time_then_space", "parallel", "single_scale", "no_flgp", "flgp_mean", "down_max", "down_mean",
            "gim_paddings", "no_spatial_position", "no_temporal_position", "facial_graph", "spotgcn",
            "d64", "d128", "d256", "d512"} == set(of_table("T6"))  # fmt: skip
    assert {"no_contrastive", "normalised"} < set(of_table("T7"))
    assert sum(name.startswith("temperature") for name in of_table("T7")) >= 3
    assert [VARIANTS[name].changes["nodes"] for name in of_table("T8")] == ["nose", "eyelids", "all"]
    assert of_table("T13") == ("neutral",)
    assert {table for variant in VARIANTS.values() for table in variant.tables} <= set(TABLES)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_one_sentence_of_reason_and_changes_what_it_says(name: str) -> None:
    variant = VARIANTS[name]
    assert variant.name == name
    assert variant.reason[0].isupper()
    assert variant.reason.endswith((".", "?"))
    assert 20 < len(variant.reason) < 140
    applied = variant.apply(Params())
    for key, value in variant.changes.items():
        assert getattr(applied, key) == value
    rest = {k for k in Params.model_fields if k not in (*variant.changes, "max_gap")}
    assert all(getattr(applied, key) == getattr(Params(), key) for key in rest)


def test_labels_tell_variants_apart() -> None:
    labels = [variant.label for variant in VARIANTS.values()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", LEARNED)
def test_the_network_of_a_variant_takes_its_windows(name: str, motion) -> None:
    params = get_variant(name).apply(SMALL)
    made, whole = windows(
        motion, K=params.window, keep_zero_row=params.keep_zero_row, layout=params.nodes, head=params.head_motion,
        feature=params.motion,
    )  # fmt: skip
    frames, nodes = made.shape[1:3]
    model = build_model(params.system, frames=frames, nodes=params.nodes, **model_options(params))
    out = model.train()(torch.from_numpy(made[:6]))
    assert out.logits.shape == (6, 10)
    out.logits.square().mean().backward()
    width = 16 if params.system.startswith("spotformer") and "dim" not in get_variant(name).changes else None
    assert out.embedding.shape == (6, width or out.embedding.shape[1])
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert whole.any()
    assert cost(name, SMALL) == (parameter_count(model), gflop(model, frames, nodes))


def test_cost_is_computed_and_is_the_published_one() -> None:
    assert cost(MAIN, Params())[0] == 3_168_778
    assert round(cost(MAIN, Params())[1], 3) == 0.326
    assert cost("spotgcn", Params())[0] == 71_474
    assert cost("peaks", Params()) == (0, 0.0)
    assert cost("d512", Params())[0] > 2 * cost("d256", Params())[0]
    assert cost("no_flgp", Params())[1] > cost(MAIN, Params())[1]


def test_features_of_the_variants_differ(motion) -> None:
    made = {}
    for name in (MAIN, *of_table("T5")):
        params = get_variant(name).apply(SMALL)
        made[name] = windows(motion, head=params.head_motion, feature=params.motion)[0]
    names = list(made)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert not np.allclose(made[a], made[b], atol=1e-3), (a, b)


def test_windows_raise_the_motion_that_they_need_and_no_other() -> None:
    assert get_variant("k31").apply(Params()).max_gap == 30
    assert get_variant("k11").apply(Params()).max_gap == 16
    assert get_variant("k23").apply(make_params({"max_gap": 30})).max_gap == 30


def test_one_features_file_serves_all_windows() -> None:
    assert longest_gap(of_table("T4"), Params()) == 30
    assert longest_gap(of_table("T8"), Params()) == 16
    assert longest_gap((), make_params({"max_gap": 20})) == 20


def test_names_compose_in_any_order() -> None:
    both = get_variant("no_flgp+k31")
    assert both == get_variant("k31+no_flgp") == get_variant("spotformer+k31+no_flgp+k31")
    assert both.name == "k31+no_flgp"
    assert both.label == "K = 31, without FLGP"
    applied = both.apply(Params())
    assert (applied.window, applied.max_gap, applied.flgp, applied.system) == (31, 30, "none", "spotformer")
    assert get_variant("spotgcn+robust_head").apply(Params()).system == "spotgcn"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("spotformr", "^unknown variant 'spotformr'; did you mean 'spotformer'"),
        ("k11+no_flpg", "^unknown variant 'no_flpg' in 'k11\\+no_flpg'; did you mean 'no_flgp'"),
        ("k11+k7", "^variant 'k11\\+k7': window cannot be both 7 and 11; drop one part$"),
        ("peaks+spotgcn", "system cannot be both peaks and spotgcn"),
        ("", "^unknown variant ''; known: spotformer, "),
    ],
)
def test_wrong_names_are_one_line(name: str, message: str) -> None:
    with pytest.raises(SpotlibError, match=message) as caught:
        get_variant(name)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_computed_is_said_when_it_is_applied() -> None:
    with pytest.raises(SpotlibError, match="SpoT-GCN takes windows of 17 rows"):
        get_variant("spotgcn+k11").apply(Params())


def test_variants_that_change_nothing_are_the_main_row() -> None:
    paper, small = Params().model_dump(), Params().replace(dim=64).model_dump()
    assert distinct((MAIN, "k17", "d64", "d256", "k11"), paper) == [MAIN, "d64", "k11"]
    assert distinct((MAIN, "k17", "d64", "d256", "k11"), small) == [MAIN, "d256", "k11"]
    assert get_variant("k17").same_as(get_variant("d256"), paper)


def test_spotgcn_and_gim_keep_all_17_rows_where_features_have_16() -> None:
    samm = make_params({"keep_zero_row": False})
    assert get_variant("spotgcn").apply(samm).keep_zero_row
    assert get_variant("spotformer_gim").apply(samm).keep_zero_row
    assert not get_variant("k11").apply(samm).keep_zero_row
    assert cost("spotgcn", samm)[0] == 71_474


def test_options_reach_network_and_loss() -> None:
    gim = model_options(get_variant("spotformer_gim").apply(Params()))
    assert (gim["paddings"], gim["dropout"], gim["head"]) == ((1, 1, 1, 0), 0.0, True)
    assert model_options(get_variant("gim_paddings").apply(Params()))["paddings"] == (1, 1, 1, 0)
    assert "paddings" not in model_options(Params())
    assert model_options(get_variant("spotgcn").apply(Params())) == {}
    options = loss_options(get_variant("normalised+temperature_0.07").apply(Params()))
    assert options == {"macro_weight": 0.5, "contrastive_weight": 0.005, "temperature": 0.07, "normalise": True}
    assert loss_options(get_variant("auwgcn").apply(Params()))["contrastive_weight"] == 0
