"""Training what is missing, on the processes or GPUs of this machine or wherever an executor runs.

On a CPU the unit of work is a fold; on a GPU all missing folds of a network, which share what is loaded and compiled.
Jobs take names and write rows: no array passes between processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from spotlib.claims import BUSY, wait_for
from spotlib.devices import find_devices, sharing, turn
from spotlib.jobs import run_jobs, worker_count
from spotlib.progress import log
from spotlib.provenance import versions
from spotlib.runner import Run, load_clips, remade
from spotlib.units import Unit, compute, compute_together

LATER = "left for later, the time is up"
Recipe = tuple[dict[str, Any], str, str, str]  # see `spotlib.runner.Run.recipe`


def train_all(
    parts: Sequence[tuple[Run, Sequence[str]]],
    *,
    wanted: Callable[[Run, Unit], bool] | None = None,
    retry_failed: bool | None = None,
    seconds: float | None = None,
) -> None:
    """Make sure that every fold of every part's variants has its row.

    parts: runs, which may differ in parameters, and names of variants. All that is missing goes through one pool, so
    that no core or GPU waits for the last fold of a part. Workers, executor and device are those of the first run.
    wanted: which of the missing ones; None: all. retry_failed: whether folds that failed before are tried again; None:
    as each run was made. After ``seconds`` nothing further is begun: the same call goes on.
    """
    until = None if seconds is None else time.time() + seconds
    single: list[tuple[Run, Unit, list[str]]] = []
    together: list[tuple[Run, list[Unit], list[str]]] = []
    first = parts[0][0]
    devices: list[str] = []
    for run, variants in parts:
        todo = run.missing(*variants, retry_failed=run.retry_failed if retry_failed is None else retry_failed)
        todo = [unit for unit in todo if wanted is None or wanted(run, unit)]
        if not todo:
            continue
        if not devices:  # those of a cluster are its workers'
            devices = getattr(first.executor, "devices", find_devices)(first.device)
        paths = [str(path) for path in run.features()]
        for unit in todo:
            log.info("%s: computed because %s", unit.name, run.store.why(unit.variant, unit.key))
        networks: dict[str, list[Unit]] = {}
        for unit in todo:
            if devices == ["cpu"] or unit.params.system == "peaks":  # which no GPU helps
                single.append((run, unit, paths))
            else:
                networks.setdefault(unit.variant, []).append(unit)
        together += [(run, units, paths) for units in networks.values()]
    # keys travel with the jobs: whatever happens to the code meanwhile, a row says what was asked for
    outcomes = run_jobs(
        _fold_job,
        [(*run.recipe(), unit.variant, unit.key, paths, until) for run, unit, paths in single],
        desc="folds", unit="epochs", weights=[run.params.epochs for run, _, _ in single],
        workers=first.workers, executor=first.executor, on_done=lambda _, said: log.info("%s: %s", *said),
    )  # fmt: skip
    share = max((sharing(units[0].params) for _, units, _ in together), default=1)
    outcomes_together = run_jobs(
        _gpu_job,
        [
            (*run.recipe(), units[0].variant, [u.key for u in units], paths, devices, until)
            for run, units, paths in together
        ],
        desc="folds", unit="epochs", weights=[run.params.epochs * len(units) for run, units, _ in together],
        workers=share * len(devices), executor=first.executor,
    )  # fmt: skip
    said = [(run, unit, outcome) for (run, unit, _), (_, outcome) in zip(single, outcomes, strict=True)]
    for (run, units, _), of_units in zip(together, outcomes_together, strict=True):
        said += [(run, unit, of_units.get(unit.name, "")) for unit in units]
    left = [run.store.path(unit.variant, unit.key) for run, unit, outcome in said if outcome == BUSY]
    if left:  # another run on this folder has them; what it leaves undone, because it ends or dies, is done here
        wait_for(left)
        rest = None if until is None else max(0.0, until - time.time())
        train_all(parts, wanted=wanted, retry_failed=False, seconds=rest)


def _late(until: float | None) -> bool:
    return until is not None and time.time() > until


def _fold_job(
    values: dict[str, Any],
    results: str,
    root: str,
    annotations: str,
    variant: str,
    key: dict[str, Any],
    paths: Sequence[str],
    until: float | None,
    beat: Callable[[float, float], None],
) -> tuple[str, str]:
    run = remade(values, results, root, annotations)
    unit = run.unit(variant, key["fold"], key=key)
    if _late(until):
        return unit.name, LATER
    return compute(
        unit,
        lambda subjects: load_clips(run, subjects, unit.params, paths=paths),
        run.store,
        libraries=versions(),
        beat=beat,
    )


def _gpu_job(
    values: dict[str, Any],
    results: str,
    root: str,
    annotations: str,
    variant: str,
    keys: Sequence[dict[str, Any]],
    paths: Sequence[str],
    devices: Sequence[str],
    until: float | None,
    beat: Callable[[float, float], None],
) -> dict[str, str]:
    run = remade(values, results, root, annotations)
    units = [run.unit(variant, key["fold"], key=key) for key in keys]
    share = sharing(units[0].params)
    with turn(devices, share) as device:
        if _late(until):
            log.info("%s: %s", variant, LATER)
            return {}
        outcomes = {}
        for said in compute_together(
            units,
            lambda subjects: load_clips(run, subjects, units[0].params, paths=paths),
            run.store,
            device=device,
            workers=max(1, worker_count(None) // (share * len(devices))),
            libraries=versions(),
            beat=beat,
        ):
            log.info("%s: %s", *said)
            outcomes[said[0]] = said[1]
        return outcomes
