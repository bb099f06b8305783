from __future__ import annotations

import numpy as np

from spotlib.intervals import Event, Kind
from spotlib.labels import frame_targets
from spotlib.matching import match
from spotlib.metrics import SpottingMetric
from spotlib.rows import events_of
from spotlib.spotting import bounds

LOST = Event(Kind.MACRO, 30, None, 30, reachable=False)
KNOWN = Event(Kind.MACRO, 100, 110, 130)


def test_an_unreachable_event_is_missed_whatever_is_spotted():
    metric = SpottingMetric()
    for protocol in ("clean", "author"):
        found = [Event(Kind.MACRO, 30, 30, 30), Event(Kind.MACRO, 102, 110, 131)]
        assert [m.truth for m in match([LOST, KNOWN], found, protocol=protocol)] == [1]
    metric.add("v", [LOST, KNOWN], [Event(Kind.MACRO, 30, 30, 30), Event(Kind.MACRO, 100, 110, 130)])
    counts = metric.counts(Kind.MACRO)
    assert (counts.tp, counts.predicted, counts.truth) == (1, 2, 2)


def test_nothing_is_learned_from_an_unreachable_event():
    with_it, without = (frame_targets(events, 200) for events in ([LOST, KNOWN], [KNOWN]))
    np.testing.assert_array_equal(with_it.apex_macro, without.apex_macro)
    np.testing.assert_array_equal(with_it.boundary_macro, without.boundary_macro)
    assert bounds([LOST, KNOWN], Kind.MACRO) == bounds([KNOWN], Kind.MACRO)


def test_a_row_keeps_that_an_event_is_unreachable():
    from spotlib.fold import event_to_json

    stored = {"truth": [event_to_json(e) for e in (LOST, KNOWN)]}
    assert [e.reachable for e in events_of(stored, "truth")] == [False, True]
