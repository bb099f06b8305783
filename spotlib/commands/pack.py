"""`spotlib pack` and `spotlib merge`: work for a machine with a GPU, and its rows back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spotlib.commands.run_options import opened, run_options
from spotlib.errors import SpotlibError


@click.command()
@click.argument("dataset")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--tables", default="T1", show_default=True, metavar="all|T4,T6", help="The tables whose rows are wanted."
)
@click.option("--seeds", default="270,271,272", show_default=True, help="Training seeds of the main rows.")
@run_options
def pack(
    dataset: str,
    out: Path,
    tables: str,
    seeds: str,
    **options: Any,
) -> None:
    """Write the rows that are missing for some tables, with the features they need, into the folder OUT.

    On the other machine, which needs torch and the usual numerical libraries only:
    `PYTHONPATH=CHECKOUT python -m spotlib.remote OUT ROWS --device cuda`, then here `spotlib merge`. Its checkout must
    have the code that packed; with --any-code other code computes too, its rows say so, and here they count where
    `spotlib study` is given --any-code.
    """
    from spotlib import paper
    from spotlib.bundle import write_bundle

    run = opened(dataset, **options)
    try:
        chosen_seeds = [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise SpotlibError(f"--seeds {seeds!r}: write whole numbers, as 270,271") from None
    work = paper.groups(run, tables, seeds=chosen_seeds)
    units = [(part, unit) for part, _, variants in work for unit in part.missing(*variants)]
    files = write_bundle(out, units)
    size = sum(path.stat().st_size for path in files) / 2**20
    click.echo(f"{out}: {len(units)} rows to compute, {len(files)} files, {size:.0f} MiB")


@click.command()
@click.argument("rows", type=click.Path(path_type=Path))
@click.argument("dataset")
@run_options
def merge(
    rows: Path,
    dataset: str,
    **options: Any,
) -> None:
    """Take ROWS into the results of DATASET: the folder that `spotlib.remote` wrote, or a packed file of rows.

    With the packed rows of `results/` a study goes on where they end: `spotlib study STUDY --any-code`.
    """
    from spotlib.store import copy_rows
    from spotlib.tables.packed import unpack_rows

    run = opened(dataset, **options)
    damaged: list[Path] = []
    if rows.is_file():
        taken = unpack_rows(rows, run.store, dataset=dataset)
    else:
        taken, damaged = copy_rows(rows, run.store.folder)
    for path in damaged:
        click.echo(f"{path}: damaged or no row, left out; compute it again", err=True)
    if not taken:
        raise SpotlibError(f"{rows}: no rows there; give what spotlib.remote wrote, or a packed file of rows")
    click.echo(f"{run.store.folder}: {taken} rows taken")
