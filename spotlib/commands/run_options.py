"""Options that commands share which open a data set as `spotlib run` does, and the Run that they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

ROOT: Decorator = click.option(
    "--root", type=click.Path(), help="Folder of the unpacked data set; without it: its synthetic twin."
)
PROFILE: Decorator = click.option("--profile", help="Values of params/profiles/PROFILE.yaml over the parameter file.")
SUBJECTS: Decorator = click.option("--subjects", type=click.IntRange(4), help="Only the first so many people.")
OVERRIDES: Decorator = click.option(
    "-p", "overrides", multiple=True, metavar="NAME=VALUE", help="Change one parameter; may be repeated."
)
RESULTS: Decorator = click.option(
    "--results", type=click.Path(), help="Folder for results (default: results/ of the checkout)."
)
WORKERS: Decorator = click.option("--workers", type=int, help="Processes (default: one per core).")
DEVICE: Decorator = click.option(
    "--device", default="auto", show_default=True, help="What trains: auto, cpu, cuda or cuda:0."
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that :func:`opened` takes."""
    for option in (WORKERS, RESULTS, OVERRIDES, SUBJECTS, PROFILE, ROOT):
        command = option(command)
    return command


def changed(subjects: int | None, overrides: tuple[str, ...]) -> dict[str, Any]:
    """The parameters that ``--subjects`` and ``-p`` change."""
    from spotlib.params import parse_override

    changes = dict(parse_override(text) for text in overrides)
    if subjects is not None:
        changes["subjects"] = subjects
    return changes


def opened(dataset: str, *, subjects: int | None, overrides: tuple[str, ...], **steering: Any) -> Any:
    """The Run of ``dataset`` under these options; ``steering``: see `spotlib.runner.open_run`."""
    from spotlib.runner import open_run

    return open_run(dataset, overrides=changed(subjects, overrides), **steering)
