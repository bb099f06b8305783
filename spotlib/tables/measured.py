"""What was measured: comparison (T1, T2), detail (T3), and the same fold by fold and subject by subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spotlib.counting import average_precision, ranked_hits
from spotlib.matching import Protocol
from spotlib.reported import UNVERIFIED_MARK, reported
from spotlib.rows import (
    DATASETS,
    KIND_NAMES,
    MEASURES,
    OVERALL,
    Row,
    check,
    count,
    done,
    failed,
    hit_iou,
    is_synthetic,
    label,
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


def comparison(
    rows: Sequence[Row],
    *,
    protocol: Protocol = "clean",
    reference: str | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Table:
    """T1: F1 of MaE, ME and both, per system, with intervals; beside them published values on real data sets.

    With ``reference``, a variant, every other system is compared with it on the same subjects (paired test, Holm over
    the systems), in words; a difference inside its interval is a tie. On a twin there are no published columns at all.
    Unverified published values carry [U]. Raises SpotlibError without rows or with rows of several data sets.
    """
    from spotlib.tables.against import judge

    check(rows)
    counts = count(rows, protocol=protocol)
    known = {} if is_synthetic(rows) else published(str(rows[0]["dataset"]))
    by_variant = systems(rows)
    judged: dict[str, dict[str, Any]] = {}
    if reference is not None and done(by_variant.get(reference, [])):
        judged = judge(rows, counts, reference=reference, draws=draws, seed=seed)
    lines = []
    for variant, own in by_variant.items():
        name = label(own)
        lines.append(
            {
                **stamp(rows, protocol), "variant": variant, "system": name, "status": status(own),
                "seeds": len({row["seed"] for row in own}),
                **estimates(counts[counts.variant == variant], draws=draws, seed=seed),
                **judged.get(variant, {}), **known.pop(name, {}),
            }
        )  # fmt: skip
    for name, values in known.items():
        lines.append({**stamp(rows, protocol), "system": name, **values})
    frame = pd.DataFrame(lines)
    columns = [Column.text("System", "system")]
    columns += [_measured(measure) for measure in MEASURES]
    notes = failure_notes(rows)
    if judged:
        main = label(by_variant[str(reference)])
        columns += [Column.words(f"against {main}", "verdict"), Column.p_value("p overall (Holm)", "p_holm_overall")]
        notes.insert(0, judgement_note(main, len(judged) - 1))
    columns += [Column.text("Folds", "status"), Column("Seeds", lambda line: whole(line["seeds"]))]
    if not is_synthetic(rows) and "reported_source" in frame:
        columns += [reported_column(measure) for measure in MEASURES]
        columns.append(Column.words("Source of the reported values", "reported_source"))
        notes.append(
            "Reported: as published, on other folds, evaluators and conventions; empty where nothing is reported."
        )
        if frame.reported_unverified.eq(True).any():
            notes.append(f"{UNVERIFIED_MARK}: not checked against the publication; not to be compared with.")
    elif not is_synthetic(rows) and str(rows[0]["dataset"]) in DATASETS:
        notes.append("Reported: no published value on this data set is known to us with a source.")
    what = "F1 of macro-expressions (MaE), micro-expressions (ME) and both pooled"
    text = caption(what, rows, protocol=protocol, draws=draws)
    return Table(f"comparison-{protocol}", text, frame, columns, notes)


def judgement_note(main: str, others: int) -> str:
    """What words like "tie" and the corrected p mean."""
    return (
        f"In words: F1 minus that of {main}, paired over subjects; a tie: the 95 % interval of the difference contains"
        f" 0. p: paired permutation test, Holm correction over {others} system{'s' if others != 1 else ''} within each"
        " measure."
    )


def published(dataset: str) -> dict[str, dict[str, Any]]:
    """Columns reported_<measure>, their texts, source and mark by method, for a real data set."""
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


def reported_column(measure: str) -> Column:
    """The published value of a measure with its digits, [U] if it is unverified; empty where there is none."""

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
        ranked = _average_precision(own, protocol)
        for measure in MEASURES:
            f1 = {f"f1{end}": values[f"f1_{measure}{end}"] for end in ("", "_low", "_high")}
            f1["average_precision"] = ranked[measure]
            lines.append({**head, "kind": KIND_NAMES[measure], **_detail(pooled(of_variant, measure)), **f1})
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


def _average_precision(rows: Sequence[Row], protocol: Protocol) -> dict[str, float]:
    """By measure, the mean over seeds of the average precision over all videos of a seed."""
    values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    for seed in sorted({row["seed"] for row in done(rows)}):
        parts: dict[str, list[tuple[list[float], list[bool], int]]] = {measure: [] for measure in MEASURES}
        for row in done(rows):
            for video in row["videos"] if row["seed"] == seed else ():
                ranked = ranked_hits(video["truth"], video[protocol], protocol=protocol, iou=hit_iou(rows))
                for kind, found in ranked.items():
                    parts[kind].append(found)
                    parts[OVERALL].append(found)
        for measure, found_in in parts.items():
            scores = [score for found in found_in for score in found[0]]
            hits = [hit for found in found_in for hit in found[1]]
            values[measure].append(average_precision(scores, hits, sum(found[2] for found in found_in)))
    return {measure: float(np.mean(of)) if of else NAN for measure, of in values.items()}


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else NAN
