from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from spotlib.commands.exchange import convert as command
from spotlib.errors import SpotlibError
from spotlib.event_table import EventTable, read_events_csv, write_events_csv
from spotlib.exchange import COLUMNS, FORMATS, convert, read_field_csv, write_field_csv
from spotlib.intervals import Event, Kind

HEADER = ",".join(COLUMNS)
GOLDEN = Path(__file__).parent / "data" / "golden" / "anno.csv"
TABLE = EventTable(
    events={
        "v1": [Event(Kind.MACRO, 9, 15, 29, ("4", "12"), "left"), Event(Kind.MICRO, 40, None, 52)],
        "v0": [Event(Kind.MICRO, 0, 0, 8, ("25",))],
    },
    subjects={"v1": "p2", "v0": "p1"},
)


def field(tmp_path, *rows, header=HEADER):
    path = tmp_path / "field.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("first_frame", [0, 1])
def test_there_and_back(tmp_path, first_frame):
    write_field_csv(tmp_path / "f.csv", TABLE, first_frame=first_frame)
    assert read_field_csv(tmp_path / "f.csv", first_frame=first_frame) == (TABLE, ())


def test_what_a_field_table_looks_like(tmp_path):
    write_field_csv(tmp_path / "f.csv", TABLE, first_frame=1)
    assert (tmp_path / "f.csv").read_text().splitlines() == [
        HEADER,
        "p2,v1,10,16,30,1,L4+L12",
        "p2,v1,41,-1,53,2,",
        "p1,v0,1,1,9,2,25",
    ]


def test_the_same_file_differs_by_one_frame(tmp_path):
    path = field(tmp_path, "p,v,10,12,20,1,4")
    (zero,), (one,) = (read_field_csv(path, first_frame=k)[0].events["v"] for k in (0, 1))
    assert (zero.onset, zero.apex, zero.offset) == (10, 12, 20)
    assert (one.onset, one.apex, one.offset) == (9, 11, 19)


def test_tables_as_they_occur(tmp_path):
    """An index column, floats, no subject, no AUs."""
    path = field(tmp_path, "0,v,10.0,nan,20.0,2.0", header=",video_name,start_frame,apex_frame,end_frame,type_idx")
    table, findings = read_field_csv(path)
    assert table.events == {"v": [Event(Kind.MICRO, 10, None, 20)]}
    assert (table.subjects, findings) == ({}, ())


@pytest.mark.parametrize(
    ("choice", "offset"), [("onset_plus_20", 120), ("apex", 110), ("apex_plus_20", 130), ("drop", None)]
)
@pytest.mark.parametrize("end", ["0", "-1", ""])
def test_missing_ends_follow_the_convention(tmp_path, choice, offset, end):
    table, findings = read_field_csv(field(tmp_path, f"p,v,100,110,{end},1,4"), missing_offset=choice)
    assert [event.offset for event in table.events.get("v", [])] == ([] if offset is None else [offset])
    assert [(f.what, f.origin.row) for f in findings] == [("dropped" if offset is None else "missing-offset", 2)]


def test_an_unreachable_event_keeps_its_zero(tmp_path):
    table, _ = read_field_csv(field(tmp_path, "p,v,100,110,0,1,4"), missing_offset="keep_zero")
    write_field_csv(tmp_path / "back.csv", table)
    assert (tmp_path / "back.csv").read_text().splitlines()[1] == "p,v,100,-1,0,1,4"


def test_apexes_outside_and_doubtful_aus_are_used_and_told(tmp_path):
    table, (finding,) = read_field_csv(field(tmp_path, "p,v,100,130,120,1,31?"))
    (event,) = table.events["v"]
    assert (event.apex, event.aus, event.note) == (120, ("31",), "AUs as written: 31?")
    assert (finding.what, finding.origin.row) == ("apex-outside", 2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["p,,10,12,20,1,4"], "row 2: video_name is empty"),
        (["p,v,10,12,20,3,4"], "row 2: type_idx is '3'; write 1 for macro or 2 for micro"),
        (["p,v,x,12,20,1,4"], "row 2: start_frame 'x' is not a number"),
        (["p,v,10.5,12,20,1,4"], "row 2: start_frame '10.5' is no whole frame number"),
        (["p,v,-3,12,20,1,4"], "row 2: start_frame is '-3', but frames are to count from 0"),
        (["p,v,,12,20,1,4"], "row 2: start_frame is '', but"),
        (["p,v,10,12,5,1,4"], "row 2: end_frame 5 before start_frame 10"),
        (["p,v,10,12,20,1,4", "q,v,10,12,20,1,4"], "row 3: video 'v' has subject 'q' here, 'p' above"),
        (["p,v,10"], "row 2: 3 cells under 7 columns"),
        ([], "there is no event below the header"),
    ],
)
def test_what_does_not_fit_is_told_with_its_row(tmp_path, rows, message):
    with pytest.raises(SpotlibError, match=r"field\.csv") as error:
        read_field_csv(field(tmp_path, *rows))
    assert message in str(error.value)


