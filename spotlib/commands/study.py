"""``spotlib study``: compute what is missing of studies, and make their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spotlib.commands.run_options import DEVICE, RESULTS, ROOT, WORKERS
from spotlib.commands.scheduler import executor_of, row_options
from spotlib.errors import SpotlibError


@click.command()
@click.argument("studies", nargs=-1, required=True, metavar="STUDY...")
@ROOT
@RESULTS
@WORKERS
@DEVICE
@row_options
@click.option("--hours", type=click.FloatRange(0), help="Begin nothing further after so long (default: the budget).")
@click.option("--tables-only", is_flag=True, help="Compute no rows: pack those that are there and make their tables.")
@click.option("--any-code", is_flag=True, help="Rows that other code or another machine computed are not missing.")
def study(
    studies: tuple[str, ...],
    root: str | None,
    results: str | None,
    workers: int | None,
    device: str,
    scheduler: str | None,
    scheduler_file: str | None,
    retry_failed: bool,
    hours: float | None,
    tables_only: bool,
    any_code: bool,
) -> None:
    """Compute the rows of STUDY (files of params/studies) that are missing, then all tables of these studies.

    The studies must be about one data set. Rows go into one packed file, rows.jsonl.gz in the data set's results, from
    which `spotlib run DATASET --tables all --from-rows` makes every table again. The same command goes on where it
    stopped.
    """
    from spotlib.cluster import scheduler_of
    from spotlib.studies import load_study
    from spotlib.study_runs import pack_studies, run_study

    chosen = [load_study(name) for name in studies]
    if root and not Path(root).is_dir():
        raise SpotlibError(f"--root {root}: no such folder; give the folder of the unpacked data set")
    where: dict[str, Any] = {"results": results, "root": str(Path(root).absolute()) if root else None}
    missing = 0
    if not tables_only:
        executor = executor_of(scheduler_of(scheduler, scheduler_file), device)
        how = {"workers": workers, "device": device, "executor": executor, "retry_failed": retry_failed}
        for one in chosen:
            seconds = None if hours is None else 3600 * hours
            missing += run_study(one, seconds=seconds, any_code=any_code, **how, **where)
    packed, problems = pack_studies(chosen, any_code=any_code, **where)
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(str(packed))
    if missing:
        raise SpotlibError(
            f"{missing} row(s) still missing or failed; `spotlib status` names them, the same command goes on"
        )
