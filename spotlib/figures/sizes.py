"""Recall over the size of expressions, or over their length where nobody knows the size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import GREY, SYSTEM_STYLES, Figure, joined_names, new_figure, styled
from spotlib.intervals import KINDS
from spotlib.matching import Protocol
from spotlib.outcomes import FALSE_ALARM, HIT, outcomes, recall
from spotlib.rows import KIND_NAMES, Row, finished_systems, label, twin_name
from spotlib.statistics import DRAWS, SEED, short

if TYPE_CHECKING:
    from spotlib.datasets.base import Dataset

_PER_POINT, _MOST = 15, 6  # true events behind a point at least, and points at most


@styled
def recall_over_size(
    rows: Sequence[Row],
    dataset: Dataset | None = None,
    *,
    by: Literal["size", "length"] = "size",
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
    name: str = "",
) -> Figure:
    """Recall of MaE and ME by the size of expressions, systems side by side, with intervals over subjects.

    Each point stands for as many true events as the next, at their median. ``by`` "size": peak displacement of the
    nodes in % of IOD, which needs a twin as ``dataset``; "length": seconds. SpotlibError if sizes are asked for and not
    known, or without finished rows.
    """
    own = finished_systems(rows)
    found = outcomes(rows, dataset, protocol=protocol)
    true = found[found.outcome != FALSE_ALARM].assign(at=found.seconds if by == "length" else 100 * found["size"])
    if true["at"].isna().all():
        raise SpotlibError("recall over size: sizes are known for twins only; give the twin, or ask for by='length'")
    unit = "length, s" if by == "length" else "displacement of the nodes, % of IOD"
    canvas = new_figure(10, 4.0, synthetic=twin_name(rows))
    axes = canvas.subplots(1, 2, sharey=True)
    said = []
    for ax, kind in zip(axes, KINDS, strict=True):
        of_kind = true[true.kind == str(kind)]
        cuts = _cuts(of_kind)
        for i, ((variant, of), (colour, marker, line)) in enumerate(zip(own.items(), SYSTEM_STYLES * 9, strict=False)):
            mine = of_kind[of_kind.variant == variant]
            points = []
            for low, high in itertools.pairwise(cuts):
                inside = mine[(mine["at"] >= low) & (mine["at"] < high)]
                if len(inside):
                    points.append((float(inside["at"].median()), recall(of, inside, draws=draws, seed=seed)))
            if points:
                at = np.array([x for x, _ in points]) * (1 + 0.012 * (i - (len(own) - 1) / 2))
                middle = np.array([e.value for _, e in points])
                ends = np.array([[e.value - e.low, e.high - e.value] for _, e in points]).T
                ax.errorbar(
                    at, middle, yerr=np.nan_to_num(ends).clip(min=0), color=colour, marker=marker, linestyle=line,
                    markersize=6, capsize=2.5, elinewidth=1.2, markeredgecolor="white", label=label(of),
                )  # fmt: skip
            values = ", ".join(f"{short(e.value)} at {x:.2g}" for x, e in points) or "no event"
            said.append(f"{KIND_NAMES[kind]}, {label(of)}: {values}.")
            _rug(ax, mine, -0.07 * (i + 1), colour)
        ax.set(ylim=(-0.04 - 0.07 * len(own), 1.04), xlabel=unit, yticks=np.arange(0, 1.01, 0.2))
        ax.set_title(f"{KIND_NAMES[kind]}, {len(of_kind.drop_duplicates(_EVENT))} true events", loc="left")
        ax.grid(axis="y")
    axes[0].set_ylabel("recall")
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        canvas.legend(handles, labels, loc="outside upper left", ncols=min(5, len(handles)))
    caption = (
        f"Each point: equally many true events, at their median, with the 95 % interval over subjects ({draws} draws)."
        " Below, a tick per true event: coloured and higher if that system found it, grey if it missed it."
    )
    what = "length" if by == "length" else "size"
    alt = f"Recall over the {what} of expressions ({unit}), {protocol} protocol. {' '.join(said)}"
    return Figure(name or f"recall-over-{what}-{joined_names(own)}", canvas, alt, caption)


_EVENT = ["subject", "video", "onset", "offset"]


def _cuts(true: pd.DataFrame) -> np.ndarray:
    """Edges between which equally many events lie; the last is infinite."""
    values = true.drop_duplicates(_EVENT)["at"].dropna().to_numpy()
    if not len(values):
        return np.array([0.0])
    bins = int(np.clip(len(values) // _PER_POINT, 1, _MOST))
    # lengths are whole frames: equal ones must not be parted, so edges lie between values
    inner = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]) + 1e-9)
    return np.concatenate([[-np.inf], inner, [np.inf]])


def _rug(ax: Axes, true: pd.DataFrame, y: float, colour: str) -> None:
    """A tick per true event of one system, a little higher where it was found."""
    for chosen, look, up in ((true.outcome != HIT, GREY, -0.013), (true.outcome == HIT, colour, 0.013)):
        at = true["at"][chosen]
        ax.plot(at, np.full(len(at), y + up), "|", color=look, markersize=4, markeredgewidth=1.0, zorder=1)
