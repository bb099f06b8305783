"""Quick counting against the metric that counts event by event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlib.counting import SUMS, average_precision, count_video, ranked_hits
from spotlib.fold import event_to_json
from spotlib.intervals import KINDS, Event, Kind
from spotlib.metrics import SpottingMetric

IOUS = (0.3, 0.5, 0.7)


@st.composite
def events(draw: st.DrawFn, *, scored: bool) -> list[Event]:
    found = []
    for i in range(draw(st.integers(0, 6))):
        onset = draw(st.integers(0, 25))
        offset = onset + draw(st.integers(0, 12))
        apex = draw(st.one_of(st.none(), st.integers(onset, offset)))
        score = 1 - 0.1 * i if scored else None
        reachable = scored or draw(st.booleans())
        found.append(Event(draw(st.sampled_from(KINDS)), onset, apex, offset, score=score, reachable=reachable))
    return found


def as_json(own: list[Event]) -> list[dict[str, Any]]:
    return [event_to_json(event) for event in own]


@settings(max_examples=150, deadline=None)
@given(truth=events(scored=False), found=events(scored=True), protocol=st.sampled_from(["clean", "author"]))
def test_counts_are_those_of_the_metric(truth: list[Event], found: list[Event], protocol: str) -> None:
    metric = SpottingMetric(protocol=protocol)
    metric.add("v", truth, found)
    counted = count_video(as_json(truth), as_json(found), protocol=protocol, ious=IOUS)
    assert set(counted) == {(iou, str(kind)) for iou in IOUS for kind in KINDS}
    for (iou, kind), values in counted.items():
        expected = metric.counts(Kind(kind), iou=iou)
        assert values == pytest.approx(tuple(getattr(expected, name) for name in SUMS))


def test_equally_good_matchings_are_told_apart_alike() -> None:
    # two spotted events with one interval: which of them hits decides whether there is an apex to compare
    truth = [
        Event(Kind.MICRO, 0, None, 0, reachable=False), Event(Kind.MICRO, 0, 0, 0), Event(Kind.MACRO, 0, None, 0)
    ]  # fmt: skip
    found = [Event(Kind.MICRO, 0, None, 0, score=1.0), Event(Kind.MICRO, 0, 0, 0, score=0.9)]
    metric = SpottingMetric(protocol="clean")
    metric.add("v", truth, found)
    values = count_video(as_json(truth), as_json(found), protocol="clean", ious=IOUS)[0.5, str(Kind.MICRO)]
    expected = metric.counts(Kind.MICRO, iou=0.5)
    assert values == tuple(getattr(expected, name) for name in SUMS)


@settings(max_examples=100, deadline=None)
@given(truth=events(scored=False), found=events(scored=True), protocol=st.sampled_from(["clean", "author"]))
def test_average_precision_is_that_of_the_metric(truth: list[Event], found: list[Event], protocol: str) -> None:
    truth = [event for event in truth if event.reachable]
    metric = SpottingMetric(protocol=protocol)
    metric.add("v", truth, found)
    for kind, ranked in ranked_hits(as_json(truth), as_json(found), protocol=protocol, iou=0.5).items():
        expected = metric.average_precision(Kind(kind))
        assert average_precision(*ranked) == pytest.approx(expected, nan_ok=True)


def test_average_precision_by_hand() -> None:
    assert average_precision([0.9, 0.8, 0.7], [True, False, True], 4) == pytest.approx(0.25 + 0.25 * 2 / 3)
    assert average_precision([], [], 3) == 0
    assert np.isnan(average_precision([0.5], [False], 0))
