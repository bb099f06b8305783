from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

from spotlib.datasets.annotator import records, rows
from spotlib.datasets.au_text import parse_aus
from spotlib.datasets.conventions import Conventions, to_events
from spotlib.datasets.records import Annotations, FrameMap, Origin, Record
from spotlib.datasets.reenact import read_durations, reenact
from spotlib.datasets.sampled import AnnotatedTwin, annotated
from spotlib.datasets.twin_files import file_plan, first_number, picture_folder
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

SMALL = {"size": (64, 86)}


def record(video: str, onset, apex, offset, *, kind=Kind.MACRO, aus="4+12", note="", row=2) -> Record:
    said = parse_aus(aus)
    subject = f"s{video[:2]}" if video[2] == "_" else video.rpartition("_")[0]
    return Record(
        subject=subject, video=video, kind=kind, onset=onset, apex=apex, offset=offset, aus=said.aus, side=said.side,
        note=note, origin=Origin(file="table.xlsx", sheet="events", row=row),
    )  # fmt: skip


def table(*found: Record, dataset: str = "cas_me2") -> Annotations:
    return Annotations(dataset=dataset, version="", records=found)


def test_same_people_videos_events_aus_and_sides():
    told = [
        record("16_0502", 61.0, 70.0, 95.0, aus="L12"),
        record("15_0101", 31.0, 40.0, 60.0, kind=Kind.MICRO, aus="4"),
        record("15_0101", 101.0, 120.0, 160.0, aus="6+12"),
    ]
    videos = reenact(table(*told), seed=1, **SMALL)
    assert [(v.subject, v.name, v.person, v.number) for v in videos] == [
        ("s15", "15_0101", 0, 0),
        ("s16", "16_0502", 1, 0),
    ]
    assert [(e.kind, e.onset, e.apex, e.offset, e.aus, e.side) for e in videos[0].events] == [
        (Kind.MICRO, 30, 39, 59, ("4",), "both"),
        (Kind.MACRO, 100, 119, 159, ("6", "12"), "both"),
    ]
    assert videos[1].events[0].side == "left"
    assert [v.n_frames for v in videos] == [160 + 30, 95 + 30]  # a second more than the last event
    assert [r for v in videos for r in records(v, "cas_me2")] == [told[1], told[2], told[0]]
    moving = videos[0].event_weights.max(axis=1) > 0
    assert (np.flatnonzero(moving[:90]) == np.arange(30, 60)).all()


def test_what_is_missing_is_played_and_stays_missing_in_the_table():
    told = [
        record("15_0101", 31.0, 40.0, None),
        record("15_0101", 131.0, None, 160.0),
        record("15_0101", 231.0, 265.0, 260.0),  # apex outside
    ]
    (video,) = reenact(table(*told), **SMALL)
    first, second, third = video.events
    assert (first.onset, first.apex) == (30, 39)
    assert 50 <= first.offset <= 60
    assert second.apex == round(130 + 0.37 * 29)
    assert third.onset <= (third.apex or 0) <= third.offset == 259
    (shown,) = annotated([video], "cas_me2", Conventions(missing_offset="drop")).videos
    wanted, _ = to_events(
        told,
        Conventions(missing_offset="drop"),
        dataset="cas_me2",
        frame_map=FrameMap(first=1),
        n_frames=video.n_frames,
    )
    assert shown.events == wanted
    assert len(shown.events) == 2


def test_an_unknown_onset_is_played_shortly_before_the_apex():
    told = Record(
        subject="006", video="006_1", kind=Kind.MACRO, onset=None, apex=900.6, offset=1000.0, aus=("7",),
        origin=Origin(file="table.xlsx", row=11),
    )  # fmt: skip
    (video,) = reenact(table(told, dataset="samm_lv"), **SMALL)
    (event,) = video.events
    assert (event.apex, event.offset) == (900, 999)
    assert 780 < event.onset < 860
    assert video.fps == 200
    (shown,) = annotated([video], "samm_lv").videos
    assert (shown.events[0].onset, shown.events[0].offset) == (0, round(999 / 7))


def test_aus_that_nobody_can_play_are_left_out_and_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logging.getLogger("spotlib"), "propagate", True)
    told = [
        record("15_0101", 31.0, 40.0, 60.0, aus="12+38+61"),
        record("15_0101", 131.0, 140.0, 160.0, aus="38", row=7),
        record("15_0101", 231.0, 240.0, 260.0, aus=""),
    ]
    with caplog.at_level(logging.DEBUG, logger="spotlib"):
        (video,) = reenact(table(*told), **SMALL)
    first, second, third = video.events
    assert (first.aus, first.note) == (("12",), "without AU 38, 61")
    assert second.note == "without AU 38; AUs drawn"
    assert third.note == "no AU in the table; AUs drawn"
    drawn = set(video.spec.statistics.macro_aus)
    assert {*second.aus, *third.aus} <= drawn
    assert first.side == "both"
    assert "table.xlsx, sheet 'events', row 7: without AU 38; AUs drawn" in caplog.text
    assert "2 events name no AU that the actor can show; theirs are drawn" in caplog.text
    assert records(video, "cas_me2")[0].aus == ("12", "38", "61")  # the table's own


