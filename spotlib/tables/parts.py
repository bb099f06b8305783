"""The same results in parts: fold by fold and subject by subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from spotlib.intervals import KINDS
from spotlib.matching import Protocol
from spotlib.rows import KIND_NAMES, MEASURES, OVERALL, Row, check, count, label, systems
from spotlib.statistics import COUNTS, pooled_f1
from spotlib.tables.caption import caption
from spotlib.tables.measured import NAN, failure_notes, stamp, whole
from spotlib.tables.table import Column, Table


def folds(rows: Sequence[Row], *, protocol: Protocol = "clean") -> Table:
    """One line per fold: counts, F1s, what inner subjects chose, and how it went; failed folds say why."""
    check(rows)
    sums = count(rows, protocol=protocol).groupby(["variant", "seed", "fold", "kind"])[list(COUNTS)].sum()
    lines = []
    for row in rows:
        well = row["status"] == "done"
        lines.append(
            {
                **stamp(rows, protocol), "variant": row["variant"], "system": label([row]),
                "seed": row["seed"], "fold": row["fold"], "test_subjects": " ".join(row["test_subjects"]),
                "n_test": len(row["test_subjects"]),
                **_by_measure(sums, (row["variant"], row["seed"], row["fold"])),
                "epoch": row["chosen"].get("epoch") if well else None,
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
    per_seed = counts.groupby(["variant", "subject", "kind", "seed"])[list(COUNTS)].sum()
    sums = per_seed.groupby(level=["variant", "subject", "kind"]).mean()
    videos = counts.groupby(["variant", "subject"]).video.nunique()
    names = {variant: label(own) for variant, own in systems(rows).items()}
    lines = [
        {
            **stamp(rows, protocol), "variant": variant, "system": names[variant], "subject": subject,
            "videos": videos[variant, subject], **_by_measure(sums, (variant, subject)),
        }
        for variant, subject in counts[["variant", "subject"]].drop_duplicates().itertuples(index=False)
    ]  # fmt: skip
    columns = [
        Column.text("Subject", "subject"), Column.text("System", "system"), Column.number("Videos", "videos"),
        Column.number("True", "truth"), Column.number("Predicted", "predicted"), Column.number("TP", "tp"),
        *(Column.share(f"F1 {KIND_NAMES[m]}", f"f1_{m}") for m in MEASURES),
    ]  # fmt: skip
    text = caption("Subject by subject", rows, protocol=protocol)
    return Table(f"subjects-{protocol}", text, pd.DataFrame(lines), columns, failure_notes(rows))


def _by_measure(sums: pd.DataFrame, key: tuple[Any, ...]) -> dict[str, float]:
    """truth, predicted, tp of both kinds pooled, and each measure's F1; NaN if ``sums`` has no such key."""
    of_kind = {str(kind): sums.loc[(*key, str(kind))].to_numpy() for kind in KINDS if (*key, str(kind)) in sums.index}
    if not of_kind:
        return dict.fromkeys(("truth", "predicted", "tp", *(f"f1_{m}" for m in MEASURES)), NAN)
    of_kind[OVERALL] = sum(of_kind.values())
    tp, predicted, truth = of_kind[OVERALL]
    f1 = {f"f1_{m}": float(pooled_f1(of_kind[m])) for m in MEASURES}
    return {"truth": truth, "predicted": predicted, "tp": tp, **f1}
