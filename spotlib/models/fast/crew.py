"""Chunks of a batch, spread over threads that use one core each.

PyTorch splits every operation over the cores and waits for the slowest at its end. On chunks that fit a core's
cache the operations are short and the waiting costs more than they do, above all on a busy machine. A crew
splits the *chunks*: its threads meet once per sub-layer.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


class Crew:
    """``threads`` threads that do chunks of work side by side, without recording gradients."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.pool: ThreadPoolExecutor | None = None
        if threads > 1:
            everybody = threading.Barrier(threads + 1)

            def prepare() -> None:
                torch.get_num_threads()  # a thread takes the process's number on its first question, then its own
                torch.set_num_threads(1)
                everybody.wait()

            self.pool = ThreadPoolExecutor(threads, "spotlib-crew", initializer=prepare)
            for _ in range(threads):
                self.pool.submit(int)
            everybody.wait()
            torch.set_num_threads(threads)  # the process's, for threads born later

    def share(self, work: Callable[[range], T], chunks: int) -> list[T]:
        """``work(range of chunks)`` for as many ranges as there are threads, in order; they cover ``chunks``."""
        if self.pool is None or chunks == 1:
            return [_without_gradient(work, range(chunks))]
        count = min(self.threads, chunks)
        ranges = [range(i * chunks // count, (i + 1) * chunks // count) for i in range(count)]
        return list(self.pool.map(functools.partial(_without_gradient, work), ranges))


def _without_gradient(work: Callable[[range], T], chunks: range) -> T:
    with torch.no_grad():  # a matter of each thread
        return work(chunks)


@functools.cache
def _crew(threads: int) -> Crew:
    return Crew(threads)


def crew() -> Crew:
    """The crew of as many threads as ``torch.get_num_threads()`` says."""
    return _crew(torch.get_num_threads())
