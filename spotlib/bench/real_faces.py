"""How weights do on real faces: false alarms per minute, and recall of movements of known size put into real video.

``python -m spotlib.bench.real_faces [--json docs/real_faces.json] [--untouched CLIP...] CLIP...``

Real clips have no ground truth, so every event in them counts as a false alarm. They are short, so a clip is played
forwards and backwards until it is long enough. Where it turns, a movement and its mirror image look like an
expression: false alarms there are left out, and nothing is injected there. The scores are those of `spotlib spot`.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.actor.face import inter_ocular
from spotlib.bench.inject import Movement, inject, plan
from spotlib.bench.kept_motion import scores, tracked
from spotlib.errors import SpotlibError
from spotlib.faces import face_box
from spotlib.intervals import Event
from spotlib.progress import log, setup_logging
from spotlib.spot.batch import content_digest
from spotlib.spot.source import Footage, Timed
from spotlib.spot.weights import Weights, load_weights
from spotlib.spotting import FrameScores, spot
from spotlib.store import write_text
from spotlib.swmro import FrameResult

FORMAT = 1
#: displacement at the apex, share of the inter-ocular distance; 0: chance
SIZES = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
#: movements of each size in a clip
REPEATS = 24
#: seconds on either side of a turn that count for nothing
TURN = 0.6
#: a clip is read so far, s
LONGEST = 60.0
#: a clip is played again until it has this many seconds, to count false alarms
CONTROL = 60.0
#: frames between which jitter is told
GAPS = (1, 4, 8)


@dataclass(frozen=True)
class Scene:
    """The part of a clip that is played again and again: (H, W) uint8 frames with a face in each.

    ``landmarks``: (n, 68, 2) smoothed, px.
    """

    frames: list[np.ndarray]
    landmarks: np.ndarray
    fps: float

    @property
    def iod(self) -> float:
        """Median inter-ocular distance, px."""
        return float(np.median([inter_ocular(marks) for marks in self.landmarks]))

    @property
    def face(self) -> float:
        """Median side of the face's box, px."""
        return float(np.median([face_box(marks)[2] for marks in self.landmarks]))


def scene(footage: Footage, results: Sequence[FrameResult]) -> Scene:
    """The longest part of a clip with a face in every frame; ``results``: of its frames, as they were tracked."""
    known = np.array([result.landmarks is not None for result in results])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    begin, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    if end - begin < (2 * TURN + 0.7) * footage.rate.used:
        raise SpotlibError(
            f"{footage.path}: no {2 * TURN + 0.7:.1f} s of it show a face without a break; give a longer clip"
        )
    marks = np.stack([r.landmarks for r in results[begin:end] if r.landmarks is not None])
    frames = [grey for index, (_, _, grey) in enumerate(footage.frames()) if begin <= index < end]
    return Scene(frames, marks, footage.rate.used)


