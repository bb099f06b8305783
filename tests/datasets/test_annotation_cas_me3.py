from __future__ import annotations

import pytest

from spotlib.datasets.annotation_cas_me3 import kind_by_name
from spotlib.datasets.annotations import read_annotations
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from tests.datasets.tables_factory import CAS3_HEADER, cas3_row, write_xls, write_xlsx

ROWS = [
    cas3_row("spNO.301", "a", "41", "57", "83", aus="9+17+R12"),
    cas3_row("spNO.301", "J", 6, "6", "19", "Micro-expression", "5+7"),
    cas3_row("spNO.302", "b", "0", 0.0, 14.0, "Micro-expression", "L14"),
    cas3_row("spNO.302", "b", "100", "150", "400"),
]
BLINKS = [
    ["Subject", "Filename", "Onset", "Offset"],
    ["spNO.301", "A", "611", "622"],
    ["spNO.301", "b", "x", "1"],
]
PART_C = [["sub", "count", "onset", "offset", "au", "emotion"], [3, 1, 222, 231, "R9,7", "negative"], [12, 1, 9, 20, 5]]


def read(tmp_path, rows, name="cas3.xls"):
    path = write_xls(tmp_path / name, {"AU+Emotion": [CAS3_HEADER, *rows], "eye blink": BLINKS})
    return read_annotations("cas_me3", path)


def found(annotations):
    return [(f.severity, f.what, f.origin.row) for f in annotations.findings if f.what != "other-counts"]


def test_part_a(tmp_path):
    table = read(tmp_path, ROWS)
    assert [(r.subject, r.video) for r in table.records] == [
        ("spNO.301", "spNO.301_a"),
        ("spNO.301", "spNO.301_j"),
        ("spNO.302", "spNO.302_b"),
        ("spNO.302", "spNO.302_b"),
    ]
    assert [(r.onset, r.apex, r.offset) for r in table.records] == [
        (41, 57, 83),
        (6, 6, 19),
        (0, 0, 14),  # files may count from 0: nothing is missing
        (100, 150, 400),
    ]
    assert [r.kind for r in table.records] == [Kind.MACRO, Kind.MICRO, Kind.MICRO, Kind.MACRO]
    assert (table.records[0].aus, table.records[2].side) == (("9", "17", "12"), "left")
    assert found(table) == [("note", "upper-case", 3)]


def test_blinks_are_no_events(tmp_path):
    (blink,) = read(tmp_path, ROWS).blinks
    assert (blink.video, blink.onset, blink.offset, blink.note) == ("spNO.301_a", 611, 622, "eye blink")
    assert str(blink.origin) == "cas3.xls, sheet 'eye blink', row 2"


@pytest.mark.parametrize("subject", ["spNO.7", " SPno.7 ", "spNO7", "ｓｐＮＯ．７", "7", "7.0"])
def test_forms_of_the_subject(tmp_path, subject):
    subject = float(subject) if subject == "7.0" else subject
    assert read(tmp_path, [*ROWS, [subject, *ROWS[0][1:]]]).records[-1].subject == "spNO.7"


@pytest.mark.parametrize(
    ("row", "what", "words"),
    [
        (cas3_row("someone", "a", 1, 2, 3), "no-video", "subject 'someone' is not of the form spNO.1"),
        (cas3_row("spNO.301", "", 1, 2, 3), "no-video", "no file name"),
        (cas3_row("spNO.301", "a7", 1, 2, 3), "no-video", "file name 'a7' is not a letter"),
        (cas3_row("spNO.301", "a", "", 2, 3), "missing-onset", "no onset"),
        (cas3_row("spNO.301", "a", 1, 2, 0), "missing-offset", "no offset"),
        (cas3_row("spNO.301", "a", 9, 2, 3), "offset-before-onset", "offset 3 before onset 9"),
        (cas3_row("spNO.301", "a", 1, 2, 3, "blink"), "unknown-type", "type 'blink'"),
        (cas3_row("spNO.301", "a", "1l", 2, 3), "unreadable-number", "onset '1l'"),
    ],
)
def test_rows_of_no_use_are_findings(tmp_path, row, what, words):
    table = read(tmp_path, [*ROWS, row])
    assert len(table.records) == len(ROWS)
    (lost,) = [f for f in table.findings if f.severity == "loses"]
    assert (lost.what, lost.origin.row) == (what, 6)
    assert words in lost.message


def test_missing_apex_overlap_and_double(tmp_path):
    rows = [*ROWS, cas3_row("spNO.302", "B", 390, -1, 420), cas3_row("spNO.302", "b", "100", "140", "400")]
    table = read(tmp_path, rows)
    assert table.records[-1].apex is None
    assert found(table)[1:] == [
        ("note", "upper-case", 6),
        ("note", "missing-apex", 6),
        ("note", "overlap", 6),
        ("changes", "duplicate", 7),
    ]


def test_part_c_has_micro_expressions_without_apex(tmp_path):
    path = write_xlsx(tmp_path / "c.xlsx", {"mockCrimeME": PART_C})
    table = read_annotations("cas_me3", path, part="C")
    assert table.version == "C"
    assert [(r.subject, r.video, r.kind, r.onset, r.apex, r.offset) for r in table.records] == [
        ("C3", "C3", Kind.MICRO, 222, None, 231),
        ("C12", "C12", Kind.MICRO, 9, None, 20),
    ]
    assert found(table) == [("note", "missing-apex", 1)]


