"""How the cost grows: with the length of the video, subjects, K, D and the number of nodes, from measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from spotlib.bench.results import Measured
from spotlib.bench.say import number
from spotlib.figures.canvas import BLUE, GREEN, VERMILLION, Figure, new_figure, styled

Points = Sequence[tuple[float, Mapping[str, float]]]
_CAPTION = "Points: medians; bars: lowest and highest. Axes begin at zero."


def growth_figures(known: Measured) -> list[Figure]:
    """The figures for which there are measurements: features, network, length of a video, subjects."""
    made = (_features(known), _network(known), _length(known), _subjects(known))
    return [figure for figure in made if figure is not None]


@styled
def _features(known: Measured) -> Figure | None:
    found = known("features", "growth, ms a frame")
    if found is None:
        return None
    panels = {
        "points followed": [(float(label.split()[0]), of) for label, of in found["nodes"].items()],
        "longest gap, K - 1": [(float(gap), of) for gap, of in found["longest gap"].items()],
        "frames in the video": [(float(n), of) for n, of in found["frames in the video"].items()],
    }
    canvas = new_figure(10, 3.2)
    axes = canvas.subplots(1, 3)
    for ax, (label, points) in zip(axes, panels.items(), strict=True):
        _draw(ax, points, BLUE, "o", "")
        _label(ax, label, "ms a frame" if ax is axes[0] else "")
    canvas.suptitle("Motion features on one core (right: tracking included)", fontsize=11, x=0.01, ha="left")
    said = "; ".join(f"{label}: {_said(points, 'ms')}" for label, points in panels.items())
    return Figure("growth-features", canvas, f"Milliseconds a frame of the motion features. {said}.", _CAPTION)


@styled
def _network(known: Measured) -> Figure | None:
    axes_of = {"dim": "D, channels of a token", "window": "K, frames of a window", "nodes": "nodes"}
    evaluation = {a: known("model", f"growth, {a}", device="cpu") for a in axes_of}
    training = {a: known("train", f"growth, {a}", device="cpu") for a in axes_of}
    if not all(evaluation.values()):
        return None
    canvas = new_figure(10, 3.4)
    said = []
    for ax, (axis, label) in zip(canvas.subplots(1, 3), axes_of.items(), strict=True):
        ways = (("evaluation", evaluation[axis], BLUE, "o"), ("training", training[axis], VERMILLION, "s"))
        for what, lines, colour, mark in ways:
            points = _points(axis, lines or [])
            if points:
                _draw(ax, points, colour, mark, what)
                said.append(f"{what} by {label}: {_said(points, 'ms')}")
        _label(ax, label, "ms a window" if axis == "dim" else "")
        if axis == "dim":
            ax.legend()
    canvas.suptitle("The network on the CPU (others at D = 256, K = 17, 10 nodes)", fontsize=11, x=0.01, ha="left")
    return Figure("growth-network", canvas, f"Milliseconds a window of the network. {'; '.join(said)}.", _CAPTION)


def _points(axis: str, lines: Sequence[Mapping[str, Any]]) -> list[tuple[float, Mapping[str, float]]]:
    return [(float(line["nodes"] if axis == "nodes" else line["value"]), line["ms_per_window"]) for line in lines]


@styled
def _length(known: Measured) -> Figure | None:
    lines = known("end-to-end", "growth")
    if not lines:
        return None
    time = [(one["video seconds"], {"median": one["seconds"]}) for one in lines]
    memory = [(one["video seconds"], {"median": one["peak memory, MB"]}) for one in lines]
    canvas = new_figure(7.5, 3.2)
    left, right = canvas.subplots(1, 2)
    _draw(left, time, BLUE, "o", "")
    _label(left, "seconds of video", "seconds to spot it")
    _draw(right, memory, GREEN, "^", "")
    _label(right, "seconds of video", "peak memory, MB")
    canvas.suptitle("From a video file to intervals, two threads", fontsize=11, x=0.01, ha="left")
    alt = f"By seconds of video: {_said(time, 's')} of time, {_said(memory, 'MB')} of peak memory."
    return Figure("growth-length", canvas, alt, "Each point is one file. Axes begin at zero.")


@styled
def _subjects(known: Measured) -> Figure | None:
    lines = known("train", "growth, subjects", device="cpu")
    if not lines:
        return None
    points = [(float(one["subjects"]), {"median": one["seconds"]}) for one in lines]
    canvas = new_figure(4.2, 3.2)
    ax = canvas.subplots()
    _draw(ax, points, BLUE, "o", "")
    _label(ax, "subjects, each left out once", "seconds of one epoch of every fold")
    alt = f"Seconds of an epoch of all folds of leave-one-subject-out, by subjects: {_said(points, 's')}."
    return Figure("growth-subjects", canvas, alt, "The demo's network, one thread. Axes begin at zero.")


def _draw(ax: Axes, points: Points, colour: str, mark: str, label: str) -> None:
    points = sorted(points, key=lambda point: point[0])
    at, middle = [x for x, _ in points], [of["median"] for _, of in points]
    low = [m - of.get("low", m) for m, (_, of) in zip(middle, points, strict=True)]
    high = [of.get("high", m) - m for m, (_, of) in zip(middle, points, strict=True)]
    ax.errorbar(at, middle, yerr=[low, high], color=colour, marker=mark, capsize=3, label=label or None)


def _label(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")


def _said(points: Points, unit: str) -> str:
    return ", ".join(f"{number(of['median'])} {unit} at {number(at)}" for at, of in sorted(points, key=lambda p: p[0]))
