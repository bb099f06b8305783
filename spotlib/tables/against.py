"""Paired on the same subjects: variants against the main system, one protocol against the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spotlib.errors import SpotlibError
from spotlib.matching import PROTOCOLS, Protocol
from spotlib.reported import UNVERIFIED_MARK
from spotlib.rows import (
    KIND_NAMES,
    MEASURES,
    Row,
    check,
    count,
    done,
    is_synthetic,
    label,
    of_subjects,
    systems,
)
from spotlib.statistics import DRAWS, SEED, Difference, compare_f1, holm, verdict
from spotlib.tables.caption import caption
from spotlib.tables.measured import NAN, estimates, failure_notes, published, reported_column, stamp, status
from spotlib.tables.table import Column, Table
from spotlib.variants import VARIANTS

_UNKNOWN = Difference(NAN, NAN, NAN, NAN, 0)


def differences(
    rows: Sequence[Row],
    *,
    reference: str = "spotformer",
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
    counts: pd.DataFrame | None = None,
) -> dict[str, dict[str, Difference]]:
    """Per variant and measure ("macro", "micro", "overall"): its F1 minus the reference's, paired.

    ``counts``: what :func:`spotlib.rows.count` gives for ``rows``, if it is there already. Several seeds of a system
    are averaged before.
    """
    by_variant = systems(rows)
    if reference not in by_variant or not done(by_variant[reference]):
        raise SpotlibError(
            f"no finished fold of {reference!r} to compare with; train it first, or choose another reference"
        )
    counts = count(rows, protocol=protocol) if counts is None else counts
    of_reference = counts[counts.variant == reference]
    reference_tables = {measure: of_subjects(of_reference, measure) for measure in MEASURES}
    found: dict[str, dict[str, Difference]] = {}
    for variant, own in by_variant.items():
        if variant == reference:
            continue
        found[variant] = dict.fromkeys(MEASURES, _UNKNOWN)
        of_variant = counts[counts.variant == variant]
        if done(own) and set(of_variant.subject) & set(of_reference.subject):
            for measure in MEASURES:
                pair = of_subjects(of_variant, measure), reference_tables[measure]
                found[variant][measure] = compare_f1(*pair, draws=draws, seed=seed)
    return found


def judge(
    rows: Sequence[Row], counts: pd.DataFrame, *, reference: str, draws: int = DRAWS, seed: int = SEED
) -> dict[str, dict[str, Any]]:
    """Raw columns per variant: differences from ``reference``, p, corrected p, subjects, and the verdict in words."""
    by_variant = systems(rows)
    found = differences(rows, reference=reference, draws=draws, seed=seed, counts=counts)
    corrected = {m: dict(zip(found, holm([d[m].p for d in found.values()]), strict=True)) for m in MEASURES}
    judged: dict[str, dict[str, Any]] = {}
    for variant, own in by_variant.items():
        line: dict[str, Any] = {}
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
        compared = found[variant]["overall"].subjects if variant in found else None
        line["subjects"] = counts[counts.variant == variant].subject.nunique() if compared is None else compared
        line["verdict"] = "reference" if variant == reference else _words(words, failed=not done(own))
        judged[variant] = line
    return judged


def ablation(
    rows: Sequence[Row],
    *,
    reference: str = "spotformer",
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
    name: str = "ablation",
    in_order: bool = False,
    costs: bool = False,
) -> Table:
    """Each variant against ``reference`` on the same folds: F1s, differences, corrected p, and words.

    Holm's correction runs over the variants, within each measure. A difference whose interval contains 0 is a
    tie. ``in_order``: lines in the order of ``rows``, else the reference first. ``costs``: also parameters and GFLOP
    per window, as counted on the networks that made the rows.
    """
    check(rows)
    by_variant = systems(rows)
    counts = count(rows, protocol=protocol)
    judged = judge(rows, counts, reference=reference, draws=draws, seed=seed)
    known = {} if is_synthetic(rows) else published(str(rows[0]["dataset"]))
    order = list(by_variant) if in_order else [reference, *(v for v in by_variant if v != reference)]
    lines = []
    for variant in order:
        own = by_variant[variant]
        method = VARIANTS[variant].label if variant in VARIANTS else ""
        lines.append(
            {
                **stamp(rows, protocol), "variant": variant, "system": label(own), "status": status(own),
                "seeds": len({row["seed"] for row in own}), **_costs(own),
                **estimates(counts[counts.variant == variant], draws=draws, seed=seed),
                **judged[variant], **known.get(method, {}),
            }
        )  # fmt: skip
    columns = [Column.text("Variant", "system")]
    for measure in MEASURES:
        columns.append(Column.share(f"F1 {KIND_NAMES[measure]}", f"f1_{measure}"))
        columns.append(Column.difference(f"Δ {KIND_NAMES[measure]}", f"difference_{measure}"))
    columns += [
        Column.p_value("p overall (Holm)", "p_holm_overall"), Column.words("Overall, in words", "verdict"),
        Column.text("Folds", "status"), Column.number("Seeds", "seeds"),
    ]  # fmt: skip
    if costs:
        columns += [Column.number("Parameters", "parameters"), Column.number("GFLOP", "gflop_per_window", 3)]
    main = label(by_variant[reference])
    n_reference = counts[counts.variant == reference].subject.nunique()
    part = [
        f"{label(by_variant[v])}: {line['subjects']} subjects"
        for v, line in judged.items()
        if 0 < line["subjects"] < n_reference
    ]
    others = len(judged) - 1
    notes = [f"Compared on the subjects that both have ({'; '.join(part)})."] if part else []
    notes += [
        f"Δ: F1 of the variant minus F1 of {main}, paired over subjects; a tie: the 95 % interval of Δ contains 0.",
        f"p: paired permutation test, Holm correction over {others}"
        f" variant{'s' if others != 1 else ''} within each measure.",
        *failure_notes(rows),
    ]
    frame = pd.DataFrame(lines)
    if frame.seeds.nunique() > 1:
        notes.insert(2, "Counts of a system with several seeds are means over them.")
    if "reported_source" in frame:
        columns += [reported_column(measure) for measure in MEASURES]
        notes.append(
            "Reported: as published for the whole system, on other folds, evaluators and conventions; empty where no"
            f" source is known. {UNVERIFIED_MARK}: not checked against the publication; not to be compared with."
        )
    text = caption(f"Variants against {main}", rows, protocol=protocol, draws=draws)
    return Table(f"{name}-{protocol}", text, frame, columns, notes)


def _costs(rows: Sequence[Row]) -> dict[str, float]:
    finished = done(rows)
    first = finished[0] if finished else {}
    return {name: first.get(name, NAN) for name in ("parameters", "gflop_per_window")}


def _words(words: dict[str, str], *, failed: bool) -> str:
    if failed:
        return "failed"
    parts = {m: word.replace(", but not after Holm correction", " before Holm only") for m, word in words.items()}
    return f"{words['overall']} (MaE: {parts['macro']}; ME: {parts['micro']})"


def protocols(rows: Sequence[Row], *, draws: int = DRAWS, seed: int = SEED) -> Table:
    """T10: the same training runs under both protocols, and what the author protocol adds, as a number.

    Rows whose videos also hold ``author_last``, the author's rule at the last epoch, which nobody chose, say in
    addition how much of that is due to choosing the epoch on the test subject.
    """
    check(rows)
    counts = {protocol: count(rows, protocol=protocol) for protocol in PROTOCOLS}
    unchosen = count([row for row in rows if _has_last(row)], protocol="author", events=LAST)
    lines, sentences = [], []
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
            d, choice = _UNKNOWN, _UNKNOWN
            if done(own):
                author = of_subjects(of["author"], measure)
                d = compare_f1(author, of_subjects(of["clean"], measure), draws=draws, seed=seed)
                if all(_has_last(row) for row in done(own)):
                    last = of_subjects(unchosen[unchosen.variant == variant], measure)
                    choice = compare_f1(author, last, draws=draws, seed=seed)
            line |= {"difference": d.value, "difference_low": d.low, "difference_high": d.high, "p": d.p}
            line |= {"choice": choice.value, "choice_low": choice.low, "choice_high": choice.high}
            line["verdict"] = _optimism(d) if done(own) else "failed"
            lines.append(line)
        if d.known:  # the last measure: overall
            sentences.append(_price(label(own), d, choice))
    columns = [
        Column.text("System", "system"), Column.text("Kind", "kind"), Column.interval("F1 clean", "clean"),
        Column.interval("F1 author", "author"), Column.difference("author - clean", "difference"),
        Column.p_value("p", "p"), Column.text("In words", "verdict"), Column.text("Folds", "status"),
    ]  # fmt: skip
    if len(unchosen):
        columns.insert(5, Column.difference("of it by choosing the epoch", "choice"))
    notes = [
        "clean: nothing is chosen on test subjects. author: per test subject the late epoch with the best F1 on that"
        " same subject, greedy matching, IoU without + 1, fixed duration bounds; for comparison with published tables"
        " only.",
        "Both read the same training runs: unlike the release, they leave the inner subjects out of training, and their"
        " labels are not clipped at segment borders.",
        "A system without epochs differs between the protocols by the matching alone.",
        *sentences,
        *failure_notes(rows),
    ]
    text = caption(
        "Author protocol against clean protocol, same training runs",
        rows,
        protocol="clean and author",
        draws=draws,
    )
    return Table("protocols", text, pd.DataFrame(lines), columns, notes)


#: events by the author's rule at the last epoch, in rows that hold them
LAST = "author_last"


def _has_last(row: Row) -> bool:
    return row["status"] == "done" and all(LAST in video for video in row["videos"])


def _price(name: str, d: Difference, choice: Difference) -> str:
    """The optimism of the author protocol for one system, as a sentence."""
    tie = ", a tie" if d.tie else ""
    part = f"; {choice} by choosing the epoch on the test subject alone" if choice.known else ""
    return f"{name}: the author protocol adds {d} to the overall F1{tie}{part}."


def _optimism(d: Difference) -> str:
    if not d.known:
        return "not comparable"
    if d.tie:
        return "tie"
    return "author higher" if d.value > 0 else "author lower"