def test_the_other_part_is_recognised(tmp_path):
    path = write_xlsx(tmp_path / "c.xlsx", {"mockCrimeME": PART_C})
    with pytest.raises(SpotlibError, match=r"looks like the annotation table of CAS\(ME\)\^3 part C, not of .* part A"):
        read_annotations("cas_me3", path)
    path = write_xls(tmp_path / "a.xls", {"AU+Emotion": [CAS3_HEADER, *ROWS]})
    with pytest.raises(SpotlibError, match="part A, not of .* part C"):
        read_annotations("cas_me3", path, part="C")
    with pytest.raises(SpotlibError, match="part is 'B'; CAS.ME..3 has annotated parts A and C"):
        read_annotations("cas_me3", path, part="B")


def test_tables_of_one_kind_tell_it_by_their_name_and_are_joined(tmp_path):
    header = [name for name in CAS3_HEADER if name != "Expression type"]
    macro, micro = (
        [[cell for cell, name in zip(row, CAS3_HEADER, strict=True) if name != "Expression type"] for row in rows]
        for rows in ([ROWS[0], ROWS[3]], ROWS[1:3])
    )
    paths = [
        write_xlsx(tmp_path / "cas(me)3_part_A_MaE_label_v2.xlsx", {"Sheet1": [header, *macro]}),
        write_xlsx(tmp_path / "cas(me)3_part_A_ME_label_v2.xlsx", {"Sheet1": [header, *micro, micro[0]]}),
    ]
    table = read_annotations("cas_me3", paths)
    assert [r.kind for r in table.records] == [Kind.MACRO, Kind.MACRO, Kind.MICRO, Kind.MICRO]
    assert read_annotations("cas_me3", paths[0]).records == table.records[:2]
    assert [what for _, what, _ in found(table)] == ["upper-case", "upper-case", "duplicate"]
    nameless = write_xlsx(tmp_path / "table.xlsx", {"Sheet1": [header, *macro]})
    with pytest.raises(SpotlibError, match=r"table\.xlsx, sheet 'Sheet1', row 1: column 'type' is missing"):
        read_annotations("cas_me3", nameless)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CAS(ME)3_part_A_v2", None),
        ("cas(me)^3 ME", Kind.MICRO),
        ("CAS_ME_3_MaE", Kind.MACRO),
        ("macro", Kind.MACRO),
        ("ME and MaE", None),
        ("some", None),
    ],
)
def test_kind_by_name(name, kind):
    assert kind_by_name(name) is kind


def test_a_subject_written_once_is_taken_for_the_rows_below(tmp_path):
    rows = [ROWS[0], ["", *ROWS[1][1:]], [], ["", *ROWS[0][1:2], "300", "310", "320", "4", "MaE"], ["later"], ROWS[2]]
    table = read(tmp_path, rows)
    assert [r.subject for r in table.records] == ["spNO.301", "spNO.301", "spNO.301", "spNO.302"]
    (note,) = [f for f in table.findings if f.what == "filled-subject"]
    assert (note.severity, note.origin.row) == ("note", 3)
    assert "rows 3 to 5; taken as 'spNO.301'" in note.message


def test_without_a_subject_above_the_event_is_lost(tmp_path):
    table = read(tmp_path, [cas3_row("", "a", 1, 2, 3), *ROWS])
    (lost,) = [f for f in table.findings if f.severity == "loses"]
    assert (lost.what, lost.origin.row) == ("no-video", 2)
    assert "no subject" in lost.message


def test_events_on_two_sheets_are_joined(tmp_path):
    header = [name for name in CAS3_HEADER if name != "Expression type"]
    untyped = [[c for c, name in zip(r, CAS3_HEADER, strict=True) if name != "Expression type"] for r in ROWS]
    sheets = {
        "typed": [CAS3_HEADER, ROWS[0], ROWS[3]],
        "ME": [header, untyped[1], untyped[2]],
        "copy": [CAS3_HEADER, ROWS[3]],
    }
    table = read_annotations("cas_me3", write_xlsx(tmp_path / "a.xlsx", sheets))
    assert [(r.kind, r.origin.sheet) for r in table.records] == [
        (Kind.MACRO, "typed"),
        (Kind.MACRO, "typed"),
        (Kind.MICRO, "ME"),
        (Kind.MICRO, "ME"),
    ]
    assert [(f.what, f.origin.sheet) for f in table.findings if f.what.endswith(("-sheet", "-sheets"))] == [
        ("several-sheets", "typed"),
        ("repeated-sheet", "copy"),
    ]


def test_sheets_of_part_c_are_joined(tmp_path):
    more = [PART_C[0], [5, 1, 30, 41, 4, "others"]]
    path = write_xlsx(tmp_path / "c.xlsx", {"one": PART_C, "two": more})
    table = read_annotations("cas_me3", path, part="C")
    assert [r.subject for r in table.records] == ["C3", "C12", "C5"]
    assert "one-kind" not in {f.what for f in table.findings}  # there are no macro-expressions in part C
