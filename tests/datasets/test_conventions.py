from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spotlib.datasets.conventions import RELEVANT, Conventions, MissingOffset, table_map, to_events
from spotlib.datasets.records import FrameMap, Origin, Record
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

PLAIN = FrameMap()


def record(onset, apex, offset, kind=Kind.MACRO, **more):
    return Record(
        subject="s1",
        video="v1",
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        origin=Origin(file="t.xlsx", sheet="one", row=7),
        **more,
    )


def events(records, *, dataset="own", frame_map=PLAIN, n_frames=None, **choices):
    return to_events(records, Conventions(**choices), dataset=dataset, frame_map=frame_map, n_frames=n_frames)


def frames(made):
    return [(e.onset, e.apex, e.offset) for e in made]


def test_what_is_complete_becomes_an_event_with_all_it_has():
    made, found = events([record(30, 40, 50), record(5, 8, 12, Kind.MICRO, aus=("4",), side="left", note="n")])
    assert frames(made) == [(5, 8, 12), (30, 40, 50)]
    assert (made[0].kind, made[0].aus, made[0].side, made[0].note) == (Kind.MICRO, ("4",), "left", "n")
    assert found == ()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("onset_plus_20", [(100, 110, 120)]),
        ("apex", [(100, 110, 110)]),
        ("apex_plus_20", [(100, 110, 130)]),
        ("drop", []),
    ],
)
def test_missing_offsets(choice, expected):
    made, found = events([record(100, 110, None)], dataset="cas_me2", missing_offset=choice)
    assert frames(made) == expected
    assert [f.severity for f in found] == ([] if expected else ["note"])


def test_an_unreachable_event_stays_in_the_ground_truth():
    (made,), found = events([record(100, 110, None)], dataset="cas_me2", missing_offset="keep_zero")
    assert (made.onset, made.apex, made.offset, made.reachable) == (100, None, 100, False)
    assert found == ()


def test_an_apex_beyond_the_added_frames_becomes_the_offset():
    made, found = events([record(100, 130, None)], dataset="cas_me2")
    assert frames(made) == [(100, 120, 120)]
    assert [(f.what, f.severity) for f in found] == [("apex-past-convention", "changes")]


@pytest.mark.parametrize("choice", ["apex", "apex_plus_20"])
def test_neither_apex_nor_offset_loses_the_event_where_the_apex_is_needed(choice):
    made, (lost,) = events([record(100, None, None)], dataset="cas_me2", missing_offset=choice)
    assert (made, lost.severity, lost.what) == ((), "loses", "missing-offset")
    assert str(lost).startswith("t.xlsx, sheet 'one', row 7: v1: macro: neither apex nor offset")
    assert frames(events([record(100, None, None)], dataset="cas_me2")[0]) == [(100, None, 120)]


@pytest.mark.parametrize("sampling", ["every_7th_round", "every_8th_floor"])
@pytest.mark.parametrize(("choice", "expected"), [("keep", [(0, 0)]), ("first_frame", [(0, 0)]), ("drop", [])])
def test_unknown_onsets(choice, expected, sampling):
    conventions = Conventions(sampling=sampling, unknown_onset=choice)
    made, found = to_events(
        [record(None, 4, 6)], conventions, dataset="samm_lv", frame_map=table_map("samm_lv", conventions), n_frames=9
    )
    assert [(e.onset, e.apex) for e in made] == expected
    assert [(f.what, f.severity) for f in found] == ([] if expected else [("dropped", "note")])


def test_unknown_apexes():
    made, _ = events([record(10, None, 20)], dataset="samm_lv")
    assert frames(made) == [(10, None, 20)]
    made, (note,) = events([record(10, None, 20)], dataset="samm_lv", unknown_apex="drop")
    assert (made, note.what) == ((), "dropped")


@pytest.mark.parametrize(("kind", "longest"), [(Kind.MICRO, 15), (Kind.MACRO, 120)])
def test_the_length_rule_counts_offset_minus_onset(kind, longest):
    records = [record(100, None, 100 + longest, kind), record(300, None, 301 + longest, kind)]
    made, (note,) = events(records, dataset="cas_me3")
    assert [e.onset for e in made] == [100]
    assert (note.what, note.severity) == ("too-long", "note")
    assert f"offset - onset is {longest + 1} (max_{kind} = {longest})" in note.message
    assert len(events(records, dataset="cas_me3", max_micro=None, max_macro=None)[0]) == 2


