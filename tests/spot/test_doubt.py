"""The formula of doubt, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spotlib.exports.spotted import Spotted
from spotlib.intervals import Event, Kind
from spotlib.spot.doubt import doubts
from spotlib.spot.result import Result

RULES = {"macro": {"min_score": 0.125}, "micro": {"min_score": 0.125}}


def result(*events, warnings=(), lost=()):
    valid = np.ones(300, bool)
    valid[list(lost)] = False
    spotted = Spotted(video="v", source="v.mp4", fps=30.0, n_frames=300, events=events, warnings=warnings)
    return Result(spotted=spotted, probabilities=np.zeros((300, 10), np.float16), valid=valid, rules=RULES)


def test_a_weak_score_counts_half():
    scores = {20: 0.5**3, 60: 0.75**3, 99: 1.0}
    least, middle, best = (Event(Kind.MICRO, s, s + 5, s + 9, score=score) for s, score in scores.items())
    found = doubts(result(least, middle, best))
    assert [one.value for one in found] == pytest.approx([0.5, 0.25, 0.0])
    assert found[0].reasons == ("score 0.12 is close to the least one, 0.12",)
    assert found[1].reasons == ()
    assert doubts(result(replace(best, score=None)))[0].value == 0.5


def test_an_overlap_with_the_other_kind_counts_a_quarter():
    micro = Event(Kind.MICRO, 50, 53, 59, score=1.0)
    macro = Event(Kind.MACRO, 55, 70, 94, score=1.0)
    same = Event(Kind.MACRO, 90, 95, 99, score=1.0)  # of its own kind: no doubt
    values = [one.value for one in doubts(result(micro, macro, same))]
    assert values == pytest.approx([0.25 * 5 / 10, 0.25 * 5 / 10, 0.0])


def test_poor_tracking_counts_a_quarter():
    event = Event(Kind.MICRO, 100, 105, 109, score=1.0)
    assert doubts(result(event, lost=range(118, 140)))[0].value == 0
    found = doubts(result(event, lost=range(92, 105)))[0]  # 13 of the frames 92 to 117
    assert found.value == pytest.approx(0.25 * 13 / 26)
    assert found.reasons == ("no face in 50% of the frames around it",)
    two = doubts(result(event, warnings=(("dark", "blurred"),)))[0]
    assert two.value == pytest.approx(0.25 * 0.75)
    assert two.reasons == ("dark", "blurred")
