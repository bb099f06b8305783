"""T11: the same system under every convention of what is true (METHOD section 7), and on twins of other difficulty."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from spotlib.matching import Protocol
from spotlib.rows import KIND_NAMES, MEASURES, Row, check, count, coverage, is_synthetic, label, parameter, systems
from spotlib.statistics import DRAWS, SEED
from spotlib.store import canonical
from spotlib.tables.caption import caption
from spotlib.tables.measured import estimates, failure_notes, stamp, status
from spotlib.tables.table import Column, Table

#: what is changed per data set, the usual choice first; parameters of `spotlib.params.DataParams`
CONVENTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "samm_lv": ({"sampling": "every_7th_round"}, {"sampling": "every_8th_floor"}),
    "cas_me2": tuple(
        {"missing_offset": value} for value in ("onset_plus_20", "apex", "apex_plus_20", "drop", "keep_zero")
    ),
    "cas_me3": ({"max_micro": 15, "max_macro": 120}, {"max_micro": None, "max_macro": None}),
}


def conventions(rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED) -> Table:
    """T11: one line per system and convention; rows say in ``row["overrides"]`` what was changed for them.

    There is no paired test: under another convention other events are true.
    """
    note = (
        "F1s under different conventions are not comparable: each counts against another truth, and each was trained"
        " and chosen under its own. No test is made between them."
    )
    title = "The same systems under each ground-truth convention"
    table = _by_change(rows, title, "Ground truth", note, protocol=protocol, draws=draws, seed=seed, in_words=_truth)
    return dataclasses.replace(table, name=f"conventions-{protocol}")


def difficulty(rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED) -> Table:
    """F1 of the same systems on twins of other difficulty (docs/evaluation.md): one line per system and change."""
    note = "Every line is another twin: other videos, and people who move otherwise. No test is made between lines."
    title = "The same systems on twins of other difficulty"
    table = _by_change(rows, title, "Twin", note, protocol=protocol, draws=draws, seed=seed, in_words=_twin)
    return dataclasses.replace(table, name=f"difficulty-{protocol}")


def _by_change(
    rows: Sequence[Row], title: str, header: str, note: str, *, protocol: Protocol, draws: int, seed: int,
    in_words: Callable[[Sequence[Row], Sequence[str]], str],
) -> Table:  # fmt: skip
    check(rows)
    names = sorted({name for row in rows for name in row.get("overrides", {})})
    groups: list[tuple[str, list[Row]]] = []
    notes = [note]
    for variant, of_system in systems(rows).items():
        changes: dict[str, list[Row]] = {}
        for row in of_system:
            changes.setdefault(canonical(row.get("overrides", {})), []).append(row)
        changes, left_out = _of_common_seeds(changes)
        if left_out:
            which = ("seed " if len(left_out) == 1 else "seeds ") + ", ".join(map(str, left_out))
            notes.append(f"{label(of_system)}: rows of {which} are left out, which not every line has.")
        groups += [(variant, own) for own in sorted(changes.values(), key=_place)]
    lines = []
    for variant, own in groups:
        covered, what = coverage(own), in_words(own, names)
        lines.append(
            {
                **stamp(rows, protocol), "variant": variant, "system": label(own), "convention": what,
                **{name: _value(own, name) for name in names},
                "macro": covered.events["macro"], "micro": covered.events["micro"], "status": status(own),
                **estimates(count(own, protocol=protocol), draws=draws, seed=seed),
            }
        )  # fmt: skip
        absent = [*(f"{fold} failed" for fold in covered.failed), *(f"{fold} missing" for fold in covered.missing)]
        notes += [f"{what}: {', '.join(absent)}."] if absent else []
        notes += [f"{what}: {said}" for said in failure_notes(own)]
    columns = [
        Column.text("System", "system"), Column.words(header, "convention"),
        Column.number("MaE", "macro"), Column.number("ME", "micro"),
        *(Column.interval(f"F1 {KIND_NAMES[m]}", f"f1_{m}") for m in MEASURES),
        Column.text("Folds", "status"),
    ]  # fmt: skip
    truth = "as given in each line; counts of events in this caption are of the first" if names else None
    text = caption(title, groups[0][1], protocol=protocol, draws=draws, truth=truth)
    return Table("changes", text, pd.DataFrame(lines), columns, notes)


def _of_common_seeds(changes: dict[str, list[Row]]) -> tuple[dict[str, list[Row]], list[int]]:
    """Rows of those seeds that every change has, and the other seeds: a mean of more would be less of luck."""
    common = set.intersection(*({row["seed"] for row in own} for own in changes.values()))
    if not common:
        return changes, []
    others = sorted({row["seed"] for own in changes.values() for row in own} - common)
    return {change: [row for row in own if row["seed"] in common] for change, own in changes.items()}, others


def _place(rows: Sequence[Row]) -> tuple[int, str, float]:
    """Where a line stands among those of its system: what is not changed first, then by name and value."""
    changed = sorted(rows[0].get("overrides", {}).items())
    value = changed[0][1] if changed else None
    return len(changed), str([name for name, _ in changed]), value if isinstance(value, (int, float)) else 0.0


def _value(rows: Sequence[Row], name: str) -> str:
    for row in rows:
        if name in row.get("overrides", {}):
            return str(row["overrides"][name])
    value = parameter(rows, name)
    return "as usual" if value is None else str(value)


def _truth(rows: Sequence[Row], names: Sequence[str]) -> str:
    if not names:
        return "the twin's own schedule" if is_synthetic(rows) else "as annotated"
    return ", ".join(f"{name} = {_value(rows, name)}" for name in names)


def _twin(rows: Sequence[Row], names: Sequence[str]) -> str:
    changed = rows[0].get("overrides", {})
    return ", ".join(f"{name} = {changed[name]}" for name in names if name in changed) or "as usual"
