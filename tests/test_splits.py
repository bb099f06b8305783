from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.splits import make_folds


@given(st.integers(4, 40), st.integers(0, 8), st.floats(0.1, 0.6), st.integers(0, 5))
def test_everyone_is_tested_once_and_nobody_on_two_sides(n, folds, share, seed):
    if folds == 1 or folds > n:
        return
    subjects = [f"s{i}" for i in range(n)]
    try:
        made = make_folds(subjects, folds=folds, inner_share=share, seed=seed)
    except SpotlibError:
        assert n - -(-n // (folds or n)) < 2
        return
    assert sorted(s for fold in made for s in fold.test) == sorted(subjects)
    sizes = [len(fold.test) for fold in made]
    assert max(sizes) - min(sizes) <= 1
    for fold in made:
        assert sorted(fold.train + fold.inner + fold.test) == sorted(subjects)
        assert fold.train
        assert fold.inner


def test_leave_one_subject_out():
    made = make_folds(["b", "a", "c", "a"], folds=0, inner_share=0.3, seed=0)
    assert sorted(fold.test for fold in made) == [("a",), ("b",), ("c",)]


def test_order_of_names_does_not_matter():
    names = [f"s{i}" for i in range(9)]
    assert make_folds(names, folds=3, inner_share=0.2, seed=1) == make_folds(
        names[::-1], folds=3, inner_share=0.2, seed=1
    )


@pytest.mark.parametrize(
    ("n", "folds", "message"),
    [(1, 0, "at least 2"), (3, 9, "9 folds of 3 subjects"), (3, 2, "leave fewer than 2"), (4, 1, "at least 2")],
)
def test_too_few(n, folds, message):
    with pytest.raises(SpotlibError, match=message):
        make_folds([f"s{i}" for i in range(n)], folds=folds, inner_share=0.25, seed=0)
