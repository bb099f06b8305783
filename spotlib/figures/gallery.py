"""The error gallery: false alarms and misses as rows of faces, with the score around them and what else went on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import BLACK, GREY, KIND_COLOURS, Figure, new_figure, styled
from spotlib.figures.face import _HALO, _REGIONS, TIMES, _round_factor
from spotlib.happenings import Span
from spotlib.intervals import Event
from spotlib.rows import KIND_NAMES

_SIDE = 216  # px of a face as drawn; together with few grey levels it keeps the file small
_LEVELS = 32
_LANE = 0.34  # height of a lane above the scores, whose own height is 1; each kind has a half of it
_PAPER = [patheffects.withStroke(linewidth=2.5, foreground="white")]
# how each lane is called, and its colour
_LANES = {
    "talking": ("talking", "#8c6d31"), "turn": ("turn", "#5a5a5a"), "swallow": ("swallow", "#a55194"),
    "blink": ("blink", "#9c9ede"), "gaze": ("gaze", "#c7c7c7"), "gap": ("no face", "#222222"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the gallery.

    event: the false alarm or the missed event; frames: pictures (H, W, 3) or (H, W) uint8 at its onset, apex (or
    middle) and offset; nodes: (3, V, 2) px in them, NaN without a face; motion: (3, V, 2) px since the onset, head
    motion removed; scores: (T,) of its kind, or None; threshold: of the apex score, if there is one; unit: what scores
    are called; truth, found: all events of the video; happenings: what else happened, named as in
    `spotlib.happenings`; words: two short lines about it.
    """

    event: Event
    n_frames: int
    fps: float
    frames: Sequence[np.ndarray]
    nodes: np.ndarray
    motion: np.ndarray
    scores: np.ndarray | None
    threshold: float | None
    unit: str
    truth: Sequence[Event]
    found: Sequence[Event]
    happenings: Sequence[Span]
    words: tuple[str, str]


@styled
def error_gallery(cases: Sequence[Case], *, title: str, name: str, synthetic: bool | str = False) -> Figure:
    """One row a case: faces at onset, apex and offset with magnified node motion, scores, true and spotted events.

    In the timeline macro-expressions are filled and micro-expressions hatched; a bold frame marks the case itself.
    ``synthetic``: True, or the twin's name. Raises SpotlibError without cases, or if a case's shapes differ.
    """
    if not cases:
        raise SpotlibError("error gallery: no case; there is nothing to show")
    canvas = new_figure(10, 0.45 + 2.12 * len(cases), synthetic=synthetic)
    canvas.suptitle(title, fontsize=11, x=0.01, ha="left")
    grid = canvas.add_gridspec(len(cases), 4, width_ratios=[1, 1, 1, 2.5])
    for row, case in enumerate(cases):
        _check(case)
        axes = [canvas.add_subplot(grid[row, column]) for column in range(4)]
        # an empty title keeps the room; the words themselves may run over the columns to their right
        axes[0].set_title("\n", loc="left", fontsize=8.5, linespacing=1.25)
        axes[0].annotate(
            "\n".join(case.words), (0, 1), xytext=(0, 4), xycoords="axes fraction", textcoords="offset points",
            va="bottom", fontsize=8.5, linespacing=1.25, annotation_clip=False,
        ).set_in_layout(False)  # fmt: skip
        _faces(axes[:3], case)
        _timeline(axes[3], case, last=row == len(cases) - 1)
    caption = (
        "Arrows: motion of the nodes (circles and squares: brows, triangles: mouth) since the onset, head motion"
        f" removed, magnified as said. Above each score: true and spotted events ({KIND_NAMES['macro']} filled,"
        f" {KIND_NAMES['micro']} hatched and lower; bold frame: the case) and what else happened. Pictures are grey and"
        " stretched in contrast."
    )
    alt = f"{title}. " + " ".join(f"{i}: {' '.join(case.words)}" for i, case in enumerate(cases, 1))
    return Figure(name, canvas, alt, caption)


def _check(case: Case) -> None:
    nodes, motion = np.shape(case.nodes), np.shape(case.motion)
    if len(case.frames) != 3 or nodes != motion or len(nodes) != 3 or nodes[::2] != (3, 2):
        raise SpotlibError(
            f"error gallery: 3 frames, nodes (3, V, 2) and motion (3, V, 2) are needed, not {len(case.frames)} frames,"
            f" {nodes} and {motion}"
        )


# -- faces --


def _faces(axes: Sequence[Axes], case: Case) -> None:
    event = case.event
    box = _square(case.nodes, case.frames[0].shape)
    pictures = _small(case.frames, box)
    longest = float(np.linalg.norm(np.nan_to_num(case.motion), axis=-1).max(initial=0.0))
    side = box[2] - box[0]
    factor = _round_factor(side / 6 / longest) if longest > 1e-6 else 1.0
    apex = event.apex if event.apex is not None else (event.onset + event.offset) // 2
    moments = ("onset", event.onset), ("apex" if event.apex is not None else "middle", apex), ("offset", event.offset)
    for i, (ax, (what, frame)) in enumerate(zip(axes, moments, strict=True)):
        left, top, right, bottom = box
        ax.imshow(
            pictures[i], cmap="gray", vmin=0, vmax=255, extent=(left, right, bottom, top), interpolation="nearest"
        )
        _nodes(ax, case.nodes[i], case.motion[i] * factor)
        ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
        ax.set_axis_off()
        text = f"{what} {frame / case.fps:.2f} s" + (f", arrows {TIMES} {factor:g}" if i == 1 else "")
        ax.text(
            left + 0.03 * side, bottom - 0.03 * side, text, color="white", fontsize=8, va="bottom", path_effects=_HALO,
        )  # fmt: skip


