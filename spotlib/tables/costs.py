"""T9: what a system costs: parameters, operations, time per window, training time. From the rows, never typed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spotlib.rows import Row, check, done, label, systems
from spotlib.tables.caption import caption
from spotlib.tables.measured import NAN, failure_notes, stamp, status
from spotlib.tables.table import Column, Table


def costs(rows: Sequence[Row]) -> Table:
    """T9: one line per system; times are means over its finished folds, on the device named beside them."""
    check(rows)
    lines = []
    for variant, own in systems(rows).items():
        finished = done(own)
        speed = _mean(row.get("windows_per_second") for row in finished)
        seconds = [float(row["train_seconds"]) for row in finished if "train_seconds" in row]
        line: dict[str, Any] = {
            **stamp(rows, "any"), "variant": variant, "system": label(own), "status": status(own),
            "parameters": _mean(row.get("parameters") for row in finished),
            "gflop_per_window": _mean(row.get("gflop_per_window") for row in finished),
            "ms_per_window": 1000 / speed if speed > 0 else NAN,
            "frames_per_second": speed,
            "train_seconds_per_fold": float(np.mean(seconds)) if seconds else NAN,
            "train_hours": sum(seconds) / 3600 if seconds else NAN,
            "device": ", ".join(sorted({_device(row) for row in finished})),
        }  # fmt: skip
        lines.append(line)
    columns = [
        Column.text("System", "system"), Column.number("Parameters", "parameters"),
        Column.number("GFLOP per window", "gflop_per_window", 4), Column.number("ms per window", "ms_per_window", 3),
        Column.number("Frames/s", "frames_per_second"),
        Column.number("Training, s per fold", "train_seconds_per_fold", 1),
        Column.number("Training, h in all", "train_hours", 2), Column.text("Device", "device"),
        Column.text("Folds", "status"),
    ]  # fmt: skip
    notes = [
        "Parameters and GFLOP (a multiplication and an addition count as two; elementwise operations are not counted)"
        " are counted on the networks that made the rows.",
        "Frames/s: windows scored per second by the network alone, one window per frame; tracking and flow are not in"
        " it (`spotlib bench` measures them). A dash: not measured in these rows.",
        "Training: wall-clock seconds of a fold with its evaluations, on a device that other folds may have shared.",
        *failure_notes(rows),
    ]
    text = caption("Cost of each system", rows, protocol="any, costs do not depend on it")
    return Table("costs", text, pd.DataFrame(lines), columns, notes)


def _mean(values: Any) -> float:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if known else NAN


def _device(row: Row) -> str:
    return str(row.get("device_name") or row.get("device") or "unknown")
