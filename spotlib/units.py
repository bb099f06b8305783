"""The unit of work: one fold of one variant, as plain values that any machine can take and compute.

Nothing here needs the libraries that read videos, render or check parameters: a machine that trains has torch and the
usual numerical libraries.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spotlib.checkpoint import Checkpoint
from spotlib.claims import BUSY, claim
from spotlib.clip import Clip
from spotlib.splits import Fold
from spotlib.store import RowStore, digest

#: modules that decide what is in a row: with all that they import, their digest is part of its key
FOLD_CODE = ("spotlib.units", "spotlib.swmro")
_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep


@dataclass(frozen=True)
class Unit:
    """One row to be computed.

    ``key``: all that the row depends on. ``params``: anything with the attributes of `spotlib.params.Params`. ``head``:
    what the row says about itself besides its results (data set, variant, seed).
    """

    variant: str
    key: Mapping[str, Any]
    params: Any
    fold: Fold
    head: Mapping[str, Any]

    @property
    def name(self) -> str:
        """ "fold 3 of k11"."""
        return f"fold {self.fold.index} of {self.variant}"


def window_options(params: Any) -> dict[str, Any]:
    """Keyword arguments of `spotlib.swmro.gather`."""
    return {
        "K": params.window,
        "alignment": params.window_alignment,
        "border": params.window_border,
        "keep_zero_row": params.keep_zero_row,
        "feature": params.motion,
    }


Clips = Callable[[Iterable[str]], Sequence[Clip]]


def compute(
    unit: Unit,
    clips: Clips,
    store: RowStore,
    *,
    device: str = "cpu",
    libraries: Mapping[str, str] | None = None,
    beat: Callable[[float, float], None] = lambda done, total: None,
) -> tuple[str, str]:
    """Compute ``unit`` and write its row; return its name and how it went.

    ``clips`` gives the videos of some subjects. A failure becomes a row that says so, with a trimmed traceback: one
    fold that cannot be trained does not end a night's work. One that another process is at is left to it (`BUSY`).
    """
    from spotlib.fold import run_fold  # and with it torch, which who only reads rows can do without

    fold, checkpoint = unit.fold, _checkpoint(unit, store)
    with claim(store.path(unit.variant, unit.key)) as mine:
        said = _no_need(unit, store, mine)
        if said is not None:
            return said
        try:
            train, inner, test = (clips(group) for group in (fold.train, fold.inner, fold.test))
            row, arrays = run_fold(train, inner, test, unit.params, device=device, beat=beat, checkpoint=checkpoint)
        except Exception as error:
            said = _write(unit, store, libraries, error)
        else:
            said = _write(unit, store, libraries, row, arrays)
        checkpoint.remove()  # the row is there
        return said


def _checkpoint(unit: Unit, store: RowStore) -> Checkpoint:
    path = store.path(unit.variant, unit.key).with_suffix(".checkpoint")
    return Checkpoint(path, key=digest(unit.key), name=unit.name)


def _no_need(unit: Unit, store: RowStore, mine: bool) -> tuple[str, str] | None:
    """Name and reason if ``unit`` need not be computed here: somebody else is at it, or has done it meanwhile."""
    if not mine:
        return unit.name, BUSY
    row = store.read(unit.variant, unit.key)
    return (unit.name, "done by another run") if row is not None and row["status"] == "done" else None


def compute_together(
    units: Sequence[Unit],
    clips: Clips,
    store: RowStore,
    *,
    device: str,
    at_once: int = 3,
    workers: int = 4,
    libraries: Mapping[str, str] | None = None,
    beat: Callable[[float, float], None] = lambda done, total: None,
) -> Iterator[tuple[str, str]]:
    """`compute` for ``units`` that differ in their fold only, on a GPU that holds all videos once.

    ``at_once`` folds train side by side, and ``workers`` processes choose thresholds meanwhile (`spotlib.many_folds`).
    Yields name and outcome of each as it is done.
    """
    with contextlib.ExitStack() as stack:
        own: list[Unit] = []
        for unit in units:
            said = _no_need(unit, store, stack.enter_context(claim(store.path(unit.variant, unit.key))))
            if said is None:
                own.append(unit)
            else:
                yield said
        if own:
            yield from _together(own, clips, store, device, at_once, workers, libraries, beat)


def _together(
    units: Sequence[Unit], clips: Clips, store: RowStore, device: str, at_once: int, workers: int,
    libraries: Mapping[str, str] | None, beat: Callable[[float, float], None],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    from spotlib.devices import use_device
    from spotlib.many_folds import run_folds

    use_device(device)
    of_fold = {unit.fold.index: unit for unit in units}
    checkpoints = {unit.fold.index: _checkpoint(unit, store) for unit in units}
    done = dict.fromkeys(of_fold, 0.0)
    epochs = float(units[0].params.epochs)

    def told(fold: int, epoch: float, _: float) -> None:
        done[fold] = epoch
        beat(sum(done.values()), epochs * len(units))

    try:
        everybody = {name for unit in units for name in (*unit.fold.train, *unit.fold.inner, *unit.fold.test)}
        results = run_folds(
            clips(everybody), [unit.fold for unit in units], units[0].params,
            device=device, at_once=at_once, workers=workers, beat=told, checkpoints=checkpoints,
        )  # fmt: skip
        for index, row, arrays in results:
            said = _write(of_fold.pop(index), store, libraries, row, arrays)
            checkpoints[index].remove()
            yield said
    except Exception as error:  # none of the rest can be trained: no videos, no memory
        for unit in of_fold.values():
            yield _write(unit, store, libraries, error)


def _write(
    unit: Unit,
    store: RowStore,
    libraries: Mapping[str, str] | None,
    row: dict[str, Any] | Exception,
    arrays: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """Write the row of ``unit``, or one that says why there is none; its name and how it went."""
    fold = unit.fold
    head = {
        **unit.head,
        "train_subjects": list(fold.train),
        "inner_subjects": list(fold.inner),
        "test_subjects": list(fold.test),
        "libraries": dict(libraries or {}),
    }
    if isinstance(row, Exception):
        said = f"{type(row).__name__}: {row}".splitlines()[0]
        trimmed = "".join(traceback.format_exception(row, limit=-4)).replace(_PACKAGE, "")
        store.write(unit.variant, unit.key, {**head, "status": "failed", "error": said, "traceback": trimmed})
        return unit.name, f"failed ({said})"
    store.write(unit.variant, unit.key, {**head, **row}, dict(arrays or {}))
    return unit.name, f"done in {row['train_seconds']:.0f} s"
