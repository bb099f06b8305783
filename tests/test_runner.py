from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spotlib.errors import ReadError, SpotlibError
from spotlib.runner import load_clips, open_run
from spotlib.store import read_row
from tests.conftest import TINY


@pytest.fixture
def tiny(tiny_features, tmp_path, pool):
    """A fresh results folder that shares the rendered features."""
    shutil.copytree(tiny_features, tmp_path / "demo" / "features")

    def make(**changes):
        return open_run("demo", overrides={**TINY, **changes}, results=tmp_path, workers=2, executor=pool)

    return make


def test_rows_are_computed_once_and_say_why(tiny, log):
    rows = tiny().train("spotformer", "peaks")
    assert [(r["variant"], r["fold"], r["status"]) for r in rows] == [
        ("spotformer", 0, "done"), ("spotformer", 1, "done"), ("peaks", 0, "done"), ("peaks", 1, "done"),
    ]  # fmt: skip
    assert log.text.count("it was never computed") == 4
    log.clear()
    again = tiny().train("spotformer", "peaks")
    assert again == rows
    assert "computed because" not in log.text
    # another learning rate touches the network's rows only
    tiny(lr=1e-4).train("spotformer", "peaks")
    assert log.text.count("computed because parameter lr 0.0015 -> 0.0001") == 2
    assert "of peaks: computed" not in log.text


def test_a_damaged_row_is_computed_again_to_the_same_numbers(tiny, log):
    run = tiny()
    before = run.train("spotformer")
    path = run.store.path("spotformer", run.key("spotformer", 1))
    path.write_text(path.read_text()[:500])
    log.clear()
    after = tiny().train("spotformer")
    assert "fold 1 of spotformer: computed because its file is damaged" in log.text
    changing = ("train_seconds", "windows_per_second", "arrays")
    timeless = [[{k: v for k, v in row.items() if k not in changing} for row in rows] for rows in (before, after)]
    assert json.dumps(timeless[0]) == json.dumps(timeless[1])


def test_a_damaged_features_file_is_computed_again(tiny, log):
    run = tiny()
    path = run.feature_path(0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run.features()
    assert "computing it again" in log.text
    np.testing.assert_array_equal(
        run.motion(0).flow, open_run("demo", overrides=TINY, results=run.folder.parent).motion(0).flow
    )


def test_a_failed_fold_is_a_row_and_the_others_go_on(tiny, monkeypatch):
    import spotlib.fold

    whole = spotlib.fold.run_fold

    def broken(train, inner, test, params, **options):
        if test[0].subject in spotted and params.system == "peaks":
            raise ValueError("not a number\nin line two")
        return whole(train, inner, test, params, **options)

    monkeypatch.setattr(spotlib.fold, "run_fold", broken)
    with ThreadPoolExecutor(1) as executor:
        run = tiny()
        run.executor = executor
        spotted = run.folds[0].test
        rows = run.train("peaks")
        assert [r["status"] for r in rows] == ["failed", "done"]
        assert rows[0]["error"] == "ValueError: not a number"
        assert "Traceback" in rows[0]["traceback"]
        # mended: tried again, and whole
        monkeypatch.setattr(spotlib.fold, "run_fold", whole)
        assert [r["status"] for r in run.train("peaks")] == ["done", "done"]


def test_folds_do_not_share_subjects_and_rows_say_so(tiny):
    for row in tiny().train("peaks"):
        groups = [set(row[f"{g}_subjects"]) for g in ("train", "inner", "test")]
        assert not groups[0] & groups[1]
        assert not (groups[0] | groups[1]) & groups[2]
        assert {v["subject"] for v in row["videos"]} == groups[2]


def test_rows_hold_nothing_of_this_machine(tiny, tmp_path):
    run = tiny()
    run.train("peaks")
    path = run.store.path("peaks", run.key("peaks", 0))
    assert str(tmp_path) not in path.read_text()
    assert read_row(path)["synthetic"] is True


def test_windows_follow_the_variant(tiny):
    run = tiny()
    subject = run.dataset.subjects[0]
    assert load_clips(run, [subject], run.params)[0].windows.shape[1:] == (17, 10, 2)
    assert load_clips(run, [subject], run.params.replace(window=11, nodes="all"))[0].windows.shape[1:] == (11, 14, 2)


def test_unknown_names():
    with pytest.raises(SpotlibError, match=r"unknown data set 'demoo'; known: .*demo"):
        open_run("demoo")
    with pytest.raises(SpotlibError, match="unknown data set 'cas_me4'; did you mean 'cas_me"):
        open_run("demo", overrides={"dataset": "cas_me4"}).folds  # noqa: B018
    with pytest.raises(SpotlibError, match="unknown profile 'studdy'; did you mean 'study'"):
        open_run("demo", profile="studdy")
    with pytest.raises(SpotlibError, match="--root nowhere: no such folder"):
        open_run("samm_lv", root="nowhere")
    with pytest.raises(SpotlibError, match="data set 'own' is your own folder; say with --root where it is"):
        open_run("own").folds  # noqa: B018
    with pytest.raises(SpotlibError, match="unknown variant 'spotformr'; did you mean 'spotformer'"):
        open_run("demo").train("spotformr")


def test_errors_name_the_parameter_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: demo\nlearning_rate: 3\n")
    with pytest.raises(SpotlibError, match=r"mine\.yaml: unknown parameter 'learning_rate'"):
        open_run("demo", params_file=path)


def test_the_key_names_who_is_in_the_fold_and_what_computed_it():
    run = open_run("demo", overrides=TINY)
    key = run.key("spotformer", 0)
    assert {"spotlib.splits", "spotlib.engine", "spotlib.swmro"} <= set(key["code"])
    assert key["subjects"] != run.key("spotformer", 1)["subjects"]
    assert not {"unknown_onset", "missing_offset", "max_micro"} & set(key["params"])  # other data sets' conventions
    twin = open_run("cas_me2").key("spotformer", 0)["params"]
    assert twin["missing_offset"] == "onset_plus_20"
    assert "unknown_onset" not in twin


def test_a_variant_of_spotformer_stays_one_whatever_the_system_parameter():
    run = open_run("demo", overrides={**TINY, "system": "peaks"})
    assert run.key("spotformer", 0)["params"]["system"] == "spotformer"
    assert run.key("peaks", 0)["params"]["system"] == "peaks"


def test_no_more_folds_than_people(log):
    run = open_run("demo", overrides={**TINY, "folds": 10})
    assert len(run.folds) == 4
    assert "10 folds were asked for, but there are 4 people" in log.text


def test_what_a_failing_disk_leaves_behind_is_not_kept(tiny, monkeypatch):
    import spotlib.swmro

    def broken(*_, **__):
        raise ReadError("x.jpg: cannot be read (Input/output error); mend it")

    run = tiny()
    path = run.feature_path(0)
    path.unlink()
    monkeypatch.setattr(spotlib.swmro, "extract", broken)
    with ThreadPoolExecutor(1) as executor:
        run.executor = executor
        with pytest.raises(ReadError, match="cannot be read"):
            run.features()
    assert not path.exists()
