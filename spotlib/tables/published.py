"""Published F1 values as a table of their own, for pages on a twin, where they may not stand beside measured ones."""

from __future__ import annotations

import pandas as pd

from spotlib.reported import UNVERIFIED_MARK, reported
from spotlib.rows import DATASETS, KIND_NAMES, MEASURES
from spotlib.tables.measured import published, reported_column
from spotlib.tables.table import Column, Table


def published_table(dataset: str) -> list[Table]:
    """What others have reported on the *real* ``dataset``; nothing where nobody's number is known to us."""
    if reported(dataset).empty:
        return []
    frame = pd.DataFrame([{"dataset": dataset, "method": name, **v} for name, v in published(dataset).items()])
    columns = [
        Column.text("Method", "method"), *(reported_column(measure) for measure in MEASURES),
        Column.words("Source", "reported_source"),
    ]  # fmt: skip
    columns = [Column(c.header.replace("reported", "F1"), c.show, c.align) for c in columns]
    names = ", ".join(KIND_NAMES[measure] for measure in MEASURES)
    text = (
        f"Published F1 ({names}) on the real {DATASETS.get(dataset, dataset)}, for orientation. Nothing here was"
        " measured by spotlib, and nothing here can be compared with results on a synthetic twin."
    )
    notes = [
        "As published, on other folds, evaluators and ground-truth conventions; empty where nothing is reported.",
        f"{UNVERIFIED_MARK}: not checked against the publication; never used in a comparison.",
    ]
    return [Table("published", text, frame, columns, notes)]
