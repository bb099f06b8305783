"""The tables T1 to T13 of one data set: which rows they need, computing those, and making the tables of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from spotlib.matching import Protocol
from spotlib.progress import log
from spotlib.rows import dataset_name
from spotlib.runner import Run
from spotlib.tables.registry import SEEDS, TABLES, build_all, chosen, needs_of, tag
from spotlib.tables.table import Table
from spotlib.training_jobs import train_all
from spotlib.variants import longest_gap


def fitting(run: Run, names: str) -> Run:
    """``run``, or a copy of it whose features hold motions long enough for every variant of some tables."""
    variants = [need.variant for need in needs_of(chosen(names), run.params)]
    gap = max([run.params.max_gap, *([longest_gap(variants, run.params)] if variants else [])])
    return run if gap == run.params.max_gap else run.changed(max_gap=gap)


def groups(run: Run, names: str, *, seeds: Sequence[int] = SEEDS) -> list[tuple[Run, dict[str, Any], list[str]]]:
    """What the tables need: for each seed and change a Run, what was changed, and the variants."""
    run = fitting(run, names)
    found: dict[tuple[tuple[tuple[str, Any], ...], int], list[str]] = {}
    for need in needs_of(chosen(names), run.params, seeds=seeds):
        for seed in need.seeds:
            found.setdefault((need.overrides, seed), []).append(need.variant)
    return [
        (run.changed(seed=seed, **dict(overrides)), dict(overrides), variants)
        for (overrides, seed), variants in found.items()
    ]


def compute(run: Run, names: str = "all", *, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """Make sure that every row of the tables ``names`` exists; return them all, tagged with what was changed for them.

    ``names``: "all" or some, as "T4,T6". Rows that exist are not computed again.
    """
    work = groups(run, names, seeds=seeds)
    for part, overrides, variants in work:
        changed = ", ".join(f"{name} {value}" for name, value in {"seed": part.params.seed, **overrides}.items())
        log.info("rows with %s: %s", changed, ", ".join(variants))
    train_all([(part, variants) for part, _, variants in work])
    return [
        row
        for part, overrides, variants in work
        for row in tag(part.rows(*variants), overrides=overrides, profile=run.profile)
    ]


def tables(run: Run, rows: Sequence[dict[str, Any]], names: str = "all") -> tuple[list[Table], dict[str, str]]:
    """The tables, saved under the run's folder, and the reason for each that could not be made."""
    made, problems = build_all(rows, names, draws=run.params.bootstrap)
    for table in made:
        table.save(run.folder / "tables")
    return made, problems


def from_rows(path: Path, names: str, folder: Path) -> Path:
    """Every table again from a packed file of rows (see `spotlib.tables.packed`), as files and as one page.

    Returns the page. Needs no data, features or GPU.
    """
    from spotlib.report import heading, note, render_page, together
    from spotlib.tables.from_rows import tables_of
    from spotlib.tables.packed import read_packed

    made, problems = tables_of(path, names)
    for table in made:
        table.save(folder / "tables")
    rows, _ = read_packed(path)
    titled = [part for table in made for part in (heading(_title(table.name)), table)]
    shown = together([*titled, *(note(f"{name}: {why}") for name, why in problems.items())])
    return render_page(shown, folder / "tables.html", title=f"spotlib: tables of the {dataset_name(rows[0])}")


def _title(name: str) -> str:
    """
    >>> _title("T1-author"), _title("T9-study"), _title("published")
    ('T1, comparison of systems, author protocol', 'T9, cost, profile study', 'Published')
    """
    base, *more = name.split("-")
    title = f"{base}, {TABLES[base].title}" if base in TABLES else base.capitalize()
    said = [f"{part} protocol" if part in get_args(Protocol) else f"profile {part}" for part in more]
    return ", ".join([title, *said])
