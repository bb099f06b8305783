"""Studies: which rows a set of tables needs, in one file; what of them is there, and how long the rest takes.

A study is a file ``params/studies/NAME.yaml``: a data set, a profile (``params/profiles``), tables or variants, seeds,
folds, a grid of further changes, a budget. A cell is one fold of one variant, seed and change: one row.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spotlib.claims import is_claimed
from spotlib.errors import SpotlibError
from spotlib.limits import read_json
from spotlib.params import make_params, read_yaml
from spotlib.provenance import CHECKOUT
from spotlib.store import RowStore, canonical
from spotlib.tables.registry import SEEDS, chosen, needs_of
from spotlib.variants import MAIN, distinct, get_variant

if TYPE_CHECKING:
    from spotlib.params import Params

State = Literal["done", "running", "failed", "stale", "missing"]


class Cell(NamedTuple):
    """One row to be: a fold of a variant and seed; ``overrides`` are changed parameters, sorted by name."""

    variant: str
    seed: int
    fold: int
    overrides: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study file says; see ``params/studies`` for examples with reasons."""

    name: str
    dataset: str
    title: str = ""
    profile: str = ""  # of params/profiles; empty: the data set's own parameter file alone
    tables: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()  # beside those of the tables
    seeds: tuple[int, ...] = SEEDS  # of the main rows; tables of variants take the first
    folds: tuple[int, ...] | None = None  # None: all
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)  # of every cell
    grid: tuple[dict[str, Any], ...] = ({},)  # changes, one after the other, each for every variant
    budget_hours: float | None = None  # of computing folds, one at a time

    def params(self) -> Params:
        """The parameters of every cell without variant, seed and grid: data set file, then profile, then overrides."""
        values = read_yaml(_folder() / f"{self.dataset}.yaml")
        if self.profile:
            values |= read_profile(self.profile)
        return make_params({**values, **self.overrides}, where=f"study {self.name}")


def _folder() -> Path:
    return CHECKOUT / "params"


def _known(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _named(kind: str, name: str, folder: Path) -> Path:
    path = folder / f"{name}.yaml"
    if path.is_file():
        return path
    near = difflib.get_close_matches(name, _known(folder), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_known(folder)) or 'none'}"
    raise SpotlibError(f"unknown {kind} {name!r}; {hint}")


def read_profile(name: str) -> dict[str, Any]:
    """The values of ``params/profiles/NAME.yaml``; SpotlibError for an unknown one."""
    return read_yaml(_named("profile", name, _folder() / "profiles"))


def known_studies() -> list[str]:
    """Names of the studies in ``params/studies``."""
    return _known(_folder() / "studies")


def load_study(name: str | Path) -> Study:
    """A study by its name in ``params/studies``, or from a file.

    Raises SpotlibError, in one line, for an unknown name, key, table, variant, data set or parameter.
    """
    path = Path(name)
    if path.suffix != ".yaml":
        path = _named("study", str(name), _folder() / "studies")
    values = read_yaml(path)
    fields = {field.name for field in dataclasses.fields(Study)} - {"name"}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(fields))}"
            raise SpotlibError(f"{path.name}: unknown key {key!r}; {hint}")
    if "dataset" not in values:
        raise SpotlibError(f"{path.name}: no dataset; say which data set the study is about")
    _named("data set", str(values["dataset"]), _folder())
    made = Study(
        name=path.stem,
        **{
            **values,
            "tables": chosen(_listed(path, values, "tables")) if values.get("tables") else (),
            "variants": tuple(get_variant(v).name for v in _listed(path, values, "variants")),
            "seeds": _whole(path, values, "seeds") or SEEDS,
            "folds": _whole(path, values, "folds"),
            "grid": _grid(path, values.get("grid")),
        },
    )
    if not made.tables and not made.variants:
        raise SpotlibError(f"{path.name}: neither tables nor variants; name what is to be computed")
    params = made.params()
    for change in made.grid:
        make_params({**params.model_dump(), **change}, where=f"{path.name}, grid")
    return made


def _listed(path: Path, values: Mapping[str, Any], name: str) -> list[str]:
    value = values.get(name, [])
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if not isinstance(value, list):
        raise SpotlibError(f"{path.name}: {name} is {value!r}, expected a list of names")
    return [str(item) for item in value]


