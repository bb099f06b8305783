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
