"""The same results in parts: fold by fold and subject by subject."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from spotlib.matching import Protocol
from spotlib.rows import KIND_NAMES, MEASURES, Row, check, count, label, of_subjects, pooled, systems
from spotlib.statistics import pooled_f1
from spotlib.tables.caption import caption
from spotlib.tables.measured import NAN, failure_notes, stamp, whole
from spotlib.tables.table import Column, Table


def folds(rows: Sequence[Row], *, protocol: Protocol = "clean") -> Table:
    """One line per fold: its counts, F1s, what was chosen on inner subjects, and how it went; failed folds
    say why.
    """
    check(rows)
    counts = count(rows, protocol=protocol)
    lines = []
    for row in rows:
        own = counts[
            (counts.variant == row["variant"]) & (counts.seed == row["seed"]) & (counts.fold == row["fold"])
        ]
        well = row["status"] == "done"
        lines.append(
            {
                **stamp(rows, protocol), "variant": row["variant"], "system": label([row]),
                "seed": row["seed"], "fold": row["fold"], "test_subjects": " ".join(row["test_subjects"]),
                "n_test": len(row["test_subjects"]),
                **_by_measure(own), "epoch": row["chosen"].get("epoch") if well else None,
                "inner_f1": row["chosen"].get("inner_f1", NAN) if well else NAN,
                "train_seconds": row.get("train_seconds", NAN), "device": row.get("device", ""),
                "status": "done" if well else f"failed: {row['error']}",
            }
        )  # fmt: skip
    columns = [
        Column.text("System", "system"), Column.number("Seed", "seed"), Column.number("Fold", "fold"),
        Column.number("Subjects", "n_test"), Column.number("True", "truth"),
        Column.number("Predicted", "predicted"),
        Column.number("TP", "tp"), *(Column.share(f"F1 {KIND_NAMES[m]}", f"f1_{m}") for m in MEASURES),
        Column("Epoch", lambda line: whole(line["epoch"]) if line["epoch"] is not None else ""),
        Column.share("Inner F1", "inner_f1"), Column.number("Seconds", "train_seconds"),
        Column.words("Status", "status"),
    ]  # fmt: skip
    frame = pd.DataFrame(lines).astype({"epoch": "float64"})
    notes = ["Epoch and thresholds were chosen by the inner F1, on training subjects set aside for that."]
    return Table(f"folds-{protocol}", caption("Fold by fold", rows, protocol=protocol), frame, columns, notes)


def subjects(rows: Sequence[Row], *, protocol: Protocol = "clean") -> Table:
    """One line per system and test subject: counts (means over seeds) and F1s."""
    check(rows)
    counts = count(rows, protocol=protocol)
    lines = []
    for (variant, subject), own in counts.groupby(["variant", "subject"], sort=False):
        name = label(systems(rows)[variant])
        n_videos = own.video.nunique()
        lines.append(
            {
                **stamp(rows, protocol),
                "variant": variant,
                "system": name,
                "subject": subject,
                "videos": n_videos,
                **_by_measure(own),
            }
        )
    columns = [
        Column.text("Subject", "subject"), Column.text("System", "system"), Column.number("Videos", "videos"),
        Column.number("True", "truth"), Column.number("Predicted", "predicted"), Column.number("TP", "tp"),
        *(Column.share(f"F1 {KIND_NAMES[m]}", f"f1_{m}") for m in MEASURES),
    ]  # fmt: skip
    text = caption("Subject by subject", rows, protocol=protocol)
    return Table(f"subjects-{protocol}", text, pd.DataFrame(lines), columns, failure_notes(rows))


def _by_measure(counts: pd.DataFrame) -> dict[str, float]:
    """truth, predicted, tp of both kinds pooled, and the F1 of each measure."""
    if counts.empty:
        return dict.fromkeys(("truth", "predicted", "tp", *(f"f1_{m}" for m in MEASURES)), NAN)
    sums = pooled(counts)
    of_measure = {m: of_subjects(counts, m).sum().to_numpy() for m in MEASURES}
    return {
        "truth": sums.truth, "predicted": sums.predicted, "tp": sums.tp,
        **{f"f1_{m}": float(pooled_f1(values)) for m, values in of_measure.items()},
    }  # fmt: skip
