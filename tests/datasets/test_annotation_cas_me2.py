from __future__ import annotations

import pytest

from spotlib.datasets.annotations import read_annotations
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from tests.datasets.tables_factory import RULE1, RULE2, cas2_row, cas2_sheets, write_xls, write_xlsx

ROWS = [
    cas2_row(1, "disgust1_1", 100, 110, 140, aus="4+7"),
    cas2_row(1, "anger2_1", 200, 210, 0),
    cas2_row(2, "anger2_1", 300, 305, 312, "micro-expression"),
    cas2_row(2, "anger2_2", 400, 0, 450),
]


def read(tmp_path, sheets):
    return read_annotations("cas_me2", write_xlsx(tmp_path / "cas2.xlsx", sheets))


def found(annotations):
    return [(f.severity, f.what, f.origin.row) for f in annotations.findings if f.what != "other-counts"]


def test_three_sheets_without_headers(tmp_path):
    table = read(tmp_path, cas2_sheets(ROWS))
    assert [(r.subject, r.video) for r in table.records] == [
        ("s51", "51_0101"),
        ("s51", "51_0402"),
        ("s52", "52_0402"),
        ("s52", "52_0402"),
    ]
    assert [r.kind for r in table.records] == [Kind.MACRO, Kind.MACRO, Kind.MICRO, Kind.MACRO]
    assert [(r.onset, r.apex, r.offset) for r in table.records] == [
        (100, 110, 140),
        (200, 210, None),
        (300, 305, 312),
        (400, None, 450),
    ]
    assert table.records[0].aus == ("4", "7")
    assert table.records[1].aus == ("12",)
    assert found(table) == [("changes", "missing-offset", 2), ("note", "missing-apex", 4)]


def test_the_order_of_sheets_their_names_and_places_do_not_matter(tmp_path):
    rows = [[None, *row] for row in ROWS]
    sheets = {"b": [(101, "DISGUST1 "), ("402", "anger2")], "x": [["note"]], "a": [(1, "s51"), (2, "s52")], "e": rows}
    path = write_xls(tmp_path / "other.xls", sheets)
    table = read_annotations("cas_me2", path)
    assert [r.video for r in table.records] == ["51_0101", "51_0402", "52_0402", "52_0402"]
    assert [r.apex for r in table.records] == [110, 210, 305, None]


def test_a_header_is_used_if_there_is_one(tmp_path):
    header = ["Type", "Offset", "Apex", "Onset", "Video name", "Subject", "Action units"]
    rows = [
        header,
        ["Micro", "140", " 110 ", 100.0, " Disgust1_1", "s51", "4"],
        ["macro", 0, 210, 200, "anger2_3", 2, 6],
    ]
    table = read(tmp_path, cas2_sheets(rows))
    assert [(r.video, r.kind, r.onset, r.offset, r.aus) for r in table.records] == [
        ("51_0101", Kind.MICRO, 100, 140, ("4",)),
        ("52_0402", Kind.MACRO, 200, None, ("6",)),
    ]


@pytest.mark.parametrize("rule", ["naming rule1", "naming rule2"])
def test_missing_naming_rules_are_named(tmp_path, rule):
    sheets = cas2_sheets(ROWS)
    del sheets[rule]
    with pytest.raises(SpotlibError, match=rf"cas2\.xlsx: sheet '{rule}' \(.*\) not found"):
        read(tmp_path, sheets)


def test_both_naming_rules_may_be_missing(tmp_path):
    with pytest.raises(SpotlibError, match="sheet 'naming rule1' .* and 'naming rule2' .* not found"):
        read(tmp_path, {"CASFEcode_final": ROWS})


@pytest.mark.parametrize(
    ("row", "what", "words"),
    [
        (cas2_row(9, "anger2_1", 1, 2, 3), "no-video", "subject '9' is not in naming rule 1"),
        (cas2_row(1, "sad1_1", 1, 2, 3), "no-video", "film 'sad1' is not in naming rule 2"),
        (cas2_row(1, "anger2", 1, 2, 3), "no-video", "file name 'anger2' is not of the form anger1_1"),
        (cas2_row(1, "anger2_7", 30, 20, 10), "offset-before-onset", "offset 10 before onset 30"),
        (cas2_row(1, "anger2_7", 0, 20, 40), "missing-onset", "no onset"),
        (cas2_row(1, "anger2_7", 10, 20, 40, "subtle"), "unknown-type", "type 'subtle'"),
        (cas2_row(1, "anger2_7", 10, 20, "forty"), "unreadable-number", "offset 'forty'"),
    ],
)
def test_rows_of_no_use_are_findings(tmp_path, row, what, words):
    table = read(tmp_path, cas2_sheets([*ROWS, row]))
    assert len(table.records) == len(ROWS)
    (lost,) = [f for f in table.findings if f.severity == "loses"]
    assert (lost.what, lost.origin.row, lost.origin.sheet) == (what, 5, "CASFEcode_final")
    assert words in lost.message


def test_apexes_outside_are_kept_and_reported(tmp_path):
    table = read(tmp_path, cas2_sheets([*ROWS, cas2_row(1, "anger2_8", 600, 650, 640)]))
    assert table.records[-1].apex == 650
    assert ("changes", "apex-outside", 5) in found(table)


