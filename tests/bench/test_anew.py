"""Processes that compile each for themselves."""

from __future__ import annotations

import torch

from spotlib.bench import anew

CPU = torch.device("cpu")


def test_two_processes_end_with_the_same_weights_and_another_length_with_others() -> None:
    found = anew.compiled_anew(CPU, steps=1)
    assert found["same_weights"]
    assert len(found["weights"]) == 2
    assert found["steps"] == 1
    assert len(found["weights"][0]) == 12
    assert anew.compiled_anew(CPU, processes=1, steps=2)["weights"][0] != found["weights"][0]
