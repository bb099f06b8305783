"""A spotted video as a figure: apex scores and events of both kinds over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from spotlib.figures.canvas import BLACK, KIND_COLOURS, Figure, file_name, new_figure, styled
from spotlib.intervals import KINDS
from spotlib.rows import KIND_NAMES
from spotlib.spotting import FrameScores

if TYPE_CHECKING:
    from spotlib.spot.result import Result

_COLUMNS = 2000  # more values than this are drawn as the highest of each column
_TOP, _HEIGHT = 1.08, 0.2  # of the bars of events, above the scores


@styled
def spotted_figure(result: Result) -> Figure:
    """Apex scores and events of ``result``, macro above micro; bars of macro events are filled, of micro hatched."""
    from spotlib.report.spot_data import gaps
    from spotlib.report.spot_svg import in_words

    spotted = result.spotted
    n = spotted.n_frames
    scores = FrameScores(np.asarray(result.probabilities, np.float32), result.valid)
    canvas = new_figure(10, 3.6, synthetic=spotted.synthetic)
    edges = np.unique(np.linspace(0, n, min(_COLUMNS, n) + 1).astype(int))
    middles = np.array([spotted.start(int(frame)) for frame in (edges[:-1] + edges[1:]) // 2])
    for ax, kind in zip(canvas.subplots(2, 1, sharex=True), KINDS, strict=True):
        colour = KIND_COLOURS[str(kind)]
        high = np.maximum.reduceat(np.nan_to_num(scores.of(kind)[0]), edges[:-1])
        ax.fill_between(middles, high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(middles, high, color=colour, linewidth=1.2)
        for event in (event for event in spotted.events if event.kind == kind):
            start, end = spotted.start(event.onset), spotted.start(event.offset + 1)
            look: dict[str, Any] = (
                {"facecolor": colour} if kind == KINDS[0] else {"facecolor": "white", "hatch": "//////"}
            )
            ax.add_patch(Rectangle((start, _TOP), end - start, _HEIGHT, edgecolor=colour, linewidth=1.2, **look))
            if event.apex is not None:
                at = spotted.start(event.apex)
                ax.plot([at, at], [_TOP - 0.03, _TOP + _HEIGHT + 0.03], color=BLACK, linewidth=1.0)
        for first, last in gaps(result.valid):
            ax.axvspan(
                spotted.start(first), spotted.start(last + 1), facecolor="#f4f4f4", edgecolor="#b0b0b0", hatch="xxx",
                linewidth=0, zorder=0,
            )  # fmt: skip
        ax.set(ylim=(0, _TOP + _HEIGHT + 0.08), xlim=(0, spotted.duration), yticks=[0, 0.5, 1])
        ax.set_ylabel(f"{KIND_NAMES[kind]}\napex score")
    ax.set_xlabel("seconds")
    ax.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    return Figure(f"spotted-{file_name(spotted.video)}", canvas, in_words(result))
