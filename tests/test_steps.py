"""PyTorch's switches while something is computed."""

from __future__ import annotations

import pytest
import torch
from torch._inductor import config

from spotlib import steps
from spotlib.models.spotformer import SpotFormer, SpotFormerConfig
from spotlib.steps import Speed, possible, settings


def _switches() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), config.triton.autotune_pointwise


@pytest.mark.parametrize(
    ("speed", "inside"),
    [
        (Speed(compile=True), (True, False)),
        (Speed(compile=True, deterministic=False), (False, True)),
        (Speed(), (True, True)),
    ],
)
def test_switches_hold_inside_and_are_as_before_outside(speed: Speed, inside: tuple[bool, bool]) -> None:
    before = _switches()
    with settings(speed):
        assert _switches() == inside
    assert _switches() == before


def test_switches_are_as_before_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), settings(Speed(compile=True)):
        raise ZeroDivisionError
    assert _switches() == (False, True)


GPU = torch.device("cuda")
BEST = Speed("bfloat16", compile=True, graph=True, packed=True, attention="triton", joined=True)


@pytest.mark.parametrize(
    ("joined", "triton", "attention", "is_joined", "notes"),
    [
        ("", None, "triton", True, []),  # the attention was tried with what is joined: not asked again
        ("off by 3", "", "triton", False, ["sub-layers in parts: off by 3"]),
        ("no Triton", "no Triton", "fused", False, ["no Triton attention: no Triton"]),
    ],
)
def test_what_a_gpu_cannot_do_is_left_away_and_said(
    monkeypatch: pytest.MonkeyPatch, joined: str, triton: str | None, attention: str, is_joined: bool, notes: list[str]
) -> None:
    def agrees(*_: object) -> str:
        assert triton is not None
        return triton

    monkeypatch.setattr(steps, "joined_agrees", lambda *_: joined)
    monkeypatch.setattr(steps, "triton_agrees", agrees)
    model = SpotFormer(SpotFormerConfig(dim=16, mlp=16, heads=1, head_dim=16, frames=3))
    speed, said = possible(BEST, model, GPU)
    assert (speed.attention, speed.joined, said) == (attention, is_joined, notes)
    assert speed.compile


def test_the_kernels_are_tried_without_joined_sub_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "triton_agrees", lambda *_: "off by 2")
    model = SpotFormer(SpotFormerConfig(dim=16, mlp=16, heads=1, head_dim=16, frames=3))
    speed, said = possible(Speed(packed=True, attention="triton"), model, GPU)
    assert (speed.attention, said) == ("fused", ["no Triton attention: off by 2"])


def test_a_network_without_a_packed_form_is_trained_by_itself() -> None:
    speed, said = possible(BEST, torch.nn.Linear(2, 2), GPU)
    assert (speed.packed, speed.compile, speed.precision) == (False, False, "float32")
    assert said == ["Linear has no packed form: trained by itself, in float32"]
