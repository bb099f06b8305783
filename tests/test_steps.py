"""PyTorch's switches while something is computed."""

from __future__ import annotations

import pytest
import torch
from torch._inductor import config

from spotlib.steps import Speed, settings


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
