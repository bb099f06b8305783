"""Fold rows as tables, figures and reports read them: which exist, which failed, and what they count.

A row is one fold of one variant and seed (see ``spotlib.store``). Counting itself is done by
``spotlib.metrics``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spotlib.counting import SUMS as _SUMS
from spotlib.counting import count_video
from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event, Kind
from spotlib.matching import PROTOCOLS, Protocol
from spotlib.metrics import SpottingMetric
from spotlib.statistics import COUNTS

Row = Mapping[str, Any]
OVERALL = "overall"
MEASURES = (*(str(kind) for kind in KINDS), OVERALL)
KIND_NAMES = {"macro": "MaE", "micro": "ME", "overall": "overall"}
#: how texts call the data sets
DATASETS = {"samm_lv": "SAMM-LV", "cas_me2": "CAS(ME)²", "cas_me3": "CAS(ME)³"}


@dataclass(frozen=True)
class Coverage:
    """What a set of rows covers: subjects, videos and events once each, seeds, and which folds are not there.

    ``failed`` and ``missing`` name folds as "SpotFormer fold 2 (seed 270)".
    """

    folds: int
    seeds: tuple[int, ...]
    subjects: int
    videos: int
    minutes: float
    events: dict[str, int]
    failed: tuple[str, ...]
    missing: tuple[str, ...]


def done(rows: Iterable[Row]) -> list[Row]:
    """The rows with results."""
    return [row for row in rows if row["status"] == "done"]


def failed(rows: Iterable[Row]) -> list[Row]:
    """The rows of folds that failed; they hold an error instead of results."""
    return [row for row in rows if row["status"] != "done"]


def systems(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by variant name, in the order in which the variants first appear."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["variant"], []).append(row)
    return found


def finished_systems(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The finished rows by variant; SpotlibError if there is none."""
    check(rows)
    own = systems(done(rows))
    if not own:
        raise SpotlibError("no finished fold: see the failed rows for the reason, then run the training again")
    return own


def label(rows: Sequence[Row]) -> str:
    """How tables call the system of these rows."""
    return str(rows[0].get("system") or rows[0]["variant"])


def dataset_name(row: Row) -> str:
    """The data set in words: "demo twin", "twin of SAMM-LV" or "SAMM-LV"."""
    name = str(row["dataset"])
    if not row["synthetic"]:
        return DATASETS.get(name, name)
    return f"twin of {DATASETS[name]}" if name in DATASETS else f"{name} twin"


def twin_name(rows: Sequence[Row]) -> str:
    """What figures of a twin are marked with; empty for real data."""
    return dataset_name(rows[0]) if is_synthetic(rows) else ""


def is_synthetic(rows: Sequence[Row]) -> bool:
    """Whether the rows come from rendered people; mixed rows count as synthetic."""
    return any(row["synthetic"] for row in rows)


def parameter(rows: Sequence[Row], name: str, default: Any = None) -> Any:
    """A parameter that the rows were computed under, from their keys."""
    for row in rows:
        params = row.get("key", {}).get("params", {})
        if name in params:
            return params[name]
    return default


def check(rows: Sequence[Row]) -> None:
    """Raise SpotlibError if there is no row at all, or if rows of several data sets are mixed."""
    if not rows:
        raise SpotlibError("no fold rows: nothing has been computed yet; run the training first")
    names = sorted({str(row["dataset"]) for row in rows})
    if len(names) > 1:
        raise SpotlibError(f"rows of several data sets are mixed ({', '.join(names)}); make one table per data set")


def coverage(rows: Sequence[Row]) -> Coverage:
    """Count what ``rows`` cover; people, videos and events once, however many systems and seeds."""
    videos = {(v["subject"], v["video"]): v for row in done(rows) for v in row["videos"]}
    events = {str(kind): sum(e["kind"] == kind for v in videos.values() for e in v["truth"]) for kind in KINDS}
    absent = []
    for of_system in systems(rows).values():
        n_folds = max(row["n_folds"] for row in of_system)
        for seed in sorted({row["seed"] for row in of_system}):
            there = {row["fold"] for row in of_system if row["seed"] == seed}
            absent += [f"{label(of_system)} fold {k} (seed {seed})" for k in range(n_folds) if k not in there]
    return Coverage(
        folds=max((row["n_folds"] for row in rows), default=0),
        seeds=tuple(sorted({row["seed"] for row in rows})),
        subjects=len({subject for subject, _ in videos}),
        videos=len(videos),
        minutes=sum(v["n_frames"] / v["fps"] / 60 for v in videos.values()),
        events=events,
        failed=tuple(f"{label([row])} fold {row['fold']} (seed {row['seed']})" for row in failed(rows)),
        missing=tuple(absent),
    )


