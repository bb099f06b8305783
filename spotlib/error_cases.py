"""The worst errors of a run as cases for the gallery: false alarms with the best scores, the largest missed events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spotlib.figures.gallery import Case
from spotlib.happenings import CAUSES, NOTHING, WORDS, Happenings, Span, in_words
from spotlib.intervals import KINDS, Event
from spotlib.outcomes import FALSE_ALARM, MISSED, Context, outcomes
from spotlib.points import NODES
from spotlib.rows import KIND_NAMES, Row, done, events_of, parameter
from spotlib.statistics import short

if TYPE_CHECKING:
    from spotlib.runner import Run
    from spotlib.swmro import PairMotion

NODE_LANDMARKS = [int(name) for name in NODES]
# columns of the apex scores: METHOD section 3 for networks; the peak detector's signal has micro, macro
_NETWORK = {"micro": 6, "macro": 7}
_SIGNAL = {"micro": 0, "macro": 1}


def error_cases(run: Run, variant: str, outcome: str, *, per_kind: int = 2) -> list[Case]:
    """The clearest errors of ``variant`` in stored rows of ``run``, MaE first; renders three frames a case.

    outcome: `outcomes.FALSE_ALARM`, by score, or `outcomes.MISSED`, by how far the nodes move (on real data, where that
    is not known: by length). Of each kind ``per_kind``, from different videos where there are enough. Empty if nothing
    went wrong.
    """
    rows = done(run.rows(variant))
    if not rows:
        return []
    context = Context(run.dataset)
    found = outcomes(rows, run.dataset, context=context)
    found = found[found.outcome == outcome]
    picked = [line for kind in KINDS for line in worst(found[found.kind == str(kind)], per_kind)]
    return [_case(run, variant, rows, line, context) for line in picked]


def worst(found: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    """The ``count`` clearest of false alarms, or of misses, of one kind: first the clearest of each video."""
    by = "score" if (found.outcome == FALSE_ALARM).all() else "seconds" if found["size"].isna().all() else "size"
    ranked = found.sort_values([by, "video", "onset"], ascending=[False, True, True], kind="stable")
    again = ranked.video.duplicated().to_numpy()
    ordered = pd.concat([ranked[~again], ranked[again]]).head(count)
    return [dict(line) for line in ordered.to_dict("records")]  # type: ignore[arg-type]


def _case(run: Run, variant: str, rows: Sequence[Row], line: Mapping[str, Any], context: Context) -> Case:
    row = next(row for row in rows if row["fold"] == line["fold"] and row["seed"] == line["seed"])
    of_video = next(v for v in row["videos"] if v["video"] == line["video"])
    truth, found = events_of(of_video, "truth"), events_of(of_video, "clean")
    events = truth if line["outcome"] == MISSED else found
    at = line["kind"], line["onset"], line["offset"]
    event = next(e for e in events if (str(e.kind), e.onset, e.offset) == at)
    index = [video.name for video in run.dataset.videos].index(line["video"])
    video, motion = run.dataset.videos[index], run.motion(index)
    middle = event.apex if event.apex is not None else (event.onset + event.offset) // 2
    moments = [event.onset, middle, event.offset]
    scores = run.scores(variant, row["fold"]).get(f"{line['video']}/scores")
    network = scores is not None and scores.shape[1] > 2
    of_kind = None if scores is None else scores[:, (_NETWORK if network else _SIGNAL)[line["kind"]]].astype(np.float32)
    threshold = float(parameter([row], "apex_threshold", 0.5)) if network else None
    here = context.happenings(of_video)
    return Case(
        event=event,
        n_frames=video.n_frames,
        fps=video.fps,
        frames=[video.frame(frame) for frame in moments],
        nodes=motion.landmarks[moments][:, NODE_LANDMARKS],
        motion=np.stack([motion_since(motion, event.onset, frame) for frame in moments]),
        scores=of_kind,
        threshold=threshold,
        unit="apex score" if network else "motion, px",
        truth=truth,
        found=found,
        happenings=_besides(here),
        words=_words(line, event, video.fps, of_kind, threshold),
    )


def motion_since(motion: PairMotion, first: int, later: int) -> np.ndarray:
    """Motion (10, 2) of the nodes, head motion removed, px of the video; longer gaps are chained."""
    scale = (motion.box[first, 2] - motion.box[first, 0]) / motion.crop.size
    total = np.zeros((len(NODE_LANDMARKS), 2))
    for start in range(first, later, motion.max_gap):
        gap = min(motion.max_gap, later - start)
        total += motion.flow[start, gap, : len(NODE_LANDMARKS)] - motion.head[start, gap]
    return total * scale


def _besides(here: Happenings) -> list[Span]:
    return [*(here.log or ()), *here.gaps]


def _words(
    line: Mapping[str, Any], event: Event, fps: float, scores: np.ndarray | None, threshold: float | None
) -> tuple[str, str]:
    """Two lines: what it is and how clear, and what may explain it."""
    kind = KIND_NAMES[line["kind"]]
    other = KIND_NAMES["micro" if line["kind"] == "macro" else "macro"]
    aus = f" (AU {line['aus']})" if line["aus"] else ""
    when = f"of {line['video']}, {event.onset / fps:.2f} to {(event.offset + 1) / fps:.2f} s"
    said = []
    if line["outcome"] == FALSE_ALARM:
        first = f"False alarm, {kind} {when}: score {short(float(line['score']))}."
        if line["iou"] > 0:
            said.append(f"Overlaps a true {kind}, IoU {short(line['iou'])}.")
        elif line["iou_other"] > 0:
            said.append(f"Overlaps a true {other}, IoU {short(line['iou_other'])}.")
        else:
            said.append("Overlaps nothing true.")
    else:
        size = float(line["size"])
        far = f"moves the nodes by {100 * size:.1f} % of IOD" if np.isfinite(size) else f"lasts {line['seconds']:.2f} s"
        first = f"Missed, {kind}{aus} {when}: {far}."
        if line["iou"] > 0:
            said.append(f"Best spotted {kind} there has IoU {short(line['iou'])}.")
        elif line["iou_other"] > 0:
            said.append(f"Spotted there is {'an' if other == 'ME' else 'a'} {other}, IoU {short(line['iou_other'])}.")
        elif scores is not None and threshold is not None:
            best = float(np.nan_to_num(scores[event.onset : event.offset + 1]).max(initial=0))
            ends = "stays below" if best <= threshold else "passes"
            said.append(
                f"Apex score of {short(best)} {ends} the threshold of {short(threshold)}"
                + ("." if best <= threshold else ", but no proposal of it was kept.")
            )
    # what was said about overlaps is not said again
    told = {"same_kind": line["iou"] > 0, "other_kind": line["iou_other"] > 0} if line["outcome"] == FALSE_ALARM else {}
    met = {c: None if pd.isna(line[c]) else bool(line[c]) for c in CAUSES if not told.get(c)}
    meanwhile = in_words(met)
    if meanwhile and meanwhile != WORDS[NOTHING]:
        said.append(f"Meanwhile: {meanwhile}.")
    elif meanwhile:
        said.append("Nothing else is known to happen.")
    return first, " ".join(said)
