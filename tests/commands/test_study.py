"""Running a study: rows, tables and the packed file; stopping in between and going on."""

from __future__ import annotations

import shutil

import pytest
import yaml
from click.testing import CliRunner

from spotlib.cli import cli
from spotlib.errors import SpotlibError
from spotlib.studies import load_study
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


def test_studies_of_two_data_sets_are_not_packed_together(place):
    path, results = place
    with pytest.raises(SpotlibError, match="several data sets"):
        pack_studies([load_study(path), load_study("samm_lv_main")], results=results)