def to_and_fro(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (count,) of the frames of a clip of ``length`` played forwards and backwards, and where it turns.

    >>> [part.tolist() for part in to_and_fro(4, 9)]
    [[0, 1, 2, 3, 2, 1, 0, 1, 2], [3, 6]]
    """
    places = np.arange(count)
    phase = places % (2 * (length - 1))
    return np.minimum(phase, 2 * (length - 1) - phase), places[(places > 0) & (places % (length - 1) == 0)]


def near(frames: np.ndarray, count: int, reach: int) -> np.ndarray:
    """(count,) bool: at most ``reach`` frames from one of ``frames``."""
    found = np.zeros(count, bool)
    for frame in frames.tolist():
        found[max(0, frame - reach) : frame + reach + 1] = True
    return found


def measure(
    path: Path, weights: Weights, *, repeats: int = REPEATS, seed: int = 0, kept: Path | None = None
) -> dict[str, Any]:
    """All of one clip: as it is, played to and fro, and the same with movements; events as rows, whatever their score.

    Rows of events: kind, onset, apex, offset, score; of movements: onset, apex, offset, size, AUs, side. Minutes are
    those with a face. ``kept``: a folder for tracked motion, so that other weights need the network alone.
    """
    rules = {kind: dataclasses.replace(rule, min_score=0.0) for kind, rule in weights.rules.items()}
    footage = Footage(path)
    fps, content = footage.rate.used, content_digest(path)
    most = round(LONGEST * fps)
    results = tracked(
        itertools.islice(footage.frames(), most), weights, key=[content, most], name=str(path), folder=kept
    )
    whole = scores(results, weights)
    valid = whole.valid if whole.valid is not None else np.ones(len(whole), bool)
    as_is = spot(whole, rules=rules, fps=fps)
    part = scene(footage, results)

    def play(count: int, movements: Sequence[Movement] = ()) -> FrameScores:
        order, _ = to_and_fro(len(part.frames), count)
        frames: Iterator[Timed[np.ndarray]] = ((i, i / fps, part.frames[k]) for i, k in enumerate(order.tolist()))
        if movements:
            frames = inject(frames, part.landmarks[order], movements)
        key = [content, most, count, *map(dataclasses.astuple, movements)]
        return scores(tracked(frames, weights, key=key, name=str(path), folder=kept), weights)

    count = max(len(part.frames), round(CONTROL * fps))
    off = near(to_and_fro(len(part.frames), count)[1], count, round(TURN * fps))
    alarms = [event for event in spot(play(count), rules=rules, fps=fps) if not off[event.apex or 0]]
    log.info("%s: %d events as it is, %d played to and fro, of any score", path.name, len(as_is), len(alarms))
    movements = movements_for(part, repeats=repeats, seed=seed)
    # a limit per minute would count what we have put in ourselves
    free = {kind: dataclasses.replace(rule, max_per_minute=None) for kind, rule in rules.items()}
    found = spot(play(movements[-1].offset + round(2 * fps), movements), rules=free, fps=fps)
    return {
        "fps": round(fps, 4),
        "seconds": round(len(results) / fps, 3),
        "scene_seconds": round(len(part.frames) / fps, 3),
        "size": list(footage.size),
        "synthetic": footage.synthetic,
        "face_px": round(part.face, 1),
        "iod_px": round(part.iod, 1),
        "jitter": jitter(part, results, weights),
        "as_is": {"minutes": round(float(valid.sum()) / fps / 60, 4), "events": _rows(as_is)},
        "to_and_fro": {"minutes": round(float((~off).sum()) / fps / 60, 4), "events": _rows(alarms)},
        "movements": [[m.onset, m.apex, m.offset, m.size, "+".join(m.aus), m.side] for m in movements],
        "found": _rows(found),
    }


def movements_for(part: Scene, *, repeats: int, seed: int) -> list[Movement]:
    """``repeats`` movements of each size, with the clip played to and fro as long as it takes, away from its turns."""
    wanted = repeats * len(SIZES)
    seconds = 2.7 * wanted + 4
    while True:
        count = round(seconds * part.fps)
        turns = to_and_fro(len(part.frames), count)[1]
        forbidden = near(turns, count, round(TURN * part.fps))
        movements = plan(count, part.fps, SIZES, seed=seed, forbidden=forbidden)
        if len(movements) >= wanted:
            break
        seconds *= 1.15
    return movements


def jitter(part: Scene, results: Sequence[FrameResult], weights: Weights) -> dict[str, float]:
    """Median motion of a node over some frames, head motion removed, in % of the inter-ocular distance.

    Of a still face it is what the camera and tracking make; of a moving one, what hides small movements.
    """
    stream = weights.window_stream()
    given = [stream.push(results), stream.finish()]
    windows = np.concatenate([one for one, _ in given])[np.concatenate([whole for _, whole in given])]
    half = float(np.median(np.linalg.norm(part.landmarks[:, 42] - part.landmarks[:, 39], axis=1))) / 2
    scale = stream.crop.size / (2 * stream.crop.side * half)
    size = np.linalg.norm(windows, axis=-1) / (part.iod * scale)
    return {str(gap): round(100 * float(np.median(size[:, gap])), 3) for gap in GAPS}


def _rows(events: Sequence[Event]) -> list[list[Any]]:
    return [[str(e.kind), e.onset, e.apex, e.offset, round(e.score or 0.0, 5)] for e in events]


def read(path: Path) -> dict[str, Any]:
    """What was measured before; SpotlibError if it is something else."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpotlibError(f"{path}: cannot be read as JSON ({type(error).__name__}); give another file") from None
    if not isinstance(known, dict) or known.get("format") != FORMAT or "clips" not in known:
        raise SpotlibError(f"{path}: not measurements of real faces; give another file")
    return known


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure clips and write numbers, page and plot; clips that are in the file already stay there."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.bench.real_faces", description=main.__doc__)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="videos that were looked at while tuning")
    parser.add_argument("--untouched", nargs="+", type=Path, default=[], metavar="CLIP", help="videos that were not")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write; a page and a plot lie beside it")
    parser.add_argument("--weights", help="a file or a name (default: the packaged ones)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"movements of each size ({REPEATS})")
    parser.add_argument("--seed", type=int, default=0, help="of the movements (0)")
    parser.add_argument("--kept", type=Path, metavar="DIR", help="keep tracked motion there, for other weights")
    said = parser.parse_args(arguments)
    setup_logging()
    try:
        weights = load_weights(said.weights)
        known = read(said.json) if said.json and said.json.exists() else {"clips": {}}
        about = {"format": FORMAT, "weights": weights.label, "seed": said.seed, "sizes": list(SIZES)}
        about["rules"] = {str(kind): dataclasses.asdict(rule) for kind, rule in weights.rules.items()}
        if known["clips"] and {**known, **about} != known:
            raise SpotlibError(f"{said.json}: of other weights or settings; give a new file")
        measured = {**about, "clips": known["clips"]}
        for path in [*said.clips, *said.untouched]:
            found = measure(path, weights, repeats=said.repeats, seed=said.seed, kept=said.kept)
            measured["clips"][path.name] = {"untouched": path in said.untouched, **found}
            if said.json:
                write_text(said.json, dumps(measured))
        if not measured["clips"]:
            raise SpotlibError("no clip is given; name some videos of faces")
        from spotlib.bench.real_faces_page import page, placed, plot

        if said.json is None:
            print(page(measured))
            return
        target = said.json.with_suffix(".md")
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        write_text(target, placed(before, page(measured, plot_name=f"{said.json.stem}.png")))
        plot(measured, name=said.json.stem).save(said.json.parent)
        print(target)
    except SpotlibError as error:
        sys.exit(f"spotlib: {error}")


def dumps(measured: dict[str, Any]) -> str:
    """JSON with a clip's every list of rows on few lines.

    >>> print(dumps({"clips": {"a": {"found": [["micro", 1]]}}}))
    {
     "clips": {
      "a": {
       "found": [["micro", 1]]
      }
     }
    }
    <BLANKLINE>
    """
    held: list[str] = []

    def hold(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: hold(item) for name, item in value.items()}
        if isinstance(value, list):
            held.append(json.dumps(value))
            return f"@{len(held) - 1}@"
        return value

    text = json.dumps(hold(measured), indent=1)
    for number, line in enumerate(held):
        text = text.replace(f'"@{number}@"', line, 1)
    return text + "\n"


if __name__ == "__main__":
    main()
