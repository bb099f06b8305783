"""Running a study: rows, tables and the packed file; stopping in between and going on."""

from __future__ import annotations

import shutil

import pytest
import yaml
from click.testing import CliRunner

from spotlib.cli import cli
from spotlib.errors import SpotlibError
from spotlib.studies import StudyRuns, load_study, plan, study_rows
from spotlib.study_runs import pack_studies, run_study
from spotlib.tables.packed import read_packed
from tests.conftest import TINY


@pytest.fixture
def place(tmp_path, tiny_results):
    """A study file, and a results folder that has its features."""
    values = {
        "dataset": "demo", "variants": ["spotformer", "peaks"], "tables": ["difficulty"], "seeds": [1],
        "overrides": TINY, "grid": [{}, {"iou": 0.4}], "budget_hours": 1,
    }  # fmt: skip
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    shutil.copytree(tiny_results / "demo" / "features", tmp_path / "results" / "demo" / "features")
    return path, tmp_path / "results"


def test_one_command_gives_rows_tables_and_a_packed_file(place, monkeypatch):
    path, results = place
    study = load_study(path)
    with pytest.raises(SpotlibError, match="mine: no rows yet"):
        pack_studies([study], results=results)
    assert run_study(study, seconds=-1, results=results) == 16  # 4 systems x 2 folds x 2 changes, none begun
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(cli, ["study", str(path), "--results", str(results), "--workers", "2"])
    assert done.exit_code == 0, done.output
    rows, header = read_packed(results / "demo" / "rows.jsonl.gz")
    assert len(rows) == 16
    assert {row["status"] for row in rows} == {"done"}
    assert header["tables"] == {"": ["difficulty"]}
    table = (results / "demo" / "tables" / "difficulty.csv").read_text(encoding="utf-8")
    assert table.count("spotformer") == 2
    before = {p: p.stat().st_mtime_ns for p in (results / "demo" / "rows").rglob("*.json")}
    again = CliRunner().invoke(cli, ["study", str(path), "--results", str(results), "--tables-only"])
    assert again.exit_code == 0
    assert before == {p: p.stat().st_mtime_ns for p in (results / "demo" / "rows").rglob("*.json")}


def test_a_study_goes_on_from_packed_rows(place, tmp_path, tiny_results):
    path, results = place
    study = load_study(path)
    assert run_study(study, results=results, workers=2) == 0
    packed, _ = pack_studies([study], path=tmp_path / "mine.jsonl.gz", results=results)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tiny_results / "demo" / "features", elsewhere / "demo" / "features")
    run = CliRunner().invoke

    merged = run(cli, ["merge", str(packed), "demo", "--results", str(elsewhere)])
    assert merged.exit_code == 0, merged.output
    assert "16 rows taken" in merged.output
    assert run_study(study, seconds=-1, results=elsewhere) == 16  # rows of other code
    next((elsewhere / "demo" / "rows" / "spotgcn").glob("fold0-*")).unlink()
    assert run_study(study, seconds=-1, any_code=True, results=elsewhere) == 1
    again = run(cli, ["study", str(path), "--results", str(elsewhere), "--any-code"])
    assert again.exit_code == 0, again.output
    codes = [row["key"]["code"] for row in study_rows(study, any_code=True, results=elsewhere)]
    assert [isinstance(code, str) for code in codes].count(True) == 15
    # the packed file keeps what is of other studies
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    other = path.with_name("other.yaml")
    other.write_text(yaml.safe_dump({**own, "variants": ["peaks"], "tables": [], "grid": [{}]}), encoding="utf-8")
    whole, _ = read_packed(elsewhere / "demo" / "rows.jsonl.gz")
    kept, problems = pack_studies([load_study(other)], any_code=True, results=elsewhere)
    assert problems == []
    rows, header = read_packed(kept)
    assert (len(whole), len(rows), header["tables"]) == (16, 16, {"": ["difficulty"]})
    alone, _ = pack_studies([load_study(other)], results=results)
    assert len(read_packed(alone)[0]) == 2
    more = path.with_name("more.yaml")
    values = {**own, "tables": [], "overrides": {**TINY, "videos_per_subject": 2}}
    more.write_text(yaml.safe_dump(values), encoding="utf-8")
    twice = load_study(more)
    store = StudyRuns(twice, results=elsewhere).store
    cell = plan(twice, n_folds=2)[0]
    old = study_rows(study, any_code=True, results=elsewhere)[0]
    key = StudyRuns(twice, results=elsewhere).key(cell)
    store.write(cell.variant, key, {n: v for n, v in old.items() if n not in ("key", "digest", "schema", "checksum")})
    with pytest.raises(SpotlibError, match="its rows have videos_per_subject 1, those of the study 2; move it away"):
        pack_studies([twice], any_code=True, results=elsewhere)
    wrong = run(cli, ["merge", str(packed), "cas_me2", "--results", str(elsewhere)])
    assert "rows of demo, not of cas_me2; name the data set of the rows" in str(wrong.exception) + wrong.output


def test_studies_of_two_data_sets_are_not_packed_together(place):
    path, results = place
    with pytest.raises(SpotlibError, match="several data sets"):
        pack_studies([load_study(path), load_study("samm_lv_main")], results=results)
