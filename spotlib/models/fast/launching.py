"""Launches of Triton kernels, and how those of a whole network are made ready side by side before the first is wanted.

Triton compiles a kernel when it is launched first, and then builds what launches it: of a network some 40, half a
second each, one after the other.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import torch

THREADS = 16
_only_compiled: ContextVar[list[Any] | None] = ContextVar("only_compiled", default=None)


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
    """Launch ``kernel`` on ``grid``; within `side_by_side` only have it compiled for these arguments."""
    asked = _only_compiled.get()
    if asked is None:
        kernel[grid](*arguments, **options)
    else:
        made = kernel.warmup(*arguments, grid=grid, **options)
        if made is not None:
            asked.append(made)


@contextlib.contextmanager
def side_by_side(device: torch.device) -> Iterator[bool]:
    """What would be launched here is compiled instead, in several threads, and stands ready behind the block.

    Results within are of memory that nobody has written.

    Args:
        device: where the kernels will run.

    Yields:
        whether it is so: False where Triton cannot, and then kernels are launched as ever.
    """
    import triton

    mode = getattr(triton, "AsyncCompileMode", None)
    if mode is None:
        yield False
        return
    asked: list[Any] = []
    with ThreadPoolExecutor(max(1, min(THREADS, os.cpu_count() or 1))) as pool:
        # gradients too in this thread: what is set here is seen in no other. Errors are raised below: Triton, where it
        # raised them, would stay in its mode
        with _current(device), torch.autograd.set_multithreading_enabled(False), mode(pool, ignore_errors=True):
            token = _only_compiled.set(asked)
            try:
                yield True
            finally:
                _only_compiled.reset(token)
        kernels = {id(kernel): kernel for kernel in map(_compiled, asked)}
        for _ in pool.map(lambda kernel: _loaded(kernel, device), kernels.values()):
            pass


def _compiled(kernel: Any) -> Any:
    return kernel.result() if hasattr(kernel, "result") else kernel


def _loaded(kernel: Any, device: torch.device) -> Any:
    """``kernel`` on ``device``, with what launches it: a little C that is compiled too."""
    if device.type != "cuda":
        return kernel
    with _current(device):
        return kernel.run


def _current(device: torch.device) -> contextlib.AbstractContextManager:
    """Within it ``device`` is the one that Triton compiles for."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
