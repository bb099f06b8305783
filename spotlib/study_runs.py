"""Running studies: the rows that are missing, the tables, and one packed file of rows that makes them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.params import DataParams
from spotlib.progress import log
from spotlib.runner import Run
from spotlib.store import canonical
from spotlib.studies import Study, StudyRuns, find_row, plan, study_rows
from spotlib.tables.from_rows import tables_of
from spotlib.tables.packed import pack_rows, read_packed
from spotlib.training_jobs import train_all
from spotlib.units import Unit

_DATA = tuple(DataParams.model_fields)


def run_study(study: Study, *, seconds: float | None = None, any_code: bool = False, **where: Any) -> int:
    """Compute the rows of ``study`` that are missing, the most wanted first; return how many are still missing.

    seconds: begin nothing further after so long (default: the study's ``budget_hours``). any_code: what other code
    computed under the same parameters is not missing. where: ``results``, ``root``, ``workers``, ``device``,
    ``executor`` as for `spotlib.runner.Run`.
    """
    runs = StudyRuns(study, **where)
    cells = plan(study)
    parts: dict[int, tuple[Any, list[str]]] = {}
    for cell in cells:
        run = runs.run(cell)
        variants = parts.setdefault(id(run), (run, []))[1]
        if cell.variant not in variants:
            variants.append(cell.variant)
    if seconds is None and study.budget_hours is not None:
        seconds = 3600 * study.budget_hours
    folds = {cell.fold for cell in cells}

    def wanted(run: Run, unit: Unit) -> bool:
        row, current = find_row(run.store, unit.variant, unit.key) if any_code else (None, False)
        # a current one that is missing all the same is damaged
        return unit.fold.index in folds and (row is None or current or row.get("status") != "done")

    train_all(list(parts.values()), wanted=wanted, seconds=seconds)
    return sum(wanted(run, unit) for run, variants in parts.values() for unit in run.missing(*variants))


def pack_studies(
    studies: Sequence[Study], *, path: Path | None = None, any_code: bool = False, **where: Any
) -> tuple[Path, list[str]]:
    """Pack all rows of some studies of one data set and make every table of them.

    path: the packed file (default: ``rows.jsonl.gz`` in the data set's results); tables go beside it. any_code: also
    rows that other code or libraries computed under the same parameters, as those of another machine; and what the
    packed file holds of other studies stays in it.

    Beside the table "difficulty" its figure is saved. Returns the packed file, and a line for each table (or figure)
    that could not be made.
    """
    if len({study.dataset for study in studies}) != 1:
        raise SpotlibError("studies of several data sets; pack those of one data set at a time")
    of_study = [(study, study_rows(study, any_code=any_code, **where)) for study in studies]
    # what two studies ask for is one row
    rows = list(
        {
            (row["profile"], row["digest"], canonical(row["overrides"])): row for _, own in of_study for row in own
        }.values()
    )
    names = ", ".join(study.name for study in studies)
    if not rows:
        raise SpotlibError(f"{names}: no rows yet; `spotlib study {studies[0].name}` computes them")
    folder = path.parent if path else StudyRuns(studies[0], **where).store.folder.parent
    by_profile = {
        study.profile: list(dict.fromkeys(n for s in studies if s.profile == study.profile for n in s.tables))
        for study in studies
    }
    target = path or folder / "rows.jsonl.gz"
    if any_code and target.exists():
        rows, by_profile = _with_those_of(target, rows, by_profile)
    packed = pack_rows(rows, target, tables=by_profile)
    made, problems = tables_of(packed)
    for table in made:
        table.save(folder / "tables")
    if any("difficulty" in study.tables for study in studies) and "difficulty" not in problems:
        from spotlib.figures import difficulty

        try:
            turned = [row for study, own in of_study if "difficulty" in study.tables for row in own]
            difficulty(turned).save(folder / "figures")
        except SpotlibError as error:  # a study may turn something else than the knobs
            problems["difficulty figure"] = str(error)
    log.info("%s: %d rows, %d tables", names, len(rows), len(made))
    return packed, [f"{name}: {why}" for name, why in problems.items()]


def _with_those_of(
    packed: Path, rows: list[dict[str, Any]], tables: dict[str, list[str]]
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """``rows`` and ``tables`` with those of a packed file that are none of these, or done where these failed."""

    def place(row: dict[str, Any]) -> str:
        return canonical([row.get(n) for n in ("profile", "variant", "overrides", "seed", "fold")])

    old, header = read_packed(packed)
    _check_same_data(packed, old, rows)
    done = {place(row) for row in old if row["status"] == "done"}
    rows = [row for row in rows if row["status"] == "done" or place(row) not in done]
    new = {place(row) for row in rows}
    both = {
        profile: list(dict.fromkeys([*header["tables"].get(profile, ()), *tables.get(profile, ())]))
        for profile in {**header["tables"], **tables}
    }
    return [*rows, *(row for row in old if place(row) not in new)], both


def _check_same_data(packed: Path, old: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Raise SpotlibError if ``old`` are of other videos, events or folds than ``rows`` of their profile."""
    first = {row["profile"]: row for row in reversed(rows) if not row["overrides"]}
    for row in old:
        other = first.get(row.get("profile", ""))
        if other is None or row.get("overrides"):
            continue
        said = [(name, row["key"]["params"].get(name), other["key"]["params"].get(name)) for name in _DATA]
        for name, before, now in [*said, ("folds", row["n_folds"], other["n_folds"])]:
            if before != now:
                raise SpotlibError(
                    f"{packed}: its rows have {name} {before}, those of the study {now}; move it away, or give another"
                    " folder by --results"
                )
