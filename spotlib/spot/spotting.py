"""The front door: one video in, a `Result` out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.exports.spotted import Spotted
from spotlib.faces import FaceChoice
from spotlib.intervals import KINDS, Event, Kind
from spotlib.provenance import version
from spotlib.spot.engine import Analysis, Rules, analyse
from spotlib.spot.moments import MAGNIFIED, MOST, moments
from spotlib.spot.result import Result
from spotlib.spot.source import Footage
from spotlib.spot.weights import Weights, load_weights
from spotlib.spotting import SpotRule
from spotlib.spotting import spot as spot_scores

#: a face whose detector box is smaller (px) is tracked badly
SMALL_FACE = 80.0
#: tracking is called poor below this share of followed points
POOR = 0.85


def spot(
    path: Path | str,
    *,
    weights: Weights | Path | str | None = None,
    kinds: Iterable[Kind | str] = KINDS,
    min_score: float | None = None,
    fps: float | None = None,
    face: FaceChoice = "only",
    pictures: bool = True,
    threads: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Find macro- and micro-expressions in a video.

    Args:
        path: a video file, or a folder of images.
        weights: a file, a name, or loaded ones; None: those that come with spotlib.
        kinds: "macro", "micro" or both.
        min_score: leave out events with a lower score (default: what the weights say).
        fps: bring a file to this rate instead of about 30; of a folder of images: its rate.
        face: "only" refuses videos with two people, "largest" follows the largest face.
        pictures: look at the events again, for strips, loops and arrows.
        threads: 1 or 2; the result is the same.
        on_progress: told how many frames of about how many have their scores.

    Raises:
        SpotlibError: one line, for whatever is wrong with the video, the weights or the options.
    """
    known = weights if isinstance(weights, Weights) else load_weights(weights)
    rules = choose_rules(known, kinds, min_score)
    footage = Footage(path, fps=fps)
    expected = footage.n_frames
    analysis = analyse(
        footage.frames(), known, rules=rules, face=face, name=str(footage.path), threads=threads,
        on_frames=lambda done: on_progress(done, max(done, expected)),
    )  # fmt: skip
    wanted = settings(known, rules, fps=fps, face=face, pictures=pictures)
    result = to_result(
        analysis, known, rules, footage.path, rate=footage.rate.used, settings=wanted, synthetic=footage.synthetic
    )
    notes = [*footage.notes, *known_limits(known)]
    looked: tuple[Any, ...] = ()
    if pictures:
        looked = moments(footage, analysis, result.spotted.events, layout=known.window["nodes"])
        if len(looked) > MOST:
            notes.append(f"{len(looked)} events: pictures of the {MOST} with the best scores only")
    rate = {**asdict(footage.rate), "factor": footage.rate.factor, "said": str(footage.rate)}
    return replace(result, moments=looked, settings={**result.settings, "rate": rate, "notes": notes})


def choose_rules(weights: Weights, kinds: Iterable[Kind | str] = KINDS, min_score: float | None = None) -> Rules:
    """The weights' rules for some kinds, with another least score if one is given."""
    if min_score is not None and not 0 <= min_score <= 1:
        raise SpotlibError(f"min_score is {min_score:g}; give a number from 0 to 1")
    try:
        chosen = {Kind(kind) for kind in kinds}
    except ValueError as error:
        raise SpotlibError(f"{error}; kinds are macro and micro") from None
    rules = {kind: rule for kind, rule in weights.rules.items() if kind in chosen}
    if not rules:
        raise SpotlibError("no kind is left to look for; give macro, micro or both")
    return rules if min_score is None else {kind: replace(rule, min_score=min_score) for kind, rule in rules.items()}


def settings(weights: Weights, rules: Rules, *, fps: float | None, face: str, pictures: bool) -> dict[str, Any]:
    """What a result depends on besides the video, as plain JSON."""
    return {
        "spotlib": version(),
        "weights": weights.label,
        "weights_digest": weights.digest,
        "weights_synthetic": weights.synthetic,
        "rules": {str(kind): asdict(rule) for kind, rule in rules.items()},
        "fps": fps,
        "face": face,
        "pictures": pictures,
        "magnified_at_most": {str(kind): times for kind, times in MAGNIFIED.items()},
        "nodes": weights.window["nodes"],
    }


def known_limits(weights: Weights) -> list[str]:
    """What to bear in mind with any result of these weights."""
    return ["the weights were trained on rendered people only"] if weights.synthetic else []


def to_result(
    analysis: Analysis,
    weights: Weights,
    rules: Rules,
    path: Path | None,
    *,
    rate: float,
    settings: Mapping[str, Any],
    events: Iterable[Event] | None = None,
    name: str = "",
    synthetic: bool = False,
) -> Result:
    """Events with their regions, sides and warnings, from what the pass gave; ``events``: decided elsewhere."""
    found = spot_scores(analysis.scores, rules=rules, fps=rate) if events is None else list(events)
    moved = [analysis.moved_in(event) for event in found]
    sided = tuple(replace(event, side=side) for event, (_, side) in zip(found, moved, strict=True))
    spotted = Spotted(
        video=(path.stem if path else name) or "video",
        source=path.name if path else name or "camera",
        fps=rate,
        n_frames=len(analysis.seconds),
        events=sided,
        seconds=analysis.seconds,
        regions=tuple(region or None for region, _ in moved),
        warnings=tuple(
            warnings(analysis, event, rate=rate, reach=int(weights.window["window"]) // 2) for event in sided
        ),
        synthetic=synthetic,
        weights=weights.label,
    )
    return Result(
        spotted=spotted,
        probabilities=analysis.probabilities.astype(np.float16),
        valid=analysis.valid,
        rules={str(kind): _rule(rule) for kind, rule in rules.items()},
        path=path,
        settings=dict(settings),
    )


def _rule(rule: SpotRule) -> dict[str, float]:
    return {"k_min": rule.k_min, "k_max": rule.k_max, "min_score": rule.min_score, "threshold": rule.threshold}


def warnings(analysis: Analysis, event: Event, *, rate: float, reach: int) -> tuple[str, ...]:
    """What to mind about an event, in words; ``reach``: frames that a window reaches beyond its own."""
    said = []
    first, last = max(0, event.onset - reach), event.offset + reach + 1
    faces, valid = analysis.faces[first:last], analysis.valid[event.onset : event.offset + 1]
    lost = int(np.isnan(faces[:, 0]).sum())
    if lost or not valid.all():
        said.append(f"no face in {max(lost, 1)} frame{'s' if lost > 1 else ''} in it or beside it")
    quality = float(analysis.quality[event.onset : event.offset + 1].astype(np.float32).mean())
    if quality < POOR:
        said.append(f"poor tracking: {quality:.0%} of the points followed")
    sides = faces[:, 2][np.isfinite(faces[:, 2])]
    if len(sides) and float(np.median(sides)) < SMALL_FACE:
        said.append(f"small face: {float(np.median(sides)):.0f} px")
    steps = np.diff(analysis.seconds[event.onset : event.offset + 2])
    if len(steps) and float(steps.max()) > 1.8 / rate:
        said.append(f"the video stands still for {float(steps.max()):.2f} s in it")
    if event.onset < reach or event.offset >= len(analysis.seconds) - reach:
        where = "beginning" if event.onset < reach else "end"
        said.append(f"at the {where} of the video: not all of its surroundings were seen")
    return tuple(said)
