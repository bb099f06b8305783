"""Training on a machine that holds a bundle and a bare numerical installation: ``python -m spotlib.remote``.

Imports nothing beyond numpy, scipy and torch (and what spotlib itself needs of them), so it runs where spotlib's other
dependencies are not installed: set PYTHONPATH to the checkout.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from spotlib.bundle import Bundle
from spotlib.errors import SpotlibError
from spotlib.store import RowStore
from spotlib.units import compute


@functools.lru_cache(maxsize=1)
def _opened(folder: str) -> Bundle:
    return Bundle(folder)


def _job(folder: str, number: int, out: str, device: str, beat: Callable[[float, float], None]) -> tuple[str, str]:
    import numpy
    import torch

    bundle = _opened(folder)
    unit = bundle.units[number]
    libraries = {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": numpy.__version__}
    return compute(
        unit,
        lambda subjects: bundle.clips(number, subjects),
        RowStore(Path(out)),
        device=device,
        libraries=libraries,
        beat=beat,
    )


def train(folder: Path, out: Path, *, device: str = "cpu", workers: int = 1, seconds: float | None = None) -> list[str]:
    """Compute every unit of the bundle that has no row in ``out`` yet; return a line for each.

    ``workers`` units at a time share the device. After ``seconds`` no further unit is begun: the same call goes on.
    """
    from spotlib.jobs import run_jobs

    begin, lines = time.monotonic(), []
    bundle = _opened(str(folder))
    store = RowStore(out)
    todo = [i for i, unit in enumerate(bundle.units) if store.read(unit.variant, unit.key) is None]

    def say(_: int, outcome: tuple[str, str]) -> None:
        lines.append(": ".join(outcome))
        print(f"{time.monotonic() - begin:6.0f} s  {lines[-1]}", flush=True)

    if workers == 1:
        for number in todo:
            if seconds is not None and time.monotonic() - begin > seconds:
                break
            say(0, _job(str(folder), number, str(out), device, lambda done, total: None))
    else:
        while todo and (seconds is None or time.monotonic() - begin < seconds):
            now, todo = (todo, []) if seconds is None else (todo[: 4 * workers], todo[4 * workers :])
            jobs = [(str(folder), number, str(out), device) for number in now]
            run_jobs(_job, jobs, desc="folds", unit="folds", workers=workers, on_done=say)
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; expected failures are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.remote", description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, help="folder that `spotlib pack` wrote")
    parser.add_argument("out", type=Path, help="folder for the rows; bring it back with `spotlib merge`")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--workers", type=int, default=1, help="units at a time on the device")
    parser.add_argument("--seconds", type=float, help="begin no further unit after so long")
    chosen = parser.parse_args(arguments)
    try:
        train(chosen.bundle, chosen.out, device=chosen.device, workers=chosen.workers, seconds=chosen.seconds)
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
