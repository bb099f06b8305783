from __future__ import annotations

import pytest

from spotlib.datasets.annotations import read_annotations
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from tests.datasets.tables_factory import SAMM_HEADER, samm_row, samm_sheet, write_xlsx

V1 = [
    samm_row("003_1_1", 100.4, 130.2, 160.6, aus="4(B/C)+7B"),
    samm_row("003_1_2", 0, 400, 500, note="Blinks"),
    samm_row("003_2_1", 700, -1, 760, "Micro - 1/2", 12),
    samm_row("004_10_1", 900, 930, 960, "Micro - 1/2", "L4+L10"),
]


def read(tmp_path, rows, **more):
    return read_annotations("samm_lv", write_xlsx(tmp_path / "samm.xlsx", {"FACS": samm_sheet(rows, **more)}))


def found(annotations, severity=None):
    """(what, row) of the findings that are no comparison with the published counts."""
    return [
        (f.what, f.origin.row)
        for f in annotations.findings
        if f.what not in ("other-counts", "one-kind") and severity in (None, f.severity)
    ]


def test_version_1_has_fractions_and_zeros(tmp_path):
    table = read(tmp_path, V1)
    assert (table.dataset, table.version) == ("samm_lv", "V1")
    first, second, third, fourth = table.records
    assert (first.subject, first.video, first.kind) == ("003", "003_1", Kind.MACRO)
    assert (first.onset, first.apex, first.offset, first.aus) == (100.4, 130.2, 160.6, ("4", "7"))
    assert str(first.origin) == "samm.xlsx, sheet 'FACS', row 11"
    assert (second.onset, second.note) == (None, "Blinks")
    assert (third.kind, third.apex, third.aus) == (Kind.MICRO, None, ("12",))
    assert (fourth.video, fourth.side) == ("004_10", "left")
    assert found(table) == [("missing-onset", 12), ("missing-apex", 13)]
    assert found(table, "loses") == []


def test_later_versions_are_whole_and_mark_an_unknown_onset_by_1(tmp_path):
    table = read(tmp_path, [samm_row("003_1_1", 1, 130, 160), samm_row("003_1_2", 200, 230, 260)])
    assert table.version == "V2/V3"
    assert [record.onset for record in table.records] == [None, 200]
    assert found(table) == [("missing-onset", 11)]


def test_an_onset_of_1_in_version_1_is_a_frame(tmp_path):
    table = read(tmp_path, [samm_row("003_1_1", 1, 130, 160), samm_row("003_1_2", 200.4, 230, 260)])
    assert [record.onset for record in table.records] == [1, 200.4]


@pytest.mark.parametrize(
    "kind", ["Micro", " micro-expression ", "MICRO - 1/2", "Ｍｉｃｒｏ", "ME", "ME 1/2", "Expression: micro"]
)
def test_names_of_the_kinds(tmp_path, kind):
    assert read(tmp_path, [samm_row("003_1_1", 100.4, 130, 160, kind)]).records[0].kind is Kind.MICRO


def test_columns_by_name_numbers_as_text_extra_sheets_and_rows(tmp_path):
    header = ["Remark", "Type", "Offset Frame", "ONSET", "Ａｐｅｘ", " file name ", "AU"]
    rows = [
        ["", "macro ", " 260 ", "２００", "230.0", " 3_01_2 ", " 6+12 "],
        [],
        ["", "Micro", 90, 80.2, 85, "003_1_3", 4],
        ["checked twice"],
    ]
    path = write_xlsx(
        tmp_path / "t.xlsx", {"Readme": [["hello"]], "Codes": samm_sheet(rows, header=header), "More": [[1]]}, left=3
    )
    table = read_annotations("samm_lv", path)
    first, second = table.records
    assert (first.onset, first.apex, first.offset, first.aus) == (200, 230, 260, ("6", "12"))
    assert (first.subject, first.video, second.video) == ("003", "003_01", "003_1")
    assert found(table) == [("remark", 14)]
    assert "checked twice" in table.findings[0].message


