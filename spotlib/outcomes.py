"""What became of every event: hits, misses and false alarms of fold rows as one tidy list, with what else went on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from spotlib.errors import SpotlibError
from spotlib.happenings import CAUSES, Happenings, in_words
from spotlib.intervals import Event
from spotlib.matching import Protocol, iou_matrix, match
from spotlib.ratios import bootstrap_ratio
from spotlib.rows import Row, check, done, events_of, hit_iou, label
from spotlib.statistics import DRAWS, SEED, Estimate

if TYPE_CHECKING:
    from spotlib.datasets.base import Dataset

HIT, MISSED, FALSE_ALARM = "hit", "missed", "false alarm"
COLUMNS = (
    "variant", "system", "seed", "fold", "subject", "video", "outcome", "kind", "onset", "apex", "offset", "seconds",
    "score", "iou", "iou_other", "size", "face_size", "aus", "side", "meanwhile", *CAUSES,
)  # fmt: skip


class _Known(NamedTuple):
    """What is known of a video beside its rows: happenings, and sizes (nodes, face) by true event if it is a twin."""

    happenings: Happenings
    sizes: Mapping[int, tuple[float, float]]


class Context:
    """What a data set knows about the videos of rows; each video is asked once, however many systems there are.

    dataset: where the rows' videos come from; None: only what rows say themselves.
    """

    def __init__(self, dataset: Dataset | None = None) -> None:
        self._videos = {video.name: video for video in dataset.videos} if dataset is not None else None
        self._known: dict[tuple[str, str], _Known] = {}

    def happenings(self, video: Mapping[str, Any]) -> Happenings:
        """Of one video of a row. SpotlibError if the data set has no such video, or one with other events."""
        return self._of(video).happenings

    def sizes(self, video: Mapping[str, Any]) -> Mapping[int, tuple[float, float]]:
        """By position in the row's truth, the peak displacement at the nodes and anywhere, as share of IOD."""
        return self._of(video).sizes

    def _of(self, video: Mapping[str, Any]) -> _Known:
        at = str(video["subject"]), str(video["video"])
        if at not in self._known:
            self._known[at] = self._ask(video)
        return self._known[at]

    def _ask(self, video: Mapping[str, Any]) -> _Known:
        if self._videos is None:
            return _Known(Happenings.of(video), {})
        there = self._videos.get(video["video"])
        own = sorted((str(e["kind"]), e["onset"], e["offset"]) for e in video["truth"])
        if there is None or sorted((str(e.kind), e.onset, e.offset) for e in there.events) != own:
            what = "is not in" if there is None else "has other true events in"
            raise SpotlibError(
                f"video {video['video']!r} of the rows {what} the data set; open it under the rows' parameters"
            )
        sizes = {}
        seen = getattr(there, "event_visibility", None)
        if seen is not None:
            of_event = {(str(e.kind), e.onset, e.offset): v for e, v in zip(there.events, seen, strict=True)}
            for i, e in enumerate(video["truth"]):
                shown = of_event[str(e["kind"]), e["onset"], e["offset"]]
                sizes[i] = float(shown.node_share), float(shown.face_share)
        return _Known(Happenings.of(video, getattr(there, "distractor_log", None)), sizes)


def outcomes(
    rows: Sequence[Row],
    dataset: Dataset | None = None,
    *,
    protocol: Protocol = "clean",
    iou: float | None = None,
    context: Context | None = None,
) -> pd.DataFrame:
    """One line per true event (hit or missed) and per spotted one that hit nothing (false alarm), of every row.

    Frames are those of the true event, or of the false alarm. ``seconds``: its length; ``score``: of the spotted event
    (NaN for misses); ``iou``, ``iou_other``: best overlap with an event of the same and of the other kind on the other
    side; for a hit, ``iou`` is that of its match. ``size``, ``face_size``: peak displacement at the ten nodes and
    anywhere in the face as share of the inter-ocular distance. The columns `happenings.CAUSES` say what else it meets,
    ``meanwhile`` the same in words. Sizes and logged causes are known for twins only, if ``dataset`` is given, and
    empty otherwise. Several seeds stand one below the other. SpotlibError for rows of another data set.
    """
    check(rows)
    context = context or Context(dataset)
    border = hit_iou(rows) if iou is None else iou
    lines = [
        {
            "variant": row["variant"], "system": label([row]), "seed": row["seed"], "fold": row["fold"],
            "subject": video["subject"], "video": video["video"], **line,
        }
        for row in done(rows)
        for video in row["videos"]
        for line in _of_video(video, context, protocol, border)
    ]  # fmt: skip
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    whole = dict.fromkeys(("onset", "apex", "offset"), "Int64")
    real = dict.fromkeys(("seconds", "score", "iou", "iou_other", "size", "face_size"), "float64")
    return frame.astype({**whole, **real, **dict.fromkeys(CAUSES, "boolean")})


