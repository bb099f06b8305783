"""The tables T1 to T13 (METHOD section 8): what each is about, which rows it needs, and how it is made of them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from spotlib.errors import SpotlibError
from spotlib.matching import Protocol
from spotlib.rows import Row, check, done, is_synthetic
from spotlib.statistics import DRAWS, SEED
from spotlib.store import canonical
from spotlib.tables.against import ablation, protocols
from spotlib.tables.caption import CONVENTION_NAMES, origin, synthetic_prefix
from spotlib.tables.conventions import CONVENTIONS, conventions, difficulty
from spotlib.tables.costs import costs
from spotlib.tables.measured import comparison, detail
from spotlib.tables.published import published_table
from spotlib.tables.seeds import seeds as seed_table
from spotlib.tables.table import Table
from spotlib.variants import MAIN, distinct, get_variant, of_table

if TYPE_CHECKING:
    from spotlib.params import Params

#: training seeds of the main rows; the first is the release's
SEEDS = (270, 271, 272)
#: systems without random numbers: one seed says everything
_SEEDLESS = ("peaks",)


class Need(NamedTuple):
    """Rows that a table is made of: a variant, the seeds, and what is changed for it beside the variant."""

    variant: str
    seeds: tuple[int, ...]
    overrides: tuple[tuple[str, Any], ...] = ()


class _How(NamedTuple):
    protocol: Protocol
    draws: int
    seed: int


@dataclass(frozen=True)
class Spec:
    """One table: its title, the variants of its lines in order, and how it is made.

    ``labels`` rename lines within this table; braces in them are filled with the parameters of the rows.
    """

    title: str
    variants: tuple[str, ...]
    make: Callable[[Sequence[Row], _How], Table]
    many_seeds: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()  # only these; empty: all but those of ``not_on``
    not_on: tuple[str, ...] = ()
    both_protocols: bool = False  # comparable with published tables, so the author protocol gets one as well
    overrides: Callable[[set[str]], bool] = lambda changed: not changed  # rows with which changes belong here
    extra: bool = False  # not one of METHOD's tables, and not meant by "all"


def _comparison(rows: Sequence[Row], how: _How) -> Table:
    return comparison(rows, protocol=how.protocol, reference=MAIN, draws=how.draws, seed=how.seed)


def _detail(rows: Sequence[Row], how: _How) -> Table:
    return detail(rows, protocol=how.protocol, draws=how.draws, seed=how.seed)


def _ablation(rows: Sequence[Row], how: _How, reference: str = MAIN) -> Table:
    return ablation(
        rows, reference=reference, protocol=how.protocol, draws=how.draws, seed=how.seed, in_order=True, costs=True
    )


def _plain_ablation(rows: Sequence[Row], how: _How) -> Table:
    return _ablation(rows, how, PLAIN)


#: SpotFormer without its contrastive term: what T1b and T5b compare with, where that term hides everything else
PLAIN = "no_contrastive"
_SYSTEMS = ("peaks", "auwgcn", "spotgcn", "spotformer_gim", MAIN)

TABLES: dict[str, Spec] = {
    "T1": Spec("comparison of systems", _SYSTEMS, _comparison, True, not_on=("cas_me3",), both_protocols=True),
    "T2": Spec("comparison of systems", _SYSTEMS, _comparison, True, datasets=("cas_me3",), both_protocols=True),
    "T3": Spec("detail", _SYSTEMS, _detail, True, both_protocols=True),
    "T4": Spec("window length K", (*of_table("T4")[:4], MAIN, *of_table("T4")[4:]), _ablation,
               labels={MAIN: "K = {window} (SpotFormer)"}),
    "T5": Spec("motion feature", (*of_table("T5")[:2], MAIN, *of_table("T5")[2:]), _ablation,
               labels={MAIN: "SW-MRO (SpotFormer)"}),
    "T6": Spec("architecture", (MAIN, *of_table("T6")), _ablation,
               labels={MAIN: "SpotFormer (D = {dim})", "spotgcn": "GCN + TCN (SpoT-GCN)"}),
    "T7": Spec("contrastive loss", (MAIN, *of_table("T7"), "temperature_0.07+normalised"), _ablation,
               labels={MAIN: "weight {contrastive_weight}, temperature {temperature} (SpotFormer)"}),
    "T8": Spec("facial graph", (MAIN, *of_table("T8")), _ablation, labels={MAIN: "{nodes} nodes (SpotFormer)"}),
    "T9": Spec("cost", _SYSTEMS, lambda rows, how: costs(rows)),
    "T10": Spec("protocols", _SYSTEMS,
                lambda rows, how: protocols(rows, draws=how.draws, seed=how.seed), True),
    "T11": Spec("ground-truth conventions", ("peaks", MAIN),
                lambda rows, how: conventions(rows, protocol=how.protocol, draws=how.draws, seed=how.seed),
                overrides=lambda changed: changed <= CONVENTION_NAMES),
    "T12": Spec("seeds and subjects", _SYSTEMS[1:],
                lambda rows, how: seed_table(rows, protocol=how.protocol, draws=how.draws, seed=how.seed), True),
    "T13": Spec("training with neutral segments", (MAIN, *of_table("T13")), _ablation,
                labels={MAIN: "segments with an expression only (SpotFormer)"}),
    "T1b": Spec("comparison of systems, SpotFormer without its contrastive loss",
                ("peaks", "auwgcn", "spotgcn", PLAIN, f"{PLAIN}+neutral"), _plain_ablation, extra=True,
                labels={PLAIN: "SpotFormer, no contrastive loss",
                        f"{PLAIN}+neutral": "the same, also neutral segments"}),
    "T5b": Spec("motion feature, without the contrastive loss",
                tuple(PLAIN if own == MAIN else f"{PLAIN}+{own}"
                      for own in (*of_table("T5")[:2], MAIN, *of_table("T5")[2:])),
                _plain_ablation, extra=True, labels={PLAIN: "SW-MRO"}),
    "difficulty": Spec("difficulty of the twin", ("peaks", "spotgcn", MAIN, "robust_head"),
                       lambda rows, how: difficulty(rows, protocol=how.protocol, draws=how.draws, seed=how.seed),
                       overrides=lambda changed: not changed & CONVENTION_NAMES, extra=True),
}  # fmt: skip


def chosen(text: str | Iterable[str]) -> tuple[str, ...]:
    """Table names from "all" (T1 to T13), "T4,T6" or a list; in their own order. SpotlibError for an unknown one.

    >>> chosen("T6, t4")
    ('T4', 'T6')
    """
    parts = [part.strip() for part in (text.split(",") if isinstance(text, str) else text) if part.strip()]
    known = {name.casefold(): name for name in TABLES}
    for part in parts:
        if part.casefold() not in ("all", *known):
            near = difflib.get_close_matches(part.casefold(), known, n=1, cutoff=0.6)
            hint = f"did you mean {known[near[0]]}?" if near else f"known: all, {', '.join(TABLES)}"
            raise SpotlibError(f"--tables: unknown table {part!r}; {hint}")
    if not parts:
        raise SpotlibError(f"--tables: no table named; give all or some of {', '.join(TABLES)}")
    named = {known.get(part.casefold(), "all") for part in parts}
    return tuple(name for name, spec in TABLES.items() if name in named or ("all" in named and not spec.extra))


def applies(name: str, dataset: str) -> bool:
    """Whether a table is made for a data set: T2 is T1 on CAS(ME)^3."""
    spec = TABLES[name]
    return dataset in spec.datasets if spec.datasets else dataset not in spec.not_on


def needs(name: str, params: Params | None = None, *, seeds: Sequence[int] = SEEDS) -> list[Need]:
    """What has to be computed for a table under ``params`` (default: the paper's values on the demo).

    ``seeds``: of the main rows; the other tables take the first only. A variant that changes nothing under ``params``
    is left out: the main row stands for it. Empty if the table does not apply to the data set.
    """
    from spotlib.params import make_params

    params = params or make_params({})
    if not applies(name, params.dataset):
        return []
    spec = TABLES[name]
    values = params.model_dump()
    names = distinct((MAIN, *spec.variants) if MAIN in spec.variants else spec.variants, values)
    names.sort(key=[get_variant(v).name for v in (*spec.variants, MAIN)].index)
    found = []
    for variant in names:
        own = tuple(seeds) if spec.many_seeds and variant not in _SEEDLESS else tuple(seeds)[:1]
        for overrides in CONVENTIONS.get(params.dataset, ({},)) if name == "T11" else ({},):
            changed = tuple(sorted((k, v) for k, v in overrides.items() if values.get(k) != v))
            found.append(Need(variant, own, changed))
    return found


def needs_of(names: Iterable[str], params: Params | None = None, *, seeds: Sequence[int] = SEEDS) -> list[Need]:
    """:func:`needs` of several tables, each variant and change once, with all seeds that any of them wants."""
    merged: dict[tuple[str, tuple[tuple[str, Any], ...]], tuple[int, ...]] = {}
    for name in names:
        for need in needs(name, params, seeds=seeds):
            at = need.variant, need.overrides
            merged[at] = tuple(dict.fromkeys((*merged.get(at, ()), *need.seeds)))
    return [Need(variant, own, overrides) for (variant, overrides), own in merged.items()]


def tag(rows: Iterable[Row], *, overrides: Mapping[str, Any] | None = None, profile: str = "") -> list[dict[str, Any]]:
    """Rows that say what was changed for them beside the variant, and under which profile they were made."""
    return [{**row, "overrides": dict(overrides or {}), "profile": profile} for row in rows]


def build(
    name: str,
    rows: Sequence[Row],
    *,
    protocol: Protocol = "clean",
    draws: int = DRAWS,
    seed: int = SEED,
    stored: bool = False,
) -> Table:
    """Table ``name`` from fold rows of one data set and one profile.

    rows: of any variants; those of other tables are passed over. Rows under changed conventions or on another twin
    (``row["overrides"]``, see :func:`tag`) are read by T11 and "difficulty" only. ``stored``: the caption says at which
    commit the rows were computed. Raises SpotlibError if nothing of this table was computed, if rows of several
    profiles are mixed, or if a fold is there twice.
    """
    spec = TABLES[name]
    check(rows)
    profiles = sorted({str(row.get("profile", "")) for row in rows})
    if len(profiles) > 1:
        raise SpotlibError(f"{name}: rows of several profiles are mixed ({', '.join(profiles)}); build one at a time")
    order = {get_variant(variant).name: i for i, variant in enumerate(spec.variants)}
    own = [row for row in rows if row["variant"] in order and spec.overrides(set(row.get("overrides", ())))]
    if not done(own):
        what = "every fold failed" if own else "nothing of it was computed"
        raise SpotlibError(f"{name} ({spec.title}): {what}; `spotlib run {rows[0]['dataset']} --tables {name}` does it")
    _check_once(name, own)
    own.sort(key=lambda row: order[row["variant"]])  # stable: folds and seeds stay in their order
    values = _values(own)
    labels = {variant: text.format(**values) for variant, text in spec.labels.items()}
    shown = [{**row, "system": labels.get(row["variant"], row.get("system"))} for row in own]
    table = spec.make(shown, _How(protocol, draws, seed))
    lacking = [variant for variant in distinct(spec.variants, values) if variant not in {r["variant"] for r in own}]
    missing = [v for v in lacking if not any(get_variant(v).same_as(get_variant(r), values) for r in _present(own))]
    text = _titled(f"{name}, {spec.title}", table.caption, rows)
    if missing:
        text += f" NOT COMPUTED: {', '.join(get_variant(v).label for v in missing)}."
    if stored:
        text += f" {origin(own)}"
    name = name if protocol == "clean" else f"{name}-{protocol}"
    return dataclasses.replace(table, name=name, caption=text)


def _check_once(name: str, rows: Sequence[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        at = canonical([row["variant"], row["seed"], row["fold"], row.get("overrides", {})])
        if at in seen:
            raise SpotlibError(
                f"{name}: fold {row['fold']} of {row['variant']} (seed {row['seed']}) is there twice, under different"
                " parameters or code; give the rows of one run"
            )
        seen.add(at)


def _present(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["variant"] for row in rows))


def _values(rows: Sequence[Row]) -> dict[str, Any]:
    """Parameters without any variant, as far as rows tell: those of the main system's rows, else the defaults."""
    from spotlib.params import make_params

    values = make_params({}).model_dump()
    for row in rows:
        if row["variant"] == MAIN:
            return {**values, **row.get("key", {}).get("params", {})}
    return values


def _titled(title: str, text: str, rows: Sequence[Row]) -> str:
    prefix = synthetic_prefix(rows)
    return f"{prefix}{title}. {text.removeprefix(prefix)}"


def build_all(
    rows: Sequence[Row],
    names: str | Iterable[str] = "all",
    *,
    draws: int = DRAWS,
    seed: int = SEED,
    stored: bool = False,
) -> tuple[list[Table], dict[str, str]]:
    """Every table of ``names`` that applies to the rows' data set, and per table that could not be made the reason.

    Tables that stand beside published ones come under both protocols. On a twin the published values are a table of
    their own, "published", never columns beside measured ones.
    """
    check(rows)
    made, problems = [], {}
    for name in chosen(names):
        if not applies(name, str(rows[0]["dataset"])):
            continue
        under: tuple[Protocol, ...] = ("clean", "author") if TABLES[name].both_protocols else ("clean",)
        try:
            made += [build(name, rows, protocol=p, draws=draws, seed=seed, stored=stored) for p in under]
        except SpotlibError as error:
            problems[name] = str(error)
            continue
        if name == "T1" and is_synthetic(rows):
            made += published_table(str(rows[0]["dataset"]))
    return made, problems
