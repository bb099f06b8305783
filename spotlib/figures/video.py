"""A video's timeline: apex scores over seconds, what is true, what was spotted, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from spotlib.errors import SpotlibError
from spotlib.figures.canvas import BLACK, GREY, KIND_COLOURS, PALE, Figure, file_name, new_figure, styled
from spotlib.intervals import KINDS, Event, Kind
from spotlib.matching import Protocol, match
from spotlib.rows import KIND_NAMES, Row, events_of, hit_iou, label, parameter, twin_name

# columns of the apex scores: METHOD section 3 for networks; the peak detector's signal has micro, macro
_NETWORK = {Kind.MICRO: 6, Kind.MACRO: 7}
_SIGNAL = {Kind.MICRO: 0, Kind.MACRO: 1}
_TRUTH, _SPOTTED, _THICK = 1.0, 0.0, 0.34


@styled
def timeline(
    row: Row,
    video: str,
    arrays: Mapping[str, np.ndarray] | None = None,
    *,
    protocol: Protocol = "clean",
    title: str = "",
    name: str = "",
) -> Figure:
    """Timeline of one test video of a fold row.

    arrays: what stands beside the row, "<video>/scores" (T, 10) probabilities in METHOD's channel order, or
    (T, 2) motion in px of the peak detector (micro, macro); without it only the intervals are drawn. Filled
    bars are hits, hollow ones misses, hatched ones false alarms; frames without a trusted face are
    cross-hatched. Raises SpotlibError if the row has no such video.
    """
    of_video = next((v for v in row.get("videos", ()) if v["video"] == video), None)
    if of_video is None:
        raise SpotlibError(f"video {video!r} is not in fold {row['fold']} of {label([row])}; choose one of its tests")
    fps, n_frames, gaps, iou = of_video["fps"], of_video["n_frames"], of_video["gaps"], hit_iou([row])
    scores = None if arrays is None else arrays.get(f"{video}/scores")
    canvas = new_figure(10, 5.0 if scores is not None else 3.0, synthetic=twin_name([row]))
    ratios = [1.7, 1.0] * 2 if scores is not None else [1.0] * 2
    axes = list(canvas.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
    said, counted = [], []
    for kind in KINDS:
        if scores is not None:
            _scores(axes.pop(0), scores, kind, fps, gaps, parameter([row], "apex_threshold"))
        truth = [e for e in events_of(of_video, "truth") if e.kind is kind]
        found = [e for e in events_of(of_video, protocol) if e.kind is kind]
        pairs = [(m.truth, m.predicted) for m in match(truth, found, iou=iou, protocol=protocol)]
        last = axes.pop(0)
        _bars(last, truth, found, pairs, kind, fps, gaps)
        if scores is None:
            last.set_ylabel(KIND_NAMES[kind])
        alarms = len(found) - len(pairs)
        plural = "" if alarms == 1 else "s"
        counted.append(f"{KIND_NAMES[kind]} {len(pairs)} of {len(truth)} found, {alarms} false alarm{plural}")
        said.append(_in_words(truth, found, pairs, kind, fps))
    last.set_xlabel("seconds")
    last.set_xlim(0, n_frames / fps)
    last.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
    who = f"{label([row])}, fold {row['fold']}, protocol {protocol}"
    canvas.suptitle(title or f"{video}: {who}", fontsize=11, x=0.01, ha="left")
    canvas.legend(handles=_legend(bool(gaps)), loc="outside upper right", ncols=4, borderaxespad=0.2)
    alt = f"Timeline of video {video} of subject {of_video['subject']}, {n_frames / fps:.1f} s, {who}. " + " ".join(
        said
    )
    caption = f"{video}: {'; '.join(counted)} (hit: IoU of at least {iou:g})."
    return Figure(name or f"timeline-{file_name(row['variant'])}-{file_name(video)}", canvas, alt, caption)


def _scores(
    ax: Axes,
    scores: np.ndarray,
    kind: Kind,
    fps: float,
    gaps: Sequence[Sequence[int]],
    threshold: float | None,
) -> None:
    network = scores.shape[1] > 2
    values = scores[:, (_NETWORK if network else _SIGNAL)[kind]].astype(np.float32)  # (T,)
    seconds = np.arange(len(values)) / fps
    ax.fill_between(seconds, values, color=KIND_COLOURS[kind], alpha=0.15, linewidth=0)
    ax.plot(seconds, values, color=KIND_COLOURS[kind], linewidth=1.3)
    if network:
        ax.set_ylim(0, 1)
        ax.set_yticks([0, 0.5, 1])
        if threshold is not None:
            ax.axhline(threshold, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    else:
        ax.set_ylim(0, max(1e-3, float(values.max(initial=0)) * 1.1))
    ax.set_ylabel(f"{KIND_NAMES[kind]}\n" + ("apex score" if network else "motion, px"))
    ax.tick_params(bottom=False)
    _mark_gaps(ax, gaps, fps)


def _bars(
    ax: Axes, truth: Sequence[Event], found: Sequence[Event], pairs: Sequence[tuple[int, int]], kind: Kind,
    fps: float, gaps: Sequence[Sequence[int]],
) -> None:  # fmt: skip
    colour = KIND_COLOURS[kind]
    hit_truth, hit_found = {t for t, _ in pairs}, {p for _, p in pairs}
    edges: dict[tuple[float, int], tuple[float, float, float]] = {}  # middle (s), lower and upper edge
    for y, events, hits, otherwise in (
        (_TRUTH, truth, hit_truth, "miss"),
        (_SPOTTED, found, hit_found, "alarm"),
    ):
        for i, (event, (lane, lanes)) in enumerate(zip(events, _lanes(events), strict=True)):
            height = 2 * _THICK / lanes
            at = y + _THICK - (lane + 0.5) * height
            edges[y, i] = ((event.onset + event.offset + 1) / 2 / fps, at - height / 2, at + height / 2)
            _bar(ax, event, at, height, fps, colour, "hit" if i in hits else otherwise)
    for event in truth:
        if event.apex is not None:
            x = (event.apex + 0.5) / fps
            ax.plot([x, x], [_TRUTH + _THICK, _TRUTH + _THICK + 0.22], color=BLACK, linewidth=1.2)
    for t, p in pairs:
        (x0, y0, _), (x1, _, y1) = edges[_TRUTH, t], edges[_SPOTTED, p]
        ax.plot([x0, x1], [y0, y1], color=BLACK, linewidth=1.0, zorder=4)
    ax.set_yticks([_SPOTTED, _TRUTH], ["spotted", "true"])
    ax.set_ylim(-0.75, 1.75)
    ax.tick_params(left=False, bottom=False)
    ax.spines["left"].set_visible(False)
    _mark_gaps(ax, gaps, fps)


def _lanes(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Lane of each event and number of lanes of its cluster: overlapping events share a row's height."""
    lane = [0] * len(events)
    clusters: list[list[int]] = []
    for i in sorted(range(len(events)), key=lambda i: events[i].onset):
        if clusters and max(events[j].offset for j in clusters[-1]) >= events[i].onset:
            taken = {lane[j] for j in clusters[-1] if events[j].offset >= events[i].onset}
            lane[i] = next(n for n in range(len(events)) if n not in taken)
            clusters[-1].append(i)
        else:
            clusters.append([i])
    count = {i: 1 + max(lane[j] for j in cluster) for cluster in clusters for i in cluster}
    return [(lane[i], count[i]) for i in range(len(events))]