def _of_video(
    video: Mapping[str, Any], context: Context, protocol: Protocol, border: float
) -> Iterator[dict[str, Any]]:
    truth, found = events_of(video, "truth"), events_of(video, protocol)
    here, sizes = context.happenings(video), context.sizes(video)
    overlap = iou_matrix(truth, found, plus_one=protocol == "clean")
    same = np.array([[t.kind is f.kind for f in found] for t in truth], dtype=bool).reshape(overlap.shape)
    pairs: dict[int, int] = {}
    for kind in {event.kind for event in truth}:
        of_truth = [i for i, event in enumerate(truth) if event.kind is kind]
        of_found = [j for j, event in enumerate(found) if event.kind is kind]
        hits = match([truth[i] for i in of_truth], [found[j] for j in of_found], iou=border, protocol=protocol)
        pairs |= {of_truth[m.truth]: of_found[m.predicted] for m in hits}
    for i, event in enumerate(truth):
        hit = pairs.get(i)
        best = _best(overlap[i], same[i]) if hit is None else float(overlap[i, hit])
        size, face = sizes.get(i, (np.nan, np.nan))
        yield {
            "outcome": MISSED if hit is None else HIT, "score": np.nan if hit is None else _score(found[hit]),
            "iou": best, "iou_other": _best(overlap[i], ~same[i]), "size": size, "face_size": face,
            **_described(event, here, but=i),
        }  # fmt: skip
    for j, event in enumerate(found):
        if j not in pairs.values():
            yield {
                "outcome": FALSE_ALARM, "score": _score(event), "iou": _best(overlap[:, j], same[:, j]),
                "iou_other": _best(overlap[:, j], ~same[:, j]), "size": np.nan, "face_size": np.nan,
                **_described(event, here),
            }  # fmt: skip


def _described(event: Event, here: Happenings, *, but: int | None = None) -> dict[str, Any]:
    met = here.meets(str(event.kind), event.onset, event.offset, but=but)
    return {
        "kind": str(event.kind), "onset": event.onset, "apex": event.apex, "offset": event.offset,
        "seconds": event.length / here.fps, "aus": "+".join(event.aus), "side": event.side,
        "meanwhile": in_words(met), **met,
    }  # fmt: skip


def _best(overlap: np.ndarray, chosen: np.ndarray) -> float:
    return float(overlap[chosen].max(initial=0.0))


def _score(event: Event) -> float:
    return np.nan if event.score is None else event.score


def recall(rows: Sequence[Row], true: pd.DataFrame, *, draws: int = DRAWS, seed: int = SEED) -> Estimate:
    """Share of ``true`` outcomes (hits and misses of one variant, whose rows are given) that were hit.

    With an interval over subjects; several seeds are averaged. NaN if there is nothing to hit.
    """
    weight = subject_weights(rows)
    hits = subject_sums(true.subject, (true.outcome == HIT).to_numpy(), weight)
    whole = subject_sums(true.subject, np.ones(len(true)), weight)
    return bootstrap_ratio(hits, whole, draws=draws, seed=seed)


def subject_weights(rows: Sequence[Row]) -> dict[str, float]:
    """What each subject's events count: 1 over the seeds under which its videos were spotted."""
    seeds: dict[str, set[int]] = {}
    for row in done(rows):
        for video in row["videos"]:
            seeds.setdefault(str(video["subject"]), set()).add(row["seed"])
    return {subject: 1 / len(of) for subject, of in sorted(seeds.items())}


def subject_sums(subjects: pd.Series, values: np.ndarray, weight: dict[str, float]) -> np.ndarray:
    """(S,) weighted sums of ``values`` by subject, in the order of ``weight``."""
    sums = dict.fromkeys(weight, 0.0)
    for subject, value in zip(subjects, values.tolist(), strict=True):
        sums[subject] += weight[subject] * value
    return np.array(list(sums.values()))
