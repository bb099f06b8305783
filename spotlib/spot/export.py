"""Training weights to be used: on all people of some data sets but a few, who choose epoch and thresholds.

Like a fold of the clean protocol without test people (METHOD section 6), by the same machinery. Needs numpy, scipy and
torch only: ``python -m spotlib.spot.export BUNDLE... --out FILE`` runs on a bare machine with a GPU, on bundles of
`spotlib pack`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spotlib.clip import Clip
from spotlib.devices import use_device
from spotlib.errors import SpotlibError
from spotlib.fold_run import FoldRun
from spotlib.intervals import KINDS, Kind
from spotlib.matching import match
from spotlib.material import Bank
from spotlib.models import model_options
from spotlib.protocols import Choice, Rules, choose_thresholds, f1_of
from spotlib.spot.card import card
from spotlib.spot.weights import WINDOW_NAMES, Weights, halved, save_weights
from spotlib.spotting import FrameScores, SpotRule, spot
from spotlib.store import write_text

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params

Beat = Callable[[float, float], None]


def choose_inner(subjects: Sequence[str], *, share: float, seed: int) -> list[str]:
    """The people who choose, at least one and not all; of several data sets (named "set/person") some of each.

    >>> choose_inner(["a", "b", "c", "d"], share=0.25, seed=0)
    ['c']
    """
    chosen = []
    of_sets: dict[str, list[str]] = {}
    for name in sorted(set(subjects)):
        of_sets.setdefault(name.rpartition("/")[0], []).append(name)
    for number, names in enumerate(of_sets.values()):
        count = min(max(1, math.ceil(share * len(names) - 1e-9)), len(names) - 1)
        drawn = np.random.default_rng([seed, 3, number]).permutation(len(names))[:count]
        chosen += [names[i] for i in drawn]
    if not chosen:
        raise SpotlibError(f"{len(set(subjects))} person: one to train on and one to choose on are needed")
    return sorted(chosen)


def train_weights(
    clips: Sequence[Clip],
    params: Params,
    *,
    synthetic: bool,
    trained_on: Mapping[str, Any] | None = None,
    measured: Mapping[str, Any] | None = None,
    commit: str = "unknown",
    device: str = "cpu",
    half: bool = True,
    micro_alarms: float | None = None,
    micro_least: float = 0.0,
    beat: Beat = lambda done, total: None,
) -> Weights:
    """Train on ``clips`` but those of a few people, who choose; what they choose is then measured on them again.

    Args:
        clips: all videos.
        params: `spotlib.params.Params`, or any object with its attributes.
        synthetic: whether only rendered people are in ``clips``.
        trained_on: what to say about the clips, besides their numbers.
        measured: other figures to carry along.
        commit: of the code.
        device: "cpu" or "cuda".
        half: the weights will be written as float16, so choose the thresholds with such.
        micro_alarms: false micro-expressions per minute of the people who choose at most; the least score of
            micro-expressions is raised until it holds (None: it is that of the best F1).
        micro_least: that score is no lower than this in any case.
        beat: told how many epochs of how many are done.

    Raises:
        SpotlibError: too few people, no expression, a loss that stops being a number, or the peak detector.
    """
    if params.system == "peaks":
        raise SpotlibError("the peak detector has no weights; choose a network (-p system=spotformer)")
    start = time.perf_counter()
    names = choose_inner([clip.subject for clip in clips], share=params.inner_share, seed=params.data_seed)
    inner = [clip for clip in clips if clip.subject in set(names)]
    train = [clip for clip in clips if clip.subject not in set(names)]
    from spotlib.engine import Engine

    engine = Engine(Bank([*train, *inner], device=torch.device(device)), params)
    run = FoldRun(engine, (train, inner, inner[:1]), params)
    state: dict[str, np.ndarray] = {}
    for epoch in range(params.epochs):
        run.enqueue()
        run.drain()
        if run.best is not None and run.best[1] == epoch:  # nothing is under way: the weights are this epoch's
            live = engine.state()
            state = {n.removeprefix("model/"): v.numpy() for n, v in live.items() if n.startswith("model/")}
        beat(epoch + 1, params.epochs)
    assert run.best is not None
    _, chosen_epoch, choice, _ = run.best
    windows = engine.bank.windows
    weights = Weights(
        state=halved(state) if half else state,
        system=params.system,
        model={"frames": int(windows.shape[1]), "nodes": params.nodes, **_used(model_options(params))},
        window={name: getattr(params, name) for name in WINDOW_NAMES},
        rules=choice.rules,
        trained_on={},
        synthetic=synthetic,
        commit=commit,
    )
    # of the weights as they will be read, not of those that were trained
    videos = [(_scores(weights, clip), clip.fps, clip.events) for clip in inner]
    choice = choose_thresholds(videos, run.rules, iou=params.iou)
    rule = choice.rules[Kind.MICRO]
    least = max(rule.min_score, micro_least, 0.0 if micro_alarms is None else _quiet(videos, rule, micro_alarms))
    if least > rule.min_score:
        choice = _with_rules(videos, {**choice.rules, Kind.MICRO: dataclasses.replace(rule, min_score=least)})
    minutes = sum(clip.n_frames / clip.fps for clip in train) / 60
    about = {
        **dict(trained_on or {}),
        "people": len({clip.subject for clip in train}),
        "videos": len(train),
        "minutes": round(minutes, 1),
        **{f"{kind} events": sum(e.kind == kind for clip in train for e in clip.events) for kind in KINDS},
        "other people who chose epoch and thresholds": len(names),
        "epoch": f"{chosen_epoch + 1} of {params.epochs}",
        "seed": params.seed,
        "steps per epoch": params.steps_per_epoch or "every segment once",
        "neutral segments": bool(params.neutral_segments),
        "seconds": round(time.perf_counter() - start, 1),
        "device": torch.cuda.get_device_name(torch.device(device)) if device.startswith("cuda") else "cpu",
    }
    figures = {
        "F1 of the people who chose (optimistic: they chose)": {n: round(v, 4) for n, v in choice.f1.items()},
        **_false_alarms(videos, choice),
        **dict(measured or {}),
    }
    return dataclasses.replace(weights, rules=choice.rules, trained_on=about, measured=figures)


def export(weights: Weights, out: Path | str, *, half: bool = True) -> tuple[Path, Path]:
    """Write weights and, beside them, their card; return both paths."""
    out = Path(out)
    written = save_weights(out, weights, half=half)
    write_text(out.with_suffix(".md"), card(written))
    return out, out.with_suffix(".md")


def _used(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the file holds them; dropout is for training."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in options.items()}


def _scores(weights: Weights, clip: Clip) -> FrameScores:
    score = weights.scorer()
    parts = [score(clip.windows[i : i + 256].astype(np.float32)) for i in range(0, clip.n_frames, 256)]
    return FrameScores.from_logits(np.concatenate(parts), clip.valid)


def _quiet(videos: Sequence[tuple[FrameScores, float, Any]], rule: SpotRule, per_minute: float) -> float:
    """The lowest least score with at most ``per_minute`` false micro-expressions."""
    every = dataclasses.replace(rule, min_score=0.0, max_per_minute=None)
    found = []
    for scores, fps, truth in videos:
        events = spot(scores, rules={Kind.MICRO: every}, fps=fps)
        hit = {pair.predicted for pair in match([e for e in truth if e.kind is Kind.MICRO], events)}
        found += [event.score or 0.0 for number, event in enumerate(events) if number not in hit]
    allowed = int(per_minute * sum(len(scores) / fps for scores, fps, _ in videos) / 60)
    found.sort(reverse=True)
    return 0.0 if len(found) <= allowed else math.ceil(found[allowed] * 1e6 + 1e-3) / 1e6  # rules hold six digits


def _counts(videos: Sequence[tuple[FrameScores, float, Any]], rules: Rules) -> dict[Kind, tuple[int, int, int]]:
    """Hits, found and true events of each kind."""
    counts = {}
    for kind in KINDS:
        hits = found = true = 0
        for scores, fps, truth in videos:
            events, own = spot(scores, rules={kind: rules[kind]}, fps=fps), [e for e in truth if e.kind == kind]
            hits, found, true = hits + len(match(own, events)), found + len(events), true + len(own)
        counts[kind] = hits, found, true
    return counts


def _with_rules(videos: Sequence[tuple[FrameScores, float, Any]], rules: Rules) -> Choice:
    counts = _counts(videos, rules)
    of_all = [sum(part) for part in zip(*counts.values(), strict=True)]
    return Choice(rules, {**{str(kind): f1_of(of_kind) for kind, of_kind in counts.items()}, "overall": f1_of(of_all)})


def _false_alarms(videos: Sequence[tuple[FrameScores, float, Any]], choice: Choice) -> dict[str, Any]:
    minutes = sum(len(scores) / fps for scores, fps, _ in videos) / 60
    rates = {str(kind): round((f - h) / minutes, 2) for kind, (h, f, _) in _counts(videos, choice.rules).items()}
    return {"false alarms per minute of the same people": rates}


def from_bundles(
    folders: Sequence[Path], *, variant: str = "spotformer", changes: Mapping[str, Any] | None = None
) -> tuple[list[Clip], SimpleNamespace, dict[str, Any]]:
    """All clips of some bundles as a variant sees them, its parameters, and what the bundles say about themselves.

    People of several bundles are told apart by the data set's name.
    """
    from spotlib.bundle import Bundle

    parts: list[tuple[str, list[Clip], Any]] = []
    about: dict[str, Any] = {"data sets": [], "synthetic": True, "commit": "unknown"}
    for folder in folders:
        bundle = Bundle(folder)
        numbers = [i for i, unit in enumerate(bundle.units) if unit.variant == variant]
        if not numbers:
            raise SpotlibError(f"{folder}: no unit of {variant!r} in this bundle; pack it with --tables T1")
        unit = bundle.units[numbers[0]]
        fold = unit.fold
        own = bundle.clips(numbers[0], [*fold.train, *fold.inner, *fold.test])
        parts.append((unit.head["dataset"], own, unit.params))
        name = f"{unit.head['dataset']}{' (synthetic twin)' if unit.head['synthetic'] else ''}"
        about["data sets"].append(name)
        about["synthetic"] &= bool(unit.head["synthetic"])
        about["commit"] = unit.head.get("commit", "unknown")
    clips, params = joined(parts)
    unknown = [name for name in changes or {} if not hasattr(params, name)]
    if unknown:
        raise SpotlibError(f"-p {unknown[0]}: unknown parameter; `spotlib params` lists the known ones")
    fixed = [name for name in changes or {} if name in WINDOW_NAMES]
    if fixed:
        raise SpotlibError(f"-p {fixed[0]}: fixed by the bundle; pack it with this value")
    return clips, SimpleNamespace(**{**vars(params), **dict(changes or {})}), about


def joined(parts: Sequence[tuple[str, Sequence[Clip], Any]]) -> tuple[list[Clip], Any]:
    """Clips of some data sets (name, clips, parameters) together, with the parameters of the first.

    People are told apart by the data set's name. Raises SpotlibError if windows are made in different ways.
    """
    clips: list[Clip] = []
    first = parts[0][2]
    for name, own, params in parts:
        for option in WINDOW_NAMES:
            here, before = getattr(params, option), getattr(first, option)
            if here != before:
                raise SpotlibError(
                    f"{name}: {option} is {here}, but {before} in {parts[0][0]}; set it: -p {option}=..."
                )
        clips += [dataclasses.replace(clip, subject=f"{name}/{clip.subject}") for clip in own]
    return clips, first


def measured_by_rows(path: Path) -> dict[str, Any]:
    """F1s of a cross-validation from its packed rows (`spotlib run --tables`), for the model card."""
    from spotlib.rows import MEASURES, OVERALL, count
    from spotlib.statistics import COUNTS, pooled_f1
    from spotlib.tables.packed import read_packed

    rows, header = read_packed(path)
    chosen = [row for row in rows if row["variant"] == "spotformer" and row["status"] == "done"]
    if not chosen:
        raise SpotlibError(f"{path}: no finished rows of SpotFormer in it; give the rows of its cross-validation")
    seeds = sorted({row["seed"] for row in chosen})
    counts = count(chosen, iou=0.5)
    f1 = {}
    for name in MEASURES:
        own = counts if name == OVERALL else counts[counts.kind == name]
        f1[name] = round(float(np.nan_to_num(pooled_f1(own[list(COUNTS)].to_numpy().sum(0)))), 4)
    people = len({video["subject"] for row in chosen for video in row["videos"]})
    what = (
        f"{header['dataset']}, {people} people left out in {len({r['fold'] for r in chosen})} folds, {len(seeds)} seeds"
    )
    return {f"F1 of a cross-validation of the same network ({what}; protocol clean)": f1}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; expected failures are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.spot.export", description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path, help="folders that `spotlib pack` wrote")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--variant", default="spotformer", help="which of the bundle's variants says how (spotformer)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("-p", action="append", default=[], metavar="NAME=VALUE", help="change a training parameter")
    chosen = parser.parse_args(arguments)
    try:
        use_device(chosen.device)
        changes = dict(_change(text) for text in chosen.p)
        clips, params, about = from_bundles(chosen.bundles, variant=chosen.variant, changes=changes)
        begin = time.monotonic()
        weights = train_weights(
            clips,
            params,  # type: ignore[arg-type]
            synthetic=about["synthetic"],
            trained_on={"data sets": about["data sets"]},
            commit=about["commit"],
            device=chosen.device,
            beat=lambda done, total: print(f"{time.monotonic() - begin:6.0f} s  epoch {done} of {total}", flush=True),
        )
        for path in export(weights, chosen.out):
            print(path)
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SpotlibError(f"-p {text!r}: expected name=value")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


if __name__ == "__main__":
    main()
