"""What goes wrong, as tables: they add up with the detail table, and the twin's talking is found to be the culprit."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.tables import detail, errors_by_cause, recall_by_size
from spotlib.tables.errors import ALL, SIZES
from tests.rows_factory import fail, make_rows
from tests.twin_rows import rows_on, tiny_twin

DRAWS = 200


@pytest.fixture(scope="module")
def rows():
    return make_rows(("spotformer", "peaks"), seeds=(1, 2))


@pytest.fixture(scope="module")
def by_cause(rows):
    return errors_by_cause(rows, draws=DRAWS)


def test_all_lines_add_up_with_the_detail_table(rows, by_cause) -> None:
    counted = detail(rows, draws=DRAWS).frame.set_index(["variant", "kind"])
    lines = by_cause.frame[by_cause.frame.cause == ALL].set_index(["variant", "kind_name"])
    assert len(lines) == 4
    for at, line in lines.iterrows():
        expected = counted.loc[at]
        assert line.alarms == pytest.approx(expected.fp)
        assert line.alarms_per_minute == pytest.approx(expected.false_alarms_per_minute)
        assert line.missed == pytest.approx(expected.fn)
        assert line.true == pytest.approx(expected.truth)
        assert line.alarms_share == line.time == 1


def test_without_a_log_only_truth_and_tracking_are_in_the_table(by_cause) -> None:
    assert set(by_cause.frame.cause) == {"same_kind", "other_kind", "gap", "nothing", ALL}
    assert any("not logged" in note for note in by_cause.notes)
    assert any("means over seeds" in note for note in by_cause.notes)
    assert by_cause.caption.startswith("SYNTHETIC DATA (demo twin)")
    assert by_cause.frame.synthetic.all()


def test_alarms_anywhere_meet_things_as_often_as_by_chance() -> None:
    # the made-up alarms of the factory lie anywhere, many of them: the ratio is near 1 and its interval holds it
    many = make_rows(("peaks",), subjects=40, videos=3)
    frame = errors_by_cause(many, draws=DRAWS).frame
    line = frame[(frame.kind == "macro") & (frame.cause == "other_kind")].iloc[0]
    assert line.alarms > 100
    assert line.alarms_ratio_low < 1.15
    assert line.alarms_ratio_high > 0.85
    assert line.alarms_ratio == pytest.approx(line.alarms_share / line.alarms_chance)


def test_alarms_made_of_talking_are_found_to_be() -> None:
    twin = tiny_twin()
    table = errors_by_cause(rows_on(twin), twin, draws=DRAWS)
    lines = table.frame.set_index(["kind", "cause"])
    talking = lines.loc["micro", "talking"]
    assert talking.alarms == len(twin)
    assert talking.alarms_share == 1
    share = sum(e.offset - e.onset + 1 for v in twin.videos for e in v.distractor_log if e.kind == "talking") / sum(
        v.n_frames for v in twin.videos
    )
    assert talking.time == pytest.approx(share)
    assert talking.time < talking.alarms_chance < 1  # an alarm is longer than a frame
    assert talking.alarms_ratio_low > 1
    assert lines.loc["macro", "talking"].alarms == 0
    assert lines.loc["macro", ALL].missed == lines.loc["macro", ALL].true > 0
    assert not any("not logged" in note for note in table.notes)
    shown = table.shown.set_index(["Kind", "Meanwhile"])
    assert shown.loc[("ME", "talking"), "Share of alarms"] == "1.00"


def test_recall_by_size_parts_every_event_once() -> None:
    twin = tiny_twin()
    table = recall_by_size(rows_on(twin), twin, draws=DRAWS)
    frame = table.frame
    for kind in ("macro", "micro"):
        own = frame[frame.kind == kind]
        whole = sum(str(e.kind) == kind for v in twin.videos for e in v.events)
        assert own[own.by == ALL].events.item() == whole
        assert own[own.by == "size"].events.sum() == own[own.by == "length"].events.sum() == whole
    assert frame[frame.kind == "micro"].recall_spotformer.eq(1).all()
    assert frame[frame.kind == "macro"].recall_spotformer.eq(0).all()
    low = SIZES["micro"][0]
    small = sum(
        str(e.kind) == "micro" and 100 * v.node_share < low
        for video in twin.videos
        for e, v in zip(video.events, video.event_visibility, strict=True)
    )
    found = frame[(frame.kind == "micro") & (frame.by == "size") & (frame.high == low)].events.sum()
    assert found == small


def test_recall_without_sizes_is_by_length_and_says_so(rows) -> None:
    table = recall_by_size(rows, draws=DRAWS)
    assert set(table.frame.by) == {ALL, "length"}
    assert table.caption.partition(". ")[2].startswith("Recall by length")
    assert "is not known" in table.notes[0]
    counted = detail(rows, draws=DRAWS).frame.set_index(["variant", "kind"]).recall
    whole = table.frame[table.frame.by == ALL].set_index("kind")
    assert whole.loc["macro", "recall_peaks"] == pytest.approx(counted["peaks", "MaE"])
    assert whole.loc["micro", "recall_spotformer"] == pytest.approx(counted["spotformer", "ME"])


def test_real_data_is_not_called_synthetic_and_tables_are_saved(tmp_path) -> None:
    real = make_rows(("spotformer",), dataset="samm_lv", synthetic=False)
    for table in (errors_by_cause(real, draws=DRAWS), recall_by_size(real, draws=DRAWS)):
        assert "SYNTHETIC" not in table.caption
        assert [path.suffix for path in table.save(tmp_path)] == [".csv", ".md", ".tex"]
        assert not np.isnan(table.frame.select_dtypes("number").to_numpy()).all()


def test_failed_folds_are_named_and_nothing_finished_is_an_error(rows) -> None:
    some = [fail(rows[0], "RuntimeError: out of memory"), *rows[1:]]
    assert "out of memory" in errors_by_cause(some, draws=DRAWS).notes[-1]
    for table in (errors_by_cause, recall_by_size):
        with pytest.raises(SpotlibError, match=r"^no finished fold"):
            table([fail(row) for row in rows])
