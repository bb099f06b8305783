"""Timing in turns, medians with spread, what this machine is, and how fast it could be."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.provenance import git_commit, machine, versions

#: what a measurement is in the results: median, spread, and how many times it was taken
Spread = dict[str, float]
#: leave-one-subject-out with one subject for choices instead of a quarter: its name, before how many folds at once
FEWER_CHOOSE = "loso with one subject for choices"


def spread(values: list[float]) -> Spread:
    """Median, lowest and highest of some measurements.

    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'low': 1.0, 'high': 3.0, 'n': 3}
    """
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "n": len(values)}


def in_turns(
    work: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    units: Mapping[str, float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
    wait: Callable[[], object] = lambda: None,
    warm_up: int = 1,
) -> dict[str, list[float]]:
    """Seconds that each kind of ``work`` takes, ``repeats`` times in turns: A, B, A, B, ...

    What else the machine does meets all of them alike. Each is done ``warm_up`` times before, unmeasured (compilation,
    caches). Python collects its garbage between turns only: 0.2 s that would meet one of them. ``units``: how many
    units one call does (default 1); seconds are per unit. ``wait``: until a device has done what it was told.
    """
    seconds: dict[str, list[float]] = {name: [] for name in work}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(-warm_up, repeats):
            for name, function in work.items():
                gc.collect()
                wait()
                begin = clock()
                function()
                wait()
                if turn >= 0:
                    seconds[name].append((clock() - begin) / (units or {}).get(name, 1))
    finally:
        if collecting:
            gc.enable()
    return seconds


def late_loss(losses: Sequence[float]) -> float:
    """Mean over the second half of a loss curve.

    >>> late_loss([9.0, 3.0, 1.0])
    2.0
    """
    half = losses[len(losses) // 2 :]
    return sum(half) / len(half)


def ratios(seconds: Mapping[str, list[float]], of: str, to: str) -> Spread:
    """How many times as long ``of`` takes as ``to``, turn by turn."""
    return spread([a / b for a, b in zip(seconds[of], seconds[to], strict=True)])


def facts(device: str = "cpu", *, threads: int | None = None) -> dict[str, Any]:
    """The machine and the libraries: nothing that names a particular machine or person."""
    known: dict[str, Any] = {**machine(), "processor": _processor(), "usable cores": usable_cores()}
    known["device"] = known["device"] if device.startswith("cuda") else "cpu"
    installed = {name: version for name, version in versions().items() if version != "not installed"}
    return {"machine": {**known, "threads": threads or usable_cores()}, "versions": installed, "commit": git_commit()}


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def limits(*, seconds: float = 1.0) -> dict[str, float]:
    """What one core of this machine reaches: float32 operations in a matrix product, bytes read from memory and cache.

    ``gflop_s``: 2 n^3 / time of an n x n product by numpy's library, one thread. ``memory_gb_s``: reading 256 MB;
    ``cache_gb_s``: reading 8 MB again and again. The best of the repeats that fit into ``seconds`` each.
    """
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    n = 1024
    a, b = rng.random((n, n), np.float32), rng.random((n, n), np.float32)
    large, small = np.ones(64_000_000, np.float32), np.ones(2_000_000, np.float32)
    with threadpool_limits(1):
        product = _best(lambda: a @ b, seconds)
    return {
        "gflop_s": 2 * n**3 / product / 1e9,
        "memory_gb_s": large.nbytes / _best(lambda: large.max(), seconds) / 1e9,
        "cache_gb_s": small.nbytes / _best(lambda: small.max(), seconds) / 1e9,
    }


def _best(function: Callable[[], object], seconds: float) -> float:
    end, best = time.perf_counter() + seconds, np.inf
    while time.perf_counter() < end:
        begin = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - begin)
    return float(best)


def against_floor(
    seconds: float, limit: Mapping[str, float], *, operations: float, moved: float, cached: bool
) -> dict[str, float]:
    """A measured time beside the least that its operations and bytes could take on this machine.

    ``operations``: float operations; ``moved``: bytes read, from the cache if ``cached``, else from memory.
    """
    compute = operations / (limit["gflop_s"] * 1e9)
    memory = moved / (limit["cache_gb_s" if cached else "memory_gb_s"] * 1e9)
    floor = max(compute, memory)
    return {
        "operations": operations,
        "bytes": moved,
        "floor_ms": floor * 1e3,
        "measured_ms": seconds * 1e3,
        "measured_over_floor": seconds / floor,
    }
