"""Decisions on events: kept at once, taken up again, and read by the import and the user's own data set."""

from __future__ import annotations

import csv
import os
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from spotlib.commands.imports import import_command
from spotlib.errors import SpotlibError
from spotlib.event_table import read_events_csv
from spotlib.intervals import Event, Kind
from spotlib.spot.review import OPEN, Decision, Review, corrections_path
from tests.exports.examples import NASTY
from tests.spot_results import rendered_result


@pytest.fixture
def path(tmp_path):
    return tmp_path / "interview.corrections.csv"


def test_the_most_doubtful_comes_first():
    review = Review(rendered_result())
    values = [review.items[i].doubt.value for i in review.queue]
    assert review.queue[0] == 3
    assert values == sorted(values, reverse=True)
    assert len(values) == 5
    review.accept(3)
    assert 3 not in review.queue


def test_decisions_are_on_disk_at_once_and_taken_up_again(path):
    review = Review(rendered_result(), path, coder="Ann")
    assert not path.exists()
    review.accept(0)
    assert path.exists()
    review.reject(1)
    review.adjust(2, onset=390, apex=425, offset=480, kind="micro")
    added = review.add("macro", 800, None, 850, note="yawn")
    again = Review(rendered_result(), path)
    assert [item.decision for item in again.items] == ["accept", "reject", "adjust", "open", "open", "add"]
    assert again.events == review.events
    assert again.items[added].now == Event(Kind.MACRO, 800, None, 850, note="yawn")
    assert again.items[2].now == Event(Kind.MICRO, 390, 425, 480)
    again.reopen(0)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["coder"] for row in rows] == ["", "Ann", "Ann", "", "", "Ann"]
    assert rows[1]["kind"] == rows[1]["onset"] == ""
    assert rows[1]["was_onset"] == "95"
    assert set(rows[0]) & {"date", "time", "user", "host"} == set()
    again.reject(added)
    assert len(Review(rendered_result(), path).items) == 5


def test_the_import_takes_what_was_decided(path, tmp_path):
    review = Review(rendered_result(), path)
    review.accept(0)
    review.reject(1)
    review.adjust(2, onset=390, apex=425, offset=480, kind="macro")
    out = tmp_path / "imported.csv"
    done = CliRunner().invoke(import_command, [str(path), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "4 events of 1 video (1 macro, 3 micro)" in done.output
    assert "2 events were not reviewed" in done.output
    events = read_events_csv(out).events["interview"]
    decided = [event for event in events if event.note != OPEN]
    assert decided == [
        Event(Kind.MICRO, 372, 378, 384, side="left"),
        Event(Kind.MACRO, 390, 425, 480),
    ]
    assert [event.onset for event in events if event.note == OPEN] == [455, 700]
    assert read_events_csv(out).lengths == {"interview": 900}


def test_all_rejected_is_a_video_without_events(path, tmp_path):
    review = Review(rendered_result(), path)
    for index in range(5):
        review.reject(index)
    assert read_events_csv(path, allow_empty=True).events == {"interview": []}


def test_the_users_own_data_set_takes_it_as_its_table(tmp_path):
    import cv2

    from spotlib.datasets import own
    from spotlib.datasets.conventions import Conventions

    folder = tmp_path / "videos" / "interview"
    folder.mkdir(parents=True)
    picture = np.zeros((8, 8, 3), np.uint8)
    for index in range(900):
        (folder / f"{index:04}.jpg").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes() if index == 0 else b"x")
    review = Review(rendered_result(), tmp_path / "events.csv")
    for index in (0, 1, 3, 4):
        review.reject(index)
    review.adjust(2, onset=390, apex=None, offset=480)
    dataset, findings = own.load(tmp_path, Conventions())
    assert dataset.videos[0].events == (Event(Kind.MACRO, 390, None, 480),)
    assert dataset.videos[0].fps == 30.0
    assert [finding.what for finding in findings] == []


@pytest.mark.parametrize("name", [NASTY, "=1+1", "\t=x", " @y ", "'-z"])
def test_a_nasty_name_survives(tmp_path, name):
    result = rendered_result()
    result = replace(result, spotted=replace(result.spotted, video=name))
    path = corrections_path(result, tmp_path)
    assert path.parent == tmp_path
    Review(result, path).accept(0)
    assert Review(result, path).items[0].decision is Decision.ACCEPT
    from spotlib.exports import read_events

    assert list(read_events(path).events) == [result.spotted.video]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("interview,", "other,", 1), "row 2: video 'other' is another one"),
        (lambda text: text.replace("accept", "maybe"), "decision 'maybe' is unknown; use open, accept"),
        (lambda text: text.replace(",372,378,384,0.812", ",373,378,384,0.812"), "not among the spotted ones"),
        (lambda text: text.replace("micro,372,378,384,,", ",,,,,", 1), "decision accept needs kind and frames"),
        (lambda text: text.replace("micro,372,", "micro,x,", 1), "whole frame numbers"),
        (lambda text: text.replace("micro,372,378,384,", "micro,372,378,9999,", 1), "past the last frame, 899"),
        (lambda text: text.replace("decision", "verdict"), "column 'decision' is missing"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(path, change, said):
    Review(rendered_result(), path).accept(0)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")
    with pytest.raises(SpotlibError) as caught:
        Review(rendered_result(), path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_decisions_change_nothing(path):
    review = Review(rendered_result(), path)
    for act, said in (
        (lambda: review.accept(9), "no event 9"),
        (lambda: review.adjust(0, onset=10, apex=5, offset=20), "apex 5 outside"),
        (lambda: review.adjust(0, onset=10, apex=None, offset=900), "past the last frame"),
        (lambda: review.add("blink", 1, None, 2), "kind 'blink' is unknown"),
    ):
        with pytest.raises(SpotlibError, match=said):
            act()
    assert review.counts == {"open": 5, "accept": 0, "reject": 0, "adjust": 0, "add": 0}
    assert not path.exists()


def test_what_cannot_be_written_is_not_decided(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    review = Review(rendered_result(), None)
    review.path = blocked / "corrections.csv"
    with pytest.raises(SpotlibError, match="cannot be written"):
        review.accept(0)
    assert review.items[0].decision is Decision.OPEN
    assert os.listdir(tmp_path) == ["file"]
