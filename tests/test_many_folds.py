"""Folds side by side give the rows that each gives by itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from spotlib import many_folds
from spotlib.errors import SpotlibError
from spotlib.fold import run_fold
from spotlib.many_folds import run_folds
from spotlib.params import Params
from spotlib.splits import Fold, make_folds
from spotlib.steps import Speed
from tests.clips import planted_clip

SMALL = Params(
    dim=16, heads=2, head_dim=8, dropout=0.0, epochs=3, steps_per_epoch=4, segments_per_batch=4, lr=3e-3,
    candidate_epochs=2,
)  # fmt: skip
TIMES = ("train_seconds", "windows_per_second")


@pytest.fixture(scope="module")
def clips():
    return [planted_clip(f"s{i}", 0) for i in range(5)]


@pytest.fixture(scope="module")
def folds(clips):
    return make_folds([clip.subject for clip in clips], folds=0, inner_share=0.25, seed=1)[:3]


def timeless(row: dict) -> str:
    return json.dumps({name: value for name, value in row.items() if name not in TIMES})


@pytest.fixture(scope="module")
def expected(clips, folds):
    found = {}
    for fold in folds:
        names = (fold.train, fold.inner, fold.test)
        found[fold.index] = run_fold(*([clip for clip in clips if clip.subject in own] for own in names), SMALL)
    return found


@pytest.mark.parametrize("at_once", [1, 2])
def test_rows_of_folds_by_themselves(clips, folds, expected, at_once):
    beats = []
    results = run_folds(
        clips, folds, SMALL, device="cpu", at_once=at_once, workers=0, beat=lambda *said: beats.append(said)
    )
    found = {index: (row, arrays) for index, row, arrays in results}
    assert found.keys() == expected.keys()
    for index, (row, arrays) in found.items():
        assert timeless(row) == timeless(expected[index][0])
        assert arrays.keys() == expected[index][1].keys()
        for name, value in arrays.items():
            np.testing.assert_array_equal(value, expected[index][1][name])
    assert {said for said in beats if said[1] == 3} == {(fold.index, 3, 3) for fold in folds}


def test_folds_that_share_random_numbers_train_one_after_the_other(clips, folds):
    params = SMALL.replace(dropout=0.2)
    turns = []
    for _ in run_folds(
        clips, folds[:2], params, device="cpu", at_once=2, workers=0, beat=lambda fold, *_: turns.append(fold)
    ):
        pass
    assert turns == [folds[0].index] * 3 + [folds[1].index] * 3
    side_by_side = []
    for _ in run_folds(
        clips, folds[:2], params, device="cpu", at_once=2, workers=0, speed=Speed(packed=True),
        beat=lambda fold, *_: side_by_side.append(fold),
    ):  # fmt: skip
        pass
    assert side_by_side[:2] == [folds[0].index, folds[1].index]


def test_a_choice_that_comes_late_is_the_same(clips, folds, expected, monkeypatch):
    monkeypatch.setattr(many_folds, "ProcessPoolExecutor", lambda workers, mp_context: ThreadPoolExecutor(workers))
    for index, row, _ in run_folds(clips, folds[:1], SMALL, device="cpu", at_once=1, workers=1):
        assert timeless(row) == timeless(expected[index][0])


def test_one_fold_that_fails_leaves_the_others(clips, folds):
    still = [replace(clip, events=()) if clip.subject in folds[1].train else clip for clip in clips]
    bad = Fold(7, folds[1].train, folds[1].inner, folds[1].test)
    good = Fold(8, (*folds[1].test, *folds[1].inner), folds[1].train[:1], folds[1].train[1:])
    found = {index: row for index, row, _ in run_folds(still, [bad, good], SMALL, device="cpu", at_once=1, workers=0)}
    assert isinstance(found[7], SpotlibError)
    assert "no training segment holds an expression" in str(found[7])
    assert found[8]["status"] == "done"


def test_the_peak_detector_is_sent_elsewhere(clips, folds):
    with pytest.raises(SpotlibError, match="the peak detector trains nothing"):
        list(run_folds(clips, folds, SMALL.replace(system="peaks"), device="cpu"))
