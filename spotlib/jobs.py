"""Many small independent jobs on a ``concurrent.futures`` executor, with progress that survives process borders.

Jobs take and return names and small values; arrays go through files. A job reports how far it is by writing two
numbers into a small file of its own (a beat), which works for threads, processes and machines with a common folder.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.progress import log, setup_logging, watched


class Beat:
    """How far one job is; cheap to call often (writes at most twice a second)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._last = 0.0

    def __call__(self, done: float, total: float) -> None:
        now = time.monotonic()
        if self.path is None or (now - self._last < 0.5 and done < total):
            return
        self._last = now
        with contextlib.suppress(OSError):  # progress is never worth a failure
            part = self.path.with_suffix(".part")
            part.write_text(f"{done} {total}")
            os.replace(part, self.path)


def _prepare_worker() -> None:
    # Ctrl-C reaches the whole process group; the parent decides what happens to the workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    setup_logging()
    threading.Thread(target=_die_with, args=(os.getppid(),), daemon=True).start()
    import cv2

    cv2.setNumThreads(1)


def _die_with(parent: int) -> None:
    # a worker whose parent was killed must not go on burning a core unseen
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def worker_count(workers: int | None) -> int:
    """``workers``, or one per core this process may use."""
    if workers is not None and workers < 1:
        raise SpotlibError(f"workers is {workers}; give 1 or more")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return workers or allowed


@contextlib.contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """The default executor: fresh processes, one thread each; none is left behind, however the block ends."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


def run_jobs(
    function: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    *,
    desc: str,
    unit: str,
    weights: Sequence[float] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    on_done: Callable[[int, Any], None] | None = None,
) -> list[Any]:
    """Call ``function(*job, beat)`` for every job and return the results in order.

    ``function`` must be importable (it may run in another process). ``weights`` are the expected amounts of ``unit``
    in each job. The first exception ends the run; what the other jobs have written by then stays.
    """
    if not jobs:
        return []
    results: list[Any] = [None] * len(jobs)
    weights = list(weights) if weights is not None else [1.0] * len(jobs)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spotlib-")))
        if executor is None:
            executor = stack.enter_context(process_pool(min(worker_count(workers), len(jobs))))
        beats = [folder / f"{i}.beat" for i in range(len(jobs))]
        waiting: dict[Future, int] = {
            executor.submit(_call, function, job, beat): i
            for i, (job, beat) in enumerate(zip(jobs, beats, strict=True))
        }
        stack.callback(_give_up, executor, waiting)
        meter = stack.enter_context(Meter(desc, unit, sum(weights)))
        finished: set[int] = set()
        check = getattr(executor, "check", None)  # an executor that can be lost without its jobs saying so
        while waiting:
            done, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            if check is not None and not done:
                check()
            for future in done:
                i = waiting.pop(future)
                try:
                    results[i] = future.result()
                except BrokenProcessPool:
                    raise SpotlibError(
                        f"{desc}: a worker process was killed (out of memory?); run the same command again to go on"
                        " where it stopped, with fewer workers if it happens again"
                    ) from None
                finished.add(i)
                if on_done is not None:
                    on_done(i, results[i])
            running = sum(weights[i] * _share(beats[i]) for i in waiting.values())
            meter.show(sum(weights[i] for i in finished) + running)
    return results


def _give_up(executor: Executor, waiting: Mapping[Future, int]) -> None:
    """Whatever ended the wait: begin nothing further."""
    for future in waiting:
        future.cancel()
    leave = getattr(executor, "leave", None)  # an executor of which a process with open jobs cannot quietly end
    if waiting and leave is not None:
        leave()


def _call(function: Callable[..., Any], job: tuple[Any, ...], beat: Path) -> Any:
    return function(*job, Beat(beat))


def _share(beat: Path) -> float:
    try:
        done, total = map(float, beat.read_text().split())
        return min(1.0, done / total) if total > 0 else 0.0
    except (OSError, ValueError):
        return 0.0


class Meter:
    """A tqdm bar if somebody watches; else a log line every 20 s, and the state in the file SPOTLIB_METER, if set.

    The file lets ``spotlib run`` show a bar for work that happens in a notebook's kernel.
    """

    def __init__(self, desc: str, unit: str, total: float) -> None:
        self.desc, self.unit, self.total = desc, unit, total
        self.bar: Any = None
        self.file = os.environ.get("SPOTLIB_METER")

    def __enter__(self) -> Meter:
        self.start = self.last = time.monotonic()
        if watched():
            from tqdm.auto import tqdm

            self.bar = tqdm(desc=self.desc, total=round(self.total), unit=self.unit, leave=True)
        return self

    def show(self, done: float) -> None:
        now = time.monotonic()
        if self.bar is not None:
            self.bar.n = min(round(done), round(self.total))
            self.bar.refresh()
        elif self.file:
            with contextlib.suppress(OSError):
                Path(self.file).write_text(f"{self.desc}\t{done:.0f}\t{self.total:.0f}\t{self.unit}")
        elif now - self.last >= 20 and done > 0:
            self.last = now
            left = (now - self.start) / done * (self.total - done)
            # the first few per cent are compilation and say nothing about the rest
            so = f", about {left:.0f} s left" if done > 0.05 * self.total else ""
            log.info("%s: %.0f of %.0f %s%s", self.desc, done, self.total, self.unit, so)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
        if self.file:
            with contextlib.suppress(OSError):
                Path(self.file).write_text("")
