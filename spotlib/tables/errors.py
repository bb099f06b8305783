"""What goes wrong: false alarms and misses by what else happened there, recall by size and length of expressions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spotlib.happenings import CAUSES, LOGGED, NOTHING, WORDS
from spotlib.intervals import KINDS
from spotlib.matching import Protocol
from spotlib.outcomes import FALSE_ALARM, MISSED, Context, outcomes, recall, subject_sums, subject_weights
from spotlib.ratios import bootstrap_ratio
from spotlib.rows import KIND_NAMES, Row, finished_systems, label
from spotlib.statistics import DRAWS, SEED, Estimate
from spotlib.tables.caption import caption
from spotlib.tables.measured import failure_notes, stamp
from spotlib.tables.table import Column, Table

if TYPE_CHECKING:
    from spotlib.datasets.base import Dataset

ALL = "all"
#: edges of the bins: peak displacement of the nodes in % of IOD, and length in seconds
SIZES = {"macro": (2.0, 3.0, 5.0, 7.0), "micro": (0.3, 0.6, 0.9, 1.2)}
LENGTHS = {"macro": (0.5, 1.0, 2.0, 3.0), "micro": (0.2, 0.3, 0.4, 0.5)}
_UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def errors_by_cause(
    rows: Sequence[Row],
    dataset: Dataset | None = None,
    *,
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
) -> Table:
    """False alarms and misses of each system by what else happened there, set against how often that is by chance.

    dataset: the rows' videos; without it, or if they are real, only what the truth and tracking tell is known. A false
    alarm may meet several things; several seeds are averaged. Raises SpotlibError without finished rows.
    """
    own = finished_systems(rows)
    context = Context(dataset)
    found = outcomes(rows, protocol=protocol, context=context)
    lines: list[dict[str, Any]] = []
    for variant, of_variant in own.items():
        mine = found[found.variant == variant]
        lines += _by_cause(of_variant, mine, context, stamp(rows, protocol), draws=draws, seed=seed)
    frame = pd.DataFrame(lines)
    there = frame.groupby("cause").time.max() > 0
    frame = frame[frame.cause.isin([ALL, NOTHING, *there[there].index])].reset_index(drop=True)
    columns = [
        Column.text("System", "system"), Column.text("Kind", "kind_name"), Column.words("Meanwhile", "meanwhile"),
        Column.share("Share of time", "time"), Column.number("False alarms", "alarms"),
        Column.number("Per minute", "alarms_per_minute", 2), Column.share("Share of alarms", "alarms_share"),
        Column.share("By chance", "alarms_chance"), Column.interval("Times chance", "alarms_ratio"),
        Column("Missed", _missed),
    ]  # fmt: skip
    notes = [
        "Meanwhile: what shares a frame with the alarm, or lies as near as said. It may be several things at once,"
        " and to meet is not to cause.",
        "By chance: the share of alarms that would meet it if each lay anywhere in its video, as long as it is. Times"
        " chance: share of alarms over that share; where its interval holds 1, alarms meet it as often as by accident.",
        "Missed: of the true events that meet it besides, how many were missed.",
        *(_overlapping(label(of), found[found.variant == variant], of) for variant, of in own.items()),
    ]
    if not frame.cause.isin(LOGGED).any():
        notes.append("What people did besides is not logged for these videos; only truth and tracking are known.")
    if len({row["seed"] for row in rows}) > 1:
        notes.append("Counts are means over seeds.")
    text = caption("False alarms and misses by what else happened", rows, protocol=protocol, draws=draws)
    return Table(f"errors-by-cause-{protocol}", text, frame, columns, [*notes, *failure_notes(rows)])


def _by_cause(
    rows: Sequence[Row], found: pd.DataFrame, context: Context, head: dict[str, Any], *, draws: int, seed: int
) -> list[dict[str, Any]]:
    videos = {(v["subject"], v["video"]): v for row in rows for v in row["videos"]}
    here = {at: context.happenings(video) for at, video in videos.items()}
    frames = sum(h.n_frames for h in here.values())
    minutes = sum(h.n_frames / h.fps for h in here.values()) / 60
    weight = subject_weights(rows)
    lines = []
    for kind in map(str, KINDS):
        of_kind = found[found.kind == kind]
        alarms, true = of_kind[of_kind.outcome == FALSE_ALARM], of_kind[of_kind.outcome != FALSE_ALARM]
        lengths = (alarms.offset - alarms.onset + 1).tolist()
        places = list(zip(alarms.subject, alarms.video, lengths, strict=True))
        for cause in (*CAUSES, NOTHING, ALL):
            met = _meets(alarms, cause)
            expected = [
                1.0 if cause == ALL else here[subject, video].chance(cause, kind, n) for subject, video, n in places
            ]
            of_alarms = subject_sums(alarms.subject, met, weight)
            by_chance = subject_sums(alarms.subject, np.array(expected), weight)
            among = _meets(true, cause)
            missed = subject_sums(true.subject, among & (true.outcome == MISSED).to_numpy(), weight).sum()
            total = subject_sums(alarms.subject, np.ones(len(alarms)), weight).sum()
            ratio = _UNKNOWN if cause == ALL else bootstrap_ratio(of_alarms, by_chance, draws=draws, seed=seed)
            time = 1.0 if cause == ALL else sum(h.lasts(cause, kind) * h.n_frames for h in here.values()) / frames
            lines.append(
                {
                    **head, "variant": rows[0]["variant"], "system": label(rows), "kind": kind,
                    "kind_name": KIND_NAMES[kind], "cause": cause,
                    "meanwhile": "all of them" if cause == ALL else WORDS[cause], "time": time,
                    "alarms": of_alarms.sum(), "alarms_per_minute": of_alarms.sum() / minutes,
                    "alarms_share": of_alarms.sum() / total if total else np.nan,
                    "alarms_chance": by_chance.sum() / total if total else np.nan,
                    **_ends("alarms_ratio", ratio),
                    "missed": missed, "true": subject_sums(true.subject, among, weight).sum(), "minutes": minutes,
                }
            )  # fmt: skip
    return lines


def _overlapping(system: str, found: pd.DataFrame, rows: Sequence[Row]) -> str:
    """How many false alarms are on something true after all."""
    alarms = found[found.outcome == FALSE_ALARM]
    weight = subject_weights(rows)
    same, other = alarms.iou > 0, (alarms.iou == 0) & (alarms.iou_other > 0)
    total, on_same, on_other = (
        subject_sums(alarms.subject, chosen.to_numpy(), weight).sum() for chosen in (alarms.iou >= 0, same, other)
    )
    return (
        f"{system}: of {total:.4g} false alarms {on_same:.4g} overlap a true event of their kind (too little, or one"
        f" that another one hit), {on_other:.4g} only one of the other kind."
    )


def recall_by_size(
    rows: Sequence[Row],
    dataset: Dataset | None = None,
    *,
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
) -> Table:
    """Recall of MaE and ME by how far they move the nodes and by how long they last, systems side by side.

    Sizes are known for twins only, if ``dataset`` is given; otherwise there are lines by length alone. Intervals over
    subjects; several seeds are averaged. Raises SpotlibError without finished rows.
    """
    own = finished_systems(rows)
    found = outcomes(rows, dataset, protocol=protocol)
    true = found[found.outcome != FALSE_ALARM]
    lines: list[dict[str, Any]] = []
    for kind in map(str, KINDS):
        of_kind = true[true.kind == kind]
        lines.append(_recall(own, of_kind, {"kind": kind, "by": ALL, "bin": "all"}, draws=draws, seed=seed))
        for by, edges, unit in (("size", SIZES[kind], "% of IOD"), ("length", LENGTHS[kind], "s")):
            values = 100 * of_kind["size"] if by == "size" else of_kind.seconds
            bounds = (0.0, *edges, np.inf)
            for low, high in itertools.pairwise(bounds):
                inside = of_kind[(values >= low) & (values < high)]
                if len(inside):
                    at = {"kind": kind, "by": by, "bin": _bin(low, high, unit), "low": low, "high": high}
                    lines.append(_recall(own, inside, at, draws=draws, seed=seed))
    frame = pd.DataFrame([{**stamp(rows, protocol), **line} for line in lines])
    columns = [
        Column("Kind", lambda line: KIND_NAMES[line["kind"]], "left"), Column.text("By", "by"),
        Column.text("From, to below", "bin"), Column.number("True", "events"), Column.number("Subjects", "subjects"),
        *(Column.interval(f"Recall {label(of)}", f"recall_{variant}") for variant, of in own.items()),
    ]  # fmt: skip
    sized = (frame.by == "size").any()
    notes = [
        "Size: peak displacement of the ten nodes as share of the inter-ocular distance (IOD), exact."
        if sized
        else "How far these expressions move a face is not known: by length only.",
        "Intervals of lines with few events or subjects are wide, and too narrow where nothing or everything is found.",
        *failure_notes(rows),
    ]
    what = "Recall by size and length of expressions" if sized else "Recall by length of expressions"
    text = caption(what, rows, protocol=protocol, draws=draws)
    return Table(f"recall-by-size-{protocol}", text, frame, columns, notes)


def _recall(
    systems: dict[str, list[Row]], true: pd.DataFrame, head: dict[str, Any], *, draws: int, seed: int
) -> dict[str, Any]:
    events = true.drop_duplicates(["subject", "video", "kind", "onset", "offset"])
    line = {**head, "events": len(events), "subjects": events.subject.nunique()}
    for variant, rows in systems.items():
        found = recall(rows, true[true.variant == variant], draws=draws, seed=seed)
        line |= _ends(f"recall_{variant}", found)
    return line


def _meets(found: pd.DataFrame, cause: str) -> np.ndarray:
    """(N,) bool: which outcomes meet ``cause``; what nobody knows is not met."""
    if cause == ALL:
        return np.ones(len(found), dtype=bool)
    met = found[list(CAUSES)].fillna(False).to_numpy(dtype=bool)
    return ~met.any(axis=1) if cause == NOTHING else met[:, CAUSES.index(cause)]


def _ends(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _missed(line: pd.Series) -> str:
    return f"{line['missed']:.4g} of {line['true']:.4g}"


def _bin(low: float, high: float, unit: str) -> str:
    if low == 0:
        return f"below {high:g} {unit}"
    return f"{low:g} {unit} and more" if np.isinf(high) else f"{low:g} to {high:g} {unit}"