@pytest.mark.parametrize(
    ("row", "what", "words"),
    [
        (samm_row("003_1_9", 300, 310, 200), "offset-before-onset", "offset 200 before onset 300"),
        (samm_row("003_1_9", "abc", 310, 400), "unreadable-number", "onset 'abc' is no frame number"),
        (samm_row("003_1_9", 300, 310, 10**10), "unreadable-number", "is no frame number"),
        (samm_row("003_1_9", 300, 310, None), "missing-offset", "no offset"),
        (samm_row("003_1_9", 300, 310, 400, "Blink"), "unknown-type", "type 'Blink' is neither"),
        (samm_row("video nine", 300, 310, 400), "no-video", "'video nine' is not of the form 006_1_2"),
        ([3, None, 1, 300, 310, 400, 101, "Macro", 4, ""], "no-video", "no file name"),
    ],
)
def test_rows_of_no_use_are_findings_with_their_place(tmp_path, row, what, words):
    table = read(tmp_path, [*V1, row])
    assert len(table.records) == len(V1)
    (lost,) = [f for f in table.findings if f.severity == "loses"]
    assert (lost.what, lost.origin.row, lost.origin.sheet) == (what, 15, "FACS")
    assert words in lost.message


def test_rows_with_one_odd_thing_are_used(tmp_path):
    rows = [
        samm_row("003_1_1", 100.4, 300, 160),
        samm_row("003_1_2", 200, "?", 260, aus="31?", note="slow"),
        ["009", *samm_row("003_1_3", 400, 410, 460)[1:]],
        [*samm_row("003_1_4", 500, 510, 560)[:6], 99, "Macro", "Chewing", ""],
        samm_row("003_1_5", 600, "then", 660),
    ]
    table = read(tmp_path, rows)
    assert len(table.records) == 5
    assert table.records[0].apex == 300  # as the table has it; the conventions put it right
    assert [record.apex for record in table.records[1:]] == [None, 410, 510, None]
    assert table.records[1].note == "slow; AUs as written: 31?"
    assert table.records[3].note == "AUs as written: Chewing"
    assert sorted(found(table), key=lambda f: (f[1], f[0])) == [
        ("apex-outside", 11),
        ("doubtful-aus", 12),
        ("missing-apex", 12),
        ("other-subject", 13),
        ("doubtful-aus", 14),
        ("other-duration", 14),
        ("missing-apex", 15),
        ("unreadable-number", 15),
    ]


def test_doubled_rows_repeated_names_and_overlaps(tmp_path):
    rows = [
        samm_row("003_1_1", 100.4, 130, 160),
        samm_row("003_1_2", 100.4, 131, 160),  # the same event under another name
        samm_row("003_1_3", 150, 155, 170, "Micro - 1/2"),  # within the first
        samm_row("003_1_3", 500, 520, 570),  # another event of the same name
    ]
    table = read(tmp_path, rows)
    assert [record.onset for record in table.records] == [100.4, 150, 500]
    assert found(table) == [("duplicate", 12), ("overlap", 13), ("repeated-name", 14)]
    assert found(table, "loses") == []
    assert "row 11" in table.findings[0].message


def test_a_table_without_apexes_is_noted_once(tmp_path):
    header = [*SAMM_HEADER[:4], "Peek", *SAMM_HEADER[5:]]
    table = read(tmp_path, V1, header=header)
    assert {record.apex for record in table.records} == {None}
    assert found(table) == [("missing-apex", 10), ("missing-onset", 12)]


def test_a_missing_column_is_told_in_one_line(tmp_path):
    header = ["Onsett" if name == "Onset" else name for name in SAMM_HEADER]
    with pytest.raises(SpotlibError, match=r"samm\.xlsx, sheet 'FACS', row 10: column 'onset' is missing") as error:
        read(tmp_path, V1, header=header)
    assert "\n" not in str(error.value)


def test_of_several_sheets_the_nearest_is_complained_about(tmp_path):
    header = ["Onsett" if name == "Onset" else name for name in SAMM_HEADER]
    sheets = {"Readme": [["Type"], ["x"]], "Codes": samm_sheet(V1, header=header), "More": [[1]]}
    with pytest.raises(SpotlibError, match=r"sheet 'Codes', row 10: column 'onset' is missing"):
        read_annotations("samm_lv", write_xlsx(tmp_path / "t.xlsx", sheets))


def test_a_header_without_rows_and_rows_without_events(tmp_path):
    with pytest.raises(SpotlibError, match="holds no usable event; it has a header but no rows"):
        read(tmp_path, [])
    with pytest.raises(SpotlibError, match="no usable event; the first problem: .*row 11: 003_1_1: no offset"):
        read(tmp_path, [samm_row("003_1_1", 100, 110, None)])


def test_duplicates_without_an_onset_need_the_same_apex(tmp_path):
    rows = [
        samm_row("003_1_1", 0, 130, 160),
        samm_row("003_1_2", 0, 150, 160),  # another event
        samm_row("003_1_3", 0, 130, 160),  # the first again
    ]
    table = read(tmp_path, rows)
    assert [(record.onset, record.apex) for record in table.records] == [(None, 130), (None, 150)]
    assert ("duplicate", 13) in found(table)


