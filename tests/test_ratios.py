from __future__ import annotations

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.ratios import bootstrap_ratio
from spotlib.statistics import bootstrap_f1


def test_a_ratio_is_of_sums_and_its_draws_are_those_of_f1() -> None:
    hits, true = np.array([1, 4, 0, 3]), np.array([2, 4, 5, 9])
    found = bootstrap_ratio(hits, true, draws=500)
    assert found.value == pytest.approx(8 / 20)
    # of as many predicted as true events, F1 is recall
    f1 = bootstrap_f1(np.stack([hits, true, true], axis=1), draws=500)
    assert (found.low, found.high) == pytest.approx((f1.low, f1.high))
    assert found.low < found.value < found.high


def test_a_ratio_may_exceed_one() -> None:
    assert bootstrap_ratio(np.array([3.0, 5.0]), np.array([1.0, 1.0])).value == 4


def test_without_a_whole_there_is_no_value_and_of_one_subject_no_interval() -> None:
    nothing = bootstrap_ratio(np.zeros(3), np.zeros(3))
    assert not nothing.known
    one = bootstrap_ratio(np.array([1, 0, 0]), np.array([2, 0, 0]))
    assert one.value == 0.5
    assert np.isnan([one.low, one.high]).all()
    with pytest.raises(SpotlibError, match="^ratio: no subject"):
        bootstrap_ratio(np.zeros(0), np.zeros(0))
