"""Both protocols against brute force, values against hand counts, tables against a list of mistakes."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Interval, Kind
from spotlib.matching import match
from spotlib.metrics import (
    Counts,
    SpottingMetric,
    count_hits,
    evaluate_files,
    format_evaluation,
    read_events_csv,
)


def events_of(kind: Kind = Kind.MACRO) -> st.SearchStrategy[list[Event]]:
    one = st.tuples(st.integers(0, 20), st.integers(0, 12)).map(lambda t: Event(kind, t[0], None, t[0] + t[1]))
    return st.lists(one, max_size=4)


def brute_force(truth: list[Event], predicted: list[Event], iou: float) -> tuple[int, float]:
    """Most hits, then highest sum of IoU, over all one-to-one matchings."""
    best = (0, 0.0)
    places = range(len(predicted))
    for size in range(1, min(len(truth), len(predicted)) + 1):
        for rows in itertools.combinations(range(len(truth)), size):
            for columns in itertools.permutations(places, size):
                values = [truth[r].interval.iou(predicted[c].interval) for r, c in zip(rows, columns, strict=True)]
                if min(values) >= iou:
                    best = max(best, (size, round(sum(values), 9)))
    return best


@settings(max_examples=200)
@given(events_of(), events_of(), st.sampled_from([0.2, 0.5, 0.7]))
def test_clean_matching_against_all_matchings(truth: list[Event], predicted: list[Event], iou: float) -> None:
    hits = match(truth, predicted, iou=iou)
    assert len({h.truth for h in hits}) == len({h.predicted for h in hits}) == len(hits)
    for hit in hits:
        assert hit.iou == truth[hit.truth].interval.iou(predicted[hit.predicted].interval) >= iou
    assert (len(hits), round(sum(h.iou for h in hits), 9)) == pytest.approx(brute_force(truth, predicted, iou))


@settings(max_examples=200)
@given(events_of(), events_of())
def test_author_matching_against_the_rule_read_aloud(truth: list[Event], predicted: list[Event]) -> None:
    locked: set[int] = set()
    expected = []
    for t, event in enumerate(truth):
        best, best_iou = None, 0.0
        for p, other in enumerate(predicted):
            overlap = event.interval.iou(other.interval, plus_one=False)
            if p not in locked and overlap > best_iou:
                best, best_iou = p, overlap
        if best is not None and best_iou >= 0.5:
            locked.add(best)
            expected.append((t, best))
    assert [(h.truth, h.predicted) for h in match(truth, predicted, protocol="author")] == expected


def test_where_the_protocols_differ() -> None:
    # the first true event takes the only prediction the second could have: order decides for the author's
    # rule
    truth = [Event(Kind.MACRO, 0, 5, 20), Event(Kind.MACRO, 0, 5, 10)]
    predicted = [Event(Kind.MACRO, 0, 5, 14), Event(Kind.MACRO, 8, 12, 22)]
    assert count_hits(truth, predicted, protocol="clean") == 2
    assert count_hits(truth, predicted, protocol="author") == 1
    # one frame more or less: 2 of 4 inclusive frames, 1 of 3 without + 1
    pair = [Event(Kind.MICRO, 0, 1, 2)], [Event(Kind.MICRO, 1, 2, 3)]
    assert count_hits(*pair, protocol="clean") == 1
    assert count_hits(*pair, protocol="author") == 0


def worked_example(**options: object) -> SpottingMetric:
    """Two videos counted by hand in the comments."""
    metric = SpottingMetric(**options)
    metric.add(
        "a",
        [Event(Kind.MACRO, 0, 10, 19), Event(Kind.MACRO, 50, None, 69), Event(Kind.MICRO, 30, 32, 39)],
        [
            Event(Kind.MACRO, 0, 12, 15, score=0.9),  # hit: IoU 16/20, apex error 2/20
            Event(Kind.MACRO, 52, 60, 71, score=0.4),  # hit: IoU 18/22, no true apex
            Event(Kind.MACRO, 100, 110, 120, score=0.5),  # false alarm
            Event(Kind.MICRO, 36, 38, 45, score=0.3),  # IoU 4/16: false alarm, and a miss
        ],
        subject="s1",
        n_frames=900,
        fps=30,
    )
    metric.add("b", [Event(Kind.MICRO, 5, 8, 14)], [], subject="s2", n_frames=1800, fps=30)  # a miss
    return metric


def test_values_counted_by_hand() -> None:
    metric = worked_example()
    macro, micro, overall = metric.counts(Kind.MACRO), metric.counts(Kind.MICRO), metric.counts()
    assert (macro.tp, macro.fp, macro.fn) == (2, 1, 0)
    assert (micro.tp, micro.fp, micro.fn) == (0, 1, 2)
    assert (overall.tp, overall.fp, overall.fn, overall.truth, overall.predicted) == (2, 2, 2, 4, 4)
    assert metric.precision(Kind.MACRO) == pytest.approx(2 / 3)
    assert metric.recall(Kind.MACRO) == 1
    assert metric.f1(Kind.MACRO) == pytest.approx(0.8)
    assert metric.f1(Kind.MICRO) == 0
    assert metric.f1() == 0.5
    assert macro.mean_iou == pytest.approx((16 / 20 + 18 / 22) / 2)
    assert math.isnan(micro.mean_iou)
    assert macro.apex_error == pytest.approx(2 / 20)
    assert metric.false_alarms_per_minute() == pytest.approx(2 / 1.5)
    assert metric.f1_over_iou(Kind.MACRO, thresholds=(0.3, 0.81, 0.9)) == pytest.approx({0.3: 0.8, 0.81: 0.4, 0.9: 0})
    by_subject = metric.counts_by_subject()
    assert (by_subject["s1"].tp, by_subject["s1"].fn, by_subject["s2"].fn) == (2, 1, 1)
    assert sum(by_subject.values(), Counts()) == overall


def test_average_precision_counted_by_hand() -> None:
    metric = worked_example()
    precision, recall, scores = metric.precision_recall(Kind.MACRO)
    assert scores.tolist() == [0.9, 0.5, 0.4]  # hit, false alarm, hit
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(recall, [0.5, 0.5, 1])
    assert metric.average_precision(Kind.MACRO) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert metric.average_precision(Kind.MICRO) == 0
    assert math.isnan(SpottingMetric().average_precision())
    silent = SpottingMetric()
    silent.add("a", [Event(Kind.MICRO, 0, 1, 2)], [])
    assert silent.average_precision() == 0
    silent.add("b", [], [Event(Kind.MICRO, 0, 1, 2)])
    with pytest.raises(SpotlibError, match="video 'b': a prediction has no score"):
        silent.average_precision()


def test_pooled_values_are_no_means_of_videos() -> None:
    metric = SpottingMetric()
    hit = Event(Kind.MACRO, 0, 5, 9)
    metric.add("one", [hit], [hit])
    metric.add("many", [Event(Kind.MACRO, i, i + 2, i + 9) for i in range(0, 90, 30)], [])
    assert metric.f1() == pytest.approx(2 / 5)  # the mean of F1s would be 1/2


def test_report_and_html() -> None:
    metric = worked_example()
    report = metric.report()
    assert report.loc[("a", "s1", "macro"), "tp"] == 2
    assert report.loc[("TOTAL", "", "overall"), "f1"] == 0.5
    assert report.drop("TOTAL", level="video")["tp"].sum() == report.loc[("TOTAL", "", "overall"), "tp"]
    html = metric._repr_html_()
    assert "clean protocol, IoU 0.5, 2 videos" in html
    assert "0.800" in html
    assert json.loads(json.dumps(metric.summary(), allow_nan=False))["micro"]["mean_iou"] is None


@given(
    st.lists(st.tuples(events_of(Kind.MICRO), events_of(Kind.MICRO)), max_size=4),
    st.sampled_from(["clean", "author"]),
)
def test_counts_add_up(videos: list, protocol: str) -> None:
    metric = SpottingMetric(protocol=protocol)
    for i, (truth, predicted) in enumerate(videos):
        metric.add(f"v{i}", truth, predicted)
    counts = metric.counts()
    assert counts.truth == sum(len(truth) for truth, _ in videos)
    assert counts.predicted == sum(len(predicted) for _, predicted in videos)
    assert math.isnan(counts.f1) == (counts.truth + counts.predicted == 0)


def test_wrong_use_is_told() -> None:
    with pytest.raises(SpotlibError, match="protocol 'strict' is unknown; choose one of clean, author"):
        SpottingMetric(protocol="strict")
    with pytest.raises(SpotlibError, match="IoU threshold 0: it must be above 0"):
        SpottingMetric(iou=0)
    with pytest.raises(SpotlibError, match=r"IoU threshold 1\.5"):
        match([], [], iou=1.5)
    metric = SpottingMetric()
    metric.add("v", [], [])
    with pytest.raises(SpotlibError, match="video 'v' was added before"):
        metric.add("v", [], [])


HEADER = "video,kind,onset,apex,offset"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_evaluating_files(tmp_path: Path) -> None:
    truth = write(
        tmp_path / "truth.csv",
        f"{HEADER},subject\na,macro,0,10,19,s1\na,micro,30,,39,s1\n\nb,micro,5,8,14,s2\n",
    )
    predictions = write(
        tmp_path / "predictions.csv",
        "kind , video,onset,offset,apex,score,remark\nMacro,a,0,15,12.0,0.9,x\nmicro,new,3,9,4,,\n",
    )
    result = evaluate_files(truth, predictions)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["macro"]["tp"] == 1
    assert result["macro"]["apex_error"] == pytest.approx(0.1)
    assert result["micro"] == {
        "truth": 2, "tp": 0, "fp": 1, "fn": 2, "precision": 0.0, "recall": 0.0, "f1": 0.0,
        "mean_iou": None, "apex_error": None, "predicted": 1,
    }  # fmt: skip
    assert result["overall"]["f1"] == pytest.approx(2 / 5)
    assert result["videos"] == 3
    assert result["notes"] == ["videos without any true event: new (1); 1 false alarms counted there"]
    shown = format_evaluation(result)
    assert "protocol clean, IoU >= 0.5, 3 videos" in shown
    assert "note: videos without" in shown
    assert evaluate_files(truth, predictions, iou=0.9)["macro"]["tp"] == 0


def test_predictions_may_be_none(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.csv", f"\ufeff{HEADER}\na,macro,0,10,19\n")
    nothing = write(tmp_path / "nothing.csv", HEADER)
    result = evaluate_files(truth, nothing, protocol="author")
    assert result["macro"]["recall"] == 0
    assert result["macro"]["precision"] is None
    assert result["notes"] == ["no event was spotted: the predictions hold no row"]


def test_golden_tables_give_the_release_counts(tmp_path: Path) -> None:
    golden = Path(__file__).parent / "data" / "golden"
    stored = json.loads((golden / "author_matching.json").read_text())
    for name in ("anno", "predictions"):
        text = (golden / f"{name}.csv").read_text()
        for old, new in (("video_name", "video"), ("type_idx", "kind"), ("_frame", "")):
            text = text.replace(old, new, 1) if old != "_frame" else text.replace(old, new)
        text = text.replace("start", "onset").replace("end", "offset")
        lines = [line.split(",") for line in text.splitlines()]
        column = lines[0].index("kind")
        for line in lines[1:]:
            line[column] = {"1": "macro", "2": "micro"}[line[column]]
        write(tmp_path / f"{name}.csv", "\n".join(",".join(line) for line in lines))
    result = evaluate_files(tmp_path / "anno.csv", tmp_path / "predictions.csv", protocol="author")
    for kind in ("macro", "micro", "overall"):
        assert result[kind]["tp"] == stored[kind]["found"]
        assert result[kind]["f1"] == pytest.approx(stored[kind]["f1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty; its first row must be video,kind,onset,apex,offset"),
        ("\n , ,\n", ": the file is empty"),
        (HEADER, ": there is no event below the header"),
        ("video,kind,onset,offset\n", ", row 1: column 'apex' is missing"),
        (f"{HEADER},onset\n", ", row 1: column 'onset' is there twice"),
        (f"{HEADER}\na,macro,1,2\n", ", row 2: 4 cells under 5 columns"),
        (f"{HEADER}\na,macro,1,2,3\n,macro,1,2,3\n", ", row 3: video is empty"),
        (f"{HEADER}\na,blink,1,2,3\n", ", row 2: kind 'blink' is unknown; write macro or micro"),
        (f"{HEADER}\na,macro,one,2,3\n", ", row 2: onset 'one' is not a number"),
        (f"{HEADER}\na,macro,1.5,2,3\n", ", row 2: onset '1.5' is no whole frame number"),
        (f"{HEADER}\na,macro,1,2,inf\n", ", row 2: offset 'inf' is no whole frame number"),
        (f"{HEADER}\na,macro,1,2,1e300\n", ", row 2: offset '1e300' is beyond any video"),
        (f"{HEADER}\na,macro,-1,2,3\n", ", row 2: onset '-1' is negative"),
        (f"{HEADER}\na,macro,,2,3\n", ", row 2: onset '' is not a number"),
        (f"{HEADER}\na,macro,5,,3\n", ", row 2: offset 3 before onset 5"),
        (f"{HEADER}\na,macro,1,9,3\n", r", row 2: apex 9 outside of \[1, 3\]"),
        (f"{HEADER},score\na,macro,1,2,3,high\n", ", row 2: score 'high' is not a number"),
        (f"{HEADER},score\na,macro,1,2,3,nan\n", ", row 2: score 'nan' is not a number"),
        (
            f"{HEADER},subject\na,macro,1,2,3,x\na,macro,1,2,3,y\n",
            ", row 3: video 'a' has subject 'y' here, 'x' above",
        ),
        (f'{HEADER}\n"a,macro,1,2,3\n', ": not a CSV table"),
    ],
)
def test_bad_tables_name_file_and_row(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "events.csv", text)
    with pytest.raises(SpotlibError, match=f"events.csv{message}") as error:
        read_events_csv(path)
    assert "\n" not in str(error.value)


def test_unreadable_tables(tmp_path: Path) -> None:
    with pytest.raises(SpotlibError, match=r"none\.csv: no such file"):
        read_events_csv(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(f"{HEADER}\ncaf\u00e9,macro,1,2,3\n".encode("latin-1"))
    with pytest.raises(SpotlibError, match=r"latin\.csv: not UTF-8 text"):
        read_events_csv(tmp_path / "latin.csv")
    with pytest.raises(SpotlibError, match="cannot be read"):
        read_events_csv(tmp_path)


def test_intervals_agree_with_the_matrix() -> None:
    truth, predicted = [Event(Kind.MACRO, 3, 4, 9)], [Event(Kind.MACRO, 5, 6, 9)]
    assert match(truth, predicted)[0].iou == Interval(3, 9).iou(Interval(5, 9))
