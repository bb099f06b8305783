"""Does a smaller budget keep the order of the rows? The same variants under two profiles, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from spotlib.errors import SpotlibError
from spotlib.matching import Protocol
from spotlib.rows import OVERALL, Row, check, count, done, label, of_subjects, systems
from spotlib.statistics import DRAWS, SEED, bootstrap_f1, compare_f1
from spotlib.tables.against import differences
from spotlib.tables.caption import caption
from spotlib.tables.measured import failure_notes, stamp
from spotlib.tables.table import Column, Table
from spotlib.variants import MAIN


def same_order(
    small: Sequence[Row],
    full: Sequence[Row],
    *,
    reference: str = MAIN,
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
) -> Table:
    """The variants that both sets of rows have: overall F1 and difference from ``reference`` under each.

    A pair of rows whose order turns around counts against the small budget only if both differences lie outside their
    intervals. Raises SpotlibError if fewer than two variants, the reference among them, are in both.
    """
    check([*small, *full])
    common = [v for v in systems(done(full)) if v in systems(done(small))]
    if reference not in common or len(common) < 2:
        raise SpotlibError(
            f"order of rows: {reference} and one variant at least must be computed under both profiles, found"
            f" {', '.join(common) or 'none'}"
        )
    lines: list[dict[str, Any]] = [
        {**stamp(full, protocol), "variant": v, "system": label(systems(full)[v])} for v in common
    ]
    counted = {}
    for name, rows in (("small", small), ("full", full)):
        own = [row for row in rows if row["variant"] in common]
        counted[name] = count(own, protocol=protocol)
        found = differences(own, reference=reference, draws=draws, seed=seed, counts=counted[name])
        for line in lines:
            f1 = bootstrap_f1(_of(counted[name], line["variant"]), draws=draws, seed=seed)
            line |= {name: f1.value, f"{name}_low": f1.low, f"{name}_high": f1.high}
            if line["variant"] != reference:
                d = found[line["variant"]][OVERALL]
                line |= {f"d_{name}": d.value, f"d_{name}_low": d.low, f"d_{name}_high": d.high}
        for rank, line in enumerate(sorted(lines, key=lambda line: -line[name]), 1):
            line[f"rank_{name}"] = rank
    names = {name: _profile(rows) for name, rows in (("small", small), ("full", full))}
    columns = [Column.text("System", "system")]
    for name, said in names.items():
        columns += [
            Column.interval(f"F1 overall, {said}", name), Column.difference(f"Δ, {said}", f"d_{name}"),
            Column.number(f"Rank, {said}", f"rank_{name}"),
        ]  # fmt: skip
    pairs = [(a, b) for i, a in enumerate(common) for b in common[i + 1 :]]
    turned = [(a, b) for a, b in pairs if _order(counted["small"], a, b) * _order(counted["full"], a, b) < 0]
    sure = [
        pair
        for pair in turned
        if not any(
            compare_f1(*(_of(counts, v) for v in pair), draws=draws, seed=seed).tie for counts in counted.values()
        )
    ]
    known = {line["variant"]: line["system"] for line in lines}
    said = f"{len(pairs) - len(turned)} of {len(pairs)} pairs of rows stand in the same order under both profiles"
    turns = "; ".join(f"{known[a]} and {known[b]}" for a, b in turned)
    notes = [f"{said}{f'; turned around: {turns}' if turned else ''}."]
    if turned:
        notes.append(
            f"{len(sure)} of the {len(turned)} turned pairs differ beyond their intervals under both; the others tie"
            " under at least one of the two."
        )
    frame = pd.DataFrame(lines)
    text = caption(
        f"Order of rows under profile {names['small']} and profile {names['full']}",
        full,
        protocol=protocol,
        draws=draws,
    )
    return Table("profiles", text, frame, columns, [*notes, *failure_notes([*small, *full])])


def _of(counts: pd.DataFrame, variant: str) -> pd.DataFrame:
    return of_subjects(counts[counts.variant == variant])


def _order(counts: pd.DataFrame, a: str, b: str) -> float:
    first, second = (bootstrap_f1(_of(counts, v), draws=100).value for v in (a, b))
    return first - second


def _profile(rows: Sequence[Row]) -> str:
    return str(rows[0].get("profile") or "as given")