def test_events_on_two_sheets_are_joined(tmp_path):
    macro, micro = [V1[0], V1[1]], [samm_row("003_2_1", 700, 720, 760, "Micro - 1/2"), V1[3]]
    path = write_xlsx(tmp_path / "t.xlsx", {"MaE": samm_sheet(macro), "ME": samm_sheet(micro)})
    table = read_annotations("samm_lv", path)
    assert [(r.kind, r.origin.sheet, r.origin.row) for r in table.records] == [
        (Kind.MACRO, "MaE", 11),
        (Kind.MACRO, "MaE", 12),
        (Kind.MICRO, "ME", 11),
        (Kind.MICRO, "ME", 12),
    ]
    assert table.version == "V1"
    (note,) = [f for f in table.findings if f.what == "several-sheets"]
    assert "2 sheets: 'MaE', 'ME'" in note.message


def test_the_version_is_that_of_all_sheets_and_their_names_may_tell_the_kind(tmp_path):
    header = [*SAMM_HEADER[:7], "Grade", *SAMM_HEADER[8:]]
    micro = [samm_row("003_2_1", 1, 20, 60, "x")]
    path = write_xlsx(tmp_path / "t.xlsx", {"MaE": samm_sheet(V1[:2]), "ME": samm_sheet(micro, header=header)})
    record = read_annotations("samm_lv", path).records[-1]
    assert (record.kind, record.onset) == (Kind.MICRO, 1)  # in V1 an onset of 1 is a frame


@pytest.mark.parametrize(
    ("sheets", "left_out"),
    [
        ({"all": V1, "copy": V1}, ["copy"]),
        ({"macro": V1[:2], "all": V1, "micro": V1[2:]}, ["macro", "micro"]),
    ],
)
def test_sheets_that_repeat_others_are_left_out(tmp_path, sheets, left_out):
    path = write_xlsx(tmp_path / "t.xlsx", {name: samm_sheet(rows) for name, rows in sheets.items()})
    table = read_annotations("samm_lv", path)
    assert len(table.records) == len(V1)
    assert {r.origin.sheet for r in table.records} == {"all"}
    notes = [f for f in table.findings if f.what == "repeated-sheet"]
    assert [f.origin.sheet for f in notes] == left_out
    assert {f.severity for f in notes} == {"note"}
    assert "stand on sheet 'all' too; the sheet is left out" in notes[0].message
    assert sum(f.what == "missing-onset" for f in table.findings) == 1


def test_sheets_that_repeat_a_part_count_it_once(tmp_path):
    path = write_xlsx(tmp_path / "t.xlsx", {"one": samm_sheet(V1[:3]), "two": samm_sheet(V1[2:])})
    table = read_annotations("samm_lv", path)
    assert len(table.records) == len(V1)
    (double,) = [f for f in table.findings if f.what == "duplicate"]
    assert (double.origin.sheet, double.origin.row) == ("two", 11)
    assert "row 13 of sheet 'one'" in double.message


def test_what_only_a_repeating_sheet_loses_is_told(tmp_path):
    lost = samm_row("003_1_9", 300, 310, None)
    path = write_xlsx(tmp_path / "t.xlsx", {"one": samm_sheet(V1), "two": samm_sheet([V1[0], lost])})
    (finding,) = [f for f in read_annotations("samm_lv", path).findings if f.severity == "loses"]
    assert (finding.what, finding.origin.sheet, finding.origin.row) == ("missing-offset", "two", 12)


def test_a_subject_written_once_is_taken_for_the_rows_below(tmp_path):
    rows = [V1[0], ["", *V1[1][1:]], ["", *V1[2][1:]], ["", *V1[3][1:]]]
    table = read(tmp_path, rows)
    assert [r.subject for r in table.records] == ["003", "003", "003", "004"]
    (note,) = [f for f in table.findings if f.what == "filled-subject"]
    assert (note.severity, note.origin.row) == ("note", 12)
    assert "rows 12 to 13" in note.message  # the last row's file name is another subject's
    assert "other-subject" not in {f.what for f in table.findings}


def test_a_header_of_more_words(tmp_path):
    header = [*SAMM_HEADER[:7], "Type of expression", *SAMM_HEADER[8:]]
    assert len(read(tmp_path, V1, header=header).records) == len(V1)
