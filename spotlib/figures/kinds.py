"""Which kind is taken for which: the confusion of MaE, ME and none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from spotlib.figures.canvas import BLACK, PALE, Figure, joined_names, new_figure, styled
from spotlib.matching import Protocol, match
from spotlib.rows import KIND_NAMES, Row, done, events_of, finished_systems, hit_iou, label, twin_name

_CLASSES = ("MaE", "ME", "none")


def confusion_counts(rows: Sequence[Row], *, protocol: Protocol = "clean") -> pd.DataFrame:
    """Truth x prediction of MaE, ME and none, for rows of one variant; means over seeds.

    Events are matched by interval regardless of kind. Row "none" holds false alarms, column "none" missed
    events; none x none is not defined (NaN).
    """
    numbers: Counter[tuple[str, str]] = Counter()
    for row in done(rows):
        for video in row["videos"]:
            truth, found = events_of(video, "truth"), events_of(video, protocol)
            pairs = match(truth, found, iou=hit_iou(rows), protocol=protocol)
            numbers.update((KIND_NAMES[truth[m.truth].kind], KIND_NAMES[found[m.predicted].kind]) for m in pairs)
            missed = set(range(len(truth))) - {m.truth for m in pairs}
            alarms = set(range(len(found))) - {m.predicted for m in pairs}
            numbers.update((KIND_NAMES[truth[i].kind], "none") for i in missed)
            numbers.update(("none", KIND_NAMES[found[j].kind]) for j in alarms)
    table = pd.DataFrame([[float(numbers[t, p]) for p in _CLASSES] for t in _CLASSES], _CLASSES, _CLASSES)
    table.loc["none", "none"] = np.nan
    return table / max(1, len({row["seed"] for row in done(rows)}))


@styled
def confusion(rows: Sequence[Row], *, protocol: Protocol = "clean", name: str = "") -> Figure:
    """What is taken for what: one panel per variant, events matched by interval regardless of kind."""
    import seaborn as sns

    own = finished_systems(rows)
    canvas = new_figure(1.2 + 3.6 * len(own), 3.9, synthetic=twin_name(rows))
    said = []
    for ax, of_variant in zip(np.atleast_1d(canvas.subplots(1, len(own))), own.values(), strict=True):
        table = confusion_counts(of_variant, protocol=protocol)
        share = table.div(table.sum(axis=1), axis=0)
        share.loc["none"] = np.nan  # there is no number of "no events" to take a share of
        sns.heatmap(
            share, ax=ax, vmin=0, vmax=1, cmap="Blues", cbar=False, square=True, linewidths=2,
            linecolor="white", mask=share.isna(),
        )  # fmt: skip
        for i, truth in enumerate(_CLASSES):
            for j, found in enumerate(_CLASSES):
                _cell(ax, i, j, table.loc[truth, found], share.loc[truth, found])
        ax.set_yticklabels(_CLASSES, rotation=0)
        ax.tick_params(left=False, bottom=False)
        ax.set_xlabel("spotted as")
        ax.set_ylabel("truth")
        ax.set_title(label(of_variant), loc="left")
        said.append(f"{label(of_variant)}: {_confusion_words(table)}")
    caption = (
        f"Events matched by interval (IoU of at least {hit_iou(rows):g}) regardless of kind; percentages"
        " are of the true events"
        " of a row. Lower row: false alarms. Right column: missed."
    )
    return Figure(
        name or f"confusion-{joined_names(own)}",
        canvas,
        f"Confusion of kinds, {protocol} protocol. " + " ".join(said),
        caption,
    )


def _cell(ax: Axes, i: int, j: int, number: float, share: float) -> None:
    if np.isnan(number):
        ax.add_patch(Rectangle((j, i), 1, 1, facecolor="#f4f4f4", edgecolor=PALE, hatch="//", linewidth=0))
        return
    if np.isnan(share):
        ax.add_patch(Rectangle((j + 0.02, i + 0.02), 0.96, 0.96, facecolor="#f4f4f4", linewidth=0))
    text = f"{number:.0f}" if abs(number - round(number)) < 1e-6 else f"{number:.1f}"
    colour = "white" if share > 0.65 else BLACK
    ax.text(j + 0.5, i + 0.42, text, ha="center", va="center", fontsize=13, color=colour)
    if np.isfinite(share):
        ax.text(j + 0.5, i + 0.72, f"{100 * share:.0f} %", ha="center", va="center", fontsize=9, color=colour)


def _confusion_words(table: pd.DataFrame) -> str:
    parts = []
    for own, other in (("MaE", "ME"), ("ME", "MaE")):
        parts.append(
            f"of {table.loc[own].sum():g} {own}, {table.loc[own, own]:g} spotted as {own},"
            f" {table.loc[own, other]:g} as {other},"
            f" {table.loc[own, 'none']:g} missed"
        )
    return "; ".join(parts) + f"; false alarms: {table.loc['none', 'MaE']:g} MaE, {table.loc['none', 'ME']:g} ME."
