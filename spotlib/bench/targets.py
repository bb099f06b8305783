"""The table of what was to be reached: reference of the same run, target, what was measured, and the floor."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from spotlib.bench.common import FEWER_CHOOSE, late_loss
from spotlib.bench.results import Measured
from spotlib.bench.say import NONE, inverse, markdown, number, over, spread

HEAD = (
    "what", "reference, in the same run", "to reach", "measured: median (spread)", "floor", "measured / floor"
)  # fmt: skip
#: steps of a leave-one-subject-out of the size of SAMM-LV: 30 folds of 100 epochs of 49 steps of 512 windows
LOSO_STEPS = 30 * 100 * 49
OTHER_WINDOWS = ", by another run with windows of 17 frames"  # where a run did not measure its own
#: what the first version of the demo's report took on two cores, in minutes: measured once, at its commit
FIRST_REPORT_MINUTES = 17.8

Row = tuple[str, str, str, str, str, str]


def targets(known: Measured) -> str:
    """One row for each target; "–" where the files hold no measurement."""
    text = markdown(HEAD, [row(known) for row in _ROWS], text_columns=4)
    quick = [part for run in known.runs() if run["quick"] for part in run["measured"]]
    if not quick:
        return text
    parts = sorted({name.partition(":")[0] for name in quick})
    return (
        f"{text}\n\n**Quick runs, which show that the bench works and not how fast anything is: {', '.join(parts)}.**"
    )


def _dense(known: Measured) -> Row:
    found = known("features", "extractors") or {}
    floor = found.get("floor", {})
    measured = NONE
    if found:
        times, rate = found["times as fast as farneback"], found["frames a second"]["lk"]
        measured = f"{spread(times, 'times')}: {spread(rate, 'frames/s')}{_accuracy(known, 'farneback')}"
    return (
        "motion features on one core, against dense Farneback flow",
        spread(found.get("frames a second", {}).get("farneback"), "frames/s"),
        "50 times the reference, error not above its own for any size or gap",
        measured, _unit(floor.get("floor_ms"), "ms a frame"), over(floor.get("measured_ms"), floor.get("floor_ms")),
    )  # fmt: skip


def _regions(known: Measured) -> Row:
    found = known("features", "extractors") or {}
    floor, name = found.get("floor", {}), "farneback on regions"
    measured = NONE
    if found:
        measured = f"{spread(found['times as fast as farneback on regions'], 'times')}{_accuracy(known, name)}"
    return (
        "the same, against Farneback flow on patches of the regions only",
        spread(found.get("frames a second", {}).get(name), "frames/s"), "15 times the reference",
        measured, _unit(floor.get("floor_ms"), "ms a frame"), over(floor.get("measured_ms"), floor.get("floor_ms")),
    )  # fmt: skip


def _accuracy(known: Measured, reference: str) -> str:
    errors = known("features", "end-point error, px")
    if errors is None:
        return ""
    pairs = [
        (errors["lk"][by][at]["mean"], of_reference["mean"])
        for by in ("by size", "by gap")
        for at, of_reference in errors[reference][by].items()
        if of_reference["n"]
    ]
    fine = sum(ours <= theirs for ours, theirs in pairs)
    return f"; error not above in {fine} of {len(pairs)} sizes and gaps"


def _tracking(known: Measured) -> Row:
    found = known("features", "tracking")
    name = "face tracking, against full detection of every frame"
    reach = "not the bottleneck; difference from full detection within its own jitter"
    if found is None:
        return name, NONE, reach, NONE, NONE, NONE
    apart = number(found["difference of tracking and full detection"])
    used = number(found["difference of smoothed tracking and full detection"])  # what features are made with
    own = number(found["what two full detections of a still face differ by"])
    return (
        name, spread(inverse(_seconds(found, "full detection")), "frames/s"), reach,
        f"{spread(inverse(_seconds(found, 'tracking')), 'frames/s')}; difference {used} px, {apart} before"
        f" smoothing; two full detections of a still face differ by {own} px",
        NONE, NONE,
    )  # fmt: skip


def _seconds(found: Mapping[str, Any], name: str) -> dict[str, float]:
    ms = found["ms a frame"][name]
    return {k: v if k == "n" else v / 1e3 for k, v in ms.items()}


def _end_to_end(known: Measured) -> Row:
    found = known("end-to-end", "spotting") or {}
    ms, rates = found.get("ms a frame", {}), found.get("frames a second", {})
    decoding, all_steps = ms.get("decoding", {}).get("median"), ms.get("all, two threads", {}).get("median")
    grown = known("end-to-end", "growth")
    memory = ""
    if grown:
        said = [f"{number(line['peak memory, MB'])} MB for {number(line['video seconds'])} s" for line in grown]
        memory = f"; {', '.join([said[0], said[-1]])} of video"
    return (
        "video file to intervals, 640 x 480, all steps, two cores",
        f"one thread: {spread(rates['all, one thread'], 'frames/s')}" if rates else NONE,
        "100 frames/s; memory constant in the video's length",
        spread(rates.get("all, two threads"), "frames/s") + memory if rates else NONE,
        f"{number(decoding)} ms a frame, decoding alone" if decoding else NONE, over(all_steps, decoding),
    )  # fmt: skip


def _evaluation(known: Measured) -> Row:
    found = known("model", "evaluation, 2 threads", device="cpu") or {}
    ms, floor = found.get("ms_per_window", {}), (found.get("floor") or {}).get("products_ms")
    measured = NONE
    if found:
        measured = (
            f"{spread(ms['fast'], 'ms')}; largest difference of the outputs {number(found['largest_difference'])}"
        )
    return (
        "network, D = 256, evaluation of a window in batches of 64, two cores", spread(ms.get("reference"), "ms"),
        "3.7 ms, outputs equal to 1e-5", measured, _unit(floor, "ms"), over(ms.get("fast", {}).get("median"), floor),
    )  # fmt: skip


def _cpu_step(known: Measured) -> Row:
    found = known("train", "step", device="cpu") or {}
    seconds, windows = found.get("seconds", {}), found.get("windows", 512)
    floor = (found.get("floor") or {}).get("floor_ms")
    plain = seconds.get("reference, memory given back")
    reference = NONE
    if seconds:
        reference = spread(seconds["reference"], "s")
        reference += f"; {spread(plain, 's')} with memory given back" if plain else ""
    fewer = "" if windows == 512 else f" (here {windows})"
    threads = f"{found['threads']} threads" if found else "two cores"
    return (
        f"network, training step of 512 windows{fewer}, {threads}", reference, "6.8 s",
        spread(seconds.get("fast"), "s"), _unit(floor and floor / 1e3, "s"),
        over(seconds.get("fast", {}).get("median"), floor and floor / 1e3),
    )  # fmt: skip


def _gpu_step(known: Measured) -> Row:
    ways = gpu_ways(known)
    best, reference = fastest(ways), ways.get("reference", {})
    of_best = ways.get(best, {})
    floor = of_best.get("floor", {}).get("floor_ms")
    measured = NONE
    if best:
        measured = f"{spread(of_best['ms_per_step'], 'ms')}, {best}"
        if reference:
            ours, theirs = _late_loss(of_best), _late_loss(reference)
            measured += f"; loss in the second half of the curve {ours}, of the reference {theirs}"
    return (
        "network, training step of 512 windows, data included, one H100", spread(reference.get("ms_per_step"), "ms"),
        "6 ms, the loss curve of float32 within noise", measured, _unit(floor, "ms"),
        over(of_best.get("ms_per_step", {}).get("median"), floor),
    )  # fmt: skip


def _loso(known: Measured) -> Row:
    found, ways = best_loso(known) or {}, gpu_ways(known)
    other = OTHER_WINDOWS if "rows" in found and "floor" not in found else ""
    reference = found.get("reference_ms_per_step") or ways.get("reference", {}).get("ms_per_step", {})
    floor = (found.get("floor") or ways.get(fastest(ways), {}).get("floor", {})).get("floor_ms")
    minutes = floor * LOSO_STEPS / 60_000 if floor else None
    measured, rows = NONE, ""
    if found:
        measured = _took(found)
        few = best_loso(known, of=FEWER_CHOOSE)
        if few and "scored_subjects" in found:
            scored = f"{few['scored_subjects']} subjects scored after each epoch instead of {found['scored_subjects']}"
            measured += f"; {_took(few)}, with {scored}"
        rows = f" of {found['rows']} frames" if "rows" in found else ""
    return (
        f"leave-one-subject-out, 30 folds of 100 epochs of 25,000 windows{rows}, D = 256, one H100",
        f"{number(reference['median'] * LOSO_STEPS / 60_000)} min for its steps alone{other}" if reference else NONE,
        "10 min, with evaluation after each epoch", measured,
        f"{number(minutes)} min for the steps alone{other}" if minutes else NONE,
        over(found["minutes"]["median"] if found else None, minutes),
    )  # fmt: skip


def _report(known: Measured) -> Row:
    found = known("end-to-end", "demo report") or {}
    floor = found.get("floor_minutes")
    return (
        "demo report from nothing, two cores",
        f"{FIRST_REPORT_MINUTES} min, the first version (not in this run)", "half of it, and at most 10 min",
        spread(found.get("minutes"), "min"), f"{number(floor)} min if no core waited" if floor else NONE,
        over(found.get("minutes", {}).get("median"), floor),
    )  # fmt: skip


def gpu_ways(known: Measured) -> dict[str, Any]:
    """The ways to train that were measured on a GPU and did not fail."""
    found = known("train", "ways", device="gpu") or {"ways": {}}
    return {name: way for name, way in found["ways"].items() if not isinstance(way, str)}


def fastest(ways: Mapping[str, Any]) -> str:
    """The deterministic way whose step takes least; "" if there is none."""
    known = {name: way["ms_per_step"]["median"] for name, way in ways.items() if way["speed"]["deterministic"]}
    return min(known, key=known.__getitem__) if known else ""


def best_loso(known: Measured, *, of: str = "loso") -> dict[str, Any] | None:
    """The fastest measurement of leave-one-subject-out; a whole one before any extrapolated one.

    ``of``: with a quarter of the subjects for choices, or `FEWER_CHOOSE`.
    """
    return min(losos(known, of=of).values(), key=lambda one: (not one["whole"], one["minutes"]["median"]), default=None)


def losos(known: Measured, *, of: str = "loso") -> dict[int, dict[str, Any]]:
    """All measurements of leave-one-subject-out, by the number of folds at once; ``of`` as in `best_loso`."""
    found = {count: known("train", f"{of}, {count} at once", device="gpu") for count in range(1, 9)}
    return {count: one for count, one in found.items() if one}


def late_losses(way: Mapping[str, Any]) -> list[float]:
    """Means over the second half of a way's loss curves, a seed each."""
    return [*way.get("late_loss_by_seed", {}).values()] or [late_loss(way["loss_every_10_steps"])]


def _took(found: Mapping[str, Any]) -> str:
    how = "" if found["whole"] else f", extrapolated from {found['folds']} folds of {found['epochs']} epochs"
    ready, minutes = found["ready_seconds"], found["minutes"]
    in_all = number(minutes["median"] + ready / 60)
    beside = f"{found['at_once']} folds at once{how}, after {ready:.0f} s of getting ready ({in_all} min in all)"
    return f"{spread(minutes, 'min')}, {beside}"


def _late_loss(way: Mapping[str, Any]) -> str:
    by_seed = late_losses(way)
    mean = f"{statistics.fmean(by_seed):.4f}"
    if len(by_seed) == 1:
        return mean
    return f"{mean} (mean of {len(by_seed)} seeds, {min(by_seed):.4f} to {max(by_seed):.4f})"


def _unit(value: float | None, unit: str) -> str:
    return f"{number(value)} {unit}" if value else NONE


_ROWS: tuple[Callable[[Measured], Row], ...] = (
    _dense, _regions, _tracking, _end_to_end, _evaluation, _cpu_step, _gpu_step, _loso, _report
)  # fmt: skip
