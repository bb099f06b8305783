"""Every table again from committed rows, without data, features or a GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.statistics import DRAWS
from spotlib.tables.order import same_order
from spotlib.tables.packed import read_packed
from spotlib.tables.registry import TABLES, build_all, chosen
from spotlib.tables.table import Table


def tables_of(
    path: Path | str, names: str | Iterable[str] = "all", *, draws: int = DRAWS
) -> tuple[list[Table], dict[str, str]]:
    """The tables that a packed file of rows is for, and per table that could not be made the reason.

    Rows need not fit the code of today: captions say at which commit they were computed. Where a file holds rows of
    several profiles, each makes its own tables (those that its header names for it): one that two of them make is T1 of
    profile "paper" and T1-study of the other. What both have computed is compared in the table "profiles". Raises
    SpotlibError for a file that cannot be read.
    """
    rows, header = read_packed(path)
    wanted = chosen(names)
    everything = wanted == chosen("all")
    allowed = tuple(TABLES) if everything else wanted  # all: also extra tables, where the header names them
    by_profile: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_profile.setdefault(str(row.get("profile", "")), []).append(row)
    made: list[Table] = []
    problems: dict[str, str] = {}
    for profile, own in sorted(by_profile.items(), key=lambda item: item[0] != "paper"):  # stable
        meant = [name for name in header["tables"].get(profile, wanted) if name in allowed]
        if meant:
            found, lacking = build_all(own, meant, draws=draws, stored=True)
            taken, called = {_base(table.name) for table in made} | {*problems}, profile or "other"
            for table in found:
                if _base(table.name) not in taken:
                    made.append(table)
                elif table.name != "published":  # the same values whatever was measured
                    made.append(dataclasses.replace(table, name=f"{table.name}-{called}"))
            problems |= {f"{name}-{called}" if name in taken else name: why for name, why in lacking.items()}
    if len(by_profile) == 2 and everything:
        full, small = sorted(by_profile, key=lambda name: name != "paper")
        try:
            of_both = ([row for row in by_profile[name] if not row.get("overrides")] for name in (small, full))
            made.append(same_order(*of_both, draws=draws))  # other conventions have another truth
        except SpotlibError as error:
            problems["profiles"] = str(error)
    return made, problems


def _base(name: str) -> str:
    return name.partition("-")[0]  # T1 of T1-author


def rebuild(
    path: Path | str, folder: Path | str, names: str | Iterable[str] = "all", *, draws: int = DRAWS
) -> tuple[list[Path], dict[str, str]]:
    """:func:`tables_of`, saved into ``folder`` as CSV, Markdown and LaTeX; the paths written, and what is lacking."""
    made, problems = tables_of(path, names, draws=draws)
    return [written for table in made for written in table.save(folder)], problems
