"""How well events were spotted (METHOD section 6): counts pooled over videos, values made once from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spotlib.errors import SpotlibError, one_line
from spotlib.event_table import EventTable, read_events_csv
from spotlib.intervals import KINDS, Event, Kind
from spotlib.matching import PROTOCOLS, Match, Protocol, count_hits, match

IOU_SWEEP = (0.3, 0.4, 0.5, 0.6, 0.7)

__all__ = [
    "Counts",
    "EventTable",
    "SpottingMetric",
    "count_hits",
    "evaluate_files",
    "format_evaluation",
    "read_events_csv",
]


def _ratio(part: float, whole: float) -> float:
    """part / whole, NaN for 0 / 0: what was not asked has no value."""
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class Counts:
    """Hits (TP), false alarms (FP) and misses (FN), with the sums that means are made of. They add up.

    >>> Counts(tp=3, fp=1, fn=2).f1
    0.6666666666666666
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    iou_sum: float = 0.0  # over hits
    apex_error_sum: float = 0.0  # over hits with both apexes: |difference| / length of the true event
    apex_hits: int = 0  # hits with both apexes

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def truth(self) -> int:
        """True events."""
        return self.tp + self.fn

    @property
    def predicted(self) -> int:
        """Spotted events."""
        return self.tp + self.fp

    @property
    def precision(self) -> float:
        """TP / spotted; NaN if nothing was spotted."""
        return _ratio(self.tp, self.predicted)

    @property
    def recall(self) -> float:
        """TP / true; NaN if nothing was to be found."""
        return _ratio(self.tp, self.truth)

    @property
    def f1(self) -> float:
        """2 TP / (spotted + true); NaN if both are 0."""
        return _ratio(2 * self.tp, self.predicted + self.truth)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the hits; NaN without any."""
        return _ratio(self.iou_sum, self.tp)

    @property
    def apex_error(self) -> float:
        """Mean over hits of |spotted apex - true apex| / length of the true event; NaN without any."""
        return _ratio(self.apex_error_sum, self.apex_hits)

    def values(self) -> dict[str, float]:
        """Counts and values by name, in the order of table T3."""
        names = ("truth", "tp", "fp", "fn", "precision", "recall", "f1", "mean_iou", "apex_error")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class _Video:
    name: str
    subject: str
    truth: dict[Kind, list[Event]]
    predicted: dict[Kind, list[Event]]
    minutes: float  # NaN if unknown


@dataclass
class SpottingMetric:
    """Accumulates videos and gives the pooled values: F1s are never averaged.

    >>> metric = SpottingMetric()
    >>> found = [Event(Kind.MICRO, 12, 15, 20), Event(Kind.MACRO, 0, 9, 30)]
    >>> metric.add("v1", [Event(Kind.MICRO, 10, 14, 20)], found)
    >>> metric.f1(Kind.MICRO), metric.f1()
    (1.0, 0.6666666666666666)
    """

    protocol: Protocol = "clean"
    iou: float = 0.5
    _videos: list[_Video] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise SpotlibError(f"protocol {self.protocol!r} is unknown; choose one of {', '.join(PROTOCOLS)}")
        if not 0 < self.iou <= 1:
            raise SpotlibError(f"IoU threshold {self.iou:g}: it must be above 0 and at most 1")

    def add(
        self,
        video: str,
        truth: Iterable[Event],
        predicted: Iterable[Event],
        *,
        subject: str = "",
        n_frames: int | None = None,
        fps: float | None = None,
    ) -> None:
        """Add a video; its length and frame rate are needed for false alarms per minute only."""
        if any(video == other.name and subject == other.subject for other in self._videos):
            raise SpotlibError(f"video {video!r} was added before; add each video once")
        minutes = n_frames / fps / 60 if n_frames is not None and fps else math.nan
        self._videos.append(_Video(video, subject, _by_kind(truth), _by_kind(predicted), minutes))

    def matches(self, kind: Kind, *, iou: float | None = None) -> dict[tuple[str, str], list[Match]]:
        """Hits of one kind by (subject, video)."""
        return {(v.subject, v.name): self._match(v, kind, iou) for v in self._videos}

    def counts(self, kind: Kind | None = None, *, iou: float | None = None) -> Counts:
        """Pooled counts of one kind, or of both (overall), at the metric's IoU or another."""
        return sum((self._counts(v, k, iou) for v in self._videos for k in _kinds(kind)), Counts())

    def counts_by_subject(self, kind: Kind | None = None) -> dict[str, Counts]:
        """Counts of each subject: what a bootstrap over subjects draws from."""
        result: dict[str, Counts] = {}
        for v in self._videos:
            for k in _kinds(kind):
                result[v.subject] = result.get(v.subject, Counts()) + self._counts(v, k)
        return result

    def f1(self, kind: Kind | None = None, *, iou: float | None = None) -> float:
        """Pooled F1 = 2 TP / (spotted + true) of one kind, or of both."""
        return self.counts(kind, iou=iou).f1

    def precision(self, kind: Kind | None = None) -> float:
        """Pooled precision of one kind, or of both."""
        return self.counts(kind).precision

    def recall(self, kind: Kind | None = None) -> float:
        """Pooled recall of one kind, or of both."""
        return self.counts(kind).recall

    def f1_over_iou(self, kind: Kind | None = None, *, thresholds: Sequence[float] = IOU_SWEEP) -> dict[float, float]:
        """F1 at each IoU threshold."""
        return {threshold: self.f1(kind, iou=threshold) for threshold in thresholds}

    def false_alarms_per_minute(self, kind: Kind | None = None) -> float:
        """False alarms / minutes of video; NaN if the length of a video is unknown."""
        return _ratio(self.counts(kind).fp, sum(v.minutes for v in self._videos))

    def precision_recall(self, kind: Kind | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Precision, recall and score, (P,) each, as predictions are admitted best score first.

        A prediction is a hit if, among the true events of its video and kind that no better one took, one
        reaches the IoU; it takes the one with the highest. Overall pools both kinds by score. Raises
        SpotlibError if a prediction has no score.
        """
        scores, hits, truth = [], [], 0
        for v in self._videos:
            for k in _kinds(kind):
                truth += len(v.truth[k])
                predicted = v.predicted[k]
                if any(event.score is None for event in predicted):
                    raise SpotlibError(f"video {v.name!r}: a prediction has no score, which ranking needs; add scores")
                ranked = sorted(predicted, key=lambda event: -event.score)  # type: ignore[operator]
                # the greedy rule of the author protocol with the roles exchanged, IoU as this metric's
                # protocol has it
                taken = _ranked_hits(ranked, v.truth[k], iou=self.iou, plus_one=self.protocol == "clean")
                scores += [event.score for event in ranked]
                hits += taken
        order = np.argsort(-np.array(scores, dtype=np.float64), kind="stable")
        tp = np.cumsum(np.array(hits, dtype=np.float64)[order]) if len(order) else np.empty(0)
        precision = tp / np.arange(1, len(tp) + 1)
        recall = tp / truth if truth else np.full(len(tp), np.nan)
        return precision, recall, np.array(scores, dtype=np.float64)[order]

    def average_precision(self, kind: Kind | None = None) -> float:
        """Area under the precision-recall curve, made non-increasing; NaN if nothing was to be found."""
        precision, recall, _ = self.precision_recall(kind)
        if not self.counts(kind).truth:
            return math.nan
        if not len(precision):
            return 0.0
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float((np.diff(recall, prepend=0.0) * envelope).sum())

    def report(self) -> pd.DataFrame:
        """A row per video and kind with counts and values, then TOTAL for macro, micro and overall."""
        rows: list[dict[str, object]] = []
        for v in self._videos:
            for kind in KINDS:
                values = self._counts(v, kind).values()
                rows.append({"video": v.name, "subject": v.subject, "kind": str(kind), **values})
        for pooled in (*KINDS, None):
            values = self.counts(pooled).values()
            rows.append({"video": "TOTAL", "subject": "", "kind": kind_name(pooled), **values})
        return pd.DataFrame(rows).set_index(["video", "subject", "kind"])

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """All values for macro, micro and overall as plain JSON; None where a value is undefined."""
        result = {}
        for kind in (*KINDS, None):
            values = self.counts(kind).values()
            values["predicted"] = self.counts(kind).predicted
            values["false_alarms_per_minute"] = self.false_alarms_per_minute(kind)
            result[kind_name(kind)] = {k: None if math.isnan(x) else x for k, x in values.items()}
        return result

    def _repr_html_(self) -> str:
        totals = self.report().loc[["TOTAL"]].droplevel(["video", "subject"])
        caption = f"{self.protocol} protocol, IoU {self.iou:g}, {len(self._videos)} videos"
        return f"<p>{caption}</p>" + totals.to_html(float_format=lambda x: f"{x:.3f}", na_rep="")

    def _match(self, v: _Video, kind: Kind, iou: float | None = None) -> list[Match]:
        threshold = self.iou if iou is None else iou
        return match(v.truth[kind], v.predicted[kind], iou=threshold, protocol=self.protocol)

    def _counts(self, v: _Video, kind: Kind, iou: float | None = None) -> Counts:
        truth, predicted = v.truth[kind], v.predicted[kind]
        hits = self._match(v, kind, iou)
        errors = [
            abs(predicted[h.predicted].apex - truth[h.truth].apex) / truth[h.truth].length  # type: ignore[operator]
            for h in hits
            if predicted[h.predicted].apex is not None and truth[h.truth].apex is not None
        ]
        return Counts(
            tp=len(hits),
            fp=len(predicted) - len(hits),
            fn=len(truth) - len(hits),
            iou_sum=sum(h.iou for h in hits),
            apex_error_sum=sum(errors),
            apex_hits=len(errors),
        )


def kind_name(kind: Kind | None) -> str:
    """ "macro", "micro", or "overall" for None."""
    return "overall" if kind is None else str(kind)


def _by_kind(events: Iterable[Event]) -> dict[Kind, list[Event]]:
    of_kind: dict[Kind, list[Event]] = {kind: [] for kind in KINDS}
    for event in events:
        of_kind[event.kind].append(event)
    return of_kind


def _kinds(kind: Kind | None) -> tuple[Kind, ...]:
    return KINDS if kind is None else (kind,)


def _ranked_hits(ranked: Sequence[Event], truth: Sequence[Event], *, iou: float, plus_one: bool) -> list[bool]:
    free = list(truth)
    hits = []
    for event in ranked:
        overlaps = [event.interval.iou(other.interval, plus_one=plus_one) for other in free]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hits.append(best >= 0 and overlaps[best] >= iou)
        if hits[-1]:
            free.pop(best)
    return hits


def evaluate_files(
    truth: str | Path,
    predictions: str | Path,
    *,
    protocol: Protocol = "clean",
    iou: float = 0.5,
    fps: float | None = None,
) -> dict[str, Any]:
    """Evaluate spotted events against true ones, or one coder's against another's.

    Args:
        truth: file of true events, in any format that `spotlib.exports.read_events` reads.
        predictions: file of spotted events; it may hold none.
        protocol: "clean" or "author" (its matching only: its choice of epochs needs training runs).
        iou: a hit needs at least this IoU.
        fps: frames per second, for files with seconds of which neither tells.

    Returns:
        Plain JSON: protocol, iou, videos, the values of `SpottingMetric.summary` (false alarms per minute only where
        the files tell the length of every video), ``kappa`` and notes for the user. ``kappa`` holds Cohen's kappa
        over the frames of all videos for macro, micro and overall, None where it is undefined, and the number of
        frames; it is None if the files do not tell the length of every video.

    Raises:
        SpotlibError: for a file, tier or row that does not fit, naming both.
    """
    from spotlib.agreement import cohen_kappa, confusion, of_kind
    from spotlib.exports.pair import length_of, read_pair

    metric = SpottingMetric(protocol=protocol, iou=iou)
    true, found = read_pair(truth, predictions, fps=fps)
    videos = list(dict.fromkeys([*true.events, *found.events]))
    marks = np.zeros((4, 4), dtype=np.int64)
    lengths = {video: length_of(video, true, found) for video in videos}
    for video in videos:
        subject = true.subjects.get(video, found.subjects.get(video, ""))
        mine, theirs, n_frames = true.events.get(video, []), found.events.get(video, []), lengths[video]
        rate = true.rates.get(video, found.rates.get(video))
        metric.add(video, mine, theirs, subject=subject, n_frames=n_frames, fps=rate)
        if n_frames is not None:
            try:
                marks += confusion(mine, theirs, n_frames=n_frames)
            except SpotlibError as error:
                raise SpotlibError(f"{truth} and {predictions}: video {video!r}: {error}") from None
    notes = list(true.notes)
    if not len(found):
        notes.append("no event was spotted: the predictions hold no row")
    unknown = [video for video in videos if video not in true.events]
    if unknown:
        alarms = sum(len(found.events[video]) for video in unknown)
        shown = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
        notes.append(f"videos without any true event: {shown} ({len(unknown)}); {alarms} false alarms counted there")
    summary = metric.summary()
    for values in summary.values():
        if values["false_alarms_per_minute"] is None:
            del values["false_alarms_per_minute"]
    kappa: dict[str, float | int | None] | None = None
    if None not in lengths.values():
        pooled = {str(kind): cohen_kappa(of_kind(marks, kind)) for kind in KINDS} | {"overall": cohen_kappa(marks)}
        kappa = {kind: None if math.isnan(value) else value for kind, value in pooled.items()}
        kappa["frames"] = int(marks.sum())
    return {"protocol": protocol, "iou": iou, "videos": len(videos), **summary, "kappa": kappa, "notes": notes}


def format_evaluation(result: dict[str, Any]) -> str:
    """The result of `evaluate_files` as a table for the terminal, notes below."""
    names = {
        "truth": "true",
        "predicted": "spotted",
        "tp": "TP",
        "fp": "FP",
        "fn": "FN",
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "mean_iou": "mean IoU",
        "apex_error": "apex error",
    }
    lines = [f"protocol {result['protocol']}, IoU >= {result['iou']:g}, {result['videos']} videos"]
    lines.append("".join([f"{'':8}", *(f"{title:>11}" for title in names.values())]))
    for kind in (*KINDS, None):
        values = result[kind_name(kind)]
        cells = (_cell(values[name]) for name in names)
        lines.append("".join([f"{kind_name(kind):8}", *(f"{cell:>11}" for cell in cells)]))
    if result["kappa"] is not None:
        kappas = [f"{kind_name(kind)} {_cell(result['kappa'][kind_name(kind)])}" for kind in (*KINDS, None)]
        lines.append(f"Cohen's kappa over {result['kappa']['frames']} frames: {', '.join(kappas)}")
    return "\n".join([*lines, *(one_line(f"note: {note}") for note in result["notes"])])


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