def _nodes(ax: Axes, at: np.ndarray, arrows: np.ndarray) -> None:
    for region, colour, marker, _ in _REGIONS:
        own, vector = at[region], arrows[region]
        if not len(own):
            continue
        if np.linalg.norm(vector, axis=1).max() > 1e-6:
            ax.quiver(
                own[:, 0], own[:, 1], vector[:, 0], vector[:, 1], color=colour, angles="xy", scale_units="xy",
                scale=1, width=0.016, headwidth=4, headlength=4, headaxislength=3.6, minlength=0, edgecolor=BLACK,
                linewidth=0.5, zorder=3,
            )  # fmt: skip
        look: dict[str, Any] = {"color": colour, "markersize": 3, "markeredgecolor": BLACK, "markeredgewidth": 0.6}
        ax.plot(own[:, 0], own[:, 1], marker, zorder=4, **look)


def _square(nodes: np.ndarray, shape: Sequence[int]) -> tuple[float, float, float, float]:
    """left, top, right, bottom of a square around brows and mouth in all three frames; without a face, of all."""
    known = nodes[np.isfinite(nodes).all(axis=-1)]
    if not len(known):
        half = max(shape[:2]) / 2
        return shape[1] / 2 - half, shape[0] / 2 - half, shape[1] / 2 + half, shape[0] / 2 + half
    low, high = known.min(axis=0), known.max(axis=0)
    middle, half = (low + high) / 2, 0.62 * float((high - low).max()) + 8
    return middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half


def _small(frames: Sequence[np.ndarray], box: tuple[float, float, float, float]) -> list[np.ndarray]:
    """The box in each frame as a grey picture (_SIDE, _SIDE) of few levels; noise is what makes a PNG large."""
    import cv2

    left, top, right, _ = box
    scale = _SIDE / (right - left)
    placed = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    cuts = []
    for frame in frames:
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        cut = cv2.warpAffine(grey, placed, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cuts.append(cv2.bilateralFilter(cut, 5, 18, 2).astype(np.float64))
    dark, light = np.percentile(np.stack(cuts), [1, 99])  # of all three alike: light that changes stays visible
    step = 256 / _LEVELS
    spread = [((cut - dark) * 215 / max(light - dark, 1) + 20).clip(0, 255) for cut in cuts]
    return [((cut // step + 0.5) * step).astype(np.uint8) for cut in spread]


# -- scores and events --


def _timeline(ax: Axes, case: Case, *, last: bool) -> None:
    event, fps = case.event, case.fps
    pad = max(1.5 * fps, event.length)
    first, end = max(0, event.onset - pad), min(event.offset + pad, case.n_frames)
    kind = str(event.kind)
    top = 1.0
    if case.scores is not None:
        values = np.asarray(case.scores, dtype=np.float64)
        inside = values[int(first) : int(end) + 1]
        full = 1.0 if case.threshold is not None else max(1e-3, float(np.nan_to_num(inside).max(initial=0)) * 1.05)
        seconds = (np.arange(len(values)) + 0.5) / fps
        ax.fill_between(seconds, values / full, color=KIND_COLOURS[kind], alpha=0.15, linewidth=0)
        ax.plot(seconds, values / full, color=KIND_COLOURS[kind], linewidth=1.2)
        if case.threshold is not None:
            ax.axhline(case.threshold, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        ticks = {0.0: "0", 1.0: f"{full:.2g}" if case.threshold is None else "1"}
    else:
        ticks = {}
    lanes = [("true", case.truth), ("spotted", case.found)]
    shown = [what for what in _LANES if any(s.what == what and s.distance(int(first), int(end)) == 0
                                            for s in case.happenings)]  # fmt: skip
    y = top + 0.12
    for what in reversed(shown):
        for span in case.happenings:
            if span.what == what:
                width = (span.offset - span.onset + 1) / fps
                ax.add_patch(
                    Rectangle((span.onset / fps, y + 0.03), width, 0.14, facecolor=_LANES[what][1], linewidth=0)
                )
        ticks[y + 0.1] = _LANES[what][0]
        y += 0.2
    for what, events in reversed(lanes):
        for one in events:
            _bar(ax, one, y, fps, bold=one == event and what == ("true" if event.score is None else "spotted"))
        ticks[y + _LANE / 2] = what
        y += _LANE + 0.06
    ax.axvspan(event.onset / fps, (event.offset + 1) / fps, color=GREY, alpha=0.13, linewidth=0, zorder=0)
    ax.set(xlim=(first / fps, end / fps), ylim=(0, y + 0.04))
    ax.set_yticks(list(ticks), list(ticks.values()), fontsize=7.5)
    ax.tick_params(left=False, labelsize=7.5, pad=2)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if case.scores is not None:
        ax.text(
            0.01, 0.98, f"{KIND_NAMES[kind]} {case.unit}", transform=ax.get_yaxis_transform(), va="top", fontsize=7.5,
            color=KIND_COLOURS[kind], path_effects=_PAPER,
        )  # fmt: skip
    if last:
        ax.set_xlabel("seconds", fontsize=8)


def _bar(ax: Axes, event: Event, y: float, fps: float, *, bold: bool) -> None:
    colour = KIND_COLOURS[str(event.kind)]
    look: dict[str, Any] = {"facecolor": colour} if event.kind == "macro" else {"facecolor": "white", "hatch": "//////"}
    half = _LANE / 2
    place = (event.onset / fps, y + (half if event.kind == "macro" else 0)), event.length / fps, half
    ax.add_patch(Rectangle(*place, edgecolor=colour, linewidth=1.0, zorder=3, **look))
    if bold:
        ax.add_patch(Rectangle(*place, facecolor="none", edgecolor=BLACK, linewidth=1.8, zorder=4))