def test_frames_from_1_do_not_begin_at_0(tmp_path):
    with pytest.raises(SpotlibError, match="start_frame is '0', but frames are to count from 1"):
        read_field_csv(field(tmp_path, "p,v,0,3,8,1,4"), first_frame=1)


def test_missing_columns_and_semicolons_are_told(tmp_path):
    with pytest.raises(SpotlibError, match="row 1: column 'type_idx' is missing"):
        read_field_csv(field(tmp_path, "v,1,2,3", header="video_name,start_frame,apex_frame,end_frame"))
    with pytest.raises(SpotlibError, match="separated by semicolons"):
        read_field_csv(field(tmp_path, header=HEADER.replace(",", ";")))


def test_the_golden_table_goes_through_both_formats(tmp_path):
    table, findings = convert(GOLDEN, tmp_path / "ours.csv", from_format="field", to_format="spotlib")
    assert findings == ()
    assert read_events_csv(tmp_path / "ours.csv") == table
    convert(tmp_path / "ours.csv", tmp_path / "back.csv", from_format="spotlib", to_format="field")
    lines = GOLDEN.read_text().splitlines()
    back = (tmp_path / "back.csv").read_text().splitlines()
    assert back[0] == lines[0] == HEADER
    assert sorted(back[1:]) == sorted(lines[1:])


def test_other_first_frames_are_refused(tmp_path):
    with pytest.raises(SpotlibError, match="first frame is 2; in the field's tables frames count from 0 or from 1"):
        convert(GOLDEN, tmp_path / "o.csv", from_format="field", to_format="spotlib", first_frame=2)


def test_the_command_converts_and_tells_what_it_changed(tmp_path):
    source = field(tmp_path, "p,v,11,13,21,1,4", "p,v,101,111,0,1,4", "p,w,5,6,9,2,")
    arguments = [str(source), str(tmp_path / "o.csv"), "--from", "field", "--to", "spotlib", "--first-frame", "1"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "o.csv: 3 events of 2 videos (2 macro, 1 micro)" in result.stdout
    assert "1 x missing-offset, the first:" in result.stderr
    assert [event.onset for event in read_events_csv(tmp_path / "o.csv").events["v"]] == [10, 100]


def test_the_command_knows_the_formats_of_the_library():
    for name in ("from_format", "to_format"):
        (option,) = [option for option in command.params if option.name == name]
        assert tuple(option.type.choices) == FORMATS


def test_the_command_passes_errors_on(tmp_path):
    arguments = [str(tmp_path / "none.csv"), str(tmp_path / "o.csv"), "--from", "field", "--to", "spotlib"]
    with pytest.raises(SpotlibError, match=r"none\.csv: no such file"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.mark.parametrize("link", ["", "symlink_to", "hardlink_to"])
def test_the_input_is_never_overwritten(tmp_path, link):
    source = target = field(tmp_path, "p,v,10,12,20,1,4")
    before = source.read_bytes()
    if link:
        target = tmp_path / "other.csv"
        getattr(target, link)(source)
    message = rf"{target.name}: is the input itself and would be overwritten; name another file as output$"
    for name in (target, tmp_path / ".." / tmp_path.name / target.name):
        arguments = [str(source), str(name), "--from", "field", "--to", "spotlib"]
        with pytest.raises(SpotlibError, match=message):
            CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert source.read_bytes() == before


def test_a_table_of_ours_is_unchanged_by_ours_to_ours(tmp_path):
    write_events_csv(tmp_path / "a.csv", TABLE)
    convert(tmp_path / "a.csv", tmp_path / "b.csv", from_format="spotlib", to_format="spotlib")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