def events_of(video: Mapping[str, Any], which: str) -> list[Event]:
    """The events of one video of a row: ``which`` is "truth", "clean" or "author"."""
    return [
        Event(
            Kind(e["kind"]), e["onset"], e["apex"], e["offset"],
            aus=tuple(e.get("aus", ())), side=e.get("side", "both"), score=e.get("score"),
            reachable=e.get("reachable", True),
        )
        for e in video[which]
    ]  # fmt: skip


def metric(videos: Iterable[Mapping[str, Any]], *, protocol: Protocol = "clean", iou: float = 0.5) -> SpottingMetric:
    """The metric over some videos of rows of one variant and seed."""
    made = SpottingMetric(protocol=protocol, iou=iou)
    for video in videos:
        made.add(
            video["video"], events_of(video, "truth"), events_of(video, protocol),
            subject=video["subject"], n_frames=video["n_frames"], fps=video["fps"],
        )  # fmt: skip
    return made


def count(
    rows: Sequence[Row], *, protocol: Protocol = "clean", iou: float | None = None, events: str | None = None
) -> pd.DataFrame:
    """Count every finished row: one line per variant, seed, fold, subject, video and kind.

    Columns beside these: minutes; tp, predicted, truth; iou_sum over hits; apex_error_sum, as share of the
    true length, over the apex_hits hits with both apexes. ``iou`` None: as in the rows' parameters. ``events``: which
    list of a video's events is counted (default: the protocol's own).
    """
    border = hit_iou(rows) if iou is None else iou
    return count_at(rows, [border], protocol=protocol, events=events)[border]


def count_at(
    rows: Sequence[Row], ious: Sequence[float], *, protocol: Protocol = "clean", events: str | None = None
) -> dict[float, pd.DataFrame]:
    """:func:`count` at several IoU thresholds."""
    if protocol not in PROTOCOLS:
        raise SpotlibError(f"protocol {protocol!r} is unknown; choose one of {', '.join(PROTOCOLS)}")
    lines: dict[float, list[tuple[Any, ...]]] = {iou: [] for iou in ious}
    for row in done(rows):
        for video in row["videos"]:
            sums = count_video(video["truth"], video[events or protocol], protocol=protocol, ious=ious)
            where = (row["variant"], row["seed"], row["fold"], video["subject"], video["video"])
            minutes = video["n_frames"] / video["fps"] / 60
            for (iou, kind), values in sums.items():
                lines[iou].append((*where, kind, minutes, *values))
    columns = ["variant", "seed", "fold", "subject", "video", "kind", "minutes", *_SUMS]
    return {iou: pd.DataFrame(found, columns=columns) for iou, found in lines.items()}


def hit_iou(rows: Sequence[Row]) -> float:
    """The IoU that a hit needs, from the rows' parameters."""
    return float(parameter(rows, "iou", 0.5))


def of_subjects(counts: pd.DataFrame, measure: str = OVERALL) -> pd.DataFrame:
    """Counts per subject of one kind, or of both pooled ("overall"), of one variant.

    Several seeds are averaged, so that tp, predicted and truth stay comparable with one pass over the videos.
    Returns a frame indexed by subject, with tp, predicted, truth as floats.
    """
    chosen = counts if measure == OVERALL else counts[counts.kind == measure]
    # by hand: a thousand of these make the tables, and a grouped frame costs milliseconds each
    subject, names = pd.factorize(chosen.subject, sort=True)
    seed, seeds = pd.factorize(chosen.seed)
    sums = np.zeros((len(names), len(seeds), len(COUNTS)))
    np.add.at(sums, (subject, seed), chosen[list(COUNTS)].to_numpy(dtype=np.float64))
    there = np.zeros(sums.shape[:2], dtype=bool)
    there[subject, seed] = True
    means = sums.sum(1) / np.maximum(there.sum(1), 1)[:, None]
    return pd.DataFrame(means, columns=list(COUNTS), index=pd.Index(names, name="subject"))


def pooled(counts: pd.DataFrame, measure: str = OVERALL) -> pd.Series:
    """Sums over all videos of one kind (or both) of one variant, averaged over seeds."""
    chosen = counts if measure == OVERALL else counts[counts.kind == measure]
    seeds = chosen.groupby("subject").seed.transform("nunique").clip(lower=1)
    sums = chosen[list(_SUMS)].div(seeds, axis=0).sum()
    sums["minutes"] = counts.drop_duplicates(["subject", "video"]).minutes.sum()
    return sums
