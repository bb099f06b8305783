"""Studies: files that say what to compute, plans of it, and what of it is there."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path

import pytest

from spotlib.claims import claim
from spotlib.commands.status import to_text
from spotlib.errors import SpotlibError
from spotlib.params import make_params
from spotlib.provenance import CHECKOUT
from spotlib.store import RowStore, canonical
from spotlib.studies import Cell, Study, known_studies, load_study, plan, read_profile, status, study_rows
from spotlib.tables import TABLES, needs_of
from spotlib.variants import longest_gap
from tests.conftest import TINY


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# -- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", known_studies())
def test_shipped_studies_load_and_plan(name: str) -> None:
    study = load_study(name)
    cells = plan(study, n_folds=3)
    assert len(cells) == len({canonical(cell) for cell in cells})
    assert {cell.fold for cell in cells} == {0, 1, 2}
    assert cells[0].variant == "spotformer" or "spotformer" not in {cell.variant for cell in cells}
    assert study.title
    params = study.params()
    assert (
        longest_gap({cell.variant for cell in cells}, params) <= params.max_gap
    )  # or rows would fail for want of motion
    assert study.budget_hours


def test_the_three_data_sets_have_every_table_between_their_studies() -> None:
    for dataset in ("samm_lv", "cas_me2", "cas_me3"):
        own = [load_study(name) for name in known_studies() if load_study(name).dataset == dataset]
        tables = {table for study in own for table in study.tables}
        wanted = {name for name, spec in TABLES.items() if not spec.extra} - {"T1" if dataset == "cas_me3" else "T2"}
        assert wanted <= tables <= wanted | {"T1b", "T5b"}
        main = next(study for study in own if study.profile == "paper")
        assert len(main.seeds) >= 3
        # what both profiles compute shows whether the small one keeps the order of rows
        for study in (load_study(f"{dataset}_main"), load_study(f"{dataset}_variants")):
            assert {"spotformer", "spotgcn"} <= {cell.variant for cell in plan(study, n_folds=2)}


def test_paper_profile_is_method_section_4() -> None:
    values = {
        "window": 17, "dim": 256, "heads": 4, "head_dim": 64, "dropout": 0.1, "segments_per_batch": 32, "lr": 2e-4,
        "lr_decay": 0.96, "weight_decay": 0.1, "contrastive_weight": 0.005, "temperature": 0.5, "seed": 270,
        "neutral_segments": False, "head_motion": "nose", "motion": "swmro", "nodes": "10", "candidate_epochs": 6,
        "steps_per_epoch": None, "attention": "space-then-time", "flgp": "max",
    }  # fmt: skip
    of_dataset = {
        "samm_lv": {"macro_weight": 0.55, "epochs": 100}, "cas_me2": {"macro_weight": 0.5, "epochs": 100},
        "cas_me3": {"macro_weight": 0.5, "epochs": 90},
    }  # fmt: skip
    for dataset, own in of_dataset.items():
        params = load_study(f"{dataset}_main").params()
        assert {name: getattr(params, name) for name in values | own} == values | own


def test_study_profile_is_smaller_and_serves_every_variant() -> None:
    small, paper = load_study("cas_me2_variants").params(), load_study("cas_me2_main").params()
    assert small.dim < paper.dim
    assert small.epochs * (small.steps_per_epoch or 0) >= 800  # fewer steps find no micro-expression
    assert small.max_gap == paper.max_gap == 30
    for need in needs_of(("T4", "T5", "T6", "T7", "T8"), small):
        assert need.variant


def test_every_line_of_the_study_profile_has_its_reason() -> None:
    lines = (CHECKOUT / "params" / "profiles" / "study.yaml").read_text(encoding="utf-8").splitlines()
    values = [line for line in lines if ":" in line.partition("#")[0]]
    assert all(len(line.partition("#")[2]) > 8 for line in values)
    assert len(values) == len(read_profile("study"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: demo\ntable: all", r"^mine.yaml: unknown key 'table'; did you mean 'tables'\?$"),
        ("tables: all", r"^mine.yaml: no dataset; say which"),
        ("dataset: demmo\ntables: all", r"^unknown data set 'demmo'; did you mean 'demo'\?$"),
        ("dataset: demo", r"^mine.yaml: neither tables nor variants"),
        ("dataset: demo\ntables: [T44]", "unknown table 'T44'"),
        ("dataset: demo\nvariants: [k12]", "unknown variant 'k12'"),
        ("dataset: demo\ntables: all\nseeds: 3", "seeds is 3, expected a list of whole numbers"),
        ("dataset: demo\ntables: all\nseeds: [1, 1]", "with a repetition"),
        ("dataset: demo\ntables: all\nfolds: [-1]", "expected a list of whole numbers"),
        ("dataset: demo\ntables: all\nprofile: papr", r"^unknown profile 'papr'; did you mean 'paper'\?$"),
        ("dataset: demo\ntables: all\noverrides: {lrr: 1}", "^study mine: unknown parameter 'lrr'"),
        ("dataset: demo\ntables: all\ngrid: {lrr: [1]}", "^mine.yaml, grid: unknown parameter 'lrr'"),
        ("dataset: demo\ntables: all\ngrid: 3", "grid must map parameters to lists"),
    ],
)
def test_wrong_files_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpotlibError, match=message) as caught:
        load_study(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_unknown_study_is_named_with_the_nearest() -> None:
    with pytest.raises(SpotlibError, match=r"^unknown study 'dmo'; did you mean 'demo'\?$"):
        load_study("dmo")


# -- plans ---------------------------------------------------------------------------------------------------


def test_plan_is_needs_times_seeds_times_folds() -> None:
    study = Study(name="x", dataset="demo", tables=("T1", "T4"), variants=("no_flgp+k11",), seeds=(1, 2))
    cells = plan(study, n_folds=4)
    of = {name: [cell for cell in cells if cell.variant == name] for name in {cell.variant for cell in cells}}
    assert len(of["spotformer"]) == 2 * 4
    assert len(of["peaks"]) == 4  # one seed: it draws no random numbers
    assert len(of["k31"]) == 4
    assert len(of["k11+no_flgp"]) == 2 * 4 if "k11+no_flgp" in of else len(of["no_flgp+k11"]) == 8
    assert cells[0] == Cell("spotformer", 1, 0)
    assert plan(study) == plan(study, n_folds=3)  # the demo's own


def test_grids_multiply_or_list_and_what_changes_nothing_is_the_base() -> None:
    crossed = load_study_grid({"head_rotation": [1.0, 3.0], "talking": [0.0, 0.2]})
    assert len({cell.overrides for cell in crossed}) == 4
    listed = load_study_grid([{}, {"talking": 0.2}, {"max_gap": 16}])
    assert [cell.overrides for cell in listed] == [(), (("talking", 0.2),)]  # 16 is the value already


def load_study_grid(grid: object) -> list[Cell]:
    from spotlib.studies import _grid

    study = Study(name="x", dataset="demo", variants=("peaks",), seeds=(1,), grid=_grid(Path("x"), grid), folds=(0,))
    return plan(study)


def test_conventions_become_cells_of_their_own() -> None:
    study = Study(name="x", dataset="cas_me2", tables=("T11",), folds=(0,))
    assert [dict(c.overrides) for c in plan(study) if c.variant == "peaks"] == [
        {}, {"missing_offset": "apex"}, {"missing_offset": "apex_plus_20"}, {"missing_offset": "drop"},
        {"missing_offset": "keep_zero"},
    ]  # fmt: skip


# -- status --------------------------------------------------------------------------------------------------


@pytest.fixture
def study() -> Study:
    return Study(name="x", dataset="demo", variants=("spotformer", "k7"), seeds=(1,), folds=(0, 1, 2), budget_hours=1.0)


def key_of(cell: Cell) -> dict:
    params = {"variant": cell.variant, **dict(cell.overrides)}
    return {"code": {"spotlib.fold": "new"}, "params": params, "fold": cell.fold, "seed": cell.seed}


def store_some(folder: Path) -> RowStore:
    store = RowStore(folder)
    done = {"status": "done", "train_seconds": 100.0}
    store.write("spotformer", key_of(Cell("spotformer", 1, 0)), done)
    store.write(
        "spotformer",
        {**key_of(Cell("spotformer", 1, 1)), "code": {"spotlib.fold": "old"}},
        {**done, "train_seconds": 200.0},
    )
    store.write("k7", key_of(Cell("k7", 1, 0)), {"status": "failed", "error": "no face"})
    # under other parameters: another row altogether
    store.write("k7", {**key_of(Cell("k7", 1, 1)), "params": {"variant": "other"}}, done)
    return store


def test_status_tells_done_stale_failed_and_missing(study: Study, tmp_path: Path) -> None:
    found = status(study, store_some(tmp_path), key_of=key_of)
    states = {(cell.variant, cell.fold): state for cell, state, _ in found.cells}
    assert states == {
        ("spotformer", 0): "done", ("spotformer", 1): "stale", ("spotformer", 2): "missing",
        ("k7", 0): "failed", ("k7", 1): "missing", ("k7", 2): "missing",
    }  # fmt: skip
    assert found.errors == ("k7, fold 0, seed 1: no face",)
    assert found.count("missing") == 3
    assert found.count("missing", "k7") == 2
    assert found.seconds_spent == 300
    # 150 s a fold of spotformer, 150 on average for k7, of which none is finished
    assert found.seconds_left() == pytest.approx(2 * 150 + 3 * 150)
    assert found.seconds_left(any_code=True) == pytest.approx(150 + 3 * 150)


def test_status_tells_what_is_running(study: Study, tmp_path: Path) -> None:
    store = store_some(tmp_path)
    done, failed, missing = Cell("spotformer", 1, 0), Cell("k7", 1, 0), Cell("k7", 1, 2)
    with ExitStack() as stack:
        for cell in (done, failed, missing):
            assert stack.enter_context(claim(store.path(cell.variant, key_of(cell))))
        found = status(study, store, key_of=key_of)
    states = {(cell.variant, cell.fold): state for cell, state, _ in found.cells}
    assert (states["spotformer", 0], states["k7", 0], states["k7", 2]) == ("done", "running", "running")
    assert found.count("running") == 2
    assert found.errors == ()  # it is being tried again
    assert "1 of 6 done, 2 running, 1 of other code, 2 missing" in to_text(found)
    assert status(study, store, key_of=key_of).count("running") == 0


def test_without_any_row_no_time_is_invented(study: Study, tmp_path: Path) -> None:
    found = status(study, RowStore(tmp_path), key_of=key_of)
    assert found.count("missing") == found.count() == 6
    assert found.seconds_left() is None
    assert all(math.isnan(seconds) for _, _, seconds in found.cells)


def test_a_damaged_row_is_missing(study: Study, tmp_path: Path) -> None:
    store = store_some(tmp_path)
    store.path("spotformer", key_of(Cell("spotformer", 1, 0))).write_text("{", encoding="utf-8")
    assert status(study, store, key_of=key_of).count("done") == 0


def test_status_and_rows_of_a_real_run(tiny_results: Path, tmp_path: Path) -> None:
    import shutil

    from spotlib.runner import Run

    shutil.copytree(tiny_results / "demo" / "features", tmp_path / "demo" / "features")
    study = Study(name="x", dataset="demo", variants=("peaks",), seeds=(270,), overrides=TINY, grid=({}, {"iou": 0.4}))
    before = status(study, results=tmp_path)
    assert (before.count(), before.count("missing")) == (4, 4)
    Run(study.params(), results=tmp_path, workers=1).train("peaks")
    after = status(study, results=tmp_path)
    assert [state for _, state, _ in after.cells] == ["done", "done", "missing", "missing"]
    assert after.seconds_left() is not None
    rows = study_rows(study, results=tmp_path)
    assert [(row["variant"], row["fold"], row["overrides"], row["profile"]) for row in rows] == [
        ("peaks", 0, {}, ""), ("peaks", 1, {}, ""),
    ]  # fmt: skip
    assert make_params(rows[0]["key"]["params"]).system == "peaks"
