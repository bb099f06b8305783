"""Paired on the same subjects: variants against the main system, one protocol against the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spotlib.errors import SpotlibError
from spotlib.matching import PROTOCOLS, Protocol
from spotlib.rows import KIND_NAMES, MEASURES, Row, check, count, done, label, of_subjects, systems
from spotlib.statistics import DRAWS, SEED, Difference, compare_f1, holm, verdict
from spotlib.tables.caption import caption
from spotlib.tables.measured import NAN, estimates, failure_notes, stamp, status
from spotlib.tables.table import Column, Table

_UNKNOWN = Difference(NAN, NAN, NAN, NAN, 0)


def differences(
    rows: Sequence[Row],
    *,
    reference: str = "spotformer",
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
) -> dict[str, dict[str, Difference]]:
    """Per variant and measure ("macro", "micro", "overall"): its F1 minus the reference's, paired."""
    by_variant = systems(rows)
    if reference not in by_variant or not done(by_variant[reference]):
        raise SpotlibError(
            f"no finished fold of {reference!r} to compare with; train it first, or choose another reference"
        )
    counts = count(rows, protocol=protocol)
    of_reference = counts[counts.variant == reference]
    found: dict[str, dict[str, Difference]] = {}
    for variant, own in by_variant.items():
        if variant == reference:
            continue
        found[variant] = dict.fromkeys(MEASURES, _UNKNOWN)
        of_variant = counts[counts.variant == variant]
        if done(own) and set(of_variant.subject) & set(of_reference.subject):
            for measure in MEASURES:
                pair = of_subjects(of_variant, measure), of_subjects(of_reference, measure)
                found[variant][measure] = compare_f1(*pair, draws=draws, seed=seed)
    return found


def ablation(
    rows: Sequence[Row],
    *,
    reference: str = "spotformer",
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
    name: str = "ablation",
) -> Table:
    """Each variant against ``reference`` on the same folds: F1s, differences, corrected p, and words.

    Holm's correction runs over the variants, within each measure. A difference whose interval contains 0 is a
    tie.
    """
    check(rows)
    by_variant = systems(rows)
    found = differences(rows, reference=reference, protocol=protocol, draws=draws, seed=seed)
    counts = count(rows, protocol=protocol)
    corrected = {m: dict(zip(found, holm([d[m].p for d in found.values()]), strict=True)) for m in MEASURES}
    lines = []
    for variant in (reference, *found):
        own = by_variant[variant]
        line: dict[str, Any] = {
            **stamp(rows, protocol), "variant": variant, "system": label(own), "status": status(own),
            **estimates(counts[counts.variant == variant], draws=draws, seed=seed),
        }  # fmt: skip
        words = {}
        for measure in MEASURES:
            d = found.get(variant, {}).get(measure, _UNKNOWN)
            p = corrected[measure].get(variant, NAN)
            words[measure] = verdict(d, p if np.isfinite(p) else None)
            line |= {
                f"difference_{measure}": d.value, f"difference_{measure}_low": d.low,
                f"difference_{measure}_high": d.high,
                f"p_{measure}": d.p, f"p_holm_{measure}": p,
            }  # fmt: skip
        line["subjects"] = (
            found[variant]["overall"].subjects
            if variant in found
            else counts[counts.variant == variant].subject.nunique()
        )
        line["verdict"] = "reference" if variant == reference else _words(words, failed=not done(own))
        lines.append(line)
    columns = [Column.text("Variant", "system")]
    for measure in MEASURES:
        columns.append(Column.share(f"F1 {KIND_NAMES[measure]}", f"f1_{measure}"))
        columns.append(Column.difference(f"Δ {KIND_NAMES[measure]}", f"difference_{measure}"))
    columns += [
        Column.p_value("p overall (Holm)", "p_holm_overall"), Column.words("Overall, in words", "verdict"),
        Column.text("Folds", "status"),
    ]  # fmt: skip
    main = label(by_variant[reference])
    n_reference = counts[counts.variant == reference].subject.nunique()
    part = [
        f"{label(by_variant[v])}: {d['overall'].subjects} subjects"
        for v, d in found.items()
        if 0 < d["overall"].subjects < n_reference
    ]
    notes = [f"Compared on the subjects that both have ({'; '.join(part)})."] if part else []
    notes += [
        f"Δ: F1 of the variant minus F1 of {main}, paired over subjects; a tie: the 95 % interval of Δ contains 0.",
        f"p: paired permutation test, Holm correction over {len(found)}"
        f" variant{'s' if len(found) != 1 else ''} within each measure.",
        *failure_notes(rows),
    ]
    text = caption(f"Variants against {main}", rows, protocol=protocol, draws=draws)
    return Table(f"{name}-{protocol}", text, pd.DataFrame(lines), columns, notes)


def _words(words: dict[str, str], *, failed: bool) -> str:
    if failed:
        return "failed"
    parts = {m: word.replace(", but not after Holm correction", " before Holm only") for m, word in words.items()}
    return f"{words['overall']} (MaE: {parts['macro']}; ME: {parts['micro']})"


def protocols(rows: Sequence[Row], *, draws: int = DRAWS, seed: int = SEED) -> Table:
    """T10: the same training runs under both protocols, and what the author protocol adds."""
    check(rows)
    counts = {protocol: count(rows, protocol=protocol) for protocol in PROTOCOLS}
    lines = []
    for variant, own in systems(rows).items():
        head = {
            **stamp(rows, "clean and author"),
            "variant": variant,
            "system": label(own),
            "status": status(own),
        }
        of = {p: c[c.variant == variant] for p, c in counts.items()}
        values = {p: estimates(c, draws=draws, seed=seed) for p, c in of.items()}
        for measure in MEASURES:
            line = {**head, "kind": KIND_NAMES[measure]}
            for protocol in counts:
                line |= {f"{protocol}{end}": values[protocol][f"f1_{measure}{end}"] for end in ("", "_low", "_high")}
            d = _UNKNOWN
            if done(own):
                pair = of_subjects(of["author"], measure), of_subjects(of["clean"], measure)
                d = compare_f1(*pair, draws=draws, seed=seed)
            line |= {"difference": d.value, "difference_low": d.low, "difference_high": d.high, "p": d.p}
            line["verdict"] = _optimism(d) if done(own) else "failed"
            lines.append(line)
    columns = [
        Column.text("System", "system"), Column.text("Kind", "kind"), Column.interval("F1 clean", "clean"),
        Column.interval("F1 author", "author"), Column.difference("author - clean", "difference"),
        Column.p_value("p", "p"), Column.text("In words", "verdict"), Column.text("Folds", "status"),
    ]  # fmt: skip
    notes = [
        "clean: nothing is chosen on test subjects. author: per test subject the late epoch with the best F1 on that"
        " same subject, greedy matching, IoU without + 1, fixed duration bounds; for comparison with published tables"
        " only.",
        "Both read the same training runs: unlike the release, they leave the inner subjects out of training, and their"
        " labels are not clipped at segment borders.",
        "A system without epochs differs between the protocols by the matching alone.",
        *failure_notes(rows),
    ]
    text = caption(
        "Author protocol against clean protocol, same training runs",
        rows,
        protocol="clean and author",
        draws=draws,
    )
    return Table("protocols", text, pd.DataFrame(lines), columns, notes)


def _optimism(d: Difference) -> str:
    if not d.known:
        return "not comparable"
    if d.tie:
        return "tie"
    return "author higher" if d.value > 0 else "author lower"
