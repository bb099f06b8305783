"""Options of commands that compute rows: on which cluster, and whether what failed is tried again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import click


def row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--scheduler``, ``--scheduler-file`` and ``--retry-failed`` to a command."""
    for option in (
        click.option(
            "--retry-failed/--no-retry-failed", default=True, show_default=True, help="Try failed folds again."
        ),
        click.option("--scheduler-file", type=click.Path(), help="The same, by the file that `dask scheduler` wrote."),
        click.option(
            "--scheduler", metavar="ADDRESS", help="Run on the workers of this Dask scheduler (docs/cluster.md)."
        ),
    ):
        command = option(command)
    return command


def executor_of(scheduler: str | None, device: str) -> Executor | None:
    """The executor for a scheduler (`spotlib.cluster.scheduler_of`), or None: processes of this machine.

    Looks at once whether it can be reached, fits, and has ``device``: SpotlibError otherwise.
    """
    if not scheduler:
        return None
    from spotlib.cluster import cluster

    executor = cluster(scheduler)
    executor.devices(device)
    return executor
