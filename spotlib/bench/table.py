"""The tables of docs/performance.md, made of files of measurements; nothing in them is typed by hand.

A page holds each table between ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spotlib.bench.common import FEWER_CHOOSE
from spotlib.bench.results import Measured
from spotlib.bench.say import NONE, markdown, number, spread
from spotlib.bench.targets import fastest, gpu_ways, late_losses, losos, targets
from spotlib.errors import SpotlibError

_BLOCK = re.compile(r"(<!-- table: ([\w -]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_EXTRACTORS = {"farneback": "dense Farneback", "farneback on regions": "Farneback on regions", "lk": "the fast one"}


def tables(known: Measured) -> dict[str, str]:
    """All tables for which there are measurements, by name, as Markdown."""
    made = {
        "targets": targets(known), "errors": _errors(known), "tracking": _tracking(known), "steps": _steps(known),
        "length": _length(known), "network": _network(known), "ways": _ways(known), "folds": _folds(known),
        "losses": _losses(known), "determinism": _determinism(known), "subjects": _subjects(known),
        "runs": _runs(known),
    }  # fmt: skip
    return {name: text for name, text in made.items() if text}


def to_text(made: Mapping[str, str]) -> str:
    """All tables under their names.

    >>> print(to_text({"runs": "a table"}))
    ## runs
    <BLANKLINE>
    a table
    """
    return "\n\n".join(f"## {name}\n\n{text}" for name, text in made.items())


def fill(page: str, made: Mapping[str, str], *, where: str = "the page") -> str:
    """``page`` with each of its tables replaced. Raises SpotlibError if it names one that was not made.

    >>> fill("<!-- table: runs -->\\n<!-- end -->", {"runs": "a table"})
    '<!-- table: runs -->\\n\\na table\\n\\n<!-- end -->'
    """
    missing = [name for _, name, _ in _BLOCK.findall(page) if name not in made]
    if missing:
        raise SpotlibError(
            f"{where}: these files hold nothing for the table {missing[0]!r}; measure it, or take it out"
        )
    return _BLOCK.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", page)


def _errors(known: Measured) -> str:
    errors = known("features", "end-point error, px")
    if errors is None:
        return ""
    head = ["true motion, or gap in frames", *_EXTRACTORS.values(), "measured at"]
    lines = [
        [label if by == "by size" else f"gap {label}", *(_error(errors[e][by].get(label)) for e in _EXTRACTORS),
         str(errors["lk"][by][label]["n"])]
        for by in ("by size", "by gap") for label in errors["lk"][by]
    ]  # fmt: skip
    return markdown(head, lines)


def _error(found: Mapping[str, float] | None) -> str:
    return f"{found['mean']:.3f} ({found['p95']:.2f})" if found and found["n"] else NONE


def _tracking(known: Measured) -> str:
    found = known("features", "tracking")
    if found is None:
        return ""
    lines = []
    for name, ms in (("full detection", "full detection"), ("tracking", "tracking"), ("tracking, smoothed", "")):
        jitter = found["jitter on a still face"].get(name)
        lines.append(
            [
                name,
                spread(found["ms a frame"].get(ms)),
                number(found["error"][name]),
                number(jitter) if jitter else NONE,
            ]
        )
    return markdown(["landmarks", "ms a frame", "error, rms px", "jitter on a still face, rms px"], lines)


def _steps(known: Measured) -> str:
    found = known("end-to-end", "spotting")
    if found is None:
        return ""
    lines = [
        [name, spread(found["ms a frame"][name]), spread(found["frames a second"][name])]
        for name in found["ms a frame"]
    ]  # fmt: skip
    same = "the same" if found["same scores with one thread and two"] else "NOT the same"
    return markdown(["step", "ms a frame", "frames/s"], lines) + f"\n\nScores with one thread and with two: {same}."


def _length(known: Measured) -> str:
    lines = [
        [number(one["video seconds"]), number(one["frames a second"]), number(one["peak memory, MB"])]
        for one in known("end-to-end", "growth") or []
    ]  # fmt: skip
    head = ["seconds of video", "frames/s", "peak memory, MB"]
    return markdown(head, lines, text_columns=0) if lines else ""


def _network(known: Measured) -> str:
    lines = []
    for count in range(1, 65):
        for what in ("evaluation", "evaluation of the demo"):
            found = known("model", f"{what}, {count} threads", device="cpu")
            if found:
                name = f"evaluation of a window, D = {found['dim']}, threads: {count}"
                ms = found["ms_per_window"]
                apart = number(found["largest_difference"])
                lines.append([name, spread(ms["reference"], "ms"), spread(ms["fast"], "ms"), _times(ms), apart])
    for what in ("step", "step of the demo"):
        found = known("train", what, device="cpu")
        if found:
            name = f"training step of {found['windows']} windows, D = {found['dim']}, threads: {found['threads']}"
            seconds = found["seconds"]
            lines.append([name, spread(seconds["reference"], "s"), spread(seconds["fast"], "s"), _times(seconds), NONE])
    head = ["on the CPU", "reference", "fast way", "times as fast", "largest difference of outputs"]
    return markdown(head, lines) if lines else ""


def _times(found: Mapping[str, Mapping[str, float]]) -> str:
    return f"{found['reference']['median'] / found['fast']['median']:.2f}"


def _ways(known: Measured) -> str:
    ways = gpu_ways(known)
    lines = []
    for name, way in ways.items():
        scored = spread(way["evaluation_ms_per_512_windows"])
        ready, memory = f"{way['ready_seconds']:.0f}", way.get("memory_gb")
        last = f"{way['loss_every_10_steps'][-1]:.4f}"
        notes = "; ".join(way["notes"]) or NONE
        memory = number(memory) if memory else NONE
        lines.append([name, notes, spread(way["ms_per_step"]), scored, ready, memory, last, _late(way)])
    head = ["way to train on a GPU", "what it could not have", "ms a step", "ms to score 512 windows",
            "s to get ready", "memory, GB", "loss at the end", "in the second half, by seeds"]  # fmt: skip
    return markdown(head, lines, text_columns=2) if lines else ""


def _late(way: Mapping[str, Any]) -> str:
    by_seed = late_losses(way)
    each = ", ".join(f"{value:.4f}" for value in by_seed)
    return each if len(by_seed) == 1 else f"{statistics.fmean(by_seed):.4f} ({each})"


def _folds(known: Measured) -> str:
    lines = []
    beside = known("train", "folds side by side", device="gpu")
    for count, ms in (beside or {"ms_per_step": {}})["ms_per_step"].items():
        lines.append([f"a step, folds side by side: {count}", f"{spread(ms)} ms a step", NONE])
    for what in ("loso", FEWER_CHOOSE):
        for count, found in losos(known, of=what).items():
            how = "all of it" if found["whole"] else f"from {found['folds']} folds of {found['epochs']} epochs"
            rows = f", windows of {found['rows']} frames" if "rows" in found else ""
            name = f"leave-one-subject-out, folds at once: {count}{rows}"
            if "scored_subjects" in found:
                name += f", {found['scored_subjects']} subjects scored after each epoch"
            lines.append([name, spread(found["minutes"], "min"), how])
    return markdown(["on a GPU", "measured", "extrapolated"], lines) if lines else ""


def _losses(known: Measured) -> str:
    lines: list[Sequence[str]] = []
    found = known("train", "loss curves", device="cpu")
    if found:
        for way in ("without dropout", "with dropout"):
            for name, losses in found[way].items():
                what = f"CPU, D = {found['dim']}, {found['windows']} windows a step, {found['steps']} steps, {way}"
                lines.append([what, name, *_five(losses)])
    for name, of_way in gpu_ways(known).items():
        losses = of_way["loss_every_10_steps"]
        lines.append([f"GPU, D = 256, 512 windows a step, {10 * len(losses)} steps", name, *_five(losses)])
    head = ["training", "way", "begin", "1/4", "1/2", "3/4", "end"]
    return markdown(head, lines, text_columns=2) if lines else ""


def _five(values: Sequence[float]) -> list[str]:
    last = len(values) - 1
    return [f"{values[round(last * share)]:.4f}" for share in (0, 0.25, 0.5, 0.75, 1)]


def _determinism(known: Measured) -> str:
    lines = []
    for device, on in (("cpu", "CPU"), ("gpu", "GPU")):
        repeat = known("train", "repeat", device=device)
        same = NONE if repeat is None else ("yes" if repeat["same_weights"] else "NO")
        cost = known("train", "determinism", device=device)
        unit, scale = ("s", 1.0) if device == "cpu" else ("ms", 1e3)
        seconds = {
            name: {k: v if k == "n" else scale * v for k, v in of.items()}
            for name, of in (cost["seconds"] if cost else {}).items()
        }
        if device == "gpu" and not seconds:  # the two ways were measured by turns as well
            ways = gpu_ways(known)
            best = fastest(ways)
            other = f"{best}, not deterministic"
            if best in ways and other in ways:
                seconds = {"on": ways[best]["ms_per_step"], "off": ways[other]["ms_per_step"]}
        if repeat or seconds:
            anew = known("train", "compiled anew", device=device)
            again = NONE if anew is None else ("yes" if anew["same_weights"] else "NO")
            lines.append([on, same, again, spread(seconds.get("on"), unit), spread(seconds.get("off"), unit)])
    head = ["device", "same weights from the same seed, bit for bit, in one process",
            "in two that compile each for itself", "a step with `deterministic`", "without"]  # fmt: skip
    return markdown(head, lines) if lines else ""


def _subjects(known: Measured) -> str:
    lines = [
        [str(one["subjects"]), str(one["folds"]), str(one["frames"]), number(one["seconds"])]
        for one in known("train", "growth, subjects", device="cpu") or []
    ]  # fmt: skip
    head = ["subjects", "folds", "frames in all", "seconds of one epoch of each fold"]
    return markdown(head, lines, text_columns=0) if lines else ""


def _runs(known: Measured) -> str:
    lines = []
    for run in known.runs():
        machine, versions = run["machine"], run["versions"]
        where = f"{machine.get('processor', machine['system'])}, {machine.get('usable cores', machine['cores'])} cores"
        where += "" if machine["device"] == "cpu" else f", {machine['device']}"
        shown = ", ".join(f"{n} {versions[n]}" for n in ("python", "torch", "numpy", "numba") if n in versions)
        size = "quick: small sizes, few repeats" if run["quick"] else "full"
        lines.append([where, shown, run["commit"], run["date"], size, run["spread"], _joined(run["measured"])])
    head = ["machine", "libraries", "commit", "date", "sizes", "spread is", "measured"]
    return markdown(head, lines, text_columns=len(head)) if lines else ""


def _joined(names: Iterable[Any]) -> str:
    return "; ".join(map(str, names))
