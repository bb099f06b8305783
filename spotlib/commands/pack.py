"""`spotlib pack` and `spotlib merge`: work for a machine with a GPU, and its rows back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spotlib.errors import SpotlibError

_run_options = [
    click.option("--root", type=click.Path(), help="Folder of the unpacked data set; without it: its synthetic twin."),
    click.option("--profile", help="Values of params/profiles/PROFILE.yaml over the parameter file."),
    click.option("--subjects", type=click.IntRange(4), help="Only the first so many people."),
    click.option("-p", "overrides", multiple=True, metavar="NAME=VALUE", help="Change one parameter; may be repeated."),
    click.option("--results", type=click.Path(), help="Folder for results (default: results/ of the checkout)."),
    click.option("--workers", type=int, help="Processes (default: one per core)."),
]


def _with_run_options(command: Any) -> Any:
    for option in reversed(_run_options):
        command = option(command)
    return command


def _run(dataset: str, subjects: int | None, overrides: tuple[str, ...], **steering: Any) -> Any:
    from spotlib.params import parse_override
    from spotlib.runner import open_run

    changes = dict(parse_override(text) for text in overrides)
    if subjects is not None:
        changes["subjects"] = subjects
    return open_run(dataset, overrides=changes, **steering)


@click.command()
@click.argument("dataset")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--tables", default="T1", show_default=True, metavar="all|T4,T6", help="The tables whose rows are wanted."
)
@click.option("--seeds", default="270,271,272", show_default=True, help="Training seeds of the main rows.")
@_with_run_options
def pack(
    dataset: str,
    out: Path,
    tables: str,
    seeds: str,
    root: str | None,
    profile: str | None,
    subjects: int | None,
    overrides: tuple[str, ...],
    results: str | None,
    workers: int | None,
) -> None:
    """Write the rows that are missing for some tables, with the features they need, into the folder OUT.

    On the other machine, which needs torch and the usual numerical libraries only:
    `PYTHONPATH=CHECKOUT python -m spotlib.remote OUT ROWS --device cuda`, then here `spotlib merge`.
    """
    from spotlib import paper
    from spotlib.bundle import write_bundle

    run = _run(dataset, subjects, overrides, root=root, profile=profile, results=results, workers=workers)
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
@_with_run_options
def merge(
    rows: Path,
    dataset: str,
    root: str | None,
    profile: str | None,
    subjects: int | None,
    overrides: tuple[str, ...],
    results: str | None,
    workers: int | None,
) -> None:
    """Take the folder ROWS that `spotlib.remote` wrote into the results of DATASET."""
    from spotlib.store import copy_rows

    run = _run(dataset, subjects, overrides, root=root, profile=profile, results=results, workers=workers)
    taken, damaged = copy_rows(rows, run.store.folder)
    for path in damaged:
        click.echo(f"{path}: damaged or no row, left out; compute it again", err=True)
    if not taken:
        raise SpotlibError(f"{rows}: no rows in this folder; give the one that spotlib.remote wrote to")
    click.echo(f"{run.store.folder}: {taken} rows taken")
