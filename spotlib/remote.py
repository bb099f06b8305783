"""Training on a machine that holds a bundle and a bare numerical installation: ``python -m spotlib.remote``.

Imports nothing beyond numpy, scipy and torch (and what spotlib itself needs of them), so it runs where spotlib's other
dependencies are not installed: set PYTHONPATH to the checkout.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spotlib.bundle import Bundle
from spotlib.devices import use_device
from spotlib.errors import SpotlibError
from spotlib.provenance import code_digest, git_commit
from spotlib.store import RowStore, canonical, difference
from spotlib.units import FOLD_CODE, Unit, compute, compute_together


@functools.lru_cache(maxsize=1)
def _opened(folder: str) -> Bundle:
    return Bundle(folder)


@functools.lru_cache(maxsize=1)
def _units(folder: str) -> list[Unit]:
    """The work; a row names the code that is here, which computes it, whatever code packed it."""
    return [_named_here(unit) for unit in _opened(folder).units]


@functools.cache
def _code_here() -> tuple[Mapping[str, str], str]:
    return code_digest(FOLD_CODE), git_commit()


def _named_here(unit: Unit) -> Unit:
    code, commit = _code_here()
    if unit.key["code"] == code:  # what can change a number is the same: so is what the commit stands for
        return unit
    return dataclasses.replace(unit, key={**unit.key, "code": code}, head={**unit.head, "commit": commit})


def _libraries() -> dict[str, str]:
    import numpy
    import torch

    return {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": numpy.__version__}


def _job(
    folder: str, numbers: Sequence[int], out: str, device: str, beat: Callable[[float, float], None]
) -> list[tuple[str, str]]:
    bundle, store = _opened(folder), RowStore(Path(out))
    units = [_units(folder)[number] for number in numbers]
    if device == "cpu" or units[0].params.system == "peaks":
        return [
            compute(
                unit, functools.partial(bundle.clips, number), store, device="cpu", libraries=_libraries(), beat=beat
            )
            for number, unit in zip(numbers, units, strict=True)
        ]
    of_all = functools.partial(bundle.clips, numbers[0])
    return list(compute_together(units, of_all, store, device=device, libraries=_libraries(), beat=beat))


def _groups(units: Sequence[Unit], numbers: Sequence[int], device: str) -> list[list[int]]:
    """Work that belongs together: on a GPU the folds of one network under one truth, else every unit by itself."""
    if device == "cpu":
        return [[number] for number in numbers]
    groups: dict[str, list[int]] = {}
    for number in numbers:
        key = {name: value for name, value in units[number].key.items() if name not in ("fold", "subjects")}
        groups.setdefault(canonical([units[number].variant, key]), []).append(number)
    return list(groups.values())


def train(
    folder: Path, out: Path, *, device: str = "cpu", workers: int = 1, seconds: float | None = None,
    any_code: bool = False,
) -> list[str]:  # fmt: skip
    """Compute every unit of the bundle that has no row in ``out`` yet; return a line for each.

    ``workers`` units (on a GPU: networks, with all their folds) at a time share the device. After ``seconds`` nothing
    further is begun: the same call goes on. With ``any_code`` a bundle that other code packed is computed too, and its
    rows name the code here; without it that is a SpotlibError.
    """
    from spotlib.jobs import run_jobs

    begin, lines = time.monotonic(), []
    store, units = RowStore(out), _units(str(folder))
    for packed, here in zip(_opened(str(folder)).units, units, strict=True):
        if packed is not here and not any_code:
            other = difference(packed.key, here.key)
            raise SpotlibError(
                f"{folder}: packed by other code than is here ({other}); pack it again, bring this checkout to the"
                " other's commit, or give --any-code: rows then name the code here"
            )
    missing = [i for i, unit in enumerate(units) if store.read(unit.variant, unit.key) is None]
    todo = _groups(units, missing, device)

    def say(_: int, outcomes: list[tuple[str, str]]) -> None:
        for outcome in outcomes:
            lines.append(": ".join(outcome))
            print(f"{time.monotonic() - begin:6.0f} s  {lines[-1]}", flush=True)

    if workers == 1:
        for numbers in todo:
            if seconds is not None and time.monotonic() - begin > seconds:
                break
            say(0, _job(str(folder), numbers, str(out), device, lambda done, total: None))
    else:
        while todo and (seconds is None or time.monotonic() - begin < seconds):
            now, todo = (todo, []) if seconds is None else (todo[: 4 * workers], todo[4 * workers :])
            jobs = [(str(folder), numbers, str(out), device) for numbers in now]
            run_jobs(_job, jobs, desc="folds", unit="folds", workers=workers, on_done=say)
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; expected failures are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.remote", description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, help="folder that `spotlib pack` wrote")
    parser.add_argument("out", type=Path, help="folder for the rows; bring it back with `spotlib merge`")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--workers", type=int, default=1, help="units at a time on the device")
    parser.add_argument(
        "--any-code", action="store_true", help="also a bundle that other code packed; rows name the code here"
    )
    parser.add_argument("--seconds", type=float, help="begin no further unit after so long")
    chosen = parser.parse_args(arguments)
    try:
        use_device(chosen.device)
        train(
            chosen.bundle, chosen.out, device=chosen.device, workers=chosen.workers, seconds=chosen.seconds,
            any_code=chosen.any_code,
        )  # fmt: skip
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
