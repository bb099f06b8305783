"""What the contrastive loss does to the embedding while a network learns: one fold, watched epoch by epoch.

``python -m spotlib.bench.embedding samm_lv --profile study --device cuda --json FILE`` trains one fold in several ways
(without the term, with it, in float32, with smaller batches) and notes after each epoch the mean losses of the epoch
and, for a fixed sample of training windows, how far their embeddings lie apart. `spotlib.figures.embedding` draws it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spotlib.bench.common import facts
from spotlib.clip import Clip
from spotlib.engine import Engine
from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS
from spotlib.labels import SEGMENT
from spotlib.losses import contrastive_loss
from spotlib.material import Bank, Material
from spotlib.models.fast import evaluator
from spotlib.models.options import loss_options
from spotlib.steps import Speed
from spotlib.store import write_text

if TYPE_CHECKING:
    from spotlib.params import Params

SAMPLE = 64  # segments whose embeddings are looked at, 1,024 windows
CLASSES = ("neutral", *(str(kind) for kind in KINDS))  # contrastive classes 0, 1, 2
#: what is trained, by name: changed parameters, and whether in float32 where the fastest way is another
WAYS: dict[str, tuple[dict[str, Any], bool]] = {
    "as published": ({}, False),
    "as published, float32": ({}, True),
    "without the term": ({"contrastive_weight": 0.0}, False),
    "features of length 1": ({"normalise": True}, False),
    "batches of 80 windows": ({"segments_per_batch": 5}, False),
    "also neutral segments": ({"neutral_segments": True}, False),
}


def lowest_when_equal(windows: int, temperature: float) -> float:
    """The contrastive loss of a batch whose embeddings all coincide: temperature / 0.07 x ln(windows - 1)."""
    value = contrastive_loss(torch.zeros(windows, 1), torch.zeros(windows, dtype=torch.int64), temperature=temperature)
    return float(value)


def spread_of(embedding: Tensor, classes: Tensor) -> dict[str, float]:
    """How far apart embeddings (N, D) lie.

    length: of their mean; spread: root of the mean squared distance from their mean; between: the share of the spread,
    squared, that lies between the means of the three classes (N,) rather than within.
    """
    centre = embedding.mean(0)
    total = (embedding - centre).square().sum(1).mean()
    between = torch.zeros(())
    for number in range(len(CLASSES)):
        own = embedding[classes == number]
        if len(own):
            between = between + len(own) / len(embedding) * (own.mean(0) - centre).square().sum()
    return {
        "length": float(centre.norm()), "spread": float(total.sqrt()),
        "between": float(between / total) if float(total) > 0 else 0.0,
    }  # fmt: skip


def watch(clips: Sequence[Clip], params: Params, *, device: str, speed: Speed | None = None) -> dict[str, Any]:
    """Train on ``clips`` under ``params`` and return what was seen after each epoch.

    "epochs": one mapping an epoch, mean losses of its steps by term and what :func:`spread_of` says of a fixed sample
    of training windows; "equal": what the contrastive loss is when all embeddings coincide; "classes": windows of the
    sample by contrastive class.
    """
    where = torch.device(device)
    bank = Bank(clips, device=where)
    engine = Engine(bank, params, speed=speed)
    material = Material(clips, neutral=params.neutral_segments, device=where, bank=bank)
    engine.begin(material)
    own = torch.Generator().manual_seed(params.seed)
    (frames,) = material.batches(steps=1, size=SAMPLE, generator=own)
    frames = frames.to(where)
    classes = bank.targets.contrastive[frames].cpu()
    seen: list[dict[str, float]] = []
    for index in range(params.epochs):
        engine.epoch()
        losses = engine.losses()
        with torch.no_grad():
            embedding = evaluator(engine.model)(bank.windows[frames].float())[1].float().cpu()
        seen.append({"epoch": index, **losses, **spread_of(embedding, classes)})
    windows = SEGMENT * min(params.segments_per_batch, len(material.starts))
    return {
        "windows": windows, "weight": params.contrastive_weight, "notes": engine.notes, "epochs": seen,
        "equal": lowest_when_equal(windows, loss_options(params)["temperature"]),
        "classes": {name: int((classes == number).sum()) for number, name in enumerate(CLASSES)},
    }  # fmt: skip


def watch_all(
    clips: Sequence[Clip], params: Params, *, device: str, ways: Iterable[str] = tuple(WAYS)
) -> dict[str, dict[str, Any]]:
    """:func:`watch` for several of :data:`WAYS`."""
    found = {}
    for name in ways:
        if name not in WAYS:
            raise SpotlibError(f"embedding: unknown way {name!r}; known: {'; '.join(WAYS)}")
        changes, plain = WAYS[name]
        speed = Speed() if plain else None
        found[name] = watch(clips, params.replace(**changes), device=device, speed=speed)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Watch one fold of a data set and write what was seen."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.bench.embedding", description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--profile", default="study")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--ways", default=";".join(WAYS), help="separated by ;")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change one parameter")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    from spotlib.params import parse_override
    from spotlib.runner import load_clips, open_run

    try:
        changes = dict(map(parse_override, options.set))
        run = open_run(options.dataset, profile=options.profile, overrides=changes, results=options.results)
        run.features()
        clips = load_clips(run, run.folds[options.fold].train, run.params)
        seen = watch_all(clips, run.params, device=options.device, ways=options.ways.split(";"))
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")
    about: Mapping[str, Any] = {
        "dataset": options.dataset, "synthetic": run.synthetic, "profile": options.profile, "fold": options.fold,
        "facts": facts(options.device), "ways": seen,
    }  # fmt: skip
    write_text(options.json, json.dumps(about, indent=1))


if __name__ == "__main__":
    main()
