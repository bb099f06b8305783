"""Intervals, paired tests and words: against hand-worked numbers and slow, independent derivations."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.statistics import (
    Difference,
    bootstrap_f1,
    bootstrap_seeds,
    compare_f1,
    describe_difference,
    holm,
    pooled_f1,
    short,
    signed,
    verdict,
)


def table(*counts, names=None):
    names = names or [f"s{i}" for i in range(len(counts))]
    return pd.DataFrame(counts, columns=["tp", "predicted", "truth"], index=names, dtype=float)


def random_table(seed, n=15, skill=0.5):
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, 9, n)
    tp = rng.binomial(truth, skill)
    return table(*zip(tp, tp + rng.integers(0, 4, n), truth, strict=True))


def test_pooled_f1_sums_before_it_divides():
    counts = np.array([[1, 1, 1], [1, 9, 9]])
    assert pooled_f1(counts).tolist() == [1.0, 2 / 18]
    # the mean of the two F1s would be .56
    assert float(pooled_f1(counts.sum(axis=0))) == 4 / 20
    assert np.isnan(pooled_f1(np.array([0, 0, 0])))


def test_bootstrap_agrees_with_a_loop_over_subjects():
    counts = random_table(3)
    found = bootstrap_f1(counts, draws=4000)
    rng = np.random.default_rng(99)
    values = []
    for _ in range(4000):
        drawn = counts.iloc[rng.integers(0, len(counts), len(counts))].sum()
        values.append(2 * drawn.tp / (drawn.predicted + drawn.truth))
    assert found.value == pytest.approx(2 * counts.tp.sum() / (counts.predicted.sum() + counts.truth.sum()))
    assert [found.low, found.high] == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=0.012)


def test_bootstrap_is_seeded_and_narrows_with_more_subjects():
    assert bootstrap_f1(random_table(1)) == bootstrap_f1(random_table(1))
    assert bootstrap_f1(random_table(1), seed=1) != bootstrap_f1(random_table(1), seed=2)
    few, many = bootstrap_f1(random_table(1, n=8)), bootstrap_f1(random_table(1, n=400))
    assert many.high - many.low < 0.4 * (few.high - few.low)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    # F1 of the population: TP rate .5 of 6 true, 1.5 false alarms on average -> 2*3 / (4.5 + 6)
    found = [bootstrap_f1(random_table(i, n=30), draws=400) for i in range(120)]
    covered = sum(e.low <= 6 / 10.5 <= e.high for e in found)
    assert 0.86 <= covered / 120 <= 1.0


def test_one_subject_has_a_value_but_no_interval():
    found = bootstrap_f1(table([3, 5, 7]))
    assert found.value == 0.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)
    assert compare_f1(table([3, 5, 7]), table([1, 5, 7])).tie


def test_nothing_true_and_nothing_predicted_is_unknown():
    found = bootstrap_f1(table([0, 0, 0], [0, 0, 0]))
    assert not found.known
    assert str(found) == "\N{EN DASH}"


@pytest.mark.parametrize("counts", [[[4, 3, 9]], [[4, 9, 3]], [[-1, 2, 2]]])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(SpotlibError, match=r"^counts are impossible"):
        bootstrap_f1(table(*counts))
    with pytest.raises(SpotlibError, match="one line per subject"):
        bootstrap_f1(np.zeros((0, 3)))


def test_exact_permutation_p_by_hand():
    # three subjects, the first system better in each: 2 of 8 exchanges are as extreme -> p = .25
    a, b = table([3, 3, 4], [3, 3, 4], [3, 3, 4]), table([1, 3, 4], [1, 3, 4], [1, 3, 4])
    found = compare_f1(a, b)
    assert found.p == 2 / 8
    assert found.value == pytest.approx(6 / 7 - 2 / 7)
    assert found.subjects == 3


def test_exact_permutation_p_against_enumeration():
    a, b = random_table(5, n=7, skill=0.6), random_table(6, n=7, skill=0.4)
    b["truth"] = a["truth"]
    b["tp"] = np.minimum(b.tp, b.truth)
    found = compare_f1(a, b)

    def f1(counts):
        total = counts.sum()
        return 2 * total.tp / (total.predicted + total.truth)

    extreme = 0
    for keep in itertools.product([True, False], repeat=7):
        mask = pd.DataFrame({name: keep for name in a.columns}, index=a.index)
        one, other = a.where(mask, b), b.where(mask, a)
        extreme += abs(f1(one) - f1(other)) >= abs(f1(a) - f1(b)) - 1e-12
    assert found.p == extreme / 2**7


def test_sampled_p_is_never_zero_and_uniform_enough_under_no_difference():
    a = random_table(1, n=40, skill=0.95)
    b = a.assign(tp=0.0)
    assert 0 < compare_f1(a, b, draws=999).p <= 1 / 1000 + 1e-12
    small = 0
    for i in range(60):
        one, other = random_table(2 * i, n=20), random_table(2 * i + 1, n=20)
        other["truth"] = one["truth"]
        other["tp"] = np.minimum(other.tp, other.truth)
        other["predicted"] = np.maximum(other.predicted, other.tp)
        small += compare_f1(one, other, draws=300).p < 0.05
    assert small <= 9


def test_comparison_is_antisymmetric_and_zero_against_itself():
    a, b = random_table(1), random_table(2)
    b["truth"] = a["truth"]
    b["tp"] = np.minimum(b.tp, b.truth)
    one, other = compare_f1(a, b), compare_f1(b, a)
    assert one.value == -other.value
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p == other.p
    same = compare_f1(a, a)
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert same.tie


def test_pairing_sees_what_independent_intervals_hide():
    # people differ widely, the gain is the same small one for everybody
    truth = np.full(20, 20)
    tp = np.arange(20) * 9 // 10
    a, b = table(*zip(tp + 1, truth, truth, strict=True)), table(*zip(tp, truth, truth, strict=True))
    assert bootstrap_f1(a).low < bootstrap_f1(b).high
    assert not compare_f1(a, b).tie


def test_comparison_uses_common_subjects_only():
    a = table([2, 3, 4], [2, 3, 4], [9, 9, 9], names=["x", "y", "only-a"])
    b = table([1, 3, 4], [1, 3, 4], names=["y", "x"])
    assert compare_f1(a, b).subjects == 2
    assert compare_f1(a, b).value == pytest.approx(4 / 7 - 2 / 7)
    with pytest.raises(SpotlibError, match="no test subject in common"):
        compare_f1(a, table([1, 1, 1], names=["z"]))
    with pytest.raises(SpotlibError, match="subject y has other true events"):
        compare_f1(a, table([1, 3, 5], names=["y"]))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(holm([np.nan, 0.02])[0])
    assert holm([np.nan, 0.02])[1] == 0.02
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_and_keeps_the_order(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-12).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= -1e-12).all()
    assert adjusted[order[0]] == pytest.approx(min(1, min(p) * len(p)))


def test_words():
    assert verdict(Difference(0.1, 0.0, 0.2, 0.05, 9)) == "tie"
    assert verdict(Difference(-0.1, -0.2, -0.01, 0.01, 9), 0.03) == "worse"
    assert verdict(Difference(-0.1, -0.2, -0.01, 0.02, 9), 0.06) == "worse, but not after Holm correction"
    unknown = Difference(*[float("nan")] * 4, 0)
    assert verdict(unknown) == "not comparable"
    assert "cannot be compared" in describe_difference(unknown, "A", "B")
    few = describe_difference(Difference(0.3, 0.2, 0.4, 0.125, 4), "A", "B")
    assert few.startswith("A is better than B in F1, but the paired test does not confirm it (difference +.30")
    tie = describe_difference(Difference(0.004, -0.1, 0.1, 0.9, 12), "A", "B")
    assert tie == "A and B tie in F1 (difference .00 [-.10, +.10], p = .900, 12 subjects)."


def test_numbers_as_the_field_writes_them():
    assert [short(v) for v in (0.0, 0.996, 0.994, 1)] == [".00", "1.00", ".99", "1.00"]
    assert [short(v) for v in (-0.004, -0.25, -1)] == [".00", "-.25", "-1.00"]
    assert [signed(v) for v in (0.25, -0.25, 0.004, -0.004)] == ["+.25", "-.25", ".00", ".00"]


def test_interval_over_seeds_and_subjects() -> None:
    seeds = np.stack([random_table(i, n=12, skill=0.4 + 0.05 * i).to_numpy() for i in range(3)])
    alone = bootstrap_f1(seeds.mean(axis=0))
    both = bootstrap_seeds(seeds)
    assert both.value == pytest.approx(alone.value)
    assert both.high - both.low > alone.high - alone.low  # seeds add to the doubt
    same = np.stack([seeds[0]] * 3)
    again = bootstrap_seeds(same)
    assert [again.low, again.high] == pytest.approx([bootstrap_f1(seeds[0]).low, bootstrap_f1(seeds[0]).high])
    with pytest.raises(SpotlibError, match="is needed"):
        bootstrap_seeds(seeds[0])


def test_interval_over_seeds_and_subjects_agrees_with_a_loop() -> None:
    seeds = np.stack([random_table(i, n=9, skill=0.4 + 0.1 * i).to_numpy() for i in range(3)])
    rng = np.random.default_rng(5)
    values = []
    for _ in range(4000):
        drawn = seeds[rng.integers(0, 3, 3)][:, rng.integers(0, 9, 9)].sum(axis=(0, 1))
        values.append(2 * drawn[0] / (drawn[1] + drawn[2]))
    found = bootstrap_seeds(seeds, draws=4000)
    assert [found.low, found.high] == pytest.approx(np.percentile(values, [2.5, 97.5]), abs=0.015)