def test_blank_rows_remarks_doubles_and_overlaps(tmp_path):
    rows = [*ROWS, [], ["counted by two people"], ROWS[0], cas2_row(1, "disgust1_2", 130, 135, 150)]
    table = read(tmp_path, cas2_sheets(rows))
    assert len(table.records) == 5
    assert found(table)[2:] == [("note", "remark", 6), ("changes", "duplicate", 7), ("note", "overlap", 8)]


def test_subjects_of_one_number_in_both_naming_systems(tmp_path):
    sheets = {"e": ROWS, "r1": [(1, "s1", 1), (2, "s2", 2)], "r2": RULE2}
    assert [r.subject for r in read(tmp_path, sheets).records] == ["s1", "s1", "s2", "s2"]
    assert RULE1[0][1] == "s51"


EVENTS = [
    cas2_row(1 + k // 20, f"{'disgust1' if k % 2 else 'anger2'}_{k % 20 + 1}", 90 * k + 50, 90 * k + 60 + k % 7,
             0 if k % 9 == 4 else 90 * k + 70 + k, aus=(4, "4+7", "L12+14", 12)[k % 4])
    for k in range(40)
]  # fmt: skip


def with_column(place, value):
    return [[*row[:place], value(k, row), *row[place:]] for k, row in enumerate(EVENTS)]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (2, lambda k, row: 20 + k),  # a duration before the onset
        (3, lambda k, row: 20 + k),
        (5, lambda k, row: 20 + k if row[4] else 15),  # after the offset, where the AUs were
        (6, lambda k, row: 20 + k),
        (2, lambda k, row: k + 1),  # a running number before the onset
        (1, lambda k, row: k + 1),  # between subject and file name
        (0, lambda k, row: k + 1),
        (5, lambda k, row: 90_000),  # the length of the film
        (5, lambda k, row: 0),
        (9, lambda k, row: k % 5 + 1),  # an intensity
    ],
)
def test_one_more_column_of_numbers_changes_nothing(tmp_path, place, value):
    expected = read(tmp_path, cas2_sheets(EVENTS)).records
    assert len(expected) == len(EVENTS)
    assert {r.aus for r in expected} == {("4",), ("4", "7"), ("12", "14"), ("12",)}
    assert read(tmp_path, cas2_sheets(with_column(place, value))).records == expected


def test_without_convincing_columns_of_frames_a_header_is_asked_for(tmp_path):
    swapped = [[*row[:2], row[4], row[3], row[2], *row[5:]] for row in EVENTS]
    with pytest.raises(SpotlibError, match=r"cas2\.xlsx, sheet 'CASFEcode_final': .* add a header row") as error:
        read(tmp_path, cas2_sheets(swapped))
    assert "\n" not in str(error.value)
    header = ["Subject", "Filename", "Offset", "Apex", "Onset", "AU", "Polarity", "Type of expression", "Emotion"]
    assert len(read(tmp_path, cas2_sheets([header, *swapped])).records) == len(EVENTS)


def test_durations_alone_are_no_frames(tmp_path):
    rows = [[*row[:2], 5 + k % 3, 9 + k % 3, 13 + k % 3, *row[5:]] for k, row in enumerate(EVENTS)]
    with pytest.raises(SpotlibError, match="onset, apex and offset cannot be told"):
        read(tmp_path, cas2_sheets(rows))


def test_up_to_one_row_in_twenty_may_be_out_of_order(tmp_path):
    def with_wrong(n):
        return [[*row[:4], row[2] - 9, *row[5:]] if k < n else row for k, row in enumerate(EVENTS)]

    table = read(tmp_path, cas2_sheets(with_wrong(2)))
    assert sum(f.what == "offset-before-onset" for f in table.findings) == 2
    with pytest.raises(SpotlibError, match="add a header row"):
        read(tmp_path, cas2_sheets(with_wrong(3)))


def test_events_on_two_sheets_are_joined(tmp_path):
    micro = [[*row[:7], "micro-expression", *row[8:]] for row in EVENTS[:6]]
    unclear = [[*row[:2], row[4], row[3], row[2], *row[5:]] for row in EVENTS]
    sheets = {**cas2_sheets(EVENTS[6:]), "ME": micro, "again": micro[2:], "unclear": unclear}
    table = read(tmp_path, sheets)
    assert [(r.kind, r.origin.sheet) for r in table.records] == [
        *[(Kind.MACRO, "CASFEcode_final")] * 34,
        *[(Kind.MICRO, "ME")] * 6,
    ]
    told = {(f.severity, f.what): f.origin.sheet for f in table.findings}
    assert told["note", "repeated-sheet"] == "again"
    assert told["loses", "unclear-columns"] == "unclear"


def test_duplicates_without_an_offset_need_the_same_apex(tmp_path):
    rows = [*ROWS, cas2_row(1, "anger2_2", 200, 230, 0), cas2_row(1, "anger2_3", 200, 210, 0)]
    table = read(tmp_path, cas2_sheets(rows))
    assert [r.apex for r in table.records if (r.video, r.onset) == ("51_0402", 200)] == [210, 230]
    assert ("changes", "duplicate", 6) in found(table)
