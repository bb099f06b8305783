"""T12: how much of a result is the training seed, and how much the subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spotlib.matching import Protocol
from spotlib.rows import KIND_NAMES, MEASURES, Row, check, count, label, of_subjects, systems
from spotlib.statistics import DRAWS, SEED, UNKNOWN, bootstrap_f1, bootstrap_seeds, pooled_f1, short
from spotlib.tables.caption import caption
from spotlib.tables.measured import NAN, failure_notes, stamp, status
from spotlib.tables.table import Column, Table


def seeds(rows: Sequence[Row], *, protocol: Protocol = "clean", draws: int = DRAWS, seed: int = SEED) -> Table:
    """T12: per system and kind the F1 of each training seed, their spread, and the intervals over subjects."""
    check(rows)
    counts = count(rows, protocol=protocol)
    every = sorted({row["seed"] for row in rows})
    lines: list[dict[str, Any]] = []
    for variant, own in systems(rows).items():
        of_variant = counts[counts.variant == variant]
        for measure in MEASURES:
            head = {
                **stamp(rows, protocol), "variant": variant, "system": label(own), "kind": KIND_NAMES[measure],
                "status": status(own),
            }  # fmt: skip
            lines.append({**head, **_spread(of_variant, measure, every, draws=draws, seed=seed)})
    columns = [
        Column.text("System", "system"), Column.text("Kind", "kind"),
        *(Column.share(f"seed {s}", f"seed_{s}") for s in every),
        Column.interval("Mean [over subjects]", "f1"), Column.share("SD of seeds", "sd", 3),
        Column("[over subjects and seeds]", lambda line: _both(line["both_low"], line["both_high"])),
        Column.words("In words", "verdict"), Column.text("Folds", "status"),
    ]  # fmt: skip
    notes = [
        "Mean: pooled F1 of the counts averaged over seeds; its interval draws subjects, the last one draws subjects"
        " and seeds.",
        "SD of seeds: standard deviation of the F1s of single seeds. In words: whether their range (highest minus"
        " lowest seed) is wider than the interval over subjects.",
        *failure_notes(rows),
    ]
    text = caption("Training seeds against subjects", rows, protocol=protocol, draws=draws)
    return Table(f"seeds-{protocol}", text, pd.DataFrame(lines), columns, notes)


def _spread(counts: pd.DataFrame, measure: str, every: Sequence[int], *, draws: int, seed: int) -> dict[str, Any]:
    tables = {s: of_subjects(counts[counts.seed == s], measure) for s in every if (counts.seed == s).any()}
    line: dict[str, Any] = {f"seed_{s}": NAN for s in every}
    line |= {f"seed_{s}": float(pooled_f1(t.to_numpy().sum(axis=0))) for s, t in tables.items()}
    line |= dict.fromkeys(("f1", "f1_low", "f1_high", "sd", "range", "both_low", "both_high"), NAN)
    line |= {"seeds": len(tables), "verdict": "failed" if not tables else ""}
    if not tables:
        return line
    found = bootstrap_f1(of_subjects(counts, measure), draws=draws, seed=seed)
    line |= {"f1": found.value, "f1_low": found.low, "f1_high": found.high}
    values = np.array([line[f"seed_{s}"] for s in tables])
    if len(tables) < 2 or not np.isfinite(values).all():
        line["verdict"] = "one seed" if len(tables) == 1 else "not comparable"
        return line
    common = sorted(set.intersection(*(set(t.index) for t in tables.values())))
    if common:  # subjects whose fold is there for every seed
        both = bootstrap_seeds(np.stack([t.loc[common].to_numpy() for t in tables.values()]), draws=draws, seed=seed)
        line |= {"both_low": both.low, "both_high": both.high}
    line |= {"sd": float(values.std(ddof=1)), "range": float(np.ptp(values))}
    wider = line["range"] > found.high - found.low
    line["verdict"] = "seeds matter more than subjects" if wider else "seeds stay inside the interval over subjects"
    return line


def _both(low: float, high: float) -> str:
    return f"[{short(low)}, {short(high)}]" if np.isfinite(low) else UNKNOWN
