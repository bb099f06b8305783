"""Kernels compiled before they are wanted: for a GPU that is not there, so that a mistake is seen without one."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from spotlib.models.fast.launching import launch, side_by_side

CPU = torch.device("cpu")


class Kernel:
    """Remembers what it was asked for."""

    def __init__(self, result: object = None) -> None:
        self.asked, self.found = [], result

    def __getitem__(self, grid):
        return lambda *args, **options: self.asked.append(("launched", grid, args, options))

    def warmup(self, *args, grid, **options):
        """As Triton's."""
        self.asked.append(("compiled", grid, args, options))
        return self.found


class Mode:
    """As Triton's `AsyncCompileMode`."""

    inside = False

    def __init__(self, pool, *, ignore_errors) -> None:
        assert pool is not None
        assert ignore_errors  # Triton's stays in its mode where it raises

    def __enter__(self):
        Mode.inside = True

    def __exit__(self, *_):
        Mode.inside = False


class Future:
    """A kernel that is being compiled."""

    def result(self):
        """It is ready behind the block only."""
        assert not Mode.inside
        return "ready"


def test_a_launch_is_a_launch():
    kernel = Kernel()
    launch(kernel, (3, 2), "x", SIZE=4)
    assert kernel.asked == [("launched", (3, 2), ("x",), {"SIZE": 4})]


def test_within_the_block_kernels_are_only_compiled(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", types.SimpleNamespace(AsyncCompileMode=Mode))
    kernel = Kernel(Future())
    with side_by_side(CPU) as compiled:
        launch(kernel, (1,), "x")
        assert compiled
        assert Mode.inside
    launch(kernel, (1,), "x")
    assert [asked[0] for asked in kernel.asked] == ["compiled", "launched"]


def test_a_failure_within_ends_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", types.SimpleNamespace(AsyncCompileMode=Mode))
    kernel = Kernel()
    with pytest.raises(RuntimeError, match="no product"), side_by_side(CPU):
        raise RuntimeError("no product")
    launch(kernel, (1,))
    assert kernel.asked[0][0] == "launched"


def test_a_triton_that_cannot_launches_as_ever(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", types.SimpleNamespace())
    kernel = Kernel()
    with side_by_side(CPU) as compiled:
        launch(kernel, (1,))
    assert not compiled
    assert kernel.asked[0][0] == "launched"


@pytest.mark.skipif(sys.platform != "linux", reason="Triton is for Linux only; make test installs it there")
@pytest.mark.parametrize("architecture", [80, 90])
def test_all_kernels_compile_for_a_gpu(architecture):
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.fast.compiled_for", str(architecture)], capture_output=True, text=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["launched"] == []
    assert {*found["made"]} == {
        "_forward", "_backward", "_embed", "_embed_back", "_residual", "_residual_back", "_activate", "_activate_back",
        "_pool", "_pool_back", "_combine", "_project", "_feed",
    }  # fmt: skip
    assert "of another length" in found["failed"]
    assert found["again"] == "of another length"  # a kernel that cannot be compiled leaves nothing behind
    assert {*found["more"]} <= {"_combine"}  # it knows the number of tiles; all others serve any number of windows
