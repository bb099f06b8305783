"""What the contrastive loss does to the embedding while a network learns, from `spotlib.bench.embedding`'s numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import GREY, SYSTEM_STYLES, Figure, new_figure, styled

# what is drawn of each epoch: title, and whether on a logarithmic axis
_PANELS = {
    "above": ("contrastive loss - its value\nif all embeddings were equal", False),
    "spread": ("spread of the embeddings", True),
    "between": ("share of it between\nneutral, MaE and ME", False),
    "boundary_micro": ("loss of the ME boundary", False),
}


@styled
def embedding(seen: Mapping[str, Any], *, name: str = "embedding") -> Figure:
    """Loss and spread of the embedding by epoch, a line for each way to train.

    ``seen``: what ``python -m spotlib.bench.embedding`` writes. Raises SpotlibError without any way.
    """
    ways = seen.get("ways", {})
    if not ways:
        raise SpotlibError("embedding: no way to train was watched; run python -m spotlib.bench.embedding")
    twin = f"twin of {seen['dataset']}" if seen.get("synthetic") else False
    canvas = new_figure(12, 3.7, synthetic=twin)
    axes = dict(zip(_PANELS, canvas.subplots(1, len(_PANELS)), strict=True))
    for (way, found), (colour, _, line) in zip(ways.items(), SYSTEM_STYLES, strict=False):
        for panel, ax in axes.items():
            _line(ax, found, panel, color=colour, linestyle=line, label=way)
    for panel, ax in axes.items():
        title, logarithmic = _PANELS[panel]
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if logarithmic:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid(axis="y")
    axes["above"].axhline(0, color=GREY, linewidth=0.8)
    axes["above"].set_ylim(-1, 6)  # the first epochs begin far above
    handles, labels = axes["spread"].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower left", ncols=len(labels), fontsize=8.5, columnspacing=1.2)
    return Figure(name, canvas, _alt(ways), "Embeddings of 1,024 training windows, looked at after each epoch.")


def _line(ax: Axes, found: Mapping[str, Any], panel: str, **style: Any) -> None:
    points = found["epochs"]
    if panel == "above":
        points = [{**p, "above": p["contrastive"] - found["equal"]} for p in points if "contrastive" in p]
    if points:
        ax.plot([p["epoch"] for p in points], [p[panel] for p in points], linewidth=1.5, **style)


def _alt(ways: Mapping[str, Any]) -> str:
    said = []
    for way, found in ways.items():
        last = found["epochs"][-1]
        text = f"{way}: at the end the embeddings spread over {last['spread']:.2g}"
        if "contrastive" in last:
            text += f", the contrastive loss is {last['contrastive'] - found['equal']:+.2f} from that of equal ones"
        said.append(f"{text}, ME boundary loss {last['boundary_micro']:.2f}")
    return "What the contrastive loss does to the embedding. " + "; ".join(said) + "."