def test_lengths_of_a_table_of_lengths():
    told = [record("15_0101", 31.0, 40.0, 60.0), record("16_0101", 2.0, 9.0, 20.0)]
    lengths = {"15_0101": 50, "15_0102": 70, "40_0101": 99}
    videos = reenact(table(*told), durations=lengths, **SMALL)
    assert [(v.name, v.n_frames, len(v.events)) for v in videos] == [
        ("15_0101", 50, 1),
        ("15_0102", 70, 0),  # nobody shows anything in it, so no table has it
        ("16_0101", 60, 1),  # unknown length: never shorter than two seconds
    ]
    assert videos[0].events[0].offset == 49
    late = [record("15_0101", 31.0, 40.0, 60.0), record("15_0101", 300.0, 310.0, 320.0)]
    (video,) = reenact(table(*late), durations={"15_0101": 100}, **SMALL)
    assert len(video.events) == 1
    assert len(records(video, "cas_me2")) == 2  # the table says what it says


def test_cas_me3_plays_in_file_numbers():
    told = record("spNO.7_c", 200.0, 210.0, 230.0)
    (video,) = reenact(table(told, dataset="cas_me3"), **SMALL)
    first = file_plan(video, "cas_me3").first
    assert video.events[0].onset == 200 - first
    assert picture_folder(video, "cas_me3").parts[-3:] == ("spNO.7", "c", "color")
    (shown,) = annotated([video], "cas_me3").videos
    assert isinstance(shown, AnnotatedTwin)
    assert (shown.subject, shown.name, shown.events[0].onset) == ("spNO.7", "spNO.7_c", 200 - first)
    assert shown.events[0] == shown.true_events[0]


@pytest.mark.parametrize("seed", [0, 1, 270])
@pytest.mark.parametrize("lowest", [0, 3, 5])
def test_cas_me3_begins_no_later_than_its_first_event(seed: int, lowest: int):
    told = [
        record("spNO.7_c", 90.0, 95.0, 99.0, kind=Kind.MICRO),
        record("spNO.7_c", float(lowest), 9.0, 20.0),
        record("spNO.7_d", 90.0, 95.0, 99.0),
    ]
    video, late = reenact(table(*told, dataset="cas_me3"), seed=seed, **SMALL)
    first = first_number(video, "cas_me3")
    assert first == lowest
    assert 5 <= first_number(late, "cas_me3") <= 10
    assert (file_plan(video, "cas_me3").first, file_plan(video, "cas_me3").numbers[0]) == (first, first)
    for shown in (video, *annotated([video], "cas_me3").videos):
        assert [(e.onset, e.apex, e.offset) for e in shown.events] == [
            (0, 9 - lowest, 20 - lowest),
            (90 - lowest, 95 - lowest, 99 - lowest),
        ]


def test_fewer_people_and_other_pictures():
    told = [record(f"{k}_0101", 31.0, 40.0, 60.0) for k in (20, 15, 18)]
    videos = reenact(table(*told), subjects=2, noise=0.0, **SMALL)
    assert [v.subject for v in videos] == ["s15", "s18"]
    assert videos[0].spec.noise == 0.0
    with pytest.raises(SpotlibError, match="cas_me2: the table holds no event to play; give another one"):
        reenact(table())
    bare = dataclasses.replace(told[0], onset=None)
    with pytest.raises(SpotlibError, match="row 2: too little is annotated to play this event; drop the row"):
        reenact(table(dataclasses.replace(bare, apex=None)))


def test_words_of_the_table_come_back():
    told = record("15_0101", 31.0, 40.0, 60.0, aus="(R6 or R12)+R15", note="blinks; AUs as written: (R6 or R12)+R15")
    (video,) = reenact(table(told), **SMALL)
    assert rows(video, "cas_me2")[0].aus == "(R6 or R12)+R15"
    assert rows(video, "cas_me2")[0].record == told


@pytest.mark.parametrize(
    "text",
    [
        "video,n_frames\n15_0101,2052\n006_1,500\n",
        "vid,org_vid,duration\ncasme_15_0101,15_0101someword,2052\nx,006_1,500\n",
        "sub_name,duration\ncasme_15_0101,2052\nsamm_006_1,500\n",
    ],
)
def test_tables_of_lengths(tmp_path: Path, text: str):
    path = tmp_path / "lengths.csv"
    path.write_text(text)
    assert read_durations(path) == {"15_0101": 2052, "006_1": 500}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "lengths.csv, row 1: the columns video and n_frames are not there; found a, b"),
        ("video,n_frames\nx,\n", "lengths.csv, row 2: n_frames is ''; write the number of pictures"),
        ("video,n_frames\nx,12\ny,1e9\n", "lengths.csv, row 3: n_frames is '1e9'; write the number of pictures"),
        ("", "lengths.csv, row 1: the columns video and n_frames are not there"),
    ],
)
def test_bad_tables_of_lengths(tmp_path: Path, text: str, message: str):
    path = tmp_path / "lengths.csv"
    path.write_text(text)
    with pytest.raises(SpotlibError, match=message):
        read_durations(path)
    with pytest.raises(SpotlibError, match="nowhere.csv: no such file; give a CSV with the columns video,n_frames"):
        read_durations(tmp_path / "nowhere.csv")
