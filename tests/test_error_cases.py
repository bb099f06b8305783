"""The worst errors of a run: which ones, what is said of them, and the views that show them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from spotlib import views
from spotlib.error_cases import error_cases, worst
from spotlib.intervals import Kind
from spotlib.outcomes import FALSE_ALARM, MISSED
from tests.twin_rows import rows_on, run_on, tiny_twin


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    twin = tiny_twin()
    return run_on(twin, rows_on(twin), tmp_path_factory.mktemp("results"))


def test_the_worst_come_first_and_from_different_videos() -> None:
    found = pd.DataFrame(
        {"outcome": FALSE_ALARM, "video": list("aabc"), "onset": [1, 2, 3, 4], "score": [0.9, 0.8, 0.5, 0.7],
         "seconds": 1.0, "size": np.nan}
    )  # fmt: skip
    assert [(e["video"], e["score"]) for e in worst(found, 3)] == [("a", 0.9), ("c", 0.7), ("b", 0.5)]
    assert [e["score"] for e in worst(found, 9)] == [0.9, 0.7, 0.5, 0.8]
    missed = found.assign(outcome=MISSED, size=[0.1, 0.2, 0.3, np.nan])
    assert [e["size"] for e in worst(missed, 2)] == [0.3, 0.2]
    real = found.assign(outcome=MISSED, seconds=[1.0, 4.0, 2.0, 3.0])
    assert [e["seconds"] for e in worst(real, 2)] == [4.0, 3.0]


def test_false_alarms_are_told_with_what_else_happened(run) -> None:
    cases = error_cases(run, "spotformer", FALSE_ALARM, per_kind=1)
    assert len(cases) == 1
    case = cases[0]
    assert case.event.kind is Kind.MICRO
    assert (
        case.words[0]
        == f"False alarm, ME of s01_1, {case.event.onset / 30:.2f} to {(case.event.offset + 1) / 30:.2f} s: score .90."
    )
    assert case.words[1].startswith("Overlaps nothing true. Meanwhile: talking")
    assert [frame.shape for frame in case.frames] == [(240, 320, 3)] * 3
    np.testing.assert_array_equal(case.frames[1], run.dataset.videos[0].frame(case.event.apex))
    # 1 px of the crop a frame, which is half a px of the video; 8 frames are chained from two gaps of 4
    assert case.motion[:, 0, 0].tolist() == [0.0, 2.0, 4.0]
    assert {span.what for span in case.happenings} >= {"talking"}
    assert case.threshold == 0.5
    assert case.scores.shape == (run.dataset.videos[0].n_frames,)


def test_the_largest_misses_say_how_far_they_move_and_how_high_the_score_was(run) -> None:
    case = error_cases(run, "spotformer", MISSED, per_kind=1)[0]
    sizes = [v for x in run.dataset.videos for v in x.event_visibility if v.event.kind == "macro"]
    largest = max(sizes, key=lambda v: v.node_share)
    assert case.event.onset == largest.event.onset
    assert f"moves the nodes by {100 * largest.node_share:.1f} % of IOD." in case.words[0]
    assert re.match(r"^Missed, MaE \(AU [\d+]+\) of s0", case.words[0])
    assert "Apex score of .25 stays below the threshold of .50." in case.words[1]


def test_without_arrays_there_is_no_curve(run) -> None:
    bare = run_on(run.dataset, run.rows("spotformer"), scores=False)
    case = error_cases(bare, "spotformer", FALSE_ALARM, per_kind=1)[0]
    assert case.scores is None
    assert case.threshold is None


def test_views_show_and_save_all_of_it(run) -> None:
    shown = views.error_gallery(run, "spotformer", per_kind=1)
    html = shown._repr_html_()
    assert html.count("<figure") == 2
    assert "SYNTHETIC DATA" in html
    table = views.errors_table(run, "spotformer")
    assert table.frame.dataset.eq("demo").all()
    views.recall_by_size_table(run, "spotformer")
    figure = views.recall_over_size_figure(run, "spotformer")
    assert figure.name == "recall-over-size-spotformer"
    saved = {path.name for path in run.folder.rglob("*.*")}
    assert saved >= {
        "errors-false-alarm-spotformer.png", "errors-missed-spotformer.png", "errors-by-cause-clean.md",
        "recall-by-size-clean.csv", "recall-over-size-spotformer.png", "outcomes.csv",
    }  # fmt: skip
    listed = pd.read_csv(run.folder / "tables" / "outcomes.csv")
    assert listed.synthetic.all()
    assert (listed.outcome == FALSE_ALARM).sum() == len(run.dataset)


def test_nothing_to_show_is_said(run) -> None:
    rows = rows_on(run.dataset)
    for row in rows:
        row["videos"][0]["clean"] = [{**event, "score": 0.5} for event in row["videos"][0]["truth"]]
    html = views.error_gallery(run_on(run.dataset, rows), "spotformer")._repr_html_()
    assert "<figure" not in html
    assert "False alarms: none." in html
    assert "Missed: none." in html
    broken = run_on(run.dataset, [{**row, "status": "failed"} for row in rows])
    assert "no finished fold" in views.error_gallery(broken, "spotformer")._repr_html_()