def _whole(path: Path, values: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    value = values.get(name)
    if value is None or value == "all":
        return None
    if not isinstance(value, list) or not value or any(type(item) is not int or item < 0 for item in value):
        raise SpotlibError(f"{path.name}: {name} is {value!r}, expected a list of whole numbers")
    if len(set(value)) < len(value):
        raise SpotlibError(f"{path.name}: {name} names {value} with a repetition; give each once")
    return tuple(value)


def _grid(path: Path, value: Any) -> tuple[dict[str, Any], ...]:
    """Changes from a mapping of lists (every combination) or from a list of mappings (each as it is)."""
    if value is None:
        return ({},)
    if isinstance(value, dict) and all(isinstance(own, list) and own for own in value.values()):
        return tuple(dict(zip(value, combination, strict=True)) for combination in itertools.product(*value.values()))
    if isinstance(value, list) and value and all(isinstance(change, dict) for change in value):
        return tuple(value)
    raise SpotlibError(f"{path.name}: grid must map parameters to lists of values, or list such changes one by one")


def plan(study: Study, n_folds: int | None = None) -> list[Cell]:
    """Every cell of a study, each once; the main system's first, since every comparison needs them.

    ``n_folds``: how many folds the data set has under the study's parameters; None: it is opened to count them.
    """
    params = study.params()
    if study.folds is not None:
        folds: Sequence[int] = study.folds
    else:
        folds = range(count_folds(params) if n_folds is None else n_folds)
    wanted = [(need.variant, need.seeds, dict(need.overrides)) for need in _needs(study, params)]
    cells: dict[str, Cell] = {}
    values = params.model_dump()
    for change in study.grid:
        for variant, seeds, overrides in wanted:
            both = {**change, **overrides}
            changed = tuple(sorted((name, value) for name, value in both.items() if values.get(name) != value))
            for seed, fold in itertools.product(seeds, folds):
                cell = Cell(variant, seed, fold, changed)
                cells.setdefault(canonical(cell), cell)
    return sorted(cells.values(), key=lambda cell: get_variant(cell.variant).name != MAIN)  # stable


def _needs(study: Study, params: Params) -> list[Any]:
    from spotlib.tables.registry import Need

    own = [Need(name, study.seeds) for name in distinct(study.variants, params.model_dump())]
    there = needs_of(study.tables, params, seeds=study.seeds)
    return there + [need for need in own if need.variant not in {other.variant for other in there}]


def count_folds(params: Params) -> int:
    """Folds of a data set under ``params``: as many as they say, or one per subject."""
    if params.folds:
        return params.folds
    from spotlib.runner import Run

    return len(Run(params).folds)


# -- what is there --


@dataclass(frozen=True)
class Status:
    """What of a study is there; ``seconds`` of finished rows stand beside their cells (NaN where unknown)."""

    study: Study
    cells: tuple[tuple[Cell, State, float], ...]
    errors: tuple[str, ...]  # of failed folds, one line each

    def count(self, state: State | None = None, variant: str | None = None) -> int:
        """Cells, all or of one state, of one variant or of all."""
        return sum(state in (None, s) and variant in (None, cell.variant) for cell, s, _ in self.cells)

    @property
    def variants(self) -> list[str]:
        """In the order of the plan."""
        return list(dict.fromkeys(cell.variant for cell, _, _ in self.cells))

    @property
    def seconds_spent(self) -> float:
        """Of all rows that are there, whatever code computed them."""
        return sum(seconds for _, _, seconds in self.cells if seconds == seconds)

    def seconds_left(self, *, any_code: bool = False) -> float | None:
        """Estimate for all cells that are not done, one at a time; None if no row tells how long one takes.

        A cell takes as long as the finished ones of its variant did on average, else as the average of all.
        ``any_code``: rows computed by other code count as done.
        """
        known = [(cell.variant, seconds) for cell, _, seconds in self.cells if seconds == seconds]
        if not known:
            return None
        of_variant: dict[str, list[float]] = {}
        for variant, seconds in known:
            of_variant.setdefault(variant, []).append(seconds)
        means = {variant: sum(values) / len(values) for variant, values in of_variant.items()}
        overall = sum(seconds for _, seconds in known) / len(known)
        there = ("done", "stale") if any_code else ("done",)
        return sum(means.get(cell.variant, overall) for cell, state, _ in self.cells if state not in there)


def status(
    study: Study,
    store: RowStore | None = None,
    *,
    results: Path | str | None = None,
    root: Path | str | None = None,
    cells: Iterable[Cell] | None = None,
    key_of: Callable[[Cell], Mapping[str, Any]] | None = None,
) -> Status:
    """Look up every cell of ``study``: done, failed, missing, stale (computed by other code, libraries or data), or
    running (some process is at it, here or elsewhere).

    store, key_of: where rows stand and which key a cell's row has; by default those of a Run of the study in
    ``results`` on the data set under ``root`` (None: its twin).
    """
    if store is None or key_of is None:
        runs = StudyRuns(study, results=results, root=root)
        store, key_of = store or runs.store, key_of or runs.key
    found: list[tuple[Cell, State, float]] = []
    errors: list[str] = []
    for cell in plan(study) if cells is None else cells:
        key = key_of(cell)
        row, current = find_row(store, cell.variant, key)
        state: State = "missing"
        if row is not None:
            state = "failed" if row.get("status") != "done" else "done" if current else "stale"
        if state != "done" and is_claimed(store.path(cell.variant, key)):
            state = "running"
        if state == "failed" and row is not None:
            errors.append(f"{cell.variant}, fold {cell.fold}, seed {cell.seed}: {row.get('error', 'unknown')}")
        seconds = float(row["train_seconds"]) if row is not None and "train_seconds" in row else float("nan")
        found.append((cell, state, seconds))
    return Status(study, tuple(found), tuple(errors))


def find_row(store: RowStore, variant: str, key: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """The row with this key, and True; else the newest of other code under the same parameters, or None, and False."""
    key = json.loads(canonical(key))
    path = store.path(variant, key)
    row = _peek(path)
    if row is not None:
        return row, True
    others = path.parent.glob(f"fold{key['fold']}-seed{key['seed']}-*.json")
    for other in sorted(others, key=lambda p: p.stat().st_mtime, reverse=True):
        row = _peek(other)
        if row is not None and row.get("key", {}).get("params") == key["params"]:
            return row, False
    return None, False


def _peek(path: Path) -> dict[str, Any] | None:
    """A row without a check of its arrays, which would take minutes for thousands; None if it cannot be read."""
    try:
        row = read_json(path)
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) else None


class StudyRuns:
    """A Run per seed and change of a study, sharing what is costly."""

    def __init__(
        self, study: Study, *, results: Path | str | None = None, root: Path | str | None = None, **steering: Any
    ) -> None:
        from spotlib.runner import Run

        self._make = lambda params: Run(params, results=results, root=root, profile=study.profile, **steering)
        self._params = study.params()
        self._runs: dict[str, Any] = {}
        self._datasets: dict[str, Any] = {}
        self.store = self._make(self._params).store

    def run(self, cell: Cell) -> Any:
        """The Run that computes ``cell``."""
        from spotlib.params import DataParams

        at = canonical([cell.seed, cell.overrides])
        if at not in self._runs:
            params = self._params.replace(seed=cell.seed, **dict(cell.overrides))
            made = self._make(params)
            data = canonical(params.section(DataParams))
            if data in self._datasets:  # another seed or another budget on the same videos
                made.dataset = self._datasets[data]
            self._datasets[data] = made.dataset
            self._runs[at] = made
        return self._runs[at]

    def key(self, cell: Cell) -> Mapping[str, Any]:
        """The key of the row of ``cell``."""
        return self.run(cell).key(cell.variant, cell.fold)


def study_rows(
    study: Study, *, results: Path | str | None = None, root: Path | str | None = None, any_code: bool = False
) -> list[dict[str, Any]]:
    """The rows of a study that are there, tagged with overrides and profile, as tables and packed files want them.

    ``any_code``: also those that other code or libraries computed under the same parameters (another machine did).
    """
    from spotlib.tables.registry import tag

    runs = StudyRuns(study, results=results, root=root)
    rows: list[dict[str, Any]] = []
    for cell in plan(study):
        row, current = find_row(runs.store, cell.variant, runs.key(cell))
        if row is not None and (current or any_code):
            rows += tag([row], overrides=dict(cell.overrides), profile=study.profile)
    return rows
