"""All folds of one variant on one device: the videos stand there once, and several folds train side by side.

One fold leaves gaps on a large GPU: the network's last scales are small, and epochs end with choices on the host.
Here ``at_once`` engines take turns, each on a stream of its own, while processes choose thresholds. Every fold gives
the same row as by itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import torch

from spotlib.checkpoint import Checkpoint
from spotlib.clip import Clip
from spotlib.engine import Engine
from spotlib.errors import SpotlibError
from spotlib.fold import finished
from spotlib.fold_run import Arrays, FoldRun
from spotlib.fold_state import go_on, note
from spotlib.material import Bank
from spotlib.splits import Fold
from spotlib.steps import Speed

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params

Result = tuple[int, dict[str, Any] | Exception, Arrays]


def run_folds(
    clips: Sequence[Clip],
    folds: Sequence[Fold],
    params: Params,
    *,
    device: str = "cuda",
    at_once: int = 2,
    workers: int = 8,
    speed: Speed | None = None,
    engines: Sequence[Engine] | None = None,
    beat: Callable[[int, float, float], None] = lambda fold, done, total: None,
    checkpoints: Mapping[int, Checkpoint] | None = None,
) -> Iterator[Result]:
    """Compute ``folds`` of one network and yield (index of the fold, row or the error it ended with, arrays).

    Args:
        clips: all videos of the data set.
        folds: which subjects train, choose and are tested.
        params: of the network and its training, the same for all folds.
        device: "cuda" or "cpu".
        at_once: folds that train side by side; 1 where they would draw from one source of random numbers.
        workers: processes that choose thresholds; 0: this one does.
        speed: how to train.
        engines: some that were made for these clips and parameters already, instead of new ones.
        beat: told of a fold how many epochs of how many are done.
        checkpoints: by index of a fold, where to go on from and where to note how far it is.
    """
    if params.system == "peaks":
        raise SpotlibError("the peak detector trains nothing; use spotlib.fold.run_fold")
    todo = deque(folds)
    if engines is None:
        engines = make_engines(Bank(clips, device=torch.device(device)), params, min(at_once, len(todo)), speed)
    with _choosers(workers) as executor:
        active = [
            _one_after_another(engine, todo, clips, params, executor, len(engines), beat, checkpoints or {})
            for engine in engines
        ]
        while active:  # a turn enqueues one epoch of a fold, and takes in the one before
            for turns in list(active):
                try:
                    result = next(turns)
                except StopIteration:
                    active.remove(turns)
                    continue
                if result is not None:
                    yield result


def make_engines(bank: Bank, params: Params, count: int, speed: Speed | None = None) -> list[Engine]:
    """``count`` engines that may work side by side; one where they would disturb each other."""
    engines = [Engine(bank, params, speed=speed)]
    if engines[0].independent:
        engines += [Engine(bank, params, speed=speed) for _ in range(count - 1)]
    return engines


def _one_after_another(
    engine: Engine, todo: deque[Fold], clips: Sequence[Clip], params: Params, executor: Executor | None, at_once: int,
    beat: Callable[[int, float, float], None], checkpoints: Mapping[int, Checkpoint],
) -> Iterator[Result | None]:  # fmt: skip
    """Folds from ``todo`` on one engine; None at the end of each turn, a result at the end of each fold."""
    while todo:
        fold = todo.popleft()
        start, checkpoint = time.perf_counter(), checkpoints.get(fold.index)
        of_fold = (fold.train, fold.inner, fold.test)
        train, inner, test = ([clip for clip in clips if clip.subject in set(names)] for names in of_fold)
        try:
            run = FoldRun(engine, (train, inner, test), params, later=True, executor=executor)
            go_on(run, checkpoint)
            while len(run.curves) < params.epochs:
                if run.enqueued < params.epochs:
                    run.enqueue()
                    yield None
                if run.enqueued - len(run.curves) > 1 or run.enqueued == params.epochs:
                    beat(fold.index, run.take(), params.epochs)
                note(run, checkpoint, seconds=(time.perf_counter() - start) / at_once)
            row, arrays = run.row()
            seconds = (time.perf_counter() - start) / at_once  # this fold's share of the device
            seconds += checkpoint.earlier if checkpoint is not None else 0.0
            row, arrays = finished(row, arrays, test, device=str(engine.device), seconds=seconds)
        except Exception as error:  # one fold that cannot be trained does not end the others
            yield fold.index, error, {}
            continue
        yield fold.index, row, arrays


@contextlib.contextmanager
def _choosers(workers: int) -> Iterator[Executor | None]:
    if workers < 1:
        yield None
        return
    # fresh processes: one that uses a GPU must not be forked
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
