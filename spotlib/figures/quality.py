"""How good systems are: precision and recall, F1 over IoU, F1 with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from spotlib.figures.canvas import GREY, PALE, SYSTEM_STYLES, Figure, joined_names, new_figure, styled
from spotlib.intervals import KINDS
from spotlib.matching import Protocol
from spotlib.rows import (
    KIND_NAMES,
    MEASURES,
    Row,
    check,
    count,
    count_at,
    finished_systems,
    hit_iou,
    label,
    metric,
    of_subjects,
    systems,
    twin_name,
)
from spotlib.statistics import DRAWS, SEED, bootstrap_f1, short

_LABEL = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
IOUS = tuple(round(0.3 + 0.05 * i, 2) for i in range(9))


@styled
def precision_recall(rows: Sequence[Row], *, protocol: Protocol = "clean", name: str = "") -> Figure:
    """Precision against recall per kind as the score threshold falls; a marker where systems operate.

    Curves end where each system's own thresholds stop. With several seeds each has its curve.
    """
    own = finished_systems(rows)
    canvas = new_figure(10, 4.4, synthetic=twin_name(rows))
    axes = canvas.subplots(1, 2, sharey=True)
    said = []
    for ax, kind in zip(axes, KINDS, strict=True):
        _iso_f1(ax)
        for of_variant, (colour, marker, line) in zip(own.values(), SYSTEM_STYLES * 9, strict=False):
            values = []
            for seed in sorted({row["seed"] for row in of_variant}):
                videos = [video for row in of_variant if row["seed"] == seed for video in row["videos"]]
                made = metric(videos, protocol=protocol, iou=hit_iou(rows))
                precision, recall, _ = made.precision_recall(kind)
                values.append(made.average_precision(kind))
                if not len(precision):
                    continue
                ax.plot(recall, precision, color=colour, linestyle=line, linewidth=1.6)
                ax.plot(
                    recall[-1],
                    precision[-1],
                    marker,
                    color=colour,
                    markersize=8,
                    markeredgecolor="white",
                    zorder=4,
                )
                said.append(
                    f"{label(of_variant)}, {KIND_NAMES[kind]}: average precision {short(values[-1])},"
                    " operating point at recall"
                    f" {short(recall[-1])}, precision {short(precision[-1])}."
                )
            text = f"{label(of_variant)} (AP {short(float(np.mean(values)))})"
            ax.plot([], [], color=colour, linestyle=line, marker=marker, label=text)
        ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", title="")
        ax.set_title({"macro": "macro-expressions", "micro": "micro-expressions"}[kind], loc="left")
        ax.legend(loc="upper right", fontsize=8.5, frameon=True, framealpha=0.9, edgecolor="none")
    axes[0].set_ylabel("precision")
    caption = (
        "Each curve admits proposals best score first; the marker at its end is the operating point that"
        " inner subjects chose."
        " Grey: lines of equal F1. AP: average precision over the proposals kept."
    )
    return Figure(
        name or f"precision-recall-{joined_names(own)}",
        canvas,
        "Precision and recall. " + " ".join(said),
        caption,
    )


def _iso_f1(ax: Axes) -> None:
    recall = np.linspace(0.005, 1, 400)
    for f1 in (0.2, 0.4, 0.6, 0.8):
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = f1 * recall / (2 * recall - f1)
        known = (precision > 0) & (precision <= 1)
        ax.plot(recall[known], precision[known], color=PALE, linewidth=1, zorder=0)
        ax.text(
            0.995,
            f1 / (2 - f1) + 0.012,
            f"F1 {short(f1, 1)}",
            color=GREY,
            fontsize=8,
            ha="right",
            va="bottom",
            bbox=_LABEL,
        )


@styled
def f1_over_iou(
    rows: Sequence[Row], *, protocol: Protocol = "clean", ious: Sequence[float] = IOUS, name: str = ""
) -> Figure:
    """F1 of MaE, ME and both as the IoU that a hit needs goes from .3 to .7."""
    own = finished_systems(rows)
    canvas = new_figure(10, 3.9, synthetic=twin_name(rows))
    axes = canvas.subplots(1, 3, sharey=True)
    values: dict[tuple[str, str], list[float]] = {}
    for counts in count_at(rows, ious, protocol=protocol).values():
        for variant in own:
            for measure in MEASURES:
                sums = of_subjects(counts[counts.variant == variant], measure).sum()
                total = sums.predicted + sums.truth
                values.setdefault((variant, measure), []).append(2 * sums.tp / total if total else np.nan)
    for ax, measure in zip(axes, MEASURES, strict=True):
        for (variant, of_variant), (colour, marker, line) in zip(own.items(), SYSTEM_STYLES * 9, strict=False):
            ax.plot(
                ious,
                values[variant, measure],
                color=colour,
                marker=marker,
                linestyle=line,
                markersize=5,
                label=label(of_variant),
            )
        ax.axvline(hit_iou(rows), color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        ax.set(ylim=(0, 1), xlabel="IoU needed for a hit")
        ax.set_title(KIND_NAMES[measure], loc="left")
        ax.grid(axis="y")
    axes[0].set_ylabel("F1")
    _shared_legend(canvas, axes[0])
    said = [
        f"{label(of_variant)}: overall F1 {short(values[v, 'overall'][0])} at IoU {ious[0]:g},"
        f" {short(values[v, 'overall'][-1])} at IoU {ious[-1]:g}."
        for v, of_variant in own.items()
    ]
    caption = f"The dashed line is the border that counts in all tables, IoU of at least {hit_iou(rows):g}."
    return Figure(
        name or f"f1-over-iou-{joined_names(own)}",
        canvas,
        "F1 over the IoU needed for a hit. " + " ".join(said),
        caption,
    )


@styled
def intervals_forest(
    rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED, name: str = ""
) -> Figure:
    """F1 with 95 % intervals over subjects by variant, for MaE, ME and both; failed variants say so."""
    check(rows)
    by_variant = systems(rows)
    counts = count(rows, protocol=protocol)
    canvas = new_figure(10, 1.5 + 0.36 * len(by_variant), synthetic=twin_name(rows))
    axes = canvas.subplots(1, 3, sharey=True)
    said = []
    for ax, measure in zip(axes, MEASURES, strict=True):
        for y, ((variant, own), (colour, marker, _)) in enumerate(
            zip(by_variant.items(), SYSTEM_STYLES * 9, strict=False)
        ):
            table = of_subjects(counts[counts.variant == variant], measure)
            if table.empty:
                ax.text(0.5, y, "failed", ha="center", va="center", fontsize=9, color=GREY)
                said.append(f"{label(own)}, {KIND_NAMES[measure]}: failed.")
                continue
            found = bootstrap_f1(table, draws=draws, seed=seed)
            ax.plot([found.low, found.high], [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
            ax.plot(found.value, y, marker, color=colour, markersize=7, markeredgecolor="white")
            side = ("left", found.high + 0.025) if np.nan_to_num(found.high) < 0.72 else ("right", found.low - 0.025)
            ax.text(
                side[1] if np.isfinite(side[1]) else 0.5,
                y,
                short(found.value),
                va="center",
                ha=side[0],
                fontsize=9,
                bbox=_LABEL,
            )
            if y == 0:
                ax.axvline(found.value, color=colour, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
            said.append(f"{label(own)}, {KIND_NAMES[measure]}: {found}.")
        ax.set(xlim=(0, 1), xlabel="F1")
        ax.set_title(KIND_NAMES[measure], loc="left")
        ax.grid(axis="x")
        ax.tick_params(left=False)
        ax.spines["left"].set_visible(False)
    axes[0].set_yticks(range(len(by_variant)), [label(own) for own in by_variant.values()])
    axes[0].set_ylim(len(by_variant) - 0.4, -0.6)
    caption = (
        f"F1 and 95 % interval (bootstrap over subjects, {draws} draws), {protocol} protocol. Overlapping"
        " intervals do not mean a"
        " tie: systems share their subjects, see the paired differences."
    )
    return Figure(
        name or f"forest-{joined_names(by_variant)}",
        canvas,
        "F1 with 95 % intervals. " + " ".join(said),
        caption,
    )


def _shared_legend(canvas: Canvas, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside upper left", ncols=min(5, len(handles)))
