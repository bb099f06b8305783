"""The data before any training: how long expressions last, and one window as the network sees it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import GREY, KIND_COLOURS, Figure, new_figure, styled
from spotlib.intervals import KINDS
from spotlib.points import LAYOUTS
from spotlib.rows import KIND_NAMES

# micro-expressions last at most half a second (METHOD section 1)
_BORDER_S = 0.5


@styled
def durations(events: pd.DataFrame, *, synthetic: bool | str = False, name: str = "durations") -> Figure:
    """Distribution of event lengths by kind; ``events`` as `events_table` gives them."""
    import seaborn as sns

    if events.empty:
        raise SpotlibError("no event: there are no lengths to draw; check the annotation")
    seconds = (events["offset"] - events["onset"] + 1) / events["fps"]
    lengths = pd.DataFrame(
        {"seconds": seconds.astype(float), "kind": [KIND_NAMES[str(kind)] for kind in events["kind"]]}
    )
    canvas = new_figure(9, 3.4, synthetic=synthetic)
    ax = canvas.subplots()
    order = [KIND_NAMES[str(kind)] for kind in KINDS if (lengths.kind == KIND_NAMES[str(kind)]).any()]
    colours = {KIND_NAMES[str(kind)]: KIND_COLOURS[str(kind)] for kind in KINDS}
    bins = np.geomspace(lengths.seconds.min() * 0.97, lengths.seconds.max() * 1.03, 32).tolist()
    said = []
    for text, hatch in zip(order, ("", "////"), strict=False):
        own = lengths.seconds[lengths.kind == text]
        sns.histplot(x=own, bins=bins, ax=ax, color=colours[text], alpha=0.55, edgecolor="white", hatch=hatch)
        median = float(own.median())
        ax.axvline(median, color=colours[text], linewidth=1.6)
        ax.text(
            median,
            1.01,
            f"{text}: median {median:.2f} s",
            transform=ax.get_xaxis_transform(),
            color=colours[text],
            ha="center",
        )
        said.append(f"{len(own)} {text}, median {median:.2f} s, from {own.min():.2f} to {own.max():.2f} s")
    ax.axvline(_BORDER_S, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    ax.set_xscale("log")
    ticks = [t for t in (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50) if bins[0] <= t <= bins[-1]]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("length in seconds (onset to offset, logarithmic)")
    ax.set_ylabel("events")
    caption = f"Lengths of the annotated events: {'; '.join(said)}. Dashed: half a second."
    return Figure(name, canvas, f"Histogram of event lengths: {'; '.join(said)}.", caption)


@styled
def window_heatmap(
    window: np.ndarray,
    *,
    title: str = "",
    synthetic: bool | str = False,
    nodes: tuple[str, ...] = (),
    name: str = "window",
) -> Figure:
    """One SW-MRO window (K, V, 2) px: motion of each node since the window's first frame (METHOD section 2).

    Shade is the length of the motion, arrows its direction. ``nodes`` names the columns (default: the layout
    with V nodes).
    """
    window = np.asarray(window, dtype=np.float64)
    if window.ndim != 3 or window.shape[2] != 2:
        raise SpotlibError(f"window has shape {window.shape}; (K, V, 2) is needed")
    length, n_nodes, _ = window.shape
    names = nodes or next(
        (layout for layout in LAYOUTS.values() if len(layout) == n_nodes), tuple(map(str, range(n_nodes)))
    )
    strength = np.linalg.norm(window, axis=2)  # (K, V)
    canvas = new_figure(9, 1.6 + 0.24 * length, synthetic=synthetic)
    ax = canvas.subplots()
    image = ax.imshow(strength, aspect="auto", cmap="Blues", vmin=0, vmax=max(float(strength.max()), 1e-6))
    canvas.colorbar(image, ax=ax, label="motion, px of the crop", pad=0.01)
    rows, columns = np.nonzero(strength > 0.05 * max(float(strength.max()), 1e-6))
    unit = window[rows, columns] / np.maximum(strength[rows, columns], 1e-9)[:, None]
    dark = strength[rows, columns] > 0.55 * float(strength.max())
    ax.quiver(
        columns, rows, unit[:, 0], -unit[:, 1], color=np.where(dark, "white", "#222222"), pivot="mid",
        angles="uv", units="height",        scale=26, width=0.004, headwidth=4,
    )  # fmt: skip
    for border in (2.5, 5.5, 9.5):  # facial regions: brow A, brow B, mouth, the rest
        if border < n_nodes - 1:
            ax.axvline(border, color="white", linewidth=3)
    ax.set_xticks(range(n_nodes), names)
    ax.set_yticks(range(0, length, 2 if length > 9 else 1))
    ax.set_xlabel("node (number of its landmark): brow A, brow B, mouth")
    ax.set_ylabel("frames since the window's first")
    ax.tick_params(length=0)
    if title:
        ax.set_title(title, loc="left")
    top = np.unravel_index(int(strength.argmax()), strength.shape)
    alt = (
        f"Heat map of one window{f' ({title})' if title else ''}: {length} rows of growing gap, {n_nodes}"
        " nodes. Strongest motion"
        f" {strength.max():.2f} px at node {names[top[1]]}, gap {top[0]}."
    )
    caption = "Shade: length of a node's motion since the window's first frame. Arrows: its direction in the image."
    return Figure(name, canvas, alt, caption)