def test_conventions_of_other_data_sets_do_not_apply():
    long = record(100, None, 900, Kind.MICRO)
    for dataset in ("samm_lv", "cas_me2", "own"):
        assert len(events([long], dataset=dataset)[0]) == 1
    assert len(events([long], dataset="cas_me2", unknown_apex="drop", max_micro=0)[0]) == 1
    for dataset in ("samm_lv", "cas_me3", "own"):
        made, (lost,) = events([record(100, 110, None)], dataset=dataset)
        assert (made, lost.what, lost.severity) == ((), "missing-offset", "loses")
    for dataset in ("cas_me2", "cas_me3", "own"):
        made, (lost,) = events([record(None, 110, 120)], dataset=dataset)
        assert (made, lost.what, lost.severity) == ((), "missing-onset", "loses")


def test_conventions_act_in_the_tables_numbers_before_the_frame_map():
    made, _ = events([record(101, 111, None)], dataset="cas_me2", frame_map=FrameMap(first=1, step=2))
    assert frames(made) == [(50, 55, 60)]


@pytest.mark.parametrize(
    ("n_frames", "expected", "found"),
    [
        (None, [(90, 95, 100)], []),
        (101, [(90, 95, 100)], []),
        (98, [(90, 95, 97)], [("past-end", "changes")]),
        (94, [(90, 93, 93)], [("past-end", "changes")]),
        (91, [(90, 90, 90)], [("past-end", "changes")]),
        (90, [], [("past-end", "loses")]),
        (0, [], [("past-end", "loses")]),
    ],
)
def test_the_end_of_the_video(n_frames, expected, found):
    made, said = events([record(90, 95, 100)], n_frames=n_frames)
    assert frames(made) == expected
    assert [(f.what, f.severity) for f in said] == found


def test_events_before_the_first_picture():
    seven = FrameMap(first=7)
    made, said = events([record(4, 5, 18), record(1, 2, 6)], dataset="cas_me3", frame_map=seven)
    assert frames(made) == [(0, 0, 11)]
    assert [(f.what, f.severity) for f in said] == [("before-start", "changes"), ("before-start", "loses")]


def test_an_apex_outside_becomes_the_nearest_end():
    made, _ = events([record(10, 25, 20), record(30, 5, 40)])
    assert frames(made) == [(10, 20, 20), (30, 30, 40)]


def test_offset_before_onset_never_makes_an_event():
    made, (lost,) = events([record(20, None, 10)])
    assert (made, lost.what, lost.severity) == ((), "offset-before-onset", "loses")


NUMBERS = st.none() | st.floats(-5, 400, allow_nan=False)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(Kind)), max_size=6),
    st.sampled_from(["samm_lv", "cas_me2", "cas_me3", "own"]),
    st.sampled_from(get_args(MissingOffset)),
    st.sampled_from(["keep", "drop", "first_frame"]),
    st.sampled_from(["midpoint", "drop"]),
    st.builds(FrameMap, first=st.integers(0, 9), step=st.integers(1, 8), rule=st.sampled_from(["round", "floor"])),
    st.none() | st.integers(0, 300),
)
@example([(-1.0, None, 0.0, Kind.MACRO)], "own", "drop", "keep", "midpoint", FrameMap(), 0)
@example([(-3.0, None, 40.0, Kind.MACRO)], "cas_me3", "drop", "keep", "midpoint", FrameMap(first=4), 1)
def test_any_records_make_sorted_events_within_the_video(rows, dataset, offset, onset, apex, frame_map, n_frames):
    records = [record(*numbers, kind) for *numbers, kind in rows]
    made, found = events(
        records,
        dataset=dataset,
        frame_map=frame_map,
        n_frames=n_frames,
        missing_offset=offset,
        unknown_onset=onset,
        unknown_apex=apex,
    )
    assert list(made) == sorted(made, key=lambda e: (e.onset, e.offset, e.kind))
    assert all(0 <= e.onset <= e.offset and (n_frames is None or e.offset < n_frames) for e in made)
    left_out = [f for f in found if f.severity == "loses" or f.what in ("dropped", "too-long")]
    assert len(made) + len(left_out) == len(records)


def test_wrong_choices_are_told_with_the_right_ones():
    with pytest.raises(SpotlibError, match="missing_offset is 'zero'; choose onset_plus_20, apex, .* or keep_zero"):
        Conventions(missing_offset="zero")
    with pytest.raises(SpotlibError, match="sampling is 'all'; choose every_7th_round or every_8th_floor"):
        Conventions(sampling="all")
    with pytest.raises(SpotlibError, match="max_micro is -1"):
        Conventions(max_micro=-1)


def test_every_convention_is_relevant_somewhere_and_described():
    named = {name for names in RELEVANT.values() for name in names} - {"part"}
    assert named == {field.name for field in dataclasses.fields(Conventions)}
    assert Conventions().describe("own") == ""
    assert Conventions().describe("samm_lv") == (
        "sampling = every_7th_round, unknown_onset = keep, unknown_apex = midpoint"
    )
