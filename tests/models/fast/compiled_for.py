"""Compiles the Triton kernels of a small network for a GPU that need not be there: run by `test_launching`.

Prints JSON: names of the kernels, how many were made, how many a second pass with more windows made, and how many of
them were launched (none); and what is said of one that cannot be compiled.
"""

from __future__ import annotations

import json
import sys
import tempfile

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from spotlib.models.fast.launching import launch, side_by_side
from spotlib.models.fast.packed import PackedForward, site_seeds
from spotlib.models.spotformer import SpotFormer, SpotFormerConfig

SMALL = {"dim": 32, "mlp": 64, "heads": 2, "head_dim": 16, "frames": 7, "regions": (2, 3), "edges": ((0, 1), (2, 3))}
CPU = torch.device("cpu")


class Driver:
    """Of a GPU with this architecture, as far as a compiler asks."""

    def __init__(self, architecture: int) -> None:
        self.target = GPUTarget("cuda", architecture, 32)

    def get_current_device(self) -> int:
        """The first."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """The default one."""
        return 0

    def get_current_target(self) -> GPUTarget:
        """What is compiled for."""
        return self.target


def passes(windows: int) -> None:
    """One training pass with its gradient, and one evaluation; results are of memory that nobody has written."""
    model = SpotFormer(SpotFormerConfig(**SMALL))
    packed = PackedForward(model, dtype=torch.bfloat16, backend="triton", joined=True)
    step = torch.zeros((), dtype=torch.int32)
    packed(torch.randn(windows, 7, 5, 2), site_seeds(step, step)).embedding.sum().backward()
    with torch.no_grad():
        packed(torch.randn(windows, 7, 5, 2), training=False)


@triton.jit
def _broken(x):
    tl.static_assert(False, "of another length")


def failure(compiled: bool) -> str:
    """What is said of a kernel that cannot be compiled: side by side, or by itself."""
    try:
        if compiled:
            with side_by_side(CPU):
                launch(_broken, (1,), torch.zeros(1))
        else:
            _broken.warmup(torch.zeros(1), grid=(1,))
    except Exception as error:
        return "of another length" if "of another length" in str(error) else repr(error)
    return ""


def main() -> None:
    """For the architecture in the arguments."""
    driver.set_active(Driver(int(sys.argv[1])))
    launched: list[str] = []
    run = JITFunction.run

    def seen(self, *args, grid, warmup, **kwargs):
        if not warmup:
            launched.append(self.fn.__name__)
        return run(self, *args, grid=grid, warmup=warmup, **kwargs)

    JITFunction.run = seen
    made = []
    with tempfile.TemporaryDirectory() as folder:
        triton.knobs.cache.dir = folder
        triton.knobs.runtime.jit_post_compile_hook = lambda **about: made.append(about["fn"].name.split(".")[-1])
        for windows in (16, 64):
            with side_by_side(CPU) as compiled:
                assert compiled
                passes(windows)
            made.append("")
    first, more = made[: made.index("")], made[made.index("") + 1 : -1]
    failed = failure(compiled=True), failure(compiled=False)
    json.dump({"made": first, "more": more, "launched": launched, "failed": failed[0], "again": failed[1]}, sys.stdout)


if __name__ == "__main__":
    main()
