"""Devices by name, and taking turns on them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from spotlib.devices import find_devices, turn, use_device
from spotlib.errors import SpotlibError


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)


@pytest.mark.parametrize(
    ("choice", "gpus", "expected"),
    [
        ("auto", 0, ["cpu"]),
        ("auto", 2, ["cuda:0", "cuda:1"]),
        ("cuda", 2, ["cuda:0", "cuda:1"]),
        ("cuda:1", 2, ["cuda:1"]),
        ("cpu", 2, ["cpu"]),
    ],
)
def test_names(monkeypatch, choice, gpus, expected):
    machine(monkeypatch, gpus)
    assert find_devices(choice) == expected


@pytest.mark.parametrize(("name", "expected"), [("cuda", [0]), ("cuda:1", [1]), ("cpu", [])])
def test_the_one_in_use_is_the_current_one(monkeypatch, name, expected):
    current = []
    monkeypatch.setattr(torch, "zeros", lambda *size, device: None)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    use_device(name)
    assert current == expected  # Triton and CUDA take a number; the name "cuda" alone is refused there


def test_one_that_cannot_be_used_is_told():
    if not torch.cuda.is_available():
        with pytest.raises(SpotlibError, match="--device cuda: not usable here"):
            use_device("cuda")
    with pytest.raises(SpotlibError, match="--device tpu7: not usable here"):
        use_device("tpu7")


@pytest.mark.parametrize(
    ("choice", "gpus", "said"),
    [("cuda", 0, "has 0 GPUs"), ("cuda:2", 2, "has 2 GPUs"), ("gpu", 1, "unknown"), ("cuda:x", 1, "unknown")],
)
def test_what_is_not_there_is_told(monkeypatch, choice, gpus, said):
    machine(monkeypatch, gpus)
    with pytest.raises(SpotlibError, match=f"--device {choice}: .*{said}"):
        find_devices(choice)


def test_an_idle_device_comes_first_and_a_dead_process_gives_its_turn_back(tmp_path: Path) -> None:
    devices = ["cuda:0", "cuda:1"]
    with turn(devices, 2, folder=tmp_path) as one, turn(devices, 2, folder=tmp_path) as two:
        assert {one, two} == set(devices)
        with turn(devices, 2, folder=tmp_path) as three:
            assert three == "cuda:0"
    code = f"""
import os
from pathlib import Path
from spotlib.devices import turn
with turn(["cuda:0"], folder=Path({str(tmp_path)!r})) as device:
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    with turn(["cuda:0"], folder=tmp_path) as device:
        assert device == "cuda:0"
