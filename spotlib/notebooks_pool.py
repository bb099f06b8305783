"""Several notebooks at a time, each in a kernel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

from spotlib.errors import SpotlibError
from spotlib.kernels import ended_together
from spotlib.progress import log
from spotlib.workbook import execute


class Job(NamedTuple):
    """A notebook to be executed: where it is, where it goes, and its parameters."""

    source: Path
    target: Path
    parameters: dict[str, Any]


def execute_all(jobs: Sequence[Job], *, at_once: int = 2, name_lines: bool = True) -> list[Path]:
    """Execute notebooks, ``at_once`` at a time; return their targets in order.

    One that fails does not stop the others: SpotlibError in the end, with the first one's line. When this process is
    told to stop, its kernels are ended. ``name_lines``: log lines say which notebook they are from.
    """
    if at_once < 1:
        raise SpotlibError(f"at_once is {at_once}; give 1 or more")
    failed: list[SpotlibError] = []
    pool = ThreadPoolExecutor(max(1, min(at_once, len(jobs))))
    try:
        with ended_together():
            waiting: set[Future] = {
                pool.submit(execute, job.source, job.target, job.parameters, name=job.target.stem if name_lines else "")
                for job in jobs
            }
            while waiting:  # with a timeout, so that a signal is heard
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        future.result()
                    except SpotlibError as error:
                        log.warning("%s", error)
                        failed.append(error)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if failed:
        more = f" (and {len(failed) - 1} more of {len(jobs)} notebooks failed)" if len(failed) > 1 else ""
        raise SpotlibError(f"{failed[0]}{more}")
    return [job.target for job in jobs]
