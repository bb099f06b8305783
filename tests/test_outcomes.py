"""The list of outcomes adds up with the counts of the tables, and knows what the twin knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spotlib.datasets.base import Dataset
from spotlib.datasets.twin import make_twin
from spotlib.errors import SpotlibError
from spotlib.happenings import CAUSES, LOGGED
from spotlib.outcomes import COLUMNS, FALSE_ALARM, HIT, MISSED, outcomes, recall
from spotlib.rows import count
from tests.rows_factory import fail, make_rows
from tests.twin_rows import rows_on, tiny_twin


@pytest.fixture(scope="module")
def rows():
    return make_rows(("spotformer", "peaks"), seeds=(1, 2))


@pytest.mark.parametrize("protocol", ["clean", "author"])
def test_outcomes_are_the_counts_of_the_tables(rows, protocol) -> None:
    found = outcomes(rows, protocol=protocol)
    assert tuple(found.columns) == COLUMNS
    counts = count(rows, protocol=protocol).groupby(["variant", "seed", "kind"]).sum(numeric_only=True)
    for at, own in found.groupby(["variant", "seed", "kind"]):
        numbers = own.outcome.value_counts()
        assert numbers[HIT] == counts.loc[at].tp
        assert numbers[HIT] + numbers[MISSED] == counts.loc[at].truth
        assert numbers[HIT] + numbers[FALSE_ALARM] == counts.loc[at].predicted
    hits = found[found.outcome == HIT]
    assert hits.iou.sum() == pytest.approx(count(rows, protocol=protocol).iou_sum.sum())
    assert hits.iou.min() >= 0.5


def test_misses_have_no_score_and_alarms_no_size_and_nobody_invents_a_log(rows) -> None:
    found = outcomes(rows)
    assert found.score[found.outcome == MISSED].isna().all()
    assert found.score[found.outcome != MISSED].between(0, 1).all()
    assert found["size"].isna().all()
    assert found[list(LOGGED)].isna().all(axis=None)
    assert not found[["same_kind", "other_kind", "gap"]].isna().any(axis=None)
    first = found[found.outcome == HIT].iloc[0]
    assert first.seconds == pytest.approx((first.offset - first.onset + 1) / 30)


def test_overlaps_tell_a_wrong_kind_from_a_wrong_place() -> None:
    row = make_rows(("spotformer",), subjects=4, videos=1)[0]
    row["videos"] = row["videos"][:1]
    true = {"kind": "micro", "onset": 30, "apex": 35, "offset": 39}
    row["videos"][0] |= {
        "truth": [true],
        "clean": [
            {"kind": "macro", "onset": 30, "apex": 35, "offset": 44, "score": 0.6},
            {"kind": "micro", "onset": 36, "apex": 38, "offset": 45, "score": 0.4},
            {"kind": "micro", "onset": 300, "apex": 303, "offset": 309, "score": 0.3},
        ],
    }
    found = outcomes([row]).set_index("onset")
    assert found.outcome.tolist() == [MISSED, FALSE_ALARM, FALSE_ALARM, FALSE_ALARM]
    missed = found[found.outcome == MISSED].iloc[0]
    assert (missed.iou, missed.iou_other) == pytest.approx((4 / 16, 10 / 15))
    alarms = found[found.outcome == FALSE_ALARM]
    assert (alarms.iou.tolist(), alarms.iou_other.tolist()) == ([0, 0.25, 0], [pytest.approx(2 / 3), 0, 0])
    assert alarms.same_kind.tolist() == [False, True, False]
    assert alarms.other_kind.tolist() == [True, False, False]


def test_a_twin_tells_sizes_and_what_people_did() -> None:
    twin = tiny_twin()
    found = outcomes(rows_on(twin), twin)
    assert set(found.outcome[found.kind == "macro"]) == {MISSED}
    for video in twin.videos:
        mine = found[(found.video == video.name) & (found.outcome != FALSE_ALARM)]
        sizes = {(e.onset, e.offset): v.node_share for e, v in zip(video.events, video.event_visibility, strict=True)}
        assert len(mine) == len(sizes)
        for line in mine.itertuples():
            assert line.size == sizes[line.onset, line.offset]
            for kind in LOGGED:
                spans = [e for e in video.distractor_log if e.kind == kind]
                assert getattr(line, kind) == any(e.onset <= line.offset and e.offset >= line.onset for e in spans)
    alarms = found[found.outcome == FALSE_ALARM]
    assert len(alarms) == len(twin)
    assert alarms.talking.all()
    assert alarms.meanwhile.str.startswith("talking").all()
    assert alarms["size"].isna().all()
    assert not found[list(CAUSES)].isna().any(axis=None)


def test_rows_of_another_twin_are_refused() -> None:
    twin = tiny_twin()
    rows = rows_on(twin)
    other = make_twin("demo", seed=4, subjects=2, videos_per_subject=1, seconds=8.0)
    with pytest.raises(SpotlibError, match=r"^video 's01_1' of the rows has other true events in the data"):
        outcomes(rows, other)
    with pytest.raises(SpotlibError, match=r"^video 's01_1' of the rows is not in the data set"):
        outcomes(rows, Dataset("demo", True, twin.videos[1:]))


def test_failed_rows_add_nothing_and_the_list_may_be_empty(rows) -> None:
    assert outcomes([fail(row) for row in rows]).empty
    some = [fail(rows[0]), *rows[1:]]
    assert not set(rows[0]["test_subjects"]) <= set(
        outcomes(some).query("variant == 'spotformer' and seed == 1").subject
    )


def test_recall_averages_seeds_per_subject() -> None:
    row = {"variant": "x", "status": "done", "videos": [{"subject": "a"}, {"subject": "b"}]}
    rows = [{**row, "seed": 1}, {**row, "seed": 2, "videos": [{"subject": "a"}]}]
    # a: 1 of 1 under seed 1, 0 of 1 under seed 2; b: 1 of 1 under its only seed
    true = pd.DataFrame({"subject": ["a", "a", "b"], "outcome": [HIT, MISSED, HIT]})
    assert recall(rows, true).value == pytest.approx((0.5 + 1) / 2)
    assert np.isnan(recall(rows, true.iloc[:0]).value)
