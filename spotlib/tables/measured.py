"""What was measured: comparison (T1, T2), detail (T3), and the same fold by fold and subject by subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spotlib.matching import Protocol
from spotlib.reported import UNVERIFIED_MARK, reported
from spotlib.rows import (
    KIND_NAMES,
    MEASURES,
    Row,
    check,
    count,
    done,
    failed,
    hit_iou,
    is_synthetic,
    label,
    metric,
    of_subjects,
    pooled,
    systems,
)
from spotlib.statistics import DRAWS, SEED, Estimate, bootstrap_f1
from spotlib.tables.caption import caption
from spotlib.tables.table import Column, Table

NAN = float("nan")


def stamp(rows: Sequence[Row], protocol: str) -> dict[str, Any]:
    """What every line of a CSV file repeats, so that no number is ever without its origin."""
    return {"dataset": rows[0]["dataset"], "synthetic": is_synthetic(rows), "protocol": protocol}


def status(rows: Sequence[Row]) -> str:
    """How much of a system is there: "4 of 4", "3 of 4, 1 failed"."""
    expected = max(row["n_folds"] for row in rows) * len({row["seed"] for row in rows})
    there, broken = len(done(rows)), len(failed(rows))
    return f"{there} of {expected}" + (f", {broken} failed" if broken else "")


def failure_notes(rows: Sequence[Row]) -> list[str]:
    """One sentence per failed fold, with its error."""
    return [f"{label([row])}, fold {row['fold']}, seed {row['seed']} failed: {row['error']}" for row in failed(rows)]


def estimates(counts: pd.DataFrame, *, draws: int, seed: int) -> dict[str, float]:
    """f1_<measure> with _low and _high for MaE, ME and overall; NaN without counts."""
    values: dict[str, float] = {}
    for measure in MEASURES:
        table = of_subjects(counts, measure)
        found = bootstrap_f1(table, draws=draws, seed=seed) if len(table) else Estimate(NAN, NAN, NAN)
        values |= {
            f"f1_{measure}": found.value,
            f"f1_{measure}_low": found.low,
            f"f1_{measure}_high": found.high,
        }
    return values


def comparison(rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED) -> Table:
    """T1: F1 of MaE, ME and both, per system, with intervals; beside them published values on real data sets.

    On a twin there are no published columns at all. Unverified published values carry [U]. Raises
    SpotlibError without rows or with rows of several data sets.
    """
    check(rows)
    counts = count(rows, protocol=protocol)
    published = {} if is_synthetic(rows) else _published(str(rows[0]["dataset"]))
    lines = []
    for variant, own in systems(rows).items():
        name = label(own)
        lines.append(
            {
                **stamp(rows, protocol), "variant": variant, "system": name, "status": status(own),
                "seeds": len({row["seed"] for row in own}),
                **estimates(counts[counts.variant == variant], draws=draws, seed=seed),
                **published.pop(name, {}),
            }
        )  # fmt: skip
    for name, values in published.items():
        lines.append({**stamp(rows, protocol), "system": name, **values})
    frame = pd.DataFrame(lines)
    columns = [Column.text("System", "system")]
    columns += [_measured(measure) for measure in MEASURES]
    columns += [Column.text("Folds", "status"), Column("Seeds", lambda line: whole(line["seeds"]))]
    notes = failure_notes(rows)
    if not is_synthetic(rows) and "reported_source" in frame:
        columns += [_reported(measure) for measure in MEASURES]
        columns.append(Column.words("Source of the reported values", "reported_source"))
        notes.append(
            "Reported: as published, on other folds, evaluators and conventions; empty where nothing is reported."
        )
        if frame.reported_unverified.eq(True).any():
            notes.append(f"{UNVERIFIED_MARK}: not checked against the publication; not to be compared with.")
    what = "F1 of macro-expressions (MaE), micro-expressions (ME) and both pooled"
    text = caption(what, rows, protocol=protocol, draws=draws)
    return Table(f"comparison-{protocol}", text, frame, columns, notes)


def _published(dataset: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in reported(dataset).itertuples():
        values = found.setdefault(str(line.method), {})
        values |= {f"reported_{line.kind}": line.f1, f"reported_{line.kind}_text": line.text}
        values["reported_unverified"] = bool(line.unverified)
        values["reported_source"] = "; ".join(filter(None, (str(line.source), str(line.note))))
    return found


def _measured(measure: str) -> Column:
    name = f"f1_{measure}"

    def show(line: pd.Series) -> str:
        if not isinstance(line["status"], str):
            return ""  # published only
        if line["status"].startswith("0 of") and "failed" in line["status"]:
            return "failed"
        return str(Estimate(line[name], line[f"{name}_low"], line[f"{name}_high"]))

    return Column(f"F1 {KIND_NAMES[measure]}", show)


def _reported(measure: str) -> Column:
    def show(line: pd.Series) -> str:
        text = line.get(f"reported_{measure}_text", "")
        if not isinstance(text, str) or not text:
            return ""
        return f"{text} {UNVERIFIED_MARK}" if line["reported_unverified"] else text

    return Column(f"reported {KIND_NAMES[measure]}", show)


def whole(value: float) -> str:
    """A whole number, or nothing for NaN."""
    return f"{value:.0f}" if np.isfinite(value) else ""


def detail(rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED) -> Table:
    """T3: per system and kind the counts and what follows from them; several seeds are averaged."""
    check(rows)
    counts = count(rows, protocol=protocol)
    lines = []
    for variant, own in systems(rows).items():
        of_variant = counts[counts.variant == variant]
        head = {**stamp(rows, protocol), "variant": variant, "system": label(own), "status": status(own)}
        if of_variant.empty:
            lines.append({**head, "kind": "failed" if failed(own) else "no event"})
            continue
        values = estimates(of_variant, draws=draws, seed=seed)
        for measure in MEASURES:
            f1 = {f"f1{end}": values[f"f1_{measure}{end}"] for end in ("", "_low", "_high")}
            ranked = {"average_precision": _average_precision(own, measure, protocol)}
            lines.append({**head, "kind": KIND_NAMES[measure], **_detail(pooled(of_variant, measure)), **f1, **ranked})
    columns = [
        Column.text("System", "system"), Column.text("Kind", "kind"), Column.number("Total", "truth"),
        Column.number("Predicted", "predicted"), Column.number("TP", "tp"), Column.number("FP", "fp"),
        Column.number("FN", "fn"), Column.share("Precision", "precision"), Column.share("Recall", "recall"),
        Column.interval("F1", "f1"), Column.share("AP", "average_precision"),
        Column.share("Mean IoU", "mean_iou"),
        Column.share("Apex error", "apex_error"), Column.number("FP/min", "false_alarms_per_minute", 1),
    ]  # fmt: skip
    notes = [
        "Mean IoU and apex error (share of the true length) are over hits; AP: average precision over the"
        " proposals kept; FP/min: false"
        " alarms per minute of video.",
        *failure_notes(rows),
    ]
    if len({row["seed"] for row in rows}) > 1:
        notes.insert(1, "Counts are means over seeds.")
    frame = pd.DataFrame(lines).reindex(columns=[*dict.fromkeys([*_DETAIL_HEAD, *(k for x in lines for k in x)])])
    text = caption("Hits, misses and false alarms in detail", rows, protocol=protocol, draws=draws)
    return Table(f"detail-{protocol}", text, frame, columns, notes)


_DETAIL_HEAD = (
    "dataset", "synthetic", "protocol", "variant", "system", "status", "kind", "truth", "predicted", "tp",
    "fp", "fn", "precision", "recall", "f1", "f1_low", "f1_high", "average_precision", "mean_iou",
    "apex_error", "false_alarms_per_minute", "minutes",
)  # fmt: skip


def _detail(sums: pd.Series) -> dict[str, float]:
    alarms = sums.predicted - sums.tp
    return {
        "truth": sums.truth, "predicted": sums.predicted, "tp": sums.tp,
        "fp": alarms, "fn": sums.truth - sums.tp,
        "precision": _ratio(sums.tp, sums.predicted), "recall": _ratio(sums.tp, sums.truth),
        "mean_iou": _ratio(sums.iou_sum, sums.tp), "apex_error": _ratio(sums.apex_error_sum, sums.apex_hits),
        "false_alarms_per_minute": _ratio(alarms, sums.minutes), "minutes": sums.minutes,
    }  # fmt: skip


def _average_precision(rows: Sequence[Row], measure: str, protocol: Protocol) -> float:
    from spotlib.intervals import Kind

    kind = None if measure == "overall" else Kind(measure)
    values = []
    for seed in sorted({row["seed"] for row in done(rows)}):
        videos = [video for row in done(rows) if row["seed"] == seed for video in row["videos"]]
        values.append(metric(videos, protocol=protocol, iou=hit_iou(rows)).average_precision(kind))
    return float(np.mean(values)) if values else NAN


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else NAN
