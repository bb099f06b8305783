"""How hard the twin is: F1 against each of its knobs (TWIN.md), from the rows of a study that turns one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import GREY, SYSTEM_STYLES, Figure, new_figure, styled
from spotlib.intervals import KINDS
from spotlib.matching import Protocol
from spotlib.rows import KIND_NAMES, Row, check, count, dataset_name, done, label, of_subjects, systems, twin_name
from spotlib.statistics import DRAWS, SEED, bootstrap_f1, short

#: parameter, how the axis calls it, and the spec's field that holds the usual value (None: it is 1)
KNOBS = {
    "motion_size": ("size of expressions,\ntimes the usual", None),
    "head_rotation": ("head sway and turns,\ndegrees", "head_rotation"),
    "talking": ("share of time talking", "talking"),
    "noise": ("sensor noise,\ngrey levels", "noise"),
}


@styled
def difficulty(
    rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED, name: str = ""
) -> Figure:
    """F1 of MaE and ME against each knob that ``rows`` turn, one column a knob, systems side by side.

    rows: each says in ``row["overrides"]`` what is changed for it; those where anything else or more than one knob is
    changed are left out. Twins without a change stand at the usual value, in every column. SpotlibError if no knob is
    turned.
    """
    check(rows)
    turned = [knob for knob in KNOBS if any(set(_changed(row)) == {knob} for row in done(rows))]
    if not turned:
        raise SpotlibError(f"difficulty figure: no finished row turns one of {', '.join(KNOBS)} alone")
    kept = [row for row in done(rows) if not _changed(row) or set(_changed(row)) <= set(turned)]
    kept = [row for row in kept if len(_changed(row)) <= 1]
    own = systems(kept)
    canvas = new_figure(1.0 + 2.45 * len(turned), 5.4, synthetic=twin_name(rows))
    axes = canvas.subplots(2, len(turned), sharey=True, sharex="col", squeeze=False)
    said = []
    for column, knob in enumerate(turned):
        usual = _usual(kept, knob)
        for row, kind in enumerate(KINDS):
            ax = axes[row, column]
            for i, ((_, of), (colour, marker, line)) in enumerate(zip(own.items(), SYSTEM_STYLES * 9, strict=False)):
                points = []
                for value, at in sorted(_by_value(of, knob, usual).items()):
                    found = bootstrap_f1(
                        of_subjects(count(at, protocol=protocol), str(kind)), draws=draws, seed=seed
                    )  # the twin's people are drawn, as in every table
                    if found.known:
                        points.append((value, found))
                if not points:
                    continue
                values = np.array([value for value, _ in points])
                dodge = 0.012 * np.ptp(values) * (i - (len(own) - 1) / 2)
                middle = np.array([f.value for _, f in points])
                ends = np.array([[f.value - f.low, f.high - f.value] for _, f in points]).T
                ax.errorbar(
                    values + dodge, middle, yerr=np.nan_to_num(ends).clip(min=0), color=colour, marker=marker,
                    linestyle=line, markersize=5.5, capsize=2.5, elinewidth=1.2, markeredgecolor="white",
                    label=label(of),
                )  # fmt: skip
                listed = ", ".join(f"{short(f.value)} at {value:g}" for value, f in points)
                said.append(f"{KIND_NAMES[kind]} over {knob}, {label(of)}: {listed}.")
            if usual is not None:
                ax.axvline(usual, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
            ax.set(ylim=(0, 1))
            ax.grid(axis="y")
            if row == 1:
                ax.set_xlabel(KNOBS[knob][0])
            if column == 0:
                ax.set_ylabel(f"F1 {KIND_NAMES[kind]}")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside upper left", ncols=min(5, max(1, len(handles))))
    caption = (
        f"F1 with 95 % intervals (bootstrap over subjects, {draws} draws), {protocol} protocol, as one knob of the"
        f" {dataset_name(rows[0])} is turned and all else stays. Dashed: the usual value, with the same rows in every"
        " column. Every point is a twin and a training of its own."
    )
    return Figure(name or "difficulty", canvas, f"F1 against the knobs of the twin. {' '.join(said)}", caption)


def _changed(row: Row) -> Mapping[str, Any]:
    return row.get("overrides") or {}


def _usual(rows: Sequence[Row], knob: str) -> float | None:
    """The knob's value where nothing is changed; None if no such row is there."""
    base = [row for row in rows if not _changed(row)]
    if not base:
        return None
    given = base[0].get("key", {}).get("params", {}).get(knob)
    if given is not None:
        return float(given)
    field = KNOBS[knob][1]
    if field is None:
        return 1.0
    from spotlib.datasets.specs import get_spec

    return float(getattr(get_spec(str(rows[0]["dataset"])), field))


def _by_value(rows: Sequence[Row], knob: str, usual: float | None) -> dict[float, list[Row]]:
    """The rows of one system at each value of a knob, the usual one included."""
    found: dict[float, list[Row]] = {}
    for row in rows:
        changed = _changed(row)
        if not changed and usual is not None:
            found.setdefault(usual, []).append(row)
        elif knob in changed:
            found.setdefault(float(changed[knob]), []).append(row)
    return found
