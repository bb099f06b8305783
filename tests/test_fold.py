from __future__ import annotations

import json

import numpy as np
import pytest

from spotlib.fold import event_to_json, run_fold, threads_for_a_fold
from spotlib.params import Params
from spotlib.rows import events_of
from spotlib.store import canonical
from tests.clips import planted_clip

SMALL = Params(
    dim=16, heads=2, head_dim=8, dropout=0.0, epochs=6, steps_per_epoch=40, segments_per_batch=8, lr=3e-3,
    evaluate_every=2, candidate_epochs=2,
)  # fmt: skip

#: enough to find some of what is planted
SHORT = SMALL.replace(epochs=3, evaluate_every=1)


@pytest.fixture(scope="module")
def groups():
    return [[planted_clip(f"{group}{i}", 0) for i in range(n)] for group, n in (("a", 8), ("b", 3), ("c", 3))]


@pytest.fixture(scope="module")
def outcome(groups):
    beats = []
    row, arrays = run_fold(*groups, SMALL, beat=lambda done, total: beats.append((done, total)))
    assert beats[-1] == (6, 6)
    return row, arrays


def test_planted_events_are_found(outcome):
    row, _ = outcome
    found = [e for video in row["videos"] for e in video["clean"]]
    truth = [e for video in row["videos"] for e in video["truth"]]
    assert len(truth) == 6
    assert row["chosen"]["inner_f1"] > 0.5
    hits = sum(
        any(e["kind"] == t["kind"] and abs(e["onset"] - t["onset"]) < 8 for e in video["clean"])
        for video in row["videos"]
        for t in video["truth"]
    )
    assert hits >= 4
    assert len(found) <= 12


def test_row_is_plain_json_with_all_that_tables_need(outcome):
    row, arrays = outcome
    canonical(row)
    assert row["status"] == "done"
    assert [c["epoch"] for c in row["curves"]] == list(range(6))
    assert ["inner_f1" in c for c in row["curves"]] == [False, True, False, True, False, True]
    assert row["author_epochs"] == [4, 5]
    assert {v["author_epoch"] for v in row["videos"]} <= {4, 5}
    assert arrays["c0_0/scores"].shape == (240, 10)
    assert arrays["c0_0/scores"].dtype == np.float16
    assert row["device_name"] == row["device"] == "cpu"
    assert row["windows_per_second"] > 0
    assert row["engine"]["precision"] == "float32"


def test_events_of_the_last_epoch_stand_beside_the_chosen_ones(outcome):
    row, _ = outcome
    for video in row["videos"]:
        if video["author_epoch"] == 5:
            assert video["author_last"] == video["author"]
    assert any("author_last" in video for video in row["videos"])


def test_threads_come_from_the_argument_or_the_environment(monkeypatch):
    monkeypatch.delenv("SPOTLIB_THREADS", raising=False)
    assert threads_for_a_fold() == 1
    monkeypatch.setenv("SPOTLIB_THREADS", "3")
    assert threads_for_a_fold() == 3
    assert threads_for_a_fold(2) == 2
    monkeypatch.setenv("SPOTLIB_THREADS", "many")
    assert threads_for_a_fold() == 1


@pytest.fixture(scope="module")
def short_row(groups):
    return run_fold(*groups, SHORT)[0]


def test_same_seed_same_row(groups, short_row):
    again, _ = run_fold(*groups, SHORT)
    times = ("train_seconds", "windows_per_second")
    timeless = [{k: v for k, v in row.items() if k not in times} for row in (again, short_row)]
    assert json.dumps(timeless[0]) == json.dumps(timeless[1])


def test_the_test_subjects_choose_nothing(groups, short_row):
    """Other test subjects: another result, but the same choices (clean protocol)."""
    train, inner, _ = groups
    other, _ = run_fold(train, inner, [planted_clip("x", 5)], SHORT)
    assert other["chosen"] == short_row["chosen"]
    assert other["chosen"]["inner_f1"] > 0  # so there was something to choose


def test_peaks_make_rows_of_the_same_form(groups):
    row, arrays = run_fold(*groups, SMALL.replace(system="peaks"))
    assert row["curves"] == []
    assert row["videos"][0]["clean"] == row["videos"][0]["author"]
    assert arrays["c0_0/scores"].shape == (240, 2)


def test_events_survive_json(outcome):
    video = outcome[0]["videos"][0]
    for which in ("truth", "clean", "author", "author_last"):
        assert [event_to_json(e) for e in events_of(video, which)] == video[which]
