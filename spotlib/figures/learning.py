"""Learning curves: losses and inner F1 by epoch, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import BLACK, GREEN, GREY, KIND_COLOURS, Figure, file_name, new_figure, styled
from spotlib.rows import KIND_NAMES, Row, check, done, label, twin_name

# term of the row -> what it is called; colour by kind, line style by target
_TERMS = {
    "apex_macro": ("MaE apex", KIND_COLOURS["macro"], "-"),
    "boundary_macro": ("MaE boundary", KIND_COLOURS["macro"], "--"),
    "expression_macro": ("MaE expression", KIND_COLOURS["macro"], ":"),
    "contrastive": ("contrastive", GREEN, "-."),
    "apex_micro": ("ME apex", KIND_COLOURS["micro"], "-"),
    "boundary_micro": ("ME boundary", KIND_COLOURS["micro"], "--"),
    "expression_micro": ("ME expression", KIND_COLOURS["micro"], ":"),
}
_INNER = {"macro": "inner_f1_macro", "micro": "inner_f1_micro", "overall": "inner_f1"}


@styled
def learning_curves(rows: Sequence[Row], *, name: str = "") -> Figure:
    """Loss, loss terms and F1 on inner subjects by epoch, for the folds of one variant.

    Thin lines are folds, thick ones their mean; circles are the chosen epochs. Raises SpotlibError if no row
    has curves.
    """
    check(rows)
    own = [row for row in done(rows) if row["curves"]]
    if not own:
        raise SpotlibError(
            f"{label(list(rows))} has no learning curves: it is not trained by epochs, or no fold is finished"
        )
    points = pd.concat([pd.DataFrame(row["curves"]).assign(line=f"{row['seed']}/{row['fold']}") for row in own])
    canvas = new_figure(10, 4.2, synthetic=twin_name(own))
    total, terms, inner = canvas.subplots(1, 3, width_ratios=[1, 1, 1.15])
    _total(total, points)
    _terms(terms, points)
    _inner(inner, points, own)
    for ax in (total, terms, inner):
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
        ax.grid(axis="y")
    canvas.legend(
        *terms.get_legend_handles_labels(), loc="outside lower left", ncols=4, fontsize=8.5,
        columnspacing=1.2, handlelength=2.2,
    )  # fmt: skip
    canvas.suptitle(f"{label(own)}: {len(own)} fold{'s' if len(own) > 1 else ''}", fontsize=11, x=0.01, ha="left")
    return Figure(
        name or f"learning-{file_name(own[0]['variant'])}", canvas, _alt(points, own),
        "Thin lines: folds; thick lines: their mean; circles: the epochs chosen on inner subjects (overall"
        " F1).",
    )  # fmt: skip


def _total(ax: Axes, points: pd.DataFrame) -> None:
    import seaborn as sns

    sns.lineplot(points, x="epoch", y="loss", units="line", estimator=None, ax=ax, color=GREY, linewidth=0.7, alpha=0.7)
    sns.lineplot(points, x="epoch", y="loss", errorbar=None, ax=ax, color=BLACK, linewidth=2)
    ax.set_title("training loss", loc="left")
    ax.set_ylabel("")
    ax.set_ylim(bottom=0)


def _terms(ax: Axes, points: pd.DataFrame) -> None:
    mean = points.groupby("epoch").mean(numeric_only=True)
    for term, (text, colour, line) in _TERMS.items():
        if term in mean and (mean[term] > 0).any():
            ax.plot(
                mean.index,
                mean[term].where(mean[term] > 0),
                color=colour,
                linestyle=line,
                linewidth=1.4,
                label=text,
            )
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_title("loss terms, unweighted", loc="left")


def _inner(ax: Axes, points: pd.DataFrame, rows: Sequence[Row]) -> None:
    for measure, column in _INNER.items():
        if column not in points:
            continue
        known = points.dropna(subset=[column])
        colour = KIND_COLOURS[measure]
        for _, line in known.groupby("line"):
            ax.plot(line.epoch, line[column], color=colour, linewidth=0.6, alpha=0.45)
        mean = known.groupby("epoch")[column].mean()
        style = {"macro": "--", "micro": ":", "overall": "-"}[measure]
        ax.plot(mean.index, mean, color=colour, linewidth=2.2, linestyle=style, label=KIND_NAMES[measure])
    for row in rows:
        epoch = row["chosen"].get("epoch")
        at = next((p.get("inner_f1") for p in row["curves"] if p["epoch"] == epoch), None)
        if at is not None:
            ax.plot(epoch, at, "o", markersize=6, markerfacecolor="white", markeredgecolor=BLACK, zorder=4)
    ax.set_ylim(0, 1)
    ax.set_title("F1 on inner subjects", loc="left")
    ax.legend(loc="upper left", ncols=3, columnspacing=1.0, handlelength=2.4)


def _alt(points: pd.DataFrame, rows: Sequence[Row]) -> str:
    mean = points.groupby("epoch").mean(numeric_only=True)
    text = (
        f"Learning curves of {label(list(rows))}, {len(rows)} folds, {len(mean)} epochs. The mean training"
        " loss goes from"
        f" {mean.loss.iloc[0]:.2f} to {mean.loss.iloc[-1]:.2f}."
    )
    for measure, column in _INNER.items():
        if column in mean and mean[column].notna().any():
            known = mean[column].dropna()
            best = f"highest {known.max():.2f} at epoch {int(known.idxmax())}"
            text += f" Mean inner F1 {KIND_NAMES[measure]}: {best}."
    chosen = sorted(int(row["chosen"]["epoch"]) for row in rows if row["chosen"].get("epoch") is not None)
    return text + (f" Chosen epochs: {', '.join(map(str, np.asarray(chosen)))}." if chosen else "")
