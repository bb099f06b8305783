"""Two files compared: `spotlib evaluate` over every format, a model against coders, coder against coder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spotlib.agreement import agreement
from spotlib.errors import SpotlibError
from spotlib.exports import UnknownRate, write_events
from spotlib.exports.pair import read_pair
from spotlib.intervals import Event, Kind
from spotlib.metrics import evaluate_files, format_evaluation
from tests.exports.examples import EVENTS, INTERVIEW

READ = ["events.csv", "events.eaf", "events.TextGrid", "events.boris", "events.json"]
CODED = replace(
    INTERVIEW,
    events=(
        Event(Kind.MACRO, 12, 20, 58), Event(Kind.MACRO, 200, None, 230), Event(Kind.MICRO, 6, None, 9),
        Event(Kind.MICRO, 11, None, 20),
    ),
    regions=(),
    warnings=(),
)  # fmt: skip
ELSEWHERE = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 10.01 <exists> 1\n"IntervalTier" "micro" 0 10.01 {}'
)


@pytest.mark.parametrize("truth", READ)
@pytest.mark.parametrize("predictions", READ)
def test_every_format_against_every_other(tmp_path: Path, truth: str, predictions: str) -> None:
    a = write_events(tmp_path / "coder" / truth, CODED)
    b = write_events(tmp_path / "model" / predictions, INTERVIEW)
    result = evaluate_files(a, b)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert (result["macro"]["tp"], result["macro"]["fp"], result["macro"]["fn"]) == (1, 2, 1)
    assert (result["micro"]["tp"], result["micro"]["fp"], result["micro"]["fn"]) == (2, 1, 0)
    expected = agreement(CODED.events, EVENTS, n_frames=300)
    for kind, value in expected.items():
        assert result["kappa"][kind] == pytest.approx(value.kappa)
        assert result[kind]["mean_iou"] == pytest.approx(value.mean_iou)
        assert result[kind]["f1"] == pytest.approx(value.f1)
    assert result["kappa"]["frames"] == 300
    assert result["overall"]["false_alarms_per_minute"] == pytest.approx(3 / (10.01 / 60))
    assert result["notes"] == []
    assert "Cohen's kappa over 300 frames: macro 0.4" in format_evaluation(result)


def test_a_table_without_lengths_has_no_kappa(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("video,kind,onset,apex,offset\ninterview,macro,12,20,58\n")
    assert evaluate_files(table, table)["kappa"] is None
    assert "kappa" not in format_evaluation(evaluate_files(table, table))
    with_model = evaluate_files(table, write_events(tmp_path / "a.eaf", INTERVIEW))
    assert with_model["kappa"]["frames"] == 300, "the other file tells"


def test_the_rate_and_the_name_may_come_from_the_other_file(tmp_path: Path) -> None:
    coded = tmp_path / "second coder.TextGrid"
    coded.write_text(ELSEWHERE.format('2 0 0.1668 "" 0.1668 0.3337 "x"'))
    spotted = write_events(tmp_path / "a.eaf", INTERVIEW)
    true, found = read_pair(coded, spotted)
    assert [(e.onset, e.offset) for e in true.events["interview"]] == [(5, 9)]
    assert true.notes == ["taken for the same video: 'interview' and 'second coder'"]
    true, found = read_pair(spotted, coded)
    assert [(e.onset, e.offset) for e in found.events["interview"]] == [(5, 9)]
    result = evaluate_files(coded, spotted)
    assert result["micro"]["tp"] == 1
    assert result["notes"] == true.notes == ["taken for the same video: 'interview' and 'second coder'"]


def test_spaces_around_a_name_make_no_other_video(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("video,kind,onset,apex,offset\ninterview 1 ,macro,10,20,60\n")
    spotted = write_events(tmp_path / "a.eaf", replace(INTERVIEW, video=" interview 1 "))
    for truth, predictions in ((table, spotted), (spotted, table)):
        result = evaluate_files(truth, predictions)
        assert result["videos"] == 1
        assert result["macro"]["tp"] == 1


def test_two_files_that_tell_no_rate(tmp_path: Path) -> None:
    coded = tmp_path / "a.TextGrid"
    coded.write_text(ELSEWHERE.format('1 0.2 0.4 "x"'))
    with pytest.raises(UnknownRate, match="pass fps"):
        read_pair(coded, coded)
    true, found = read_pair(coded, coded, fps=25)
    assert true.events == found.events == {"a": [Event(Kind.MICRO, 5, None, 9)]}
    table = tmp_path / "t.csv"
    table.write_text("video,kind,onset,apex,offset\na,micro,5,,9\n")
    with pytest.raises(UnknownRate, match=r"a.TextGrid: the frame rate is not in it, nor in the other file; pass fps"):
        read_pair(table, coded)
    assert evaluate_files(table, coded, fps=25)["micro"]["tp"] == 1


def test_two_frame_rates_are_no_comparison(tmp_path: Path) -> None:
    a = write_events(tmp_path / "a.csv", CODED)
    b = write_events(tmp_path / "b.csv", replace(INTERVIEW, fps=60.0))
    with pytest.raises(SpotlibError) as caught:
        evaluate_files(a, b)
    assert str(caught.value) == (
        f"{a}: frames of 29.97/s, but {b} has 60/s for 'interview'; write both at one frame rate"
    )
    nearly = write_events(tmp_path / "c.csv", replace(INTERVIEW, fps=30.0))
    assert evaluate_files(a, nearly)["notes"] == ["frame rates of 'interview' differ: 29.97/s and 30/s"]


def test_what_was_not_read_is_said(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.TextGrid", INTERVIEW)
    path.write_text(path.read_text(encoding="utf-8").replace('"macro 2"', '"speech"'), encoding="utf-8")
    assert evaluate_files(path, path)["notes"] == ["not read: 'speech'", "not read: 'speech'"]


def test_no_true_event_and_no_spotted_one(tmp_path: Path) -> None:
    nothing = write_events(tmp_path / "a.eaf", replace(INTERVIEW, events=(), regions=(), warnings=()))
    coded = write_events(tmp_path / "b.eaf", CODED)
    with pytest.raises(SpotlibError, match=r"a.eaf: no event is in it; give at least one"):
        evaluate_files(nothing, coded)
    result = evaluate_files(coded, nothing)
    assert result["overall"]["recall"] == 0
    assert result["kappa"]["overall"] == 0
    assert result["notes"] == ["no event was spotted: the predictions hold no row"]


def test_events_beyond_the_length_that_the_other_tells(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("video,kind,onset,apex,offset\ninterview,macro,290,,310\n")
    path = write_events(tmp_path / "a.eaf", INTERVIEW)
    with pytest.raises(SpotlibError, match=r"video 'interview': macro event \[290, 310\] lies beyond the 300 frames"):
        evaluate_files(table, path)