def _bar(ax: Axes, event: Event, middle: float, height: float, fps: float, colour: str, outcome: str) -> None:
    looks: dict[str, dict[str, Any]] = {
        "hit": {"facecolor": colour, "edgecolor": colour},
        "miss": {"facecolor": "white", "edgecolor": colour, "linestyle": (0, (2, 1))},
        "alarm": {"facecolor": "white", "edgecolor": colour, "hatch": "//////"},
    }
    start, length = event.onset / fps, event.length / fps
    ax.add_patch(Rectangle((start, middle - height / 2), length, height, linewidth=1.2, zorder=3, **looks[outcome]))


def _mark_gaps(ax: Axes, gaps: Sequence[Sequence[int]], fps: float) -> None:
    for first, last in gaps:
        ax.axvspan(
            first / fps,
            (last + 1) / fps,
            facecolor="#f4f4f4",
            edgecolor="#b0b0b0",
            hatch="xxx",
            linewidth=0,
            zorder=0,
        )


def _legend(gaps: bool) -> list[Patch]:
    handles = [
        Patch(facecolor=GREY, edgecolor=GREY, label="hit"),
        Patch(facecolor="white", edgecolor=GREY, linestyle=(0, (2, 1)), label="missed"),
        Patch(facecolor="white", edgecolor=GREY, hatch="//////", label="false alarm"),
    ]
    return handles + ([Patch(facecolor="#f4f4f4", edgecolor=PALE, hatch="xxx", label="no face")] if gaps else [])


def _in_words(
    truth: Sequence[Event], found: Sequence[Event], pairs: Sequence[tuple[int, int]], kind: Kind, fps: float
) -> str:
    missed = [e for i, e in enumerate(truth) if all(i != t for t, _ in pairs)]
    alarms = [e for j, e in enumerate(found) if all(j != p for _, p in pairs)]
    text = f"{KIND_NAMES[kind]}: {len(truth)} true, {len(pairs)} found"
    for word, events in (("missed", missed), ("false alarms", alarms)):
        if events:
            places = ", ".join(f"{e.onset / fps:.1f} to {(e.offset + 1) / fps:.1f} s" for e in events[:8])
            text += f"; {word} at {places}" + (" and more" if len(events) > 8 else "")
    return text + "."
