from __future__ import annotations

import numpy as np

from spotlib.intervals import Event, Kind
from spotlib.params import Params
from spotlib.protocols import author_epoch, author_rules, choose_thresholds, clean_rules
from spotlib.spotting import FrameScores, spot

MICRO = Kind.MICRO


def _scores(peaks: dict[int, float], n_frames: int = 100) -> FrameScores:
    """ME scores with onset, apex and offset 5 frames apart around each peak, of the given strength."""
    p = np.zeros((n_frames, 10), np.float32)
    for apex, strength in peaks.items():
        p[apex - 5, 0] = p[apex + 5, 1] = p[apex, 6] = strength
    return FrameScores(p)


def test_threshold_is_chosen_where_f1_is_best():
    truth = [Event(MICRO, 15, 20, 25), Event(MICRO, 75, 80, 85)]
    # two true peaks, stronger than the false one: the best threshold lies between .6^3 and .8^3
    scores = _scores({20: 0.9, 50: 0.6, 80: 0.8})
    choice = choose_thresholds([(scores, 5.0, truth)], clean_rules([], Params()), iou=0.5)
    assert 0.6**3 < choice.rules[MICRO].min_score < 0.8**3
    assert choice.f1["micro"] == 1.0
    assert [e.apex for e in spot(scores, rules=choice.rules, fps=5.0)] == [20, 80]


def test_bounds_follow_the_training_events():
    events = [Event(Kind.MACRO, 0, 40, 90)] * 6
    rules = clean_rules(events, Params())
    assert rules[Kind.MACRO].k_min == 40
    assert rules[Kind.MACRO].k_max == 50
    assert (rules[MICRO].k_min, rules[MICRO].k_max) == (2, 8)  # none seen: the release's


def test_author_rules_are_the_release_s():
    rules = author_rules(Params())
    assert {str(k): (r.k_min, r.k_max, r.max_per_video) for k, r in rules.items()} == {
        "macro": (8, 29, 5),
        "micro": (2, 8, 5),
    }


def test_author_epoch_looks_at_the_test_subject():
    truth = [Event(MICRO, 10, 15, 20)]
    hit, miss = Event(MICRO, 10, 14, 21), Event(MICRO, 60, 65, 70)
    assert author_epoch({94: [(truth, [hit, miss])], 95: [(truth, [hit])], 96: [(truth, [miss])]}, 0.5) == 95


def test_without_a_hit_the_fewest_false_alarms_win():
    truth = [Event(MICRO, 10, 15, 20)]
    false = [Event(MICRO, 60, 65, 70), Event(MICRO, 80, 85, 90)]
    assert author_epoch({94: [(truth, false)], 95: [(truth, false[:1])], 96: [(truth, false)]}, 0.5) == 95


def test_equal_epochs_keep_the_first():
    truth = [Event(MICRO, 10, 15, 20)]
    assert author_epoch({95: [(truth, truth)], 94: [(truth, truth)]}, 0.5) == 94
