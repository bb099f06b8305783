"""What a report says first: sentences made from the rows, with intervals, and ties called ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spotlib.report.show import Shown
from spotlib.rows import (
    MEASURES,
    Row,
    check,
    count,
    coverage,
    dataset_name,
    done,
    failed,
    label,
    of_subjects,
    systems,
)
from spotlib.statistics import (
    DRAWS,
    SEED,
    Difference,
    Estimate,
    bootstrap_f1,
    compare_f1,
    describe_difference,
    holm,
    verdict,
)
from spotlib.tables import escape, synthetic_prefix
from spotlib.tables.against import differences
from spotlib.tables.caption import caption

_LONG = {"overall": "overall F1", "macro": "F1 of macro-expressions", "micro": "F1 of micro-expressions"}


def summary(
    rows: Sequence[Row],
    *,
    reference: str = "spotformer",
    baseline: str = "peaks",
    draws: int = DRAWS,
    seed: int = SEED,
) -> Shown:
    """The headline: F1s of ``reference``, does it beat ``baseline``, what variants change, what failed.

    ``reference`` falls back to the first system with a finished fold. Raises SpotlibError without rows.
    """
    check(rows)
    by_variant = systems(rows)
    finished = [variant for variant, own in by_variant.items() if done(own)]
    warnings = [
        f"{label([row])}, fold {row['fold']}, seed {row['seed']} failed: {row['error']}" for row in failed(rows)
    ]
    missing = coverage(rows).missing
    if missing:
        warnings.append(f"Not computed yet: {', '.join(missing[:8])}{' and more' if len(missing) > 8 else ''}.")
    if not finished:
        return _shown(synthetic_prefix(rows), "No fold is finished, so there is no result.", {}, [], warnings)
    main = reference if reference in finished else finished[0]
    counts = count(rows)
    own = counts[counts.variant == main]
    estimates = {m: bootstrap_f1(of_subjects(own, m), draws=draws, seed=seed) for m in MEASURES}
    name = label(by_variant[main])
    head = f"On {_article(rows)}, {name} spots expressions with an overall F1 of {estimates['overall']}."
    if baseline in finished and baseline != main:
        base = bootstrap_f1(of_subjects(counts[counts.variant == baseline]), draws=draws, seed=seed)
        head = f"{head[:-1]}; {label(by_variant[baseline])} reaches {base}."
    found = differences(rows, reference=main, draws=draws, seed=seed)
    sentences = []
    if baseline in found:
        sentences += _against(name, label(by_variant[baseline]), found[baseline])
    others = {v: d["overall"] for v, d in found.items() if v != baseline}
    sentences += _variants({label(by_variant[v]): d for v, d in others.items()}, name)
    if any(video["author_epoch"] is not None for row in done(by_variant[main]) for video in row["videos"]):
        sentences.append(_optimism(by_variant[main], draws=draws, seed=seed))
    sentences.append(caption("Where the numbers come from", rows, draws=draws).removeprefix(synthetic_prefix(rows)))
    return _shown(synthetic_prefix(rows), head, estimates, sentences, warnings)


def show_summary(rows: Sequence[Row], *, reference: str = "spotformer", draws: int = DRAWS) -> Shown:
    """:func:`summary` under the name that goes with ``show_table`` and ``show_figure``."""
    return summary(rows, reference=reference, draws=draws)


def _article(rows: Sequence[Row]) -> str:
    name = dataset_name(rows[0])
    return f"the {name}" if rows[0]["synthetic"] else name


def _against(name: str, other: str, found: Mapping[str, Difference]) -> list[str]:
    # found is other minus main; the sentence is about main minus other
    sentences = []
    for measure in ("overall", "macro", "micro"):
        d = found[measure]
        turned = Difference(-d.value, -d.high, -d.low, d.p, d.subjects)
        sentences.append(describe_difference(turned, name, other, what=_LONG[measure]))
    return sentences


def _variants(found: Mapping[str, Difference], name: str) -> list[str]:
    if not found:
        return []
    corrected = holm([d.p for d in found.values()])
    groups: dict[str, list[str]] = {}
    for (variant, d), p in zip(found.items(), corrected, strict=True):
        groups.setdefault(verdict(d, p), []).append(f"{variant} ({d})")
    parts = [f"{word}: {', '.join(names)}" for word, names in groups.items()]
    return [
        f"Variants against {name} in overall F1, paired over subjects, Holm-corrected."
        f" {'. '.join(p[0].upper() + p[1:] for p in parts)}."
    ]


def _optimism(rows: Sequence[Row], *, draws: int, seed: int) -> str:
    author, clean = (of_subjects(count(rows, protocol=protocol)) for protocol in ("author", "clean"))  # type: ignore[arg-type]
    d = compare_f1(author, clean, draws=draws, seed=seed)
    shown = bootstrap_f1(author, draws=draws, seed=seed)
    said = "a tie" if d.tie else "the price of choosing on test subjects"
    return f"The same training runs under the author protocol: overall F1 {shown}, {d} against clean, {said}."


def _shown(
    prefix: str,
    head: str,
    estimates: Mapping[str, Estimate],
    sentences: Sequence[str],
    warnings: Sequence[str],
) -> Shown:
    text = "\n".join(filter(None, [prefix.strip(), head, *sentences, *warnings]))
    tiles = "".join(
        f'<div class="spot-tile"><span class="spot-kind">{escape.html(_TILES[m])}</span>'
        f'<span class="spot-value">{escape.html(str(e).split(" ", 1)[0])}</span>'
        f'<span class="spot-interval">{escape.html(str(e).partition(" ")[2])}</span></div>'
        for m, e in estimates.items()
    )
    html = (
        '<div class="spot-summary">'
        + (f'<p class="spot-synthetic">{escape.html(prefix)}</p>' if prefix else "")
        + f'<p class="spot-headline">{escape.html(head)}</p>'
        + (f'<div class="spot-tiles">{tiles}</div>' if tiles else "")
        + "".join(f'<p class="spot-warning">{escape.html(w)}</p>' for w in warnings)
        + (f"<ul>{''.join(f'<li>{escape.html(s)}</li>' for s in sentences)}</ul>" if sentences else "")
        + "</div>"
    )
    return Shown(text, html)


_TILES = {"macro": "F1 macro (MaE)", "micro": "F1 micro (ME)", "overall": "F1 overall"}
